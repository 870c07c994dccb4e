//! From a byte of a scalar's value back to the byte of the file it came from.
//!
//! A value differs from what is written: quotes, escapes, folded lines, indentation. Every character that is not
//! white space survives all of these one to one, so value and writing are walked side by side.

/// For each byte of `value` (and its end) the byte of `written` it came from. `None` when the two do not match, for
/// example because the value came through an alias.
pub(super) fn origins(written: &str, value: &str) -> Option<Vec<usize>> {
    // Plain and block scalars keep their characters; a quoted one does not fit its own quotes.
    align(plain(written), written.len(), value).or_else(|| {
        let inner = written.len().checked_sub(1)?;
        match written.as_bytes().first()? {
            b'\'' if written.ends_with('\'') => align(single(written, inner), inner, value),
            b'"' if written.ends_with('"') => align(double(written, inner)?, inner, value),
            _ => None,
        }
    })
}

/// A character as meant, where it stands, and whether it was written as an escape.
struct Token {
    at: usize,
    character: char,
    escaped: bool,
}

fn plain(written: &str) -> Vec<Token> {
    written
        .char_indices()
        .map(|(at, character)| Token {
            at,
            character,
            escaped: false,
        })
        .collect()
}

fn single(written: &str, end: usize) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = written[..end].char_indices().skip(1).peekable();
    while let Some((at, character)) = rest.next() {
        if character == '\'' {
            rest.next_if(|(_, next)| *next == '\'');
        }
        tokens.push(Token {
            at,
            character,
            escaped: false,
        });
    }
    tokens
}

/// Escapes of YAML 1.2.2 section 5.7.
fn double(written: &str, end: usize) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = written[..end].char_indices().skip(1).peekable();
    while let Some((at, character)) = rest.next() {
        if character != '\\' {
            tokens.push(Token {
                at,
                character,
                escaped: false,
            });
            continue;
        }
        let (_, escape) = rest.next()?;
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let character = match escape {
            'x' | 'u' | 'U' => {
                let mut code = 0u32;
                for _ in 0..digits {
                    code = code
                        .checked_mul(16)?
                        .checked_add(rest.next()?.1.to_digit(16)?)?;
                }
                // Half of a surrogate pair is left for its other half.
                char::from_u32(code)?
            }
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            '\r' | '\n' => {
                while rest.next_if(|(_, next)| next.is_whitespace()).is_some() {}
                continue;
            }
            other => other,
        };
        tokens.push(Token {
            at,
            character,
            escaped: true,
        });
    }
    Some(tokens)
}

fn align(tokens: Vec<Token>, end: usize, value: &str) -> Option<Vec<usize>> {
    let mut origins = Vec::with_capacity(value.len() + 1);
    let mut tokens = tokens.into_iter().peekable();
    for character in value.chars() {
        // Folded and indented white space has no counterpart in the value.
        while tokens
            .next_if(|token| {
                token.character != character && token.character.is_whitespace() && !token.escaped
            })
            .is_some()
        {}
        let at = match tokens.peek() {
            Some(token) if token.character == character => {
                let at = token.at;
                tokens.next();
                at
            }
            // White space in the value that a folded line break stands for.
            Some(token) if character.is_whitespace() => token.at,
            None if character.is_whitespace() => end,
            _ => return None,
        };
        origins.extend(std::iter::repeat_n(at, character.len_utf8()));
    }
    if tokens.any(|token| token.escaped || !token.character.is_whitespace()) {
        return None;
    }
    origins.push(end);
    // The end of the value is the end of its last character, not of the white space after it.
    Some(origins)
}

#[cfg(test)]
mod tests {
    use super::origins;

    /// The character of `written` that the first `what` in `value` came from.
    fn found(written: &str, value: &str, what: &str) -> usize {
        let at = value.find(what).unwrap();
        origins(written, value).unwrap()[at]
    }

    #[test]
    fn every_style_leads_back_to_its_characters() {
        for (written, value) in [
            ("{{ person.x }}", "{{ person.x }}"),
            ("'it''s {{ person.x }}'", "it's {{ person.x }}"),
            (r#""t\u00e9\n {{ person.x }}""#, "té\n {{ person.x }}"),
            ("one\n  two {{ person.x }}\n", "one two {{ person.x }}"),
            (
                "one\n  two\n\n  {{ person.x }}\n",
                "one\ntwo\n\n{{ person.x }}\n",
            ),
            ("\"a\\\n   b {{ person.x }}\"", "ab {{ person.x }}"),
            (
                "\"quoted\" in a block {{ person.x }}\n",
                "\"quoted\" in a block {{ person.x }}\n",
            ),
            ("''''", "'"),
        ] {
            let origins = origins(written, value).unwrap_or_else(|| panic!("{written:?}"));
            assert_eq!(origins.len(), value.len() + 1);
            if value.contains("person") {
                assert_eq!(
                    found(written, value, "person"),
                    written.find("person").unwrap()
                );
            }
        }
        assert_eq!(found(r#""a\tb""#, "a\tb", "\t"), 2);
    }

    #[test]
    fn a_value_from_elsewhere_has_no_origin() {
        assert_eq!(origins("*alias", "something else"), None);
        assert_eq!(origins("", "x"), None);
        assert_eq!(origins("abc", "ab"), None);
    }
}
