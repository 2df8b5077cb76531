//! The host's name server: every name leads to the mirror.
//!
//! A URL that is not in the rehearsal file is therefore refused by the mirror, by its name, instead of failing with a
//! resolver's error.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

/// Answers on port 53 from now on.
pub(super) fn serve() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53))?;
    std::thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(reply) = answer(&question[..length]) {
                // If the reply is lost, the resolver asks again.
                let _ = socket.send_to(&reply, from);
            }
        }
    });
    Ok(())
}

/// The answer to one question; `None` if the bytes are not a question.
///
/// A name with a dot has the loopback address and no records of other types. A name without a dot does not exist.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let header = question.get(..12)?;
    let is_question = header[2] & 0x80 == 0 && header[4..6] == [0, 1];
    if !is_question {
        return None;
    }
    let mut at = 12;
    let mut labels = 0;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        match length {
            0 => break,
            1..64 => {
                at += length;
                labels += 1;
            }
            _ => return None,
        }
    }
    let asked = question.get(12..at + 4)?;
    let is_address = asked[asked.len() - 4..] == [0, 1, 0, 1];
    let mut reply = header[..2].to_vec();
    let found = labels > 1;
    // An authoritative reply that offers recursion; code 3 means that the name does not exist.
    reply.extend_from_slice(&[0x84 | (header[2] & 1), if found { 0x80 } else { 0x83 }]);
    reply.extend_from_slice(&[0, 1, 0, u8::from(found && is_address), 0, 0, 0, 0]);
    reply.extend_from_slice(asked);
    if found && is_address {
        reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend_from_slice(&Ipv4Addr::LOCALHOST.octets());
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(labels: &[&str], kind: u8) -> Vec<u8> {
        let mut out = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels {
            out.push(u8::try_from(label.len()).expect("short"));
            out.extend_from_slice(label.as_bytes());
        }
        out.extend_from_slice(&[0, 0, kind, 0, 1]);
        out
    }

    #[test]
    fn a_name_with_a_dot_has_the_loopback_address() {
        let reply = answer(&question(&["example", "org"], 1)).expect("an answer");
        assert_eq!(reply[..4], [0xab, 0xcd, 0x85, 0x80]);
        assert_eq!(reply[reply.len() - 4..], [127, 0, 0, 1]);
        let reply = answer(&question(&["example", "org"], 28)).expect("an answer");
        assert_eq!(reply[6..8], [0, 0], "no IPv6 address");
        let reply = answer(&question(&["localhos"], 1)).expect("an answer");
        assert_eq!(reply[3] & 0xf, 3, "no such name");
    }

    #[test]
    fn bytes_that_are_not_a_question_get_no_answer() {
        for length in 0..question(&["example", "org"], 1).len() {
            assert_eq!(answer(&question(&["example", "org"], 1)[..length]), None, "{length}");
        }
        assert_eq!(answer(&[0xff; 64]), None);
    }
}
