//! A playbook and what the command line says, to one plan for each host.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use minijinja::Value;

use crate::event::Mode;
use crate::ids::{Digest, HostId, StepId};
use crate::inventory::{self, Host, Target};
use crate::kinds::{ArgValue, Args, Content, Effect, Recipe, Shape};
use crate::node::Node;
use crate::plan::{Action, OnUnknown, Plan, PlannedStep, RunAs, StepSpec};
use crate::playbook::{HostEntry, Loaded, Playbook, Step};
use crate::render::renderer::{Iteration, Renderer};
use crate::render::scope::{HostVars, Registered};
use crate::render::templates::letters;
use crate::render::vars::{Declarations, resolve};
use crate::render::{convert, syntax};
use crate::script::{Script, Text};
use crate::source::{Diagnostic, Severity, Sources, merged};

/// The most turns of one loop.
const MAX_TURNS: usize = 1000;

/// Makes the plan of every host; what is wrong is reported for all of them at once, what is the same for several once,
/// together with what was wrong when the playbook was loaded.
pub fn compile_all(loaded: &Loaded, sources: &mut Sources, mode: Mode) -> Result<Vec<(Host, Plan)>, Vec<Diagnostic>> {
    let playbook = &loaded.playbook;
    let mut faults = loaded.faults.clone();
    let chosen = hosts(loaded).unwrap_or_else(|found| {
        faults.extend(found);
        // What is wrong with the steps is told whichever hosts were meant.
        let all = playbook.hosts.iter().map(|entry| Chosen { entry: Some(entry), target: None });
        all.collect()
    });
    let nobody = [Chosen { entry: None, target: None }];
    let chosen = if chosen.is_empty() { nobody.as_slice() } else { chosen.as_slice() };
    let left_out = left_out(loaded).unwrap_or_else(|found| {
        faults.extend(found);
        HashSet::new()
    });
    let registered = registered(playbook, left_out);
    let lines = lines(playbook, sources);
    let mut plans = Vec::new();
    for chosen in chosen {
        let own: &[_] = chosen.entry.map_or(&[], |entry| &entry.vars);
        let inputs = &loaded.inputs;
        let declared = Declarations {
            scopes: [&playbook.vars, &loaded.file_vars, own, &loaded.given_vars],
            secrets: &playbook.secrets,
            from_env: &playbook.from_env,
            env: &inputs.env,
            unreadable: &playbook.unresolved.names,
            any_name: playbook.unresolved.any_name,
            any_env: playbook.unresolved.from_env,
        };
        let (vars, found) = resolve(&declared, &registered, &loaded.templates, sources, &*inputs.loader);
        faults.extend(found);
        let (host, plan, found) = one_host(loaded, sources, &registered, &lines, chosen, vars, mode);
        faults.extend(found);
        if let Some(host) = host {
            plans.push((host, plan));
        }
    }
    let faults = merged(faults);
    if faults.iter().any(|fault| fault.severity == Severity::Error) { Err(faults) } else { Ok(plans) }
}

/// A host that was chosen, not yet rendered.
struct Chosen<'p> {
    entry: Option<&'p HostEntry>,
    target: Option<Target>,
}

