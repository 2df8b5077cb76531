//! IP addresses and networks, as RFC 4632 and RFC 4291 write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::invalid::invalid;

/// An address with the length of its network's prefix, where one is written.
#[derive(Clone, Copy)]
struct Address {
    ip: IpAddr,
    prefix: Option<u32>,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().ok()?;
        let bits = width(ip);
        let prefix = match prefix {
            None => None,
            Some(mask) if mask.contains('.') => {
                let mask = u32::from(mask.parse::<Ipv4Addr>().ok()?);
                (ip.is_ipv4() && mask.leading_ones() + mask.trailing_zeros() == 32).then(|| mask.leading_ones())
            }
            Some(length) if length.bytes().all(|b| b.is_ascii_digit()) => {
                Some(length.parse().ok().filter(|length| *length <= bits)?)
            }
            Some(_) => return None,
        };
        if text.contains('/') && prefix.is_none() {
            return None;
        }
        Some(Self { ip, prefix })
    }

    fn length(self) -> u32 {
        self.prefix.unwrap_or_else(|| width(self.ip))
    }

    /// The bits of the network.
    fn mask(self) -> u128 {
        let host = width(self.ip) - self.length();
        let all = if width(self.ip) == 32 { u128::from(u32::MAX) } else { u128::MAX };
        if host >= 128 { 0 } else { all >> host << host }
    }

    fn network(self) -> IpAddr {
        from_bits(self.ip, bits(self.ip) & self.mask())
    }

    fn last(self) -> IpAddr {
        let all = if width(self.ip) == 32 { u128::from(u32::MAX) } else { u128::MAX };
        from_bits(self.ip, bits(self.ip) | (all & !self.mask()))
    }

    fn contains(self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && bits(ip) & self.mask() == bits(self.network())
    }

    fn written(self) -> String {
        self.prefix.map_or_else(|| self.ip.to_string(), |prefix| format!("{}/{prefix}", self.ip))
    }
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

fn from_bits(like: IpAddr, bits: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX))),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(bits)),
    }
}

/// The filter `ipaddr`: an address or a network as it is, or what `query` asks of it; false for anything else. Of a list, the
/// items that are addresses.
pub(super) fn ipaddr(value: &Value, query: Option<Value>) -> Result<Value, Error> {
    of_family(value, query, |_| true)
}

/// The filter `ipv4`: the same for IPv4 alone.
pub(super) fn ipv4(value: &Value, query: Option<Value>) -> Result<Value, Error> {
    of_family(value, query, IpAddr::is_ipv4)
}

/// The filter `ipv6`: the same for IPv6 alone.
pub(super) fn ipv6(value: &Value, query: Option<Value>) -> Result<Value, Error> {
    of_family(value, query, IpAddr::is_ipv6)
}

fn of_family(value: &Value, query: Option<Value>, is_meant: fn(&IpAddr) -> bool) -> Result<Value, Error> {
    let query = query.map(|query| query.to_string()).unwrap_or_default();
    each(value, &|address| if is_meant(&address.ip) { answer(address, &query) } else { Ok(None) })
}

fn each(value: &Value, ask: &impl Fn(Address) -> Result<Option<Value>, Error>) -> Result<Value, Error> {
    let one = |value: &Value| match value.as_str().and_then(Address::parse) {
        Some(address) => ask(address),
        None => Ok(None),
    };
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        let mut found = Vec::new();
        for item in value.try_iter()? {
            found.extend(one(&item)?);
        }
        return Ok(Value::from(found));
    }
    Ok(one(value)?.unwrap_or_else(|| Value::from(false)))
}

fn answer(address: Address, query: &str) -> Result<Option<Value>, Error> {
    let text = |text: String| Ok(Some(Value::from(text)));
    match query {
        "" => text(address.written()),
        "address" | "host" | "ip" => text(address.ip.to_string()),
        "network" => text(address.network().to_string()),
        "netmask" => text(from_bits(address.ip, address.mask()).to_string()),
        "prefix" => Ok(Some(Value::from(address.length()))),
        "broadcast" | "last" => text(address.last().to_string()),
        "subnet" | "net" | "network/prefix" => text(format!("{}/{}", address.network(), address.length())),
        "size" => {
            let host = width(address.ip) - address.length();
            Ok(Some(Value::from(1u128.checked_shl(host).unwrap_or(u128::MAX))))
        }
        number if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            let offset: u128 = number.parse().map_err(|_| invalid(format!("the number `{number}` is too large")))?;
            let ip = from_bits(address.ip, bits(address.network()).saturating_add(offset));
            let inside = bits(address.network()).checked_add(offset).is_some() && address.contains(ip);
            Ok(inside.then(|| Value::from(format!("{ip}/{}", address.length()))))
        }
        network => match Address::parse(network).filter(|network| network.prefix.is_some()) {
            Some(network) => Ok(network.contains(address.ip).then(|| Value::from(address.written()))),
            None => Err(invalid(format!(
                "unknown query `{query}` of `ipaddr`: it knows address, network, netmask, prefix, broadcast, subnet, size, a \
                 number and a network such as 10.0.0.0/8"
            ))),
        },
    }
}
