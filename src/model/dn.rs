//! Distinguished names (RFC 4514): read, written, compared.

use serde::{Deserialize, Deserializer, Serialize};

use super::folding::folded;

/// A syntactically valid distinguished name, in the spelling it came in.
///
/// Servers answer in another spelling than they were sent (`\2c` comes back as `\,`), so two spellings are compared
/// by [`Dn::key`], never as text. `Dn` itself therefore has no `PartialOrd`; `==` compares spellings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Dn(#[schemars(with = "String")] compact_str::CompactString);

/// A DN in the one form all its spellings share: types and values without regard to case, width and marks (see
/// [`folded`]), specials as `\xx`.
///
/// Only for comparing and looking up; never shown and never sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnKey(Box<str>);

/// The leftmost component of a DN, unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    /// Attribute type as written (`CN`).
    pub attribute: String,
    /// Value without escapes.
    pub value: String,
}

/// Why a text is not a distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnError {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// A component without `=`.
    #[error("component {component:?} has no '='")]
    NoEquals {
        /// The component as written.
        component: String,
    },
    /// The part before `=` is not an attribute type.
    #[error("{attribute:?} is not an attribute type")]
    BadType {
        /// The type as written.
        attribute: String,
    },
    /// A component with nothing after `=`.
    #[error("component {attribute}= has no value")]
    EmptyValue {
        /// The type as written.
        attribute: String,
    },
    /// A character that must be escaped stands bare, or an escape is broken.
    #[error("{what} in {component:?}; write it as \\{code}")]
    Unescaped {
        /// What stands there.
        what: String,
        /// The component as written.
        component: String,
        /// The two hex digits to write after a backslash.
        code: String,
    },
}

struct Component {
    attribute: String,
    value: String,
    /// Byte offset just past this component's separator in the text.
    end: usize,
    /// This component and the next form one multi-valued RDN.
    plus: bool,
    /// A separator stands behind it.
    separated: bool,
}

impl Dn {
    /// Checks a text against RFC 4514 section 3 and keeps it as written.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut rest = Parser { text, at: 0 };
        // At the beginning, and after each separator, a component must follow.
        let mut lacking = true;
        while let Some(component) = rest.next_component()? {
            lacking = component.separated;
        }
        if lacking {
            Err(DnError::Empty)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in a sentence.
    pub fn spoken(&self) -> String {
        super::spoken::dn(&self.0)
    }

    /// The form in which equal names are equal.
    pub fn key(&self) -> DnKey {
        if let Some(plain) = plain_key(&self.0) {
            return DnKey(plain);
        }
        let mut parser = Parser {
            text: &self.0,
            at: 0,
        };
        let mut key = String::with_capacity(self.0.len());
        let mut group: Vec<String> = Vec::new();
        while let Ok(Some(component)) = parser.next_component() {
            let mut part = component.attribute.to_ascii_lowercase();
            part.push('=');
            push_folded(&mut part, &component.value);
            let more = component.plus;
            group.push(part);
            if !more {
                group.sort();
                if !key.is_empty() {
                    key.push(',');
                }
                key.push_str(&group.join("+"));
                group.clear();
            }
        }
        DnKey(key.into_boxed_str())
    }

    /// The key of a text that should be a name, for looking it up: what is no name at all has no key or one that
    /// nothing has.
    pub fn key_of(text: &str) -> Option<DnKey> {
        plain_key(text)
            .map(DnKey)
            .or_else(|| Self::parse(text).ok().map(|dn| dn.key()))
    }

    /// The leftmost component; of a multi-valued one its first part.
    pub fn rdn(&self) -> Rdn {
        match (Parser {
            text: &self.0,
            at: 0,
        })
        .next_component()
        {
            Ok(Some(first)) => Rdn {
                attribute: first.attribute,
                value: first.value,
            },
            _ => Rdn {
                attribute: String::new(),
                value: String::new(),
            },
        }
    }

    /// The name of the object above, `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        let mut parser = Parser {
            text: &self.0,
            at: 0,
        };
        while let Ok(Some(component)) = parser.next_component() {
            if !component.plus {
                let rest = self.0[component.end..].trim_start_matches(' ');
                return (!rest.is_empty()).then(|| Self(rest.into()));
            }
        }
        None
    }

    /// The name of a child: `attribute=value` (escaped here) below this one.
    pub fn child(&self, attribute: &str, value: &str) -> Self {
        Self(format!("{attribute}={},{}", escape_value(value), self.0).into())
    }
}

