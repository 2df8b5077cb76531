//! `package`: software from the host's own package manager.
//!
//! The check goes by effect: a name is satisfied where a package of that name is installed, or where an installed
//! package provides it (`java-1.8.0` is such a name on Amazon Linux). Names may differ between families of systems;
//! `dnf` and `yum` are one family. With `state: absent` a name is satisfied where nothing installed has or (rpm)
//! provides it.

use super::cause::{Cause, FULL};
use super::field::{boolean, list, one_of, text, texts};
use super::rule::{any_of, at_most_one, not_when};
use super::{Arg, ArgValue, Args, Field, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Span};

/// The kind's shell: what every step has, what a family has, and what only some steps do.
const SHELL: &str = concat!(
    include_str!("package.sh"),
    include_str!("package/yum.sh"),
    include_str!("package/apt.sh"),
    include_str!("package/apk.sh"),
    include_str!("package/zypper.sh"),
    include_str!("package/pacman.sh"),
    include_str!("package/absent.sh"),
    include_str!("package/latest.sh"),
    include_str!("package/group.sh"),
    include_str!("package/file.sh"),
    include_str!("package/deb.sh"),
);

/// A family of systems: its name, its shell function, and what a user types there to install and to remove.
struct Family {
    name: &'static str,
    function: &'static str,
    install: &'static str,
    remove: &'static str,
    /// What joins a package and its version.
    version: (&'static str, &'static str),
}

const FAMILIES: &[Family] = &[
    Family {
        name: "yum",
        function: "package_by_yum",
        install: "yum -y install",
        remove: "yum -y remove",
        version: ("-", "[!0-9A-Za-z]*"),
    },
    Family {
        name: "apt",
        function: "package_by_apt",
        install: "apt-get -y install",
        remove: "apt-get -y remove",
        version: ("=", "*"),
    },
    Family { name: "apk", function: "package_by_apk", install: "apk add", remove: "apk del", version: ("=~", "") },
    Family {
        name: "zypper",
        function: "package_by_zypper",
        install: "zypper --non-interactive install",
        remove: "zypper --non-interactive remove",
        version: ("=", ""),
    },
    Family {
        name: "pacman",
        function: "package_by_pacman",
        install: "pacman -S --noconfirm --needed",
        remove: "pacman -R --noconfirm",
        version: ("=", ""),
    },
];

const VERSION: Pattern = Pattern {
    what: "version",
    fits: |version| {
        !version.starts_with('-') && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".:+~^_-".contains(&b))
    },
    on_host: "case $pb_value in -* | *[!A-Za-z0-9.:+~^_-]*) false ;; esac",
    hint: "write the version alone, such as 1.8",
};

const YUM: Field = texts("yum", "The name on hosts with yum or dnf, instead of `name`.");
const DNF: Field = texts("dnf", "The same as `yum`.");
const APT: Field = texts("apt", "The name on hosts with apt-get, instead of `name`.");
const APK: Field = texts("apk", "The name on hosts with apk, instead of `name`.");
const ZYPPER: Field = texts("zypper", "The name on hosts with zypper, instead of `name`.");
const PACMAN: Field = texts("pacman", "The name on hosts with pacman, instead of `name`.");

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Installs, updates or removes packages with yum, dnf, apt-get, apk, zypper or pacman, whichever the host has.",
    check: "a package of that name is installed, or an installed one provides or has replaced it; of a package file, the version inside it; with `state: latest`, whether the lists that the host has offer a newer one",
    fields: &[
        list(
            "name",
            &[text("name", "The package."), YUM, DNF, APT, APK, ZYPPER, PACMAN],
            "The package, the path or the address of a package file, a group such as `@development` (dnf, yum, zypper, pacman), a list of them, or a map from families to names (`{ yum: java-1.8.0, apt: openjdk-8-jdk }`).",
        ),
        YUM,
        DNF,
        APT,
        APK,
        ZYPPER,
        PACMAN,
        text("version", "The version, or the beginning of it up to a separator: `1.8` fits 1.8.0.382 and not 1.80.")
            .matching(&VERSION),
        one_of(
            "state",
            &["present", "latest", "absent"],
            "Whether it is installed; `latest` updates it where the lists of the host have a newer version.",
        )
        .default("present"),
        boolean(
            "update_cache",
            "Refresh the package lists first; by default only where a package cannot be had without (apt, apk, pacman).",
        ),
    ],
    rules: &[
        any_of(&["name", "yum", "dnf", "apt", "apk", "zypper", "pacman"])
            .hint("give `name`, or a name for each family as in { yum: java-1.8.0, apt: openjdk-8-jdk }"),
        at_most_one(&["name", "yum"]).hint(ONE_WAY),
        at_most_one(&["name", "dnf"]).hint(ONE_WAY),
        at_most_one(&["name", "apt"]).hint(ONE_WAY),
        at_most_one(&["name", "apk"]).hint(ONE_WAY),
        at_most_one(&["name", "zypper"]).hint(ONE_WAY),
        at_most_one(&["name", "pacman"]).hint(ONE_WAY),
        at_most_one(&["yum", "dnf"]).hint("yum and dnf are one family here: name its package once"),
        not_when("version", When::Is("state", "absent")),
        not_when("version", When::Is("state", "latest")),
    ],
    short: Some("name"),
    needs: &[Need::one_of(
        &["yum", "apt-get", "dnf", "apk", "zypper", "pacman"],
        "this host has none of the package managers that pinboot knows; use `archive` or `script` instead",
    )],
    needs_root: When::Always,
    shell: SHELL,
    causes: CAUSES,
    example: "\
- name: Install Java
  package: { yum: java-1.8.0, apt: openjdk-8-jdk }
