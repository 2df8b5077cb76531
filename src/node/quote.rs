//! A text as a scalar of YAML.

use crate::event::json_text;

/// A text that every reader of YAML takes for this text: plain where it can be, in double quotes otherwise.
pub fn yaml_scalar(text: &str) -> String {
    // YAML 1.1 reads these as booleans or nothing.
    const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let starts =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/')) || text.starts_with("~/");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./@+=,()~ ".contains(c);
    // Between other characters a colon says nothing.
    let fits =
        |(at, c): (usize, char)| plain(c) || c == ':' && !text[at + 1..].starts_with([' ', ':']) && at + 1 < text.len();
    let inner = text.char_indices().all(fits) && !text.ends_with(' ');
    if starts && inner && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        json_text(&text)
    }
}
