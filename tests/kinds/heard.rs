//! What a run said, step by step.

use pinboot::remote::frame::{Frame, Unfit};
use pinboot::remote::splitter::Piece;
use pinboot::remote::streams::Streams;

/// What a run said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) steps: Vec<Step>,
    /// How the run ended: `ok`, `failed`, `unknown`, `stopped` or `unfit`.
    pub(crate) end: String,
    /// What a step needs and the host lacks.
    pub(crate) unfit: Option<String>,
    /// What came before any step and was not a frame.
    pub(crate) noise: String,
    /// What the delivery itself complained of.
    pub(crate) complaints: String,
}

/// What a run said of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// `changed`, `unchanged`, `would change`, `skipped`, `manual`, `failed: REASON`, `unknown: REASON`; empty where it was
    /// not reached.
    pub(crate) outcome: String,
    pub(crate) status: i32,
    /// What its check said would change.
    pub(crate) diff: String,
    /// What it printed.
    pub(crate) output: String,
}

impl Heard {
    /// Takes apart what came back; `shown` puts `~` and `{{ web }}` into a text.
    pub(crate) fn new(stdout: &[u8], stderr: &[u8], nonce: &str, steps: usize, shown: impl Fn(&str) -> String) -> Self {
        let mut heard = Self { steps: vec![Step::default(); steps], ..Self::default() };
        let mut current = None;
        let mut raw: Vec<Vec<u8>> = vec![Vec::new(); steps];
        let mut streams = Streams::new(nonce);
        streams.connected();
        let mut pieces = streams.stdout(stdout);
        let errors = streams.stderr(stderr);
        heard.complaints = String::from_utf8_lossy(&[&errors.noise, streams.unannounced()].concat()).into_owned();
        pieces.extend(errors.pieces);
        pieces.extend(streams.closed());
        for piece in pieces {
            match piece {
                Piece::Raw(bytes) => match current {
                    Some(at) => raw[at as usize].extend(bytes),
                    None => heard.noise.push_str(&String::from_utf8_lossy(&bytes)),
                },
                Piece::Frame(Frame::End(how), _) => {
                    how.as_str().clone_into(&mut heard.end);
                    break;
                }
                Piece::Frame(frame, _) => heard.frame(frame, &mut current),
            }
        }
        for (step, raw) in heard.steps.iter_mut().zip(raw) {
            step.output = shown(&without_progress(&String::from_utf8_lossy(&raw)));
            step.diff = shown(&step.diff);
        }
        heard
    }

    fn frame(&mut self, frame: Frame, current: &mut Option<u32>) {
        let at = |id: pinboot::ids::StepId| id.0 as usize - 1;
        match frame {
            Frame::Start { step, .. } => *current = Some(step.0 - 1),
            Frame::So { step } => "unchanged".clone_into(&mut self.steps[at(step)].outcome),
            Frame::Diff { step, text } => {
                let diff = &mut self.steps[at(step)].diff;
                *diff = text.without_secrets();
                diff.push('\n');
            }
            Frame::Done { step, outcome, status, reason, .. } => {
                let step = &mut self.steps[at(step)];
                step.status = status;
                step.outcome = match outcome.to_string().as_str() {
                    "would" => "would change".to_owned(),
                    "byhand" => "manual".to_owned(),
                    "failed" | "unknown" => format!("{outcome}: {reason}"),
                    other => other.to_owned(),
                };
            }
            Frame::Unfit(what) => {
                self.unfit = Some(match what {
                    Unfit::Tools(step, tools) => format!("step {step} needs {tools}"),
                    other => format!("{other:?}"),
                });
            }
            _ => {}
        }
    }

    pub(crate) fn outcomes(&self) -> Vec<&str> {
        self.steps.iter().map(|step| step.outcome.as_str()).collect()
    }

    /// What all steps printed.
    pub(crate) fn output(&self) -> String {
        self.steps.iter().map(|step| step.output.as_str()).collect()
    }

    /// The only step.
    pub(crate) fn step(&self) -> &Step {
        assert_eq!(self.steps.len(), 1, "{self:#?}");
        &self.steps[0]
    }
}

/// A text without the words that say how far a step is.
fn without_progress(text: &str) -> String {
    let mut parts = text.split("\x1eprogress ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once("\x1e\n").map_or(part, |(_, rest)| rest))
}