/// The hosts that `--host` and `--limit` leave.
fn hosts<'p>(loaded: &'p Loaded) -> Result<Vec<Chosen<'p>>, Vec<Diagnostic>> {
    let (playbook, flags) = (&loaded.playbook, &loaded.inputs.flags);
    let names = || playbook.hosts.iter().map(|host| host.name.value.as_str());
    let mut faults: Vec<Diagnostic> = flags
        .limit
        .iter()
        .filter(|name| !names().any(|known| known == *name))
        .filter_map(|name| {
            let fault = Diagnostic::without_place(format!("--limit: the playbook has no host `{name}`"))
                .did_you_mean(name, names());
            if fault.hint.is_some() {
                Some(fault)
            } else {
                let hint = format!("its hosts: {}", names().collect::<Vec<_>>().join(", "));
                (!playbook.unresolved.hosts).then(|| fault.hint(hint))
            }
        })
        .collect();
    let kept = |host: &&HostEntry| flags.limit.is_empty() || flags.limit.contains(&host.name.value);
    let entries: Vec<&HostEntry> = playbook.hosts.iter().filter(kept).collect();
    let user = flags.user.as_deref().map(inventory::check_user).transpose();
    if let Err(why) = &user {
        faults.push(Diagnostic::without_place(format!("--user: {why}")));
    }
    let chosen = match &flags.host {
        Some(text) => match Target::parse(text) {
            // The one host that it stands for still says who logs in, with which key and with which variables.
            Ok(target) => {
                let entry = if let [only] = entries.as_slice() { Some(*only) } else { None };
                vec![Chosen { entry, target: Some(target) }]
            }
            Err(why) => {
                let fault = Diagnostic::without_place(format!("--host {text}: {why}"));
                faults.push(fault.hint("write it as [USER@]ADDRESS[:PORT], an IPv6 address with a port in brackets"));
                Vec::new()
            }
        },
        None if entries.is_empty() && faults.is_empty() && !playbook.unresolved.hosts => {
            faults.push(
                Diagnostic::without_place("there is no host to run on")
                    .hint("add `hosts:` to the playbook, or give --host [USER@]ADDRESS[:PORT]"),
            );
            Vec::new()
        }
        None => entries.into_iter().map(|entry| Chosen { entry: Some(entry), target: None }).collect(),
    };
    if faults.is_empty() { Ok(chosen) } else { Err(faults) }
}

/// The indexes of the steps that tags, `--from` and `--only` leave out.
fn left_out(loaded: &Loaded) -> Result<HashSet<usize>, Vec<Diagnostic>> {
    let (steps, flags, unresolved) = (&loaded.playbook.steps, &loaded.inputs.flags, &loaded.playbook.unresolved);
    let mut faults = Vec::new();
    let mut find = |flag: &str, wanted: &str| {
        let by_name = steps.iter().position(|step| step.name.value == wanted);
        let number =
            || wanted.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).filter(|at| *at < steps.len());
        by_name.or_else(number).or_else(|| {
            let fault = Diagnostic::without_place(format!("{flag}: no step is called `{wanted}`"))
                .did_you_mean(wanted, steps.iter().map(|step| step.name.value.as_str()));
            if fault.hint.is_some() {
                faults.push(fault);
            } else if !unresolved.steps {
                faults.push(fault.hint(match steps.len() {
                    1 => format!("there is one step, `{}`", steps[0].name.value),
                    count => format!("there are {count} steps: give a number from 1 to {count}, or a name"),
                }));
            }
            None
        })
    };
    let from = flags.from.as_deref().map_or(Some(0), |wanted| find("--from", wanted)).unwrap_or(0);
    let only: Vec<usize> = flags.only.iter().filter_map(|wanted| find("--only", wanted)).collect();
    let tags = || steps.iter().flat_map(|step| &step.options.tags).map(|tag| tag.value.as_str());
    for (flag, wanted) in [("--tags", &flags.tags), ("--skip-tags", &flags.skip_tags)] {
        for tag in wanted.iter().filter(|tag| !tags().any(|known| known == *tag)) {
            let fault =
                Diagnostic::without_place(format!("{flag}: no step has the tag `{tag}`")).did_you_mean(tag, tags());
            if fault.hint.is_some() || !unresolved.tags {
                faults.push(fault);
            }
        }
    }
    let tagged = |step: &Step, wanted: &[String]| step.options.tags.iter().any(|tag| wanted.contains(&tag.value));
    let out: HashSet<usize> = steps
        .iter()
        .enumerate()
        .filter(|(at, step)| {
            *at < from
                || (!flags.only.is_empty() && !only.contains(at))
                || (!flags.tags.is_empty() && !tagged(step, &flags.tags))
                || tagged(step, &flags.skip_tags)
        })
        .map(|(at, _)| at)
        .collect();
    if faults.is_empty() && loaded.faults.is_empty() && out.len() == steps.len() {
        faults.push(Diagnostic::without_place("no step is left").hint("see --tags, --skip-tags, --from and --only"));
    }
    if faults.is_empty() { Ok(out) } else { Err(faults) }
}

