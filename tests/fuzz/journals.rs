//! Journals by chance: `run.json` in the first line, and events of every kind. The checksums of lines are computed when an input
//! is read: what a program wrote wrongly is tried as well as what a disk damaged.

use crate::chance::Chance;

/// The run of every journal.
pub(crate) const RUN: &str = "0a1b2c3d";

const HEADER: &str = r#"{"version":1,"run":"0a1b2c3d","nonce":"00112233445566778899aabbccddeeff","started":"2026-01-02T03:04:05.678Z","pinboot":"0.1.0","cwd":"/tmp","playbook":"p.yaml","playbook_path":"/tmp/p.yaml","playbook_digest":"DIGEST","mode":"run","flags":{"vars":{"a":"b"}},"hosts":[{"host":"h0","target":"u@h.example:22","steps":[{"id":1,"label":"1","name":"First","kind":"command","digest":"DIGEST","has_check":true,"origin":"p.yaml:3"},{"id":2,"label":"2.1","name":"Second","kind":"file","digest":"DIGEST","has_check":false,"origin":"p.yaml:9","allowed":true}]}]}"#;

/// The fields of each kind of event; `N` is a number, `T` a text, `X` an exit code.
const EVENTS: &[&str] = &[
    r#""kind":"run_started","run":"0a1b2c3d","playbook":"p.yaml","name":"T","mode":"run","hosts":["h0"],"steps":2,"host_steps":[2]"#,
    r#""kind":"host_ready","user":"u","address":"h","key_type":"ssh-ed25519","fingerprint":"SHA256:T","key_status":"known","elapsed_ms":N"#,
    r#""kind":"host_unreachable","code":X,"message":"T","hint":"T""#,
    r#""kind":"host_waiting","message":"T""#,
    r#""kind":"host_note","message":"T","hint":"T""#,
    r#""kind":"step_started","step":N,"label":"1","name":"T""#,
    r#""kind":"step_started","step":N,"label":"2.N","name":"T""#,
    r#""kind":"step_output","step":N,"text":"T\nT\n","phase":"check""#,
    r#""kind":"step_output","step":N,"text":"T\n""#,
    r#""kind":"step_abridged","step":N,"text":"T","left_out":N,"left_out_lines":N,"bytes":N,"sha256":"DIGEST""#,
    r#""kind":"step_progress","step":N,"bytes":N,"total":N"#,
    r#""kind":"step_finished","step":N,"label":"1","name":"T","outcome":"changed","elapsed_ms":N,"diff":"T\nT""#,
    r#""kind":"step_finished","step":N,"name":"T","outcome":"failed","elapsed_ms":N,"status":N,"failure":"status","cause":"T","allowed":true"#,
    r#""kind":"step_finished","step":N,"name":"T","outcome":"unknown","elapsed_ms":N,"why":"it began, left no result, and has no check""#,
    r#""kind":"step_finished","step":N,"name":"T","outcome":"skipped","elapsed_ms":N,"why":"T","left":"T","reason":"manual""#,
    r#""kind":"host_lost","message":"T""#,
    r#""kind":"host_regained","elapsed_ms":N"#,
    r#""kind":"host_finished","exit":X,"message":"T""#,
    r#""kind":"run_finished","changed":N,"unchanged":N,"would_change":N,"skipped":N,"failed":N,"unknown":N,"unreachable":N,"exit":X"#,
    r#""kind":"of_a_newer_pinboot","what":"T""#,
];
const TEXTS: &[&str] = &[
    "a text",
    "",
    r"\u001b[31mred",
    r"\u202e",
    r"\n\n",
    r"\t\r",
    "é\u{1f980}",
    r"\u0000",
    "***",
    r"\ud83e\udd80",
    "words\\n and more words",
];
const NUMBERS: &[&str] = &["0", "1", "2", "3", "17", "4294967295", "18446744073709551615", "-1", "1.5"];
const EXITS: &[&str] = &["0", "1", "2", "3", "5", "8", "10", "11", "130", "99"];

/// A line with some of its holes filled.
fn filled(line: &str, chance: &mut Chance) -> String {
    let digest = "0123456789abcdef".repeat(4);
    let number = |chance: &mut Chance| if chance.one_in(3) { chance.of(NUMBERS) } else { chance.of(&["1", "2"]) };
    let mut out = String::new();
    for piece in line.replace("DIGEST", &digest).split_inclusive([':', ',', '"', '.']) {
        let (word, end) = piece.split_at(piece.len() - usize::from(piece.ends_with([':', ',', '"', '.'])));
        match word {
            "N" => out.push_str(number(chance)),
            "T" | "T\\nT" | "T\\nT\\n" | "T\\n" => {
                out.push_str(&word.replace('T', if chance.one_in(3) { chance.of(TEXTS) } else { "words" }));
            }
            "X" => out.push_str(chance.of(EXITS)),
            word => out.push_str(word),
        }
        out.push_str(end);
    }
    out
}

/// A journal without checksums.
pub(crate) fn journal(chance: &mut Chance) -> Vec<u8> {
    let mut text = format!("{}\n", filled(HEADER, chance));
    let mut seq = 0;
    for at in 0..chance.below(20) {
        let fields = if at == 0 && !chance.one_in(5) { EVENTS[0] } else { chance.of(EVENTS) };
        seq += u64::from(!chance.one_in(40));
        let host = if fields.contains(r#""run_"#) { "" } else { r#""host":"h0","# };
        let fields = filled(fields, chance);
        text.push_str(&format!("{{\"v\":1,\"seq\":{seq},\"at\":\"2026-01-02T03:04:05.678Z\",{host}{fields}}}\n"));
    }
    text.into_bytes()
}

/// The lines of an input, each with its checksum if it is an object without one.
pub(crate) fn sealed(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let Some(body) = line.strip_suffix(b"}\n").filter(|_| line.starts_with(b"{")) else { return line.to_vec() };
        let mut sealed = body.to_vec();
        sealed.extend(format!(",\"crc\":\"{:08x}\"}}\n", crc32(body)).into_bytes());
        sealed
    });
    (lines.next().unwrap_or_default(), lines.collect::<Vec<_>>().concat())
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
