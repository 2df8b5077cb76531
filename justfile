# The daily commands; `just` alone lists them.

_default:
    @just --list

# What has to hold before a commit.
check: && deny
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    cargo test
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps

# Licences, sources and banned crates.
deny:
    cargo deny check licenses bans sources

# Looks at changed snapshots and takes or refuses them one by one.
accept:
    cargo insta review

# Everything, as it is run before a release: every tier of the tests, advisories, release build, benches.
ci *PARTS:
    .ci/run {{ PARTS }}

# Inputs made by chance, with a new seed, for so many seconds.
fuzz SECONDS="600":
    PINBOOT_SEED=now PINBOOT_FUZZ={{ SECONDS }} cargo test --test fuzz

# Start-up, lost connections, and round trips and times over a delayed link, against one `ssh host bash -s`; needs root.
bench *ARGS:
    cargo build --release
    benches/start-up
    benches/lost-connection
    sudo benches/round-trips {{ ARGS }}
