//! The modules of Ansible that have a kind here, field by field.

use super::docker;
use super::draft::{DraftStep, Item};
use super::storage;
use super::values::{field, item, list};
use crate::node::{Entry, Node, ScalarStyle, Value};

/// Keys of a task that are not its module.
const OPTIONS: &[&str] = &[
    "name",
    "when",
    "become",
    "become_user",
    "become_method",
    "loop",
    "with_items",
    "with_list",
    "with_dict",
    "with_fileglob",
    "with_sequence",
    "loop_control",
    "tags",
    "environment",
    "ignore_errors",
    "retries",
    "delay",
    "until",
    "register",
    "changed_when",
    "failed_when",
    "delegate_to",
    "run_once",
    "no_log",
    "vars",
    "notify",
    "args",
    "async",
    "poll",
    "check_mode",
    "block",
    "rescue",
    "always",
    "listen",
    "connection",
    "any_errors_fatal",
    "diff",
    "throttle",
];

pub(super) fn is_option(key: &str) -> bool {
    OPTIONS.contains(&key)
}

/// The names of a module's fields, and what they are called here.
type Names = &'static [(&'static str, &'static str)];

/// The fields of the module that is called `aws_s3` in older collections.
const S3_OBJECT: Names = &[
    ("bucket", "bucket"),
    ("object", "key"),
    ("src", "from"),
    ("region", "region"),
    ("aws_region", "region"),
    ("ec2_region", "region"),
    ("profile", "profile"),
    ("aws_profile", "profile"),
    ("endpoint_url", "endpoint"),
    ("s3_url", "endpoint"),
];

/// Modules whose fields have the same meaning under other names: module, kind, and pairs of names.
const SAME: &[(&str, &str, Names)] = &[
    (
        "copy",
        "file",
        &[
            ("dest", "path"),
            ("content", "content"),
            ("src", "src"),
            ("owner", "owner"),
            ("group", "group"),
            ("mode", "mode"),
            ("validate", "validate"),
            ("backup", "backup"),
        ],
    ),
    (
        "template",
        "file",
        &[
            ("dest", "path"),
            ("src", "template"),
            ("owner", "owner"),
            ("group", "group"),
            ("mode", "mode"),
            ("validate", "validate"),
            ("backup", "backup"),
        ],
    ),
    ("synchronize", "upload", &[("src", "src"), ("dest", "to"), ("delete", "delete")]),
    ("get_url", "download", &[("url", "url"), ("dest", "to"), ("mode", "mode")]),
    ("unarchive", "archive", &[("src", "url"), ("dest", "into"), ("creates", "creates")]),
    (
        "lineinfile",
        "line",
        &[
            ("path", "path"),
            ("dest", "path"),
            ("line", "line"),
            ("regexp", "match"),
            ("state", "state"),
            ("insertafter", "after"),
            ("create", "create"),
            ("validate", "validate"),
        ],
    ),
    (
        "blockinfile",
        "block",
        &[
            ("path", "path"),
            ("dest", "path"),
            ("block", "block"),
            ("content", "block"),
            ("marker", "marker"),
            ("insertafter", "after"),
            ("state", "state"),
            ("create", "create"),
            ("validate", "validate"),
        ],
    ),
    (
        "user",
        "user",
        &[
            ("name", "name"),
            ("uid", "uid"),
            ("group", "group"),
            ("groups", "groups"),
            ("home", "home"),
            ("shell", "shell"),
            ("system", "system"),
            ("password", "password"),
            ("comment", "comment"),
            ("create_home", "create_home"),
            ("createhome", "create_home"),
            ("state", "state"),
            ("remove", "remove_home"),
        ],
    ),
    ("group", "group", &[("name", "name"), ("gid", "gid"), ("system", "system"), ("state", "state")]),
    (
        "authorized_key",
        "authorized_keys",
        &[("user", "user"), ("key", "keys"), ("exclusive", "exclusive"), ("state", "state"), ("path", "path")],
    ),
    (
        "git",
        "git",
        &[("repo", "repo"), ("dest", "into"), ("version", "ref"), ("depth", "depth"), ("force", "discard_changes")],
    ),
    ("pip", "python", &[("name", "packages"), ("requirements", "requirements"), ("virtualenv", "venv")]),
    ("sysctl", "sysctl", &[("sysctl_file", "file")]),
    (
        "postgresql_db",
        "database",
        &[
            ("name", "name"),
            ("db", "name"),
            ("owner", "owner"),
            ("encoding", "encoding"),
            ("lc_collate", "lc_collate"),
            ("lc_ctype", "lc_ctype"),
            ("template", "template"),
            ("conn_limit", "connection_limit"),
            ("port", "port"),
            ("login_unix_socket", "socket"),
            ("state", "state"),
        ],
    ),
    (
        "postgresql_user",
        "role",
        &[
            ("name", "name"),
            ("user", "name"),
            ("password", "password"),
            ("conn_limit", "connection_limit"),
            ("expires", "valid_until"),
            ("groups", "member_of"),
            ("port", "port"),
            ("login_unix_socket", "socket"),
            ("state", "state"),
        ],
    ),
    ("systemd", "service", &[("name", "name"), ("enabled", "enabled"), ("masked", "masked")]),
    ("systemd_service", "service", &[("name", "name"), ("enabled", "enabled"), ("masked", "masked")]),
    ("service", "service", &[("name", "name"), ("enabled", "enabled")]),
    ("fetch", "fetch", &[("src", "from"), ("dest", "to")]),
    ("s3_object", "s3_object", S3_OBJECT),
    ("aws_s3", "s3_object", S3_OBJECT),
];

