//! The commands that tutorials are made of, and the kinds that do the same.

use super::draft::{DraftStep, Item};
use super::lexer::SimpleCommand;
use super::reading::{ScriptReader, join, literal};
use super::storage;

/// Programs that only show something, or that mean something in a terminal alone.
const SHOW: &[&str] = &[
    "clear", "ls", "pwd", "whoami", "history", "exit", "logout", "source", ".", "set", "echo", "printf", "less",
    "more", "man", "which", "true",
];

/// Editors, which wait for a person.
const EDITORS: &[&str] = &["nano", "vi", "vim", "emacs", "pico"];

/// The steps that do what a command does; no step where none is needed, `None` where it has no kind.
pub(super) fn steps(reader: &mut ScriptReader, command: &SimpleCommand, words: &[&str]) -> Option<Vec<DraftStep>> {
    let (program, rest) = words.split_first()?;
    let program = program.rsplit('/').next().unwrap_or(program);
    if let Some(steps) = storage::swap(reader, program, rest).filter(|_| command.output.is_none()) {
        return Some(steps);
    }
    if let Some((file, adds)) = &command.output {
        return written(reader, command, program, rest, file, *adds);
    }
    let operands: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
    match program {
        "cd" => {
            let target = rest.first().copied().unwrap_or("~");
            reader.folder = reader.path(target);
            Some(Vec::new())
        }
        "ssh" => Some(login(reader, rest)),
        "chmod" if rest.iter().any(|word| word.contains(".pem")) => Some(Vec::new()),
        _ if SHOW.contains(&program) => Some(Vec::new()),
        _ if EDITORS.contains(&program) => Some(vec![edited(reader, rest)]),
        "export" => Some(exported(reader, rest)),
        "yum" | "dnf" | "apt" | "apt-get" | "apk" | "zypper" => package(program, rest),
        // Its verbs are options.
        "pacman" => {
            let verb = match rest.iter().find(|word| word.starts_with('-')).map(|word| word.as_bytes().get(1))? {
                Some(b'S' | b'U') => "install",
                Some(b'R') => "remove",
                _ => return None,
            };
            package(program, &[&[verb], rest].concat())
        }
        "wget" | "curl" => download(reader, program, rest),
        "tar" | "unzip" => unpacked(reader, program, rest),
        "mkdir" => Some(each(reader, &operands, |path| {
            DraftStep::new(format!("Make {path}"), "directory", Item::map(&[("path", path)]))
        })),
        "rm" => Some(removed(reader, rest, &operands)),
        "ln" => linked(reader, rest, &operands),
        "systemctl" | "service" => service(program, rest),
        "git" => cloned(reader, rest),
        "useradd" | "adduser" => user(rest),
        "aws" => in_bucket(reader, rest),
        "docker" | "podman" => super::docker::container(reader, program, rest),
        "kafka-topics.sh" | "kafka-topics" => topics(reader, words[0], rest),
        _ => None,
    }
}

/// Makes one step of two neighbours where the first can do the work of both.
pub(super) fn merge(last: &mut DraftStep, next: &DraftStep) -> bool {
    if !last.look.is_empty() && last.keys[0].0 != "archive" || last.keys.len() != next.keys.len() {
        return false;
    }
    let (kind, value) = &next.keys[0];
    let Some(known) = last.of_kind(kind) else { return false };
    match (kind.as_str(), known, value) {
        ("export", Item::Map(known), Item::Map(value)) => {
            known.retain(|(name, _)| value.iter().all(|(other, _)| other != name));
            known.extend(value.iter().cloned());
            true
        }
        ("kafka_topics", Item::Map(known), Item::Map(value)) => {
            let split = |fields: &[(String, Item)]| {
                fields.iter().filter(|(name, _)| name != "topics").cloned().collect::<Vec<_>>()
            };
            if split(known) != split(value) {
                return false;
            }
            let topic = value.iter().find(|(name, _)| name == "topics").map(|(_, topics)| topics.clone());
            let topics = known.iter_mut().find(|(name, _)| name == "topics").map(|(_, topics)| topics);
            if let (Some(Item::List(topics)), Some(Item::List(more))) = (topics, topic) {
                topics.extend(more);
            }
            true
        }
        _ => false,
    }
}

