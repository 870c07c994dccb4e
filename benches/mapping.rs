//! How fast templates are evaluated, and whether a lookup cares how large its table is.
//!
//! `cargo bench --bench mapping` evaluates 25 templates, as a mapping of a large company might have them, for 100,000
//! people on one core, and looks up as many keys in a table of 100 and in one of 100,000 rows. With `-- --check` it
//! fails when it falls short of the aims. Figures are kept in `docs/performance.md`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark reports on the terminal and stops where it fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use halosync::lang::{
    PersonContext, Scope, TableData, Tables, Template, Unmapped, compile_template,
};
use halosync::model::{Fact, FactType, Name, Person, PersonKey};

const PEOPLE: usize = 100_000;
const RUNS: usize = 7;
/// People, each with 25 templates, per minute and core.
const AIM: f64 = 300_000.0;
/// A lookup in 100,000 rows may take this many times one in 100: memory is slower than cache, but no search.
const AIM_RATIO: f64 = 4.0;

const FIELDS: &[(&str, FactType)] = &[
    ("givenName", FactType::Text),
    ("surname", FactType::Text),
    ("preferredName", FactType::Text),
    ("title", FactType::Text),
    ("department", FactType::Text),
    ("site", FactType::Text),
    ("costCentre", FactType::Integer),
    ("phone", FactType::Text),
    ("mobile", FactType::Text),
    ("email", FactType::Text),
    ("number", FactType::Integer),
    ("contract", FactType::Text),
    ("startsOn", FactType::Date),
    ("endsOn", FactType::Date),
    ("updated", FactType::DateTime),
    ("skills", FactType::List),
    ("contractor", FactType::Boolean),
    ("room", FactType::Text),
];

/// 25 templates: plain fields, names in other letters, tables, conditions, dates, patterns.
const TEMPLATES: &[&str] = &[
    "{{ person.givenName }}",
    "{{ person.surname }}",
    "{{ coalesce(person.preferredName, person.givenName) }} {{ person.surname }}",
    "{{ person.surname }}, {{ person.givenName }}{% if person.contractor %} (external){% endif %}",
    "{{ person.givenName | latin('de') | first }}{{ person.surname | latin('de') }}",
    "{{ person.givenName | login('de') }}.{{ person.surname | login('de') }}@example.com",
    "{{ person.givenName | login('de') | left(1) }}{{ person.surname | login('de') | left(7) }}",
    "{{ person.title | title(['of', 'and', 'IT']) }}",
    "{{ person.department | lookup('departments') }}",
    "OU={{ person.department | lookup('departments') }},OU={{ person.site | lookup('sites') }},OU=People,DC=corp,DC=example,DC=test",
    "{{ person.site | lookup('sites') | upper }}",
    "{{ person.costCentre | pad_left(6) }}",
    "{{ person.phone | regex_replace('[^0-9+]', '') }}",
    "{{ person.mobile | default('') | strip_spaces }}",
    "{{ person.phone | right(4) }}",
    "{{ person.email | lower }}",
    "E{{ person.number | pad_left(8) }}",
    "{% if person.contract == 'permanent' %}Employee{% elif person.contract in ['agency', 'freelance'] %}Contractor{% else %}Other{% endif %}",
    "{{ person.contract | switch({'permanent': 'P', 'agency': 'A', 'freelance': 'F'}, 'X') }}",
    "{{ person.startsOn | date('%Y-%m-%d') }}",
    "{% if person.endsOn is defined %}{{ person.endsOn | plus_days(1) | filetime }}{% else %}0{% endif %}",
    "{{ person.updated | date('%Y-%m-%d %H:%M') }}",
    "{{ person.skills | sort | join('; ') }}",
    "{{ person.room | word(1) }}/{{ person.room | word(-1) | upper }}",
    "{{ 'Since ' ~ (person.startsOn | year) if person.startsOn | years_until(as_of) >= 1 else 'New' }}",
];

fn main() {
    let check = std::env::args().any(|argument| argument == "--check");
    let people = people();
    let tables = Tables::new(BTreeMap::from([
        (Name::new("departments"), table(400, "Department")),
        (Name::new("sites"), table(100_000, "Site")),
    ]));
    let templates = compile(TEMPLATES);
    let rate = evaluation(&templates, &people, &tables);
    println!(
        "mapping: {rate:.0} people x {} templates per minute on one core",
        templates.len()
    );
    let phones = compile(&["{{ person.phone | e164('GB') }}"]);
    let phones = 1_000_000.0 / (evaluation(&phones, &people[..20_000], &tables) / 60.0);
    println!("e164: {phones:.2} microseconds per number");
    let (small, large) = lookups();
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    println!(
        "lookup: {:.0} ns in 100 rows, {:.0} ns in 100,000 rows, ratio {ratio:.2}",
        nanoseconds(small),
        nanoseconds(large)
    );
    if check {
        assert!(rate >= AIM, "below {AIM} people per minute");
        assert!(
            ratio <= AIM_RATIO,
            "a lookup depends on the size of its table"
        );
    }
}

fn compile(templates: &[&str]) -> Vec<Template> {
    let fields: Vec<(Name, FactType)> = FIELDS
        .iter()
        .map(|(name, kind)| (Name::new(name), *kind))
        .collect();
    let tables = BTreeSet::from(["departments", "sites", "small", "large"].map(Name::new));
    let scope = Scope::Person {
        fields: &fields,
        tables: &tables,
    };
    templates
        .iter()
        .map(|text| {
            compile_template(text, &scope).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
        })
        .collect()
}

