//! `compose`: the containers of a compose project, up or down.
//!
//! What compose itself makes of the files now is compared with what the project's containers were made from: the hash of each service, the
//! number of its containers, their state and their images. A folder that another user can change is that user's, who then acts.

use super::cause::Cause;
use super::container::CAUSES;
use super::field::{boolean, one_of, path, text, texts};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::Script;
use crate::source::Diagnostic;

const NAME: Pattern = Pattern {
    what: "name of a compose project",
    fits: |name| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        !name.is_empty() && name.bytes().all(fits) && !name.starts_with(['_', '-'])
    },
    on_host: "case $pb_value in '' | [_-]* | *[!a-z0-9_-]*) false ;; esac",
    hint: "a-z, 0-9, `_` and `-`, beginning with a letter or a digit",
};

const PROFILE: Pattern = Pattern {
    what: "name of a profile",
    fits: |name| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        !name.is_empty() && name.bytes().all(fits) && name.as_bytes()[0].is_ascii_alphanumeric()
    },
    on_host: "case $pb_value in '' | [_.-]* | *[!A-Za-z0-9_.-]*) false ;; esac",
    hint: "write it as the compose file has it under `profiles`",
};

const FILE: Pattern = Pattern {
    what: "path",
    fits: |path| !path.is_empty() && !path.contains('\n') && !path.starts_with('-') && !path.contains(['*', '?']),
    on_host: "case $pb_value in '' | -* | *'\n'* | *[*?]*) false ;; esac",
    hint: "write one path, from the folder of the project or a whole one",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Brings the containers of a compose project up, or takes them down.",
    check: "`compose config --hash` of each service beside the hash that its containers were made from, their number and state, and the id of each image beside the one that its name has on the host now",
    fields: &[
        path("project", "The folder of the project on the host.").required(),
        texts("files", "The compose files, from that folder; by default the one that compose finds.").matching(&FILE),
        texts("env_file", "Files of variables for the compose files, from that folder; by default its `.env`.").matching(&FILE),
        texts("profiles", "Profiles whose services belong to it as well.").matching(&PROFILE),
        text("name", "The name of the project; by default the one that compose gives it, such as that of the folder.")
            .matching(&NAME),
        one_of("state", &["up", "down"], "Whether its containers run, or are gone.").default("up"),
        boolean("remove_orphans", "Remove containers of services that the files do not have any more.").default("false"),
        one_of(
            "pull",
            &["missing", "always"],
            "Whether the registry is asked in each run which images the names stand for now, or only where an image is missing.",
        )
        .default("missing"),
    ],
    rules: &[
        not_when("profiles", When::Is("state", "down")).hint("all containers of the project go"),
    ],
    short: Some("project"),
    subject: "project",
    needs: &[Need::one_of(
        &["docker", "docker-compose"],
        "install docker and its compose plugin in an earlier step (`package: { apt: [docker.io, docker-compose], yum: docker }`)",
    )],
    shell: include_str!("compose.sh"),
    causes: &[
        Cause {
            words: &["no configuration file provided"],
            sentence: "The folder has no compose file: write it in an earlier step (`file:`), or name it in `files`.",
        },
        Cause {
            words: &["required variable", "is missing a value"],
            sentence: "The compose file wants a variable that has no value: give it in a file (`env_file`), which an earlier step writes.",
        },
        Cause {
            words: &["neither `docker compose` nor `docker-compose`"],
            sentence: "Docker's compose is missing: install its plugin in an earlier step (`package: { apt: docker-compose-plugin }` from Docker's repository, `docker-compose` or `docker-compose-v2` from the distribution).",
        },
        CAUSES[0],
        CAUSES[1],
        CAUSES[2],
        CAUSES[3],
        CAUSES[4],
        CAUSES[5],
        CAUSES[6],
        CAUSES[7],
        CAUSES[8],
        CAUSES[9],
    ],
    example: "\
- name: Run the monitoring
  compose: { project: /opt/monitoring, files: [compose.yaml, production.yaml] }
  sudo: true
",
    hook: Some(hook),
    ..Kind::named("compose")
};

/// What a user would type.
#[expect(clippy::unnecessary_wraps, reason = "the form of a hook, which may refuse fields")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let project = args.text("project").cloned().unwrap_or_default();
    let mut script = Script::fill("cd", &[]);
    script.word(&project);
    let mut line = TypedLine::new("docker compose");
    line.value("-p", args, "name");
    for (option, field) in [("-f", "files"), ("--env-file", "env_file"), ("--profile", "profiles")] {
        for text in args.texts(field) {
            line.flag(option, true).word(&text);
        }
    }
    if When::Is("state", "down").holds(args) {
        line.flag("down", true);
    } else {
        line.flag("up -d", true).flag("--pull always", When::Is("pull", "always").holds(args));
    }
    line.flag("--remove-orphans", args.flag("remove_orphans"));
    script.append(&Script::fill(" && ", &[])).append(&line.whole());
    recipe.equivalent_commands = Some(script);
    Ok(())
}
