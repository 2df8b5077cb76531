//! The host's only network: its loopback interface, configured over rtnetlink, since the host may have no `ip` program.

use std::io;
use std::net::Ipv4Addr;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const ERROR: u16 = 2;
const REQUEST_AND_ACKNOWLEDGE: u16 = 0x1 | 0x4;
const CREATE: u16 = 0x400;
/// The loopback interface is the first one of every network namespace.
const LOOPBACK: u32 = 1;
const UP: u32 = 1;

/// Brings the loopback interface up.
pub(super) fn up() -> io::Result<()> {
    let mut body = Vec::new();
    body.extend_from_slice(&[0; 4]);
    for field in [LOOPBACK, UP, UP] {
        body.extend_from_slice(&field.to_ne_bytes());
    }
    request(NEW_LINK, 0, &body)
}

/// Gives the loopback interface one more address, so that the mirror can answer from it.
pub(super) fn add_address(address: Ipv4Addr) -> io::Result<()> {
    let mut body = vec![2, 32, 0, 0];
    body.extend_from_slice(&LOOPBACK.to_ne_bytes());
    for attribute in [1_u16, 2] {
        body.extend_from_slice(&8_u16.to_ne_bytes());
        body.extend_from_slice(&attribute.to_ne_bytes());
        body.extend_from_slice(&address.octets());
    }
    request(NEW_ADDRESS, CREATE, &body)
}

fn request(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    let length = u32::try_from(16 + body.len()).expect("a short message");
    let mut message = Vec::new();
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&(REQUEST_AND_ACKNOWLEDGE | flags).to_ne_bytes());
    message.extend_from_slice(&1_u32.to_ne_bytes());
    message.extend_from_slice(&0_u32.to_ne_bytes());
    message.extend_from_slice(body);
    send(&socket, &message, SendFlags::empty())?;
    let mut reply = [0_u8; 4096];
    let (length, _) = recv(&socket, &mut reply, RecvFlags::empty())?;
    let reply = &reply[..length];
    let (Some(kind), Some(code)) = (reply.get(4..6), reply.get(16..20)) else {
        return Err(io::Error::other("rtnetlink sent a reply that is too short"));
    };
    let kind = u16::from_ne_bytes([kind[0], kind[1]]);
    let code = i32::from_ne_bytes([code[0], code[1], code[2], code[3]]);
    match (kind, code) {
        (ERROR, 0) => Ok(()),
        (ERROR, code) => Err(io::Error::from_raw_os_error(-code)),
        (other, _) => Err(io::Error::other(format!("rtnetlink sent an unexpected reply of kind {other}"))),
    }
}