fn each(reader: &ScriptReader, operands: &[&str], step: impl Fn(&str) -> DraftStep) -> Vec<DraftStep> {
    operands.iter().map(|path| step(&reader.path(path))).collect()
}

/// `ssh -i KEY USER@ADDRESS`: the host of the playbook.
fn login(reader: &mut ScriptReader, words: &[&str]) -> Vec<DraftStep> {
    let mut host = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match words[at] {
            "-i" | "-p" => {
                let field = if words[at] == "-i" { "key" } else { "port" };
                if let Some(value) = words.get(at + 1) {
                    let plain = field == "port" && value.bytes().all(|b| b.is_ascii_digit());
                    host.push((
                        field.to_owned(),
                        if plain { Item::Plain((*value).to_owned()) } else { Item::text(*value) },
                    ));
                }
                at += 1;
            }
            option if option.starts_with('-') => {}
            target => {
                let (user, address) = target.rsplit_once('@').unwrap_or(("", target));
                host.insert(0, ("address".to_owned(), Item::text(address)));
                if !user.is_empty() {
                    host.insert(1, ("user".to_owned(), Item::text(user)));
                }
                break;
            }
        }
        at += 1;
    }
    if reader.draft.host.is_empty() && host.first().is_some_and(|(name, _)| name == "address") {
        reader.draft.host = host;
    }
    Vec::new()
}

/// A file that the output of a command goes to.
fn written(
    reader: &mut ScriptReader,
    command: &SimpleCommand,
    program: &str,
    rest: &[&str],
    file: &str,
    adds: bool,
) -> Option<Vec<DraftStep>> {
    let text = match (program, &command.input) {
        ("cat" | "tee", Some((text, expands))) if !expands || !text.contains('$') => text.clone(),
        ("echo" | "printf", None) => {
            let words: Vec<&str> = rest.iter().copied().filter(|word| *word != "-e" && *word != "-n").collect();
            if command.words.iter().any(|word| word.expands) && !words.join(" ").starts_with("export ") {
                return None;
            }
            words.join(" ") + "\n"
        }
        _ => return None,
    };
    if file == "/dev/null" {
        return Some(Vec::new());
    }
    let start_up =
        [".bashrc", ".bash_profile", ".profile", ".bash.rc", "bash.rc"].iter().any(|name| file.ends_with(name));
    if start_up && let Some(assignments) = text.trim().strip_prefix("export ") {
        return Some(exported(reader, &[assignments]));
    }
    let path = reader.path(file);
    if adds {
        let lines: Vec<DraftStep> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                DraftStep::new(
                    format!("Add a line to {path}"),
                    "line",
                    Item::map(&[("path", &path), ("line", &reader.value(line))]),
                )
            })
            .collect();
        return Some(lines);
    }
    let content = reader.value(&literal(&text));
    Some(vec![DraftStep::new(format!("Write {path}"), "file", Item::map(&[("path", &path), ("content", &content)]))])
}

/// An editor: a person has to say what the file shall hold.
fn edited(reader: &ScriptReader, rest: &[&str]) -> DraftStep {
    let path =
        rest.iter().find(|word| !word.starts_with('-')).map_or_else(|| "~/file".to_owned(), |path| reader.path(path));
    DraftStep::new(format!("Write {path}"), "manual", Item::map(&[("text", &format!("Edit {path}"))]))
        .look("an editor waits for a person; say what the file shall hold: `file: { path: …, content: … }`, or `properties:` for single settings")
}

/// `export NAME=VALUE`.
fn exported(reader: &mut ScriptReader, words: &[&str]) -> Vec<DraftStep> {
    let mut variables = Vec::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else { continue };
        let value = value.trim_matches(['"', '\'']);
        let value = reader.value(value);
        let front = value.strip_suffix(&format!(":${name}")).or_else(|| value.strip_suffix(&format!(":${{{name}}}")));
        let behind = value.strip_prefix(&format!("${name}:")).or_else(|| value.strip_prefix(&format!("${{{name}}}:")));
        let item = match front.or(behind) {
            Some(folder) => Item::map(&[("prepend", folder)]),
            None if value.contains('$') => Item::map(&[("value", &value)]),
            None => Item::text(value),
        };
        variables.push((name.to_owned(), item));
    }
    if variables.is_empty() {
        return Vec::new();
    }
    vec![DraftStep::new("Set environment variables", "export", Item::Map(variables))]
}

