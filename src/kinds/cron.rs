//! `cron`: an entry of a user's crontab.
//!
//! A comment with the entry's name stands in front of it. Entries of other names, and those of people, stay. The variables of `env`
//! are set in the entry itself: as lines of their own they would hold for every entry behind them.

use super::field::{one_of, text, text_map};
use super::file::OWNER;
use super::rule::not_when;
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const NAME: Pattern = Pattern {
    what: "name of an entry",
    fits: |name| !name.trim().is_empty() && name.trim() == name && !name.chars().any(char::is_control),
    on_host: "case $pb_value in '' | ' '* | *' ' | *[!!-~' ']*) false ;; esac",
    hint: "a few words on one line, such as renew certificates",
};

const AT: Pattern = Pattern {
    what: "time of an entry",
    fits: is_time,
    on_host: "case $pb_value in @reboot | @hourly | @daily | @weekly | @monthly | @yearly) ;; *) false ;; esac",
    hint: "minute, hour, day of the month, month and day of the week, such as `30 3 * * *`, `*/10 * * * *` or `0 4 * * mon-fri`; or @reboot, \
           @hourly, @daily, @weekly, @monthly, @yearly",
};

const JOB: Pattern = Pattern {
    what: "command of an entry",
    fits: |job| !job.trim().is_empty() && !job.contains(['\n', '\r', '\0']),
    on_host: "case $pb_value in *'\n'* | *'\r'*) false ;; *[!' \t']*) ;; *) false ;; esac",
    hint: "one line of shell; write several into a script with `file:`",
};

const VARIABLE: Pattern = Pattern {
    what: "name of an environment variable",
    fits: |name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    },
    on_host: "false",
    hint: "letters, digits and `_`, not beginning with a digit",
};

const VALUE: Pattern = Pattern {
    what: "value of an environment variable",
    fits: |value| !value.contains(['\n', '\r', '\0']),
    on_host: "case $pb_value in *'\n'* | *'\r'*) false ;; esac",
    hint: "the value is one line",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sees to an entry of a user's crontab.",
    check: "the table has the comment `# pinboot: NAME` once, with this entry behind it",
    fields: &[
        text("name", "What the entry is called; a comment of that name stands in front of it.")
            .required()
            .matching(&NAME),
        text("user", "Whose crontab it is; by default that of the user that the step runs as.").matching(&OWNER),
        text("at", "When: five fields such as `30 3 * * *`, or `@daily` and its like.").matching(&AT),
        text("job", "The command, one line of shell; a `%` in it is itself.").matching(&JOB).keeps_secrets(),
        text_map("env", "Environment variables of the command.").names(&VARIABLE).matching(&VALUE).keeps_secrets(),
        one_of("state", &["present", "absent"], "Whether it is there.").default("present"),
    ],
    rules: &[
        not_when("at", When::Is("state", "absent")),
        not_when("job", When::Is("state", "absent")),
        not_when("env", When::Is("state", "absent")),
    ],
    subject: "name",
    needs: &[Need::one_of(&["crontab"], "install it in an earlier step (package: { yum: cronie, apt: cron })")],
    needs_root: When::Given(&["user"]),
    shell: include_str!("cron.sh"),
    example: "\
- name: Renew certificates
  cron:
    name: renew certificates
    user: root
    at: 30 3 * * *
    job: certbot renew --quiet --deploy-hook 'systemctl reload nginx'
",
    hook: Some(hook),
    ..Kind::named("cron")
};

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = args.text("state").and_then(Text::literal) == Some("absent");
    if !is_absent && let Some(missing) = ["at", "job"].into_iter().find(|name| !args.is_given(name)) {
        let missing = Diagnostic::error(args.span, format!("`cron` needs `{missing}`"));
        return Err(vec![missing.hint("give `at` and `job`, or write `state: absent`")]);
    }
    let text = |name: &str| args.text(name).cloned().unwrap_or_default();
    // A command is data: no `~/` in front of it becomes a home, which its own shell knows.
    if let Some(job) = args.text("job") {
        recipe.set("job", Script::author(job.quote_exactly()));
    }
    let table = args
        .text("user")
        .map_or_else(|| Script::fill("crontab", &[]), |user| Script::fill("crontab -u @{user}", &[("user", user)]));
    let mut script = Script::fill("{ ", &[]);
    script.append(&table).append(&Script::fill(
        " -l 2>/dev/null | awk -v m=@{name} '$0 == \"# pinboot: \" m { skip = 2 } skip-- <= 0'",
        &[("name", &text("name"))],
    ));
    if !is_absent {
        let vars = args
            .map("env")
            .into_iter()
            .fold(String::new(), |all, (name, value)| format!("{all}{name}={}; export {name}; ", shown(&value)));
        let entry = Text::new(format!("{} {vars}{}", text("at").raw(), text("job").raw()).replace('%', "\\%"));
        script.append(&Script::fill(
            "; printf '%s\\n' @{mark} @{entry}",
            &[("mark", &Text::new(format!("# pinboot: {}", text("name").raw()))), ("entry", &entry)],
        ));
    }
    script.append(&Script::fill("; } | ", &[])).append(&table).append(&Script::fill(" -", &[]));
    recipe.equivalent_commands = Some(script);
    Ok(())
}

/// A value as it stands in an entry.
fn shown(value: &Text) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@+:,./=-".contains(c);
    let raw = value.raw();
    if !raw.is_empty() && raw.chars().all(is_plain) {
        raw.to_owned()
    } else {
        format!("'{}'", raw.replace('\'', "'\\''"))
    }
}

/// Whether cron reads a text as a time.
fn is_time(text: &str) -> bool {
    const WORDS: &[&str] =
        &["@reboot", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"];
    const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let fields: Vec<&str> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
    let limits: [(u32, u32, &[&str]); 5] = [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, MONTHS), (0, 7, DAYS)];
    WORDS.contains(&text)
        || fields.len() == 5
            && fields.iter().zip(limits).all(|(field, (least, most, names))| is_times(field, least, most, names))
}

/// One of the five fields: a list of numbers, ranges and steps.
fn is_times(field: &str, least: u32, most: u32, names: &[&str]) -> bool {
    let number = |text: &str| -> Option<u32> {
        let named = names.iter().position(|name| text.eq_ignore_ascii_case(name)).and_then(|at| u32::try_from(at).ok());
        let is_digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        named.map(|at| at + least).or_else(|| text.parse().ok().filter(|n| is_digits && (least..=most).contains(n)))
    };
    field.split(',').all(|part| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let fits = range == "*"
            || match range.split_once('-') {
                Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
                None => number(range).is_some() && step.is_none(),
            };
        fits && step.is_none_or(|step| {
            step.parse::<u32>().is_ok_and(|step| (1..=most).contains(&step) && !step.to_string().is_empty())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_cron_reads_as_one() {
        for time in [
            "* * * * *",
            "30 3 * * *",
            "*/10 * * * *",
            "0 4 * * mon-fri",
            "0,30 8-18/2 1 jan *",
            "@daily",
            "0 0 * * 7",
            "5  4 * * Sun",
        ] {
            assert!(is_time(time), "{time}");
        }
        for time in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "@sometimes",
            "5/2 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "5-1 * * * *",
            "1,, * * * *",
        ] {
            assert!(!is_time(time), "{time}");
        }
    }
}
