//! `pinboot lock`, against a real web server of this machine.

use std::fs;
use std::path::Path;

use crate::command::{Call, Printed};
use crate::kinds::case::{BodySpec, Content, ReplySpec};
use crate::kinds::web::Server;

const HELLO: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// A server that gives these texts, and after the first time another one for `/moves`.
fn server() -> Server {
    let body = |text: &str| ReplySpec::Body(Box::new(BodySpec::of(Content::Text(text.to_owned()))));
    let moves = BodySpec {
        then: Some(Content::Text("other\n".to_owned())),
        ..BodySpec::of(Content::Text("hello\n".to_owned()))
    };
    Server::new(&[
        ("/hello".to_owned(), body("hello\n")),
        ("/tool-amd64".to_owned(), body("hello\n")),
        ("/tool-arm64".to_owned(), body("other\n")),
        ("/moves".to_owned(), ReplySpec::Body(Box::new(moves))),
        ("/page.tgz".to_owned(), body("<!DOCTYPE html><html></html>")),
        ("/SUMS".to_owned(), body(&format!("{HELLO}  hello\n{HELLO}  other\n"))),
        ("/WRONG".to_owned(), body(&format!("{}  hello\n", "0".repeat(64)))),
    ])
}

struct User {
    folder: tempfile::TempDir,
    server: Server,
}

impl User {
    fn new(steps: &str) -> Self {
        let user = Self { folder: tempfile::tempdir().expect("a folder"), server: server() };
        user.write(steps);
        user
    }

    /// The playbook; `WEB` is the server, and a line `  # NAME: VALUE` is a variable.
    fn write(&self, steps: &str) {
        let web = self.server.url("");
        let secret = if steps.contains("token") { "secrets: [token]\n" } else { "" };
        let token = if steps.contains("token") { ", token: secret-token-of-a-test" } else { "" };
        let more = steps.lines().find_map(|line| line.strip_prefix("  # ")).map(|variable| format!(", {variable}"));
        let more = more.unwrap_or_default();
        let head = format!("vars: {{ version: '1'{token}{more} }}\n{secret}hosts: {{ h: {{ address: h }} }}\nsteps:\n");
        fs::write(self.folder.path().join("p.yaml"), head + &steps.replace("WEB", &web)).expect("a file");
    }

    fn call(&self, words: &str) -> Printed {
        Call::new(self.folder.path()).args(words.split(' ')).run()
    }

    #[track_caller]
    fn types(&self, words: &str, exit: i32, says: &[&str]) -> Printed {
        let printed = self.call(words);
        assert_eq!(printed.code, Some(exit), "{words}\n{}", printed.shown());
        let web = self.server.url("");
        let says: Vec<String> = says.iter().map(|text| text.replace("WEB", &web)).collect();
        printed.says(&says.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.folder.path().join("p.yaml.lock"))
            .unwrap_or_default()
            .replace(&self.server.url(""), "WEB")
    }
}

/// Whether there is a curl, which `pinboot lock` fetches with.
fn has_curl() -> bool {
    crate::support::need("curl", "curl").is_some()
}

/// Steps whose address is one of several on each host; upstream has nothing for one of them.
const BY_HOST: &str = "  # goarch: { x86_64: amd64, aarch64: arm64, riscv64: riscv }\n\
     \u{20} - name: Get it\n    id: get\n\
     \u{20}   download: { url: 'WEB/tool-{{ goarch[host.arch] }}?{{ goarch[host.arch] }}', to: '~/f{{ version }}' }\n";

const GET: &str = "  - { name: Get it, id: get, download: { url: 'WEB/hello', to: ~/f } }\n";

