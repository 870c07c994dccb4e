//! A recorded directory.

use std::io::{self, Write};

use compact_str::CompactString;
use rayon::prelude::*;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::lines::{describe, read_lines, split_header};
use super::{DIRECTORY_FORMAT, SnapshotError};
use crate::model::{
    AttributeDef, AttributeId, DeletionFacts, DirectoryHeader, DirectorySnapshot, Dn, Entry,
    EntryKind, Guid, Values,
};

/// Writes a directory as JSON Lines.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_directory(snapshot: &DirectorySnapshot, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &snapshot.header)?;
    out.write_all(b"\n")?;
    let names: Vec<Vec<u8>> = snapshot
        .header
        .attributes
        .iter()
        .map(|def| serde_json::to_vec(&def.name))
        .collect::<Result<_, _>>()?;
    for block in snapshot.objects.chunks(16_384) {
        let parts: Vec<Vec<u8>> = block
            .par_chunks(1024)
            .map(|entries| {
                let mut bytes = Vec::with_capacity(entries.len() * 512);
                for entry in entries {
                    write_entry(entry, &names, &mut bytes)?;
                }
                Ok(bytes)
            })
            .collect::<io::Result<_>>()?;
        for part in parts {
            out.write_all(&part)?;
        }
    }
    Ok(())
}

fn write_entry(entry: &Entry, names: &[Vec<u8>], out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "{{\"guid\":\"{}\",\"dn\":", entry.guid)?;
    serde_json::to_writer(&mut *out, entry.dn.as_str())?;
    out.extend_from_slice(b",\"kind\":");
    serde_json::to_writer(&mut *out, &entry.kind)?;
    out.extend_from_slice(b",\"attributes\":{");
    for (at, (id, values)) in entry.attributes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let name = names.get(usize::from(id.0)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("attribute {} of {} is not in the header", id.0, entry.dn),
            )
        })?;
        out.extend_from_slice(name);
        out.push(b':');
        match values {
            Values::One(value) => serde_json::to_writer(&mut *out, value.as_str())?,
            Values::Many(values) => serde_json::to_writer(&mut *out, values)?,
        }
    }
    out.push(b'}');
    if let Some(facts) = &entry.deletion {
        out.extend_from_slice(b",\"deletion\":");
        serde_json::to_writer(&mut *out, facts)?;
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// Reads what [`write_directory`] wrote.
///
/// # Errors
/// The first line that is not as the writer would have written it.
pub fn read_directory(bytes: &[u8]) -> Result<DirectorySnapshot, SnapshotError> {
    let (line, body) = split_header(bytes)?;
    let header: DirectoryHeader = serde_json::from_str(line).map_err(|error| SnapshotError {
        line: 1,
        message: describe(&error),
    })?;
    let in_header = |message: String| SnapshotError { line: 1, message };
    if header.format != DIRECTORY_FORMAT {
        return Err(in_header(format!(
            "the format is {:?}, not {DIRECTORY_FORMAT:?}",
            header.format
        )));
    }
    if header.attributes.len() > usize::from(u16::MAX) {
        return Err(in_header(
            "more attributes than can be told apart".to_owned(),
        ));
    }
    let mut names: Vec<String> = header
        .attributes
        .iter()
        .map(|def| def.name.to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(in_header(format!("attribute {} is defined twice", pair[0])));
    }
    let objects = read_lines(body, EntrySeed(&header.attributes))?;
    for (at, pair) in objects.windows(2).enumerate() {
        if let [one, next] = pair
            && one.guid >= next.guid
        {
            return Err(SnapshotError {
                line: at + 3,
                message: format!(
                    "object {} stands after object {}; GUIDs must rise",
                    next.guid, one.guid
                ),
            });
        }
    }
    Ok(DirectorySnapshot { header, objects })
}

#[derive(Clone, Copy)]
struct EntrySeed<'a>(&'a [AttributeDef]);

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Member {
    Guid,
    Dn,
    Kind,
    Attributes,
    Deletion,
}

type Attributes = Box<[(AttributeId, Values)]>;

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Entry;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a directory object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let (mut guid, mut dn, mut kind, mut attributes) = (None, None, None, None);
        let mut deletion = None;
        while let Some(member) = map.next_key::<Member>()? {
            match member {
                Member::Guid if guid.is_none() => guid = Some(map.next_value::<Guid>()?),
                Member::Dn if dn.is_none() => dn = Some(map.next_value::<Dn>()?),
                Member::Kind if kind.is_none() => kind = Some(map.next_value::<EntryKind>()?),
                Member::Attributes if attributes.is_none() => {
                    attributes = Some(map.next_value_seed(AttributesSeed(self.0))?);
                }
                Member::Deletion if deletion.is_none() => {
                    deletion = Some(Box::new(map.next_value::<DeletionFacts>()?));
                }
                _ => return Err(A::Error::custom("a member stands twice")),
            }
        }
        Ok(Entry {
            guid: guid.ok_or_else(|| A::Error::missing_field("guid"))?,
            dn: dn.ok_or_else(|| A::Error::missing_field("dn"))?,
            kind: kind.ok_or_else(|| A::Error::missing_field("kind"))?,
            attributes: attributes.ok_or_else(|| A::Error::missing_field("attributes"))?,
            deletion,
        })
    }
}

