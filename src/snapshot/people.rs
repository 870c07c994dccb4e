//! Recorded people.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compact_str::CompactString;
use rayon::prelude::*;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::lines::{describe, read_lines, split_header};
use super::{PEOPLE_FORMAT, SnapshotError};
use crate::model::{
    Fact, FactType, Fault, Field, FieldIndex, JoinHold, PeopleHeader, PeopleSnapshot, Person,
    PersonKey,
};

/// Writes people as JSON Lines.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_people(snapshot: &PeopleSnapshot, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &snapshot.header)?;
    out.write_all(b"\n")?;
    let names: Vec<Vec<u8>> = snapshot
        .header
        .fields
        .iter()
        .map(|field| serde_json::to_vec(field.name.as_str()))
        .collect::<Result<_, _>>()?;
    for block in snapshot.people.chunks(16_384) {
        let parts: Vec<Vec<u8>> = block
            .par_chunks(1024)
            .map(|people| {
                let mut bytes = Vec::with_capacity(people.len() * 512);
                for person in people {
                    write_person(person, &names, &mut bytes)?;
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

fn write_person(person: &Person, names: &[Vec<u8>], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(b"{\"key\":");
    serde_json::to_writer(&mut *out, person.key.as_str())?;
    if !person.in_scope {
        out.extend_from_slice(b",\"outOfScope\":true");
    }
    out.extend_from_slice(b",\"facts\":{");
    let mut first = true;
    for (name, fact) in names.iter().zip(&person.facts) {
        let Some(fact) = fact else { continue };
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(name);
        out.push(b':');
        match fact {
            Fact::Text(text) => serde_json::to_writer(&mut *out, text.as_str())?,
            Fact::Integer(number) => write!(out, "{number}")?,
            Fact::Boolean(flag) => write!(out, "{flag}")?,
            Fact::Date(date) => write!(out, "\"{date}\"")?,
            Fact::DateTime(moment) => write!(out, "\"{moment}\"")?,
            Fact::List(items) => serde_json::to_writer(&mut *out, items)?,
            // Base64 needs no escaping.
            Fact::Binary(_) => write!(out, "\"{fact}\"")?,
        }
    }
    out.push(b'}');
    for (at, fault) in person.faults.iter().enumerate() {
        let Some(name) = names.get(usize::from(fault.field.0)) else {
            continue;
        };
        out.extend_from_slice(if at == 0 { b",\"faults\":{" } else { b"," });
        out.extend_from_slice(name);
        out.push(b':');
        serde_json::to_writer(&mut *out, &fault.reason)?;
    }
    if !person.faults.is_empty() {
        out.push(b'}');
    }
    if !person.held.is_empty() {
        out.extend_from_slice(b",\"held\":");
        serde_json::to_writer(&mut *out, &person.held)?;
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// Reads what [`write_people`] wrote.
///
/// # Errors
/// The first line that is not as the writer would have written it.
pub fn read_people(bytes: &[u8]) -> Result<PeopleSnapshot, SnapshotError> {
    let (line, body) = split_header(bytes)?;
    let header: PeopleHeader = serde_json::from_str(line).map_err(|error| SnapshotError {
        line: 1,
        message: describe(&error),
    })?;
    let in_header = |message: String| SnapshotError { line: 1, message };
    if header.format != PEOPLE_FORMAT {
        return Err(in_header(format!(
            "the format is {:?}, not {PEOPLE_FORMAT:?}",
            header.format
        )));
    }
    for (at, field) in header.fields.iter().enumerate() {
        if header.fields[..at].iter().any(|one| one.name == field.name) {
            return Err(in_header(format!("field {} is declared twice", field.name)));
        }
    }
    let people = read_lines(body, PersonSeed(&header.fields))?;
    for (at, pair) in people.windows(2).enumerate() {
        if let [one, next] = pair
            && one.key.natural_cmp(&next.key).is_ge()
        {
            return Err(SnapshotError {
                line: at + 3,
                message: format!(
                    "person {} stands after person {}; keys must rise",
                    next.key, one.key
                ),
            });
        }
    }
    Ok(PeopleSnapshot { header, people })
}

#[derive(Clone, Copy)]
struct PersonSeed<'a>(&'a [Field]);

impl<'de> DeserializeSeed<'de> for PersonSeed<'_> {
    type Value = Person;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Person, D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Member {
    Key,
    OutOfScope,
    Facts,
    Faults,
    Held,
}

impl<'de> Visitor<'de> for PersonSeed<'_> {
    type Value = Person;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a person")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Person, A::Error> {
        let (mut key, mut out_of_scope, mut facts, mut faults) = (None, None, None, None);
        let mut held = None;
        while let Some(member) = map.next_key::<Member>()? {
            match member {
                Member::Key if key.is_none() => key = Some(map.next_value::<PersonKey>()?),
                Member::OutOfScope if out_of_scope.is_none() => {
                    out_of_scope = Some(map.next_value::<bool>()?);
                }
                Member::Facts if facts.is_none() => {
                    facts = Some(map.next_value_seed(FactsSeed(self.0))?);
                }
                Member::Faults if faults.is_none() => {
                    faults = Some(map.next_value_seed(FaultsSeed(self.0))?);
                }
                Member::Held if held.is_none() => {
                    held = Some(map.next_value::<Box<[JoinHold]>>()?);
                }
                _ => return Err(A::Error::custom("a member stands twice")),
            }
        }
        if held.as_ref().is_some_and(|held| held.is_empty()) {
            return Err(A::Error::custom(
                "held is written only when there is a reason",
            ));
        }
        let key = key.ok_or_else(|| A::Error::missing_field("key"))?;
        if key.as_str().is_empty() {
            return Err(A::Error::custom("the key is empty"));
        }
        if out_of_scope == Some(false) {
            return Err(A::Error::custom("outOfScope is written only when true"));
        }
        let facts = facts.ok_or_else(|| A::Error::missing_field("facts"))?;
        let faults = faults.unwrap_or_default();
        let both = |fault: &Fault| {
            let fact = facts.get(usize::from(fault.field.0));
            fact.is_none_or(Option::is_some)
        };
        if let Some(fault) = faults.iter().find(|fault| both(fault)) {
            let name = &self.0[usize::from(fault.field.0)].name;
            return Err(A::Error::custom(format!(
                "field {name} has both a fact and a fault"
            )));
        }
        Ok(Person {
            key,
            in_scope: out_of_scope.is_none(),
            facts,
            faults,
            held: held.unwrap_or_default(),
        })
    }
}

struct FactsSeed<'a>(&'a [Field]);

impl<'de> DeserializeSeed<'de> for FactsSeed<'_> {
    type Value = Box<[Option<Fact>]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FactsSeed<'_> {
    type Value = Box<[Option<Fact>]>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("facts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut facts: Box<[Option<Fact>]> = (0..self.0.len()).map(|_| None).collect();
        let mut next = 0;
        while let Some(at) = map.next_key_seed(NameSeed {
            names: self.0,
            from: next,
        })? {
            facts[at] = Some(map.next_value_seed(FactSeed(self.0[at].fact_type))?);
            next = at + 1;
        }
        Ok(facts)
    }
}

struct FaultsSeed<'a>(&'a [Field]);

