//! User data of cloud-init: the script as a file, and its call at the first boot.

use data_encoding::BASE64;

use super::script::Export;
use crate::gzip::gzip;
use crate::ids::Digest;
use crate::remote::standalone::ScriptForm;

/// The largest user data that EC2 takes, in bytes. Other clouds take more.
pub const LARGEST_USER_DATA: usize = 16_384;

/// Where the script is on the machine.
const SCRIPT: &str = "/var/lib/pinboot/first-boot.sh";

/// What fetches a script.
const FETCH: &str = include_str!("fetch.sh");

/// The characters of a line of base64.
const COLUMNS: usize = 120;

/// User data, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData {
    /// The document, or the compressed one.
    pub bytes: Vec<u8>,
    /// Whether the script stands there as a person reads it.
    pub is_readable: bool,
}

/// The smallest user data for the plan is larger than what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Its size in bytes.
    pub size: usize,
}

/// Writes the document: as a person reads it where it has room, otherwise with a short script, compressed. With `compress` the whole
/// document is a gzip file, which cloud-init opens by itself.
pub fn cloud_init(export: &Export<'_>, user: &str, largest: usize, compress: bool) -> Result<UserData, TooLarge> {
    let mut smallest = usize::MAX;
    for form in [ScriptForm::Readable, ScriptForm::Short] {
        let script = export.script(form);
        for content in [block(&script), (form == ScriptForm::Short).then(|| encoded(&script))].into_iter().flatten() {
            let text = document(export, user, form, &content);
            let bytes = if compress { gzip(text.as_bytes()) } else { text.into_bytes() };
            if bytes.len() <= largest {
                return Ok(UserData { bytes, is_readable: form == ScriptForm::Readable });
            }
            smallest = smallest.min(bytes.len());
        }
    }
    Err(TooLarge { size: smallest })
}

/// Writes the short document for a script that lies at an address. It is run only where its bytes are those of `script`.
pub fn from_address(export: &Export<'_>, user: &str, address: &str, script: &[u8]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let lines: String = FETCH.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "#cloud-config\n# {}\n# At the machine's first boot it fetches the script and runs it; /var/log/cloud-init-output.log says what came of it.\n\
         runcmd:\n  - - /bin/sh\n    - -c\n    - |\n{lines}    - sh\n    - {}\n    - {}\n    - {}\n",
        export.first_line(),
        quoted(address),
        quoted(Digest::of(script).as_str()),
        quoted(&format!("--user={user}")),
    )
}

fn document(export: &Export<'_>, user: &str, form: ScriptForm, content: &str) -> String {
    // JSON's text between quotes is one of YAML as well.
    let user = serde_json::Value::from(format!("--user={user}")).to_string();
    let about = match form {
        ScriptForm::Readable => "",
        ScriptForm::Short => "# The script is shortened; `pinboot export --as sh` writes it for people.\n",
    };
    format!(
        "#cloud-config\n# {}\n# At the machine's first boot it writes the script and runs it; /var/log/cloud-init-output.log says what came of it.\n\
         {about}write_files:\n  - path: {SCRIPT}\n    owner: root:root\n    permissions: '0700'\n{content}\
         runcmd:\n  - [/bin/sh, {SCRIPT}, {user}]\n",
        export.first_line()
    )
}

/// The script as a block of lines; `None` where YAML would read another text.
fn block(script: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(script).ok()?;
    let fits = |c: char| match c {
        '\n' | '\t' | ' '..='~' => true,
        c => c >= '\u{a0}' && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}'),
    };
    if !text.ends_with('\n') || text.ends_with("\n\n") || !text.chars().all(fits) {
        return None;
    }
    let lines = text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") });
    Some(format!("    content: |\n{}", lines.collect::<String>()))
}

fn encoded(script: &[u8]) -> String {
    let text = BASE64.encode(&gzip(script));
    let lines = text.as_bytes().chunks(COLUMNS).map(|line| format!("      {}\n", String::from_utf8_lossy(line)));
    format!("    encoding: gz+b64\n    content: |\n{}", lines.collect::<String>())
}