",
    hook: Some(hook),
    ..Kind::named("package")
};

/// Why a text is not the name of one package, as what to write instead. `package_name_fits` in `package.sh` has the same rule,
/// for names that only the host knows.
fn refusal(name: &str) -> Option<&'static str> {
    const NOT_ONE: &str = "several packages are a list, as in [java-1.8.0, unzip]";
    let address = name.starts_with("http://") || name.starts_with("https://");
    let path = name.starts_with('/') || name.starts_with("~/");
    if name.is_empty() || name.starts_with('-') || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some(NOT_ONE)
    } else if address {
        let is_file = [".rpm", ".deb"].iter().any(|end| name.ends_with(end));
        (!is_file || name.contains(['*', '?', '['])).then_some(
            "only an .rpm or .deb file is installed from an address: `download` others, and name the file by its path",
        )
    } else if name.contains(['*', '?', '[']) {
        Some("name each package: what a pattern stands for changes with the repositories")
    } else if path {
        None
    } else if let Some(group) = name.strip_prefix('@') {
        let id = group.strip_prefix('^').unwrap_or(group);
        let fits = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
        (id.is_empty() || !fits).then_some("write the id of the group, as `dnf group list --ids` shows it")
    } else if name.contains(['=', '<', '>']) {
        Some("write the version as `version`, as in { name: unzip, version: 6.0 }")
    } else if name.contains('/') {
        Some("write the whole path of a package file, beginning with / or ~/; a release of apt needs a `command`")
    } else {
        let first = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b".:+~^_()-".contains(&b));
        (!first || !fits || name.ends_with('-')).then_some("write the name as the package manager lists it")
    }
}

/// Refuses names that check and change would not understand alike.
fn refuse_names(args: &Args<'_>) -> Result<(), Vec<Diagnostic>> {
    fn texts<'a>(arg: &'a Arg, found: &mut Vec<(&'a Text, Span)>) {
        match &arg.value {
            ArgValue::Text(text) => found.push((text, arg.span)),
            ArgValue::List(list) => list.iter().for_each(|arg| texts(arg, found)),
            ArgValue::Map(map) => {
                let given = map.iter().filter(|(_, _, arg)| arg.value != ArgValue::Text(Text::default()));
                given.for_each(|(_, _, arg)| texts(arg, found));
            }
            _ => {}
        }
    }
    let mut names = Vec::new();
    for field in ["name", "yum", "dnf", "apt", "apk", "zypper", "pacman"] {
        args.get(field).into_iter().for_each(|arg| texts(arg, &mut names));
    }
    let mut diagnostics = Vec::new();
    for (name, span) in names {
        let Some(literal) = name.literal() else { continue };
        if let Some(hint) = refusal(literal) {
            let shown: String = literal.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            diagnostics.push(Diagnostic::error(span, format!("invalid package name `{shown}`")).hint(hint));
        } else if literal.contains('/') && args.is_given("version") {
            let message = "`version` has no effect with a package file";
            diagnostics.push(Diagnostic::error(args.key_place("version"), message).hint("remove `version`"));
        } else if literal.starts_with('@') && args.is_given("version") {
            let message = "`version` has no effect with a group";
            diagnostics.push(Diagnostic::error(args.key_place("version"), message).hint("remove `version`"));
        } else if When::Is("state", "latest").holds(args) && is_no_name(literal) {
            let message = format!("`state: latest` is for packages by their names, and not for `{literal}`");
            let hint = "write `state: present`, or name the packages that are to be updated";
            diagnostics.push(Diagnostic::error(args.key_place("state"), message).hint(hint));
        }
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(diagnostics) }
}

