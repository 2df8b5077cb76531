//! A person at a terminal, who types at it, and closes it.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use super::running::{HELD, held, release};
use super::world::{Call, Signal, World, on_each, until};
use crate::support::need;

cases! {
    a_terminal_that_is_closed_leaves_the_run_to_itself ["B22" "E2"] "the terminal is closed: SIGHUP"
        => Text("129", "the run continues on the host; the rerun does the rest, once");
    a_terminal_is_left_as_it_was_found ["E1" "E2"] "Ctrl-\\\\ and SIGTERM at a terminal; Ctrl-C three times there"
        => Text("131, 143, 130", "the terminal is as it was; the run continues on the host; the rerun does the rest, once");
    several_hosts_are_asked_about_one_after_the_other ["W24"] "the first run on two hosts: both keys are unknown"
        => Text("0", "one question after the other, each names its host, and nothing is drawn over it");
    ctrl_c_at_a_question_ends_it ["W24"] "Ctrl-C, SIGTERM at the question about a host key, at that for a passphrase, with a word typed"
        => Text("130, 143", "`nothing was started`; at once; the terminal is as it was, and the shell gets nothing of what was typed");
    ctrl_c_while_connecting_ends_at_once ["W24"] "Ctrl-C while a server accepts the connection and says nothing, with one host and with two"
        => Text("130", "`nothing was started`; at once");
    a_wrong_passphrase_is_asked_for_again ["W28"] "a wrong passphrase, twice, and then the right one; three wrong ones"
        => Text("0, 4", "it is asked for again, three times in all");
    lines_of_a_terminal_are_text ["W26"] "what a terminal shows is selected, or the terminal changes its width"
        => Text("0", "every line ends with a line feed and has no blanks at its end");
    long_messages_are_broken_at_words ["W26"] "a message is longer than a line of the terminal"
        => Text("1, 2", "it is broken between words and goes on below; commands are in one piece; through a pipe it is one line");
    a_dumb_terminal_gets_no_codes ["W26"] "TERM=dumb, and no TERM" => Text("0", "no code that moves the cursor, no colour");
}

/// The terminal's columns.
const WIDTH: u16 = 100;

/// A terminal, and a program in its foreground.
struct Terminal {
    master: OwnedFd,
    /// The program's end, held open so that its state can be looked at.
    slave: OwnedFd,
    before: Termios,
    child: Child,
    shown: Vec<u8>,
}

impl Terminal {
    fn start(program: &Command) -> Self {
        Self::of_kind("xterm", program)
    }

