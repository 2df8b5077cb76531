//! `upload`: files and folders of this machine on the host.
//!
//! Where `file` carries its bytes within the plan, these go beside the log: what the host lacks is streamed while the step waits, and is
//! continued after a cut. The plan has the list of them: sort, mode, size and SHA-256 of each, made when the playbook is compiled.
//!
//! Without `mode` a file has the mode that it has here, without the right of others to write and without set-user-id
//! and set-group-id: another umask where a repository was cloned makes no difference. A folder itself keeps the mode that it has on the
//! host, since it may be one of the system.

use std::fmt::Write as _;

use super::address::DIGESTERS;
use super::doubt::Doubt;
use super::field::{boolean, local_tree, mode, path, text, texts};
use super::file::OWNER;
use super::typed::TypedLine;
use super::{ArgValue, Args, Cause, Content, Effect, Kind, LocalSort, Need, Pattern, Recipe, Tree, Upload, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

/// What is left out of a folder.
const EXCLUDED: Pattern = Pattern {
    what: "pattern",
    fits: |pattern| {
        !pattern.trim_matches('/').is_empty()
            && !pattern.contains(['[', ']', '?', '\\', '\n'])
            && !pattern.split('/').any(|part| part == "." || part == "..")
    },
    on_host: "case /$pb_value/ in // | /// | *[][?\\\\'\n']* | */./* | */../*) false ;; esac",
    hint: "write a name such as `.git` or `*.log`, or a path from the folder such as `conf/local.yml`; `*` stands for any characters",
};

/// The bits of a mode that are taken over: not the right of others to write, and no set-user-id.
const KEPT: u32 = 0o755;

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Brings a file, or a folder with everything in it, from this machine to the host.",
    check: "every file of it is there with the same SHA-256, every link holds the same, and modes and owners are as wanted; with `delete`, nothing else is there",
    fields: &[
        local_tree("src", "The file or folder on this machine.").required(),
        path("to", "Where it goes: the path of the file itself, or of the directory that gets what is in the folder.").required(),
        mode("mode", "The mode of the files; by default each has the one that it has here, without the right of others to write."),
        mode(
            "directory_mode",
            "The mode of the directories; by default each has the one that it has here, and the directory `to` itself keeps its own.",
        ),
        text("owner", "The user that owns all of it, by name or number.").matching(&OWNER),
        text("group", "The group that owns all of it, by name or number.").matching(&OWNER),
        boolean("delete", "Remove what is in the directory on the host and not in the folder; what `exclude` names stays."),
        texts(
            "exclude",
            "What of a folder is left out: names such as `.git` or `*.log`, wherever they are, or paths from the folder such as `conf/local.yml`.",
        )
        .matching(&EXCLUDED),
    ],
    subject: "to",
    needs: &[
        Need { when: When::Always, ..DIGESTERS },
        Need::one_of(&["find", "busybox"], "install findutils in an earlier step").when(When::Is("delete", "true")),
    ],
    effect,
    shell: include_str!("upload.sh"),
    causes: &[
        Cause {
            words: &["was changed after the plan was made"],
            sentence: "The file was changed on this machine while the run was on its way: run the playbook again when nothing writes to it.",
        },
        Cause {
            words: &["no space left in", "for the files on their way"],
            sentence: "What is sent waits in ~/.pinboot of the login user until it is complete: free so much there, or upload less at a time.",
        },
    ],
    example: "\
- name: Put the application there
  upload:
    src: build/app
    to: /opt/app
    owner: app
    exclude: ['*.log', .git]
    delete: true
  sudo: true
",
    doubts,
    hook: Some(complete),
    ..Kind::named("upload")
};

fn effect(args: &Args<'_>) -> Effect {
    args.tree("src").map_or(Effect::None, |tree| {
        Effect::Upload(Upload { tree: tree.clone(), list: Content::Bytes(listed(tree).into_bytes()) })
    })
}

/// The list as the host reads it: a line `SORT MODE SIZE DIGEST /NAME/` for each entry, and behind a link `>` and what it holds.
fn listed(tree: &Tree) -> String {
    let mut list = String::new();
    for entry in &tree.entries {
        let (sort, size, digest) = match &entry.sort {
            LocalSort::Folder => ('d', 0, "-"),
            LocalSort::File(file) => ('f', file.size, file.digest.as_str()),
            LocalSort::Link(_) => ('l', 0, "-"),
        };
        writeln!(list, "{sort} {:04o} {size} {digest} /{}/", entry.mode & KEPT, entry.name)
            .expect("a string takes all");
        if let LocalSort::Link(held) = &entry.sort {
            writeln!(list, ">{held}").expect("a string takes all");
        }
    }
    list
}

