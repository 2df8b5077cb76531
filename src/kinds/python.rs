//! `python`: packages of Python, in a virtual environment or in the Python of the host.
//!
//! The check reads what pip itself keeps of each installed package, and compares names, versions, markers, extras and origins with what
//! is asked, dependencies included. No stamp file says anything. A virtual environment whose python is gone is made anew.

use super::cause::Cause;
use super::field::{one_of, path, text, texts};
use super::rule::{any_of, not_when, only_with};
use super::typed::TypedLine;
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const PACKAGE: Pattern = Pattern {
    what: "requirement",
    fits: |text| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
            && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
            && !text.contains(" #")
    },
    on_host: "case $pb_value in [!A-Za-z0-9/]* | '' | *[!\\ -~]* | *' #'*) false ;; esac",
    hint: "write one as in a file of requirements, such as Django>=4.2,<5, gunicorn[gevent], a whole path or an address; options and \
           `-e` belong into a file, which `requirements` names",
};

const VERSION: Pattern = Pattern {
    what: "version of Python",
    fits: |text| {
        let mut parts = text.split('.');
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        parts.next() == Some("3") && parts.clone().count() <= 2 && parts.all(is_number)
    },
    on_host: "case $pb_value in 3) ;; 3.*[!0-9.]* | 3.*..* | 3.*.*.* | *. | 3.) false ;; 3.*) ;; *) false ;; esac",
    hint: "write it as 3.11",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Installs packages of Python with pip, in a virtual environment that it makes or in the Python of the host.",
    check: "what pip keeps of each installed package: its name, version and origin, and those of what it needs; the virtual environment has the wanted Python, which starts",
    fields: &[
        path(
            "venv",
            "The directory of the virtual environment, made where it is missing; by default the Python of the host.",
        ),
        path("requirements", "A file of requirements on the host."),
        texts("packages", "What to install, each as in a file of requirements: `Django>=4.2,<5`.")
            .matching(&PACKAGE)
            .keeps_secrets(),
        text("version", "The version of Python that the virtual environment is made with, such as 3.11.")
            .matching(&VERSION),
        one_of("state", &["present", "absent"], "Whether the packages are installed.").default("present"),
    ],
    rules: &[
        any_of(&["venv", "requirements", "packages"]),
        only_with("version", "venv").hint("the Python of the host is a package like others: name it with `package`"),
        not_when("requirements", ABSENT),
        not_when("version", ABSENT),
    ],
    subject: "venv",
    needs: &[Need::one_of(
        &["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8"],
        "install it in an earlier step (`package: { yum: python3, apt: [python3, python3-venv] }`)",
    )],
    needs_root: When::Missing(&["venv"]),
    asks_as_root: When::Missing(&["venv"]),
    shell: include_str!("python.sh"),
    causes: &[
        Cause {
            words: &["venv or ensurepip is not available"],
            sentence: "Debian and Ubuntu have this in a package of its own: put `package: { apt: python3-venv }` before this step.",
        },
        Cause {
            words: &["externally managed"],
            sentence: "The package manager of the host owns this Python (PEP 668): give the step a `venv`, or install the package with `package`.",
        },
        Cause {
            words: &["no matching distribution found"],
            sentence: "No index that the host reaches has such a version for this Python: compare the name and the version, and try `pip download` on the host.",
        },
        Cause {
            words: &["failed to establish a new connection"],
            sentence: "The host does not reach the index of packages: give the step `env: { PIP_INDEX_URL: … }` with a mirror, or the host a way out.",
        },
        Cause {
            words: &["do not match the hashes"],
            sentence: "The bytes that came are not those that the file of requirements names: find out why before you change a hash.",
        },
    ],
    example: "\
- name: Install what the application needs
  python: { venv: ~/venv, requirements: ~/shop/requirements.txt }
",
    hook: Some(hook),
    ..Kind::named("python")
};

const ABSENT: When = When::Is("state", "absent");

/// What no rule says, and what a user would type.
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = ABSENT.holds(args);
    if is_absent && !args.is_given("packages") {
        let nothing = Diagnostic::error(args.place("state"), "`state: absent` names no packages");
        return Err(vec![nothing.hint(
            "name them in `packages`; a whole virtual environment is removed with `absent: { path: …, tree: true }`",
        )]);
    }
    let packages = args.texts("packages");
    if !args.is_given("venv") {
        recipe.subject = packages.iter().map(Text::display).collect::<Vec<_>>().join(" ");
    }
    let mut script = Script::default();
    let venv = args.text("venv");
    if let Some(venv) = venv.filter(|_| !is_absent) {
        let version = args.text("version").map_or("3", Text::raw);
        let mut line = Script::default();
        line.word(&Text::new(format!("python{version}")));
        line.append(&Script::fill(" -m venv @{venv}", &[("venv", venv)]));
        script.line(&line);
    }
    if is_absent || !packages.is_empty() || args.is_given("requirements") {
        let python = venv.map_or_else(|| Text::from("python3"), |venv| Text::new(format!("{}/bin/python", venv.raw())));
        let mut line = TypedLine::new("");
        line.word(&python).flag(if is_absent { "-m pip uninstall -y" } else { "-m pip install" }, true);
        if let Some(file) = args.text("requirements") {
            line.flag("-r", true).word(file);
        }
        for package in &packages {
            line.word(package);
        }
        script.line(&line.whole());
    }
    recipe.equivalent_commands = Some(script);
    Ok(())
}