impl<'de> DeserializeSeed<'de> for FaultsSeed<'_> {
    type Value = Box<[Fault]>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FaultsSeed<'_> {
    type Value = Box<[Fault]>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("faults")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut faults = Vec::new();
        let mut next = 0;
        while let Some(at) = map.next_key_seed(NameSeed {
            names: self.0,
            from: next,
        })? {
            next = at + 1;
            let field = u16::try_from(at).map(FieldIndex);
            faults.push(Fault {
                field: field.map_err(|_| A::Error::custom("too many fields"))?,
                reason: map.next_value()?,
            });
        }
        if faults.is_empty() {
            return Err(A::Error::custom(
                "faults are written only when there are some",
            ));
        }
        Ok(faults.into_boxed_slice())
    }
}

/// Finds a field's place at or after `from`; fields are written in the header's order.
struct NameSeed<'a> {
    names: &'a [Field],
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
        f.write_str("a field name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        let later = self.names[self.from..]
            .iter()
            .position(|field| field.name.as_str() == name);
        match later {
            Some(at) => Ok(self.from + at),
            None if self.names.iter().any(|field| field.name.as_str() == name) => Err(E::custom(
                format!("field {name:?} stands twice or out of the header's order"),
            )),
            None => Err(E::custom(format!("field {name:?} is not in the header"))),
        }
    }
}

