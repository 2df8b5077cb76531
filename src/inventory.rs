//! Hosts: their names, addresses and login users. This module does not connect to them.

use std::path::PathBuf;

use crate::ids::HostId;

/// One host of a run, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The playbook's name for it, or the address if it comes from `--host`.
    pub id: HostId,
    /// A DNS name or an IP address, without brackets.
    pub address: String,
    /// The TCP port; 22 by default.
    pub port: u16,
    /// The login user.
    pub user: String,
    /// The private key's file; `None` to use only ssh-agent.
    pub key: Option<PathBuf>,
}

impl Host {
    /// The address for a person, with the port unless it is 22.
    pub fn shown_address(&self) -> String {
        match (self.port, self.address.contains(':')) {
            (22, _) => self.address.clone(),
            (port, true) => format!("[{}]:{port}", self.address),
            (port, false) => format!("{}:{port}", self.address),
        }
    }
}

/// The parts of `[USER@]ADDR[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The login user, if one was given.
    pub user: Option<String>,
    /// A DNS name or an IP address, without brackets.
    pub address: String,
    /// The port, if one was given.
    pub port: Option<u16>,
}

impl Target {
    /// Reads the value of `--host`; the error says what is wrong, without a full stop.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(check_user(user)?), rest),
            None => (None, text),
        };
        let (address, port) = if let Some(inside) = rest.strip_prefix('[') {
            let (address, behind) = inside.split_once(']').ok_or("the bracket `[` is not closed")?;
            match behind.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None if behind.is_empty() => (address, None),
                None => return Err(format!("unexpected `{behind}` after the bracket; write a port as `[ADDR]:PORT`")),
            }
        } else {
            match rest.split_once(':') {
                // An address with several colons is an IPv6 address without brackets, and has no port.
                Some((_, behind)) if behind.contains(':') => (rest, None),
                Some((address, port)) => (address, Some(port)),
                None => (rest, None),
            }
        };
        let port = port.map(check_port).transpose()?;
        Ok(Self { user, address: check_address(address)?, port })
    }
}

/// Checks a DNS name or an IP address, and removes brackets around it.
pub fn check_address(text: &str) -> Result<String, String> {
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if text.is_empty() {
        Err("the address is empty".to_owned())
    } else if let Some(bad) = text.chars().find(|c| !fits(*c)) {
        Err(format!("invalid character `{bad}` in an address; write a DNS name or an IP address"))
    } else if text.starts_with('-') {
        Err("an address cannot start with `-`".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Checks a login name. It may hold an `@`: directories name their users so, and `ssh -l` takes such a name.
pub fn check_user(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("the user name is empty".to_owned())
    } else if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/')) {
        Err(format!("invalid character `{}` in a user name", bad.escape_default()))
    } else if text.starts_with('-') {
        Err("a user name cannot start with `-`".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Checks a TCP port.
pub fn check_port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(format!("invalid port `{text}`; a port is a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_split_into_its_parts() {
        let target = |user: Option<&str>, address: &str, port| {
            Ok(Target { user: user.map(str::to_owned), address: address.to_owned(), port })
        };
        assert_eq!(Target::parse("h"), target(None, "h", None));
        assert_eq!(
            Target::parse("ec2-user@ec2-3-81.compute-1.amazonaws.com:2222"),
            target(Some("ec2-user"), "ec2-3-81.compute-1.amazonaws.com", Some(2222))
        );
        assert_eq!(Target::parse("[::1]:22"), target(None, "::1", Some(22)));
        assert_eq!(Target::parse("u@fe80::1%eth0"), target(Some("u"), "fe80::1%eth0", None));
        assert_eq!(Target::parse("joe@corp.example@h:22"), target(Some("joe@corp.example"), "h", Some(22)));
        assert_eq!(Target::parse("[::1]"), target(None, "::1", None));
        for wrong in [
            "",
            "u@",
            "@h",
            "h:",
            "h:0",
            "h:65536",
            "h:+2",
            "[::1",
            "[::1]x",
            "a b",
            "-oProxyCommand=x",
            "u u@h",
            "h/p",
            "-u@h",
        ] {
            Target::parse(wrong).expect_err(wrong);
        }
    }
}