    /// A terminal that says that it is of this kind.
    fn of_kind(kind: &str, program: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let slave = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
        let slave = slave.expect("the other end");
        tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: WIDTH, ws_xpixel: 0, ws_ypixel: 0 }).expect("its size");
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).expect("a terminal");
        let before = tcgetattr(&slave).expect("its state");
        // The program leads a session of its own, with this terminal.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program()).args(program.get_args());
        command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("TERM", kind).current_dir(program.get_current_dir().expect("a folder"));
        let end = || Stdio::from(slave.try_clone().expect("the other end"));
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid starts");
        Self { master, slave, before, child, shown: Vec::new() }
    }

    /// Reads what is shown.
    fn read(&mut self) {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = rustix::io::read(&self.master, &mut bytes) {
            self.shown.extend_from_slice(&bytes[..length]);
        }
    }

    fn wait_for(&mut self, words: &str) {
        until(words, || {
            self.read();
            String::from_utf8_lossy(&self.shown).contains(words)
        });
    }

    fn types(&self, key: u8) {
        assert_eq!(rustix::io::write(&self.master, &[key]), Ok(1));
    }

    /// Types a line.
    fn types_line(&self, text: &str) {
        text.bytes().chain([b'\r']).for_each(|key| self.types(key));
    }

    /// Everything that was shown so far, without the codes that move the cursor.
    fn text(&self) -> String {
        let shown = String::from_utf8_lossy(&self.shown);
        let mut parts = shown.split("\x1b[");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            text.push_str(part.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or_default());
        }
        text
    }

    /// Waits for the program's end, which comes soon, and insists on its exit code.
    #[track_caller]
    fn ends_soon(&mut self, code: i32) {
        let started = Instant::now();
        let end = self.end();
        assert_eq!(end.code(), Some(code), "{end:?}: {}", self.text());
        assert!(started.elapsed() < Duration::from_secs(3), "after {:?}: {}", started.elapsed(), self.text());
        self.is_as_it_was();
    }

    /// Waits for the program's end, reading what it shows meanwhile.
    fn end(&mut self) -> ExitStatus {
        let mut end = None;
        until("it ends", || {
            self.read();
            end = self.child.try_wait().expect("a child");
            end.is_some()
        });
        self.read();
        end.expect("it has ended")
    }

    /// It has the modes that it had, its cursor is shown, and what comes next stands on a line of its own.
    #[track_caller]
    fn is_as_it_was(&self) {
        let now = tcgetattr(&self.slave).expect("its state");
        let modes = |state: &Termios| (state.input_modes, state.output_modes, state.control_modes, state.local_modes);
        assert_eq!(modes(&now), modes(&self.before));
        let shown = String::from_utf8_lossy(&self.shown);
        let hidden = shown.rfind("\x1b[?25l").map_or(0, |at| at + 1);
        let visible = shown.rfind("\x1b[?25h").map_or(0, |at| at + 1);
        assert!(hidden <= visible, "the cursor is hidden: {shown:?}");
        // The last line is ended, or filled to its last column.
        let rest = shown.rsplit("\r\n").next().unwrap_or_default();
        let rest = rest.rsplit_once('\x1b').map_or(rest, |(_, behind)| {
            behind.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or_default()
        });
        assert_eq!(rest.chars().count() % usize::from(WIDTH), 0, "what comes next goes on behind {rest:?}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The run continues on the host, and a rerun does the rest of it, once.
#[track_caller]
fn the_rest_is_done_once(world: &World) {
    release(world);
    world.pinboot(&["rerun"]).exits(0).says(&["2 changed"]);
    assert_eq!((world.read("count").as_str(), world.read("after").as_str()), ("x\n", "y\n"));
    assert_eq!(world.runs().len(), 1);
}

#[test]
fn a_terminal_that_is_closed_leaves_the_run_to_itself() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    on_each(|world| {
        world.steps(HELD);
        let mut terminal = Terminal::start(&world.run_call(&[]).into_command());
        held(&world);
        terminal.wait_for("Held");
        // Its window is closed.
        let nothing = fs::File::open("/dev/null").expect("nothing");
        terminal.master = nothing.into();
        let end = terminal.child.wait().expect("its end");
        assert_eq!(end.code(), Some(129), "{end:?}: {}", String::from_utf8_lossy(&terminal.shown));
        assert_eq!(world.journal(), ["exit 129"], "no step is over");
        the_rest_is_done_once(&world);
        assert_eq!(world.journal(), ["exit 129", "1 changed", "2 changed", "exit 0", "exit 0"]);
    });
}

#[test]
fn a_terminal_is_left_as_it_was_found() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    for (how, code) in [("quit", 131), ("term", 143), ("interrupt", 130)] {
        on_each(|world| {
            // The step ignores SIGTERM, so it is the third Ctrl-C that ends pinboot.
            world.steps(&HELD.replace("echo started", "trap '' TERM; echo started"));
            let mut terminal = Terminal::start(&world.run_call(&[]).into_command());
            held(&world);
            terminal.wait_for("Held");
            match how {
                "quit" => terminal.types(0x1c),
                "term" => crate::support::sshd::signal(terminal.child.id(), Signal::TERM),
                _ => {
                    for words in ["Finishing the current step", "Stopping the current step", "continues on the host"] {
                        terminal.types(3);
                        terminal.wait_for(words);
                    }
                }
            }
            let end = terminal.end();
            assert_eq!(end.code(), Some(code), "{how}: {end:?}: {}", String::from_utf8_lossy(&terminal.shown));
            terminal.is_as_it_was();
            if how == "interrupt" {
                // The step was asked to stop, so a rerun starts it again, which the cases of Ctrl-C show.
                release(&world);
                until("the run ends at the host", || world.is_over());
                return;
            }
            the_rest_is_done_once(&world);
        });
    }
}

/// `pinboot run` that asks about unknown host keys, and knows none.
fn asking(world: &World) -> Call {
    let call = world.call(&["run", "p.yaml", "--host-key", "ask", "--known-hosts"]).arg(world.here("known_hosts"));
    call.arg("--key").arg(world.server.key())
}

/// A playbook for the server under each of these names.
fn play_on(world: &World, names: &[&str]) {
    let mut text = "name: A test\nhosts:\n".to_owned();
    for (number, name) in names.iter().enumerate() {
        let (port, user) = (world.server.port, &world.user);
        text += &format!("  h{number}: {{ address: {name}, port: {port}, user: {user} }}\n");
    }
    world.playbook(&(text + "steps:\n  - { name: Touch, command: touch touched, always: true }\n"));
}

