//! What the host is to do, and what must hold of it afterwards.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pinboot::event::Mode;
use pinboot::ids::{Digest, HostId, RunId, StepId};
use pinboot::kinds::{Content, Effect, Recipe};
use pinboot::plan::{Action, OnUnknown, Plan, PlannedStep, StepSpec};
use pinboot::remote::Identity;
use pinboot::remote::frame::{Frame, Piece, Splitter};
use pinboot::script::Script;
use pinboot::secret::Secret;

use crate::chance::Chance;
use crate::lab::Lab;

/// The step that counts and cannot be asked whether it has.
pub(crate) const BLIND: StepId = StepId(3);

/// What the plan is made of.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) unknown: OnUnknown,
    pub(crate) large: bool,
    pub(crate) secret: bool,
    pub(crate) lines: u64,
    pub(crate) naps: [u64; 3],
    /// What does not end by itself as long as there is no file `fast`.
    pub(crate) hangs: Option<Hangs>,
}

/// Part of a plan that may hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangs {
    /// The counting step's check.
    Check,
    /// The talking step.
    Step,
}

const HANG: &str = "[ -e fast ] || sleep 60; ";

impl Deed {
    pub(crate) fn plain() -> Self {
        Self { unknown: OnUnknown::Fail, large: false, secret: false, lines: 20, naps: [0, 0, 0], hangs: None }
    }

    pub(crate) fn of(chance: &mut Chance) -> Self {
        Self {
            unknown: chance.of(&[OnUnknown::Fail, OnUnknown::Fail, OnUnknown::Rerun, OnUnknown::Done]),
            large: chance.one_in(5),
            secret: chance.one_in(5),
            lines: 10 + chance.below(400),
            // (Hundredths of a second. Some are long enough for a next runner to come while the step of a dead one lives.)
            naps: [0; 3].map(|_: u64| chance.of(&[0, 2, 5, 8, 40])),
            hangs: None,
        }
    }

    /// The plan of a run; `earlier` are the runs that it is to finish.
    pub(crate) fn plan(&self, earlier: &[RunId]) -> Plan {
        let counting = |number: u32, nap: u64| {
            format!(
                "{WATCH}\nwatch {number}\necho \"B$$\" >>count{number}\nsleep .{nap:02}\necho E >>count{number}\n\
                 sleep .{nap:02}\nrm -f alive{number}\necho counted"
            )
        };
        let hang = |what| if self.hangs == Some(what) { HANG } else { "" };
        let blind = counting(3, self.naps[1]);
        let talk = format!(
            "{WATCH}\nwatch 4\n{}i=0\nwhile [ $i -lt {lines} ]; do\necho \"line $i of what is said here\"\n\
             [ $((i % 50)) != 7 ] || sleep .{nap:02}\ni=$((i + 1))\ndone >&2\nrm -f alive4\nprintf 'no newline at the end'",
            hang(Hangs::Step),
            lines = self.lines,
            nap = self.naps[2],
        );
        let mut works = vec![
            StepSpec { creates: Some("~/made".into()), ..work("echo making; touch made") },
            StepSpec {
                unless: Some(Script::author(format!("{}grep -q '^E' count2 2>/dev/null", hang(Hangs::Check)))),
                ..work(&counting(2, self.naps[0]))
            },
            StepSpec { on_unknown: self.unknown, ..work(&blind) },
            StepSpec { on_unknown: OnUnknown::Rerun, ..work(&talk) },
            StepSpec {
                register: Some("word".into()),
                unless: Some(Script::author("test -s registered")),
                ..work("echo registered; echo x >registered")
            },
        ];
        works.push(StepSpec {
            creates: Some("~/retried".into()),
            retries: 1,
            ..work("[ -e tried ] || { : >tried; exit 3; }; : >retried")
        });
        if self.large {
            let effect = Effect::Content(Content::Text("0123456789abcdef".repeat(10 * 1024).as_str().into()));
            let check = Some(Script::author("pb_content | cmp -s - large 2>/dev/null || [ -s large ] || not_so"));
            let apply = Script::author("pb_content >large.new; mv large.new large");
            works.push(StepSpec { recipe: Recipe { check, apply, effect, ..Recipe::default() }, ..work("") });
        }
        let mut secrets = Vec::new();
        if self.secret {
            works.push(StepSpec {
                unless: Some(Script::author("test -s used")),
                ..work("printf %s \"$pb_s_password\" >used.new; mv used.new used")
            });
            secrets.push(("password".to_owned(), Secret::new("it's a secret of 24 letters")));
        }
        let digest = |work: &StepSpec| Digest::of(format!("{work:?}").as_bytes());
        let steps = works.into_iter().zip(1..).map(|(mut work, number)| {
            let digest = digest(&work);
            work.earlier = earlier.iter().map(|run| (run.clone(), StepId(number))).collect();
            PlannedStep {
                id: StepId(number),
                label: number.to_string(),
                name: format!("step {number}"),
                kind: "command",
                digest,
                origin: String::new(),
                action: Action::Apply(Box::new(work)),
            }
        });
        Plan { host: HostId("h".into()), mode: Mode::Run, steps: steps.collect(), secrets }
    }
}

