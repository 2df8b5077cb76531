//! Reads cases. A file holds one case, or several with a line `---` between them. Whatever is not understood is an error, and
//! so is a case that expects nothing.

use std::fs;
use std::path::{Path, PathBuf};

use pinboot::node::{self, Node, Value};
use pinboot::source::{SourceId, Sources};

use super::case::{
    After, BodySpec, Case, Content, Expect, FileSpec, HostSpec, Length, Probe, Programs, Refusal, ReplySpec, Runs,
    Trouble,
};
use super::world::SHELLS;

/// The keys of a playbook, which a case may have as well.
const PLAYBOOK: &[&str] = &["vars", "vars_files", "secrets", "from_env", "steps"];

type Read<T> = Result<T, String>;

/// Every case of one file.
pub(crate) fn read(root: &Path, file: &Path) -> Read<Vec<Case>> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    read_text(root, file, &text)
}

/// Every case of a text that stands for a file.
pub(crate) fn read_text(root: &Path, file: &Path, text: &str) -> Read<Vec<Case>> {
    let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
    let documents = documents(text);
    let several = documents.len() > 1;
    documents
        .into_iter()
        .enumerate()
        .map(|(index, (line, text))| {
            let place = if several { format!("{shown}#{}", index + 1) } else { shown.clone() };
            let mut reader = Reader::new(file, &text);
            let fail = |why: String| format!("{place} (the case at line {line}): {why}");
            let root = reader.root().map_err(fail)?;
            case(&mut reader, root, &text, place.clone(), file, index).map_err(fail)
        })
        .collect()
}

/// The documents of a file, each with the number of its first line.
pub(crate) fn documents(text: &str) -> Vec<(usize, String)> {
    let mut found = vec![(1, String::new())];
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" {
            found.push((index + 2, String::new()));
        } else if let Some((_, document)) = found.last_mut() {
            document.push_str(line);
        }
    }
    found.retain(|(_, document)| document.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#')));
    found
}

/// Reads the YAML of one document, and shell and hosts from the files beside it.
struct Reader {
    folder: PathBuf,
    sources: Sources,
    source: SourceId,
}

impl Reader {
    fn new(file: &Path, text: &str) -> Self {
        let mut sources = Sources::default();
        let source = sources.add(file.display().to_string(), text);
        Self { folder: file.parent().expect("a folder").to_owned(), sources, source }
    }

    fn root(&self) -> Read<Node> {
        let document = node::read(self.source, &self.sources.get(self.source).text);
        match (document.root, document.diagnostics.as_slice()) {
            (Some(root), []) => Ok(root),
            (_, faults) => Err(pinboot::source::render(faults, &self.sources, false)),
        }
    }

    /// A text that stands in the case, or in a file beside it where the text is the name of one.
    fn text_or_file(&self, text: &str) -> Read<String> {
        let is_name = [".sh", ".txt"].iter().any(|end| text.ends_with(end)) && !text.contains([' ', '\n']);
        if !is_name {
            return Ok(text.to_owned());
        }
        let path = self.folder.join(text);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A map that is taken apart; what is left over is an error.
struct Fields {
    what: String,
    left: Vec<(String, Node)>,
}

impl Fields {
    fn new(node: Node, what: impl Into<String>) -> Read<Self> {
        let what = what.into();
        match node.value {
            Value::Map(entries) => {
                let left = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
                Ok(Self { what, left })
            }
            _ => Err(format!("{what} is a map, and this is {}", node.shape_name())),
        }
    }

    fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.left.iter().position(|(known, _)| known == key)?;
        Some(self.left.remove(at).1)
    }

    fn text(&mut self, key: &str) -> Read<Option<String>> {
        self.take(key).map(|node| text(&node, key)).transpose()
    }

    fn flag(&mut self, key: &str) -> Read<bool> {
        match self.text(key)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(format!("`{key}` is true or false, and not `{other}`")),
        }
    }

    fn number<T: std::str::FromStr>(&mut self, key: &str) -> Read<Option<T>> {
        self.text(key)?
            .map(|text| text.parse().map_err(|_| format!("`{key}` is a number, and not `{text}`")))
            .transpose()
    }

    fn mode(&mut self) -> Read<Option<u32>> {
        let digits = self.text("mode")?;
        digits.map(|text| u32::from_str_radix(&text, 8).map_err(|_| format!("invalid mode `{text}`"))).transpose()
    }

