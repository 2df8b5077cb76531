//! Words of Ansible, each with what to write instead: many a playbook is written by a user who knows that tool.

use crate::kinds::{Field, Kind, Shape, instead_of};
use crate::source::{Diagnostic, Span};

/// Keys of a step: Ansible's modules and the keywords of its tasks.
const STEP: &[(&str, &str)] = &[
    ("become", "write `sudo: true` beside the kind"),
    ("become_user", "write `run_as: USER` beside the kind"),
    ("become_method", "remove it: `sudo: true` and `run_as: USER` use sudo"),
    ("copy", "write `file: { path: PATH, src: LOCAL FILE }`, or `content:` for text"),
    ("template", "write `file: { path: PATH, template: LOCAL FILE }`"),
    ("assemble", "write `file: { path: PATH, content: … }`"),
    ("slurp", "write `command: cat PATH` with `register: NAME` and `changes: false`"),
    ("fetch", "copy it with `scp`: pinboot brings no files from the host"),
    ("synchronize", "write `archive:` or `file:` for what the host needs"),
    (
        "lineinfile",
        "write `line: { path: PATH, line: LINE }`, with `match:` for `regexp` and `after:` for `insertafter`",
    ),
    ("blockinfile", "write `block: { path: PATH, block: LINES }`"),
    (
        "replace",
        "write `line: { path: PATH, match: EXPRESSION, line: LINE }` for a whole line, `properties:` for a value",
    ),
    ("shell", "write `command:` for one line of shell, `script:` for several"),
    ("raw", "write `command:`"),
    ("expect", "write `command:`; a step has no terminal, and its questions are answered with the end of the file"),
    (
        "apt",
        "write `package: NAME`, which uses apt-get on such hosts; for another name there `package: { name: A, apt: B }`",
    ),
    (
        "yum",
        "write `package: NAME`, which uses yum or dnf on such hosts; for another name there `package: { name: A, yum: B }`",
    ),
    ("dnf", "write `package: NAME`, which uses dnf on such hosts"),
    ("apk", "write `package: NAME`, which uses apk on such hosts"),
    ("zypper", "write `package: NAME`, which uses zypper on such hosts"),
    ("pip", "write `command: pip install NAME` with `unless: pip show NAME`"),
    ("npm", "write `command: npm install …` with `creates:` or `unless:`"),
    ("apt_repository", "write `repository: { name: NAME, apt: { uri: …, suites: …, key: … } }`"),
    ("apt_key", "write `key: ADDRESS` beside the `uri` of a `repository`, and its `fingerprint`"),
    ("yum_repository", "write `repository: { name: NAME, yum: { baseurl: …, gpgkey: … } }`"),
    ("service", "write `service: { name: NAME, state: started, enabled: true }`"),
    ("systemd", "write `service: { name: NAME, state: started, enabled: true }`"),
    ("systemd_service", "write `service: { name: NAME, state: started, enabled: true }`"),
    ("sysvinit", "write `service: { name: NAME, state: started, enabled: true }`"),
    ("openrc", "write `service: { name: NAME, state: started, enabled: true }`"),
    ("runit", "write `service: { name: NAME, state: started, enabled: true }`"),
    ("service_facts", "remove it: ask with `command:`, `register:` and `changes: false`"),
    ("package_facts", "remove it: ask with `command:`, `register:` and `changes: false`"),
    ("gem", "write `command: gem install NAME` with `unless: gem list -i NAME`"),
    ("rpm_key", "write `gpgkey: ADDRESS` beside the `baseurl` of a `repository`, and its `fingerprint`"),
    ("deb822_repository", "write `repository: { name: NAME, apt: { uri: …, suites: …, key: … } }`"),
    ("timezone", "write `command: timedatectl set-timezone ZONE` with `unless:` and `sudo: true`"),
    ("known_hosts", "write `command: ssh-keyscan HOST >> ~/.ssh/known_hosts` with `unless: ssh-keygen -F HOST`"),
    ("ini_file", "write `properties: { path: PATH, format: ini, section: NAME, set: { NAME: VALUE } }`"),
    ("tempfile", "write `command: mktemp` with `register: NAME` and `always: true`"),
    ("group_by", "write `vars:` under each host, and `when:` on the steps"),
    ("state", "indent it below the kind where the kind has it; `command:` with `unless:` does the rest"),
    ("connection", "remove it: pinboot uses SSH"),
    ("diff", "remove it: `--check` shows what would change"),
    ("debugger", "remove it: `rerun` continues behind a failure"),
    ("become_flags", "remove it: `sudo: true` and `run_as: USER` use `sudo -n`"),
    ("import_playbook", "run the other file with a command of its own"),
    ("hosts", "write it at the top of the playbook: every step runs on the hosts of the run"),
    ("get_url", "write `download: { url: …, to: PATH, sha256: … }`"),
    (
        "uri",
        "write `expect: { url: URL, status: 200, body: TEXT }`; for a request that changes something `command: curl …`",
    ),
    ("unarchive", "write `archive: { url: …, into: FOLDER, creates: PATH }`"),
    (
        "subversion",
        "write `command: svn checkout …` with `creates: FOLDER/.svn`; a git repository is `git: { repo: ADDRESS, into: FOLDER }`",
    ),
    ("authorized_key", "write `authorized_keys: { user: NAME, keys: KEY }`"),
    ("mount", "write `command: mount …` with `unless: mountpoint -q PATH`"),
    ("hostname", "write `command: hostnamectl set-hostname NAME` with `unless: test \"$(hostname)\" = NAME`"),
    ("stat", "write `only_if: test -e PATH` on the step that depends on it"),
    ("find", "write `command: find …` with `register: NAME` and `changes: false`"),
    (
        "wait_for",
        "write `expect: { port: PORT, within: 2m }`, or with `path: PATH`, `log: FILE` and `line: TEXT`, or `command: SHELL`",
    ),
    ("wait_for_connection", "remove it: `reboot:` waits until the host is back"),
    ("pause", "write `manual:` for a person, `command: sleep 5` with `always: true` for time"),
    ("debug", "write `manual: TEXT`, or `command: echo …` with `changes: false`"),
    ("fail", "write `assert: { that: SHELL, message: TEXT }`, which fails where the shell does"),
    ("assert", "write `assert: { that: SHELL, message: TEXT }`"),
    ("meta", "remove it: `when_changed` runs a step where it stands, and `restart_on` restarts a service"),
    ("ping", "remove it: a run connects first, and says what is wrong"),
    ("setup", "remove it: ask with `command:`, `register:` and `changes: false`"),
    ("gather_facts", "remove it: ask with `command:`, `register:` and `changes: false`"),
    ("set_fact", "write it under `vars:`, or `register:` what a command prints"),
    ("include_vars", "write `vars_files: [FILE]` at the top of the playbook"),
    ("include_tasks", "write `use: FILE` with `with: { … }`: the file has `params:` and `steps:`"),
    ("import_tasks", "write `use: FILE` with `with: { … }`: the file has `params:` and `steps:`"),
    ("include_role", "write `use: FOLDER` with `with: { … }`: `main.yaml` in it has `params:` and `steps:`"),
    ("import_role", "write `use: FOLDER` with `with: { … }`: `main.yaml` in it has `params:` and `steps:`"),
    ("include", "write `use: FILE` with `with: { … }`: the file has `params:` and `steps:`"),
    ("add_host", "write the host under `hosts:`"),
    ("rescue", "write `allow_failure: true` on the step that may fail"),
    ("always_run", "write `changes: false` on a step that only asks"),
    (
        "notify",
        "write `when_changed: [NAME]` on the step that is to run, or `restart_on: [NAME]` in a `service`, with the name or `id` of this one",
    ),
    ("listen", "write `when_changed: [NAME, …]` on the step that is to run"),
    ("handlers", "write them as steps with `when_changed: [NAME]`; a `service` has `restart_on: [NAME]`"),
    ("loop_control", "remove it: the item is `{{ item }}`, its number `{{ index }}`"),
    ("until", "write `retries:` and `delay:`; a command that fails is tried again"),
    ("ignore_errors", "write `allow_failure: true`"),
    ("ignore_unreachable", "remove it: the other hosts go on without a host that cannot be reached"),
    ("failed_when", "let the command itself end with a status other than 0, such as `… && ! grep -q error LOG`"),
    (
        "changed_when",
        "write `changes: false` if the step only asks; otherwise say with `unless` or `creates` when it is done",
    ),
    ("check_mode", "write `changes: false` on a step that only asks: it runs with `--check` too"),
    ("no_log", "list the variable under `secrets:`: its value is masked everywhere"),
    ("environment", "write `env: { NAME: VALUE }`; `export:` for all later steps and shells"),
    ("args", "write `cwd:`, `creates:` and `unless:` beside the kind"),
    ("chdir", "write `cwd: FOLDER` beside the kind"),
    ("removes", "write `only_if: test -e PATH` beside the kind"),
    ("executable", "write `script: { text: …, shell: bash }`"),
    ("delegate_to", "write a playbook for that host: a step runs on the host of the run"),
    ("local_action", "run it before pinboot: steps run on the host only"),
    ("run_once", "write a playbook with `hosts:` of that one host, or use `--limit`"),
    ("throttle", "use `--forks N`"),
    ("async", "write `timeout:`; a step may take as long as it needs"),
    ("poll", "remove it: a run follows its steps"),
    ("vars", "write it under `vars:` of the playbook or of the host"),
    ("remote_user", "write `user:` under the host"),
    ("any_errors_fatal", "remove it: the first failure stops its host"),
    ("when_not", "write `when: not …`"),
    ("action", "write the kind itself as the key"),
    ("module_defaults", "write the fields out in each step"),
];

