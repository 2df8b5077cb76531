//! Long commands for servers that accept only short ones.

use crate::transport::{CUT_OFF, Exec};

/// The length that every server accepts. dropbear 2022.83 accepts 8,999 bytes (measured) and closes the connection
/// for one more.
const SAFE_LENGTH: usize = 8000;

/// The end of a complete command; the shell ignores it as a comment.
const END: &str = "\n#whole:pinboot";

/// Moves a long command to the beginning of its standard input, unless the server is OpenSSH.
///
/// OpenSSH accepts long exec strings, which saves a round trip. On other servers a shell reads exactly the bytes of the
/// command and leaves the rest of standard input to it. An incomplete command is not run.
pub(crate) fn fit(exec: Exec, server: Option<&str>) -> Exec {
    if exec.command.len() <= SAFE_LENGTH || server.is_some_and(|server| server.contains("OpenSSH")) {
        return exec;
    }
    let mut stdin = exec.command;
    stdin.extend(END.as_bytes());
    let length = stdin.len();
    stdin.extend(exec.stdin);
    // Every login shell reads this line in the same way as sh.
    let command = format!(
        "exec sh -c 'c=$(dd bs=1 count={length} 2>/dev/null); case $c in *\"{}\") eval \"$c\" ;; *) echo {CUT_OFF} ;; esac'",
        END.trim()
    );
    Exec { command: command.into_bytes(), stdin }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn long(text: &str) -> Exec {
        let command = format!("printf '%s ' '{text}' {}; wc -c", "x".repeat(20_000)).into_bytes();
        Exec { command, stdin: b"its own input".to_vec() }
    }

    /// The output of `sh` for this command and this much of its input.
    fn output(exec: &Exec, input: usize) -> String {
        let mut child = Command::new("sh")
            .args(["-c", std::str::from_utf8(&exec.command).unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&exec.stdin[..input]).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    #[test]
    fn a_long_command_runs_completely_and_keeps_its_input() {
        let exec = fit(long("it is"), Some("SSH-2.0-dropbear_2022.83"));
        assert!(exec.command.len() < 200);
        let complete = output(&exec, exec.stdin.len());
        assert!(complete.starts_with("it is xxx") && complete.ends_with("x 13\n"), "{complete}");
        for cut in [0, 100, 20_000] {
            assert_eq!(output(&exec, cut), format!("{CUT_OFF}\n"), "an incomplete command does not run");
        }
    }

    #[test]
    fn a_command_that_the_server_accepts_is_not_changed() {
        let exec = long("as it is");
        assert_eq!(fit(exec.clone(), Some("SSH-2.0-OpenSSH_9.2p1")).command, exec.command);
        let short = Exec { command: b"echo short".to_vec(), stdin: Vec::new() };
        assert_eq!(fit(short.clone(), None).command, short.command);
    }
}
