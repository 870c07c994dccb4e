//! A year of two thousand people, day by day, with outages and without: both end alike.
//!
//! A plan is made and applied every day of the year, and every twentieth day after it, until all stages have come. In the
//! second year some days go wrong: nobody can read the source, or half of it; the agent sees fewer people than there are
//! and the read looks whole; the run does not happen, or ends in the middle of the apply; the read of the directory is
//! not whole. What is the same in the end is everything but moments: where no date says since when somebody has left or
//! is missing, the stamp says when the first plan saw it, and that is later by as long as nobody could look.

mod history;

use std::collections::{BTreeMap, BTreeSet};

use halosync::config::Config;
use halosync::lifecycle::Stamp;
use halosync::model::{DirectorySnapshot, EntryKind, Fact, FactType, Name, Person, PersonKey};
use halosync::plan::{Action, Plan, PlanInput, build};

use super::super::applied::Directory;
use super::company::Company;
use history::{Chance, DAYS, History, PEOPLE, Record, date};

const MAPPING: &str = "apiVersion: halosync/v1
kind: Mapping
metadata: {name: employees}
spec:
  source: people
  target: corp
  match: {anchor: {attribute: employeeID, value: '{{ person.number }}'}}
  placement: 'OU={{ person.department }},OU=People,DC=corp,DC=example,DC=test'
  attributes:
    cn: '{{ person.given }} {{ person.surname }} ({{ person.number }})'
    sAMAccountName: {value: 'u{{ person.number }}', when: onCreate}
    givenName: '{{ person.given }}'
    sn: '{{ person.surname }}'
    displayName: '{{ person.given }} {{ person.surname }}'
    department: '{{ person.department }}'
    telephoneNumber: '+44 20 7946 {{ person.number }}'
    accountExpires: \"{{ person.endsOn | default('never') }}\"
    description: {value: '', empty: clear}
    msExchHideFromAddressLists: {value: '', empty: clear}
";
const GROUPS: &str = "apiVersion: halosync/v1
kind: Groups
metadata: {name: membership}
spec:
  source: people
  target: corp
  rules:
    - group: CN=Staff,OU=Groups,DC=corp,DC=example,DC=test
    - {group: 'CN={{ person.department }} Team,OU=Groups,DC=corp,DC=example,DC=test', mode: managed}
";
/// Days somebody has to be missing.
const MISSING: usize = 14;
/// Longer than the last stage and everything that may have come late.
const TAIL: usize = 180;
const STAMP: &str = "extensionAttribute15";

/// What goes wrong on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    /// No answer from the source, or nobody started the program.
    NoRun,
    /// A plan, and no apply.
    NotApplied,
    /// The apply is ended when half of the plan is done.
    CutShort,
    /// Half of the people, and the read shows it.
    HalfRead,
    /// Everybody, and yet the read is not proven.
    Unproven,
    /// A third is hidden from the agent, and nothing shows it.
    Hidden,
    /// The directory's own read is not whole.
    Directory,
}

const OUTAGES: [Outage; 7] = [
    Outage::NoRun,
    Outage::NotApplied,
    Outage::CutShort,
    Outage::HalfRead,
    Outage::Unproven,
    Outage::Hidden,
    Outage::Directory,
];

/// What goes wrong on which days: one in four, up to nine days on end.
fn outages(seed: u64) -> Vec<Option<Outage>> {
    let mut chance = Chance(seed);
    let mut days = vec![None; DAYS];
    let mut day = 2;
    while day + 12 < DAYS {
        let long = chance.within(1, 9) as usize;
        let which = OUTAGES[chance.next() as usize % OUTAGES.len()];
        for one in &mut days[day..day + long] {
            // One thing seldom comes alone.
            let other = OUTAGES[chance.next() as usize % OUTAGES.len()];
            *one = Some(if chance.percent(70) { which } else { other });
        }
        day += long + chance.within(3, 28) as usize;
    }
    days
}

/// The most days on end on which something is wrong.
fn longest(outages: &[Option<Outage>]) -> i64 {
    let runs = outages.split(Option::is_none);
    let longest = runs.map(<[_]>::len).max().unwrap_or_default();
    i64::try_from(longest).unwrap()
}