/// Keys of a playbook: the keywords of Ansible's plays.
const TOP: &[(&str, &str)] = &[
    ("tasks", "write `steps:`"),
    ("pre_tasks", "write them first under `steps:`"),
    ("post_tasks", "write them last under `steps:`"),
    ("handlers", "write them under `steps:`, each with `when_changed: [NAME]`"),
    ("roles", "write `use: FOLDER` with `with: { … }` under `steps:`, once for each role"),
    ("become", "write `sudo: true`: it is for all steps then"),
    ("become_user", "write `run_as: USER`: it is for all steps then"),
    ("remote_user", "write `user:` under the host"),
    ("gather_facts", "remove it: nothing is asked of the host that no step asks"),
    ("connection", "remove it: pinboot uses SSH"),
    ("serial", "use `--forks N`"),
    ("strategy", "remove it: each host goes on by itself"),
    ("environment", "write `env:`, which is for all steps then, or `export:` as a step"),
    ("vars_prompt", "write `params:`: give the value with `-e NAME=VALUE`, or list it under `from_env:`"),
    ("collections", "remove it: `pinboot kinds` lists the kinds"),
    ("any_errors_fatal", "remove it: the first failure stops its host"),
    ("max_fail_percentage", "remove it: the first failure stops its host"),
    ("ignore_errors", "write `allow_failure: true`, on the steps that may fail"),
    ("import_playbook", "run the other file with a command of its own"),
    ("all", "write `hosts: { NAME: { address: ADDRESS, user: USER } }`"),
    ("children", "write `hosts: { NAME: { address: ADDRESS, user: USER } }`: there are no groups; use `--limit`"),
    ("include", "write `use: FILE` under `steps:`"),
    ("module_defaults", "write the fields out in each step"),
    ("inventory", "write `hosts: { NAME: { address: ADDRESS, user: USER } }`"),
    ("port", "write `port:` under the host"),
];

