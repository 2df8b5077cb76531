//! The built program on an input: what only it does (the shells that read a playbook's shell, its own stack), and whether it says
//! what the library says.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::check::{self, FILES};
use crate::input::Input;
use crate::journals::RUN;

/// How long the program may take, on a machine that does other things as well.
const LIMIT: Duration = Duration::from_secs(20);

/// What the program printed, and its exit code.
struct Printed {
    code: i32,
    text: String,
}

fn run(folder: &Path, words: &[&str]) -> Result<Printed, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinboot"));
    command.current_dir(folder).args(words).env("PINBOOT_STATE_DIR", folder.join("state")).env("TOWN", "Leeds");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let read = |mut pipe: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).expect("a pipe");
            bytes
        })
    };
    let out = read(Box::new(child.stdout.take().expect("a pipe")));
    let err = read(Box::new(child.stderr.take().expect("a pipe")));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill().expect("it is ours");
            child.wait().expect("a child");
            return Err(format!("{words:?} takes more than {} s", LIMIT.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let bytes = [out.join().expect("read"), err.join().expect("read")].concat();
    let text = String::from_utf8(bytes).map_err(|_| format!("{words:?} prints what is not UTF-8"))?;
    let code = status.code().ok_or_else(|| format!("{words:?} was ended by a signal: {status}\n{text}"))?;
    if code == 101 || text.contains("panicked at") {
        return Err(format!("{words:?} panicked: {text}"));
    }
    check::safe(&text).map_err(|what| format!("{words:?}: {what}"))?;
    Ok(Printed { code, text })
}

/// `lint` as text and as JSON, and the dry run of what it accepts.
pub(crate) fn lints(input: &Input, folder: &Path, accepted: bool) -> Result<(), String> {
    let (playbook, vars_files) = check::read_as(input);
    std::fs::write(folder.join("p.yaml"), playbook).expect("written");
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text).expect("written");
    }
    let mut words = vec!["p.yaml"];
    if let [(name, bytes)] = vars_files.as_slice() {
        std::fs::write(folder.join(name), bytes).expect("written");
        words.extend(["--vars-file", "given.yml"]);
    }
    let text = run(folder, &[&["lint"], words.as_slice()].concat())?;
    let json = run(folder, &[&["lint", "--output", "json"], words.as_slice()].concat())?;
    if text.code != json.code || !matches!(text.code, 0 | 2) {
        return Err(format!("lint ends with {} as text and {} as JSON", text.code, json.code));
    }
    if text.code == 2 && !text.text.contains("error: ") {
        return Err(format!("lint refuses without an error: {}", text.text));
    }
    if !accepted && text.code == 0 {
        return Err("the program accepts what the library refuses".to_owned());
    }
    let dry = run(folder, &[&["run", "--dry-run"], words.as_slice()].concat())?;
    let mut errors = dry.text.lines().filter_map(|line| line.strip_prefix("error: "));
    if text.code == 0 && dry.code != 0 && !errors.all(check::is_left_to_the_user) {
        return Err(format!("lint accepts it, and the dry run ends with {}: {}", dry.code, dry.text));
    }
    Ok(())
}

/// `show` and `runs`, as text and as JSON.
pub(crate) fn shows(folder: &Path) -> Result<(), String> {
    for words in [&["show", RUN] as &[_], &["show", "-v", RUN], &["show", "--output", "json", RUN], &["runs"]] {
        let printed = run(folder, words)?;
        if printed.text.is_empty() {
            return Err(format!("{words:?} ends with {} and says nothing", printed.code));
        }
    }
    Ok(())
}