fn registered(playbook: &Playbook, left_out: HashSet<usize>) -> Registered {
    let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, step) in playbook.steps.iter().enumerate() {
        if let Some(register) = &step.options.register {
            names.entry(register.value.clone()).or_default().push(at);
        }
    }
    Registered { names, left_out, steps: playbook.steps.iter().map(|step| step.name.value.clone()).collect() }
}

/// `file:line` of every step, found in one walk over the text.
fn lines(playbook: &Playbook, sources: &Sources) -> Vec<String> {
    let source = sources.get(playbook.source);
    let (mut line, mut at) = (1, 0);
    playbook
        .steps
        .iter()
        .map(|step| {
            let to = step.span.start.clamp(at, source.text.len());
            line += source.text[at..to].matches('\n').count();
            at = to;
            format!("{}:{line}", source.name)
        })
        .collect()
}

fn one_host(
    loaded: &Loaded,
    sources: &mut Sources,
    registered: &Registered,
    lines: &[String],
    chosen: &Chosen<'_>,
    vars: HostVars,
    mode: Mode,
) -> (Option<Host>, Plan, Vec<Diagnostic>) {
    let renderer = Renderer::new(&loaded.templates, sources, vars, registered, &*loaded.inputs.loader);
    let mut compiler =
        Compiler { loaded, renderer, planned: Vec::new(), ids: vec![Vec::new(); lines.len()], carried: Vec::new() };
    let host = compiler.host(chosen);
    for (at, step) in loaded.playbook.steps.iter().enumerate() {
        compiler.renderer.step = Some(at);
        compiler.renderer.looped = step.options.looped.is_some();
        compiler.renderer.may_loop = step.may_have("loop");
        compiler.renderer.turn(None);
        if registered.left_out.contains(&at) {
            compiler.carry_exports(step);
        } else {
            compiler.step(at, step, &lines[at]);
        }
    }
    let Compiler { renderer, planned, .. } = compiler;
    let secrets = renderer
        .secrets_used
        .iter()
        .filter_map(|name| Some((name.clone(), renderer.host.secrets.get(name)?.clone())))
        .collect();
    let id = host.as_ref().map_or_else(|| HostId(String::new()), |host| host.id.clone());
    (host, Plan { host: id, mode, steps: planned, secrets }, renderer.faults)
}

struct Compiler<'a> {
    loaded: &'a Loaded,
    renderer: Renderer<'a>,
    planned: Vec<PlannedStep>,
    /// For each step of the playbook, its steps in the plan and their digests.
    ids: Vec<Vec<(StepId, Digest)>>,
    /// What steps that are left out would have exported: it holds for later steps all the same.
    carried: Vec<(String, Text)>,
}

