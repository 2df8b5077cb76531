//! `sysctl`: settings of the kernel, now and at each boot.
//!
//! The file in `sysctl.d` and the running kernel are asked both. The file may hold other settings, of this playbook or of another
//! one: single settings are changed in it, as `properties` does.

use super::field::{path, text_map};
use super::file::PATH;
use super::{Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const KEY: Pattern = Pattern {
    what: "name of a setting of the kernel",
    fits: |key| {
        key.contains(['.', '/'])
            && !key.starts_with(['.', '/', '-'])
            && !key.ends_with(['.', '/'])
            && !key.contains("..")
            && !key.contains("//")
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@-".contains(&b))
    },
    on_host: "false",
    hint: "write it as `sysctl -a` shows it, such as vm.swappiness",
};

const VALUE: Pattern = Pattern {
    what: "value of a setting of the kernel",
    fits: |value| !value.trim().is_empty() && value.trim() == value && !value.chars().any(char::is_control),
    on_host: "case $pb_value in '' | ' '* | *' ' | *[!!-~' ']*) false ;; esac",
    hint: "a number or words on one line, such as 1, or 4096 87380 6291456",
};

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Sets settings of the kernel, in the running one and for each boot.",
    check: "the file has these values, and so has the running kernel, blanks folded",
    fields: &[
        text_map("values", "Names and values.").required().names(&KEY).matching(&VALUE),
        path("file", "The file that sets them at each boot; other settings in it stay.")
            .matching(&PATH)
            .default("/etc/sysctl.d/90-pinboot.conf"),
    ],
    subject: "values",
    needs: &[Need::one_of(&["sysctl"], "install it in an earlier step (package: procps)")],
    needs_root: When::Always,
    shell: include_str!("sysctl.sh"),
    example: "\
- name: Keep the broker in memory
  sysctl:
    values: { vm.swappiness: 1, vm.max_map_count: 262144 }
",
    hook: Some(hook),
    ..Kind::named("sysctl")
};

#[expect(clippy::unnecessary_wraps, reason = "a hook may refuse what it is given")]
fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let file = args.text("file").cloned().unwrap_or_default();
    let mut script = Script::fill("printf '%s\\n'", &[]);
    for (key, value) in args.map("values") {
        script.word(&Text::new(format!("{key} = {}", value.raw())));
    }
    script.append(&Script::fill(" >>@{file}    # each in the place of its old line", &[("file", &file)]));
    script.line(&Script::fill("sysctl -w", &[]));
    for (key, value) in args.map("values") {
        script.word(&Text::new(format!("{key}={}", value.raw())));
    }
    recipe.equivalent_commands = Some(script);
    Ok(())
}
