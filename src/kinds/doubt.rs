//! What lint says of the rendered fields of a step: allowed, and most likely not meant.

use super::{ArgValue, Args};
use crate::script::Text;

/// A finding of lint about a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Doubt {
    /// The field that it is about.
    pub field: &'static str,
    /// The words of the value that it is about, where they are not all of it.
    pub part: Option<String>,
    /// What is wrong, with the name of the thing.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Doubt {
    /// A doubt about the whole value of a field.
    pub(super) fn new(field: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field, part: None, message: message.into(), hint: hint.into() }
    }
}

/// What only changes a shell, and what has the effect that was meant.
const ENDS_WITH_THE_STEP: &[(&str, &str)] = &[
    ("export", "use the kind `export`: its variables are there in later steps and in later shells"),
    ("cd", "give the steps that work there `cwd:`"),
    ("alias", "write a script into a folder of `PATH` with `file`"),
    ("source", "read the file in the step that needs it"),
    (".", "read the file in the step that needs it"),
    ("umask", "set it in the step that needs it, or give `file` a `mode`"),
    ("ulimit", "set it in the step that needs it"),
];

/// A doubt about shell that does nothing but change its own state, which no later step sees.
pub(super) fn ends_with_the_step(field: &'static str, shell: &str) -> Option<Doubt> {
    let mut lines = shell.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    let first = lines.peek()?.split_whitespace().next()?;
    let (_, hint) = ENDS_WITH_THE_STEP.iter().find(|(word, _)| *word == first)?;
    let only_this = |line: &str| {
        let word = line.split_whitespace().next();
        !line.contains([';', '|', '&', '>', '`'])
            && !line.contains("$(")
            && ENDS_WITH_THE_STEP.iter().any(|(known, _)| word == Some(known))
    };
    lines.all(only_this).then(|| {
        Doubt::new(field, format!("`{first}` has no effect beyond this step: each step has a shell of its own"), *hint)
    })
}

/// A path in parts that can be compared, without what its text alone says to be nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// From the root.
    Root(Vec<String>),
    /// From the home directory of a user.
    Home(Vec<String>),
    /// From wherever the step starts.
    Here(Vec<String>),
}

/// The parts of a path; `None` where it leaves where it starts.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part.to_owned());
        }
    }
    Some(parts)
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        if let Some(path) = path.strip_prefix('/') {
            // Above the root is the root.
            let mut from = Vec::new();
            for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
                if part == ".." {
                    from.pop();
                } else {
                    from.push(part.to_owned());
                }
            }
            return Some(Self::Root(from));
        }
        if path == "~" || path.starts_with("~/") {
            return parts(&path[1..]).map(Self::Home);
        }
        parts(path).map(Self::Here)
    }
}

/// How many parts a home directory has, where a path from the root looks like one with something in it.
fn home_in(parts: &[String]) -> Option<usize> {
    let first = |count: usize| parts.get(..count).map(|parts| parts.join("/")).unwrap_or_default();
    match (first(1).as_str(), first(2).as_str()) {
        ("root", _) => Some(1),
        ("home" | "Users", _) | (_, "usr/home") if parts.len() > 1 => Some(if first(1) == "usr" { 3 } else { 2 }),
        (_, "export/home" | "var/lib" | "var/home") => Some(3),
        _ => None,
    }
    .filter(|count| parts.len() >= *count)
}

/// Whether a path lies outside of a directory, as far as their texts can say.
pub(super) fn is_outside(path: &Text, folder: &Text) -> bool {
    let (Some(path), Some(folder)) = (path.literal(), folder.literal()) else { return false };
    let (path, folder) = match (Place::of(path), Place::of(folder)) {
        (Some(path), Some(folder)) => (path, folder),
        // Out of the home directory or out of where the step starts: the folder is not known to be there as well.
        (None, Some(_)) => return true,
        _ => return false,
    };
    let (path, folder) = match (path, folder) {
        (Place::Root(path), Place::Root(folder))
        | (Place::Home(path), Place::Home(folder))
        | (Place::Here(path), Place::Here(folder)) => (path, folder),
        // Whose home it is, only the host knows.
        (Place::Root(path), Place::Home(folder)) => match home_in(&path) {
            Some(home) => (path[home..].to_vec(), folder),
            None => return true,
        },
        (Place::Home(path), Place::Root(folder)) => match home_in(&folder) {
            Some(home) => (path, folder[home..].to_vec()),
            // A home may lie below the folder.
            None => return !folder.is_empty() && !may_hold_homes(&folder),
        },
        _ => return false,
    };
    path.len() <= folder.len() || path[..folder.len()] != folder[..]
}

