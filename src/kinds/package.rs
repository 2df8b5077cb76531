//! `package`: software from the host's own package manager.
//!
//! The check goes by effect: a name is so where a package of that name is installed, or where an installed package
//! provides it (`java-1.8.0` is such a name on Amazon Linux). Names may differ between families of systems; `dnf` and
//! `yum` are one family. With `state: absent` a name is so where nothing installed has or (rpm) provides it.

use super::args::finish;
use super::{Arg, ArgValue, Args, Field, Kind, Need, Recipe, Shape};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// The families, each with the case of the host that takes its names.
const FAMILIES: &[(&str, &str)] = &[
    ("yum", "yum)\n    set --"),
    ("apt", "apt)\n    set --"),
    ("apk", "apk)\n    set --"),
    ("zypper", "zypper)\n    set --"),
];

const MANAGERS: Need = Need {
    any_of: &["yum", "apt-get", "dnf", "apk", "zypper"],
    hint: "this host has none of the package managers that pinboot knows; use `archive` or `script` instead",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    name: "package",
    summary: "Installs or removes packages with yum, dnf, apt-get, apk or zypper, whichever the host has.",
    check: "a package of that name is installed, or an installed one provides it",
    fields: &[
        Field {
            name: "name",
            shape: Shape::Any,
            required: false,
            doc: "The package, a list of them, or a map from families to names (`{ yum: java-1.8.0, apt: openjdk-8-jdk }`).",
        },
        Field {
            name: "yum",
            shape: Shape::Texts,
            required: false,
            doc: "The name on hosts with yum or dnf, instead of `name`.",
        },
        Field { name: "dnf", shape: Shape::Texts, required: false, doc: "The same as `yum`." },
        Field {
            name: "apt",
            shape: Shape::Texts,
            required: false,
            doc: "The name on hosts with apt-get, instead of `name`.",
        },
        Field {
            name: "apk",
            shape: Shape::Texts,
            required: false,
            doc: "The name on hosts with apk, instead of `name`.",
        },
        Field {
            name: "zypper",
            shape: Shape::Texts,
            required: false,
            doc: "The name on hosts with zypper, instead of `name`.",
        },
        Field {
            name: "version",
            shape: Shape::Text,
            required: false,
            doc: "The version, or the beginning of it up to a separator: `1.8` fits 1.8.0.382 and not 1.80.",
        },
        Field {
            name: "state",
            shape: Shape::OneOf(&["present", "absent"]),
            required: false,
            doc: "`present` where nothing is said.",
        },
        Field {
            name: "update_cache",
            shape: Shape::Bool,
            required: false,
            doc: "Refresh the package lists first; by default only where a package cannot be had without (apt).",
        },
    ],
    short: Some("name"),
    example: "\
- name: Install Java
  package: { yum: java-1.8.0, apt: openjdk-8-jdk }
",
    compile,
};

/// One wanted package: the same name everywhere, or one for each family.
enum Wanted {
    Everywhere(Text),
    PerFamily(Vec<(&'static str, Vec<Text>)>),
}

fn compile(args: &Args<'_>) -> Result<Recipe, Vec<Diagnostic>> {
    let mut faults = Vec::new();
    let wanted = wanted(args, &mut faults);
    let version = args.text("version").cloned().unwrap_or_default();
    let count: usize = wanted.iter().map(Wanted::most).sum();
    if count > 1 && !version.raw().is_empty() {
        let fault = Diagnostic::error(args.key("version").unwrap_or(args.span), "`version` is for a single package");
        faults.push(fault.hint("give the packages a step each"));
    }
    if version.literal().is_some_and(|letters| letters.starts_with('-') || letters.contains(char::is_whitespace)) {
        faults.push(Diagnostic::error(args.place("version"), format!("`{}` is no version", version.display())));
    }
    let state = args.text("state").cloned().unwrap_or_else(|| Text::from("present"));
    if state.literal() == Some("absent") && !version.raw().is_empty() {
        let fault = Diagnostic::error(
            args.key("version").unwrap_or(args.span),
            "`version` says nothing where the package shall be absent",
        );
        faults.push(fault);
    }
    let update = Text::from(match args.get("update_cache") {
        None => "auto",
        Some(_) if args.flag("update_cache", false) => "update",
        Some(_) => "never",
    });
    let (choice, names) = choose(&wanted, args.span, &mut faults);
    let values = [("state", &state), ("version", &version), ("update", &update)];
    let (check, apply) = if let Some(choice) = choice {
        let behind = |call: &'static str| {
            let mut script = choice.clone();
            script.line(&Script::fill(call, &values));
            script
        };
        (
            behind("pb_packages_check @{state} @{version} \"$@\""),
            behind("pb_packages_apply @{state} @{version} @{update} \"$@\""),
        )
    } else {
        let with_names = |call: &'static str| {
            let mut script = Script::fill(call, &values);
            for name in &names {
                script.word(name);
            }
            script
        };
        (
            with_names("pb_packages_check @{state} @{version}"),
            with_names("pb_packages_apply @{state} @{version} @{update}"),
        )
    };
    let equivalent_commands = Some(equivalent_commands(&wanted, &state, &version));
    let subject = subject(&wanted);
    let needs = vec![MANAGERS];
    finish(
        Recipe {
            subject,
            check: Some(check),
            apply,
            equivalent_commands,
            needs,
            needs_root: true,
            ..Recipe::default()
        },
        faults,
    )
}