    /// One text or a list of them; empty where the key is not there.
    fn texts(&mut self, key: &str) -> Read<Vec<String>> {
        self.take(key).map_or(Ok(Vec::new()), |node| texts(node, key))
    }

    /// The same; `None` where the key is not there.
    fn some_texts(&mut self, key: &str) -> Read<Option<Vec<String>>> {
        self.take(key).map(|node| texts(node, key)).transpose()
    }

    /// A map from names to nodes.
    fn entries(&mut self, key: &str) -> Read<Vec<(String, Node)>> {
        self.take(key).map_or(Ok(Vec::new()), |node| Self::new(node, format!("`{key}`")).map(|map| map.left))
    }

    fn finish(self) -> Read<()> {
        let left: Vec<String> = self.left.iter().map(|(key, _)| format!("`{key}`")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{} has no {}", self.what, left.join(", "))) }
    }
}

fn text(node: &Node, key: &str) -> Read<String> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text.clone()),
        _ => Err(format!("`{key}` is a text, and this is {}", node.shape_name())),
    }
}

fn texts(node: Node, key: &str) -> Read<Vec<String>> {
    match node.value {
        Value::List(items) => items.iter().map(|item| text(item, key)).collect(),
        _ => Ok(vec![text(&node, key)?]),
    }
}

fn case(reader: &mut Reader, root: Node, source: &str, place: String, file: &Path, number: usize) -> Read<Case> {
    let mut fields = Fields::new(root, "a case")?;
    let title = fields.text("case")?.ok_or("it has no `case`, the sentence that says what it shows")?;
    for key in PLAYBOOK {
        fields.take(key);
    }
    let playbook = sections(source, PLAYBOOK);
    if !playbook.contains("steps:") {
        return Err("it has no `steps`".to_owned());
    }
    let local = fields.entries("local")?.into_iter().map(|(name, node)| Ok((name, content(reader, node)?)));
    let local = local.collect::<Read<Vec<_>>>()?;
    let hosts = match fields.take("host") {
        None => vec![HostSpec::default()],
        Some(node) => hosts(reader, node)?,
    };
    let needs = fields.texts("needs")?;
    let root = fields.flag("root")?;
    let except = fields.entries("except")?.into_iter().map(|(name, node)| {
        let is_shell = SHELLS.iter().any(|shell| shell.0 == name);
        if is_shell { Ok((name, text(&node, "except")?)) } else { Err(format!("`except`: there is no shell `{name}`")) }
    });
    let except = except.collect::<Read<Vec<_>>>()?;
    // What is left of the keys is what the case expects, and the reason for leaving something out.
    let expects_nothing = fields.left.iter().all(|(key, _)| key == "equivalent");
    let expect = expect(reader, &mut fields)?;
    if expects_nothing {
        return Err("it expects nothing: give it `outcome`, `diff`, `after`, `error`, …".to_owned());
    }
    fields.finish()?;
    Ok(Case { place, file: file.to_owned(), number, title, playbook, local, hosts, needs, root, except, expect })
}

/// The lines of the top-level keys of these names.
fn sections(source: &str, keys: &[&str]) -> String {
    let mut inside = false;
    source
        .split_inclusive('\n')
        .filter(|line| {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                inside = keys.iter().any(|key| line.starts_with(&format!("{key}:")));
            }
            inside
        })
        .collect()
}

