//! What a host's own sentences advise.

/// The user whom a host names instead of the one who tries to log in, as EC2's images do for root.
pub fn user_to_use(said: &str) -> Option<&str> {
    let lower = said.to_ascii_lowercase();
    ["please login as ", "please log in as "].into_iter().find_map(|opening| {
        let at = lower.find(opening)? + opening.len();
        named(said.get(at..)?)
    })
}

/// The user whom the rest of a sentence names: `the user "NAME" `, `the NAME user `, `"NAME" `, in quotes of any kind.
fn named(rest: &str) -> Option<&str> {
    const QUOTES: &[char] = &['"', '\'', '`', '“', '‘'];
    let rest = rest.strip_prefix("the ").unwrap_or(rest);
    let (rest, is_introduced) = rest.strip_prefix("user ").map_or((rest, false), |rest| (rest, true));
    let unquoted = rest.trim_start_matches(QUOTES);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    // A name ends with something: the rest of it may still come.
    let end = unquoted.find(|c| !is_plain(c))?;
    let name = unquoted[..end].trim_end_matches('.');
    let is_one = is_introduced || unquoted.len() < rest.len() || unquoted[end..].starts_with(" user");
    let is_whole = unquoted.len() == rest.len() || unquoted[end..].starts_with(['"', '\'', '”', '’']);
    (is_one && is_whole && !name.is_empty() && name.len() <= 32).then_some(name)
}

/// What to do to log in as this user.
pub fn login_as(user: &str) -> String {
    format!("log in as {user}: `user: {user}` in the playbook, or --user {user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_of_a_sentence_is_used_as_the_user() {
        let text = |user: &str| format!("Please login as the user \"{user}\" rather than the user \"root\".\n");
        assert_eq!(user_to_use(&text("ec2-user")), Some("ec2-user"));
        assert_eq!(user_to_use(&text("a; rm -rf ~")), None);
        assert_eq!(user_to_use(&text("")), None);
        assert_eq!(user_to_use("Please login as the ubuntu user rather than root user."), Some("ubuntu"));
        assert_eq!(user_to_use("please log in as the user 'opc'."), Some("opc"));
        assert_eq!(user_to_use("Please log in as user admin.\n"), Some("admin"));
        assert_eq!(user_to_use("Please login as “core” instead"), Some("core"));
        assert_eq!(user_to_use("Please login as the user ubu"), None);
        assert_eq!(user_to_use("Please log in as soon as you can."), None);
        assert_eq!(user_to_use("Welcome"), None);
    }
}
