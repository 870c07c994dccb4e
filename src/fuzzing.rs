//! What the fuzz targets under `fuzz/` do with the bytes they are given. It stands here so that the ordinary tests
//! replay the seeds, and so that a seed that once crashed stays fixed.
//!
//! Not for use by anything else. Each function gives back nothing: it is enough that it returns, in time, and that
//! the assertions hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::config::{self, DataError, InputFile};
use crate::connector::rest;
use crate::intake::{Intake, Taker};
use crate::lang::{self, LangError, PersonContext, Record, Scope, TableData, Tables, Unmapped};
use crate::model::{Dn, Fact, FactType, Name, Person, PersonKey, escape_value};

/// A configuration file: loaded and checked alone, and in place of the documents of its kinds among `others`, so that
/// what it refers to is there.
///
/// # Panics
/// When a diagnostic points outside its file.
pub fn configuration(bytes: &[u8], others: &[(String, Vec<u8>)]) {
    let file = |path: &str, bytes: &[u8]| InputFile {
        path: path.into(),
        bytes: bytes.to_vec(),
    };
    let text = String::from_utf8_lossy(bytes);
    let kinds: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("kind: "))
        .collect();
    let around = others
        .iter()
        .filter(|(_, base)| {
            let base = String::from_utf8_lossy(base);
            !base.lines().any(|line| kinds.contains(line))
        })
        .map(|(path, base)| file(path, base));
    for files in [
        vec![file("fuzzed.yaml", bytes)],
        around
            .chain(std::iter::once(file("fuzzed.yaml", bytes)))
            .collect(),
    ] {
        let loaded = config::load(files, &|path| {
            others
                .iter()
                .find(|(known, _)| known.as_str() == path)
                .map(|(_, data)| data.clone())
                .map_or_else(|| Ok::<_, DataError>(bytes.to_vec()), Ok)
        });
        assert!(
            loaded.config.is_some() || !loaded.diagnostics.is_empty(),
            "nothing came of it, and nobody was told why"
        );
        for found in &loaded.diagnostics {
            assert!(found.length >= 1, "{found:?}");
            if let Some(at) = &found.location {
                assert!(at.line >= 1 && at.column >= 1, "{found:?}");
            }
        }
    }
}

/// A template, condition or expression: compiled, and evaluated for a person and a record.
///
/// # Panics
/// When a fault has no place in the text, or evaluating twice gives two results.
pub fn language(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let fields = fields();
    let tables = BTreeMap::from([(
        Name::new("ou"),
        TableData {
            rows: BTreeMap::from([("research".to_owned(), "Research".to_owned())]),
            case_sensitive: false,
            unmapped: Unmapped::Same,
        },
    )]);
    let names = tables.keys().cloned().collect();
    let scope = Scope::Person {
        fields: &fields,
        tables: &names,
    };
    let check = |errors: &[LangError]| {
        assert!(!errors.is_empty(), "refused without a reason");
        for error in errors {
            assert!(text.get(error.range.clone()).is_some(), "{error:?}");
        }
    };
    let tables = Tables::new(tables);
    let person = person();
    let Ok(as_of) = jiff::civil::date(2026, 6, 2).in_tz("UTC") else {
        return;
    };
    let context = PersonContext {
        person: &person,
        account: &[],
        as_of,
        tables: &tables,
    };
    match lang::compile_template(text, &scope) {
        Ok(template) => {
            let first = template.render(&context);
            assert_eq!(first, template.render(&context), "not the same twice");
            let _ = template.render_dn(&context);
            let _ = (template.texts(), template.literal(), template.field());
        }
        Err(errors) => check(&errors),
    }
    match lang::compile_condition(text, &scope) {
        Ok(condition) => {
            let first = condition.holds(&context);
            assert_eq!(first, condition.holds(&context), "not the same twice");
        }
        Err(errors) => check(&errors),
    }
    let endpoints = BTreeSet::from(["users".to_owned()]);
    let scope = Scope::Record {
        endpoints: &endpoints,
    };
    let row = serde_json::json!({
        "firstname": "Ana", "id": 18.0, "other1": null, "list": [1, "b", null, {"c": 1.5}], "inactive": "False",
        "startdate": "2026-01-31T00:00:00Z", "customfields": [{"name": "CFgrade", "value": 3}],
    });
    let parts = [("users", &row)];
    let record = Record { parts: &parts };
    match lang::compile_expression(text, &scope) {
        Ok(expression) => {
            let _ = expression.evaluate(&record);
        }
        Err(errors) => check(&errors),
    }
    if let Ok(condition) = lang::compile_condition(text, &scope) {
        let _ = condition.holds_for_record(&record);
    }
}

