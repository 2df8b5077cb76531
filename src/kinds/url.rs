//! What an address is called.

use crate::script::{Part, Text};

/// What a lock calls an address: without the secrets in it; `None` where only the host knows it.
pub fn address_name(url: &Text) -> Option<String> {
    let is_known = url.parts().all(|part| matches!(part, Part::Characters(_) | Part::Secret(_)));
    is_known.then(|| without_password(&Text::new(url.display())).raw().to_owned())
}

/// An address as it may be shown: without a name and a password, whatever they hold. One of `/ ? #` in a password looks like
/// the end of a host and its port.
pub fn without_password(url: &Text) -> Text {
    let Some((scheme, behind)) = url.raw().split_once("://") else { return url.clone() };
    let place = behind.split(['/', '?', '#']).next().unwrap_or_default();
    let from = if place.contains(['@', ':']) { behind.rfind('@') } else { None };
    from.map_or_else(|| url.clone(), |at| Text::new(format!("{scheme}://***{}", &behind[at..])))
}

#[cfg(test)]
mod tests {
    use super::without_password;
    use crate::script::Text;

    #[test]
    fn a_password_is_not_shown_whatever_it_holds() {
        for (url, shown) in [
            ("https://h/a@b?c@d", "https://h/a@b?c@d"),
            ("http://u:p@ss@h/a", "http://***@h/a"),
            ("http://u:p/w@h/a", "http://***@h/a"),
            ("http://u:p@s/w@h/a", "http://***@h/a"),
            ("http://u:p?w#@h/a", "http://***@h/a"),
            ("http://u:12/34@h/a", "http://***@h/a"),
            ("http://h:80/a", "http://h:80/a"),
            ("~/a@b", "~/a@b"),
        ] {
            assert_eq!(without_password(&Text::from(url)).raw(), shown);
        }
    }
}