/// The fields of a module that are written in one line, as `path=/x state=directory`.
fn one_line(value: &Node) -> Option<Node> {
    let text = value.as_text()?;
    let mut entries = Vec::new();
    let mut words = Vec::new();
    let mut depth = 0usize;
    for word in text.split_whitespace() {
        // A template may have blanks in it.
        if depth > 0
            && let Some(last) = words.last_mut()
        {
            *last = format!("{last} {word}");
        } else {
            words.push(word.to_owned());
        }
        depth = (depth + word.matches("{{").count()).saturating_sub(word.matches("}}").count());
    }
    for word in words {
        let (key, value_text) = word.split_once('=').filter(|(key, _)| crate::render::syntax::is_name(key))?;
        let scalar = Value::Scalar { text: value_text.trim_matches(['"', '\'']).to_owned(), style: ScalarStyle::Plain };
        let node = Node { value: scalar, span: value.span };
        entries.push(Entry { key: key.to_owned(), key_span: value.span, value: node, broken: false });
    }
    (!entries.is_empty()).then_some(Node { value: Value::Map(entries), span: value.span })
}

/// The step of a task's module; `None` where the task does nothing on a host.
pub(super) fn step(module: &str, value: &Node, args: Option<&Node>) -> Option<DraftStep> {
    let read = if matches!(module, "command" | "shell" | "raw") { None } else { one_line(value) };
    let value = read.as_ref().unwrap_or(value);
    let name = format!("{module}: what it did");
    match module {
        "debug" | "meta" | "gather_facts" | "setup" => return None,
        "package" | "yum" | "dnf" | "apt" | "apk" | "zypper" | "pacman" => return Some(packages(module, value)),
        "command" | "shell" | "raw" => return Some(shell(module, value, args)),
        "file" => return Some(path(value)),
        "cron" => return Some(cron(value)),
        "docker_container" => return Some(docker::container_module(value)),
        "docker_compose_v2" | "docker_compose" => return Some(docker::compose_module(value)),
        "mount" => return Some(storage::mount(value)),
        "wait_for" | "uri" => return Some(wait(module, value)),
        "reboot" => {
            let step =
                DraftStep::new("Reboot", "reboot", Item::map(&[])).with("always", Item::Plain("true".to_owned()));
            return Some(step.look("it reboots in each run; replace `always` by `when_changed`, or by `only_if: test -e /var/run/reboot-required`"));
        }
        _ => {}
    }
    let Some((_, kind, pairs)) = SAME.iter().find(|(known, _, _)| *known == module) else {
        return Some(unknown(module));
    };
    let Value::Map(given) = &value.value else { return Some(unknown(module)) };
    let mut fields = Vec::new();
    let mut look = Vec::new();
    for entry in given {
        match pairs.iter().find(|(theirs, _)| *theirs == entry.key) {
            Some((_, ours)) => fields.push(((*ours).to_owned(), item(&entry.value))),
            None => extra(module, &entry.key, &entry.value, &mut fields, &mut look),
        }
    }
    if *kind == "archive" {
        if field(value, "remote_src").is_some()
            && fields.iter().any(|(_, value)| matches!(value, Item::Text(text) if !text.contains("://")))
        {
            fields.iter_mut().filter(|(name, _)| name == "url").for_each(|(name, _)| "src".clone_into(name));
        }
        if fields.iter().all(|(name, _)| name != "creates") {
            fields.push(("creates".to_owned(), Item::text("/CHANGE_ME")));
            look.push("`creates` is a path that is there once the archive is unpacked".to_owned());
        }
    }
    if *kind == "line" && fields.iter().any(|(name, _)| name == "match") {
        look.push("`match` is a POSIX extended regular expression, and has to fit `line` itself".to_owned());
    }
    let mut step = DraftStep::new(name, kind, Item::Map(fields));
    step.look = look;
    Some(step)
}