fn expect(reader: &Reader, fields: &mut Fields) -> Read<Expect> {
    if let Some(node) = fields.take("error") {
        return refusals(node, fields).map(Expect::Refused);
    }
    if let Some(what) = fields.text("unfit")? {
        return Ok(Expect::Unfit { what, says: fields.texts("says")? });
    }
    let runs = Runs {
        outcomes: fields.some_texts("outcome")?.unwrap_or_else(|| vec!["changed".to_owned()]),
        check: fields.some_texts("check")?,
        again: fields.some_texts("again")?,
        status: fields.number("status")?,
        diff: fields.some_texts("diff")?,
        prints: fields.text("prints")?,
        says: fields.texts("says")?,
        hides: fields.texts("hides")?,
        cause: fields.text("cause")?,
        subject: fields.some_texts("subject")?,
        as_root: if fields.left.iter().any(|(key, _)| key == "as_root") { Some(fields.flag("as_root")?) } else { None },
        after: fields
            .entries("after")?
            .into_iter()
            .map(|(path, node)| Ok((path, after(reader, node)?)))
            .collect::<Read<_>>()?,
        commands: fields.some_texts("commands")?,
        requests: fields
            .entries("requests")?
            .into_iter()
            .map(|(path, node)| {
                let times = text(&node, "requests")?;
                Ok((path, times.parse().map_err(|_| format!("`requests` is a number, and not `{times}`"))?))
            })
            .collect::<Read<_>>()?,
        new_shells_see: fields
            .entries("new_shells_see")?
            .into_iter()
            .map(|(name, node)| Ok((name, text(&node, "new_shells_see")?)))
            .collect::<Read<_>>()?,
        shells_print: probes(fields)?,
        repaired: fields.some_texts("repaired")?,
        undone: fields.text("undone")?,
        equivalent: fields.text("equivalent")?,
    };
    Ok(Expect::Runs(Box::new(runs)))
}

fn refusals(node: Node, fields: &mut Fields) -> Read<Vec<Refusal>> {
    match node.value {
        Value::List(items) => items
            .into_iter()
            .map(|item| {
                let mut fields = Fields::new(item, "an error")?;
                let error = fields.text("error")?.ok_or("an error has no `error`")?;
                let refusal = Refusal { error, hint: fields.text("hint")?, at: fields.text("at")? };
                fields.finish()?;
                Ok(refusal)
            })
            .collect(),
        _ => Ok(vec![Refusal { error: text(&node, "error")?, hint: fields.text("hint")?, at: fields.text("at")? }]),
    }
}

fn probes(fields: &mut Fields) -> Read<Vec<Probe>> {
    let Some(node) = fields.take("shells_print") else { return Ok(Vec::new()) };
    let Value::List(items) = node.value else { return Err("`shells_print` is a list".to_owned()) };
    items
        .into_iter()
        .map(|item| {
            let mut fields = Fields::new(item, "an entry of `shells_print`")?;
            let command = fields.texts("command")?;
            let prints = fields.text("prints")?.ok_or("an entry of `shells_print` has no `prints`")?;
            fields.finish()?;
            Ok(Probe { command, prints })
        })
        .collect()
}

/// The hosts of a case: one, or one for each name in `like`.
fn hosts(reader: &Reader, node: Node) -> Read<Vec<HostSpec>> {
    let mut fields = Fields::new(node, "`host`")?;
    let likes = fields.texts("like")?;
    let mut hosts = Vec::new();
    for like in &likes {
        hosts.push(shared_host(&reader.folder, like)?);
    }
    if hosts.is_empty() {
        hosts.push(HostSpec::default());
    }
    let mut own = HostSpec { private: hosts.iter().all(|host| host.private), ..HostSpec::default() };
    add_to_host(reader, &mut fields, &mut own)?;
    fields.finish()?;
    for host in &mut hosts {
        host.files.extend(own.files.clone());
        host.stand_ins.extend(own.stand_ins.clone());
        host.env.extend(own.env.clone());
        host.web.extend(own.web.clone());
        host.private |= own.private;
        if own.trouble.is_some() {
            host.trouble.clone_from(&own.trouble);
        }
        if own.programs != Programs::All {
            host.programs = own.programs.clone();
        }
    }
    Ok(hosts)
}

/// The host of this name that several cases in a folder share.
pub(crate) fn shared_host(folder: &Path, name: &str) -> Read<HostSpec> {
    let path = folder.join("hosts").join(format!("{name}.yaml"));
    let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let reader = Reader { folder: folder.to_owned(), ..Reader::new(&path, &source) };
    let mut fields = Fields::new(reader.root()?, format!("{}", path.display()))?;
    let mut host = HostSpec { name: name.to_owned(), ..HostSpec::default() };
    add_to_host(&reader, &mut fields, &mut host)?;
    fields.finish()?;
    Ok(host)
}