/// Whether a package is given as something else than its name: a group, a package file or the address of one.
fn is_no_name(literal: &str) -> bool {
    let ends = [".rpm", ".deb"];
    literal.starts_with('@')
        || literal.contains('/') && (ends.iter().any(|end| literal.ends_with(end)) || literal.contains(".pkg.tar."))
}

const ONE_WAY: &str = "keep `name`, or one key for each family";

/// The packages of a step on hosts of one family.
type Names = Vec<Text>;

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    refuse_names(args)?;
    let wanted = wanted(args)?;
    let version = args.text("version");
    if version.is_some() && wanted.iter().map(Wanted::most).sum::<usize>() > 1 {
        let several = Diagnostic::error(args.key_place("version"), "`version` is for a single package");
        return Err(vec![several.hint("give the packages a step each")]);
    }
    let everywhere: Option<Vec<Names>> = wanted.iter().map(|wanted| wanted.on(None)).collect();
    let families: Vec<(&Family, Names)> = FAMILIES
        .iter()
        .filter_map(|family| {
            let names: Option<Vec<Names>> = wanted.iter().map(|wanted| wanted.on(Some(family.name))).collect();
            Some((family, names?.concat()))
        })
        .collect();
    if families.is_empty() {
        let none = Diagnostic::error(args.span, "the packages of this step have no family of systems in common");
        return Err(vec![none.hint("give each of them a name for the same families, or a step of its own")]);
    }
    call_what_is_needed(args, &families, recipe);
    recipe.subject = wanted.iter().map(Wanted::subject).collect::<Vec<_>>().join(" ");
    recipe.equivalent_commands = Some(commands(args, &families));
    // One list for every host, or one for each family that all packages have a name for.
    recipe.args.retain(|(name, _)| name != "dnf");
    recipe.set("name", everywhere.as_ref().map_or_else(Script::default, |names| Script::list(&names.concat())));
    for family in FAMILIES {
        let names = families.iter().find(|(known, _)| known.name == family.name && everywhere.is_none());
        recipe.set(family.name, names.map_or_else(Script::default, |(_, names)| Script::list(names)));
    }
    Ok(())
}

/// Names the functions of `package/` that this step needs: no other is sent with it.
fn call_what_is_needed(args: &Args<'_>, families: &[(&Family, Names)], recipe: &mut Recipe) {
    let is_state = |state| When::Is("state", state).holds(args);
    // What only the host knows may be anything.
    let has = |fits: fn(&str) -> bool| {
        families.iter().flat_map(|(_, names)| names).any(|name| name.literal().is_none_or(fits))
    };
    let has_deb = has(|name| name.contains("://") && matches!(name.rsplit_once('.'), Some((_, "deb"))));
    let has_group = has(|name| name.starts_with('@'));
    let parts = [
        (is_state("absent"), "package_remove"),
        (is_state("latest"), "package_newer package_update"),
        (has_group, "package_has_group"),
        (has(|name| name.contains('/')), "package_is_roots package_has_file"),
        (has_deb, "package_came_from package_apt_files"),
    ];
    let of_families = families.iter().map(|(family, _)| family.function);
    let needed: Vec<&str> = of_families.chain(parts.iter().filter(|part| part.0).map(|part| part.1)).collect();
    let call = |function: &str| Script::author(format!(": {}; {function}", needed.join(" ")));
    recipe.check = Some(call("package_check"));
    recipe.apply = call("package_apply");
    // What is newer, which groups there are, and what came from an address stands where only root reads it.
    recipe.asks_as_root = is_state("latest") || has_group || has_deb;
    if has_deb {
        // What fetches asks for it, and is reached by no name of a function that this kind declares.
        let is_secret = args.fields.iter().any(|(_, _, arg)| args.may_hold_secret(&arg.value));
        recipe.set("secret", if is_secret { Script::quoted(&Text::from("1")) } else { Script::default() });
    }
}

