//! A person at a terminal, who types at it, and closes it.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::running::{HELD, held, release};
use super::world::{Signal, World, on_each, until};
use crate::support::need;

cases! {
    a_terminal_that_is_closed_leaves_the_run_to_itself ["B22" "E2"] "the terminal is closed: SIGHUP"
        => Text("129", "the run continues on the host; the rerun does the rest, once");
    a_terminal_is_left_as_it_was_found ["E1" "E2"] "Ctrl-\\\\ and SIGTERM at a terminal; Ctrl-C three times there"
        => Text("131, 143, 130", "the terminal is as it was; the run continues on the host; the rerun does the rest, once");
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
        command.env("TERM", "xterm").current_dir(program.get_current_dir().expect("a folder"));
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
