//! Bytes to text.

use crate::source::Diagnostic;

/// The largest text that is read, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// A file's bytes as text; an error where they are not UTF-8.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    if bytes.len() > MAX_BYTES {
        return Err(Box::new(too_large(Diagnostic::without_place(format!("{name} has {} bytes", bytes.len())))));
    }
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = String::from_utf8_lossy(before).matches('\n').count() + 1;
        let column =
            before.rsplit(|&b| b == b'\n').next().map_or(0, |l| String::from_utf8_lossy(l).chars().count()) + 1;
        Box::new(if utf16 {
            Diagnostic::without_place(format!("{name} is UTF-16 text"))
                .hint("save it as UTF-8 (in an editor: `Save with encoding`)")
        } else {
            let byte = error.as_bytes()[at];
            Diagnostic::without_place(format!("{name}:{line}:{column}: the byte 0x{byte:02x} is not UTF-8"))
                .hint("save the file as UTF-8")
        })
    })
}

/// Says what to do about a file that is too large.
pub(super) fn too_large(found: Diagnostic) -> Diagnostic {
    found
        .label("more than 1 MB")
        .hint("a playbook can have 1 MB; put large content into its own file and refer to it with `src:`")
}