/// A field that has another form here, or none.
fn extra(module: &str, key: &str, value: &Node, fields: &mut Vec<(String, Item)>, look: &mut Vec<String>) {
    let text = value.as_text().unwrap_or_default();
    match (module, key) {
        ("get_url", "checksum") => {
            let (kind, sum) = text.split_once(':').unwrap_or(("sha256", text));
            let field = if sum.contains("://") { "checksum" } else { kind };
            fields.push((field.to_owned(), Item::text(sum)));
        }
        ("systemd" | "systemd_service" | "service", "state") => match text {
            "started" | "stopped" => fields.push(("state".to_owned(), Item::text(text))),
            _ => {
                fields.push(("state".to_owned(), Item::text("started")));
                look.push("it restarted or reloaded each time; `restart_on: [STEP, …]` does it where one of those steps has changed something".to_owned());
            }
        },
        ("systemd" | "systemd_service", "daemon_reload")
        | ("postgresql_user", "encrypted" | "no_password_changes")
        | ("postgresql_db" | "postgresql_user", "login_user")
        | ("unarchive" | "copy", "remote_src")
        | ("pip", "virtualenv_command")
        | ("sysctl", "state" | "reload" | "sysctl_set") => {}
        ("postgresql_user", "role_attr_flags") => fields.extend(storage::role_flags(text)),
        ("user", "append") => {
            if matches!(text, "no" | "false") {
                fields.push(("only_groups".to_owned(), Item::Plain("true".to_owned())));
            }
        }
        ("pip", "state") => match text {
            "absent" => fields.push(("state".to_owned(), Item::text("absent"))),
            "present" => {}
            _ => look.push(format!("`python` has no `state: {text}`: name the version that is wanted")),
        },
        ("pip", "version") => {
            if let Some((_, Item::Text(name))) = fields.iter_mut().find(|(name, _)| name == "packages") {
                *name = format!("{name}=={text}");
            }
        }
        ("pip", "virtualenv_python") => {
            fields.push(("version".to_owned(), Item::text(text.trim_start_matches("python"))));
        }
        ("sysctl", "name") => {
            let name = text.to_owned();
            fields.insert(0, ("values".to_owned(), Item::Map(vec![(name, Item::text(""))])));
        }
        ("sysctl", "value") => {
            if let Some((_, Item::Map(values))) = fields.iter_mut().find(|(name, _)| name == "values")
                && let Some((_, known)) = values.first_mut()
            {
                *known = item(value);
            }
        }
        ("s3_object" | "aws_s3", "mode") => match text {
            "put" => {}
            "delobj" => fields.push(("state".to_owned(), Item::text("absent"))),
            _ => look.push(format!("`mode: {text}` of `{module}` does something else: write a `command` with a check")),
        },
        _ => look.push(format!("`{key}` of `{module}` has no counterpart here")),
    }
}

