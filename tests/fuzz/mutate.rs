//! Bytes changed by chance: cut, repeated, spliced, nested, and with all that no reader expects.

use crate::chance::Chance;
use crate::corpus;
use crate::grammar;
use crate::input::Kind;

/// No input is longer than this, save one in a few hundred.
const LONGEST: usize = 64 * 1024;

const PIECES: &[&[u8]] = &[
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"{% raw %}",
    b"{{ '",
    b"\"",
    b"'",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    "\u{1f980}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{fdd0}".as_bytes(),
    "\u{2028}".as_bytes(),
    "e\u{301}\u{301}\u{301}".as_bytes(),
    b": ",
    b"- ",
    b"? ",
    b"|",
    b">-\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b"#",
    b" #",
    b"\\",
    b"\\x1b",
    b"\t",
    b"&a ",
    b"*a",
    b"!!x ",
    b"<<: ",
    b"---\n",
    b"...\n",
    b"%YAML 1.2\n",
    b"\x1b[2J",
    b"\x1e",
    b"\x1epb:00112233445566778899aabbccddeeff ",
    b"\x1e\n",
    b"99999999999999999999999999",
    b"-9223372036854775808",
    b"1e400",
    b"$(",
    b"`",
    b"~/",
    b"null",
    b"steps:\n",
    b"vars:\n",
];

fn place(bytes: &[u8], chance: &mut Chance) -> usize {
    at(chance, bytes.len() + 1)
}

fn at(chance: &mut Chance, below: usize) -> usize {
    usize::try_from(chance.below(below as u64)).expect("a place")
}

/// Changes an input in one to four ways.
pub(crate) fn mutate(bytes: &mut Vec<u8>, kind: Kind, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        once(bytes, kind, chance);
    }
    if !chance.one_in(300) {
        bytes.truncate(LONGEST);
    }
}

fn once(bytes: &mut Vec<u8>, kind: Kind, chance: &mut Chance) {
    let from = place(bytes, chance);
    let to = (from + at(chance, 200)).min(bytes.len());
    match chance.below(14) {
        0 => bytes.truncate(from),
        1 if from < bytes.len() => bytes[from] = u8::try_from(chance.below(256)).expect("a byte"),
        2 => drop(bytes.drain(from..to)),
        3 => {
            let again = bytes[from..to].to_vec();
            insert(bytes, from, &again);
        }
        4 => {
            let most = if chance.one_in(20) { 5000 } else { 40 };
            let count = 2 + at(chance, most);
            insert(bytes, from, &bytes[from..to].repeat(count));
        }
        5 => nest(bytes, from, chance),
        6 => lines_moved(bytes, chance),
        7 => {
            let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
            *bytes = text.into_bytes();
        }
        8 if matches!(kind, Kind::Playbook | Kind::Variables) => {
            let other = chance.of(corpus::playbooks());
            let (start, count) = (place(other, chance), at(chance, 400));
            insert(bytes, from, &other[start..(start + count).min(other.len())]);
        }
        9 => insert(bytes, from, format!("{{{{ {} }}}}", grammar::expression(chance, 4)).as_bytes()),
        10 => {
            let digits = "9".repeat(1 + at(chance, 60));
            insert(bytes, from, digits.as_bytes());
        }
        _ => insert(bytes, from, chance.of(PIECES)),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

/// Something opened very often.
fn nest(bytes: &mut Vec<u8>, from: usize, chance: &mut Chance) {
    let (open, close) = chance.of(&[
        ("[", "]"),
        ("{a: ", "}"),
        ("{{ (", ") }}"),
        ("{% if 1 %}", "{% endif %}"),
        ("- ", ""),
        ("(", ")"),
        ("not ", ""),
        ("- - ? ", ""),
    ]);
    let most = if chance.one_in(10) { 3000 } else { 60 };
    let count = 1 + at(chance, most);
    let closed = if chance.one_in(2) { close.repeat(count) } else { String::new() };
    insert(bytes, from, format!("{}x{closed}", open.repeat(count)).as_bytes());
}

/// A line put elsewhere, or indented otherwise.
fn lines_moved(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let mut line = lines.remove(at(chance, lines.len()));
    if chance.one_in(2) {
        line.splice(0..0, vec![b' '; at(chance, 5)]);
    }
    let to = at(chance, lines.len() + 1);
    lines.insert(to, line);
    *bytes = lines.concat();
}