fn may_hold_homes(folder: &[String]) -> bool {
    matches!(
        folder.join("/").as_str(),
        "home" | "Users" | "usr" | "usr/home" | "export" | "export/home" | "var" | "var/lib" | "var/home"
    )
}

/// The most paths of one file that are named.
const MOST_TILDES: usize = 5;

/// Paths behind a `~` in a text for a program that takes it literally. Lines that are comments do not count.
fn tildes(text: &str) -> Vec<String> {
    let is_comment = |line: &&str| ["#", ";", "//"].iter().any(|mark| line.trim_start().starts_with(mark));
    let mut found: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !is_comment(line)) {
        for (at, _) in line.match_indices("~/") {
            let starts = line[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "=:,\"'(<[".contains(c));
            let path =
                line[at..].split(|c: char| c.is_whitespace() || "\"',:;)>]".contains(c)).next().unwrap_or_default();
            if starts && path.len() > 2 && found.len() < MOST_TILDES && !found.iter().any(|known| known == path) {
                found.push(path.to_owned());
            }
        }
    }
    found
}

/// Doubts about each `~` in the text of a field that goes into the file `path` as it is.
pub(super) fn tilde_doubts(args: &Args<'_>, name: &'static str) -> Vec<Doubt> {
    let path = args.text("path").and_then(Text::literal).unwrap_or_default();
    let text = match args.get(name).map(|arg| &arg.value) {
        Some(ArgValue::Text(text)) => text.display(),
        Some(ArgValue::File { bytes, .. }) => String::from_utf8(bytes.clone()).unwrap_or_default(),
        _ => return Vec::new(),
    };
    let found = if knows_tilde(path, &text) { Vec::new() } else { tildes(&text) };
    let doubt = |part: String| {
        let message = format!("`{part}` stays as it is in the file: only a shell makes a home directory of `~`");
        let hint = "write the whole path; `register` what `echo ~` prints on the host, and insert it";
        Doubt { part: Some(part), ..Doubt::new(name, message, hint) }
    };
    found.into_iter().map(doubt).collect()
}

/// Names of files whose readers know `~/`: shells, ssh, git, editors; and those that people read.
const KNOWS_TILDE: &[&str] = &[
    ".sh",
    ".bash",
    ".zsh",
    ".ksh",
    ".fish",
    ".csh",
    ".tcsh",
    ".md",
    ".txt",
    ".rst",
    ".html",
    ".el",
    ".vim",
    ".lua",
    "ssh_config",
    "sshd_config",
    "Makefile",
    "makefile",
    ".mk",
    "Dockerfile",
    "crontab",
];

/// Parts of paths of such files.
const KNOWS_TILDE_BELOW: &[&str] = &[
    "/.bash",
    "/.profile",
    "/.zsh",
    "/.zprofile",
    "/.zlogin",
    "/.ksh",
    "/.mksh",
    "/.login",
    "/.cshrc",
    "/.tcshrc",
    "/.inputrc",
    "/.ssh/",
    "/ssh_config.d/",
    "/.git",
    "/git/",
    "/.vim",
    "/.tmux",
    "/.screenrc",
    "/.emacs",
    "/.envrc",
    "/profile.d/",
    "/etc/profile",
    "/cron",
    "/.config/fish/",
    "/.config/nvim/",
    "/motd",
    "/issue",
];

/// Whether the program that reads a file with this path and text understands `~/`.
fn knows_tilde(path: &str, text: &str) -> bool {
    let path = format!("/{path}");
    text.starts_with("#!")
        || KNOWS_TILDE.iter().any(|end| path.ends_with(end))
        || KNOWS_TILDE_BELOW.iter().any(|part| path.contains(part))
}

/// Words in an address that mean another file tomorrow.
const MOVING: &[&str] =
    &["latest", "current", "stable", "nightly", "snapshot", "edge", "master", "main", "head", "trunk", "newest"];