/// Says so where two attempts of one step are alive at once. (A number may be another process's by now: its start tells.)
const WATCH: &str = r#"watch() {
set -- "$1" $(cat /proc/$$/stat)
pb_me="$$ ${23}" pb_it= pb_began=
{ read -r pb_it pb_began <"alive$1"; } 2>/dev/null || :
if [ -n "$pb_it" ] && [ "$pb_it" != $$ ]; then
set -- "$1" $(cat "/proc/$pb_it/stat" 2>/dev/null) || :
case "${4-Z}" in Z|X) ;; *) [ "${23-}" != "$pb_began" ] || echo "step $1: $pb_it and $pb_me" >>overlap ;; esac
fi
echo "$pb_me" >"alive$1"
}"#;

fn work(apply: &str) -> StepSpec {
    StepSpec::plain(Recipe { apply: Script::author(apply), ..Recipe::default() })
}

/// A run of this number on the host.
pub(crate) fn identity(lab: &Lab, seed: u64, number: u8) -> Identity {
    let mut chance = Chance::new(seed ^ u64::from(number) << 56);
    let [a, b, c, ..] = chance.next().to_le_bytes();
    Identity {
        run: RunId::from_random([a, b, c, number]),
        nonce: format!("{:016x}{:016x}", chance.next(), chance.next()),
        started_by: "tester@here 2026-11-24T06:00:00Z".to_owned(),
        shell: lab.sh().display().to_string(),
    }
}

/// What must hold of the host whatever happened, at any time.
pub(crate) fn violations(lab: &Lab, deed: &Deed) -> Vec<String> {
    let mut found: Vec<String> = lab.lines("overlap");
    let effects = |file: &str| lab.lines(file).iter().filter(|line| *line == "E").count();
    if effects("count2") > 1 {
        found.push(format!("the step with a check took effect {} times: {:?}", effects("count2"), lab.lines("count2")));
    }
    if deed.unknown != OnUnknown::Rerun && effects("count3") > 1 {
        found.push(format!(
            "the step without a check took effect {} times: {:?}",
            effects("count3"),
            lab.lines("count3")
        ));
    }
    found
}

/// What must hold where the run ended well.
pub(crate) fn left_undone(lab: &Lab, deed: &Deed) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("told as done without its effect: {what}"));
        }
    };
    let effects = |file: &str| lab.lines(file).iter().filter(|line| *line == "E").count();
    must(lab.path("made").exists(), "made");
    must(effects("count2") == 1, "count2");
    must(deed.unknown != OnUnknown::Fail || effects("count3") == 1, "count3");
    must(lab.path("registered").exists(), "registered");
    must(!deed.large || lab.read("large").len() == 160 * 1024, "large");
    must(!deed.secret || lab.read("used") == "it's a secret of 24 letters", "used");
    found
}

/// What a controller that hears the whole log is to show of each step, in the order in which it came.
pub(crate) fn said(log: &[u8], nonce: &str) -> BTreeMap<u32, String> {
    let mut said: BTreeMap<u32, String> = BTreeMap::new();
    let mut current = None;
    let mut over = HashSet::new();
    let mut splitter = Splitter::new(nonce);
    let pieces = splitter.push(log);
    let rest = splitter.finish();
    for piece in pieces.into_iter().chain([Piece::Raw(rest)]) {
        match piece {
            Piece::Raw(raw) => {
                if let Some(step) = current {
                    said.entry(step).or_default().push_str(&String::from_utf8_lossy(&raw));
                }
            }
            Piece::Frame(Frame::Start { step, .. }, _) => current = (!over.contains(&step.0)).then_some(step.0),
            Piece::Frame(Frame::So { step } | Frame::Done { step, .. }, _) => {
                over.insert(step.0);
                current = None;
            }
            Piece::Frame(Frame::End(_), _) => break,
            Piece::Frame(..) => {}
        }
    }
    said.retain(|_, text| !text.is_empty());
    said
}

/// The steps whose end may be unknown, where their runner or their host died.
pub(crate) fn may_be_unknown(deed: &Deed) -> BTreeSet<StepId> {
    (deed.unknown == OnUnknown::Fail).then_some(BLIND).into_iter().collect()
}