struct FactSeed(FactType);

impl<'de> DeserializeSeed<'de> for FactSeed {
    type Value = Fact;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fact, D::Error> {
        match self.0 {
            FactType::Integer => deserializer.deserialize_i64(self),
            FactType::Boolean => deserializer.deserialize_bool(self),
            FactType::List => deserializer.deserialize_seq(self),
            FactType::Text
            | FactType::Email
            | FactType::Date
            | FactType::DateTime
            | FactType::Binary => deserializer.deserialize_str(self),
        }
    }
}

/// A text as a fact holds it.
fn fact_text<E: serde::de::Error>(text: &str) -> Result<CompactString, E> {
    if text.is_empty() || text.trim().len() != text.len() {
        return Err(E::custom("a text is empty or has spaces around it"));
    }
    if !text.is_ascii() && !unicode_normalization::is_nfc(text) {
        return Err(E::custom("a text is not in Unicode NFC"));
    }
    Ok(text.into())
}

impl<'de> Visitor<'de> for FactSeed {
    type Value = Fact;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a value of type {:?}", self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Fact, E> {
        match self.0 {
            FactType::Text | FactType::Email => Ok(Fact::Text(fact_text(text)?)),
            FactType::Binary => match STANDARD.decode(text) {
                Ok(bytes) if !bytes.is_empty() => Ok(Fact::Binary(bytes.into_boxed_slice())),
                _ => Err(E::custom("a value is not base64, or empty")),
            },
            FactType::Date => text
                .parse()
                .map(Fact::Date)
                .map_err(|_| E::custom(format!("{text:?} is not a date"))),
            FactType::DateTime => text
                .parse()
                .map(Fact::DateTime)
                .map_err(|_| E::custom(format!("{text:?} is not a moment"))),
            FactType::Integer | FactType::Boolean | FactType::List => {
                Err(E::invalid_type(serde::de::Unexpected::Str(text), &self))
            }
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Fact, E> {
        Ok(Fact::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Fact, E> {
        i64::try_from(number)
            .map(Fact::Integer)
            .map_err(|_| E::custom("the number is too large"))
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Fact, E> {
        Ok(Fact::Boolean(flag))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Fact, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<std::borrow::Cow<'_, str>>()? {
            list.push(fact_text(&item)?);
        }
        if list.is_empty() {
            return Err(A::Error::custom("a list is empty"));
        }
        Ok(Fact::List(list.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Completeness, JoinWhy, Name, RejectedRow, Verdict};

    fn sample() -> PeopleSnapshot {
        let field = |name: &str, fact_type| Field {
            name: Name::new(name),
            fact_type,
            delivered: true,
        };
        let text = |text: &str| Some(Fact::Text(text.into()));
        PeopleSnapshot {
            header: PeopleHeader {
                format: PEOPLE_FORMAT.to_owned(),
                source: Name::new("people"),
                instance: "https://halo.example.test/api".to_owned(),
                tenant: None,
                read_at: "2026-11-23T10:00:00Z".parse().unwrap(),
                fields: vec![
                    field("number", FactType::Text),
                    field("age", FactType::Integer),
                    field("inactive", FactType::Boolean),
                    field("endsOn", FactType::Date),
                    field("seenAt", FactType::DateTime),
                    field("sites", FactType::List),
                    field("mail", FactType::Email),
                    field("photo", FactType::Binary),
                    field("leavesOn", FactType::Date),
                ],
                completeness: Completeness {
                    pages: 1,
                    rows: 3,
                    distinct: 3,
                    claimed_total: Some(3),
                    reads: 1,
                    verdict: Verdict::Proven,
                },
                rejected: vec![RejectedRow {
                    row: "page 1, row 4".to_owned(),
                    reason: "no id".to_owned(),
                }],
                joined: Vec::new(),
            },
            people: vec![
                Person {
                    key: PersonKey::new("9"),
                    in_scope: true,
                    facts: Box::new([
                        text("E9 \"quoted\" \n Łukasz"),
                        Some(Fact::Integer(-3)),
                        Some(Fact::Boolean(false)),
                        Some(Fact::Date("2026-11-20".parse().unwrap())),
                        Some(Fact::DateTime("2026-11-20T08:30:00.5Z".parse().unwrap())),
                        Some(Fact::List(Box::new(["a".into(), "b, c".into()]))),
                        text("ana@example.com"),
                        Some(Fact::Binary(Box::new([0xff, 0xd8, 0xff, 0]))),
                        None,
                    ]),
                    faults: Box::new([Fault {
                        field: FieldIndex(8),
                        reason: "\"soon\" is not a date".to_owned(),
                    }]),
                    held: Box::new([JoinHold {
                        why: JoinWhy::Unmatched,
                        endpoint: "sites".to_owned(),
                        reason: "no record of sites has the key 7".to_owned(),
                    }]),
                },
                Person {
                    key: PersonKey::new("10"),
                    in_scope: false,
                    facts: (0..9).map(|_| None).collect(),
                    faults: Box::default(),
                    held: Box::default(),
                },
            ],
        }
    }

    fn written(snapshot: &PeopleSnapshot) -> String {
        let mut bytes = Vec::new();
        write_people(snapshot, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let snapshot = sample();
        let text = written(&snapshot);
        let read = read_people(text.as_bytes()).unwrap();
        assert_eq!(read, snapshot);
        assert_eq!(written(&read), text);
        assert_eq!(
            text.lines().last().unwrap(),
            r#"{"key":"10","outOfScope":true,"facts":{}}"#
        );
    }

    #[test]
    fn every_liberty_is_refused_with_its_line() {
        let good = written(&sample());
        for (from, to, line, message) in [
            ("halosync/people/v1", "halosync/people/v2", 1, "format"),
            (r#""age":-3"#, r#""aeg":-3"#, 2, "not in the header"),
            (r#""age":-3"#, r#""age":-3,"age":-3"#, 2, "twice"),
            (r#""age":-3"#, r#""age":"-3""#, 2, "invalid type"),
            (r#""inactive":false"#, r#""inactive":null"#, 2, "null"),
            ("2026-11-20\"", "2026-11-31\"", 2, "not a date"),
            ("[\"a\"", "[\"\"", 2, "empty"),
            ("[\"a\",\"b, c\"]", "[]", 2, "empty"),
            ("/9j/AA==", "/9j/A", 2, "base64"),
            ("/9j/AA==", "", 2, "base64"),
            (
                "{\"leavesOn\":\"",
                "{\"mail\":\"",
                2,
                "both a fact and a fault",
            ),
            ("{\"leavesOn\":\"", "{\"x\":\"", 2, "not in the header"),
            (
                ",\"facts\":{}",
                ",\"facts\":{},\"faults\":{}",
                3,
                "only when",
            ),
            (",\"facts\":{}", ",\"facts\":{},\"held\":[]", 3, "only when"),
            ("\"why\":\"unmatched\"", "\"why\":\"other\"", 2, "other"),
            ("\"key\":\"10\"", "\"key\":\"9\"", 3, "must rise"),
            ("\"key\":\"10\"", "\"key\":\"08\"", 3, "must rise"),
            ("\"key\":\"10\"", "\"key\":\"\"", 3, "key is empty"),
            ("\"outOfScope\":true", "\"outOfScope\":false", 3, "only"),
            ("\"outOfScope\":true", "\"x\":1", 3, "unknown field"),
            (",\"facts\":{}", "", 3, "missing field"),
            ("\"facts\":{}}\n", "\"facts\":{}} x\n", 3, "trailing"),
            ("\"facts\":{}}\n", "\"facts\":{}}", 3, "cut short"),
            ("\"facts\":{}}\n", "\"facts\":{}}\n\n", 4, "EOF"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            let error = read_people(bad.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{to}: {error}");
            assert!(error.message.contains(message), "{to}: {error}");
        }
        let error = read_people(b"{\"key\":\xff\"1\"}\n").unwrap_err();
        assert_eq!(error.line, 1);
        let mut bytes = good.into_bytes();
        let at = bytes.len() - 3;
        bytes[at] = 0xff;
        assert_eq!(read_people(&bytes).unwrap_err().line, 3);
    }
}
