//! `package`, with stand-ins for the package managers that keep what is installed in a file.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::harness::{NOT_SO, V, World, faults, has, recipe, shells};

/// `java-1.8.0` is a name that another package provides, as on Amazon Linux.
const RPM: &str = r#"#!/bin/sh
format= provides=
while :; do
    case $1 in
    -q) shift ;;
    --whatprovides) provides=1; shift ;;
    --qf) format=$2; shift 2 ;;
    *) break ;;
    esac
done
for name; do
    [ "$provides/$name" != 1/java-1.8.0 ] || name=java-1.8.0-openjdk
    line=$(grep "^$name " "$HOME/installed") || { echo "no package provides $name"; exit 1; }
    if [ -n "$format" ]; then echo "${line#* }"; else echo "${line% *}"; fi
done
"#;

const YUM: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/asked"
[ "$1" = -y ] || { echo "Is this ok [y/d/N]: "; read -r answer || exit 1; }
shift
verb=$1; shift
for name; do
    name=${name%-\**}
    [ "$name" != java-1.8.0 ] || name=java-1.8.0-openjdk
    case $verb/$name in
    install/nothing*) echo "No package $name available."; exit 1 ;;
    install/tool-2.1*) echo "tool 2.1.9-1" >> "$HOME/installed" ;;
    install/*) echo "$name 1.8.0.382-1.amzn2" >> "$HOME/installed" ;;
    remove/*) grep -v "^$name " "$HOME/installed" > "$HOME/rest"; mv "$HOME/rest" "$HOME/installed" ;;
    esac
done
"#;

const DPKG_QUERY: &str = r#"#!/bin/sh
shift 3
if [ $# = 0 ]; then
    while read -r name version provides; do echo "installed|$version|$provides"; done < "$HOME/installed"
    exit 0
fi
[ "$1" != removed ] || { echo "config-files 1.0"; exit 0; }
line=$(grep "^$1 " "$HOME/installed") || { echo "dpkg-query: no packages found matching $1" >&2; exit 1; }
set -- $line
echo "installed $2"
"#;

const APT: &str = r#"#!/bin/sh
echo "${0##*/} $*" >> "$HOME/asked"
[ "${0##*/}/${DEBIAN_FRONTEND:-}" != apt-get/ ] || exit 9
case " $* " in
*" update "*) touch "$HOME/lists"; exit 0 ;;
esac
[ -e "$HOME/lists" ] || { echo "E: Unable to locate package" >&2; exit 100; }
case " $* " in
*" install "*) for name; do :; done; echo "${name%%=*} 2:8u382-ga jre, java8-runtime (= 8)" >> "$HOME/installed" ;;
*" remove "*) : > "$HOME/installed" ;;
esac
"#;

fn amazon() -> World {
    // A machine of the Debian family must look like one that has never seen apt.
    let world = World::with_only(&[
        "[", "awk", "cat", "env", "grep", "id", "kill", "ls", "mv", "printf", "ps", "sed", "sleep", "touch",
    ]);
    world.stand_in("rpm", RPM);
    world.stand_in("yum", YUM);
    world.write("installed", "glibc 2.26-1\ntool 1.10.2-1\n");
    world
}

fn debian() -> World {
    let world = World::with_only(&[
        "[", "awk", "cat", "env", "grep", "id", "kill", "ls", "mv", "printf", "ps", "sed", "sleep", "touch",
    ]);
    world.stand_in("dpkg-query", DPKG_QUERY);
    world.stand_in("apt-get", APT);
    world.stand_in("apt-cache", APT);
    world.write("installed", "libc6 2.36\n");
    world
}

fn per_family() -> pinboot::kinds::Recipe {
    recipe("package", &[("yum", V::from("java-1.8.0")), ("apt", V::from("openjdk-8-jdk"))])
}

fn asked(world: &World) -> Vec<String> {
    if world.exists("asked") { world.read("asked").lines().map(str::to_owned).collect() } else { Vec::new() }
}

