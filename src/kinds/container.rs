//! `container`: a container of docker or podman, as the step describes it whole.
//!
//! What the engine says of the container is compared with every field, and with the image where a field is not given. What differs cannot be
//! changed in a container: a new one is made beside it, and the old one goes only when the new one has run.

use super::cause::Cause;
use super::doubt::Doubt;
use super::field::{one_of, text, text_map, texts};
use super::rule::not_when;
use super::typed::TypedLine;
use super::{ArgValue, Args, Kind, Need, Pattern, Recipe, When};
use crate::script::{Script, Text};
use crate::source::Diagnostic;

const NAME: Pattern = Pattern {
    what: "name of a container",
    fits: |name| {
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        fits && name.len() >= 2 && name.as_bytes()[0].is_ascii_alphanumeric()
    },
    on_host: "case $pb_value in ? | '' | [_.-]* | *[!A-Za-z0-9_.-]*) false ;; esac",
    hint: "at least two of a-z, A-Z, 0-9, `_`, `.` and `-`, beginning with a letter or a digit",
};

const IMAGE: Pattern = Pattern {
    what: "image",
    fits: |image| {
        let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
        let is_digest = |digest: &str| {
            digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_lower_hex))
        };
        let last = name.rsplit('/').next().unwrap_or_default();
        let tag = last.split_once(':').map(|(_, tag)| tag);
        let path = &name[..name.len() - tag.map_or(0, |tag| tag.len() + 1)];
        let repository = path
            .split_once('/')
            .map_or(path, |(host, rest)| if host.contains(['.', ':']) || host == "localhost" { rest } else { path });
        name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/:._-".contains(&b))
            && path.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()))
            && !repository.contains(|c: char| c.is_ascii_uppercase() || c == ':')
            && tag.is_none_or(|tag| !tag.is_empty() && !tag.contains(':') && !tag.starts_with(['.', '-']))
            && digest.is_none_or(is_digest)
    },
    on_host: "case $pb_value in '' | [!a-z0-9]* | *[!a-z0-9/:._-]* | */ | *: | *:*:* | */[!a-z0-9]* | *:*/* | *:[.-]*) false ;; esac",
    hint: "write it as `docker pull` takes it, such as nginx:1.27, ghcr.io/NAME/NAME:TAG or NAME@sha256:DIGEST, in lower case but for the tag",
};

const fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

const PORT: Pattern = Pattern {
    what: "port",
    fits: is_port,
    on_host: "case $pb_value in '' | 0* | *[!0-9]*) false ;; *) [ ${#pb_value} -le 4 ] ;; esac",
    hint: "write HOST:CONTAINER, such as 8080:80, 127.0.0.1:5432:5432, 53:53/udp, 8000-8009:8000-8009, or 80 for any port of the host",
};

/// Whether a text says which port of the host leads to which one of the container.
fn is_port(text: &str) -> bool {
    let (text, protocol) = text.split_once('/').map_or((text, "tcp"), |(text, protocol)| (text, protocol));
    let (address, ports) = match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((address, ports)) => (Some(address.parse::<std::net::Ipv6Addr>().is_ok()), ports),
        None => match text.rsplitn(3, ':').collect::<Vec<_>>()[..] {
            [inner, outer, address] => (
                Some(address.parse::<std::net::Ipv4Addr>().is_ok()),
                &text[text.len() - inner.len() - outer.len() - 1..],
            ),
            _ => (None, text),
        },
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        text.parse::<u16>().ok().filter(|_| digits)
    };
    let range = |text: &str| {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        number(low).zip(number(high)).filter(|(low, high)| low <= high).map(|(low, high)| high - low)
    };
    let fits = match ports.split_once(':') {
        None => range(ports).is_some() && address.is_none(),
        Some(("", inner)) => range(inner).is_some() && address.is_some(),
        Some((outer, inner)) => {
            range(outer).zip(range(inner)).is_some_and(|(outer, inner)| outer == inner || inner == 0)
        }
    };
    fits && address != Some(false) && matches!(protocol, "tcp" | "udp" | "sctp")
}