fn company() -> Company {
    let lifecycle = include_str!("../../../../golden-decisions/lifecycle.yaml").replace(
        "  absent: report\n",
        &format!(
            "  absent: {{leaver: {{after: {MISSING}d, state: leaver}}}}\n  timeZone: \"{{{{ person.site | lookup('zone') }}}}\"\n"
        ),
    );
    // Who is deleted is another story; see docs/deletion.md.
    let lifecycle = lifecycle.replace(
        "        - after: 365d\n          account: {delete: {disabledFor: 60d}}\n",
        "",
    );
    assert!(!lifecycle.contains("delete"));
    let mut company = Company::new("").stamping();
    company.change(
        "source.yaml",
        "      status:",
        "      given: {from: users.firstname}\n      surname: {from: users.surname}\n      department: {from: users.other3}\n      status:",
    );
    let fields = [
        ("number", FactType::Text),
        ("site", FactType::Text),
        ("startsOn", FactType::Date),
        ("endsOn", FactType::Date),
        ("inactive", FactType::Boolean),
        ("status", FactType::Text),
        ("given", FactType::Text),
        ("surname", FactType::Text),
        ("department", FactType::Text),
    ];
    let files = [
        (
            "halosync.yaml",
            format!(
                "{}  plan: {{calendar: 0d}}\n",
                company.text("halosync.yaml")
            ),
        ),
        ("directory.yaml", company.text("directory.yaml")),
        ("tables.yaml", company.text("tables.yaml")),
        ("source.yaml", company.text("source.yaml")),
        ("lifecycle.yaml", lifecycle),
        ("mapping.yaml", MAPPING.to_owned()),
        ("groups.yaml", GROUPS.to_owned()),
    ];
    let mut company = Company::of(files, &fields);
    company.standing("OU=Stores,OU=People", EntryKind::Container);
    for department in ["Sales", "Research", "Stores"] {
        company.standing(&format!("CN={department} Team,OU=Groups"), EntryKind::Group);
    }
    company
}

/// A person as the read has them; the fields in the order of [`company`].
fn person(number: u32, record: &Record) -> Person {
    let text = |text: &str| (!text.is_empty()).then(|| Fact::Text(text.into()));
    let facts = [
        text(&number.to_string()),
        text(record.site),
        record.starts.map(Fact::Date),
        record.ends.map(Fact::Date),
        record.inactive.then_some(Fact::Boolean(true)),
        text(record.status),
        text(record.given),
        text(record.surname),
        text(record.department),
    ];
    Person {
        key: PersonKey::new(number.to_string()),
        in_scope: true,
        facts: facts.into_iter().collect(),
        faults: Box::default(),
        held: Box::default(),
    }
}

/// Somebody the day's read shows, whoever looks.
fn shown(outage: Option<Outage>, day: usize, number: u32) -> bool {
    match outage {
        Some(Outage::HalfRead) => Chance(u64::from(number) << 16 | day as u64).percent(50),
        // The same people every day.
        Some(Outage::Hidden) => !number.is_multiple_of(3),
        _ => true,
    }
}

fn takes(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| match &change.action {
        Action::Disable {} | Action::RemoveMember { .. } => true,
        Action::Move { after, .. } => ["Leavers", "Archive"].contains(&after.rdn().value.as_str()),
        _ => false,
    })
}

/// The directory at the end of the year and some months.
fn live(history: &History, outages: &[Option<Outage>]) -> DirectorySnapshot {
    let mut company = company();
    let config = company.config();
    let mut directory = Directory::new(&company.directory);
    let mut people: BTreeMap<u32, Person> = history
        .first
        .iter()
        .map(|(number, record)| (*number, person(*number, record)))
        .collect();
    let tail = (DAYS..DAYS + TAIL).step_by(20);
    for day in (0..DAYS).chain(tail) {
        for (number, record) in history.days.get(day).into_iter().flatten() {
            if record.there {
                people.insert(*number, person(*number, record));
            } else {
                people.remove(number);
            }
        }
        let outage = outages.get(day).copied().flatten();
        if outage == Some(Outage::NoRun) {
            continue;
        }
        let read = people
            .iter()
            .filter(|(number, _)| shown(outage, day, **number));
        company.read_people(read.map(|(_, person)| person.clone()).collect());
        company.proven(!matches!(outage, Some(Outage::HalfRead | Outage::Unproven)));
        company.directory = directory.read();
        company.directory_proven(outage != Some(Outage::Directory));
        let plan = plan_of(&mut company, &config, day);
        match outage {
            Some(Outage::HalfRead | Outage::Unproven) => assert!(!takes(&plan), "day {day}"),
            Some(Outage::Directory) => assert!(plan.changes.is_empty(), "day {day}"),
            _ => {}
        }
        match outage {
            Some(Outage::NotApplied) => {}
            Some(Outage::CutShort) => {
                directory.apply(plan.as_of, &plan.changes[..plan.changes.len() / 2])
            }
            _ => directory.apply(plan.as_of, &plan.changes),
        }
        if day % 90 == 89 && outage.is_none() {
            company.read_people(people.values().cloned().collect());
            company.directory = directory.read();
            let again = plan_of(&mut company, &config, day);
            assert!(again.changes.is_empty(), "day {day}: {:#?}", again.changes);
        }
    }
    directory.read()
}