#[test]
fn each_address_is_locked_once_and_the_file_can_be_reviewed() {
    if !has_curl() {
        return;
    }
    let user = User::new(&format!(
        "{GET}  - {{ name: 'Get {{{{ version }}}}', download: {{ url: [WEB/none, 'WEB/hello?v={{{{ version }}}}'], to: ~/g, checksum: WEB/SUMS }} }}\n\
         \u{20} - {{ name: Given, download: {{ url: WEB/none, to: ~/h, sha256: '{HELLO}' }} }}\n"
    ));
    user.types(
        "lock p.yaml",
        0,
        &["locked   WEB/hello: sha256 5891", "locked   WEB/none: sha256 5891", "fetching WEB/none"],
    );
    let written = "# Written by `pinboot lock`. A run of the playbook takes only these bytes from these addresses.\n\
         # Keep this file beside the playbook, and look at its changes as you look at the playbook's.\n\
         lock: 1\ndownloads:\n\
         \u{20} - step: \"Get it\"\n    url: \"WEB/hello\"\n    sha256: HELLO\n    size: 6\n\
         \u{20} - step: \"Get {{ version }}\"\n    url: \"WEB/none\"\n    sha256: HELLO\n    size: 6\n";
    assert_eq!(user.lock(), written.replace("HELLO", HELLO));
    // What is locked is not asked for again.
    let asked = user.server.asked("/hello");
    user.types("lock p.yaml", 0, &["kept     WEB/hello", "kept     WEB/none"]);
    assert_eq!(user.server.asked("/hello"), asked);
    user.types("lock p.yaml --check", 0, &["kept     WEB/hello"]);
    user.types("lint p.yaml", 0, &["no problems found"]);
    user.types("run p.yaml --dry-run", 0, &[&format!("arg_sha256={HELLO}"), "arg_locked=p.yaml.lock", "sha256sum -c"]);
}

#[test]
fn a_change_upstream_is_shown_and_taken_only_when_it_is_asked_for() {
    if !has_curl() {
        return;
    }
    let user = User::new("  - { name: It moves, download: { url: WEB/moves, to: ~/f } }\n");
    user.types("lock p.yaml", 0, &["locked"]);
    let before = user.lock();
    user.types(
        "lock p.yaml --check",
        11,
        &[&format!("changed  WEB/moves: locked sha256 {HELLO}, 6 bytes; now sha256 7e4f")],
    );
    user.types("lock p.yaml --check --json", 11, &["\"status\":\"changed\"", &format!("\"was\":\"{HELLO}\"")]);
    user.types("lock p.yaml", 0, &["kept"]);
    assert_eq!(user.lock(), before);
    user.types("lock p.yaml --update moves", 2, &["no step that can be locked is called `moves`"]);
    user.types("lock p.yaml --update It", 2, &["no step that can be locked is called `It`"]);
    let update = Call::new(user.folder.path()).args(["lock", "p.yaml", "--update", "It moves"]).run();
    drop(update.says(&["locked   ", "sha256 7e4f"]));
    assert!(user.lock().contains("sha256: 7e4f") && !user.lock().contains(HELLO), "{}", user.lock());
}

#[test]
fn lint_and_run_name_what_is_missing_and_lint_what_is_stale() {
    if !has_curl() {
        return;
    }
    let user =
        User::new(&GET.replace("hello'", "{{ version }}'").replace("WEB/{{ version }}", "WEB/hello?{{ version }}"));
    user.types("lint p.yaml", 0, &[]);
    user.types("lock p.yaml", 0, &["locked   WEB/hello?1"]);
    user.types("lint p.yaml", 0, &["no problems found"]);
    let missing = "p.yaml.lock has no digest for this address";
    let stale = "the step `Get it` does not fetch this address with these variables";
    user.types("lint p.yaml -e version=2", 0, &[missing, stale, "`pinboot lock --prune` removes it"]);
    let printed = user.types("run p.yaml --dry-run -e version=2", 0, &[missing]);
    assert!(!printed.shown().contains(stale), "{}", printed.shown());
    user.types("lock p.yaml --check -e version=2", 11, &["missing  WEB/hello?2"]);
    // Both stay, until one is not wanted any more.
    user.types("lock p.yaml -e version=2", 0, &["locked   WEB/hello?2", stale]);
    user.types("lint p.yaml", 0, &[stale]);
    user.types("lock p.yaml --prune -e version=2", 0, &["kept     WEB/hello?2", "removed  WEB/hello?1"]);
    user.types("lint p.yaml -e version=2", 0, &["no problems found"]);
    assert!(!user.lock().contains("hello?1"), "{}", user.lock());
}

