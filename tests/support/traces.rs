//! Where a secret has left a trace.

use std::fs;
use std::path::Path;

fn holds(file: &Path, secret: &str) -> bool {
    fs::read(file).unwrap_or_default().windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// Every file below a folder that holds these bytes.
pub(crate) fn holding(folder: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if kind.is_dir() => found.extend(holding(&path, secret)),
            Ok(kind) if kind.is_file() && holds(&path, secret) => found.push(path.display().to_string()),
            _ => {}
        }
    }
    found
}

/// Every process but the given one whose arguments or environment hold the secret.
pub(crate) fn showing(secret: &str, but: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let numbered = processes.filter(|path| {
        path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).is_some_and(|pid| pid != but)
    });
    numbered
        .flat_map(|process| ["cmdline", "environ"].map(|name| process.join(name)))
        .filter(|file| holds(file, secret))
        .map(|file| file.display().to_string())
        .collect()
}