impl Wanted {
    /// How many packages it stands for, at most.
    fn most(&self) -> usize {
        match self {
            Self::Everywhere(_) => 1,
            Self::PerFamily(families) => families.iter().map(|(_, names)| names.len()).max().unwrap_or(0),
        }
    }

    /// Its names on hosts of a family, if they are known.
    fn on(&self, family: &str) -> Option<Vec<Text>> {
        match self {
            Self::Everywhere(name) => Some(vec![name.clone()]),
            Self::PerFamily(families) => {
                families.iter().find(|(known, _)| *known == family).map(|(_, names)| names.clone())
            }
        }
    }
}

/// What a person would type, family by family.
fn equivalent_commands(wanted: &[Wanted], state: &Text, version: &Text) -> Script {
    let absent = state.literal() == Some("absent");
    let mut equivalent_commands = Script::default();
    for (family, _) in FAMILIES {
        let names: Option<Vec<Vec<Text>>> = wanted.iter().map(|wanted| wanted.on(family)).collect();
        let Some(names) = names else { continue };
        let mut line = Script::fill(
            match (*family, absent) {
                ("yum", false) => "yum -y install",
                ("yum", true) => "yum -y remove",
                ("apt", false) => "apt-get -y install",
                ("apt", true) => "apt-get -y remove",
                ("apk", false) => "apk add",
                ("apk", true) => "apk del",
                (_, false) => "zypper --non-interactive install",
                (_, true) => "zypper --non-interactive remove",
            },
            &[],
        );
        for name in names.iter().flatten() {
            line.word(name);
        }
        if !version.raw().is_empty() {
            line.append(&Script::fill("    # version @{version}", &[("version", version)]));
        }
        equivalent_commands.line(&line);
    }
    equivalent_commands
}

/// The shell that sets the host's names, where they differ between families; the names themselves where they do not.
fn choose(wanted: &[Wanted], span: Span, faults: &mut Vec<Diagnostic>) -> (Option<Script>, Vec<Text>) {
    if wanted.iter().all(|wanted| matches!(wanted, Wanted::Everywhere(_))) {
        return (None, wanted.iter().filter_map(|wanted| wanted.on("")).flatten().collect());
    }
    let known: Vec<_> = FAMILIES
        .iter()
        .filter_map(|(family, case)| {
            let names: Option<Vec<Vec<Text>>> = wanted.iter().map(|wanted| wanted.on(family)).collect();
            names.map(|names| (*family, *case, names.concat()))
        })
        .collect();
    if known.is_empty() {
        let fault = Diagnostic::error(span, "the packages of this step have no family of systems in common");
        faults.push(fault.hint("give each of them a name for the same families, or a step of its own"));
    }
    let mut script = Script::fill("pb_family", &[]);
    for (family, _, _) in &known {
        script.word(&Text::from(*family));
    }
    script.line(&Script::fill("case $pb_family in", &[]));
    for (_, case, names) in &known {
        script.line(&Script::fill(case, &[]));
        for name in names {
            script.word(name);
        }
        script.line(&Script::fill("    ;;", &[]));
    }
    script.line(&Script::fill("esac", &[]));
    (Some(script), Vec::new())
}