fn fields() -> Vec<(Name, FactType)> {
    [
        ("givenName", FactType::Text),
        ("surname", FactType::Text),
        ("department", FactType::Text),
        ("phone", FactType::Text),
        ("number", FactType::Integer),
        ("inactive", FactType::Boolean),
        ("startsOn", FactType::Date),
        ("updated", FactType::DateTime),
        ("skills", FactType::List),
        ("endsOn", FactType::Date),
    ]
    .into_iter()
    .map(|(name, kind)| (Name::new(name), kind))
    .collect()
}

fn person() -> Person {
    Person {
        key: PersonKey::new("1042"),
        in_scope: true,
        faults: Box::default(),
        held: Box::default(),
        facts: [
            Some(Fact::Text("Jörg".into())),
            Some(Fact::Text("van der O'Brien-Müller".into())),
            Some(Fact::Text("Research".into())),
            Some(Fact::Text("+44 20 7946 0018 ext. 12".into())),
            Some(Fact::Integer(1042)),
            Some(Fact::Boolean(true)),
            Some(Fact::Date(jiff::civil::date(2024, 2, 29))),
            Some(Fact::DateTime(jiff::Timestamp::UNIX_EPOCH)),
            Some(Fact::List(["Rust", "LDAP"].map(Into::into).into())),
            None,
        ]
        .into(),
    }
}

/// A source with a field of every type, and what the rest of a project needs around it.
const PROJECT: &str = r#"
apiVersion: halosync/v1
kind: Project
metadata: {name: fuzz}
spec: {timeZone: Europe/London}
---
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  preset: haloitsm
  resourceServer: https://halo.example.test/api
  authorisationServer: https://halo.example.test/auth
  auth: {oauth2: {clientId: {env: ID}, clientSecret: {env: SECRET}}}
  person:
    key: users.id
    include: not users.isserviceaccount and users.site_name != 'Nowhere'
    fields:
      text: {from: users.firstname}
      either: {from: users.surname or users.other1}
      number: {from: users.other2, type: integer}
      flag: {from: users.inactive, type: boolean}
      day: {from: "customField('CFendDate')", type: date, none: ["2099-12-31"]}
      moment: {from: users.date_of_birth, type: dateTime}
      list: {from: users.other4, type: list}
      made: {from: "users.other3 | title | regex_extract('(.)(.)', 2)"}
  completeness: {maxFall: 10%}
"#;

/// An answer of a source: taken apart into rows, and these into people.
///
/// # Panics
/// When a row is neither a person, nor rejected with a reason, nor another of the same id.
pub fn response(bytes: &[u8]) {
    static INTAKE: LazyLock<Option<Intake>> = LazyLock::new(|| intake_of(PROJECT));
    assert!(INTAKE.is_some(), "the source of this target is right");
    if let (Some(intake), Ok(rows)) = (&*INTAKE, rest::rows_of_answer(bytes)) {
        every_row_counts(intake, &rows);
    }
}

/// A source that answers in XML.
const XML_PROJECT: &str = r#"
apiVersion: halosync/v1
kind: Project
metadata: {name: fuzz}
spec: {timeZone: Europe/London}
---
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  resourceServer: https://hr.example.test/api
  auth: {none: {}}
  endpoints:
    people: {path: /people, answer: xml, records: /People/Person, total: "/People/@count", key: "@id"}
  person:
    key: people.@id
    include: people['@kind'] != 'guest'
    fields:
      text: {from: people.Name}
      inner: {from: "people.Name['#text']"}
      day: {from: people.Start, type: date}
      list: {from: people.Phone, type: list}