#[test]
fn several_hosts_are_asked_about_one_after_the_other() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    play_on(&world, &["127.0.0.1", "localhost"]);
    let mut terminal = Terminal::start(&asking(&world).into_command());
    let question = "(yes/no/[fingerprint])? ";
    for number in 1..=2 {
        until("a question", || {
            terminal.read();
            terminal.text().matches(question).count() == number
        });
        // A question is there until it is answered: nothing is drawn over it, and no other comes.
        let then = terminal.shown.len();
        std::thread::sleep(Duration::from_secs(1));
        terminal.read();
        assert_eq!(terminal.shown.len(), then, "{}", terminal.text());
        assert!(terminal.text().ends_with(question), "{}", terminal.text());
        terminal.types_line("yes");
    }
    assert_eq!(terminal.end().code(), Some(0), "{}", terminal.text());
    let text = terminal.text();
    for host in ["'[127.0.0.1]:", "'[localhost]:"] {
        assert_eq!(text.matches(&format!("authenticity of host {host}")).count(), 1, "{text}");
    }
    terminal.is_as_it_was();
}

#[test]
fn ctrl_c_at_a_question_ends_it() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    let locked = world.here("locked");
    let status =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "a passphrase", "-f"]).arg(&locked).status();
    assert!(status.expect("ssh-keygen").success());
    let with_passphrase = || world.call(&["run", "p.yaml", "--host-key", "ask", "--key"]).arg(&locked);
    for (hosts, call, words, hidden) in [
        (&["127.0.0.1"][..], asking(&world), "fingerprint])? ", false),
        (&["127.0.0.1", "localhost"], asking(&world), "fingerprint])? ", false),
        (&["127.0.0.1"], with_passphrase(), "Passphrase for ", true),
    ] {
        play_on(&world, hosts);
        let command = call.into_command();
        for signal in [None, Some(Signal::TERM)] {
            let mut terminal = Terminal::start(&command);
            terminal.wait_for(words);
            let modes = tcgetattr(&terminal.slave).expect("its state").local_modes;
            assert_eq!(modes.contains(LocalModes::ECHO), !hidden);
            for key in b"echo typed" {
                terminal.types(*key);
            }
            match signal {
                Some(signal) => crate::support::sshd::signal(terminal.child.id(), signal),
                None => terminal.types(3),
            }
            terminal.ends_soon(if signal.is_none() { 130 } else { 143 });
            terminal.wait_for("nothing was started");
            let text = terminal.text();
            let line = text.lines().find(|line| line.contains("nothing was started")).unwrap_or_default();
            assert!(!line.contains(words), "the message stands on the question's line: {text}");
            let after = rustix::io::ioctl_fionread(&terminal.slave).expect("a terminal");
            assert_eq!(after, 0, "the shell would get what was typed: {}", terminal.text());
            assert!(!terminal.text().contains("Finishing the current step"), "{}", terminal.text());
        }
    }
    assert!(!world.there("touched").exists());
}

#[test]
fn ctrl_c_while_connecting_ends_at_once() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("its address").port();
    for hosts in [1, 2] {
        let mut text = "name: A test\nhosts:\n".to_owned();
        for number in 0..hosts {
            text += &format!("  h{number}: {{ address: 127.0.0.1, port: {port}, user: me }}\n");
        }
        world.playbook(&(text + "steps:\n  - { name: Touch, command: touch touched, always: true }\n"));
        let mut terminal = Terminal::start(&asking(&world).into_command());
        terminal.wait_for("h0  connecting");
        terminal.types(3);
        terminal.ends_soon(130);
        let text = terminal.text();
        assert_eq!(text.matches("nothing was started").count(), hosts, "{text}");
        assert!(!text.contains("Finishing the current step") && !text.contains("continues on the host"), "{text}");
    }
}

#[test]
fn a_wrong_passphrase_is_asked_for_again() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    world.steps("  - { name: Touch, command: touch touched, always: true }\n");
    let locked = world.here("locked");
    fs::copy(world.server.key(), &locked).expect("a key");
    fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    let status = Command::new("ssh-keygen")
        .args(["-q", "-p", "-a", "1", "-P", "", "-N", "right one", "-f"])
        .arg(&locked)
        .status();
    assert!(status.expect("ssh-keygen").success());
    for (answers, code) in [(["wrong", "", "right one"], 0), (["wrong", "wrong", "wrong"], 4)] {
        let mut terminal = Terminal::start(&world.reach(&["run", "p.yaml"]).arg("--key").arg(&locked).into_command());
        for (number, answer) in answers.iter().enumerate() {
            until("a question", || {
                terminal.read();
                terminal.text().matches("Passphrase for").count() == number + 1
            });
            terminal.types_line(answer);
        }
        assert_eq!(terminal.end().code(), Some(code), "{}", terminal.text());
        assert_eq!(terminal.text().matches("does not open the key").count(), 2, "{}", terminal.text());
        assert!(!terminal.text().contains("right one"), "what is typed is hidden: {}", terminal.text());
        terminal.is_as_it_was();
    }
    assert!(world.there("touched").exists());
}