/// Options of a volume that docker or podman take.
const VOLUME_OPTIONS: &[&str] = &[
    "ro",
    "rw",
    "z",
    "Z",
    "U",
    "nocopy",
    "cached",
    "delegated",
    "consistent",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
];

const VOLUME: Pattern = Pattern {
    what: "volume",
    fits: |volume| {
        let parts: Vec<&str> = volume.split(':').collect();
        let is_whole = |path: &str| path.starts_with('/') && !path.trim_matches('/').is_empty();
        let is_name = |name: &str| {
            let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            fits && name.len() >= 2 && name.as_bytes()[0].is_ascii_alphanumeric()
        };
        let is_source =
            |source: &str| source.starts_with('/') || source == "~" || source.starts_with("~/") || is_name(source);
        let are_options = |options: &str| options.split(',').all(|option| VOLUME_OPTIONS.contains(&option));
        !volume.contains('\n')
            && match parts[..] {
                [target] => is_whole(target),
                [source, target] => is_source(source) && is_whole(target),
                [source, target, options] => is_source(source) && is_whole(target) && are_options(options),
                _ => false,
            }
    },
    on_host: "case $pb_value in *'\n'* | *:*:* | *:/ | *://*) false ;; *:/?*) case ${pb_value%%:*} in /*) ;; ?) false ;; [A-Za-z0-9]*) case $pb_value in *[!A-Za-z0-9_.-]*:*) false ;; esac ;; *) false ;; esac ;; *:*) false ;; //*) false ;; /?*) ;; *) false ;; esac",
    hint: "write SOURCE:TARGET or SOURCE:TARGET:ro, where SOURCE is a whole path on the host, a path in ~/, or the name of a volume",
};

const VARIABLE: Pattern = Pattern {
    what: "name of an environment variable",
    fits: |name| {
        !name.is_empty()
            && !name.starts_with('#')
            && !name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control() || "\"'\\".contains(c))
    },
    on_host: "false",
    hint: "a name has no blank, no quote and no `=`",
};

const LABEL: Pattern = Pattern {
    what: "name of a label",
    fits: |name| !name.is_empty() && !name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()),
    on_host: "false",
    hint: "a name has no blank and no `=`, such as traefik.enable",
};

const NETWORK: Pattern = Pattern {
    what: "network",
    fits: |network| {
        let name = network.strip_prefix("container:").unwrap_or(network);
        !name.is_empty()
            && name.as_bytes()[0].is_ascii_alphanumeric()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    },
    on_host: "case ${pb_value#container:} in '' | [_.-]* | *[!A-Za-z0-9_.-]*) false ;; esac",
    hint: "write the name of a network, `host`, `none`, or `container:NAME` for that of another container",
};

const RESTART: Pattern = Pattern {
    what: "restart policy",
    fits: |policy| {
        let is_times = |times: &str| {
            (1..=6).contains(&times.len()) && times.bytes().all(|b| b.is_ascii_digit()) && !times.starts_with('0')
        };
        matches!(policy, "no" | "always" | "unless-stopped" | "on-failure")
            || policy.strip_prefix("on-failure:").is_some_and(is_times)
    },
    on_host: "case $pb_value in no | always | unless-stopped | on-failure) ;; on-failure:[1-9]*) case ${pb_value#*:} in *[!0-9]*) false ;; *) [ ${#pb_value} -le 17 ] ;; esac ;; *) false ;; esac",
    hint: "it is `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:TIMES`",
};

const OWNER: Pattern = Pattern {
    what: "user",
    fits: |user| {
        let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
        let is_name = |name: &str| {
            let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            fits && !name.is_empty() && !name.starts_with('-')
        };
        is_name(user) && group.is_none_or(is_name)
    },
    on_host: "case $pb_value in '' | -* | :* | *: | *:-* | *:*:* | *[!A-Za-z0-9_.:-]*) false ;; esac",
    hint: "write USER or USER:GROUP, each by its name in the image or by its number",
};