"#;

/// The same of an answer in XML.
///
/// # Panics
/// As [`response`].
pub fn xml_response(bytes: &[u8]) {
    static INTAKE: LazyLock<Option<Intake>> = LazyLock::new(|| intake_of(XML_PROJECT));
    assert!(INTAKE.is_some(), "the source of this target is right");
    if let (Some(intake), Ok(rows)) = (&*INTAKE, rest::rows_of_xml_answer(bytes)) {
        every_row_counts(intake, &rows);
    }
}

fn intake_of(project: &str) -> Option<Intake> {
    let file = InputFile {
        path: "project.yaml".into(),
        bytes: project.as_bytes().to_vec(),
    };
    let loaded = config::load(vec![file], &|_| Ok::<_, DataError>(Vec::new()));
    let source = loaded.config?.sources.into_values().next()?;
    Intake::compile(&source, &jiff::tz::TimeZone::UTC).ok()
}

fn every_row_counts(intake: &Intake, rows: &[serde_json::Value]) {
    let mut taker = Taker::new(intake);
    for row in rows {
        taker.push(row);
    }
    let distinct: BTreeSet<PersonKey> = rows.iter().filter_map(|row| intake.key_of(row)).collect();
    let nameless = rows
        .iter()
        .filter(|row| intake.key_of(row).is_none())
        .count();
    let taken = taker.finish();
    assert_eq!(
        taken.people.len() + taken.rejected.len(),
        distinct.len() + nameless,
        "a row was lost"
    );
    assert!(
        taken.rejected.iter().all(|row| !row.reason.is_empty()),
        "rejected without a reason"
    );
    for person in &taken.people {
        assert_eq!(person.facts.len(), taken.fields.len());
    }
}

/// A distinguished name: whatever is one can be taken apart and put together again, and whatever is not can be the
/// value of one.
///
/// # Panics
/// When a name changes on the way.
pub fn distinguished_name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(dn) = Dn::parse(&text) {
        let shown = dn.to_string();
        let again = Dn::parse(&shown);
        assert_eq!(again.as_ref(), Ok(&dn), "shown as {shown:?}");
        let key = dn.key();
        assert!(key.is_at_or_under(&key));
        let rdn = dn.rdn();
        match dn.parent() {
            Some(parent) => {
                let parent_key = parent.key();
                assert_eq!(key.parent().as_ref(), Some(&parent_key), "above {shown:?}");
                assert!(key.is_at_or_under(&parent_key) && !parent_key.is_at_or_under(&key));
                assert!(Dn::parse(parent.as_str()).is_ok(), "above {shown:?}");
                // Of a name with one value in front, nothing is lost.
                let joined = parent.child(&rdn.attribute, &rdn.value);
                let whole = Dn::parse(joined.as_str());
                assert!(whole.is_ok(), "{shown:?} became {joined:?}");
                if !key
                    .as_str()
                    .split(',')
                    .next()
                    .is_some_and(|first| first.contains('+'))
                {
                    assert_eq!(joined.key(), key, "{shown:?} became {joined:?}");
                }
            }
            None => assert_eq!(key.parent(), None, "above {shown:?}"),
        }
    }
    // RFC 4514 section 2.4: any value can be written, and is read again as it was.
    if text.is_empty() {
        return;
    }
    let written = format!("CN={},DC=example,DC=test", escape_value(&text));
    let read = Dn::parse(&written);
    assert!(
        read.is_ok(),
        "{text:?} was written as {written:?}: {read:?}"
    );
    if let Ok(dn) = read {
        assert_eq!(dn.rdn().value, text, "{written:?}");
        let below = dn.parent().map(|parent| parent.key());
        let expected = Dn::key_of("DC=example,DC=test");
        assert_eq!(below, expected, "{text:?} is more than one name");
    }
}