/// Keys of a host: variables of Ansible's inventory.
const HOST: &[(&str, &str)] = &[
    ("ansible_host", "write `address: ADDRESS`"),
    ("ansible_ssh_host", "write `address: ADDRESS`"),
    ("ansible_user", "write `user: USER`"),
    ("ansible_ssh_user", "write `user: USER`"),
    ("ansible_port", "write `port: PORT`"),
    ("ansible_ssh_port", "write `port: PORT`"),
    ("ansible_ssh_private_key_file", "write `key: FILE`"),
    ("ansible_private_key_file", "write `key: FILE`"),
    ("ansible_become", "write `sudo: true` on each step that needs it"),
    ("ansible_become_password", "write `sudo_password`, a variable of `secrets:`, or use --ask-sudo-pass"),
    ("ansible_become_pass", "write `sudo_password`, a variable of `secrets:`, or use --ask-sudo-pass"),
    ("ansible_sudo_pass", "write `sudo_password`, a variable of `secrets:`, or use --ask-sudo-pass"),
    ("ansible_connection", "remove it: pinboot uses SSH"),
    ("ansible_python_interpreter", "remove it: a host needs no Python"),
];

/// Fields of a kind by the names that Ansible's modules give them.
const FIELDS: &[(&str, &str, &str)] = &[
    ("file", "dest", "write `path: PATH`"),
    (
        "file",
        "state",
        "`file` writes a file; a folder is `directory: PATH`, a link `link: { path: PATH, to: TARGET }`, and what shall be gone `absent: PATH`",
    ),
    ("file", "recurse", "write `directory: { path: PATH, owner: USER, tree: true }`"),
    ("service", "daemon_reload", "remove it: systemd reads its files again where one of them has changed"),
    ("service", "scope", "write `user: true` for a unit of the user"),
    ("service", "use", "remove it: the service manager is found on the host"),
    ("service", "runlevel", "remove it: OpenRC's `default` is meant"),
    ("service", "sleep", "remove it: a service is stopped before it is started"),
    ("service", "no_block", "remove it: a start is waited for"),
    ("service", "daemon_reexec", "write `command: systemctl daemon-reexec` with `when_changed`"),
    ("expect", "timeout", "write `within: 2m`"),
    ("expect", "delay", "remove it: what holds at once needs no pause"),
    ("expect", "sleep", "write `every: 5s`"),
    ("expect", "search_regex", "write `line: TEXT`, a piece of the line"),
    ("expect", "status_code", "write `status: 200`"),
    ("expect", "state", "remove it: it is waited for until it is there; for its end write `command: test ! -e PATH`"),
    ("assert", "msg", "write `message: TEXT`"),
    ("assert", "fail_msg", "write `message: TEXT`"),
    ("assert", "success_msg", "remove it: what holds needs no words"),
    ("directory", "dest", "write `path: PATH`"),
    ("directory", "recurse", "write `tree: true`, which gives everything in it to `owner` and `group`"),
    ("directory", "state", "remove it: what shall be gone is `absent: PATH`"),
    ("link", "src", "write `to: TARGET`"),
    ("link", "dest", "write `path: PATH`"),
    ("link", "force", "remove it: a link is replaced; for a file in its place write `replace: true`"),
    ("absent", "recurse", "write `tree: true`"),
    ("absent", "state", "remove it"),
    ("file", "force", "remove it: a file is written where its bytes, mode or owner differ"),
    ("line", "dest", "write `path: PATH`"),
    (
        "line",
        "regexp",
        "write `match: EXPRESSION`, as awk reads it: `[0-9]` and `[[:space:]]` instead of `\\d` and `\\s`",
    ),
    ("line", "regex", "write `match: EXPRESSION`"),
    ("line", "search_string", "write `match: EXPRESSION`"),
    ("line", "insertafter", "write `after: EXPRESSION`; at the end is where a new line stands anyway"),
    ("line", "insertbefore", "write `after: EXPRESSION` for the line in front of it"),
    ("line", "backrefs", "write the whole line out"),
    ("block", "dest", "write `path: PATH`"),
    ("block", "content", "write `block: LINES`"),
    ("block", "insertafter", "write `after: EXPRESSION`; at the end is where a new block stands anyway"),
    ("block", "insertbefore", "write `after: EXPRESSION` for the line in front of it"),
    ("properties", "dest", "write `path: PATH`"),
    ("properties", "option", "write `set: { NAME: VALUE }`"),
    ("properties", "key", "write `set: { NAME: VALUE }`"),
    ("properties", "value", "write `set: { NAME: VALUE }`"),
    ("properties", "state", "write `unset: NAME` for what shall not be there"),
    ("sysctl", "name", "write `values: { NAME: VALUE }`"),
    ("sysctl", "value", "write `values: { NAME: VALUE }`"),
    ("sysctl", "sysctl_file", "write `file: PATH`"),
    ("sysctl", "sysctl_set", "remove it: the running kernel gets the value in any case"),
    ("sysctl", "reload", "remove it: the running kernel gets the value in any case"),
    ("cron", "minute", "write `at: MINUTE HOUR DAY MONTH WEEKDAY`"),
    ("cron", "hour", "write `at: MINUTE HOUR DAY MONTH WEEKDAY`"),
    ("cron", "day", "write `at: MINUTE HOUR DAY MONTH WEEKDAY`"),
    ("cron", "month", "write `at: MINUTE HOUR DAY MONTH WEEKDAY`"),
    ("cron", "weekday", "write `at: MINUTE HOUR DAY MONTH WEEKDAY`"),
    ("cron", "special_time", "write `at: @daily` and its like"),
    ("cron", "cron_file", "write `file: { path: /etc/cron.d/NAME, content: … }`"),
    ("cron", "disabled", "write `state: absent`"),
    ("package", "update_cache", "remove it: the lists are fetched where a package is not known"),
    ("download", "dest", "write `to: PATH`"),
    ("download", "checksum", "write `sha256: DIGEST` or `sha512: DIGEST`"),
    ("download", "force", "remove it: a file with another digest is fetched again"),
    ("archive", "src", "write `url: ADDRESS`"),
    ("archive", "dest", "write `into: FOLDER`"),
    ("archive", "remote_src", "remove it"),
    ("archive", "extra_opts", "write `strip: N` to leave leading folders away"),
    ("git", "dest", "write `into: FOLDER`"),
    ("git", "version", "write `ref: NAME`, of a branch or a tag, or the number of a commit"),
    ("git", "force", "write `discard_changes: true` to let go of what is only on the host"),
    ("git", "update", "remove it: the clone follows `ref`; write the number of a commit to stay at one"),
    ("git", "clone", "remove it: the repository is cloned where it is missing"),
    ("git", "recursive", "write `submodules: true`"),
    ("git", "track_submodules", "remove it: submodules are at the commits that the repository names"),
    ("git", "remote", "remove it: the remote is `origin`"),
    ("git", "bare", "write `command: git clone --bare …` with `creates:`"),
    ("git", "key_file", "write `env: { GIT_SSH_COMMAND: ssh -o BatchMode=yes -i FILE }` beside `git`"),
    ("git", "ssh_opts", "write `env: { GIT_SSH_COMMAND: ssh -o BatchMode=yes … }` beside `git`"),
    ("git", "accept_hostkey", "add the server's key to ~/.ssh/known_hosts in an earlier step"),
    ("git", "accept_newhostkey", "add the server's key to ~/.ssh/known_hosts in an earlier step"),
    ("command", "cmd", "write `line: …`, or `command: …` for short"),
    ("command", "argv", "write `command: …`: a list in `{{ … }}` becomes several words"),
    ("command", "chdir", "write `cwd: FOLDER` beside `command`"),
    ("command", "removes", "write `only_if: test -e PATH` beside `command`"),
    ("script", "cmd", "write `text: …`, or `script: …` for short"),
    ("script", "chdir", "write `cwd: FOLDER` beside `script`"),
    ("script", "executable", "write `shell: bash`"),
    ("authorized_keys", "key", "write `keys: KEY`, or a list of them"),
    ("authorized_keys", "key_options", "write the options in front of the key, in `keys`"),
    ("authorized_keys", "manage_dir", "remove it: `.ssh` is made, for its user alone"),
    ("authorized_keys", "comment", "write the comment behind the key, in `keys`"),
    ("repository", "repo", "write `apt: { uri: …, suites: …, components: … }`"),
    ("group", "local", "remove it: the host's own tools make the group"),
    ("group", "non_unique", "remove it: a number belongs to one group"),
    ("user", "user", "write `name: NAME`"),
    ("user", "append", "remove it: `groups` adds; `only_groups: true` takes the user out of all others"),
    ("user", "createhome", "write `create_home: true` or `create_home: false`"),
    ("user", "password_lock", "write `locked: true` or `locked: false`"),
    ("user", "update_password", "remove it: the hash is compared, and set where it is another one"),
    ("user", "remove", "write `remove_home: true`"),
    ("user", "force", "remove it: a user who has processes is not removed"),
    (
        "user",
        "generate_ssh_key",
        "write `command: ssh-keygen -N '' -f ~/.ssh/id_ed25519` with `creates:` and `run_as: NAME`",
    ),
    ("user", "non_unique", "remove it: a number belongs to one user"),
    ("reboot", "reboot_timeout", "write `timeout: 10m` beside `reboot`"),
    ("reboot", "msg", "write `message: TEXT`"),
];