const MEMORY: Pattern = Pattern {
    what: "amount of memory",
    fits: |memory| {
        let digits = memory.strip_suffix(['b', 'k', 'm', 'g', 'B', 'K', 'M', 'G']).unwrap_or(memory);
        (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
    },
    on_host: "case ${pb_value%[bkmgBKMG]} in '' | 0* | *[!0-9]*) false ;; *) [ ${#pb_value} -le 15 ] ;; esac",
    hint: "a number of bytes, or one with k, m or g behind it, such as 512m",
};

const CPUS: Pattern = Pattern {
    what: "number of CPUs",
    fits: |cpus| {
        let (whole, part) = cpus.split_once('.').unwrap_or((cpus, "0"));
        let is_number = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        is_number(whole, 4) && is_number(part, 5) && cpus.bytes().any(|b| matches!(b, b'1'..=b'9'))
    },
    on_host: "case $pb_value in '' | .* | *. | *.*.* | *[!0-9.]*) false ;; *[1-9]*) [ ${#pb_value} -le 4 ] ;; *) false ;; esac",
    hint: "a number such as 2 or 0.5",
};

const ENGINES: &[&str] = &["docker", "podman"];

/// What can go wrong with every engine and its registries.
pub(super) const CAUSES: &[Cause] = &[
    Cause {
        words: &["permission denied", "docker", "sock"],
        sentence: "The user who acts may not talk to docker: give the step `sudo: true`, or put the user into the group `docker` in an earlier step, which holds from the next login on and is as good as root.",
    },
    Cause {
        words: &["cannot connect to the docker daemon"],
        sentence: "Docker does not run on the host: start it in an earlier step (`service: { name: docker, state: started, enabled: true }`), or set DOCKER_HOST where it listens elsewhere.",
    },
    Cause {
        words: &["toomanyrequests"],
        sentence: "The registry allows no more pulls for now: wait, log in to it first (`docker login`), or take the image from a mirror.",
    },
    Cause {
        words: &["pull access denied"],
        sentence: "The registry has no such image, or shows it only to users who have logged in: compare its name, or log in on the host in an earlier step (`docker login --password-stdin`).",
    },
    Cause {
        words: &["no basic auth credentials"],
        sentence: "The registry wants a login: log in on the host in an earlier step (`docker login --password-stdin`), as the user that this step runs as.",
    },
    Cause {
        words: &["unauthorized: authentication required"],
        sentence: "The registry wants a login: log in on the host in an earlier step (`docker login --password-stdin`), as the user that this step runs as.",
    },
    Cause {
        words: &["manifest unknown"],
        sentence: "The registry has no image with this tag or digest: see the tags that it has.",
    },
    Cause {
        words: &["no matching manifest"],
        sentence: "The image is not made for this host's kind of processor: take another one, or another host.",
    },
    Cause {
        words: &["port is already allocated"],
        sentence: "Another container or program has this port of the host: `docker ps` and `ss -ltnp` show which; stop it, or give another port.",
    },
    Cause {
        words: &["listen tcp", "address already in use"],
        sentence: "Another container or program has this port of the host: `docker ps` and `ss -ltnp` show which; stop it, or give another port.",
    },
];

/// The row of the table.
pub(super) const KIND: Kind = Kind {
    summary: "Makes a container of docker or podman, starts or stops it, and replaces it where it is another one than described.",
    check: "the container of exactly this name, field by field as the engine describes it, and the id of its image beside the id that the image's name has on the host now; what neither the step says nor the image brings differs as well",
    fields: &[
        text("name", "The container.").required().matching(&NAME),
        text("image", "The image, by tag or digest.").matching(&IMAGE),
        one_of("state", &["started", "stopped", "absent"], "Whether it runs, or is there at all.").default("started"),
        texts("command", "The program in it and its arguments, a word each; by default the image's own.").keeps_secrets(),
        text_map("env", "Environment variables; a value may be a secret.").names(&VARIABLE).keeps_secrets(),
        texts("ports", "Ports of the host that lead into it, such as `8080:80` or `127.0.0.1:5432:5432`.").matching(&PORT),
        texts("volumes", "What it sees of the host, such as `/srv/data:/data:ro` or `data:/data` for a volume of this name.")
            .matching(&VOLUME),
        text("network", "Its network: a name, `host`, `none` or `container:NAME`; by default the engine's own.")
            .matching(&NETWORK),
        text("restart", "When the engine starts it again: `no`, `always`, `unless-stopped` or `on-failure:TIMES`; by default `no`.")
            .matching(&RESTART),
        text("user", "The user in it, by name or number; by default the image's own.").matching(&OWNER),
        text_map("labels", "Labels of the container.").names(&LABEL),
        text("memory", "The most memory that it gets, such as `512m`; by default as much as there is.").matching(&MEMORY),
        text("cpus", "The most CPU time that it gets, in CPUs, such as `1.5`; by default as much as there is.").matching(&CPUS),
        one_of(
            "pull",
            &["missing", "always"],
            "Whether the registry is asked in each run which image the name stands for now, or only where the image is missing.",
        )
        .default("missing"),
        one_of("engine", ENGINES, "The engine; by default docker, or podman where there is no docker."),
    ],
    rules: &[
        not_when("image", ABSENT),
        not_when("command", ABSENT),
        not_when("env", ABSENT),
        not_when("ports", ABSENT),
        not_when("volumes", ABSENT),
        not_when("network", ABSENT),
        not_when("restart", ABSENT),
        not_when("user", ABSENT),
        not_when("labels", ABSENT),
        not_when("memory", ABSENT),
        not_when("cpus", ABSENT),
        not_when("ports", When::Is("network", "host")).hint("a container in the network of the host has its ports there already"),
    ],
    subject: "name",
    needs: &[
        Need::one_of(ENGINES, "install one in an earlier step (`package: { apt: docker.io, yum: docker }`)")
            .when(When::Missing(&["engine"])),
        Need::one_of(&["docker"], "install it in an earlier step (`package: { apt: docker.io, yum: docker }`)")
            .when(When::Is("engine", "docker")),
        Need::one_of(&["podman"], "install it in an earlier step (`package: podman`)").when(When::Is("engine", "podman")),
    ],
    shell: include_str!("container.sh"),
    causes: CAUSES,
    example: "\
- name: Run the console of Kafka
  container:
    name: console
    image: provectuslabs/kafka-ui:v0.7.2
    ports: 127.0.0.1:8080:8080
    env: { KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: b-1:9092 }
    restart: unless-stopped
  sudo: true
",
    doubts,
    hook: Some(hook),
    ..Kind::named("container")
};

const ABSENT: When = When::Is("state", "absent");

/// A whole command line in one word.
fn doubts(args: &Args<'_>) -> Vec<Doubt> {
    let command = args.texts("command");
    match command.as_slice() {
        [word] if word.literal().is_some_and(|word| word.trim().contains(' ')) => {
            let message = "the command is one word with blanks in it, and a container runs no program of such a name";
            vec![Doubt::new("command", message, "write a list of its words, such as `[sh, -c, 'echo $HOME']`")]
        }
        _ => Vec::new(),
    }
}

fn hook(args: &Args<'_>, recipe: &mut Recipe) -> Result<(), Vec<Diagnostic>> {
    let is_absent = ABSENT.holds(args);
    if !is_absent && !args.is_given("image") {
        let missing = Diagnostic::error(args.span, "`container` needs `image`");
        return Err(vec![missing.hint("give the image, such as nginx:1.27, or write `state: absent`")]);
    }
    // What stands in a container is data: no `~/` in front of it becomes a home of the host.
    for field in ["command", "env", "labels"] {
        if let Some(arg) = args.get(field) {
            recipe.set(field, Script::author(exact_words(&arg.value).as_word()));
        }
    }
    recipe.equivalent_commands = Some(commands(args, is_absent));
    Ok(())
}

/// A list or a map as quoted words, each exactly as it is written.
fn exact_words(value: &ArgValue) -> Script {
    let word =
        |arg: &super::Arg| if let ArgValue::Text(text) = &arg.value { text.quote_exactly() } else { String::new() };
    let words: Vec<String> = match value {
        ArgValue::List(list) => list.iter().map(word).collect(),
        ArgValue::Map(map) => {
            map.iter().flat_map(|(name, _, arg)| [Text::new(name.clone()).quote_exactly(), word(arg)]).collect()
        }
        _ => Vec::new(),
    };
    Script::author(words.join(" "))
}

/// What a user would type on a host that has no such container, or has one that shall go.
fn commands(args: &Args<'_>, is_absent: bool) -> Script {
    let is_podman = When::Is("engine", "podman").holds(args);
    let program = |docker, podman| TypedLine::new(if is_podman { podman } else { docker });
    if is_absent {
        return program("docker rm -f", "podman rm -f").end(args);
    }
    let exact = |text: &Text| Script::author(text.quote_exactly());
    let mut line = if When::Is("state", "stopped").holds(args) {
        program("docker create", "podman create")
    } else {
        program("docker run -d", "podman run -d")
    };
    line.value("--name", args, "name");
    for (option, field) in [
        ("--restart", "restart"),
        ("--network", "network"),
        ("--user", "user"),
        ("--memory", "memory"),
        ("--cpus", "cpus"),
    ] {
        line.value(option, args, field);
    }
    for (option, field) in [("--publish", "ports"), ("--volume", "volumes")] {
        for text in args.texts(field) {
            line.flag(option, true).word(&text);
        }
    }
    for (option, field) in [("--label", "labels"), ("--env", "env")] {
        for (name, value) in args.map(field) {
            line.flag(option, true).shell(&exact(&Text::new(format!("{name}={}", value.raw()))));
        }
    }
    line.word(&args.text("image").cloned().unwrap_or_default());
    for word in args.texts("command") {
        line.shell(&exact(&word));
    }
    let mut script = Script::default();
    if When::Is("pull", "always").holds(args) {
        let image = args.text("image").cloned().unwrap_or_default();
        script.line(&program("docker pull", "podman pull").word(&image).whole());
    }
    script.line(&line.whole());
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_what_docker_publishes() {
        for port in [
            "80",
            "8080:80",
            "127.0.0.1:8080:80/udp",
            "[::1]:53:53/udp",
            "8000-8001:80-81",
            "8000-8009:80",
            "127.0.0.1::80",
        ] {
            assert!(is_port(port), "{port}");
        }
        for port in [
            "",
            "0",
            "65536",
            "80:",
            ":80",
            "a:b",
            "80/icmp",
            "1.2.3:80:80",
            "8000-8001:80-82",
            "9-8:9-8",
            "::1:80:80",
            "80:80:80:80",
        ] {
            assert!(!is_port(port), "{port}");
        }
    }

    #[test]
    fn an_image_is_what_a_registry_can_have() {
        let digest = format!("nginx@sha256:{}", "a".repeat(64));
        for image in ["nginx", "nginx:1.27", "ghcr.io/a/b:V1", "localhost:5000/a", "h.example/a/b", digest.as_str()] {
            assert!((IMAGE.fits)(image), "{image}");
        }
        for image in
            ["", "Nginx", "nginx:", "nginx:-a", "a b", "-a", "a//b", "nginx@sha256:abc", "https://a/b", "a:b:c"]
        {
            assert!(!(IMAGE.fits)(image), "{image}");
        }
    }

    #[test]
    fn a_volume_leads_from_a_whole_path_or_a_name_to_a_whole_path() {
        for volume in ["/a:/b", "/a b:/c:ro", "~/a:/b", "data:/b:ro,z", "/data"] {
            assert!((VOLUME.fits)(volume), "{volume}");
        }
        for volume in ["", "a", "./a:/b", "a/b:/c", "/a:b", "/a:/", "/a:/b:rx", "/a:/b:ro:x", "x:/a"] {
            assert!(!(VOLUME.fits)(volume), "{volume}");
        }
    }
}