impl Compiler<'_> {
    fn host(&mut self, chosen: &Chosen<'_>) -> Option<Host> {
        let inputs = &self.loaded.inputs;
        let entry = chosen.entry;
        let target = chosen.target.as_ref();
        let before = self.renderer.faults.len();
        let mut field = |node: Option<&Node>, what: &str, check: fn(&str) -> Result<String, String>| {
            let node = node?;
            let text = self.renderer.plain_text(node, what)?;
            match check(&text) {
                Ok(text) => Some(text),
                Err(why) => {
                    self.renderer.faults.push(Diagnostic::error(node.span, format!("{what}: {why}")));
                    None
                }
            }
        };
        let address = match target {
            Some(target) => Some(target.address.clone()),
            None => field(entry.and_then(|entry| entry.address.as_ref()), "the address", inventory::check_address),
        };
        let port = match target {
            Some(target) => target.port,
            None => field(entry.and_then(|entry| entry.port.as_ref()), "the port", |text| {
                inventory::check_port(text).map(|port| port.to_string())
            })
            .and_then(|text| text.parse().ok()),
        };
        let user = match inputs.flags.user.clone().or_else(|| target.and_then(|target| target.user.clone())) {
            Some(user) => Some(user),
            None => field(entry.and_then(|entry| entry.user.as_ref()), "the user", inventory::check_user),
        };
        let key = match &inputs.flags.key {
            Some(key) => Some(key.clone()),
            None => field(entry.and_then(|entry| entry.key.as_ref()), "the key", |text| Ok(text.to_owned()))
                .map(PathBuf::from),
        };
        if self.renderer.faults.len() != before {
            return None;
        }
        let address = address?;
        let id = if target.is_some() { address.clone() } else { entry?.name.value.clone() };
        Some(Host {
            id: HostId(id),
            address,
            port: port.unwrap_or(22),
            user: user.unwrap_or_else(|| inputs.local_user.clone()),
            // An empty key means that there is none, so that a variable can say it.
            key: key.filter(|key| !key.as_os_str().is_empty()),
        })
    }

    /// Compiles a step that is left out, for what it would export; its faults are nobody's concern now.
    fn carry_exports(&mut self, step: &Step) {
        let faults = self.renderer.faults.len();
        let secrets = self.renderer.secrets_used.clone();
        let passed = step.options.when.as_ref().is_none_or(|when| self.renderer.decide(when) == Some(true));
        let exports = if passed { self.recipe(step).map(|recipe| recipe.exports().to_vec()) } else { None };
        self.renderer.faults.truncate(faults);
        match exports {
            Some(exports) if !exports.is_empty() => {
                self.carried.retain(|(name, _)| !exports.iter().any(|(other, _)| other == name));
                self.carried.extend(exports);
            }
            _ => self.renderer.secrets_used = secrets,
        }
    }

    fn step(&mut self, at: usize, step: &Step, origin: &str) {
        let number = (at + 1).to_string();
        let options = &step.options;
        let by_turn = options.looped.is_some()
            && options.when.as_ref().and_then(Node::as_text).is_some_and(|when| {
                let tokens = syntax::tokens(when, 0..when.len());
                syntax::uses(&tokens).iter().any(|found| matches!(found.name, "item" | "index"))
            });
        for (_, node) in &step.leftover {
            self.renderer.check_names(node);
        }
        if step.may_be_passed_over() {
            self.check_only(step);
            return;
        }
        if let Some(when) = options.when.as_ref().filter(|_| !by_turn) {
            match self.renderer.decide(when) {
                Some(true) => {}
                Some(false) => {
                    self.check_only(step);
                    self.skip(at, step, number, origin, None, format!("when: {}", when.as_text().unwrap_or("").trim()));
                    return;
                }
                None => {
                    self.check_only(step);
                    return;
                }
            }
        }
        let Some(looped) = &options.looped else {
            self.turn(at, step, number, origin, None);
            return;
        };
        let Some(items) = self.renderer.items(looped) else {
            self.check_only(step);
            return;
        };
        if items.is_empty() {
            self.check_only(step);
            self.skip(at, step, number, origin, None, "loop: the list is empty".to_owned());
            return;
        }
        if items.len() > MAX_TURNS {
            let fault = Diagnostic::error(looped.span, format!("a loop over {} items is too long", items.len()));
            self.renderer
                .faults
                .push(fault.hint(format!("a loop may have {MAX_TURNS}; a list becomes several words of one command")));
            return;
        }
        for (index, item) in items.into_iter().enumerate() {
            let turn = Iteration { item, index: index + 1 };
            self.renderer.turn(Some(&turn));
            let label = format!("{number}[{}]", turn.index);
            let decided = options.when.as_ref().filter(|_| by_turn).map(|when| (when, self.renderer.decide(when)));
            match decided {
                Some((_, None)) => self.check_only(step),
                Some((when, Some(false))) => {
                    self.check_only(step);
                    let why = format!("when: {}", when.as_text().unwrap_or("").trim());
                    self.skip(at, step, label, origin, Some(&turn), why);
                }
                None | Some((_, Some(true))) => self.turn(at, step, label, origin, Some(&turn)),
            }
        }
    }

    /// Checks the templates of a step that is not carried out: an undefined name is a fault there too.
    fn check_only(&mut self, step: &Step) {
        let secrets = self.renderer.secrets_used.clone();
        let options = &step.options;
        for param in &step.params {
            self.renderer.check_only(&param.value, param.field.shape);
        }
        for node in [&options.unless, &options.only_if].into_iter().flatten() {
            self.renderer.check_only(node, Shape::Shell);
        }
        let texts = [
            &options.run_as,
            &options.cwd,
            &options.creates,
            &options.timeout,
            &options.retries,
            &options.delay,
            &options.sudo,
            &options.allow_failure,
            &options.on_unknown,
        ];
        for node in texts.into_iter().flatten().chain(options.env.iter().map(|entry| &entry.value)) {
            self.renderer.check_only(node, Shape::Text);
        }
        self.renderer.check_only(&step.name_node, Shape::Text);
        self.renderer.secrets_used = secrets;
    }

    fn name(&mut self, step: &Step, turn: Option<&Iteration>) -> String {
        let rendered =
            self.renderer.text(&step.name_node).map_or_else(|| step.name.value.clone(), |text| text.display());
        let named = syntax::split(&step.name.value).is_ok_and(|split| {
            split.segments.iter().any(|segment| match segment {
                syntax::Segment::Expression { inner, .. } => {
                    let tokens = syntax::tokens(split.text, inner.clone());
                    syntax::uses(&tokens).iter().any(|found| matches!(found.name, "item" | "index"))
                }
                _ => false,
            })
        });
        let name = match turn {
            Some(turn) if !named => format!("{rendered} ({})", item_name(turn)),
            _ => rendered,
        };
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn add(&mut self, at: usize, mut planned: PlannedStep) {
        let id = StepId(u32::try_from(self.planned.len() + 1).expect("fewer than 2^32 steps"));
        planned.id = id;
        self.ids[at].push((id, planned.digest.clone()));
        self.planned.push(planned);
    }

    fn skip(&mut self, at: usize, step: &Step, label: String, origin: &str, turn: Option<&Iteration>, why: String) {
        // The name may ask for what is not there just because the step is passed over.
        let faults = self.renderer.faults.len();
        let name = self.name(step, turn);
        self.renderer.faults.truncate(faults);
        self.add(
            at,
            PlannedStep {
                id: StepId(0),
                label,
                name,
                kind: step.kind.map_or("", |kind| kind.name),
                digest: Digest::of_fields([&b"skip"[..]]),
                origin: origin.to_owned(),
                action: Action::Skip { why },
            },
        );
    }

    fn turn(&mut self, at: usize, step: &Step, label: String, origin: &str, turn: Option<&Iteration>) {
        let recipe = self.recipe(step);
        let name = self.name(step, turn);
        let work = self.work(step, recipe);
        let (Some((mut work, watched)), Some(kind)) = (work, step.kind) else { return };
        let digest = digest(kind.name, &work, &watched);
        self.carried.retain(|(name, _)| !work.recipe.exports().iter().any(|(other, _)| other == name));
        // Not part of the digest: with nothing left out, the same step is given the same values by the steps before it.
        let mut env: Vec<(String, Text)> =
            self.carried.iter().filter(|(name, _)| !work.env.iter().any(|(other, _)| other == name)).cloned().collect();
        env.append(&mut work.env);
        work.env = env;
        self.add(
            at,
            PlannedStep {
                id: StepId(0),
                label,
                name,
                kind: kind.name,
                digest,
                origin: origin.to_owned(),
                action: Action::Apply(Box::new(work)),
            },
        );
    }

    fn recipe(&mut self, step: &Step) -> Option<Recipe> {
        let mut fields = Vec::with_capacity(step.params.len());
        let mut whole = step.whole;
        for param in &step.params {
            if param.broken {
                self.renderer.check_only(&param.value, param.field.shape);
                whole = false;
                continue;
            }
            match self.renderer.arg(&param.value, param.field.shape) {
                Some(arg) => fields.push((param.field.name, param.key_span, arg)),
                None => whole = false,
            }
        }
        let kind = step.kind.filter(|_| whole)?;
        match (kind.compile)(&Args { span: step.kind_span, fields: &fields }) {
            Ok(recipe) => Some(recipe),
            Err(faults) => {
                self.renderer.faults.extend(faults);
                None
            }
        }
    }

    /// The recipe with the step's options, and the digests of the steps that it watches.
    fn work(&mut self, step: &Step, recipe: Option<Recipe>) -> Option<(StepSpec, Vec<Digest>)> {
        let options = &step.options;
        let before = self.renderer.faults.len();
        let renderer = &mut self.renderer;
        let sudo = options.sudo.as_ref().and_then(|node| flag(renderer, node));
        let run_as = options.run_as.as_ref().and_then(|node| Some((renderer.text(node)?, node.span)));
        let cwd = options.cwd.as_ref().and_then(|node| path(renderer, node));
        let env: Vec<(String, Text)> =
            options.env.iter().filter_map(|entry| Some((entry.key.clone(), renderer.text(&entry.value)?))).collect();
        let unless = options.unless.as_ref().and_then(|node| renderer.shell(node));
        let only_if = options.only_if.as_ref().and_then(|node| renderer.shell(node));
        let creates = options.creates.as_ref().and_then(|node| path(renderer, node));
        let timeout = options.timeout.as_ref().and_then(|node| span_of_time(renderer, node));
        let delay = options.delay.as_ref().and_then(|node| span_of_time(renderer, node));
        let retries = options.retries.as_ref().and_then(|node| {
            let arg = renderer.arg(node, Shape::Integer)?;
            let ArgValue::Integer(number) = arg.value else { return None };
            u32::try_from(number).ok().filter(|number| *number <= 1000).or_else(|| {
                renderer
                    .faults
                    .push(Diagnostic::error(node.span, format!("{number} retries are too many")).label("1000 at most"));
                None
            })
        });
        let allow_failure = options.allow_failure.as_ref().and_then(|node| flag(renderer, node)).unwrap_or(false);
        let on_unknown = options.on_unknown.as_ref().and_then(|node| {
            let ArgValue::Text(word) = renderer.arg(node, Shape::OneOf(&["fail", "rerun", "done"]))?.value else {
                return None;
            };
            Some(match word.raw() {
                "rerun" => OnUnknown::Rerun,
                "done" => OnUnknown::Done,
                _ => OnUnknown::Fail,
            })
        });
        if let Some((user, span)) = &run_as
            && let Some(Err(why)) = user.literal().map(inventory::check_user)
        {
            renderer.faults.push(Diagnostic::error(*span, format!("`run_as`: {why}")));
        }
        if self.renderer.faults.len() != before {
            return None;
        }
        let recipe = recipe?;
        let run_as = match run_as {
            Some((user, _)) => RunAs::User(user),
            None if sudo == Some(true) => RunAs::Root,
            None if sudo.is_none() && recipe.needs_root => RunAs::RootToApply,
            None => RunAs::Login,
        };
        let watched: Vec<(StepId, Digest)> = options
            .when_changed
            .iter()
            .flatten()
            .filter_map(|wanted| self.loaded.playbook.steps.iter().position(|step| step.name.value == wanted.value))
            .flat_map(|at| self.ids[at].iter().cloned())
            .collect();
        let (when_changed, digests) = watched.into_iter().unzip();
        let work = StepSpec {
            recipe,
            only_if,
            when_changed,
            only_when_changed: options.when_changed.is_some(),
            creates,
            unless,
            run_as,
            cwd,
            env,
            timeout,
            retries: retries.unwrap_or(0),
            delay: delay.unwrap_or_default(),
            register: options.register.as_ref().map(|name| name.value.clone()),
            allow_failure,
            always: options.always,
            on_unknown: on_unknown.unwrap_or_default(),
            earlier: Vec::new(),
            remembered: None,
        };
        Some((work, digests))
    }
}

