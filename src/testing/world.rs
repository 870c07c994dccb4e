//! The two small snapshots a test describes.
//!
//! What rules name for the test's people is there unless the test says what there is; nothing else is assumed.

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;
use jiff::tz::TimeZone;

use super::bench::{Bench, NotRunnable, proven};
use crate::config::given;
use crate::config::kinds::{
    Expectation, GivenAccount, GivenDirectory, GivenFact, GivenValue, MappingTest,
};
use crate::lang::{PersonContext, Record};
use crate::mapping::canonical;
use crate::model::{
    AttributeDef, AttributeId, DeletedObjects, DeletionFacts, DirectoryHeader, DirectoryIdentity,
    DirectorySnapshot, Dn, DnKey, Entry, EntryKind, Guid, Name, ObjectName, PeopleSnapshot, Person,
    PersonKey, RejectedRow, Syntax, Values, default_schema,
};
use crate::plan;
use crate::snapshot::DIRECTORY_FORMAT;

/// Both sides of a test.
pub(super) struct World {
    pub(super) people: PeopleSnapshot,
    pub(super) directory: DirectorySnapshot,
    /// Who is tested.
    pub(super) key: PersonKey,
    /// In which their days begin and end.
    pub(super) zone: TimeZone,
}

type Facts = BTreeMap<String, Option<GivenFact>>;
type Records = BTreeMap<String, BTreeMap<String, serde_json::Value>>;

/// An account on its way into the snapshot.
struct Account<'t> {
    dn: Dn,
    given: &'t GivenAccount,
}

impl World {
    pub(super) fn new(
        bench: &Bench,
        test: &MappingTest,
        as_of: jiff::Timestamp,
    ) -> Result<Self, NotRunnable> {
        let mut people = PeopleSnapshot {
            header: bench.people.clone(),
            people: Vec::new(),
        };
        let mut take =
            |key: Option<&str>, facts: Option<&Facts>, records: Option<&Records>| match person(
                bench,
                key.unwrap_or(given::DEFAULT_KEY),
                facts,
                records,
            )? {
                Ok(person) => {
                    let key = person.key.clone();
                    people.people.push(person);
                    Ok::<_, NotRunnable>(key)
                }
                Err(row) => {
                    let key = PersonKey::new(&row.row);
                    people.header.rejected.push(row);
                    Ok(key)
                }
            };
        let key = take(
            test.key.as_deref(),
            test.person.as_ref(),
            test.record.as_ref(),
        )?;
        let mut accounts: Vec<(PersonKey, Account<'_>)> = Vec::new();
        if let Some(given) = &test.directory.account {
            accounts.push((key.clone(), Account::new(given, 0)?));
        }
        for other in &test.others {
            let key = take(
                other.key.as_deref(),
                other.person.as_ref(),
                other.record.as_ref(),
            )?;
            if let Some(given) = &other.account {
                let account = Account::new(given, accounts.len())?;
                accounts.push((key, account));
            }
        }
        people
            .people
            .sort_by(|one, other| one.key.natural_cmp(&other.key));
        let twice = people
            .people
            .windows(2)
            .find(|pair| pair[0].key == pair[1].key);
        if let Some(pair) = twice {
            return Err(NotRunnable::new(format!(
                "two people have the key {}",
                pair[0].key
            )));
        }
        let rows = (people.people.len() + people.header.rejected.len()) as u64;
        people.header.completeness.rows = rows;
        people.header.completeness.distinct = rows;
        let directory = directory(bench, test, &people, as_of, &accounts)?;
        Ok(Self {
            zone: zone_of(bench, &people, &key, as_of),
            people,
            directory,
            key,
        })
    }
}

impl World {
    /// A world without anybody.
    pub(super) fn empty(bench: &Bench, as_of: jiff::Timestamp) -> Result<Self, NotRunnable> {
        let people = PeopleSnapshot {
            header: bench.people.clone(),
            people: Vec::new(),
        };
        let nobody = MappingTest {
            mapping: String::new(),
            as_of: String::new(),
            key: None,
            person: None,
            record: None,
            others: Vec::new(),
            directory: GivenDirectory::default(),
            expect: Expectation::default(),
        };
        let directory = directory(bench, &nobody, &people, as_of, &[])?;
        Ok(Self {
            people,
            directory,
            zone: bench.zone.clone(),
            key: PersonKey::new(""),
        })
    }
}

/// One person, from facts or from raw records.
fn person(
    bench: &Bench,
    key: &str,
    facts: Option<&Facts>,
    records: Option<&Records>,
) -> Result<Result<Person, RejectedRow>, NotRunnable> {
    if let Some(records) = records {
        let rows: Vec<(&str, serde_json::Value)> = records
            .iter()
            .map(|(endpoint, row)| {
                let row = row
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()));
                (endpoint.as_str(), serde_json::Value::Object(row.collect()))
            })
            .collect();
        let parts: Vec<(&str, &serde_json::Value)> =
            rows.iter().map(|(name, row)| (*name, row)).collect();
        return Ok(bench.intake.person(&Record { parts: &parts }));
    }
    let mut slots = Vec::with_capacity(bench.people.fields.len());
    for field in &bench.people.fields {
        let given = facts
            .and_then(|facts| facts.get(field.name.as_str()))
            .and_then(Option::as_ref);
        let fact = given
            .map(|given| given::fact(given, field.fact_type))
            .transpose()
            .map_err(|error| NotRunnable::new(format!("{}: {error}", field.name)))?;
        slots.push(fact);
    }
    Ok(Ok(Person {
        key: PersonKey::new(key),
        in_scope: true,
        facts: slots.into_boxed_slice(),
        faults: Box::default(),
        held: Box::default(),
    }))
}