#[test]
fn a_secret_of_an_address_is_in_no_lock() {
    if !has_curl() {
        return;
    }
    let user = User::new("  - { name: Get it, download: { url: 'WEB/hello?t={{ token }}', to: ~/f } }\n");
    let printed = user.types("lock p.yaml", 0, &["locked   WEB/hello?t=***"]);
    for text in [printed.shown(), user.lock()] {
        assert!(!text.contains("secret-token"), "{text}");
    }
    let dry = user.types("run p.yaml --dry-run", 0, &[&format!("arg_sha256={HELLO}")]);
    assert!(!dry.shown().contains("secret-token"), "{}", dry.shown());
}

#[test]
fn what_is_not_what_it_should_be_is_not_locked() {
    if !has_curl() {
        return;
    }
    let user = User::new(
        "  - { name: A page, archive: { url: WEB/page.tgz, into: ~/a, creates: ~/a/b } }\n\
         \u{20} - { name: Nothing, download: { url: WEB/none, to: ~/c } }\n\
         \u{20} - { name: Wrong, download: { url: WEB/hello, to: ~/d, checksum: WEB/WRONG } }\n\
         \u{20} - { name: Ask, command: uname -m, register: machine, changes: false }\n\
         \u{20} - { name: Of the host, download: { url: 'WEB/{{ machine }}', to: ~/e } }\n\
         \u{20} - { name: Right, download: { url: 'WEB/hello?right', to: ~/g } }\n",
    );
    user.types(
        "lock p.yaml",
        11,
        &[
            "refused  WEB/page.tgz gives an HTML page and not a file",
            "failed   WEB/none: (22) The requested URL returned error: 404",
            "refused  WEB/hello gives other bytes than the checksum file WEB/WRONG says: sha256 5891",
            "locked   WEB/hello?right",
            "p.yaml.lock cannot have a digest for this address, which only the host knows",
        ],
    );
    assert_eq!(user.lock().matches("url:").count(), 1, "{}", user.lock());
    // A fault of a file that people edit is reported at its place.
    let lock = user.folder.path().join("p.yaml.lock");
    let text = fs::read_to_string(&lock).expect("the lock").replace("size: 6", "size: six");
    fs::write(&lock, text).expect("a file");
    user.types("run p.yaml --dry-run", 2, &["invalid size `six`", "p.yaml.lock:8", "`pinboot lock` writes this file"]);
    assert!(!Path::new(&lock).with_extension("lock.tmp").exists());
}