struct AttributesSeed<'a>(&'a [AttributeDef]);

impl<'de> DeserializeSeed<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attributes, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed<'_> {
    type Value = Attributes;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Vec::with_capacity(self.0.len());
        let mut next = 0;
        while let Some(at) = map.next_key_seed(NameSeed {
            names: self.0,
            from: next,
        })? {
            let id = u16::try_from(at).map_err(|_| A::Error::custom("too many attributes"))?;
            attributes.push((AttributeId(id), map.next_value_seed(ValuesSeed)?));
            next = at + 1;
        }
        Ok(attributes.into_boxed_slice())
    }
}

/// Finds an attribute's id at or after `from`; attributes are written in the header's order.
struct NameSeed<'a> {
    names: &'a [AttributeDef],
    from: usize,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an attribute name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        let later = self.names[self.from..]
            .iter()
            .position(|def| def.name == name);
        match later {
            Some(at) => Ok(self.from + at),
            None if self.names.iter().any(|def| def.name == name) => Err(E::custom(format!(
                "attribute {name:?} stands twice or out of the header's order"
            ))),
            None => Err(E::custom(format!(
                "attribute {name:?} is not in the header"
            ))),
        }
    }
}

struct ValuesSeed;

impl<'de> DeserializeSeed<'de> for ValuesSeed {
    type Value = Values;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Values, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValuesSeed {
    type Value = Values;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Values, E> {
        Ok(Values::One(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Values, A::Error> {
        let mut values: Vec<CompactString> = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        if values.len() < 2 {
            return Err(A::Error::custom("a list has fewer than two values"));
        }
        Ok(Values::Many(values.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Completeness, DirectoryIdentity, Name, Syntax, Verdict};

    fn sample() -> DirectorySnapshot {
        let def = |name: &str, syntax, single_valued| AttributeDef {
            name: name.to_owned(),
            syntax,
            single_valued,
            range_lower: None,
            range_upper: Some(64),
            read_only: false,
        };
        let guid = |last: u8| Guid::from_wire(&[0, 0, 0, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let dn = |text: &str| Dn::parse(text).unwrap();
        DirectorySnapshot {
            header: DirectoryHeader {
                format: DIRECTORY_FORMAT.to_owned(),
                target: Name::new("corp"),
                identity: DirectoryIdentity {
                    domain_guid: guid(1).unwrap(),
                    domain_sid: "S-1-5-21-1-2-3".to_owned(),
                    naming_context: dn("DC=example,DC=test"),
                    domain_controller: "dc1.example.test".to_owned(),
                },
                read_at: "2026-11-23T10:00:00Z".parse().unwrap(),
                attributes: vec![
                    def("mail", Syntax::Text, true),
                    def("member", Syntax::Dn, false),
                ],
                unknown_attributes: vec!["extensionAttribute1".to_owned()],
                not_in_catalog: Vec::new(),
                bound_as: None,
                deleted_objects: None,
                completeness: Completeness {
                    pages: 1,
                    rows: 2,
                    distinct: 2,
                    claimed_total: None,
                    reads: 1,
                    verdict: Verdict::Proven,
                },
            },
            objects: vec![
                Entry {
                    guid: guid(2).unwrap(),
                    dn: dn(r"CN=Doe\, Jane,DC=example,DC=test"),
                    kind: EntryKind::User,
                    attributes: Box::new([(AttributeId(0), Values::One("x@example.test".into()))]),
                    deletion: Some(Box::new(DeletionFacts {
                        control_changed: Some("2026-10-01T08:00:00Z".parse().unwrap()),
                        protected: Some(false),
                        password_changed: None,
                        last_written: None,
                    })),
                },
                Entry {
                    guid: guid(3).unwrap(),
                    dn: dn("CN=Staff,DC=example,DC=test"),
                    kind: EntryKind::Group,
                    attributes: Box::new([(
                        AttributeId(1),
                        Values::Many(Box::new(["CN=a,DC=b".into(), "CN=c,DC=b".into()])),
                    )]),
                    deletion: None,
                },
            ],
        }
    }

    fn written(snapshot: &DirectorySnapshot) -> String {
        let mut bytes = Vec::new();
        write_directory(snapshot, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let snapshot = sample();
        let text = written(&snapshot);
        let read = read_directory(text.as_bytes()).unwrap();
        assert_eq!(read, snapshot);
        assert_eq!(written(&read), text);
    }

    #[test]
    fn every_liberty_is_refused_with_its_line() {
        let good = written(&sample());
        for (from, to, line, message) in [
            ("/directory/v1", "/directory/v9", 1, "format"),
            ("\"name\":\"member\"", "\"name\":\"Mail\"", 1, "twice"),
            ("{\"mail\":", "{\"Mail\":", 2, "not in the header"),
            ("\"kind\":\"user\"", "\"kind\":\"robot\"", 2, "robot"),
            ("CN=Doe", "Doe", 2, "distinguished name"),
            ("03000000-", "02000000-", 3, "must rise"),
            (",\"CN=c,DC=b\"]", "]", 3, "fewer than two"),
            ("\"kind\":\"group\",", "", 3, "missing field"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            let error = read_directory(bad.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{to}: {error}");
            assert!(error.message.contains(message), "{to}: {error}");
        }
    }
}