/// A package manager's call.
fn package(program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let operands: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let (verb, names) = operands.split_first()?;
    let family = match program {
        "yum" | "dnf" => "yum",
        "apt" | "apt-get" => "apt",
        other => other,
    };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let list = names.join(", ");
    match *verb {
        "install" | "add" | "in" if !names.is_empty() => {
            let fields = vec![(family.to_owned(), Item::texts(&names))];
            Some(vec![DraftStep::new(format!("Install {list}"), "package", Item::Map(fields))])
        }
        "remove" | "erase" | "purge" | "del" if !names.is_empty() => {
            let fields = vec![(family.to_owned(), Item::texts(&names)), ("state".to_owned(), Item::text("absent"))];
            Some(vec![DraftStep::new(format!("Remove {list}"), "package", Item::Map(fields))])
        }
        // The lists are refreshed where a package cannot be had without.
        "update" | "makecache" | "check-update" => Some(Vec::new()),
        _ => None,
    }
}

/// The name of the file behind an address.
fn file_name(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url).rsplit('/').next().unwrap_or("file")
}

/// `wget URL` and `curl -O URL`.
fn download(reader: &ScriptReader, program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let url = rest.iter().find(|word| word.contains("://"))?;
    let mut to = (program == "wget").then(|| file_name(url).to_owned());
    for (at, word) in rest.iter().enumerate() {
        let next = rest.get(at + 1).map(|next| (*next).to_owned());
        match (program, *word) {
            ("curl", "-o" | "--output") | ("wget", "-O" | "--output-document") => to = next,
            ("wget", "-P" | "--directory-prefix") => to = next.map(|folder| join(&folder, file_name(url))),
            ("curl", "-O" | "--remote-name" | "-LO" | "-OL" | "-sSLO" | "-fsSLO") => {
                to = Some(file_name(url).to_owned());
            }
            ("curl", option) if option.starts_with('-') && !option.starts_with("--") && option.ends_with('o') => {
                to = next;
            }
            ("curl", "-d" | "--data" | "-X" | "-F" | "-T") => return None,
            _ => {}
        }
    }
    let to = reader.path(&to?);
    let url = reader.value(url);
    Some(vec![DraftStep::new(
        format!("Download {}", file_name(&to)),
        "download",
        Item::map(&[("url", &url), ("to", &to)]),
    )])
}

/// `tar -xzf FILE`: with the download before it, one step.
fn unpacked(reader: &mut ScriptReader, program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let mut into = reader.folder.clone();
    let mut archive = None;
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            "-C" | "-d" | "--directory" => {
                into = reader.path(rest.get(at + 1)?);
                at += 1;
            }
            word if word.starts_with('-') => {
                if program == "tar" && word.contains('c') && !word.contains("--") {
                    return None;
                }
            }
            word if program == "tar" && archive.is_none() && word.contains('x') && !word.contains('.') => {}
            word => archive = archive.or(Some(word)),
        }
        at += 1;
    }
    let archive = reader.path(archive?);
    let name = file_name(&archive).to_owned();
    let ends = [".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar", ".zip"];
    let top = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned();
    let creates = join(&into, &top);
    let from = reader.draft.steps.iter().position(|step| {
        matches!(&step.keys[0], (kind, Item::Map(fields)) if kind == "download"
            && fields.iter().any(|(field, value)| field == "to" && *value == Item::text(&archive)))
    });
    let mut fields = vec![("src".to_owned(), Item::text(&archive))];
    if let Some(at) = from
        && let (_, Item::Map(download)) = reader.draft.steps.remove(at).keys.swap_remove(0)
    {
        fields = download.into_iter().filter(|(field, _)| field == "url").collect();
    }
    fields.push(("into".to_owned(), Item::text(into)));
    fields.push(("creates".to_owned(), Item::text(creates)));
    let step = DraftStep::new(format!("Unpack {name}"), "archive", Item::Map(fields));
    Some(vec![step.look(
        "is `creates` a path that is there once the archive is unpacked? A file inside it is better than a directory",
    )])
}

