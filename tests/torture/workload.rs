//! What the host has to do, and what must hold of it afterwards.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use pinboot::ids::{RunId, StepId};
use pinboot::kinds::{Content, Effect, Recipe};
use pinboot::plan::{Action, OnUnknown, Plan, StepSpec};
use pinboot::remote::Identity;
use pinboot::remote::frame::Frame;
use pinboot::remote::splitter::Piece;
use pinboot::remote::streams::Streams;
use pinboot::script::Script;
use pinboot::secret::Secret;

use crate::chance::Chance;
use crate::lab::Lab;
use crate::plans::{self, spec};

/// The step that counts and has no check.
pub(crate) const BLIND: StepId = StepId(3);

/// What the plan is made of.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) unknown: OnUnknown,
    pub(crate) large: bool,
    pub(crate) secret: bool,
    pub(crate) lines: u64,
    pub(crate) naps: [u64; 3],
    /// What does not end by itself until there is a file `fast`.
    pub(crate) hangs: Option<Hangs>,
}

/// Part of a plan that may hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangs {
    /// The counting step's check.
    Check,
    /// The step with much output.
    Step,
}

const HANG: &str = "[ -e fast ] || sleep 60; ";

impl Workload {
    pub(crate) fn plain() -> Self {
        Self { unknown: OnUnknown::Fail, large: false, secret: false, lines: 20, naps: [0, 0, 0], hangs: None }
    }

    pub(crate) fn of(chance: &mut Chance) -> Self {
        Self {
            unknown: chance.of(&[OnUnknown::Fail, OnUnknown::Fail, OnUnknown::Rerun, OnUnknown::Done]),
            large: chance.one_in(5),
            secret: chance.one_in(5),
            lines: 10 + chance.below(400),
            // Hundredths of a second. Some are long enough for the next runner to start while the step of a dead one is alive.
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
            "{WATCH}\nwatch 4\n{}i=0\nwhile [ $i -lt {lines} ]; do\necho \"line $i of the output\"\n\
             [ $((i % 50)) != 7 ] || sleep .{nap:02}\ni=$((i + 1))\ndone >&2\nrm -f alive4\nprintf 'no newline at the end'",
            hang(Hangs::Step),
            lines = self.lines,
            nap = self.naps[2],
        );
        let mut specs = vec![
            StepSpec { creates: Some("~/made".into()), ..spec("echo making; touch made") },
            StepSpec {
                unless: Some(Script::author(format!("{}grep -q '^E' count2 2>/dev/null", hang(Hangs::Check)))),
                ..spec(&counting(2, self.naps[0]))
            },
            StepSpec { on_unknown: self.unknown, ..spec(&blind) },
            StepSpec { on_unknown: OnUnknown::Rerun, ..spec(&talk) },
            StepSpec {
                register: Some("word".into()),
                unless: Some(Script::author("test -s registered")),
                ..spec("echo registered; echo x >registered")
            },
        ];
        specs.push(StepSpec {
            creates: Some("~/retried".into()),
            retries: 1,
            ..spec("[ -e tried ] || { : >tried; exit 3; }; : >retried")
        });
        if self.large {
            let effect = Effect::Content(Content::Text("0123456789abcdef".repeat(10 * 1024).as_str().into()));
            let check = Some(Script::author("pb_content | cmp -s - large 2>/dev/null || [ -s large ] || needs_change"));
            let apply = Script::author("pb_content >large.new; mv large.new large");
            specs.push(StepSpec { recipe: Recipe { check, apply, effect, ..Recipe::default() }, ..spec("") });
        }
        let mut secrets = Vec::new();
        if self.secret {
            specs.push(StepSpec {
                unless: Some(Script::author("test -s used")),
                ..spec("printf %s \"$pb_s_password\" >used.new; mv used.new used")
            });
            secrets.push(("password".to_owned(), Secret::new("it's a secret of 24 characters")));
        }
        let mut plan = plans::plan(specs);
        plan.secrets = secrets;
        // The runs before are not part of a digest.
        for step in &mut plan.steps {
            let id = step.id;
            if let Action::Apply(spec) = &mut step.action {
                spec.earlier = earlier.iter().map(|run| (run.clone(), id)).collect();
            }
        }
        plan
    }
}

/// Writes to `overlap` when two attempts of one step are alive at once. A process number may have been used again, so the
/// process' start is compared as well.
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

/// The identity of the run with this number.
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

/// What is violated of that which must hold at any time, whatever happened.
pub(crate) fn violations(lab: &Lab, workload: &Workload) -> Vec<String> {
    let mut found: Vec<String> = lab.lines("overlap");
    let effects = |file: &str| lab.lines(file).iter().filter(|line| *line == "E").count();
    if effects("count2") > 1 {
        found.push(format!("the step with a check took effect {} times: {:?}", effects("count2"), lab.lines("count2")));
    }
    if workload.unknown != OnUnknown::Rerun && effects("count3") > 1 {
        found.push(format!(
            "the step without a check took effect {} times: {:?}",
            effects("count3"),
            lab.lines("count3")
        ));
    }
    found
}

/// What is missing on the host although the run was successful.
pub(crate) fn left_undone(lab: &Lab, workload: &Workload) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(format!("reported as done without its effect: {what}"));
        }
    };
    let effects = |file: &str| lab.lines(file).iter().filter(|line| *line == "E").count();
    must(lab.path("made").exists(), "made");
    must(effects("count2") == 1, "count2");
    must(workload.unknown != OnUnknown::Fail || effects("count3") == 1, "count3");
    must(lab.path("registered").exists(), "registered");
    must(!workload.large || lab.read("large").len() == 160 * 1024, "large");
    must(!workload.secret || lab.read("used") == "it's a secret of 24 characters", "used");
    found
}

/// What a controller that hears the whole log has to show of each step, in the order of the log.
pub(crate) fn shown(folder: &Path, nonce: &str) -> BTreeMap<u32, String> {
    let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
    let mut streams = Streams::new(nonce);
    streams.connected();
    let frame = |body: &str| format!("\x1epb:{nonce} {body}\x1e\n").into_bytes();
    streams.stderr(&[frame("aside 1"), read("out")].concat());
    let mut pieces = streams.stdout(&[frame("hello again"), read("log")].concat());
    pieces.extend(streams.closed());
    let mut shown: BTreeMap<u32, String> = BTreeMap::new();
    let mut current = None;
    let mut over = HashSet::new();
    for piece in pieces {
        match piece {
            Piece::Raw(raw) => {
                if let Some(step) = current {
                    shown.entry(step).or_default().push_str(&String::from_utf8_lossy(&raw));
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
    shown.retain(|_, text| !text.is_empty());
    shown
}

/// The steps whose outcome may be unknown if their runner or their host died.
pub(crate) fn may_be_unknown(workload: &Workload) -> BTreeSet<StepId> {
    (workload.unknown == OnUnknown::Fail).then_some(BLIND).into_iter().collect()
}
