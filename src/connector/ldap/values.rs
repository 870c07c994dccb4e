//! Attribute values between their bytes on the wire and the text the model holds.
//!
//! Must not know requests or connections. Keeps: octets are base64 and everything else is the server's text, by the
//! schema's syntax and not by what the bytes happen to look like.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;

use super::wire::RawEntry;
use crate::model::{AttributeDef, AttributeId, Dn, Entry, EntryKind, Guid, Syntax, Values};

/// The text of a value.
pub(super) fn to_text(syntax: Syntax, bytes: &[u8]) -> CompactString {
    match syntax {
        Syntax::Octets => STANDARD.encode(bytes).into(),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => String::from_utf8_lossy(bytes).into(),
        },
    }
}

/// The bytes of a value, `None` when an octet string is not base64.
pub(super) fn to_bytes(syntax: Syntax, text: &str) -> Option<Vec<u8>> {
    match syntax {
        Syntax::Octets => STANDARD.decode(text).ok(),
        _ => Some(text.as_bytes().to_vec()),
    }
}

/// A SID as text, `S-1-…` ([MS-DTYP] 2.4.2), `None` when the bytes are not one.
pub(super) fn sid(bytes: &[u8]) -> Option<String> {
    let (&[revision, count], rest) = bytes.split_first_chunk::<2>()?;
    let (authority, rest) = rest.split_first_chunk::<6>()?;
    if revision != 1 || rest.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let mut text = format!("S-{revision}-{authority}");
    for part in rest.chunks_exact(4) {
        let part = part
            .iter()
            .rev()
            .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        text.push_str(&format!("-{part}"));
    }
    Some(text)
}

/// `member;range=0-1499`: the attribute, and where the next part begins (`None` when this is the last).
pub(super) fn ranged(name: &[u8]) -> Option<(&[u8], u64, Option<u64>)> {
    let text = std::str::from_utf8(name).ok()?;
    let (attribute, options) = text.split_once(';')?;
    let range = options.split(';').find_map(|option| {
        let (key, value) = option.split_once('=')?;
        key.eq_ignore_ascii_case("range").then_some(value)
    })?;
    let (first, last) = range.split_once('-')?;
    let first = first.parse().ok()?;
    let next = match last {
        "*" => None,
        last => Some(last.parse::<u64>().ok()?.checked_add(1)?),
    };
    Some((attribute.as_bytes(), first, next))
}

/// The rest of a long attribute that came in parts ([MS-ADTS] 3.1.1.3.1.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) guid: Guid,
    pub(super) attribute: AttributeId,
    /// Index of the first value still missing.
    pub(super) from: u64,
}

