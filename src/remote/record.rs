//! What a host knows of a run, for a machine that does not: one question and its answer.

use super::exec_string::{cksum, wrap};
use super::labels;
use super::minify::minified;
use super::step_body::HERE;
use crate::event::Mode;
use crate::ids::{RunId, StepLabel, is_hex};
use crate::transport::Exec;

const ASK: &str = include_str!("ask.sh");

/// What a host says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It knows none, or none of this name.
    None,
    /// Several of its runs have a name that starts like this.
    Several(Vec<String>),
    /// The complete plan never arrived there: nothing was started.
    Unborn(RunId),
    /// It knows it.
    Record(Record),
}

/// No plan has more steps, whatever a host says of one.
pub const MAX_STEPS: u32 = 1_000_000;

/// A run as its host has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The run.
    pub run: RunId,
    /// The word that marks its frames.
    pub nonce: String,
    /// How it stands.
    pub state: State,
    /// Run or check.
    pub mode: Mode,
    /// How many steps its plan has.
    pub steps: u32,
    /// Whether its plan needs secrets, which the host does not keep.
    pub has_secrets: bool,
    /// What [`likeness`] says of its plan.
    pub likeness: String,
    /// The numbers of its steps for people; `None` where the host does not have them, or has too many or too few.
    pub labels: Option<Vec<StepLabel>>,
    /// Who began it, and when.
    pub started_by: String,
}

/// How a run stands at its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Something of it lives.
    Runs,
    /// It is over, in this way.
    Ended(String),
    /// Nothing of it lives, and it is not over.
    Gone,
}

/// The command that asks for the last run, or for the one whose name begins with `wanted`; `mark` marks the answer.
///
/// Both are hexadecimal digits.
pub fn ask(shell: &str, mark: &str, wanted: &str) -> Exec {
    let script = format!("pb_mine={mark} pb_want={wanted}\n{}", minified(ASK));
    Exec { command: wrap(shell, &[script.as_bytes()]), stdin: Vec::new() }
}

/// Reads the answer out of what the host said; `None` where it gave none.
pub fn answer(mark: &str, output: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(output);
    let behind = text.split_once(&format!("\x1epb:{mark} "))?.1;
    let line = behind.split_once("\x1e\n")?.0;
    let mut words = line.split(' ');
    Some(match words.next()? {
        "none" => Answer::None,
        "several" => Answer::Several(words.map(str::to_owned).collect()),
        "unborn" => Answer::Unborn(RunId::parse(words.next()?)?),
        "record" => {
            let run = RunId::parse(words.next()?)?;
            let nonce = words.next().filter(|nonce| nonce.len() == 32 && is_hex(nonce))?.to_owned();
            let state = match words.next()? {
                "runs" => State::Runs,
                "gone" => State::Gone,
                how => State::Ended(how.to_owned()),
            };
            let mode = if words.next()? == "check" { Mode::Check } else { Mode::Run };
            let steps: u32 = words.next()?.parse().ok()?;
            let has_secrets = words.next()? == "1";
            let likeness = words.next()?.to_owned();
            let labels = labels::read(words.next()?, usize::try_from(steps.min(MAX_STEPS)).ok()?);
            let started_by = words.collect::<Vec<_>>().join(" ");
            Answer::Record(Record { run, nonce, state, mode, steps, has_secrets, likeness, labels, started_by })
        }
        _ => return None,
    })
}

/// Whether a line says what the machine that compiled the plan has of the files that a step gives.
fn says_what_is_here(line: &[u8]) -> bool {
    let Some(at) = line.iter().position(|byte| *byte == b'=') else { return false };
    let is_name = line.first() == Some(&b'_') && line[1..at].iter().all(u8::is_ascii_alphabetic);
    is_name && line[at + 1..].strip_prefix(b"'").is_some_and(|text| text.starts_with(HERE.as_bytes()))
}

/// What two programs have in common that do the same, whatever their run, and whatever is said of earlier ones.
pub fn likeness(program: &[u8]) -> String {
    let mut lines = program.split_inclusive(|&b| b == b'\n');
    lines.next();
    let kept: Vec<u8> = lines
        .filter(|line| {
            ![&b"pb_step_before="[..], b"pb_step_word=", b"pb_step_unknown="].iter().any(|name| line.starts_with(name))
                && !says_what_is_here(line)
        })
        .flatten()
        .copied()
        .collect();
    cksum(&kept).split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_behind_whatever_the_login_says() {
        let mark = "00112233445566778899aabbccddeeff";
        let line = format!(
            "Welcome!\n\x1epb:{mark} record 3f9c00ff {mark} runs check 3 1 4242 1,2.1-2 bob@laptop 2026-11-24T06:00:00Z\x1e\n"
        );
        let expected = Record {
            run: RunId::parse("3f9c00ff").expect("a name"),
            nonce: mark.to_owned(),
            state: State::Runs,
            mode: Mode::Check,
            steps: 3,
            has_secrets: true,
            likeness: "4242".to_owned(),
            labels: Some(["1", "2.1", "2.2"].into_iter().filter_map(StepLabel::parse).collect()),
            started_by: "bob@laptop 2026-11-24T06:00:00Z".to_owned(),
        };
        assert_eq!(answer(mark, line.as_bytes()), Some(Answer::Record(expected)));
        assert_eq!(answer(mark, b"This account is currently not available.\n"), None);
        assert_eq!(answer(mark, format!("\x1epb:{mark} record ../../x y\x1e\n").as_bytes()), None);
        let several = format!("\x1epb:{mark} several 3f9c00ff 3f000000\x1e\n");
        let names = vec!["3f9c00ff".to_owned(), "3f000000".to_owned()];
        assert_eq!(answer(mark, several.as_bytes()), Some(Answer::Several(names)));
    }

    #[test]
    fn the_likeness_leaves_out_what_belongs_to_one_run() {
        let one = b"pb_run=1\nsame\npb_step_before='a/1'\nend\n".as_slice();
        let other = b"pb_run=2 pb_x=\nsame\npb_step_word='done 3'\npb_step_unknown=done\nend\n".as_slice();
        assert_eq!(likeness(one), likeness(other));
        assert_ne!(likeness(one), likeness(b"pb_run=1\nother\nend\n"));
        let here = |what: &str| format!("pb_run=1\nsame\n_aB='pb_here() {{ printf %s {what}; }}'\nend\n");
        assert_eq!(likeness(one), likeness(here("x").as_bytes()));
        assert_ne!(likeness(one), likeness(b"pb_run=1\nsame\n_aB='pb_content() { printf %s x; }'\nend\n"));
    }
}
