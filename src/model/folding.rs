//! The form in which Active Directory holds two texts for one: without regard to case, width and non-spacing marks
//! ([MS-ADTS] 6.5: `NORM_IGNORECASE`, `NORM_IGNOREWIDTH`, `NORM_IGNORENONSPACE`).
//!
//! Only for recognising and for telling what is taken; never for deciding whether a value is the one wanted.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What one character becomes; nothing when it is a mark alone.
pub(crate) fn folded(c: char) -> impl Iterator<Item = char> {
    // Almost every character is ASCII and needs no tables.
    let (plain, other) = if c.is_ascii() {
        (Some(c.to_ascii_lowercase()), None)
    } else {
        (None, Some(c))
    };
    plain.into_iter().chain(
        other
            .into_iter()
            .nfkd()
            .filter(|c| !is_combining_mark(*c))
            .flat_map(char::to_lowercase),
    )
}

#[cfg(test)]
mod tests {
    fn fold(text: &str) -> String {
        text.chars().flat_map(super::folded).collect()
    }

    #[test]
    fn case_width_and_marks_do_not_count() {
        assert_eq!(fold("José GARCÍA"), "jose garcia");
        assert_eq!(fold("Jose\u{301}"), "jose");
        assert_eq!(fold("ＡＢＣ"), "abc");
        assert_eq!(fold("İ"), "i");
        // These are letters of their own.
        assert_eq!(fold("Łukasz Ørsted"), "łukasz ørsted");
    }
}