/// Turns raw entries into the model's, one read's attributes at a time.
#[derive(Debug)]
pub(super) struct Converter<'a> {
    definitions: &'a [AttributeDef],
    /// The server spells a name the same way every time; `None` for one that was not asked for.
    known: HashMap<Vec<u8>, Option<AttributeId>>,
    /// What could not be taken over; each holds the proof of completeness back.
    pub(super) problems: Vec<String>,
    pub(super) rest: Vec<Rest>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(definitions: &'a [AttributeDef]) -> Self {
        Self {
            definitions,
            known: HashMap::new(),
            problems: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// The entry in the model's form. `None` and a problem noted when it has no identity or no readable name.
    ///
    /// That we may see an object's name and nothing of it (policies below `CN=System`) is no problem as long as it is
    /// neither a user nor a group: an add that meets it is refused by the server.
    pub(super) fn entry(&mut self, raw: RawEntry, kind: EntryKind) -> Option<Entry> {
        let Some(guid) = raw
            .values("objectGUID")
            .first()
            .and_then(|bytes| Guid::from_wire(bytes))
        else {
            if matches!(kind, EntryKind::User | EntryKind::Group) {
                let name = super::wire::shown(&raw.dn);
                self.problem(format!("{name} came without objectGUID"));
            }
            return None;
        };
        let dn = match Dn::parse(&raw.dn) {
            Ok(dn) => dn,
            Err(error) => {
                self.problem(format!("the name of object {guid} cannot be read: {error}"));
                return None;
            }
        };
        let mut attributes: Vec<(AttributeId, Values)> = Vec::with_capacity(raw.attributes.len());
        for (name, values) in raw.attributes {
            let (id, next) = match ranged(&name) {
                Some((attribute, 0, next)) => (self.id(attribute), next),
                Some(_) => {
                    self.problem(format!("{guid} came with the middle of a long attribute"));
                    continue;
                }
                None => (self.id(&name), None),
            };
            let Some(id) = id else { continue };
            if let Some(from) = next {
                self.rest.push(Rest {
                    guid,
                    attribute: id,
                    from,
                });
            }
            // Next to `member;range=…` comes an empty `member`, which says nothing.
            if let Some(values) = self.values(id, &values) {
                attributes.push((id, values));
            }
        }
        attributes.sort_unstable_by_key(|(id, _)| *id);
        attributes.dedup_by_key(|(id, _)| *id);
        Some(Entry {
            guid,
            dn,
            kind,
            attributes: attributes.into_boxed_slice(),
            deletion: None,
        })
    }

    fn values(&self, id: AttributeId, values: &[Vec<u8>]) -> Option<Values> {
        let syntax = self.definitions[usize::from(id.0)].syntax;
        match values {
            [] => None,
            [one] => Some(Values::One(to_text(syntax, one))),
            many => Some(Values::Many(
                many.iter().map(|value| to_text(syntax, value)).collect(),
            )),
        }
    }

    fn id(&mut self, name: &[u8]) -> Option<AttributeId> {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let id = self
            .definitions
            .iter()
            .position(|def| def.name.as_bytes().eq_ignore_ascii_case(name))
            .and_then(|at| u16::try_from(at).ok())
            .map(AttributeId);
        self.known.insert(name.to_vec(), id);
        id
    }

    /// Notes a problem; after twenty nobody reads on.
    fn problem(&mut self, text: String) {
        if self.problems.len() < 20 {
            self.problems.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Converter, Rest, ranged, sid, to_bytes, to_text};
    use crate::connector::ldap::wire::RawEntry;
    use crate::model::{AttributeDef, AttributeId, EntryKind, Guid, Syntax, default_schema};

    #[test]
    fn a_sid_is_read() {
        let bytes = [
            1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0,
            0xf4, 1, 0, 0,
        ];
        assert_eq!(sid(&bytes).as_deref(), Some("S-1-5-21-1-4294967295-3-500"));
        assert_eq!(sid(&bytes[..27]), None);
        assert_eq!(sid(&[]), None);
        assert_eq!(sid(&[2, 0, 0, 0, 0, 0, 0, 5]), None);
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(
            ranged(b"member;range=0-1499"),
            Some((&b"member"[..], 0, Some(1500)))
        );
        assert_eq!(
            ranged(b"member;Range=1500-*"),
            Some((&b"member"[..], 1500, None))
        );
        assert_eq!(ranged(b"member"), None);
        assert_eq!(ranged(b"userCertificate;binary"), None);
        assert_eq!(ranged(b"member;range=x-*"), None);
    }

    #[test]
    fn octets_are_base64_even_when_they_look_like_text() {
        assert_eq!(to_text(Syntax::Octets, b"hello"), "aGVsbG8=");
        assert_eq!(
            to_bytes(Syntax::Octets, "aGVsbG8="),
            Some(b"hello".to_vec())
        );
        assert_eq!(to_bytes(Syntax::Octets, "not base64!"), None);
        assert_eq!(to_text(Syntax::Text, "Łukasz".as_bytes()), "Łukasz");
        assert_eq!(to_text(Syntax::Text, &[0xff]), "\u{fffd}");
    }

    fn definitions(names: &[&str]) -> Vec<AttributeDef> {
        let schema = default_schema();
        names
            .iter()
            .map(|name| schema.get(name).expect("known").clone())
            .collect()
    }

    fn raw(dn: &str, attributes: &[(&str, &[&[u8]])]) -> RawEntry {
        RawEntry {
            dn: dn.to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, values)| {
                    let values = values.iter().map(|value| value.to_vec()).collect();
                    (name.as_bytes().to_vec(), values)
                })
                .collect(),
        }
    }

    #[test]
    fn an_entry_has_what_was_asked_for_sorted_by_id() {
        let definitions = definitions(&["cn", "member", "thumbnailPhoto"]);
        let mut converter = Converter::new(&definitions);
        let guid = Guid::parse("00112233-4455-6677-8899-aabbccddeeff").expect("a guid");
        let entry = converter
            .entry(
                raw(
                    "CN=g,DC=example,DC=test",
                    &[
                        ("thumbnailPhoto", &[b"abc"]),
                        ("objectGUID", &[&guid.to_wire()]),
                        ("member", &[]),
                        ("member;range=0-1", &[b"CN=a", b"CN=b"]),
                        ("CN", &[b"g"]),
                        ("other", &[b"x"]),
                    ],
                ),
                EntryKind::Group,
            )
            .expect("an entry");
        assert_eq!(entry.guid, guid);
        assert_eq!(entry.value(AttributeId(0)), Some("g"));
        assert_eq!(entry.values(AttributeId(1)), ["CN=a", "CN=b"]);
        assert_eq!(entry.value(AttributeId(2)), Some("YWJj"));
        assert_eq!(entry.attributes.len(), 3);
        assert_eq!(
            converter.rest,
            [Rest {
                guid,
                attribute: AttributeId(1),
                from: 2
            }]
        );
        assert!(converter.problems.is_empty());
    }

    #[test]
    fn what_cannot_be_taken_over_is_noted() {
        let definitions = definitions(&["cn"]);
        let mut converter = Converter::new(&definitions);
        assert!(converter.entry(raw("CN=a", &[]), EntryKind::User).is_none());
        let bad_name = raw("no name", &[("objectGUID", &[&[7; 16]])]);
        assert!(converter.entry(bad_name, EntryKind::User).is_none());
        assert_eq!(converter.problems.len(), 2);
        assert!(
            converter
                .entry(raw("CN=a", &[]), EntryKind::Other)
                .is_none()
        );
        assert_eq!(converter.problems.len(), 2);
        for _ in 0..100 {
            assert!(converter.entry(raw("CN=a", &[]), EntryKind::User).is_none());
        }
        assert_eq!(converter.problems.len(), 20);
    }
}