/// One wanted package: the same name everywhere, or names for each family.
enum Wanted {
    Everywhere(Text),
    PerFamily(Vec<(&'static str, Names)>),
}

impl Wanted {
    /// How many packages it stands for, at most.
    fn most(&self) -> usize {
        match self {
            Self::Everywhere(_) => 1,
            Self::PerFamily(families) => families.iter().map(|(_, names)| names.len()).max().unwrap_or(0),
        }
    }

    /// Its names on hosts of a family, or on every host, if they are known.
    fn on(&self, family: Option<&str>) -> Option<Names> {
        match self {
            Self::Everywhere(name) => Some(vec![name.clone()]),
            Self::PerFamily(families) => {
                families.iter().find(|(known, _)| Some(*known) == family).map(|(_, names)| names.clone())
            }
        }
    }

    fn subject(&self) -> String {
        let display = |names: &Names| names.iter().map(Text::display).collect::<Vec<_>>().join(" ");
        match self {
            Self::Everywhere(name) => name.display(),
            Self::PerFamily(families) => families.iter().map(|(_, names)| display(names)).collect::<Vec<_>>().join("|"),
        }
    }
}

/// Reads `name`, or the fields that are named for families.
fn wanted(args: &Args<'_>) -> Result<Vec<Wanted>, Vec<Diagnostic>> {
    let Some(name) = args.get("name") else {
        let given = args.fields.iter().map(|(name, _, arg)| (*name, arg));
        return Ok(vec![Wanted::PerFamily(per_family(given))]);
    };
    let ArgValue::List(entries) = &name.value else { return Ok(Vec::new()) };
    let mut wanted = Vec::new();
    let mut diagnostics = Vec::new();
    for (entry, fields) in entries.iter().zip(args.entries("name")) {
        let given = || fields.iter().filter(|(_, _, arg)| arg.value != ArgValue::Text(Text::default()));
        let families = per_family(given().map(|(name, _, arg)| (name.as_str(), arg)));
        let name = given().find_map(|(name, _, arg)| match &arg.value {
            ArgValue::Text(text) if name == "name" => Some(text.clone()),
            _ => None,
        });
        let has = |wanted: &str| given().any(|(name, _, _)| name == wanted);
        match name {
            _ if has("yum") && has("dnf") => diagnostics.push(
                Diagnostic::error(entry.span, "`yum` and `dnf` exclude each other")
                    .hint("yum and dnf are one family here: name its package once"),
            ),
            Some(name) if families.is_empty() => wanted.push(Wanted::Everywhere(name)),
            None if !families.is_empty() => wanted.push(Wanted::PerFamily(families)),
            Some(_) => diagnostics.push(
                Diagnostic::error(entry.span, "`name` and the names for families exclude each other").hint(ONE_WAY),
            ),
            None => diagnostics.push(Diagnostic::error(entry.span, "this entry of `name` names no package")),
        }
    }
    if diagnostics.is_empty() { Ok(wanted) } else { Err(diagnostics) }
}

/// The names for families among some fields.
fn per_family<'a>(fields: impl Iterator<Item = (&'a str, &'a Arg)>) -> Vec<(&'static str, Names)> {
    fields
        .filter_map(|(name, arg)| {
            let name = if name == "dnf" { "yum" } else { name };
            let family = FAMILIES.iter().find(|family| family.name == name)?;
            let ArgValue::List(list) = &arg.value else { return None };
            let text = |arg: &Arg| if let ArgValue::Text(text) = &arg.value { Some(text.clone()) } else { None };
            Some((family.name, list.iter().filter_map(text).collect()))
        })
        .collect()
}

/// What a user would type, family by family.
fn commands(args: &Args<'_>, families: &[(&Family, Names)]) -> Script {
    let absent = When::Is("state", "absent").holds(args);
    let mut script = Script::default();
    for (family, names) in families {
        let verb = match (family.name, absent) {
            (_, true) => family.remove,
            ("apk", _) if When::Is("state", "latest").holds(args) => "apk add -u",
            _ => family.install,
        };
        let is_group = |name: &&Text| name.raw().starts_with('@');
        // Neither apt nor apk has groups, and zypper calls them by another word.
        match family.name {
            "apt" | "apk" if names.iter().any(|name| is_group(&name)) => continue,
            "zypper" => names.iter().filter(is_group).for_each(|name| {
                let mut line = Script::fill(verb, &[]);
                line.word(&Text::from("-t"))
                    .word(&Text::from("pattern"))
                    .word(&Text::new(name.raw().replacen('@', "", 1)));
                script.line(&line);
            }),
            _ => {}
        }
        let mut line = Script::fill(verb, &[]);
        let mut count = 0;
        for name in names.iter().filter(|name| family.name != "zypper" || !is_group(name)) {
            count += 1;
            let (joint, end) = family.version;
            match args.text("version") {
                Some(version) => line.word(&Text::new(format!("{}{joint}{}{end}", name.raw(), version.raw()))),
                None if family.name == "pacman" => line.word(&Text::new(name.raw().replacen('@', "", 1))),
                None => line.word(name),
            };
        }
        if count > 0 {
            script.line(&line);
        }
    }
    script
}

const CAUSES: &[Cause] = &[
    Cause {
        words: &["temporary failure resolving"],
        sentence: "The host cannot resolve the names of apt's servers: it has no DNS at the moment, or a subnet without a way out.",
    },
    Cause {
        words: &["could not resolve", "failed to fetch"],
        sentence: "The host cannot resolve the names of apt's servers: it has no DNS at the moment, or a subnet without a way out.",
    },
    Cause {
        words: &["couldn't resolve host name"],
        sentence: "The host cannot resolve the name of a repository's server: it has no DNS at the moment, or a subnet without a way out.",
    },
    Cause {
        words: &["could not find out what is installed"],
        sentence: "The package data base could not be read, not through sudo either: compare its modes, or try `rpm -qa` or `dpkg -l` on the host as root.",
    },
    Cause {
        words: &["cannot find a valid baseurl"],
        sentence: "The host reaches none of its repositories: its subnet needs a way out (a NAT gateway or an S3 endpoint), and DNS.",
    },
    Cause {
        words: &["another app is currently holding the yum lock"],
        sentence: "Another yum is at work, as at an instance's first boot: wait for it; never delete its lock.",
    },
    Cause {
        words: &["waiting for process with pid", "to finish"],
        sentence: "Another dnf is at work, as at an instance's first boot: wait for it; never delete its lock.",
    },
    Cause {
        words: &["could not get lock /var/lib/"],
        sentence: "Another apt is at work (unattended-upgrades at first boot): wait for it; never delete its lock.",
    },
    Cause {
        words: &["gave up after", "the package lock is still held by"],
        sentence: "Another package manager has been at work all that time: see what it does (`ps`), then run again; never delete its lock.",
    },
    Cause {
        words: &["no package", "available"],
        sentence: "The host's repositories have no package of that name: Amazon Linux 2023, for one, has java-1.8.0-amazon-corretto.",
    },
    Cause {
        words: &["unable to find a match"],
        sentence: "The host's repositories have no package of that name: Amazon Linux 2023, for one, has java-1.8.0-amazon-corretto.",
    },
    Cause {
        words: &["unable to locate package"],
        sentence: "apt has no package of that name, also after a refresh of its lists: look it up with `apt-cache search`.",
    },
    Cause {
        words: &["has no installation candidate"],
        sentence: "apt knows the name and has nothing to install for it in this release: look for its successor with `apt-cache search`.",
    },
    Cause { words: &["more space needed on the", "filesystem"], sentence: FULL },
    Cause { words: &["installing package", "needs", "on the", "filesystem"], sentence: FULL },
    Cause { words: &["you don't have enough free space in"], sentence: FULL },
    Cause {
        words: &["no match for argument"],
        sentence: "The host's repositories have no package of that name: Amazon Linux 2023, for one, has java-1.8.0-amazon-corretto.",
    },
    Cause {
        words: &["unable to select packages", "no such package"],
        sentence: "The host's repositories have no package of that name: look it up with `apk search`.",
    },
    Cause {
        words: &["target not found"],
        sentence: "The host's repositories have no package of that name or version, also after a refresh of its lists: look it up with `pacman -Ss`.",
    },
    Cause {
        words: &["held packages were changed"],
        sentence: "Someone holds this package back on the host (`apt-mark showhold`): `apt-mark unhold` it in an earlier step, or write `state: present`.",
    },
    Cause {
        words: &["unable to lock database"],
        sentence: "Another package manager is at work, or a killed one has left /var/lib/pacman/db.lck behind: see what it does (`ps`) before you remove that.",
    },
    Cause {
        words: &["no provider of", "found"],
        sentence: "The host's repositories have no package of that name: look it up with `zypper search`.",
    },
];