#[test]
fn a_name_that_another_package_provides_is_installed_once() {
    for shell in shells() {
        for step in [
            recipe("package", &[("name", V::from("java-1.8.0"))]),
            per_family(),
            recipe(
                "package",
                &[("name", V::L(vec![V::M(vec![("dnf", V::from("java-1.8.0")), ("apt", V::from("x"))])]))],
            ),
        ] {
            let world = amazon();
            assert!(step.needs_root);
            let answer = world.converge(&step, shell);
            assert_eq!(answer.out, "+ java-1.8.0\n", "{}", shell.name);
            assert_eq!(asked(&world), ["-y install java-1.8.0"], "{}", shell.name);
        }
    }
}

#[test]
fn a_host_of_debian_may_have_dnf_and_one_of_red_hat_has_yum_beside_it() {
    for shell in shells() {
        let world = debian();
        world.stand_in("dnf", "#!/bin/sh\nexit 9\n");
        world.converge(&per_family(), shell);
        let world = amazon();
        world.stand_in("dnf", "#!/bin/sh\nexit 9\n");
        world.converge(&per_family(), shell);
    }
}

#[test]
fn only_what_is_missing_is_installed() {
    for shell in shells() {
        let world = amazon();
        let step = recipe("package", &[("name", V::L(vec![V::from("glibc"), V::from("unzip"), V::from("tar")]))]);
        let answer = world.converge(&step, shell);
        assert_eq!(answer.out, "+ unzip\n+ tar\n", "{}", shell.name);
        assert_eq!(asked(&world), ["-y install unzip tar"], "{}", shell.name);
    }
}

#[test]
fn a_version_fits_up_to_a_separator() {
    let step = |version: &str| recipe("package", &[("name", V::from("tool")), ("version", V::from(version))]);
    for shell in shells() {
        let world = amazon();
        for version in ["1.10.2-1", "1.10", "1"] {
            world.is_so(&step(version), shell);
        }
        for version in ["1.1", "1.10.2-10", "10"] {
            let answer = world.ask(&step(version), shell);
            assert_eq!(
                (answer.status, answer.out),
                (NOT_SO, format!("tool 1.10.2-1 -> {version}\n")),
                "{}",
                shell.name
            );
        }
        let answer = world.apply(&step("2.1"), "", shell);
        assert_eq!(answer.status, 0, "{}: {answer:?}", shell.name);
        assert_eq!(asked(&world), ["-y install tool-2.1*"], "{}", shell.name);
    }
}

#[test]
fn what_shall_be_absent_is_removed() {
    for shell in shells() {
        let world = amazon();
        let step = recipe("package", &[("name", V::from("tool")), ("state", V::from("absent"))]);
        let answer = world.converge(&step, shell);
        assert_eq!(answer.out, "- tool 1.10.2-1\n", "{}", shell.name);
        assert_eq!(asked(&world), ["-y remove tool"], "{}", shell.name);
    }
}

#[test]
fn apt_fetches_its_lists_where_they_are_empty() {
    for shell in shells() {
        let world = debian();
        let answer = world.converge(&per_family(), shell);
        assert_eq!(answer.out, "+ openjdk-8-jdk\n", "{}", shell.name);
        let verbs: Vec<_> =
            asked(&world).iter().map(|line| line.split(' ').rev().nth(1).unwrap_or("").to_owned()).collect();
        assert_eq!(asked(&world).len(), 3, "{}: {:?}", shell.name, asked(&world));
        assert_eq!((verbs[0].as_str(), verbs[2].as_str()), ("show", "install"), "{}: {:?}", shell.name, asked(&world));
        // It provides a name that is no package's own, and it has a version behind an epoch.
        world.is_so(&recipe("package", &[("name", V::from("java8-runtime"))]), shell);
        world.is_so(&recipe("package", &[("name", V::from("openjdk-8-jdk")), ("version", V::from("8u382"))]), shell);
        // Removed, with its configuration left behind, is not installed.
        assert_eq!(
            world.ask(&recipe("package", &[("name", V::from("removed"))]), shell).status,
            NOT_SO,
            "{}",
            shell.name
        );
    }
    let never = recipe("package", &[("name", V::from("x")), ("update_cache", V::B(false))]);
    let world = debian();
    assert_eq!(world.apply(&never, "", shells()[0]).status, 100);
    assert_eq!(asked(&world).len(), 1);
    let always = recipe("package", &[("name", V::from("x")), ("update_cache", V::B(true))]);
    let world = debian();
    assert_eq!(world.apply(&always, "", shells()[0]).status, 0);
    assert!(asked(&world)[0].ends_with(" update"), "{:?}", asked(&world));
}