/// The plan of a day; the reads are used up.
fn plan_of(company: &mut Company, config: &Config, day: usize) -> Plan {
    let (people, directory) = company.taken();
    let people = BTreeMap::from([(Name::new("people"), people)]);
    let directories = BTreeMap::from([(Name::new("corp"), directory)]);
    build(PlanInput {
        config,
        people: &people,
        directories: &directories,
        last_good: None,
        as_of: format!("{}T02:00:00Z", date(day)).parse().unwrap(),
        tool_version: "0.0.0-test",
        commit: None,
        uncommitted: false,
    })
    .unwrap()
}

type Object = BTreeMap<String, BTreeSet<String>>;

/// Everything but moments, by name; and the stamps.
fn what_is_there(read: &DirectorySnapshot) -> (BTreeMap<String, Object>, BTreeMap<String, String>) {
    let stamp = read.header.attribute(STAMP).unwrap();
    let mut stamps = BTreeMap::new();
    let objects = read.objects.iter().map(|entry| {
        if let Some(text) = entry.value(stamp) {
            stamps.insert(entry.dn.to_string(), text.to_owned());
        }
        let attributes = entry.attributes.iter().filter(|(id, _)| *id != stamp);
        let attributes = attributes.map(|(id, values)| {
            let values = values.as_slice().iter().map(ToString::to_string);
            (read.header.definition(*id).name.clone(), values.collect())
        });
        (entry.dn.to_string(), attributes.collect())
    });
    let objects = objects.collect();
    (objects, stamps)
}

#[test]
fn a_year_with_outages_ends_like_one_without() {
    let history = History::new(20_260_101);
    let outages = outages(7);
    let wrong = outages.iter().flatten().count();
    assert!(wrong > 80, "{wrong} days go wrong");
    for kind in OUTAGES {
        assert!(outages.contains(&Some(kind)), "{kind:?} never happens");
    }
    let (calm, rough) = std::thread::scope(|scope| {
        let calm = scope.spawn(|| live(&history, &[]));
        let rough = scope.spawn(|| live(&history, &outages));
        (calm.join().unwrap(), rough.join().unwrap())
    });
    let (calm, calm_stamps) = what_is_there(&calm);
    let (rough, rough_stamps) = what_is_there(&rough);
    assert!(calm.len() > PEOPLE as usize, "{}", calm.len());
    let different: Vec<String> = calm
        .keys()
        .chain(rough.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|name| calm.get(*name) != rough.get(*name))
        .map(|name| format!("{name}\n  {:?}\n  {:?}", calm.get(name), rough.get(name)))
        .collect();
    assert!(
        different.is_empty(),
        "{} differ\n{}",
        different.len(),
        different[..different.len().min(12)].join("\n")
    );
    // Moments: the same accounts have one, of the same state, and none is earlier or later than nobody could look.
    let names = |stamps: &BTreeMap<String, String>| stamps.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&calm_stamps), names(&rough_stamps));
    assert!(calm_stamps.len() > 20, "{}", calm_stamps.len());
    let longest = longest(&outages);
    for (name, calm) in &calm_stamps {
        let rough = &rough_stamps[name];
        let (calm, rough) = (Stamp::parse(calm).unwrap(), Stamp::parse(rough).unwrap());
        assert_eq!(calm.what, rough.what, "{name}");
        assert_eq!(calm.absent.is_some(), rough.absent.is_some(), "{name}");
        let late = |calm: jiff::Timestamp, rough: jiff::Timestamp| {
            rough.duration_since(calm).as_hours() / 24
        };
        // Whoever was hidden before their record went is missed earlier.
        let missing = calm.missing_since().zip(rough.missing_since());
        if let Some((calm, rough)) = missing {
            assert!(
                (-longest..=longest).contains(&late(calm, rough)),
                "{name}: {calm}, {rough}"
            );
        }
        if calm.seen().is_some() {
            assert!(
                (0..=longest).contains(&late(calm.since, rough.since)),
                "{name}: {calm}, {rough}"
            );
        }
    }
}