/// Reads `name`, or the fields that are named for families.
fn wanted(args: &Args<'_>, faults: &mut Vec<Diagnostic>) -> Vec<Wanted> {
    let mut families: Vec<(&'static str, Vec<Text>)> = Vec::new();
    for (key, span, arg) in args.fields {
        let Some(family) = family(key) else { continue };
        if args.get("name").is_some() {
            let fault = Diagnostic::error(*span, format!("`name` and `{key}` both name the package"));
            faults.push(fault.hint("keep `name`, or one key for each family"));
        }
        add_family(&mut families, family, *span, names(arg, faults), faults);
    }
    if !families.is_empty() {
        return vec![Wanted::PerFamily(families)];
    }
    let Some(arg) = args.get("name") else {
        let fault = Diagnostic::error(args.span, "this step names no package");
        faults.push(fault.hint("give `name`, or a name for each family as in { yum: java-1.8.0, apt: openjdk-8-jdk }"));
        return Vec::new();
    };
    let entries = if let ArgValue::List(list) = &arg.value { list.iter().collect() } else { vec![arg] };
    if entries.is_empty() {
        faults.push(Diagnostic::error(arg.span, "the list names no package"));
    }
    entries.into_iter().filter_map(|entry| entry_of(entry, faults)).collect()
}

/// Reads one entry: a name, or a map from families to names.
fn entry_of(entry: &Arg, faults: &mut Vec<Diagnostic>) -> Option<Wanted> {
    match &entry.value {
        ArgValue::Map(map) => {
            let mut families = Vec::new();
            for (key, span, arg) in map {
                if let Some(family) = family(key) {
                    add_family(&mut families, family, *span, names(arg, faults), faults);
                } else {
                    let known = FAMILIES.iter().map(|(family, _)| *family).chain(["dnf"]);
                    let fault = Diagnostic::error(*span, format!("`{key}` is no family of packages"));
                    faults.push(fault.hint("yum (or dnf), apt, apk and zypper are").did_you_mean(key, known));
                }
            }
            Some(Wanted::PerFamily(families))
        }
        _ => names(entry, faults).into_iter().next().map(Wanted::Everywhere),
    }
}

fn add_family(
    families: &mut Vec<(&'static str, Vec<Text>)>,
    family: &'static str,
    span: Span,
    names: Vec<Text>,
    faults: &mut Vec<Diagnostic>,
) {
    if families.iter().any(|(known, _)| *known == family) {
        faults.push(Diagnostic::error(span, "yum and dnf are one family here: name its package once"));
    } else {
        families.push((family, names));
    }
}

fn family(key: &str) -> Option<&'static str> {
    let key = if key == "dnf" { "yum" } else { key };
    FAMILIES.iter().map(|(family, _)| *family).find(|family| *family == key)
}

/// Reads a name or a list of names.
fn names(arg: &Arg, faults: &mut Vec<Diagnostic>) -> Vec<Text> {
    let list = if let ArgValue::List(list) = &arg.value { list.iter().collect() } else { vec![arg] };
    let mut names = Vec::new();
    for entry in list {
        let ArgValue::Text(name) = &entry.value else {
            faults.push(Diagnostic::error(entry.span, "expected a package's name").label("this is none"));
            continue;
        };
        let fits =
            |letters: &str| !letters.is_empty() && !letters.starts_with('-') && !letters.contains(char::is_whitespace);
        if name.literal().is_some_and(|letters| !fits(letters)) {
            let fault = Diagnostic::error(entry.span, format!("`{}` is no package's name", name.display()));
            faults.push(fault.hint("several packages are a list, as in [java-1.8.0, unzip]"));
        }
        names.push(name.clone());
    }
    names
}

fn subject(wanted: &[Wanted]) -> String {
    let shown = |names: &[Text]| names.iter().map(Text::display).collect::<Vec<_>>().join(" ");
    let each = wanted.iter().map(|wanted| match wanted {
        Wanted::Everywhere(name) => name.display(),
        Wanted::PerFamily(families) => families.iter().map(|(_, names)| shown(names)).collect::<Vec<_>>().join("|"),
    });
    each.collect::<Vec<_>>().join(" ")
}