fn add_to_host(reader: &Reader, fields: &mut Fields, host: &mut HostSpec) -> Read<()> {
    match fields.text("root")?.as_deref() {
        None => {}
        Some("private") => host.private = true,
        Some(other) => return Err(format!("`root` of a host is `private`, and not `{other}`")),
    }
    for (path, node) in fields.entries("files")? {
        if path != "~" && !path.starts_with("~/") && !(host.private && path.starts_with('/')) {
            return Err(format!("`{path}` is outside the home: only a host with `root: private` has other places"));
        }
        let file = file_spec(reader, &path, node)?;
        host.files.push((path, file));
    }
    for (name, node) in fields.entries("stand_ins")? {
        host.stand_ins.push((name, reader.text_or_file(&text(&node, "stand_ins")?)?));
    }
    for (name, node) in fields.entries("env")? {
        host.env.push((name, text(&node, "env")?));
    }
    for (path, node) in fields.entries("web")? {
        host.web.push((path, reply(reader, node)?));
    }
    if let Some(node) = fields.take("trouble") {
        host.trouble = Some(trouble(node)?);
    }
    if let Some(only) = fields.some_texts("only")? {
        host.programs = Programs::Only(only);
    }
    if let Some(without) = fields.some_texts("without")? {
        host.programs = Programs::Without(without);
    }
    if fields.flag("busybox")? {
        host.programs = Programs::Busybox;
    }
    Ok(())
}

fn trouble(node: Node) -> Read<Trouble> {
    let mut fields = Fields::new(node, "`trouble`")?;
    let mut need = |key: &str| fields.text(key)?.ok_or_else(|| format!("`trouble` has no `{key}`"));
    let trouble = Trouble { at: need("at")?, options: need("options")?, starts: need("starts")?, ends: need("ends")? };
    fields.finish()?;
    Ok(trouble)
}

fn content(reader: &Reader, node: Node) -> Read<Content> {
    match node.value {
        Value::Scalar { text, .. } => Ok(Content::Text(reader.text_or_file(&text)?)),
        Value::Null => Ok(Content::Text(String::new())),
        Value::Map(_) => {
            let mut fields = Fields::new(node, "a content")?;
            let content = fields.text("output_of")?.ok_or("a content is a text, or has `output_of`")?;
            fields.finish()?;
            Ok(Content::OutputOf(reader.text_or_file(&content)?))
        }
        _ => Err("a content is a text or a map with `output_of`".to_owned()),
    }
}

fn file_spec(reader: &Reader, path: &str, node: Node) -> Read<FileSpec> {
    if !matches!(node.value, Value::Map(_)) {
        if path.ends_with('/') {
            return Ok(FileSpec::Folder { mode: None });
        }
        return Ok(FileSpec::File { content: content(reader, node)?, mode: None, owner: None, group: None });
    }
    let mut fields = Fields::new(node, format!("`{path}`"))?;
    let spec = if let Some(target) = fields.text("link")? {
        FileSpec::Link(target)
    } else if let Some(shell) = fields.text("made_by")? {
        FileSpec::MadeBy(reader.text_or_file(&shell)?)
    } else if path.ends_with('/') {
        FileSpec::Folder { mode: fields.mode()? }
    } else {
        let output = fields.text("output_of")?.map(|shell| reader.text_or_file(&shell)).transpose()?;
        let content = match (fields.take("content"), output) {
            (Some(node), None) => content(reader, node)?,
            (None, Some(shell)) => Content::OutputOf(shell),
            (None, None) => Content::Text(String::new()),
            (Some(_), Some(_)) => return Err(format!("`{path}` has `content` and `output_of`")),
        };
        FileSpec::File { content, mode: fields.mode()?, owner: fields.number("owner")?, group: fields.number("group")? }
    };
    fields.finish()?;
    Ok(spec)
}

