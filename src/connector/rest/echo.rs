//! Finding our own credentials in what a server answers.
//!
//! A server, or a gateway before it, that repeats requests would otherwise have them read as people's data, planned
//! and stored. Knows nothing of HTTP. Invariants: an answer is searched in time linear in its size; what is found is
//! never shown; the spellings in which JSON, XML, forms and base64 write the same text are found as well; what cannot
//! be searched counts as found.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// Shorter ones are no secrets, and would be found everywhere.
const SHORTEST: usize = 4;
/// Shorter ones count only as a word of their own, so that `anna` is not found in `Johanna`.
const SHORTEST_WITHIN: usize = 8;
/// Longest name of an XML entity.
const LONGEST_ENTITY: usize = 10;

/// Looks for a set of secrets.
pub(super) enum Searcher {
    /// There is nothing to look for.
    Idle,
    Ready(AhoCorasick),
    /// It could not be built.
    Broken,
}

impl Searcher {
    pub(super) fn new(secrets: &[SecretString]) -> Self {
        let mut forms: Vec<String> = Vec::new();
        for secret in secrets {
            let plain = secret.expose_secret().trim();
            if plain.len() < SHORTEST {
                continue;
            }
            let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            forms.push(encoded.replace('+', "%20"));
            forms.push(encoded);
            forms.push(STANDARD_NO_PAD.encode(plain));
            forms.push(URL_SAFE_NO_PAD.encode(plain));
            forms.push(plain.to_owned());
        }
        if forms.is_empty() {
            return Self::Idle;
        }
        forms.sort_unstable();
        forms.dedup();
        AhoCorasick::new(&forms).map_or(Self::Broken, Self::Ready)
    }

    /// Whether any of them stands in a body.
    pub(super) fn finds_in(&self, body: &[u8]) -> bool {
        let automaton = match self {
            Self::Idle => return false,
            Self::Broken => return true,
            Self::Ready(automaton) => automaton,
        };
        if finds(automaton, body) {
            return true;
        }
        let mut plain = Cow::Borrowed(body);
        if plain.contains(&b'\\') {
            plain = Cow::Owned(without_escapes(&plain));
        }
        if plain.contains(&b'&') {
            plain = Cow::Owned(without_entities(&plain));
        }
        matches!(plain, Cow::Owned(_)) && finds(automaton, &plain)
    }
}

fn finds(automaton: &AhoCorasick, body: &[u8]) -> bool {
    let Ok(mut found) = automaton.try_find_overlapping_iter(body) else {
        return true;
    };
    found.any(|found| {
        let part_of_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = found.start().checked_sub(1).and_then(|at| body.get(at));
        found.len() >= SHORTEST_WITHIN
            || !part_of_word(before) && !part_of_word(body.get(found.end()))
    })
}

/// Undoes the escapes of JSON strings (RFC 8259 section 7). Of surrogates nothing is left: no secret has a form with
/// them that a header can carry.
fn without_escapes(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        match escape {
            b'u' => {
                let digits = rest
                    .get(..4)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                if let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                    push(&mut plain, code);
                    rest = rest.get(4..).unwrap_or_default();
                }
            }
            b'b' | b'f' | b'n' | b'r' | b't' => plain.push(b' '),
            other => plain.push(other),
        }
    }
    plain
}

/// Undoes the references of XML (section 4.1 and 4.6 of XML 1.0).
fn without_entities(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let name = (byte == b'&')
            .then(|| {
                rest.iter()
                    .take(LONGEST_ENTITY + 1)
                    .position(|byte| *byte == b';')
            })
            .flatten()
            .and_then(|end| Some((end, std::str::from_utf8(rest.get(..end)?).ok()?)));
        let code = name.and_then(|(end, name)| {
            let code = match name {
                "amp" => Some(u32::from(b'&')),
                "lt" => Some(u32::from(b'<')),
                "gt" => Some(u32::from(b'>')),
                "quot" => Some(u32::from(b'"')),
                "apos" => Some(u32::from(b'\'')),
                _ => match name.strip_prefix('#')? {
                    hex if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
                    digits => digits.parse().ok(),
                },
            };
            Some((end, code?))
        });
        match code {
            Some((end, code)) => {
                push(&mut plain, code);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
            None => plain.push(byte),
        }
    }
    plain
}

fn push(plain: &mut Vec<u8>, code: u32) {
    if let Some(character) = char::from_u32(code) {
        plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searcher(secrets: &[&str]) -> Searcher {
        let secrets: Vec<SecretString> = secrets
            .iter()
            .map(|secret| SecretString::from((*secret).to_owned()))
            .collect();
        Searcher::new(&secrets)
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let searcher = searcher(&["c4n&ry+s/cr\"t"]);
        for body in [
            r#"{"name":"Bearer c4n&ry+s/cr\"t"}"#,
            r#"{"name":"c4n\u0026ry\u002Bs\/cr\u0022t"}"#,
            "<name>c4n&amp;ry+s/cr&quot;t</name>",
            "<name>c4n&#38;ry&#x2B;s/cr&#34;t</name>",
            "a=c4n%26ry%2Bs%2Fcr%22t&b",
            r#"{"name":"YzRuJnJ5K3MvY3Iidw"}"#,
        ] {
            let found = searcher.finds_in(body.as_bytes());
            assert_eq!(found, !body.contains("Iidw"), "{body}");
        }
        assert!(searcher.finds_in(br#"{"name":"YzRuJnJ5K3MvY3IidA=="}"#));
    }

    #[test]
    fn people_are_not_taken_for_short_secrets() {
        let searcher = searcher(&["anna", "x", ""]);
        assert!(!searcher.finds_in(br#"[{"name":"Johanna","x":"x"}]"#));
        assert!(!searcher.finds_in(b""));
        assert!(searcher.finds_in(br#"[{"name":"Bearer anna"}]"#));
        assert!(!self::searcher(&[]).finds_in(b"anything"));
    }

    #[test]
    fn broken_escapes_end_nothing() {
        let searcher = searcher(&["c4naryc4nary"]);
        for body in [
            "\\",
            "\\u",
            "\\u12",
            "\\ud800",
            "&",
            "&#;",
            "&#x;",
            "&#xffffffff;",
            "&\u{e4}\u{e4};",
        ] {
            assert!(!searcher.finds_in(body.as_bytes()), "{body}");
            let body = format!("{body}\"c4naryc4nar\\u0079");
            assert!(searcher.finds_in(body.as_bytes()), "{body}");
        }
    }
}