impl<'t> Account<'t> {
    fn new(given: &'t GivenAccount, number: usize) -> Result<Self, NotRunnable> {
        let place = dn(&given.placement)?;
        let text = |wanted: &str| {
            given.attributes.iter().find_map(|(name, value)| {
                let GivenValue::Text(text) = value else {
                    return None;
                };
                name.eq_ignore_ascii_case(wanted).then(|| text.clone())
            })
        };
        let cn = text("cn")
            .or_else(|| text("sAMAccountName"))
            .unwrap_or_else(|| format!("account {number}"));
        Ok(Self {
            dn: place.child("CN", &cn),
            given,
        })
    }
}

fn dn(text: &str) -> Result<Dn, NotRunnable> {
    Dn::parse(text).map_err(|error| NotRunnable::new(format!("{text:?}: {error}")))
}

/// Objects while they are collected, each name once.
struct Objects {
    entries: Vec<Entry>,
    known: HashMap<DnKey, usize>,
}

impl Objects {
    fn add(&mut self, dn: Dn, kind: EntryKind) -> usize {
        let key = dn.key();
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let at = self.entries.len();
        self.known.insert(key, at);
        self.entries.push(Entry {
            guid: guid(at),
            dn,
            kind,
            attributes: Box::default(),
            deletion: None,
        });
        at
    }

    /// An object and every place above it, down from the domain.
    fn stand(&mut self, dn: &Dn, kind: EntryKind, base: &DnKey) -> usize {
        let mut above = Vec::new();
        let mut at = dn.parent();
        while let Some(parent) = at.filter(|parent| parent.key().is_at_or_under(base)) {
            at = parent.parent();
            above.push(parent);
        }
        for place in above.into_iter().rev() {
            self.add(place, EntryKind::Container);
        }
        self.add(dn.clone(), kind)
    }
}