/// What only a folder can have, and what is shown of the step.
fn complete(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let (Some(tree), Some(to)) = (args.tree("src"), args.text("to")) else { return Ok(()) };
    let mut faults = Vec::new();
    if tree.is_folder {
        recipe.set("folder", Script::quoted(&Text::from("1")));
        if args.flag("delete") && to.literal().is_some_and(|to| matches!(to.trim_end_matches('/'), "" | "~")) {
            let all = Diagnostic::error(
                args.place("delete"),
                format!("`delete` would remove everything else in `{}`", to.display()),
            );
            faults.push(all.hint("name a directory that holds nothing but this folder"));
        }
    } else {
        for name in ["directory_mode", "delete", "exclude"].iter().filter(|name| args.is_given(name)) {
            let fault = Diagnostic::error(
                args.key_place(name),
                format!("`{name}` is for a folder, and `{}` is a file", tree.path),
            );
            faults.push(fault.hint("remove it, or give the folder as `src`"));
        }
        if to.literal().is_some_and(|to| to.ends_with('/')) {
            let name = tree.path.rsplit('/').next().unwrap_or_default();
            let fault =
                Diagnostic::error(args.place("to"), format!("`{}` is a directory, and `src` is a file", to.display()));
            faults.push(fault.hint(format!("write the path of the file itself: {}{name}", to.display())));
        }
    }
    if args.texts("exclude").iter().any(|pattern| pattern.literal().is_none()) {
        let unknown =
            Diagnostic::error(args.place("exclude"), "what is left out has to be known before anything is sent");
        faults.push(unknown.hint("write the pattern itself, or a variable of the playbook that is not a secret"));
    }
    recipe.equivalent_commands = Some(commands(args, tree, to));
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What a user would type: the first line on this machine, the others on the host.
fn commands(args: &Args<'_>, tree: &Tree, to: &Text) -> Script {
    let mut copy = TypedLine::new(if tree.is_folder { "rsync -rlp --chmod=go-w" } else { "scp -p" });
    copy.flag("--delete", args.flag("delete"));
    for pattern in args.texts("exclude") {
        copy.flag("--exclude", true).word(&pattern);
    }
    let (src, to_host) = if tree.is_folder { ("@{src}/", "HOST:@{to}/") } else { ("@{src}", "HOST:@{to}") };
    copy.shell(&Script::fill(src, &[("src", &Text::new(tree.path.trim_end_matches('/')))]));
    copy.shell(&Script::fill(to_host, &[("to", to)])).flag("   # on this machine", true);
    let mut script = copy.whole();
    let lines: [(&str, &'static str, &'static str); 4] = [
        ("mode", "chmod @{value} @{to}", "find @{to} -type f -exec chmod @{value} {} +"),
        ("directory_mode", "", "find @{to} -type d -exec chmod @{value} {} +"),
        ("owner", "chown @{value} @{to}", "chown -Rh @{value} @{to}"),
        ("group", "chgrp @{value} @{to}", "chgrp -Rh @{value} @{to}"),
    ];
    for (field, of_file, of_folder) in lines {
        if let Some(value) = args.text(field) {
            let line = if tree.is_folder { of_folder } else { of_file };
            script.line(&Script::fill(line, &[("value", value), ("to", to)]));
        }
    }
    script
}

/// Links that lead nowhere on the host.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    let Some(ArgValue::Tree(tree)) = args.get("src").map(|arg| &arg.value) else { return Vec::new() };
    let leads_out = |name: &str, held: &str| {
        let mut depth = name.matches('/').count();
        !held.starts_with('/')
            && held.split('/').any(|part| match part {
                "" | "." => false,
                ".." if depth == 0 => true,
                ".." => {
                    depth -= 1;
                    false
                }
                _ => {
                    depth += 1;
                    false
                }
            })
    };
    let out = tree.entries.iter().find_map(|entry| match &entry.sort {
        LocalSort::Link(held) if leads_out(&entry.name, held) => Some((&entry.name, held)),
        _ => None,
    });
    out.map(|(name, held)| {
        let message =
            format!("the link {name} leads out of the folder, to {held}: on the host something else may be there");
        Doubt::new("src", message, "send what it leads to in a step of its own, or leave the link out (`exclude`)")
    })
    .into_iter()
    .collect()
}
