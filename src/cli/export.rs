//! `pinboot export`: the plan of a host as a script, or as user data of cloud-init.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::json;

use super::args::{Cli, ExportArgs, ExportFormat, flags};
use super::color::has_color;
use super::console::{print, print_bytes, print_diagnostics, print_error};
use super::error::CommandError;
use super::files::{load_playbook, read_lock, read_named};
use crate::compile::compile_all;
use crate::event::{Mode, VERSION, json_text};
use crate::exit::Exit;
use crate::export::{Export, Format, LARGEST_USER_DATA, Secrets, cloud_init, from_address, refusals};
use crate::inventory::{Host, Target};
use crate::plan::Plan;
use crate::playbook::{Loaded, leftovers};
use crate::remote::standalone::ScriptForm;
use crate::source::{Sources, merged, near, render};

/// Writes a playbook for people and machines without pinboot.
pub(super) fn export(cli: &Cli, args: &ExportArgs) -> Result<Exit, CommandError> {
    let secrets = if args.include_secrets { Secrets::Included } else { Secrets::Asked };
    if args.include_secrets && args.out.is_none() {
        return Err(CommandError::input("--include-secrets needs -o FILE: secrets are not printed"));
    }
    if args.script_url.is_some() && args.format == ExportFormat::Sh {
        return Err(CommandError::input("--script-url is for user data: --as cloud-init"));
    }
    let path = &args.playbook;
    let bytes = read_named(path)?;
    let mut sources = Sources::default();
    let lock = read_lock(path, &mut sources)?;
    let mut loaded = load_playbook(path, bytes, &flags(&[&args.vars, &args.steps]), lock, &mut sources)?;
    loaded.inputs.flags.user.clone_from(&args.user);
    choose(&mut loaded, args.host.as_deref())?;
    let plans =
        compile_all(&loaded, &mut sources, Mode::Run).map_err(|found| CommandError::diagnostics(&found, &sources))?;
    let warnings = merged(leftovers(&loaded));
    if !warnings.is_empty() {
        print_diagnostics(&render(&warnings, &sources, has_color(&io::stderr())));
    }
    let Some((host, plan)) = plans.first() else {
        return Err(CommandError::input("the playbook names no host").hint("give --host"));
    };
    let name = loaded.playbook.name.as_ref().map_or_else(|| path.display().to_string(), |name| name.value.clone());
    let file = path.display().to_string();
    let login = has_login(&loaded, args).then_some(host.user.as_str());
    let export = Export { file: &file, name: &name, host, plan, login, secrets };
    let format = match args.format {
        ExportFormat::Sh => Format::Sh,
        ExportFormat::CloudInit => Format::CloudInit,
    };
    let refused = merged(refusals(&export, format, &loaded, &sources));
    if !refused.is_empty() {
        return Err(CommandError::diagnostics(&refused, &sources));
    }
    let bytes = match format {
        Format::Sh => export.script(ScriptForm::Readable),
        Format::CloudInit => user_data(&export, args)?,
    };
    deliver(cli, args, host, plan, &bytes)
}