/// Whether an address names one version of what it leads to: another version then has another address.
pub(super) fn names_a_version(url: &str) -> bool {
    let path = url.split_once("://").map_or(url, |(_, behind)| behind).split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let words = path.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let is_moving = |word: &str| word.split('.').any(|word| MOVING.contains(&word.to_ascii_lowercase().as_str()));
    let is_version = |word: &str| {
        let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let dotted =
            digits.split('.').filter(|part| part.bytes().all(|b| b.is_ascii_digit()) && !part.is_empty()).count();
        let hash =
            word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit()) && word.bytes().any(|b| b.is_ascii_digit());
        let whole = word.strip_prefix(['v', 'V', 'r']).unwrap_or(word).split('.').next().unwrap_or_default();
        // x86_64, win32
        let number = !matches!(whole, "" | "32" | "64" | "86") && whole.bytes().all(|b| b.is_ascii_digit());
        dotted >= 2 || hash || number
    };
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.iter().any(|word| is_version(word)) && !words.iter().any(|word| is_moving(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_inside_or_outside_as_far_as_texts_can_say() {
        for (path, folder, outside) in [
            ("~/app/bin/x", "~/app", false),
            ("~/app/bin/x", "~", false),
            ("~/app/bin/x", "~/", false),
            ("~/other/x", "~/app", true),
            ("~/application/x", "~/app", true),
            ("~/app/../other", "~/app", true),
            ("~/app/./bin//x", "~/app/", false),
            ("~/../x", "~", true),
            ("/opt/app/x", "/opt/app", false),
            ("/opt/app/../x", "/opt/app", true),
            ("/opt/x", "/opt/app", true),
            ("/opt/app/x", "/", false),
            ("/home/ec2-user/app/x", "~/app", false),
            ("/home/ec2-user/other/x", "~/app", true),
            ("/root/app/x", "~/app", false),
            ("/opt/app/x", "~/app", true),
            ("/var/lib/kafka/app/x", "~/app", false),
            ("~/app/x", "/home/ec2-user/app", false),
            ("~/other/x", "/home/ec2-user/app", true),
            ("~/app/x", "/opt/app", true),
            ("~/app/x", "/home", false),
            ("app/x", "app", false),
            ("x", "app", true),
            ("app/x", "/opt/app", false),
        ] {
            assert_eq!(is_outside(&Text::from(path), &Text::from(folder)), outside, "{path} in {folder}");
        }
        assert!(!is_outside(&Text::new(Text::registered("v")), &Text::from("~")), "only the host knows");
    }

    #[test]
    fn a_tilde_is_found_where_a_program_takes_it_literally() {
        for (text, found) in [
            ("[Service]\nExecStart=~/kafka/bin/run now\n", vec!["~/kafka/bin/run"]),
            ("dir = ~/x", vec!["~/x"]),
            ("path: \"~/x y\"", vec!["~/x"]),
            ("-Dlog=~/a:~/b:~/a", vec!["~/a", "~/b"]),
            ("# see ~/x\n; ~/y\n// ~/z\n", vec![]),
            ("a~/b http://h/~user ~/", vec![]),
        ] {
            assert_eq!(tildes(text), found, "{text}");
        }
        assert!(knows_tilde("~/.bashrc", "") && knows_tilde("~/run", "#!/bin/sh\n") && knows_tilde(".ssh/config", ""));
        assert!(!knows_tilde("/etc/systemd/system/kafka.service", "[Service]"));
    }

    #[test]
    fn an_address_names_a_version_or_may_lead_elsewhere_tomorrow() {
        for (url, named) in [
            ("https://archive.apache.org/dist/kafka/2.8.1/kafka_2.12-2.8.1.tgz", true),
            ("https://github.com/aws/x/releases/download/v1.1.5/x-all.jar", true),
            ("https://h/v1/tool", true),
            ("https://h/tool-2.tgz", true),
            ("https://h/x/0a1b2c3d4e5f/tool", true),
            ("https://h/tool", false),
            ("https://h/", false),
            ("https://10.0.0.1:8080/tool.jar", false),
            ("https://h/latest/tool-1.2.3", false),
            ("https://h/x/main/install.sh", false),
            ("https://h/tool-latest.tgz", false),
            ("https://h/x86_64/tool", false),
            ("https://h/tool?v=1.2", false),
        ] {
            assert_eq!(names_a_version(url), named, "{url}");
        }
    }
}
