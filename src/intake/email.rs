//! The form of an e-mail address.

use std::borrow::Cow;

/// The address with its domain in lower case (names of hosts have no case, RFC 5321 section 2.4) and, when asked for,
/// what stands before it, too.
///
/// # Errors
/// When it is none: a dot-string, `@`, and a domain of at least one label (RFC 5321 section 4.1.2), letters beyond
/// ASCII included (RFC 6531), within the lengths of RFC 5321 section 4.5.3.1. Quoted local parts and address literals
/// are no addresses of people.
pub(super) fn address(written: &str, lower_local: bool) -> Result<Cow<'_, str>, ()> {
    let (local, domain) = written.rsplit_once('@').ok_or(())?;
    let atoms = |text: &str| {
        text.split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
    };
    let labels = |text: &str| {
        text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c == '-' || is_letter(c))
        })
    };
    if written.len() > 254 || local.len() > 64 || !atoms(local) || !labels(domain) {
        return Err(());
    }
    let upper = |text: &str| text.chars().any(char::is_uppercase);
    let as_it_should_be = !upper(domain) && (!lower_local || !upper(local));
    if as_it_should_be {
        return Ok(Cow::Borrowed(written));
    }
    let local = if lower_local {
        local.to_lowercase()
    } else {
        local.to_owned()
    };
    Ok(Cow::Owned(format!("{local}@{}", domain.to_lowercase())))
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || (!character.is_ascii() && character.is_alphanumeric())
}

/// `atext` of RFC 5322 section 3.2.3.
fn is_atom(character: char) -> bool {
    is_letter(character) || "!#$%&'*+-/=?^_`{|}~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for (written, lower, expected) in [
            (
                "Ana.O'Brien+x@Example.COM",
                false,
                Some("Ana.O'Brien+x@example.com"),
            ),
            ("Ana@Example.com", true, Some("ana@example.com")),
            ("ana@example.com", true, Some("ana@example.com")),
            ("zoë@bücher.example", false, Some("zoë@bücher.example")),
            ("ana@localhost", false, Some("ana@localhost")),
            ("ana", false, None),
            ("@example.com", false, None),
            ("ana@", false, None),
            ("a b@example.com", false, None),
            ("a..b@example.com", false, None),
            (".a@example.com", false, None),
            ("a@-example.com", false, None),
            ("a@example..com", false, None),
            ("a@example.com.", false, None),
            ("a@b@example.com", false, None),
            ("a@example.com, b@example.com", false, None),
            ("<a@example.com>", false, None),
            ("a@[192.0.2.1]", false, None),
        ] {
            assert_eq!(
                address(written, lower).ok().as_deref(),
                expected,
                "{written}"
            );
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert!(address(&long, false).is_err());
    }
}