/// Leaves one host of the playbook.
fn choose(loaded: &mut Loaded, wanted: Option<&str>) -> Result<(), CommandError> {
    let names: Vec<&str> = loaded.playbook.hosts.iter().map(|host| host.name.value.as_str()).collect();
    match wanted {
        Some(name) if names.is_empty() => loaded.inputs.flags.host = Some(name.to_owned()),
        // What is done does not depend on the name of a host that is not known yet.
        None if names.is_empty() => loaded.inputs.flags.host = Some("host".to_owned()),
        None if names.len() > 1 => {
            return Err(CommandError::input(format!(
                "the playbook has {} hosts, and each has a script of its own",
                names.len()
            ))
            .hint(format!("choose one with --host: {}", names.join(", "))));
        }
        None => {}
        Some(name) if names.contains(&name) => loaded.inputs.flags.limit = vec![name.to_owned()],
        Some(name) => {
            let hint = near(name, names.iter().copied())
                .map_or_else(|| format!("its hosts: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
            return Err(CommandError::input(format!("--host: the playbook has no host `{name}`")).hint(hint));
        }
    }
    Ok(())
}

/// Whether it is said who logs in. Otherwise a run would take the name of this machine's user.
fn has_login(loaded: &Loaded, args: &ExportArgs) -> bool {
    let flags = &loaded.inputs.flags;
    let of_target =
        args.host.as_deref().and_then(|text| Target::parse(text).ok()).is_some_and(|host| host.user.is_some());
    let of_entry = |limit: &[String]| {
        let mut entries = loaded.playbook.hosts.iter();
        entries.any(|entry| (limit.is_empty() || limit.contains(&entry.name.value)) && entry.user.is_some())
    };
    args.user.is_some() || of_target || of_entry(&flags.limit)
}

/// The document, which has to fit into what a cloud takes.
fn user_data(export: &Export<'_>, args: &ExportArgs) -> Result<Vec<u8>, CommandError> {
    let Some(user) = export.login else {
        return Err(CommandError::input(
            "the playbook does not say who logs in, and at a first boot there is no login to tell",
        )
        .hint("add `user:` to the host, or give --user NAME (Amazon Linux: ec2-user; Ubuntu: ubuntu; Debian: admin)"));
    };
    if let Some(address) = &args.script_url {
        if !address.starts_with("https://") && !address.starts_with("http://") {
            return Err(CommandError::input(format!(
                "--script-url {address}: the address does not begin with https:// or http://"
            )));
        }
        return Ok(from_address(export, user, address, &export.script(ScriptForm::Readable)).into_bytes());
    }
    let compress = args.out.as_ref().is_some_and(|file| file.extension().is_some_and(|end| end == "gz"));
    let largest = args.max_bytes.unwrap_or(LARGEST_USER_DATA);
    let data = cloud_init(export, user, largest, compress).map_err(|too_large| {
        let error = CommandError::input(format!(
            "the user data would have {} bytes, and may have {largest}{}",
            too_large.size,
            if args.max_bytes.is_none() { " (the limit of EC2)" } else { "" }
        ));
        let error = if compress {
            error
        } else {
            error.hint("-o FILE.gz compresses the whole document, which cloud-init opens by itself")
        };
        let error =
            error.hint("--script-url URL fetches the script from an address of yours, and has a size of its own");
        error.hint("--max-bytes N: other clouds take more")
    })?;
    if !data.is_readable {
        print_error("pinboot: the script in it is shortened, to fit; `--as sh` writes it for people");
    }
    Ok(data.bytes)
}

/// Prints the result, or writes it into a file that is not there yet.
fn deliver(cli: &Cli, args: &ExportArgs, host: &Host, plan: &Plan, bytes: &[u8]) -> Result<Exit, CommandError> {
    let format = match args.format {
        ExportFormat::Sh => "sh",
        ExportFormat::CloudInit => "cloud-init",
    };
    if let Some(file) = &args.out {
        write(file, bytes, args)?;
        if cli.wants_json() {
            let line = json!({
                "v": VERSION, "kind": "exported", "as": format, "host": host.id, "steps": plan.steps.len(),
                "file": file.display().to_string(), "bytes": bytes.len(),
            });
            return print(&(json_text(&line) + "\n"));
        }
        print_error(&format!("{}: {} steps for {}, {} bytes", file.display(), plan.steps.len(), host.id, bytes.len()));
        return Ok(Exit::Success);
    }
    if cli.wants_json() {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(CommandError::input("what is exported holds bytes that are not text").hint("give -o FILE"));
        };
        let line = json!({
            "v": VERSION, "kind": "exported", "as": format, "host": host.id, "steps": plan.steps.len(), "text": text,
        });
        return print(&(json_text(&line) + "\n"));
    }
    print_bytes(bytes)
}

/// Writes a new file; with --force in the place of another. What holds secrets is readable by its owner alone.
fn write(file: &Path, bytes: &[u8], args: &ExportArgs) -> Result<(), CommandError> {
    let mut name = file.as_os_str().to_owned();
    if args.force {
        name.push(format!(".{}", std::process::id()));
    }
    let new = Path::new(&name);
    let mode = if args.include_secrets { 0o600 } else { 0o644 };
    let mut out = match fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(new) {
        Ok(out) => out,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CommandError::input(format!("{} exists", new.display()))
                .hint("give --force to replace it, or another name"));
        }
        Err(error) => return Err(CommandError::local(format!("cannot write {}: {error}", new.display()))),
    };
    let written = out.write_all(bytes).and_then(|()| out.sync_all());
    let put = written.and_then(|()| if args.force { fs::rename(new, file) } else { Ok(()) });
    put.map_err(|error| {
        let _ = fs::remove_file(new);
        CommandError::local(format!("cannot write {}: {error}", file.display()))
    })
}
