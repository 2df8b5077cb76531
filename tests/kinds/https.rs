//! No way down from https: a real https server sends each program that fetches elsewhere.

use super::hostile::Hostile;
use super::process::Process;
use crate::support::need;

/// The server, whose answers are files; every program of the host trusts it.
const SERVE: &str = r"
    mkdir /srv/tls && cd /srv/tls
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout key.pem -out cert.pem 2> /dev/null
    cat cert.pem >> /etc/ssl/certs/ca-certificates.crt
    printf 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n' > ok
    n=0
    for target in http://127.0.0.1:8000/tool HTTP://127.0.0.1:8000/tool ftp://127.0.0.1:1/tool file:///srv/www/tool; do
        n=$((n + 1))
        printf 'HTTP/1.0 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n' $target > away$n
    done
    printf 'HTTP/1.0 302 Found\r\nLocation: /away1\r\nContent-Length: 0\r\n\r\n' > away5
    cp /srv/www/tool /srv/tls/body
    { printf 'HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n' $(wc -c < body); cat body; } > same
    sha256sum /srv/www/tool | cut -d ' ' -f 1
";

#[test]
fn no_program_that_fetches_leaves_https() {
    for (program, package) in
        [("openssl", "openssl"), ("wget", "wget"), ("/usr/bin/python3", "python3"), ("busybox", "busybox")]
    {
        if need(program, package).is_none() {
            return;
        }
    }
    let Some(mut host) = Hostile::new() else { return };
    let digest = host.root.run("/bin/sh", &["-ec", SERVE]);
    let mut openssl = host.root.command("/bin/sh");
    openssl
        .args(["-c", "cd /srv/tls && exec openssl s_server -accept 127.0.0.1:443 -cert cert.pem -key key.pem -HTTP"]);
    let _server = Process::start("openssl", &mut openssl);
    let waits =
        "for n in $(seq 1 500); do ! curl -sfo /dev/null https://localhost/ok || exit 0; sleep .02; done; exit 1";
    host.root.run("/bin/sh", &["-c", waits]);
    for program in ["curl", "wget", "python3", "busybox"] {
        let mut steps = String::new();
        // Not every busybox verifies certificates: it fetches what has a digest, and what it is led down to has the right one.
        let sha256 = if program == "busybox" { format!(", sha256: '{}'", digest.trim()) } else { String::new() };
        for path in ["same", "away1", "away2", "away3", "away4", "away5"] {
            steps.push_str(&format!(
                "  - {{ name: From {path}, download: {{ url: 'https://localhost/{path}', to: ~/{program}-{path}{sha256} }}, \
                 env: {{ pb_first_pause: '0' }}, allow_failure: true }}\n"
            ));
        }
        let heard = host.play(&steps);
        let (whole, away) = heard.steps.split_first().expect("six steps");
        assert_eq!(whole.outcome, "changed", "{program}: {heard:#?}");
        for step in away {
            assert_eq!(step.outcome, "failed: status", "{program}: {heard:#?}");
            let said = "a redirection that leaves https, or HTTP altogether, was refused";
            assert!(step.output.contains(said), "{program}: {heard:#?}");
        }
        let made = host.root.run("/bin/sh", &["-c", "cd /home/login && ls -d *-*"]);
        assert!(!made.contains("away"), "{program}: {made}");
        // The next one gets its turn.
        host.root.run("/bin/sh", &["-c", &format!("rm -f /usr/bin/{program} /bin/{program} /usr/local/bin/{program}")]);
    }
}