/// Groups that rules name otherwise than by a distinguished name, for anybody of the test.
fn other_names(bench: &Bench, people: &PeopleSnapshot, as_of: jiff::Timestamp) -> Vec<ObjectName> {
    let mut names: Vec<ObjectName> = Vec::new();
    let mut add = |text: &str| match ObjectName::parse(text) {
        Ok(name @ (ObjectName::Guid(_) | ObjectName::Sam(_))) if !names.contains(&name) => {
            names.push(name);
        }
        _ => {}
    };
    for formula in &bench.groups {
        if let Some(text) = formula.template.literal() {
            add(text);
        }
    }
    for person in &people.people {
        let context = PersonContext {
            person,
            account: &[],
            as_of: as_of.to_zoned(bench.zone_of(person, as_of)),
            tables: &bench.tables,
        };
        for formula in &bench.groups {
            if let Ok(text) = formula.template.render(&context) {
                add(&text);
            }
        }
    }
    names
}

impl Objects {
    /// Has groups called by an account name or an identity: those that stand under the name already, else invented ones
    /// below `place`, whose own name is the name.
    fn call(&mut self, header: &DirectoryHeader, place: &Dn, names: &[ObjectName], invents: bool) {
        for name in names {
            let text = match name {
                ObjectName::Dn(_) => continue,
                ObjectName::Guid(guid) => guid.to_string(),
                ObjectName::Sam(name) => name.clone(),
            };
            let known = self.entries.iter().position(|entry| {
                entry.kind == EntryKind::Group && entry.dn.rdn().value.eq_ignore_ascii_case(&text)
            });
            let at = match known {
                Some(at) => at,
                None if invents => self.add(place.child("CN", &text), EntryKind::Group),
                None => continue,
            };
            let entry = &mut self.entries[at];
            match name {
                ObjectName::Guid(guid) => entry.guid = *guid,
                _ => {
                    if let Some(id) = header.attribute("sAMAccountName") {
                        entry.attributes = Box::new([(id, Values::One(text.into()))]);
                    }
                }
            }
        }
    }
}

/// Identities in the order of creation, which is also their own.
fn guid(at: usize) -> Guid {
    Guid::numbered(at as u64)
}

