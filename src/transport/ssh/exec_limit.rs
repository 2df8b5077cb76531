//! Commands for servers that take only short ones.

use crate::transport::Exec;

/// What every server takes: dropbear (2022.83, measured) takes 8,999 bytes, and ends the connection for one more.
const EVERYWHERE: usize = 8000;

/// What stands at the end of a whole command; to the shell, a comment.
const END: &str = "\n#whole:pinboot";

/// The command as this server can take it: a long one goes in front of its own standard input, unless the server is
/// OpenSSH, where the exec string has room for it and saves a round trip.
///
/// The shell there reads exactly as many bytes as the command has, so that what follows is the command's own. A command
/// that did not come whole is not carried out.
pub(crate) fn fit(exec: Exec, server: Option<&str>) -> Exec {
    if exec.command.len() <= EVERYWHERE || server.is_some_and(|server| server.contains("OpenSSH")) {
        return exec;
    }
    let mut stdin = exec.command;
    stdin.extend(END.as_bytes());
    let length = stdin.len();
    stdin.extend(exec.stdin);
    // (Nothing in it that any login shell reads otherwise than sh.)
    let command = format!(
        "exec sh -c 'c=$(dd bs=1 count={length} 2>/dev/null); case $c in *\"{}\") eval \"$c\" ;; esac'",
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

    /// What `sh` says when it is given this, and its input up to here.
    fn said(exec: &Exec, input: usize) -> String {
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
    fn a_long_command_comes_whole_and_its_input_stays_its_own() {
        let exec = fit(long("it is"), Some("SSH-2.0-dropbear_2022.83"));
        assert!(exec.command.len() < 200);
        let whole = said(&exec, exec.stdin.len());
        assert!(whole.starts_with("it is xxx") && whole.ends_with("x 13\n"), "{whole}");
        for cut in [0, 100, 20_000] {
            assert_eq!(said(&exec, cut), "", "a part is not carried out");
        }
    }

    #[test]
    fn what_the_server_takes_is_left_as_it_is() {
        let exec = long("as it is");
        assert_eq!(fit(exec.clone(), Some("SSH-2.0-OpenSSH_9.2p1")).command, exec.command);
        let short = Exec { command: b"echo short".to_vec(), stdin: Vec::new() };
        assert_eq!(fit(short.clone(), None).command, short.command);
    }
}