fn removed(reader: &ScriptReader, rest: &[&str], operands: &[&str]) -> Vec<DraftStep> {
    let tree = rest.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(['r', 'R']));
    each(reader, operands, |path| {
        let mut fields = vec![("path".to_owned(), Item::text(path))];
        if tree {
            fields.push(("tree".to_owned(), Item::Plain("true".to_owned())));
        }
        DraftStep::new(format!("Remove {path}"), "absent", Item::Map(fields))
    })
}

fn linked(reader: &ScriptReader, rest: &[&str], operands: &[&str]) -> Option<Vec<DraftStep>> {
    let symbolic = rest.iter().any(|word| word.starts_with('-') && word.contains('s'));
    let [to, path] = operands else { return None };
    let path =
        if path.ends_with('/') || *path == "." { join(&reader.path(path), file_name(to)) } else { reader.path(path) };
    let fields = Item::map(&[("path", &path), ("to", &reader.value(to))]);
    symbolic.then(|| vec![DraftStep::new(format!("Link {path}"), "link", fields)])
}

/// `systemctl start NAME`, `service NAME start`.
fn service(program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let now = rest.contains(&"--now");
    let operands: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let (verb, names) = match (program, operands.as_slice()) {
        ("service", [name, verb]) => (*verb, vec![*name]),
        ("systemctl", [verb, names @ ..]) => (*verb, names.to_vec()),
        _ => return None,
    };
    let plain = |word: &str| Item::Plain(word.to_owned());
    let (fields, look) = match verb {
        // The kind does it itself, where a unit file has changed.
        "daemon-reload" | "status" | "is-active" => return Some(Vec::new()),
        "start" => (vec![("state", Item::text("started"))], ""),
        "stop" => (vec![("state", Item::text("stopped"))], ""),
        "enable" if now => (vec![("state", Item::text("started")), ("enabled", plain("true"))], ""),
        "enable" => (vec![("enabled", plain("true"))], ""),
        "disable" => (vec![("enabled", plain("false"))], ""),
        "restart" | "reload" => (
            vec![("state", Item::text("started"))],
            "the script restarts it each time; with `restart_on: [STEP, …]` it is restarted where one of those steps has changed something",
        ),
        _ => return None,
    };
    let step = |name: &&str| {
        let mut all = vec![("name".to_owned(), Item::text(name.trim_end_matches(".service")))];
        all.extend(fields.iter().map(|(field, value)| ((*field).to_owned(), value.clone())));
        let step = DraftStep::new(format!("Service {name}: {verb}"), "service", Item::Map(all));
        if look.is_empty() { step } else { step.look(look) }
    };
    Some(names.iter().map(step).collect())
}

fn cloned(reader: &ScriptReader, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let ["clone", rest @ ..] = rest else { return None };
    let mut fields = Vec::new();
    let mut operands = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            "-b" | "--branch" | "--depth" => {
                let field = if rest[at] == "--depth" { "depth" } else { "ref" };
                fields.push((field.to_owned(), Item::text(*rest.get(at + 1)?)));
                at += 1;
            }
            word if word.starts_with('-') => return None,
            word => operands.push(word),
        }
        at += 1;
    }
    let repo = *operands.first()?;
    let into = operands.get(1).copied().unwrap_or_else(|| file_name(repo).trim_end_matches(".git"));
    fields.insert(0, ("repo".to_owned(), Item::text(reader.value(repo))));
    fields.insert(1, ("into".to_owned(), Item::text(reader.path(into))));
    Some(vec![DraftStep::new(format!("Clone {}", file_name(repo)), "git", Item::Map(fields))])
}

fn user(rest: &[&str]) -> Option<Vec<DraftStep>> {
    let mut fields = Vec::new();
    let mut name = None;
    let mut at = 0;
    while at < rest.len() {
        let value = |at: usize| rest.get(at + 1).map(|value| Item::text(*value));
        match rest[at] {
            "-r" | "--system" => fields.push(("system".to_owned(), Item::Plain("true".to_owned()))),
            "-m" | "--create-home" => fields.push(("create_home".to_owned(), Item::Plain("true".to_owned()))),
            "-M" | "--no-create-home" => fields.push(("create_home".to_owned(), Item::Plain("false".to_owned()))),
            "-s" | "--shell" | "-d" | "--home-dir" | "--home" | "-g" | "--gid" | "-G" | "--groups" => {
                let field = match rest[at] {
                    "-s" | "--shell" => "shell",
                    "-g" | "--gid" => "group",
                    "-G" | "--groups" => "groups",
                    _ => "home",
                };
                fields.push((field.to_owned(), value(at)?));
                at += 1;
            }
            word if word.starts_with('-') => return None,
            word => name = Some(word),
        }
        at += 1;
    }
    let name = name?;
    fields.insert(0, ("name".to_owned(), Item::text(name)));
    Some(vec![DraftStep::new(format!("Make the user {name}"), "user", Item::Map(fields))])
}