/// People per minute, the median of several runs.
fn evaluation(templates: &[Template], people: &[Person], tables: &Tables) -> f64 {
    let as_of = jiff::civil::date(2026, 6, 2)
        .at(9, 0, 0, 0)
        .in_tz("Europe/London")
        .unwrap();
    let once = || {
        let started = Instant::now();
        for person in people {
            let context = PersonContext {
                person,
                account: &[],
                as_of: as_of.clone(),
                tables,
            };
            for template in templates {
                let _ = black_box(template.render(&context).unwrap());
            }
        }
        started.elapsed()
    };
    people.len() as f64 * 60.0 / median(once).as_secs_f64()
}

/// The time of [`PEOPLE`] lookups, in 100 and in 100,000 rows, keys in no order.
fn lookups() -> (Duration, Duration) {
    let tables = Tables::new(BTreeMap::from([
        (Name::new("small"), table(100, "Site")),
        (Name::new("large"), table(100_000, "Site")),
    ]));
    let templates = compile(&[
        "{{ person.site | lookup('small') }}",
        "{{ person.site | lookup('large') }}",
    ]);
    let as_of = jiff::civil::date(2026, 6, 2).in_tz("UTC").unwrap();
    let time = |template: &Template, rows: usize| {
        let people: Vec<Person> = (0..PEOPLE)
            .map(|number| {
                let row = scattered(number) % rows;
                person(number, &format!("site {row}"))
            })
            .collect();
        median(|| {
            let started = Instant::now();
            for person in &people {
                let context = PersonContext {
                    person,
                    account: &[],
                    as_of: as_of.clone(),
                    tables: &tables,
                };
                let _ = black_box(template.render(&context).unwrap());
            }
            started.elapsed()
        })
    };
    (time(&templates[0], 100), time(&templates[1], 100_000))
}

fn median(once: impl Fn() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| once()).collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn nanoseconds(of_all: Duration) -> f64 {
    of_all.as_secs_f64() * 1e9 / PEOPLE as f64
}

fn table(rows: usize, what: &str) -> TableData {
    TableData {
        rows: (0..rows)
            .map(|row| {
                (
                    format!("{} {row}", what.to_lowercase()),
                    format!("{what} No {row}"),
                )
            })
            .collect(),
        case_sensitive: false,
        unmapped: Unmapped::Hold,
    }
}

/// A number that jumps about, the same in every run.
fn scattered(number: usize) -> usize {
    number.wrapping_mul(2_654_435_761) >> 3
}

fn people() -> Vec<Person> {
    (0..PEOPLE)
        .map(|number| person(number, &format!("Site {}", scattered(number) % 100_000)))
        .collect()
}

fn person(number: usize, site: &str) -> Person {
    const GIVEN: &[&str] = &[
        "Jörg",
        "Ana María",
        "Þóra",
        "Liam",
        "Zoë",
        "Łukasz",
        "Olivia",
        "Søren",
    ];
    const FAMILY: &[&str] = &[
        "Müller",
        "O'Brien-Smith",
        "García Márquez",
        "van der Berg",
        "Åström",
        "Nowak",
        "Jones",
        "Đorđević",
    ];
    const TITLES: &[&str] = &[
        "HEAD OF IT",
        "sales manager",
        "Engineer",
        "Clerk of works and services",
    ];
    const CONTRACTS: &[&str] = &["permanent", "permanent", "agency", "freelance", "intern"];
    let at = scattered(number);
    let pick = |from: &[&str], by: usize| Some(Fact::Text(from[at / by % from.len()].into()));
    let text = |text: String| Some(Fact::Text(text.into()));
    let day = jiff::civil::date(2010, 1, 1)
        .checked_add(jiff::Span::new().days(i64::try_from(at % 6_000).unwrap()))
        .unwrap();
    Person {
        key: PersonKey::new(number.to_string()),
        in_scope: true,
        faults: Box::default(),
        held: Box::default(),
        facts: [
            pick(GIVEN, 1),
            pick(FAMILY, 8),
            (at.is_multiple_of(5)).then(|| Fact::Text("Alex".into())),
            pick(TITLES, 3),
            text(format!("Department {}", at % 400)),
            text(site.to_owned()),
            Some(Fact::Integer(i64::try_from(at % 9_000).unwrap())),
            text(format!("020 7946 {:04}", at % 1_000)),
            (at.is_multiple_of(3))
                .then(|| Fact::Text(format!("07700 900{:03}", at % 1_000).into())),
            text(format!("Person.{number}@example.com")),
            Some(Fact::Integer(i64::try_from(number).unwrap())),
            pick(CONTRACTS, 7),
            Some(Fact::Date(day)),
            (at.is_multiple_of(10)).then_some(Fact::Date(day)),
            Some(Fact::DateTime(
                jiff::Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap())
                    .unwrap(),
            )),
            Some(Fact::List(
                ["Rust", "LDAP", "Welding"].map(Into::into).into(),
            )),
            Some(Fact::Boolean(at.is_multiple_of(7))),
            text(format!("North {} b", at % 300)),
        ]
        .into(),
    }
}
