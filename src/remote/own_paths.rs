//! Which paths on a host are pinboot's own, for everything that looks at what a run has written.

/// What the users of a host who use sudo share, besides the record in each one's home. A directory stands for all that is
/// in it.
const SHARED: &[&str] = &["/run/pinboot"];

/// Whether a path belongs to pinboot and not to a step: the record in this home, or what users share.
pub fn is_own_path(home: &str, path: &str) -> bool {
    let is_below = |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_below(&format!("{}/.pinboot", home.trim_end_matches('/'))) || SHARED.iter().any(|place| is_below(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_and_what_users_share_are_own_and_their_neighbours_are_not() {
        for home in ["/home/ec2-user", "/home/ec2-user/"] {
            for path in ["/home/ec2-user/.pinboot", "/home/ec2-user/.pinboot/runs/1/log", SHARED[0]] {
                assert!(is_own_path(home, path), "{path}");
            }
            for path in ["/home/ec2-user", "/home/ec2-user/.pinboot2", "/home/other/.pinboot", "/run", "/run/pinboot"] {
                assert_eq!(is_own_path(home, path), SHARED.contains(&path), "{path}");
            }
            for (path, right) in [("/run/pinboot/lock", true), ("/run/pinboot.lock", false)] {
                assert_eq!(is_own_path(home, path), right, "{path}");
            }
        }
    }

    #[test]
    fn they_are_those_that_the_runner_uses() {
        let shell = crate::remote::runner_shell().concat();
        for place in SHARED {
            assert!(shell.contains(place), "the runner does not use {place}");
        }
        let words = shell.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c)));
        let words = words.map(|word| word.trim_end_matches('.'));
        for path in words.filter(|word| ["/run/", "/var/", "/etc/"].iter().any(|place| word.starts_with(place))) {
            let is_shared = path.contains("pinboot");
            assert!(!is_shared || is_own_path("/root", path), "{path} is not in the list");
        }
    }
}