const SPEAKING: &str = "  - { name: Say, script: 'for i in 1 2 3 4 5 6; do echo line $i; sleep .2; done', always: true }\n  \
                        - { name: Then, command: 'true', always: true }\n";

#[test]
fn lines_of_a_terminal_are_text() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    world.steps(SPEAKING);
    let mut terminal = Terminal::start(&world.run_call(&[]).into_command());
    terminal.wait_for("line 2");
    // It becomes narrower in the middle of the run.
    tcsetwinsize(&terminal.slave, Winsize { ws_row: 24, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0 }).expect("its size");
    assert_eq!(terminal.end().code(), Some(0), "{}", terminal.text());
    let text = terminal.text();
    assert!(text.ends_with("\r\n"), "{text:?}");
    let padded: Vec<&str> = text.split("\r\n").filter(|line| line.ends_with(' ')).collect();
    assert!(padded.is_empty(), "{padded:?}");
    for line in ["  1 Say ", "  2 Then "] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("0/0"), "{text}");
    terminal.is_as_it_was();
}

#[test]
fn a_dumb_terminal_gets_no_codes() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    world.steps(SPEAKING);
    for kind in ["dumb", ""] {
        let mut terminal = Terminal::of_kind(kind, &world.run_call(&[]).into_command());
        assert_eq!(terminal.end().code(), Some(0), "{}", terminal.text());
        assert!(!terminal.shown.contains(&0x1b), "{:?}", String::from_utf8_lossy(&terminal.shown));
        terminal.wait_for("2 changed");
    }
}

/// What is shown, with what continues a line put behind it.
fn joined(text: &str) -> String {
    text.replace("\r\n", "\n").split('\n').fold(String::new(), |all, line| {
        let continues = line.starts_with("    ") || line.starts_with("  SHA256:");
        let (gap, line) = if continues { (" ", line.trim_start()) } else { ("\n", line) };
        all + gap + line
    })
}

#[test]
fn long_messages_are_broken_at_words() {
    if need("setsid", "util-linux").is_none() {
        return;
    }
    let Some(world) = World::new() else { return };
    let command = format!("true {}", "a-word ".repeat(30));
    world.steps(&format!("  - {{ name: Long, command: '{command}; false', always: true }}\n"));
    let guarded = "  - name: Guard\n    command: 'true'\n    unless: no-such-program\n";
    let sentence = "`unless` could not find out: a command in it was not found (status 127); if that is an answer, ask \
                    `command -v NAME`";
    for (steps, whole, is_command) in [(None, command.trim_end(), true), (Some(guarded), sentence, false)] {
        if let Some(steps) = steps {
            world.steps(steps);
        }
        let piped = world.run(&[]).exits(1);
        assert!(piped.stderr.lines().any(|line| line.contains(whole)), "{}", piped.stderr);
        for kind in ["xterm", "dumb"] {
            let mut terminal = Terminal::of_kind(kind, &world.run_call(&[]).into_command());
            assert_eq!(terminal.end().code(), Some(1), "{}", terminal.text());
            let text = terminal.text();
            let long: Vec<&str> = text.split("\r\n").filter(|line| line.chars().count() > usize::from(WIDTH)).collect();
            if is_command {
                assert!(long.len() == 1 && long[0].contains(whole), "{long:?} in\n{text}");
            } else {
                assert!(long.is_empty() && joined(&text).contains(whole), "{long:?} in\n{text}");
            }
        }
    }
    // What is refused before a run, and what is shown of it later.
    world.steps("  - { name: Odd, command: 'true', no_such_option: 1, always: true }\n");
    let refused = world.call(&["lint", "p.yaml"]).exits(2);
    let helps = refused.stderr.lines().filter_map(|line| Some(line.split_once("= help: ")?.1.to_owned()));
    let help = helps.max_by_key(String::len).expect("a hint");
    assert!(help.len() > usize::from(WIDTH), "{help}");
    let mut terminal = Terminal::start(&world.call(&["lint", "p.yaml"]).into_command());
    assert_eq!(terminal.end().code(), Some(2));
    assert!(joined(&terminal.text()).contains(&help), "{}", terminal.text());
    for words in [["lint", "p.yaml"].as_slice(), &["show"]] {
        let mut terminal = Terminal::start(&world.call(words).into_command());
        terminal.end();
        let text = terminal.text();
        let long = text.split("\r\n").find(|line| line.chars().count() > usize::from(WIDTH));
        assert_eq!(long, None, "{text}");
    }
}