impl DnKey {
    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when this is `base` itself or stands anywhere below it.
    pub fn is_at_or_under(&self, base: &Self) -> bool {
        match self.0.strip_suffix(&*base.0) {
            Some(above) => above.is_empty() || above.ends_with(','),
            None => false,
        }
    }

    /// The key of the parent, `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once(',').map(|(_, rest)| Self(rest.into()))
    }
}

impl std::fmt::Display for Dn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Dn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text)
            .map_err(|error| serde::de::Error::custom(format!("not a distinguished name: {error}")))
    }
}

/// Escapes an attribute value for use in a DN (RFC 4514 section 2.4), in the spelling Active Directory answers with.
pub(crate) fn escape_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 4);
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => {
                out.push('\\');
                out.push(c);
            }
            '#' if index == 0 => out.push_str("\\#"),
            ' ' if index == 0 || index == last => out.push_str("\\ "),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!("\\{byte:02X}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// The key of a name that has nothing to unescape, trim or sort: its text in lower case. Almost every name is such a
/// one, and a plan asks for the keys of all of them.
fn plain_key(text: &str) -> Option<Box<str>> {
    let mut previous = b',';
    let mut seen_equals = false;
    for &byte in text.as_bytes() {
        match byte {
            b'\\' | b'"' | b'+' | b';' => return None,
            b' ' if matches!(previous, b',' | b'=') => return None,
            b'=' if seen_equals || matches!(previous, b' ' | b',') => return None,
            b'=' => seen_equals = true,
            b',' if !seen_equals || matches!(previous, b' ' | b'=' | b',') => return None,
            b',' => seen_equals = false,
            _ => {}
        }
        previous = byte;
    }
    if !seen_equals || matches!(previous, b' ' | b'=') {
        return None;
    }
    if text.is_ascii() {
        return Some(text.to_ascii_lowercase().into_boxed_str());
    }
    let mut key = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            key.push(c.to_ascii_lowercase());
        } else {
            push_char(&mut key, c);
        }
    }
    Some(key.into_boxed_str())
}

fn push_folded(out: &mut String, value: &str) {
    for c in value.chars() {
        push_char(out, c);
    }
}