/// `aws s3 cp FILE s3://BUCKET/KEY` and `aws s3 rm s3://BUCKET/KEY`.
fn in_bucket(reader: &ScriptReader, rest: &[&str]) -> Option<Vec<DraftStep>> {
    let ["s3", verb, words @ ..] = rest else { return None };
    let mut operands = Vec::new();
    let mut options = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (option, inline) = word.split_once('=').map_or((*word, None), |(option, value)| (option, Some(value)));
        let field = match option {
            "--region" => "region",
            "--profile" => "profile",
            "--endpoint-url" => "endpoint",
            "--storage-class" => "storage_class",
            "--content-type" => "content_type",
            "--quiet" | "--only-show-errors" | "--no-progress" => continue,
            option if option.starts_with('-') => return None,
            _ => {
                operands.push(*word);
                continue;
            }
        };
        options.push((field.to_owned(), Item::text(inline.or_else(|| words.next().copied())?)));
    }
    let bucket_and_key = |address: &str| {
        let place = address.strip_prefix("s3://")?;
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        Some((bucket.to_owned(), key.to_owned()))
    };
    let (name, fields) = match (*verb, operands.as_slice()) {
        ("cp", [from, to]) if !from.starts_with("s3://") => {
            let (bucket, mut key) = bucket_and_key(to)?;
            let name = file_name(from);
            if key.is_empty() || key.ends_with('/') {
                key.push_str(name);
            }
            let fields = vec![("bucket", bucket), ("key", key), ("from", reader.path(from))];
            (format!("Copy {name} to the bucket"), fields)
        }
        ("rm", [address]) => {
            let (bucket, key) = bucket_and_key(address)?;
            let name = format!("Remove {} from the bucket", file_name(&key));
            (name, vec![("bucket", bucket), ("key", key), ("state", "absent".to_owned())])
        }
        _ => return None,
    };
    let mut fields: Vec<_> = fields.into_iter().map(|(field, text)| (field.to_owned(), Item::text(text))).collect();
    fields.extend(options);
    Some(vec![DraftStep::new(name, "s3_object", Item::Map(fields))])
}

/// `kafka-topics.sh --create`.
fn topics(reader: &ScriptReader, program: &str, rest: &[&str]) -> Option<Vec<DraftStep>> {
    if !rest.contains(&"--create") {
        // A list is what the check of the kind asks for.
        return rest.contains(&"--list").then(Vec::new);
    }
    let option = |name: &str| rest.iter().position(|word| *word == name).and_then(|at| rest.get(at + 1)).copied();
    let bin = if program.contains('/') { reader.path(program.rsplit_once('/')?.0) } else { reader.folder.clone() };
    let home = bin.strip_suffix("/bin").unwrap_or(&bin).to_owned();
    let servers: Vec<String> =
        option("--bootstrap-server")?.split(',').map(|server| reader.value(server.trim())).collect();
    let mut fields = vec![("home".to_owned(), Item::text(home))];
    if program.ends_with("kafka-topics") {
        fields.push(("script".to_owned(), Item::text("kafka-topics")));
    }
    fields.push(("bootstrap_servers".to_owned(), Item::texts(&servers)));
    if let Some(config) = option("--command-config") {
        fields.push(("command_config".to_owned(), Item::text(reader.path(config))));
    }
    let mut topic = vec![("name".to_owned(), Item::text(reader.value(option("--topic")?)))];
    for (flag, field) in [("--partitions", "partitions"), ("--replication-factor", "replication")] {
        if let Some(number) = option(flag) {
            topic.push((field.to_owned(), Item::Plain(number.to_owned())));
        }
    }
    let topic = if topic.len() == 1 { topic.remove(0).1 } else { Item::Map(topic) };
    fields.push(("topics".to_owned(), Item::List(vec![topic])));
    Some(vec![DraftStep::new("Create the topics", "kafka_topics", Item::Map(fields))])
}
