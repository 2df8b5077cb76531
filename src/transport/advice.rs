//! What a host's own sentences advise.

/// The user whom a host names instead of the one who tries to log in, as EC2's images do for root.
pub fn user_to_use(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("Please login as the user \"")?;
    let (user, _) = rest.split_once('"')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!user.is_empty() && user.len() <= 32 && user.chars().all(plain)).then_some(user)
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
        assert_eq!(user_to_use("Welcome"), None);
    }
}