fn reply(reader: &Reader, node: Node) -> Read<ReplySpec> {
    if !matches!(node.value, Value::Map(_)) {
        let body = content(reader, node)?;
        return Ok(ReplySpec::Body(Box::new(BodySpec::of(body))));
    }
    let mut fields = Fields::new(node, "an answer of `web`")?;
    let reply = if let Some(status) = fields.number("status")? {
        ReplySpec::Status(status)
    } else if let Some(target) = fields.text("redirect")? {
        ReplySpec::Redirect(target)
    } else if fields.flag("stall")? {
        ReplySpec::Stall
    } else {
        let output = fields.text("output_of")?.map(|shell| reader.text_or_file(&shell)).transpose()?;
        let body = match (fields.take("body"), output) {
            (Some(node), None) => content(reader, node)?,
            (None, Some(shell)) => Content::OutputOf(shell),
            _ => return Err("an answer of `web` has one of body, output_of, status, redirect and stall".to_owned()),
        };
        let length = match fields.text("length")?.as_deref() {
            None => Length::Right,
            Some("none") => Length::None,
            Some(digits) => Length::Longer(digits.parse().map_err(|_| format!("invalid length `{digits}`"))?),
        };
        let then = fields.take("then").map(|node| content(reader, node)).transpose()?;
        ReplySpec::Body(Box::new(BodySpec {
            length,
            failures: fields.number("failures")?.unwrap_or(0),
            retry_after: fields.text("retry_after")?,
            etag: fields.text("etag")?,
            modified: fields.text("modified")?,
            cut: fields.number("cut")?,
            deaf: fields.flag("deaf")?,
            then,
            ..BodySpec::of(body)
        }))
    };
    fields.finish()?;
    Ok(reply)
}

fn after(reader: &Reader, node: Node) -> Read<After> {
    if let Value::Scalar { text, .. } = &node.value
        && text == "absent"
    {
        return Ok(After { absent: true, ..After::default() });
    }
    if !matches!(node.value, Value::Map(_)) {
        return Ok(After { content: Some(content(reader, node)?), ..After::default() });
    }
    let mut fields = Fields::new(node, "a path of `after`")?;
    let output = fields.text("output_of")?.map(|shell| reader.text_or_file(&shell)).transpose()?;
    let content = match (fields.take("content"), output) {
        (Some(node), _) => Some(content(reader, node)?),
        (None, output) => output.map(Content::OutputOf),
    };
    let contains = match fields.take("contains") {
        None => Vec::new(),
        Some(Node { value: Value::Map(entries), .. }) => entries
            .into_iter()
            .map(|entry| {
                let times = text(&entry.value, "contains")?;
                let times = times.parse().map_err(|_| format!("`contains` is a number, and not `{times}`"))?;
                Ok((entry.key, Some(times)))
            })
            .collect::<Read<_>>()?,
        Some(node) => texts(node, "contains")?.into_iter().map(|text| (text, None)).collect(),
    };
    let after = After {
        absent: false,
        content,
        contains,
        lacks: fields.texts("lacks")?,
        mode: fields.mode()?,
        owner: fields.number("owner")?,
        group: fields.number("group")?,
        link: fields.text("link")?,
        size: fields.number("size")?,
        kept: fields.flag("kept")?,
        entries: fields.some_texts("entries")?,
        executable: fields.flag("executable")?,
    };
    fields.finish()?;
    Ok(after)
}

#[test]
fn what_is_not_understood_is_an_error() {
    let step = "steps:\n  - name: s\n    command: true\n    always: true\n";
    for (text, why) in [
        (format!("case: c\n{step}"), "it expects nothing"),
        (format!("case: c\n{step}equivalent: because\n"), "it expects nothing"),
        (format!("{step}outcome: changed\n"), "it has no `case`"),
        ("case: c\noutcome: changed\n".to_owned(), "it has no `steps`"),
        (format!("case: c\n{step}outcome: changed\ndif: x\n"), "a case has no `dif`"),
        (format!("case: c\nhost: {{ file: {{}} }}\n{step}outcome: changed\n"), "`host` has no `file`"),
        (format!("case: c\nhost: {{ files: {{ /etc/x: y }} }}\n{step}outcome: changed\n"), "is outside the home"),
        (format!("case: c\nhost: {{ root: own }}\n{step}outcome: changed\n"), "`root` of a host is `private`"),
        (format!("case: c\n{step}after: {{ ~/f: {{ mod: 0644 }} }}\n"), "a path of `after` has no `mod`"),
        (format!("case: c\n{step}error: e\nhnt: h\n"), "a case has no `hnt`"),
        (format!("case: c\n{step}outcome: changed\nexcept: {{ csh: odd }}\n"), "there is no shell `csh`"),
    ] {
        let read = read_text(Path::new("/cases"), Path::new("/cases/file/x.yaml"), &text);
        let error = read.expect_err(&text);
        assert!(error.contains(why) && error.starts_with("file/x.yaml"), "{text}\n{error}");
    }
}