/// A module without a kind.
fn unknown(module: &str) -> DraftStep {
    let text = format!("Do what the module `{module}` did.");
    DraftStep::new(format!("{module}: what it did"), "manual", Item::map(&[("text", &text)])).look(format!(
        "`{module}` has no counterpart here: write a `command` with a check, or another kind (`pinboot kinds`)"
    ))
}

fn packages(module: &str, value: &Node) -> DraftStep {
    let family = match module {
        "yum" | "dnf" => "yum",
        "package" => "name",
        other => other,
    };
    let mut fields = Vec::new();
    let mut step = DraftStep::new("Install packages", "package", Item::map(&[]));
    let names = field(value, "name").or_else(|| field(value, "pkg")).or_else(|| field(value, "deb"));
    let is_group = list(names).iter().any(|name| name.starts_with('@'));
    match names {
        // A group is named by its id here, which is often its name in lower case.
        Some(_) if is_group => {
            let ids = list(names).iter().map(|name| name.to_lowercase().replace(' ', "-")).collect::<Vec<_>>();
            fields.push((family.to_owned(), Item::texts(&ids)));
            step = step.look("is this the id of the group? `dnf group list --ids` shows it");
        }
        Some(names) => fields.push((family.to_owned(), item(names))),
        // Only the lists were refreshed.
        None => {
            return DraftStep::new("Refresh the package lists", "command", Item::text("apt-get -q update"))
                .with("always", Item::Plain("true".to_owned()));
        }
    }
    match field(value, "state").and_then(Node::as_text) {
        Some("absent" | "removed") => fields.push(("state".to_owned(), Item::text("absent"))),
        Some("latest") if !is_group => {
            fields.push(("state".to_owned(), Item::text("latest")));
            if field(value, "update_cache").is_some() {
                step = step.look("`latest` goes by the lists that the host has: where nothing else refreshes them, put a `command` before this step that does");
            }
        }
        _ => {}
    }
    step.keys[0].1 = Item::Map(fields);
    step
}

fn shell(module: &str, value: &Node, args: Option<&Node>) -> DraftStep {
    let text = value.as_text().map(str::to_owned).or_else(|| {
        let argv = list(field(value, "argv"));
        field(value, "cmd")
            .and_then(Node::as_text)
            .map(str::to_owned)
            .or_else(|| (!argv.is_empty()).then(|| argv.join(" ")))
    });
    let text = unquoted(&text.unwrap_or_else(|| "true".to_owned()));
    let several = text.trim_end().contains('\n');
    let kind = if several { "script" } else { "command" };
    let mut step = DraftStep::new(format!("{module}: what it did"), kind, Item::Text(text));
    let option = |name: &str| field(value, name).or_else(|| args.and_then(|args| field(args, name)));
    if let Some(folder) = option("chdir") {
        step = step.with("cwd", item(folder));
    }
    if let Some(path) = option("creates") {
        return step.with("creates", item(path));
    }
    if let Some(path) = option("removes").and_then(Node::as_text) {
        return step.with("only_if", Item::text(format!("test -e {path}")));
    }
    step.with("always", Item::Plain("true".to_owned()))
        .look("this runs each time; if it changes something, replace `always` by a check (`creates` or `unless`)")
}

