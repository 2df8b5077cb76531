#![expect(clippy::disallowed_methods, reason = "real programs write the encodings")]

use std::process::Command;

use super::*;
use crate::secret::HostText;

fn masker(values: &[&str]) -> Masker {
    Masker::new(&values.iter().map(|value| ("s".to_owned(), Secret::new(*value))).collect::<Vec<_>>())
}

fn masker_of(value: &str) -> Masker {
    masker(&[value])
}

/// A small pseudo-random generator (xorshift) with a seed, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn value(&mut self) -> String {
        const CHARACTERS: &[char] = &[
            'a',
            'b',
            'K',
            'z',
            '0',
            '7',
            '/',
            '+',
            '=',
            ' ',
            '\'',
            '"',
            '\\',
            '$',
            '`',
            '&',
            '<',
            '>',
            '%',
            '~',
            '#',
            '\t',
            'ü',
            '語',
            '\u{1f511}',
            '!',
            '(',
            ',',
            ';',
            '-',
            '_',
            '.',
        ];
        let length = 4 + self.below(40);
        (0..length).map(|_| CHARACTERS[self.below(CHARACTERS.len())]).collect()
    }
}

/// The number of Python's forms that contain only the value.
const VALUE_ALONE: usize = 12;

const PYTHON: &str = r"
import sys, json, base64, urllib.parse, html
from xml.sax.saxutils import escape
v = sys.stdin.buffer.read().decode()
b = v.encode()
forms = [b, b.hex().encode(), b.hex().upper().encode(), json.dumps(v)[1:-1].encode(),
  json.dumps(v, ensure_ascii=False)[1:-1].encode(), json.dumps(v).replace('/', '\\/')[1:-1].encode(),
  urllib.parse.quote(v).encode(), urllib.parse.quote(v, safe='').encode(), urllib.parse.quote_plus(v).encode(),
  html.escape(v).encode(), escape(v).encode(), b'\n'.join([b.hex()[i:i+60].encode() for i in range(0, 2*len(b), 60)])]
for lead in (b'', b'u', b'u:', b'abc', b'x' * 50, b'y' * 55, b'z' * 60):
    forms.append(base64.b64encode(lead + b))
    forms.append(base64.b64encode(lead + b + b'\n'))
    forms.append(base64.encodebytes(lead + b + b' and so on'))
    forms.append(base64.encodebytes(lead + b).replace(b'\n', b'\r\n'))
    forms.append(base64.urlsafe_b64encode(lead + b + b'tail'))
sys.stdout.buffer.write(b'\0'.join(forms))
";

/// Every encoding, as other programs write it.
fn encoded(value: &str) -> Vec<Vec<u8>> {
    let run = |program: &str, arguments: &[&str], stdin: &str| {
        use std::io::Write as _;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].concat()
    };
    let mut forms: Vec<Vec<u8>> =
        run("python3", &["-c", PYTHON], value).split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    for locale in ["C", "C.UTF-8"] {
        for script in ["printf %q \"$1\"", "printf '%s' \"${1@Q}\"", "set -x; : \"$1\"", "set -x; : \"pass=$1\""] {
            forms.push(run("env", &[&format!("LC_ALL={locale}"), "bash", "-c", script, "sh", value], ""));
        }
    }
    forms.push(run("sh", &["-c", "set -x; : \"$1\"", "sh", value], ""));
    forms
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn encodings_of_other_programs_are_masked_completely() {
    if !["python3", "bash"].iter().all(|program| Command::new(program).arg("--version").output().is_ok()) {
        eprintln!("left out: encodings as other programs write them; install python3 and bash to run this test");
        return;
    }
    let mut chance = Chance(0x5eed_0001);
    let mut values: Vec<String> = (0..12).map(|_| chance.value()).collect();
    values.extend(
        ["hunter2", "it's", "'quoted'", "~/start", "#hash,comma", "correct horse battery staple"].map(Into::into),
    );
    for value in values {
        let masker = masker(&[&value]);
        for (number, form) in encoded(&value).iter().enumerate() {
            let mut stream = masker.stream();
            let mut shown = stream.push(form);
            shown.extend(stream.finish());
            let rest = String::from_utf8_lossy(&shown).replace(MASK, "");
            let description = || format!("{value:?}: {rest:?} of {:?}", String::from_utf8_lossy(form));
            if number < VALUE_ALONE {
                assert!(rest.is_empty(), "{}", description());
            } else if number < VALUE_ALONE + 35 {
                // The neighbouring characters stay, and one at each end that encodes bits of both.
                assert!(rest.len() + value.len() * 4 / 3 <= form.len() + 2, "{}", description());
            } else {
                assert!(rest.chars().all(|c| "+ : pass=\n'\"$".contains(c)), "{}", description());
            }
        }
    }
}