fn directory(
    bench: &Bench,
    test: &MappingTest,
    people: &PeopleSnapshot,
    as_of: jiff::Timestamp,
    accounts: &[(PersonKey, Account<'_>)],
) -> Result<DirectorySnapshot, NotRunnable> {
    let header = header(bench, test, as_of)?;
    let base = bench.base.key();
    let mut objects = Objects {
        entries: Vec::new(),
        known: HashMap::new(),
    };
    objects.add(bench.base.clone(), EntryKind::Container);
    let spec = bench.config.directories.get(&bench.target);
    let managed = spec.map(|spec| &spec.spec.managed);
    for place in managed
        .into_iter()
        .flat_map(|managed| managed.under.iter().chain(&managed.groups_under))
    {
        objects.stand(&dn(place)?, EntryKind::Container, &base);
    }
    let named = |formulas: &[crate::lifecycle::Formula]| -> Vec<Dn> {
        let literal = formulas
            .iter()
            .filter_map(|formula| Dn::parse(formula.template.literal()?.trim()).ok());
        people
            .people
            .iter()
            .flat_map(|person| {
                let context = PersonContext {
                    person,
                    account: &[],
                    as_of: as_of.to_zoned(bench.zone_of(person, as_of)),
                    tables: &bench.tables,
                };
                formulas
                    .iter()
                    .filter_map(|formula| formula.template.render_dn(&context).ok())
                    .filter_map(|text| Dn::parse(text.trim()).ok())
                    .collect::<Vec<_>>()
            })
            .chain(literal)
            .filter(|dn| dn.key().is_at_or_under(&base))
            .collect()
    };
    let places = match &test.directory.places {
        Some(places) => places
            .iter()
            .map(|place| dn(place))
            .collect::<Result<_, _>>()?,
        None => named(&bench.places),
    };
    for place in &places {
        objects.stand(place, EntryKind::Container, &base);
    }
    let mut groups = match &test.directory.groups {
        Some(groups) => groups
            .iter()
            .map(|group| dn(group))
            .collect::<Result<_, _>>()?,
        None => named(&bench.groups),
    };
    let invents = test.directory.groups.is_none();
    for (_, account) in accounts {
        for group in &account.given.groups {
            groups.push(dn(group)?);
        }
    }
    for group in &groups {
        objects.stand(group, EntryKind::Group, &base);
    }
    let place = managed.and_then(|managed| {
        let mut places = managed.groups_under.iter().chain(&managed.under);
        Dn::parse(places.next()?).ok()
    });
    let place = place.unwrap_or_else(|| bench.base.clone());
    let other_names = other_names(bench, people, as_of);
    objects.call(&header, &place, &other_names, invents);
    let mut members: BTreeMap<usize, Vec<CompactString>> = BTreeMap::new();
    for (key, account) in accounts {
        let at = objects.stand(&account.dn, EntryKind::User, &base);
        if !objects.entries[at].attributes.is_empty() {
            return Err(NotRunnable::new(format!(
                "two accounts stand at {}",
                account.dn
            )));
        }
        objects.entries[at].attributes = {
            let zone = zone_of(bench, people, key, as_of);
            attributes(&zone, &header, account, accounts)
        };
        if !account.given.enabled && header.deleted_objects.is_some() {
            let since = account.given.disabled_since.as_deref();
            let since = since.and_then(|since| given::as_of(since, &bench.zone));
            objects.entries[at].deletion = Some(Box::new(DeletionFacts {
                control_changed: since,
                protected: Some(false),
                password_changed: None,
                last_written: None,
            }));
        }
        for group in &account.given.groups {
            let group = objects.add(dn(group)?, EntryKind::Group);
            members
                .entry(group)
                .or_default()
                .push(account.dn.as_str().into());
        }
    }
    if let Some(member) = header.attribute("member") {
        for (group, mut dns) in members {
            dns.sort();
            dns.dedup();
            let entry = &mut objects.entries[group];
            let mut attributes = std::mem::take(&mut entry.attributes).into_vec();
            attributes.extend(values(dns).map(|values| (member, values)));
            attributes.sort_by_key(|(id, _)| *id);
            entry.attributes = attributes.into();
        }
    }
    taken(bench, test, &header, &mut objects, &base);
    Ok(DirectorySnapshot {
        header,
        objects: objects.entries,
    })
}

/// Objects that hold the names somebody else has.
fn taken(
    bench: &Bench,
    test: &MappingTest,
    header: &DirectoryHeader,
    objects: &mut Objects,
    base: &DnKey,
) {
    let places: Vec<Dn> = objects
        .entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Container && entry.dn.key() != *base)
        .map(|entry| entry.dn.clone())
        .collect();
    for (name, texts) in &test.directory.taken {
        for text in texts {
            if name.eq_ignore_ascii_case("cn") {
                for place in &places {
                    objects.add(place.child("CN", text), EntryKind::Other);
                }
                continue;
            }
            let Some(id) = header.attribute(name) else {
                continue;
            };
            let number = objects.entries.len();
            let holder = bench.base.child("CN", &format!("holder {number}"));
            let at = objects.add(holder, EntryKind::Other);
            objects.entries[at].attributes =
                Box::new([(id, Values::One(CompactString::from(text.as_str())))]);
        }
    }
}

/// The zone of the person with a key.
fn zone_of(
    bench: &Bench,
    people: &PeopleSnapshot,
    key: &PersonKey,
    as_of: jiff::Timestamp,
) -> TimeZone {
    let person = people.people.iter().find(|person| person.key == *key);
    person.map_or_else(|| bench.zone.clone(), |person| bench.zone_of(person, as_of))
}

fn values(mut texts: Vec<CompactString>) -> Option<Values> {
    match texts.len() {
        0 => None,
        1 => texts.pop().map(Values::One),
        _ => Some(Values::Many(texts.into_boxed_slice())),
    }
}

fn attributes(
    zone: &TimeZone,
    header: &DirectoryHeader,
    account: &Account<'_>,
    accounts: &[(PersonKey, Account<'_>)],
) -> Box<[(AttributeId, Values)]> {
    let mut found: BTreeMap<AttributeId, Values> = BTreeMap::new();
    let mut set = |name: &str, texts: Vec<CompactString>| {
        if let (Some(id), Some(values)) = (header.attribute(name), values(texts)) {
            found.insert(id, values);
        }
    };
    // ACCOUNTDISABLE and NORMAL_ACCOUNT ([MS-ADTS] 2.2.16).
    let flags = if account.given.enabled { "512" } else { "514" };
    set("userAccountControl", vec![flags.into()]);
    set("cn", vec![account.dn.rdn().value.into()]);
    for (name, value) in &account.given.attributes {
        let def = header
            .attribute(name)
            .map(|id| header.definition(id).clone());
        let texts: Vec<CompactString> = match value {
            GivenValue::Person(reference) => accounts
                .iter()
                .filter(|(key, _)| key.as_str() == reference.person)
                .map(|(_, account)| account.dn.as_str().into())
                .collect(),
            other => texts(other)
                .iter()
                .map(|text| {
                    def.as_ref()
                        .and_then(|def| canonical(def, text, zone).ok())
                        .unwrap_or_else(|| text.into())
                })
                .collect(),
        };
        set(name, texts);
    }
    found.into_iter().collect()
}

/// The texts of a value that is none of a person.
pub(super) fn texts(value: &GivenValue) -> Vec<String> {
    match value {
        // As the directory writes it (RFC 4517 section 3.3.3).
        GivenValue::Boolean(flag) => vec![if *flag { "TRUE" } else { "FALSE" }.to_owned()],
        GivenValue::Integer(number) => vec![number.to_string()],
        GivenValue::Text(text) => vec![text.clone()],
        GivenValue::List(texts) => texts.clone(),
        GivenValue::Person(_) => Vec::new(),
    }
}

fn header(
    bench: &Bench,
    test: &MappingTest,
    as_of: jiff::Timestamp,
) -> Result<DirectoryHeader, NotRunnable> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |name: &str| {
        names
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| name.to_owned());
    };
    let requests = plan::requests(&bench.config);
    let deletes = requests
        .values()
        .any(|request| !request.disabled_under.is_empty());
    for name in requests
        .get(&bench.target)
        .into_iter()
        .flat_map(|request| &request.user_attributes)
    {
        add(name);
    }
    add("member");
    let accounts = test.directory.account.iter().chain(
        test.others
            .iter()
            .filter_map(|other| other.account.as_ref()),
    );
    for name in accounts
        .flat_map(|account| account.attributes.keys())
        .chain(test.directory.taken.keys())
    {
        add(name);
    }
    let directory = bench.config.directories.get(&bench.target);
    let stamp = directory.and_then(|directory| directory.spec.stamp.as_ref());
    let is_stamp =
        |name: &str| stamp.is_some_and(|stamp| stamp.attribute.eq_ignore_ascii_case(name));
    let attributes: Vec<AttributeDef> = names
        .into_values()
        .map(|name| {
            default_schema()
                .get(&name)
                .cloned()
                .unwrap_or_else(|| AttributeDef {
                    // Whoever keeps stamps in an extension of the schema has it hold one text.
                    single_valued: is_stamp(&name),
                    name,
                    syntax: Syntax::Text,
                    range_lower: None,
                    range_upper: None,
                    read_only: false,
                })
        })
        .collect();
    Ok(DirectoryHeader {
        format: DIRECTORY_FORMAT.to_owned(),
        target: Name::new(bench.target.as_str()),
        identity: DirectoryIdentity {
            domain_guid: guid(0),
            domain_sid: "S-1-5-21-0-0-0".to_owned(),
            naming_context: bench.base.clone(),
            domain_controller: String::new(),
        },
        read_at: as_of,
        attributes,
        unknown_attributes: Vec::new(),
        not_in_catalog: Vec::new(),
        bound_as: None,
        deleted_objects: deletes.then_some(DeletedObjects {
            recycle_bin: Some(true),
            lifetime: 180,
        }),
        completeness: proven(),
    })
}
