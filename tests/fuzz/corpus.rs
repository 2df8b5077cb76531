//! Real playbooks and files of variables: those of the tests, the examples, and the blocks of the documents.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder with one of these endings, in the order of their names.
fn files(folder: &str, endings: &[&str]) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> =
        fs::read_dir(root().join(folder)).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|end| endings.iter().any(|wanted| end == *wanted)));
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

/// The YAML blocks of a document, made whole where a block is a list of steps.
fn blocks(document: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(root().join(document)).expect("the document");
    let blocks = text.split("\n```yaml").skip(1).filter_map(|behind| behind.split_once('\n')?.1.split("```").next());
    let whole = |block: &str| {
        if !block.starts_with("- ") {
            return block.to_owned();
        }
        let steps: String = block.lines().map(|line| format!("  {line}\n")).collect();
        format!("hosts: {{ a: {{ address: h, user: u }} }}\nsteps:\n{steps}")
    };
    blocks.map(|block| whole(block).into_bytes()).collect()
}

/// Bytes that live as long as the process.
fn kept(made: Vec<Vec<u8>>) -> Vec<&'static [u8]> {
    made.into_iter().filter(|bytes| !bytes.is_empty()).map(|bytes| &*bytes.leak()).collect()
}

pub(crate) fn playbooks() -> &'static [&'static [u8]] {
    static KEPT: OnceLock<Vec<&'static [u8]>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let mut made = files("tests/playbooks", &["yml"]);
        made.extend(files("playbooks", &["yaml"]));
        made.extend(blocks("docs/language.md"));
        made.extend(blocks("README.md"));
        kept(made)
    })
}

pub(crate) fn variables() -> &'static [&'static [u8]] {
    static KEPT: OnceLock<Vec<&'static [u8]>> = OnceLock::new();
    KEPT.get_or_init(|| kept([files("tests/playbooks", &["yaml"]), files("playbooks", &["yaml"])].concat()))
}