/// A character of a value. What folds to a special character (a wide comma) is one of the value, not of the name.
fn push_char(out: &mut String, c: char) {
    for c in folded(c) {
        if matches!(c, ',' | '+' | '\\' | '=') {
            out.push_str(&format!("\\{:02x}", c as u32));
        } else {
            out.push(c);
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn next_component(&mut self) -> Result<Option<Component>, DnError> {
        let rest = &self.text[self.at..];
        // Spaces may stand around a component; other white space is no part of a name (RFC 4514 section 3).
        if rest.trim_matches(' ').is_empty() {
            return Ok(None);
        }
        let Some(equals) = rest.find('=') else {
            return Err(DnError::NoEquals {
                component: rest.to_owned(),
            });
        };
        let attribute = rest[..equals].trim_matches(' ');
        if attribute.contains([',', ';', '+']) {
            let component = attribute.split([',', ';', '+']).next().unwrap_or_default();
            return Err(DnError::NoEquals {
                component: component.to_owned(),
            });
        }
        let is_oid = attribute.starts_with(|c: char| c.is_ascii_digit())
            && attribute.chars().all(|c| c.is_ascii_digit() || c == '.');
        let is_name = attribute.starts_with(|c: char| c.is_ascii_alphabetic())
            && attribute
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_oid && !is_name {
            return Err(DnError::BadType {
                attribute: attribute.to_owned(),
            });
        }
        let (value, used, separator) = read_value(&rest[equals + 1..], rest)?;
        if value.is_empty() {
            return Err(DnError::EmptyValue {
                attribute: attribute.to_owned(),
            });
        }
        let end = self.at + equals + 1 + used;
        self.at = end;
        Ok(Some(Component {
            attribute: attribute.to_owned(),
            value,
            end,
            plus: separator == Some('+'),
            separated: separator.is_some(),
        }))
    }
}

/// Reads one attribute value up to its separator; gives the value unescaped, the bytes used (separator included)
/// and the separator.
fn read_value(text: &str, component: &str) -> Result<(String, usize, Option<char>), DnError> {
    let unescaped = |what: &str, code: u32| DnError::Unescaped {
        what: what.to_owned(),
        component: component.chars().take(80).collect(),
        code: format!("{code:02x}"),
    };
    let lead = text.len() - text.trim_start_matches(' ').len();
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len().min(64));
    // Length of `bytes` up to the last character that may not be trimmed as trailing space.
    let mut solid = 0;
    let mut chars = text[lead..].char_indices();
    let mut quoted = false;
    while let Some((index, c)) = chars.next() {
        match c {
            '"' if index == 0 => quoted = true,
            '"' if quoted => {
                let rest = text[lead + index + 1..].trim_start_matches(' ');
                let used = text.len() - rest.len();
                let separator = rest.chars().next();
                if separator.is_some_and(|c| !matches!(c, ',' | ';' | '+')) {
                    return Err(unescaped("a bare quote", u32::from('"')));
                }
                let value = String::from_utf8_lossy(&bytes).into_owned();
                return Ok((value, used + separator.map_or(0, char::len_utf8), separator));
            }
            '\\' => {
                let Some((_, next)) = chars.next() else {
                    return Err(unescaped("a lone backslash", u32::from('\\')));
                };
                if let Some(high) = next.to_digit(16) {
                    let low = chars.next().and_then(|(_, c)| c.to_digit(16));
                    let Some(low) = low else {
                        return Err(unescaped("a lone backslash", u32::from('\\')));
                    };
                    bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                } else if next.is_ascii_punctuation() || next == ' ' {
                    bytes.push(u8::try_from(next).unwrap_or_default());
                } else {
                    return Err(unescaped("a lone backslash", u32::from('\\')));
                }
                solid = bytes.len();
            }
            ',' | ';' | '+' if !quoted => {
                bytes.truncate(solid);
                let value = String::from_utf8_lossy(&bytes).into_owned();
                return Ok((value, lead + index + 1, Some(c)));
            }
            '"' | '<' | '>' if !quoted => {
                return Err(unescaped(&format!("a bare {c:?}"), u32::from(c)));
            }
            '\0' => return Err(unescaped("a NUL character", 0)),
            c => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                if c != ' ' {
                    solid = bytes.len();
                }
            }
        }
    }
    if quoted {
        return Err(unescaped("an unclosed quote", u32::from('"')));
    }
    bytes.truncate(solid);
    Ok((
        String::from_utf8_lossy(&bytes).into_owned(),
        text.len(),
        None,
    ))
}

#[cfg(test)]
mod tests {
    use super::{Dn, DnError, escape_value};