#[test]
fn chunk_boundaries_show_no_byte_of_a_secret() {
    let mut chance = Chance(0x5eed_0002);
    for round in 0..30 {
        let value = chance.value();
        let masker = masker(&[&value, "hunter2"]);
        let mut forms = Forms::default();
        forms.add(&value);
        let forms: Vec<_> = forms.exact.into_iter().chain(forms.wrapped).collect();
        for _ in 0..20 {
            let form = &forms[chance.below(forms.len())];
            let text = [b"<<", form.as_slice(), b">> hunter2 <<", form, b">>"].concat();
            let mut stream = masker.stream();
            let mut whole = stream.push(&text);
            whole.extend(stream.finish());
            for cut in 0..=text.len() {
                let mut stream = masker.stream();
                let first = stream.push(&text[..cut]);
                assert!(whole.starts_with(&first), "round {round}: cut at {cut}: {}", String::from_utf8_lossy(&first));
                let mut out = first;
                out.extend(stream.push(&text[cut..]));
                out.extend(stream.finish());
                assert_eq!(out, whole, "round {round}: cut at {cut}");
            }
            let mut stream = masker.stream();
            let mut out: Vec<u8> = text.iter().flat_map(|byte| stream.push(&[*byte])).collect();
            out.extend(stream.finish());
            assert_eq!(out, whole, "round {round}: byte by byte");
        }
    }
}

#[test]
fn the_text_around_a_secret_does_not_change() {
    let table: &[(&[&str], &str, &str)] = &[
        (&["hunter2"], "password is hunter2, ok", "password is ***, ok"),
        (&["hunter2"], "hunter2hunter2 hunter", "*** hunter"),
        (&["hunter2"], "hhunterhunter2", "hhunter***"),
        (&["abcd", "bcdefg"], "xabcdefgx abcdx bcdefx", "x***x ***x bcdefx"),
        (&["abcdefgh", "cdef"], "abcdefgx", "ab***gx"),
        (&["abc"], "abc", "abc"),
        (&[], "abc", "abc"),
        (&["größe"], "die größe zählt", "die *** zählt"),
        (&["line one is long\nx\nline two is long"], "x line two is long\nline one\n", "x ***\nline one\n"),
        (&["line one is long\nx\nline two is long"], "line one is long\r\nx\r\nline two is long", "***"),
        (&["value\n"], "the value.", "the ***."),
        (&["aaaa"], "baaaaaaab", "b***b"),
        (&["s3cretvalue"], "czNjc\nmV0dmFsdWU=", "***="),
        (&["s3cretvalue"], "czNjc\n\nmV0dmFsdWU=", "czNjc\n\nmV0dmFsdWU="),
    ];
    for (secrets, text, shown) in table {
        assert_eq!(masker(secrets).mask(text), *shown, "{secrets:?} in {text:?}");
    }
}

#[test]
fn many_secrets_and_a_key_are_found() {
    let mut chance = Chance(0x5eed_0003);
    let mut values: Vec<String> = (0..200).map(|_| chance.value()).collect();
    let lines = (0..40).map(|n| Chance(0xdead + n).value().repeat(2).replace(['\n', '\t'], "x"));
    let key = lines.fold(String::new(), |key, line| key + &line + "\n");
    values.push(format!("-----BEGIN KEY-----\n{key}-----END KEY-----\n"));
    let masker = masker(&values.iter().map(String::as_str).collect::<Vec<_>>());
    for value in &values {
        let shown = masker.mask(&format!("\u{1}{value}\u{1}"));
        assert!(shown == format!("\u{1}{MASK}\u{1}") || shown == format!("\u{1}{MASK}\n\u{1}"), "{value:?}: {shown:?}");
    }
}

#[test]
fn only_possible_secrets_are_held_in_memory() {
    let masker = masker(&["hunter2hunter2"]);
    let mut stream = masker.stream();
    let mut length = 0;
    for _ in 0..1000 {
        length += stream.push(b"h\n\nhunter\nchunter2 aHVudGVy").len();
        assert!(stream.pending.len() <= 3 * "hunter2hunter2".len(), "{}", stream.pending.len());
        let breaks = stream.wrapped.breaks.len() + stream.grouped.breaks.len();
        assert!(breaks <= 6 * "hunter2hunter2".len(), "{breaks}");
    }
    length += stream.finish().len();
    assert_eq!(length, 1000 * b"h\n\nhunter\nchunter2 aHVudGVy".len());
}