#[test]
fn a_family_without_a_name_is_named() {
    let step = recipe("package", &[("yum", V::from("java-1.8.0")), ("zypper", V::from("java"))]);
    for shell in shells() {
        let answer = debian().ask(&step, shell);
        assert_eq!(answer.status, 1, "{}: {answer:?}", shell.name);
        let said = "this host's packages come by apt-get, and the step names them only for yum zypper: add apt: NAME\n";
        assert_eq!(answer.err, said, "{}", shell.name);
        let answer = World::with_only(&["[", "printf"]).ask(&step, shell);
        assert!(answer.err.contains("no package manager that pinboot knows"), "{}: {answer:?}", shell.name);
    }
}

#[test]
fn a_package_that_there_is_not_fails_with_the_managers_own_words() {
    for shell in shells() {
        let world = amazon();
        let answer = world.apply(&recipe("package", &[("name", V::from("nothing-here"))]), "", shell);
        assert_eq!(answer.status, 1, "{}: {answer:?}", shell.name);
        let cause = pinboot::kinds::cause("package", &answer.out).expect("known");
        assert!(cause.contains("no package of that name"), "{cause}");
    }
}

/// A process of this test that holds a lock for as long as it lives.
struct Holder(std::process::Child);

impl Holder {
    fn new() -> Self {
        Self(std::process::Command::new("sleep").arg("600").spawn().expect("sleep"))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn locked(mut world: World, seconds: &str) -> (World, std::path::PathBuf) {
    let lock = world.write("yum.pid", "");
    // The shell takes the list of locks apart at blanks, and this home has one.
    let name = format!("pinboot-lock-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let short = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&short);
    std::os::unix::fs::symlink(&lock, &short).expect("a link");
    world.env("pb_lock_files", short.display().to_string()).env("pb_lock_seconds", seconds);
    (world, short)
}

#[test]
fn a_lock_that_is_not_given_back_is_named_and_left_alone() {
    let holder = Holder::new();
    let (world, short) = locked(amazon(), "2");
    world.write("yum.pid", format!("{}\n", holder.0.id()));
    let step = recipe("package", &[("name", V::from("unzip"))]);
    let answer = world.apply(&step, "", shells()[0]);
    assert_eq!(answer.status, 1, "{answer:?}");
    let pid = holder.0.id();
    assert!(
        answer.out.contains(&format!("waiting for the package lock, held by pid {pid} sleep since ")),
        "{answer:?}"
    );
    assert!(
        answer.err.contains(&format!("waited 2 s for the package lock in vain: it is held by pid {pid} sleep")),
        "{answer:?}"
    );
    assert!(world.exists("yum.pid") && asked(&world).is_empty());
    // A yum that was begun and then waits for the lock for ever is ended as well.
    world.write("yum.pid", "");
    let waits = format!(
        "#!/bin/sh\necho {pid} > \"$HOME/yum.pid\"\necho Another app is currently holding the yum lock\nexec sleep 600\n"
    );
    world.stand_in("yum", &waits);
    let answer = world.apply(&step, "", shells()[0]);
    assert_eq!(answer.status, 1, "{answer:?}");
    assert!(answer.out.contains("Another app is") && answer.err.contains("in vain"), "{answer:?}");
    std::fs::remove_file(short).expect("removed");
}

#[test]
fn a_stale_lock_holds_nobody_up() {
    let gone = {
        let mut child = std::process::Command::new("true").spawn().expect("true");
        child.wait().expect("ended");
        child.id()
    };
    let (world, short) = locked(amazon(), "2");
    let world = {
        world.write("yum.pid", format!("{gone}\n"));
        world
    };
    let step = recipe("package", &[("name", V::from("unzip"))]);
    let answer = world.apply(&step, "", shells()[0]);
    assert_eq!((answer.status, answer.out.as_str()), (0, ""), "{answer:?}");
    std::fs::remove_file(short).expect("removed");
}

#[test]
fn the_kernel_says_who_holds_apts_lock() {
    if !has("python3") {
        return;
    }
    let (world, short) = locked(debian(), "2");
    let lock = world.path("yum.pid");
    let hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()";
    let mut child = std::process::Command::new("python3")
        .args(["-c", hold])
        .arg(&lock)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3");
    let mut held = [0; 4];
    std::io::Read::read_exact(child.stdout.as_mut().expect("piped"), &mut held).expect("held");
    // The lock is looked up by its inode: the link would have another.
    std::fs::remove_file(&short).expect("removed");
    std::fs::hard_link(&lock, &short).expect("a link");
    let answer = world.apply(&recipe("package", &[("name", V::from("x"))]), "", shells()[0]);
    drop(child.stdin.take());
    let _ = child.wait();
    std::fs::remove_file(&short).expect("removed");
    assert_eq!(answer.status, 1, "{answer:?}");
    assert!(answer.err.contains("in vain: it is held by pid ") && answer.err.contains("python"), "{answer:?}");
    assert!(asked(&world).len() <= 1, "{:?}", asked(&world));
}

#[test]
fn what_cannot_be_a_package_is_refused() {
    assert_eq!(
        faults("package", &[("name", V::from("java unzip"))]),
        ["`java unzip` is no package's name (several packages are a list, as in [java-1.8.0, unzip])"]
    );
    assert_eq!(faults("package", &[("name", V::from("-y"))]).len(), 1);
    assert_eq!(
        faults("package", &[("name", V::M(vec![("yumm", V::from("x"))]))])[0],
        "`yumm` is no family of packages (did you mean `yum`?)"
    );
    assert_eq!(
        faults("package", &[("yum", V::from("x")), ("dnf", V::from("y"))]),
        ["yum and dnf are one family here: name its package once ()"]
    );
    assert_eq!(
        faults(
            "package",
            &[("name", V::L(vec![V::M(vec![("yum", V::from("x"))]), V::M(vec![("apt", V::from("x"))])]))]
        ),
        [
            "the packages of this step have no family of systems in common (give each of them a name for the same families, or a step of its own)"
        ]
    );
    assert_eq!(
        faults("package", &[("name", V::L(vec![V::from("a"), V::from("b")])), ("version", V::from("1"))]),
        ["`version` is for a single package (give the packages a step each)"]
    );
}

#[test]
fn the_step_reads_like_what_it_does() {
    let step = per_family();
    assert_eq!(
        step.check.expect("a check").as_str(),
        "pb_family yum apt\ncase $pb_family in\nyum)\n    set -- java-1.8.0\n    ;;\napt)\n    set -- openjdk-8-jdk\n    ;;\nesac\npb_packages_check present '' \"$@\""
    );
}

#[test]
fn cloud_init_is_waited_for_and_named() {
    let step = recipe("package", &[("name", V::from("unzip"))]);
    let (mut world, short) = locked(amazon(), "2");
    world.write("yum.pid", "");
    let folder = world.path("run cloud-init");
    std::fs::create_dir(&folder).expect("a folder");
    world.env("pb_cloud_folder", folder.display().to_string());
    // Without its own word, its result is what it is known by.
    let answer = world.apply(&step, "", shells()[0]);
    assert_eq!(answer.status, 1, "{answer:?}");
    assert!(answer.out.contains("waiting for cloud-init, which sets the new instance up: 1 s"), "{answer:?}");
    assert!(answer.err.contains("waited 2 s for cloud-init in vain: it is still at work"), "{answer:?}");
    assert!(asked(&world).is_empty());
    // It says itself that it has ended, with errors as may be; so the second time it is asked.
    world.stand_in(
        "cloud-init",
        "#!/bin/sh\nif [ -e \"$HOME/said\" ]; then echo 'status: error'; exit 1; fi\n: > \"$HOME/said\"\necho 'status: running'\n",
    );
    let answer = world.apply(&step, "", shells()[0]);
    assert_eq!(answer.status, 0, "{answer:?}");
    assert!(answer.out.contains("waiting for cloud-init") && !answer.out.contains("2 s"), "{answer:?}");
    // Over, it is not asked any more.
    std::fs::remove_file(world.path("said")).expect("removed");
    world.write("installed", "");
    world.write("run cloud-init/result.json", "{}");
    let answer = world.apply(&step, "", shells()[0]);
    assert_eq!(answer.status, 0, "{answer:?}");
    assert!(!answer.out.contains("cloud-init") && !world.exists("said"), "{answer:?}");
    std::fs::remove_file(short).expect("removed");
}