/// Words that Ansible's modules take in one line, where a kind does not name them itself.
const WORDS: &[&str] = &[
    "backup",
    "chdir",
    "checksum",
    "cmd",
    "content",
    "creates",
    "dest",
    "enabled",
    "executable",
    "force",
    "group",
    "mode",
    "msg",
    "name",
    "owner",
    "path",
    "pkg",
    "recurse",
    "removes",
    "src",
    "state",
    "update_cache",
    "url",
    "version",
];

/// Fields of a kind that are written in one line, `NAME=VALUE NAME=VALUE`.
pub(super) struct OneLine<'a>(Vec<(&'a str, &'a str)>);

/// The text of a kind as Ansible's one line, if every word of it has the name of a field there. The kinds whose text is shell or
/// words for a person are not looked at: `name=x` has a meaning in a shell.
pub(super) fn one_line<'a>(kind: &Kind, text: &'a str) -> Option<OneLine<'a>> {
    let is_own = |name: &str| kind.fields.iter().any(|field| field.name == name);
    let is_named = |name: &str| WORDS.contains(&name) || is_own(name) || field(kind.name, name).is_some();
    let is_prose = |field: &Field| field.required && matches!(field.shape, Shape::Shell | Shape::Text);
    if kind.short.is_some_and(|short| kind.fields.iter().any(|field| field.name == short && is_prose(field))) {
        return None;
    }
    // A template may hold blanks.
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        is_named(name.trim_start()).then_some(())?;
        let end = end_of_word(behind);
        pairs.push((name.trim_start(), behind[..end].trim_matches(['"', '\''])));
        rest = behind[end..].trim_start();
    }
    (!pairs.is_empty()).then_some(OneLine(pairs))
}