#[test]
fn the_beginning_of_a_secret_at_a_cut_is_hidden() {
    let secret = "q7Zt-0RmXw9LkB2vNf4HsJ6cYdPe1GaU";
    let masker = masker(&[secret]);
    for length in 7..secret.len() {
        let piece = &secret[..length];
        for (before, behind) in
            [("4711 daemon --token=", ""), ("x ", ", 12 other"), ("beginning with \"", "\"\n"), ("a ", "…"), ("", "\n")]
        {
            if length >= 9 || behind != "\n" {
                assert_eq!(
                    masker.mask(&format!("{before}{piece}{behind}")),
                    format!("{before}***{behind}"),
                    "{length}"
                );
            }
        }
    }
    // The secret itself has what may stand behind a cut text.
    let with_marks = masker_of("q7Zt,0RmX\"w9Lk.B2vN");
    let cut = |text: &str| HostText::new(text).cut(&with_marks);
    assert_eq!(cut("4711 x --token=q7Zt, 4712 sh"), "4711 x --token=***, 4712 sh");
    assert_eq!(cut("begins with \"q7Zt,0Rm\" (8 bytes)"), "begins with \"***\" (8 bytes)");
    assert_eq!(cut("q7Zt,0RmX\"w9L... more"), "***... more");
    // Where it is known that something was cut, a few characters are a piece as well.
    assert_eq!(HostText::new("4711 daemon --token=q7Z, 4712 q7").cut(&masker), "4711 daemon --token=***, 4712 q7");
    assert_eq!(masker.mask("q7Zt-0R stands in front of a blank"), "q7Zt-0R stands in front of a blank");
}

#[test]
fn dumps_and_double_encodings_show_nothing_of_a_secret() {
    for secret in ["q7Zt-0RmXw9LkB2vNf4HsJ6cYdPe1GaU", LONG_SECRET, "correct horse battery"] {
        dumps_show_nothing_of(secret);
    }
}

/// Long enough for several lines of every program that writes lines.
const LONG_SECRET: &str =
    "Vq0-bWz8_Xe7.Ct4~Lm9+Ks3=Fh6:Pd2;Gj5,Ry1!Nu0?Ta8(Ei7)Ob4[Uw9]Zx3{Qc6}Dv2^Yk5$Sg1@Ah0#Br8%Jl7&";