fn flag(renderer: &mut Renderer<'_>, node: &Node) -> Option<bool> {
    match renderer.arg(node, Shape::Bool)?.value {
        ArgValue::Bool(flag) => Some(flag),
        _ => None,
    }
}

fn path(renderer: &mut Renderer<'_>, node: &Node) -> Option<Text> {
    match renderer.arg(node, Shape::Path)?.value {
        ArgValue::Text(text) => Some(text),
        _ => None,
    }
}

fn span_of_time(renderer: &mut Renderer<'_>, node: &Node) -> Option<Duration> {
    let text = renderer.plain_text(node, "a duration")?;
    match convert::duration(convert::Written { text: &text, quoted: false, span: node.span }) {
        Ok(duration) => Some(duration),
        Err(fault) => {
            renderer.faults.push(*fault);
            None
        }
    }
}

/// How a turn is called: its text, the `name` of a map, otherwise its number.
fn item_name(turn: &Iteration) -> String {
    const LONGEST: usize = 40;
    let name = turn.item.get_attr("name").ok().filter(|name| name.as_str().is_some());
    let text = letters(name.as_ref().unwrap_or(&turn.item)).map(|text| Text::new(text).display());
    match text {
        Ok(text) if text.chars().count() > LONGEST => text.chars().take(LONGEST).chain(['…']).collect(),
        Ok(text) if !text.is_empty() => text,
        _ => Value::from(turn.index).to_string(),
    }
}