/// Where a word ends that may hold quoted blanks, or blanks in a template.
fn end_of_word(text: &str) -> usize {
    let (mut quote, mut depth) = (None, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '{' if quote.is_none() => depth += 1,
            '}' if quote.is_none() => depth = depth.saturating_sub(1),
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() && depth == 0 => quote = Some(c),
            c if c.is_whitespace() && quote.is_none() && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

impl OneLine<'_> {
    /// What is wrong with it, and what to write instead.
    pub(super) fn error(&self, kind: &Kind, span: Span) -> Diagnostic {
        let mut own = Vec::new();
        let mut others = Vec::new();
        for (name, value) in &self.0 {
            if let Some(instead) = field(kind.name, name) {
                others.push(format!("for `{name}`, {instead}"));
            } else if let Some(row) = kind.fields.iter().find(|field| field.name == *name) {
                let instead = match row.shape {
                    Shape::OneOf(words) => instead_of(words, value),
                    _ => None,
                };
                match instead {
                    Some(instead) => others.push(format!("for `{name}={value}`, {instead}")),
                    None => own.push(format!("{name}: {}", yaml(value))),
                }
            } else {
                others.push(format!("`{}` has no field `{name}`", kind.name));
            }
        }
        let map = (!own.is_empty()).then(|| format!("write `{}: {{ {} }}`", kind.name, own.join(", ")));
        let hint: Vec<String> = map.into_iter().chain(others).collect();
        Diagnostic::error(span, format!("the fields of `{}` are not written as NAME=VALUE", kind.name))
            .hint(hint.join("; "))
    }
}

/// A value as it can stand in a map on one line.
fn yaml(value: &str) -> String {
    let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "/._-~".contains(c)) && !value.is_empty();
    if is_plain { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) }
}

