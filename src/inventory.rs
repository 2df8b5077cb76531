//! Hosts: who they are and how they are reached. Knows nothing of connecting.

use std::path::PathBuf;

use crate::ids::HostId;

/// One host of a run, all defaults already in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The playbook's name for it (or the address where it came from `--host`).
    pub id: HostId,
    /// A DNS name or an IP address, without brackets.
    pub address: String,
    /// The TCP port; 22 where nothing was said.
    pub port: u16,
    /// The login user.
    pub user: String,
    /// The private key's file; `None`: the agent and nothing else.
    pub key: Option<PathBuf>,
}

impl Host {
    /// The address as a person writes it, with the port where it is not 22.
    pub fn shown_address(&self) -> String {
        match (self.port, self.address.contains(':')) {
            (22, _) => self.address.clone(),
            (port, true) => format!("[{}]:{port}", self.address),
            (port, false) => format!("{}:{port}", self.address),
        }
    }
}

/// `[USER@]ADDR[:PORT]` taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The login user, where one was given.
    pub user: Option<String>,
    /// A DNS name or an IP address, without brackets.
    pub address: String,
    /// The port, where one was given.
    pub port: Option<u16>,
}

impl Target {
    /// Reads what `--host` was given; the error is a sentence's text that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(check_user(user)?), rest),
            None => (None, text),
        };
        let (address, port) = if let Some(inside) = rest.strip_prefix('[') {
            let (address, behind) = inside.split_once(']').ok_or("the bracket `[` is never closed")?;
            match behind.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None if behind.is_empty() => (address, None),
                None => return Err(format!("`{behind}` stands behind the bracket; a port is written `[ADDR]:PORT`")),
            }
        } else {
            match rest.split_once(':') {
                // More than one colon is an IPv6 address without brackets, and then without a port.
                Some((_, behind)) if behind.contains(':') => (rest, None),
                Some((address, port)) => (address, Some(port)),
                None => (rest, None),
            }
        };
        let port = port.map(check_port).transpose()?;
        Ok(Self { user, address: check_address(address)?, port })
    }
}

/// A DNS name or an IP address, if it can be one; brackets around it are taken off.
pub fn check_address(text: &str) -> Result<String, String> {
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if text.is_empty() {
        Err("the address is empty".to_owned())
    } else if let Some(bad) = text.chars().find(|c| !fits(*c)) {
        Err(format!("`{bad}` cannot stand in an address; write a DNS name or an IP address"))
    } else if text.starts_with('-') {
        Err("an address cannot begin with `-`".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A login name, if it can be one.
pub fn check_user(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("the user is empty".to_owned())
    } else if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/' | '@'))
    {
        Err(format!("`{}` cannot stand in a user's name", bad.escape_default()))
    } else if text.starts_with('-') {
        Err("a user's name cannot begin with `-`".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A TCP port, if it is one.
pub fn check_port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(format!("`{text}` is not a port; a port is a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart() {
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
