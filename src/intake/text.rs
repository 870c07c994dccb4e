//! Text without what is not part of it: entities, control characters, odd white space, other spellings of the same
//! characters.
//!
//! Every step but the decoding of entities gives the same again when taken twice; that one is taken once, so that what
//! was meant literally stays.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::config::kinds::{Controls, Whitespace};

/// How texts are cleaned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cleaning {
    /// HTML entities are decoded.
    pub(super) entities: bool,
    pub(super) whitespace: Whitespace,
    pub(super) controls: Controls,
}

impl Cleaning {
    /// The text as facts hold it: trimmed, in NFC, and cleaned as declared.
    pub(super) fn text<'a>(&self, raw: &'a str) -> Cow<'a, str> {
        let mut text = if self.entities {
            entities(raw)
        } else {
            Cow::Borrowed(raw)
        };
        if self.controls != Controls::Keep && text.chars().any(is_unseen) {
            text = Cow::Owned(without_controls(&text, self.controls));
        }
        if self.whitespace == Whitespace::Collapse && !is_collapsed(&text) {
            text = Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        if is_nfc_quick(text.chars()) != IsNormalized::Yes {
            text = Cow::Owned(text.nfc().collect());
        }
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => match text.trim() {
                trimmed if trimmed.len() == text.len() => Cow::Owned(text),
                trimmed => Cow::Owned(trimmed.to_owned()),
            },
        }
    }
}

/// Control characters, and those that show nothing and only move or reverse what stands beside them. The joiners of
/// Indic and Arabic scripts are letters' companions and stay.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

fn without_controls(text: &str, controls: Controls) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut pending = false;
    for character in text.chars() {
        if !is_unseen(character) {
            if std::mem::take(&mut pending) {
                cleaned.push(' ');
            }
            cleaned.push(character);
        } else if character.is_control() && controls == Controls::Space {
            pending = true;
        }
    }
    cleaned
}

/// Whether all white space is single spaces between words.
fn is_collapsed(text: &str) -> bool {
    let mut space = true;
    for character in text.chars() {
        if character.is_whitespace() {
            if space || character != ' ' {
                return false;
            }
            space = true;
        } else {
            space = false;
        }
    }
    !space || text.is_empty()
}

/// Decodes entities: those HTML names, and numbers. An ampersand that begins none of them is an ampersand.
fn entities(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest, `&CounterClockwiseContourIntegral;`, has 33 characters.
        let end = rest.bytes().take(34).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, meaning(&rest[..=end])?))) {
            Some((end, meaning)) => {
                decoded.push_str(&meaning);
                rest = &rest[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// What one entity stands for, from its ampersand to its semicolon.
fn meaning(entity: &str) -> Option<Cow<'_, str>> {
    let name = &entity[1..entity.len() - 1];
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        // A coded control character stays what it was written as.
        let character = char::from_u32(code).filter(|c| !c.is_control())?;
        return Some(Cow::Owned(character.to_string()));
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let decoded = html_escape::decode_html_entities(entity);
    let control = decoded.chars().any(char::is_control);
    (decoded != entity && !control).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<Cleaning> {
        let mut all = Vec::new();
        for entities in [false, true] {
            for whitespace in [Whitespace::Keep, Whitespace::Collapse] {
                for controls in [Controls::Keep, Controls::Remove, Controls::Space] {
                    all.push(Cleaning {
                        entities,
                        whitespace,
                        controls,
                    });
                }
            }
        }
        all
    }

    #[test]
    fn each_step_does_what_it_says() {
        let clean = |entities, whitespace, controls, raw| {
            Cleaning {
                entities,
                whitespace,
                controls,
            }
            .text(raw)
            .into_owned()
        };
        let (keep, space, remove) = (Controls::Keep, Controls::Space, Controls::Remove);
        let (as_is, collapse) = (Whitespace::Keep, Whitespace::Collapse);
        for (entities, whitespace, controls, raw, expected) in [
            (
                true,
                as_is,
                keep,
                "caf&eacute; &CounterClockwiseContourIntegral;",
                "café ∳",
            ),
            (true, as_is, keep, "&Tab;x&NewLine;y", "&Tab;x&NewLine;y"),
            (false, as_is, keep, "caf&eacute;", "caf&eacute;"),
            (false, as_is, keep, "a\tb", "a\tb"),
            (false, as_is, space, "a\r\n\tb\u{200b}c\n", "a bc"),
            (false, as_is, remove, "a\nb\u{202e}c\u{feff}", "abc"),
            // Joiners are part of words.
            (
                false,
                as_is,
                remove,
                "\u{915}\u{94d}\u{200d}\u{937}",
                "\u{915}\u{94d}\u{200d}\u{937}",
            ),
            (false, collapse, keep, " a \u{a0}  b\n\tc ", "a b c"),
            (false, as_is, keep, " a  b ", "a  b"),
            (false, as_is, remove, "e\u{200b}\u{301}", "é"),
        ] {
            assert_eq!(
                clean(entities, whitespace, controls, raw),
                expected,
                "{raw:?}"
            );
        }
    }

    proptest! {
        /// Cleaning twice is cleaning once. Decoding entities is the exception by its nature: what it gives may look
        /// like one.
        #[test]
        fn twice_is_once(raw in "(\\PC|[\u{0}-\u{a0}\u{ad}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{feff}\u{300}-\u{31f}]|&#?[a-zA-Z0-9]{1,6};| ){0,24}") {
            for cleaning in all() {
                let once = cleaning.text(&raw).into_owned();
                prop_assert_eq!(once.trim(), once.as_str());
                prop_assert!(unicode_normalization::is_nfc(&once));
                if !cleaning.entities || !once.contains('&') {
                    prop_assert_eq!(cleaning.text(&once), once.as_str(), "{:?}", cleaning);
                }
            }
        }
    }
}