/// What to write in a step instead of this key.
pub(super) fn step_key(key: &str) -> Option<&'static str> {
    let word = module(key);
    if word.starts_with("with_") {
        return Some("write `loop: [A, B]`, or `loop: \"{{ LIST }}\"`; the item is `{{ item }}`");
    }
    let of_play = || top_key(word);
    STEP.iter().find(|(known, _)| *known == word).map(|(_, instead)| *instead).or_else(of_play)
}

/// What to write in a host instead of this key.
pub(super) fn host_key(key: &str) -> Option<&'static str> {
    HOST.iter().find(|(known, _)| *known == key).map(|(_, instead)| *instead)
}

/// The name of a module without that of its collection.
pub(super) fn module(key: &str) -> &str {
    let of_collection = ["ansible.", "community.", "amazon."].iter().any(|prefix| key.starts_with(prefix));
    if of_collection { key.rsplit('.').next().unwrap_or(key) } else { key }
}

/// What to write at the top of a playbook instead of this key.
pub(super) fn top_key(key: &str) -> Option<&'static str> {
    TOP.iter().find(|(known, _)| *known == key).map(|(_, instead)| *instead)
}

/// What to write in a kind instead of this field.
pub(super) fn field(kind: &str, name: &str) -> Option<&'static str> {
    FIELDS.iter().find(|(known, field, _)| *known == kind && *field == name).map(|(_, _, instead)| *instead)
}