#[test]
fn an_address_of_each_kind_of_host_is_locked_and_one_of_nothing_is_left_out() {
    if !has_curl() {
        return;
    }
    let user = User::new(BY_HOST);
    let absent = "absent   WEB/tool-riscv?riscv: (22) The requested URL returned error: 404";
    let unlocked = "p.yaml.lock has no digest for WEB/tool-riscv?riscv, which is this address on some hosts";
    user.types("lint p.yaml", 0, &["no problems found"]);
    user.types(
        "lock p.yaml",
        0,
        &["locked   WEB/tool-amd64?amd64: sha256 5891", "locked   WEB/tool-arm64?arm64: sha256 7e4f", absent, unlocked],
    );
    assert_eq!(user.lock().matches("step: \"Get it\"").count(), 2, "{}", user.lock());
    let asked = user.server.asked("/tool-amd64");
    user.types("lock p.yaml", 0, &["kept     WEB/tool-amd64?amd64", "kept     WEB/tool-arm64?arm64", absent, unlocked]);
    assert_eq!(user.server.asked("/tool-amd64"), asked);
    user.types("lock p.yaml --check", 0, &["kept     WEB/tool-amd64?amd64", "kept     WEB/tool-arm64?arm64", absent]);
    user.types("lock p.yaml --check --json", 0, &["\"status\":\"absent\""]);
    user.types("lock p.yaml --update get", 0, &["kept     WEB/tool-amd64?amd64", absent]);
    user.types("lint p.yaml", 0, &[unlocked]);
    let amd64 = format!("locked: WEB/tool-amd64?amd64 sha256 {HELLO}");
    let dry = user.types("run p.yaml --dry-run", 0, &[unlocked, &amd64, "locked: WEB/tool-arm64?arm64 sha256 7e4f"]);
    assert!(!dry.shown().contains("arm64?amd64"), "{}", dry.shown());
    let amd64 = format!("\"locked\":[{{\"url\":\"WEB/tool-amd64?amd64\",\"sha256\":\"{HELLO}\"}}");
    user.types("run p.yaml --dry-run --json", 0, &[&amd64]);
    // An entry for a value that the playbook does not have any more is stale, and one that it has and the lock has not is missing.
    user.write(&BY_HOST.replace("aarch64: arm64", "aarch64: amd64").replace(", riscv64: riscv", ""));
    user.types("lint p.yaml", 0, &["the step `Get it` does not fetch this address with these variables"]);
    user.types("lock p.yaml --prune", 0, &["kept     WEB/tool-amd64?amd64", "removed  WEB/tool-arm64?arm64"]);
    user.types("lint p.yaml", 0, &["no problems found"]);
    user.types("run p.yaml --dry-run", 0, &[&format!("arg_sha256={HELLO}")]);
    user.write(&BY_HOST.replace("riscv64: riscv", "riscv64: arm64"));
    user.types("lint p.yaml", 0, &["p.yaml.lock has no digest for WEB/tool-arm64?arm64"]);
    user.types("lock p.yaml --check", 11, &["missing  WEB/tool-arm64?arm64"]);
    user.types("lock p.yaml", 0, &["kept     WEB/tool-amd64?amd64", "locked   WEB/tool-arm64?arm64"]);
    user.types("lint p.yaml", 0, &["no problems found"]);
}

#[test]
fn a_change_at_one_of_several_addresses_is_shown_and_nothing_at_any_of_them_is_a_failure() {
    if !has_curl() {
        return;
    }
    let choice = |yes: &str, no: &str| {
        format!(
            "  - name: It moves\n    download: {{ url: 'WEB/{{% if host.family == \"debian\" %}}{yes}{{% else %}}{no}{{% endif %}}', \
             to: ~/f, checksum: 'WEB/{{{{ \"SUMS\" if host.family == \"debian\" else \"WRONG\" }}}}' }}\n"
        )
    };
    let without = |steps: String| steps.split(", checksum").next().unwrap_or_default().to_owned() + " }\n";
    let user = User::new(&without(choice("hello", "moves")));
    user.types("lock p.yaml", 0, &["locked   WEB/hello", "locked   WEB/moves"]);
    user.types(
        "lock p.yaml --check",
        11,
        &["kept     WEB/hello", &format!("changed  WEB/moves: locked sha256 {HELLO}")],
    );
    // A locked address that leads nowhere now is a failure, not one that is left out.
    let lock = user.folder.path().join("p.yaml.lock");
    let text = fs::read_to_string(&lock).expect("the lock").replace("/moves", "/none");
    fs::write(&lock, text).expect("a file");
    user.write(&without(choice("hello", "none")));
    user.types("lock p.yaml --check", 3, &["kept     WEB/hello", "failed   WEB/none: (22)"]);
    fs::remove_file(&lock).expect("the lock");
    user.write(&without(choice("none", "nothing")));
    user.types("lock p.yaml", 3, &["failed   WEB/none: (22)", "failed   WEB/nothing: (22)"]);
    // Each address has its own checksum file.
    user.write(&choice("hello", "hello?again"));
    user.types(
        "lock p.yaml",
        11,
        &["locked   WEB/hello: ", "refused  WEB/hello?again gives other bytes than the checksum file WEB/WRONG says"],
    );
}