fn dumps_show_nothing_of(secret: &str) {
    let masker = masker(&[secret]);
    let run = |script: &str| {
        let output = Command::new("bash").args(["-c", script, "bash", secret]).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for script in [
        "printf %s \"$1\" | od -An -tx1",
        "printf %s \"$1\" | od -tx1",
        "printf 'pass=%s\\n' \"$1\" | od -tx1",
        "printf 'pass=%s\\n' \"$1\" | od -c",
        "printf 'pass=%s\\n' \"$1\" | od -b",
        "printf 'pass=%s\\n' \"$1\" | od -x",
        "printf 'pass=%s\\n' \"$1\" | od",
        "printf %s \"$1\" | xxd",
        "printf 'pass=%s\\n' \"$1\" | xxd",
        "printf 'pass=%s\\n' \"$1\" | xxd -u -g1",
        "printf 'pass=%s\\n' \"$1\" | hexdump -C",
        "printf %s \"$1\" | fold -w 10",
        "printf %s \"$1\" | tr a-z A-Z",
        "printf %s \"$1\" | tr A-Z a-z",
        "printf %s \"$1\" | base32",
        "printf 'user:%s' \"$1\" | base32 -w0",
        "printf %s \"$1\" | base64 | base64",
        "echo \"$1\" | base64 -w0 | base64 -w0",
        "printf 'user:%s' \"$1\" | base64 -w0 | base64 -w0",
        "printf %s \"$1\" | base64 -w0 | od -An -tx1 -w64 | tr -d ' \\n'",
        "printf 'pass=%s\\n' \"$1\" | od -An -tx2",
        "printf 'pass=%s\\n' \"$1\" | od -An -tx4",
        "printf 'pass=%s\\n' \"$1\" | od -An -tx8",
        "printf 'pass=%s\\n' \"$1\" | od -An -a",
        "printf 'pass=%s\\n' \"$1\" | od -tx1 -w4",
        "printf 'pass=%s\\n' \"$1\" | od -tx1z -w8",
        "printf 'pass=%s\\n' \"$1\" | od -An -tx1 -w64",
        "printf 'pass=%s\\n' \"$1\" | xxd -p",
        "printf 'pass=%s\\n' \"$1\" | xxd -p -c 10",
        "printf 'pass=%s\\n' \"$1\" | xxd -c 8",
        "printf 'pass=%s\\n' \"$1\" | xxd -g4 -c 12",
        "printf 'pass=%s\\n' \"$1\" | xxd -e",
        "printf 'pass=%s\\n' \"$1\" | xxd -i",
        "printf 'pass=%s\\n' \"$1\" | hexdump",
        "printf 'pass=%s\\n' \"$1\" | hexdump -b",
        "printf 'pass=%s\\n' \"$1\" | hexdump -c",
        "printf 'pass=%s\\n' \"$1\" | busybox hexdump -C",
        "printf %s \"$1\" | fold -w 3",
        "printf %s \"$1\" | fold -s -w 10",
        "printf %s \"$1\" | tr a-z A-Z | fold -w 9",
        "printf 'pass=%s\\n' \"$1\" | base64 -w 10",
        "printf 'pass=%s\\n' \"$1\" | openssl enc -base64",
        "printf 'pass=%s\\n' \"$1\" | openssl base64 -A",
        "printf 'pass=%s\\n' \"$1\" | basenc --base64url",
        "printf 'pass=%s\\n' \"$1\" | basenc --base32hex",
        "printf 'pass=%s\\n' \"$1\" | base32 -w 7",
        "printf %s \"$1\" | base64 | base32",
        "printf %s \"$1\" | base32 | base64",
        "printf %s \"$1\" | base32 | base32",
        "printf %s \"$1\" | xxd -p | base64",
        "printf %s \"$1\" | base64 | xxd -p",
        "printf %s \"$1\" | openssl enc -base64 | base64",
        "printf %s \"$1\" | tr a-z A-Z | base64",
        "printf %s \"$1\" | tr A-Z a-z | xxd -p",
        "python3 -c 'import sys, urllib.parse as u; print(u.quote(sys.argv[1]), u.quote_plus(sys.argv[1], safe=str()))' \"$1\"",
        "python3 -c 'import sys, urllib.parse as u; print(u.quote(u.quote(sys.argv[1])), u.urlencode(dict(a=sys.argv[1])))' \"$1\"",
        "python3 -c 'import sys, json; print(json.dumps(json.dumps(sys.argv[1])))' \"$1\"",
        "python3 -c 'import sys; print(\":\".join(\"%02x\" % b for b in sys.argv[1].encode()))' \"$1\"",
        "python3 -c 'import sys; print(\"\".join(\"%%%02x\" % b for b in sys.argv[1].encode()))' \"$1\"",
    ] {
        let Some(printed) = run(script) else { continue };
        let shown = masker.mask(&printed);
        // What is left of the printed text is no longer than the rest of it: places, names, line ends, pieces of three bytes.
        let kept = shown.replace(MASK, "");
        assert!(shown.contains(MASK), "{script}: {printed}");
        let encoded = format!("{}{}", kept.to_uppercase(), plain_of(&kept));
        for form in [data_encoding::BASE32.encode(secret.as_bytes()), data_encoding::BASE64.encode(secret.as_bytes())] {
            for piece in form.trim_end_matches('=').as_bytes().windows(7) {
                let piece = String::from_utf8_lossy(piece).into_owned();
                assert!(!encoded.contains(&piece), "{script}: {piece} in {shown}");
            }
        }
        for length in [4, 6, 9] {
            for start in 0..=secret.len() - length {
                let piece = &secret.as_bytes()[start..start + length];
                let hexed = crate::ids::hex(piece);
                let plain = plain_of(&kept);
                let text = String::from_utf8_lossy(piece).into_owned();
                assert!(!plain.to_lowercase().contains(&hexed), "{script}: {piece:?} in {shown}");
                assert!(length < 9 || !plain.contains(&text), "{script}: {text} in {shown}");
            }
        }
    }
}

fn plain_of(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn a_name_in_a_message_of_gnus_programs_shows_nothing_of_a_secret() {
    for secret in ["kurz1\nwort2 und\nrést3,lang\nende4", "tab\there it's", "\u{e4}\u{f6}\u{fc}x y$z"] {
        let masker = masker(&[secret]);
        for locale in ["C", "C.UTF-8"] {
            let script = "LC_ALL=$2 ls -- \"$1\" 2>&1; true";
            let output = Command::new("bash").args(["-c", script, "bash", secret, locale]).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            let shown = masker.mask(&printed);
            assert!(shown.contains(MASK), "{printed}");
            for piece in
                ["kurz", "wort", "st3,", "ende", "here", "x y$"].iter().filter(|piece| secret.contains(**piece))
            {
                assert!(!shown.contains(piece), "{printed}: {shown}");
            }
        }
    }
}