/// The digest over everything that the host would do for a step; its name and its place are not part of it, nor is how
/// patient the runner is with it and what it makes of its result: the same command under another `timeout` or
/// `on_unknown` is the same command, and what the host knows of it holds.
fn digest(kind: &str, work: &StepSpec, watched: &[Digest]) -> Digest {
    let mut fields: Vec<Vec<u8>> = vec![b"1".to_vec(), kind.into()];
    let mut add = |name: &str, value: &[u8]| {
        fields.push(name.into());
        fields.push(value.to_vec());
    };
    let script = |script: &Option<Script>| script.as_ref().map(|script| script.as_str().as_bytes().to_vec());
    let Recipe { subject: _, equivalent_commands: _, args, check, apply, needs_root, needs, effect } = &work.recipe;
    for (name, value) in args {
        add("arg", name.as_bytes());
        add("value", value.as_str().as_bytes());
    }
    if let Some(check) = script(check) {
        add("check", &check);
    }
    add("apply", apply.as_str().as_bytes());
    add("needs_root", &[u8::from(*needs_root)]);
    for need in needs {
        add("need", need.any_of.join("\0").as_bytes());
    }
    match effect {
        Effect::None => {}
        Effect::Exports(exports) => {
            for (name, value) in exports {
                add("export", name.as_bytes());
                add("value", value.raw().as_bytes());
            }
        }
        Effect::Content(Content::Text(text)) => add("content", text.raw().as_bytes()),
        Effect::Content(Content::Bytes(bytes)) => add("bytes", bytes),
        Effect::Manual(manual) => {
            add("by_hand", manual.text.raw().as_bytes());
            add("wait", &[u8::from(manual.wait)]);
        }
        Effect::Interpreter(interpreter) => add("interpreter", interpreter.as_bytes()),
        Effect::Reboots => add("reboots", &[]),
    }
    if let Some(only_if) = script(&work.only_if) {
        add("only_if", &only_if);
    }
    if let Some(unless) = script(&work.unless) {
        add("unless", &unless);
    }
    add("only_when_changed", &[u8::from(work.only_when_changed)]);
    for other in watched {
        add("watched", other.as_str().as_bytes());
    }
    for (name, text) in [("creates", &work.creates), ("cwd", &work.cwd)] {
        if let Some(text) = text {
            add(name, text.raw().as_bytes());
        }
    }
    let run_as = match &work.run_as {
        RunAs::Login => "login".to_owned(),
        RunAs::Root => "root".to_owned(),
        RunAs::RootToApply => "root to apply".to_owned(),
        RunAs::User(user) => format!("user {}", user.raw()),
    };
    add("run_as", run_as.as_bytes());
    for (name, value) in &work.env {
        add("env", name.as_bytes());
        add("value", value.raw().as_bytes());
    }
    add("register", work.register.as_deref().unwrap_or("").as_bytes());
    Digest::of_fields(fields.iter().map(Vec::as_slice))
}
