//! `authorized_keys`: who may log in as a user, by public key.
//!
//! A key is its type and its base64: another comment or other options do not make it another key. What the step does not name stays as it
//! is, and in its place. Root works in a home as its user.

use super::field::{boolean, one_of, path, text, texts};
use super::group::USER;
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// One public key a line, as a `.pub` file has it, with or without options in front. Empty lines and comments are none.
const KEYS: Pattern = Pattern {
    what: "public key",
    fits: |text| {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.iter().any(|line| !line.starts_with('#'))
            && lines.iter().all(|line| line.starts_with('#') || blob(line).is_some())
    },
    // Without quotes, options are one word.
    on_host: "case $pb_value in *[!\\ -~]* | *'\"'* | *'\\'* | '#'*) false ;; *) (set -f; set -- $pb_value; \
        case ${1-} in ssh-?* | ecdsa-?* | sk-?*) ;; ?*) shift ;; *) exit 1 ;; esac; \
        case ${1-} in *[!A-Za-z0-9@.-]*) exit 1 ;; ssh-?* | ecdsa-?* | sk-?*) ;; *) exit 1 ;; esac; \
        case ${2-} in AAAA?*) ;; *) exit 1 ;; esac; \
        case ${2%%=*} in AAAA | *[!A-Za-z0-9+/]*) exit 1 ;; esac; \
        case $2 in *=*[!=]*) exit 1 ;; esac) ;; esac",
    hint: "write the line of the `.pub` file, such as `ssh-ed25519 AAAA… joe@laptop`; options may stand in front of it",
};

/// The base64 of a line's key; none where it is not one.
fn blob(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    let is_type = |word: &str| {
        ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.len() > start.len() && word.starts_with(start))
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.-".contains(&b))
    };
    let word = |text: &str| text.split([' ', '\t']).next().unwrap_or_default().len();
    if !is_type(&rest[..word(rest)]) {
        rest = rest[end_of_options(rest)..].trim_start_matches([' ', '\t']);
    }
    let (kind, rest) = rest.split_at(word(rest));
    let rest = rest.trim_start_matches([' ', '\t']);
    let blob = &rest[..word(rest)];
    let body = blob.trim_end_matches('=');
    let is_blob = body.len() > 4 && body.starts_with("AAAA");
    let fits = body.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
    (is_type(kind) && is_blob && fits).then_some(blob)
}

/// Options end at the first blank that stands in no quotes.
fn end_of_options(line: &str) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' if !is_quoted => return at,
            _ => {}
        }
    }
    line.len()
}

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Lets the owners of public keys log in as a user, or no longer.",
    check: "type and base64 of each line of the file, whatever its comment; its owner and mode, and those of ~/.ssh",
    fields: &[
        text("user", "Whose login it is; by default that of the user whom the step acts as.").matching(&USER),
        texts(
            "keys",
            "Public keys, each as its `.pub` file has it. Options in front of a key (`restrict`, `from=\"…\"`) are then those that it has on the host; without them the key keeps its own.",
        )
        .required()
        .matching(&KEYS),
        one_of("state", &["present", "absent"], "Whether they are let in.").default("present"),
        boolean("exclusive", "Remove all other keys; comments stay."),
        path("path", "The file, where sshd reads another one than `.ssh/authorized_keys` in the home of the account."),
    ],
    rules: &[not_when("exclusive", When::Is("state", "absent"))],
    short: Some("keys"),
    needs_root: When::Given(&["user"]),
    asks_as_root: When::Given(&["user"]),
    shell: include_str!("authorized_keys.sh"),
    example: "\
- name: Let the deployment log in
  authorized_keys:
    user: kafka
    keys: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfsZLXXVSFWwo8sXBzqw0/L7xwiokx8yrykj0RhSjKL deploy@ci
",
    hook: Some(hook),
    ..Kind::named("authorized_keys")
};

/// What the step is about, and what a user would type.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let user = args.text("user");
    recipe.subject = match (args.text("path"), user) {
        (Some(path), _) => path.display(),
        (None, Some(user)) => user.display(),
        (None, None) => "~/.ssh/authorized_keys".to_owned(),
    };
    recipe.equivalent_commands = Some(commands(args));
    Ok(())
}

fn commands(args: &Args<'_>) -> Script {
    let user = args.text("user");
    // A name in quotes would not be a home for a shell, and those that the pattern lets pass need none.
    let name = user.map_or("", |user| user.literal().unwrap_or("USER"));
    let folder = format!("~{name}/.ssh");
    let file = args.text("path").map_or_else(|| Script::author(format!("{folder}/authorized_keys")), Script::quoted);
    let mut script = Script::default();
    let keys: Vec<String> = args.texts("keys").iter().flat_map(|text| lines(text.raw())).collect();
    if When::Is("state", "absent").holds(args) {
        for key in &keys {
            let pattern = Text::new(format!("\\|{}|d", blob(key).unwrap_or(key)));
            script.line(&TypedLine::new("sed -i").word(&pattern).shell(&file).whole());
        }
        return script;
    }
    let is_own = args.text("path").is_none();
    let folder = Script::author(folder);
    if is_own {
        script.line(&TypedLine::new("mkdir -p -m 700").shell(&folder).whole());
    }
    for (at, key) in keys.iter().enumerate() {
        let end = if at == 0 && args.flag("exclusive") { ">" } else { ">>" };
        script
            .line(&TypedLine::new("printf '%s\\n'").word(&Text::new(key.clone())).flag(end, true).shell(&file).whole());
    }
    script.line(&TypedLine::new("chmod 600").shell(&file).whole());
    if let Some(user) = user.filter(|_| is_own) {
        let owner = Text::new(format!("{}:", user.raw()));
        script.line(&TypedLine::new("chown -R").word(&owner).shell(&folder).whole());
    }
    script
}

/// The keys of a text, a line each.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}