/// A piece of shell without quotes around expressions: a value is one word here.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let Some(length) = rest[at..].find("}}").map(|end| end + 2) else { break };
        let (before, expression, behind) = (&rest[..at], &rest[at..at + length], &rest[at + length..]);
        let quote = ['"', '\''].into_iter().find(|quote| before.ends_with(*quote) && behind.starts_with(*quote));
        let quotes = usize::from(quote.is_some());
        out.push_str(&before[..before.len() - quotes]);
        out.push_str(expression);
        rest = &behind[quotes..];
    }
    out.push_str(rest);
    out
}

/// The module `file`, which is several kinds here.
fn path(value: &Node) -> DraftStep {
    let path = field(value, "path").or_else(|| field(value, "dest")).or_else(|| field(value, "name"));
    let path = path.map_or_else(|| Item::text("/CHANGE_ME"), item);
    let mut fields = vec![("path".to_owned(), path)];
    let mut add = |names: &[&str]| {
        for name in names {
            if let Some(given) = field(value, name) {
                fields.push(((*name).to_owned(), item(given)));
            }
        }
    };
    match field(value, "state").and_then(Node::as_text).unwrap_or("file") {
        "directory" => {
            add(&["owner", "group", "mode"]);
            if let Some(tree) = field(value, "recurse") {
                fields.push(("tree".to_owned(), item(tree)));
            }
            DraftStep::new("Make a directory", "directory", Item::Map(fields))
        }
        "link" => {
            if let Some(to) = field(value, "src") {
                fields.push(("to".to_owned(), item(to)));
            }
            DraftStep::new("Make a link", "link", Item::Map(fields))
        }
        "absent" => {
            fields.push(("tree".to_owned(), Item::Plain("true".to_owned())));
            DraftStep::new("Remove a path", "absent", Item::Map(fields))
                .look("`tree: true` removes a directory with everything in it")
        }
        _ => {
            fields.push(("content".to_owned(), Item::text("")));
            let mut add = |names: &[&str]| {
                for name in names {
                    if let Some(given) = field(value, name) {
                        fields.push(((*name).to_owned(), item(given)));
                    }
                }
            };
            add(&["owner", "group", "mode"]);
            DraftStep::new("Write a file", "file", Item::Map(fields))
                .look("what shall the file hold? The module left its bytes alone")
        }
    }
}

fn cron(value: &Node) -> DraftStep {
    let part = |name: &str| field(value, name).and_then(Node::as_text).unwrap_or("*").to_owned();
    let at = match field(value, "special_time").and_then(Node::as_text) {
        Some(word) => format!("@{word}"),
        None => ["minute", "hour", "day", "month", "weekday"].map(part).join(" "),
    };
    let mut fields = vec![("name".to_owned(), field(value, "name").map_or_else(|| Item::text("job"), item))];
    for name in ["user", "job", "state"] {
        if let Some(given) = field(value, name) {
            fields.push((name.to_owned(), item(given)));
        }
    }
    if field(value, "state").and_then(Node::as_text) == Some("absent") {
        fields.retain(|(name, _)| name != "job");
    } else {
        fields.push(("at".to_owned(), Item::text(at)));
    }
    DraftStep::new("Run by cron", "cron", Item::Map(fields))
}

/// `wait_for` and `uri`, which only ask.
fn wait(module: &str, value: &Node) -> DraftStep {
    let mut fields = Vec::new();
    let pairs: &[(&str, &str)] = if module == "uri" {
        &[("url", "url"), ("status_code", "status")]
    } else {
        &[("port", "port"), ("host", "host"), ("path", "path")]
    };
    for (theirs, ours) in pairs {
        if let Some(given) = field(value, theirs) {
            fields.push(((*ours).to_owned(), item(given)));
        }
    }
    if let Some(seconds) = field(value, "timeout").and_then(Node::as_text) {
        fields.push(("within".to_owned(), Item::Text(format!("{seconds}s"))));
    }
    let step = DraftStep::new("Wait until it answers", "expect", Item::Map(fields));
    let method = field(value, "method").and_then(Node::as_text).is_some_and(|method| method != "GET");
    if method {
        step.look("`expect` only asks with GET: use `command: curl …` for what changes something")
    } else {
        step
    }
}