    fn dn(text: &str) -> Dn {
        Dn::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Found by fuzzing: two spellings of a name had two keys, and a name could end in the middle.
    #[test]
    fn white_space_is_no_part_of_a_type_and_a_separator_needs_something_behind_it() {
        for text in [
            "\u{b}CN=x,DC=test",
            "CN\n=x",
            "CN=x,\nDC=test",
            "\u{a0}CN=x",
        ] {
            assert!(
                matches!(Dn::parse(text), Err(DnError::BadType { .. })),
                "{text:?}"
            );
        }
        for text in ["CN=x+", "CN=x,DC=test, ", "CN=x ;", "CN=\"a, b\"+ ", "  "] {
            assert_eq!(Dn::parse(text), Err(DnError::Empty), "{text:?}");
        }
        assert!(Dn::parse("CN=x\\,").is_ok() && Dn::parse("CN=x\\+").is_ok());
        assert_eq!(dn(" CN = x , DC=test ").key(), dn("cn=X,dc=TEST").key());
    }

    #[test]
    fn spellings_of_one_name_share_a_key() {
        let reference = dn(r"CN=Doe\, Jane,OU=People,DC=example,DC=test").key();
        for spelling in [
            r"cn=doe\2c jane,ou=people,dc=EXAMPLE,dc=test",
            r#"CN="Doe, Jane", OU=People, DC=example, DC=test"#,
            r"CN = Doe\2C Jane ;OU=People;DC=example;DC=test",
        ] {
            assert_eq!(dn(spelling).key(), reference, "{spelling}");
        }
        assert_ne!(
            dn(r"CN=Doe Jane,OU=People,DC=example,DC=test").key(),
            reference
        );
    }

    #[test]
    fn names_differ_by_more_than_case_width_and_marks() {
        let key = |text: &str| dn(text).key();
        assert_eq!(key("CN=José,DC=test"), key("cn=JOSE,dc=test"));
        assert_eq!(key(r"CN=a\,José,DC=test"), key("CN=a，Jose,DC=test"));
        assert_eq!(key("CN=a，b,DC=test").parent(), Some(key("DC=test")));
        assert_ne!(key("CN=Łukasz,DC=test"), key("CN=Lukasz,DC=test"));
    }

    #[test]
    fn child_parent_and_rdn_are_inverse_even_for_hostile_names() {
        let base = dn("OU=People,DC=example,DC=test");
        for name in [
            r#"O'Brien, Anne-Marie "Ann""#,
            "=cmd|'/c calc'!A0",
            "<script>alert(1)</script>",
            "{{ 7*7 }}",
            "Ðặng Thị Ánh",
            "Łukasz #1",
            "#lead",
            " both ",
            "a+b=c;d\\e",
            "tab\tnl\n",
        ] {
            let child = base.child("CN", name);
            let parsed = dn(child.as_str());
            assert_eq!(parsed.rdn().value, name);
            assert_eq!(parsed.parent().expect("a parent").key(), base.key());
            assert!(parsed.key().is_at_or_under(&base.key()));
            assert_eq!(parsed.key().parent(), Some(base.key()));
        }
    }

    #[test]
    fn under_respects_component_boundaries() {
        let people = dn("OU=People,DC=example,DC=test").key();
        assert!(
            dn("CN=a,OU=People,DC=example,DC=test")
                .key()
                .is_at_or_under(&people)
        );
        assert!(people.is_at_or_under(&people));
        assert!(
            !dn("OU=Other People,DC=example,DC=test")
                .key()
                .is_at_or_under(&people)
        );
        assert!(!dn("DC=example,DC=test").key().is_at_or_under(&people));
        // A comma inside a value is not a boundary.
        assert!(
            !dn(r"CN=x\,OU\=People,DC=example,DC=test")
                .key()
                .is_at_or_under(&people)
        );
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for bad in [
            "",
            "  ",
            "People",
            "OU=",
            "OU=a,",
            "1a=b",
            "OU=a,b",
            "CN=a\"b,DC=c",
            "CN=a\\",
            "CN=<x>",
            "=x",
        ] {
            assert!(Dn::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(matches!(
            Dn::parse("OU=a,,DC=b"),
            Err(DnError::NoEquals { .. })
        ));
        assert!(Dn::parse("1.2.840=x").is_ok());
        assert!(Dn::parse(r"OU=a\,").is_ok());
    }

    #[test]
    fn the_short_way_to_a_key_agrees_with_the_long_one() {
        for text in [
            "CN=Jane Doe,OU=People,DC=example,DC=test",
            "cn=Łukasz ĄŻ,ou=Ünits,dc=example,dc=test",
            "CN=a=b,DC=c",
            "CN= a,DC=c",
            "CN =a,DC=c",
            "CN=a ,DC=c",
            "CN=a, DC=c",
            "CN=a,DC=c ",
            r"CN=a\,b,DC=c",
            "CN=a+SN=b,DC=c",
            "CN=a;DC=c",
        ] {
            let whole = dn(text);
            // An escape for a plain letter changes nothing but the way taken.
            let detour = dn(&text.replacen("DC=", "DC=\\44C,DC=", 1)).key();
            let expected = detour.as_str().replacen("dc=dc,", "", 1);
            assert_eq!(whole.key().as_str(), expected, "{text}");
            assert_eq!(Dn::key_of(text), Some(whole.key()));
        }
    }

    #[test]
    fn escaping_is_minimal() {
        assert_eq!(escape_value("O'Brien (Sales) #1"), "O'Brien (Sales) #1");
        assert_eq!(escape_value("Doe, Jane"), r"Doe\, Jane");
    }
}
