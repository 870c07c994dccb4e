//! How long a plan takes, against only parsing the two recorded snapshots it is made from.
//!
//! `cargo bench --bench plan -- 100000` generates the recordings of that many people with 25 fields each and as many
//! accounts, 5 % of which change, under `target/tmp`, and then measures in child processes of its own: parsing
//! alone, and the whole way from the files to the plan's bytes. `-- --roles 100000` adds a template for each
//! department, addresses merged from two sides and a rule that speaks of the account. Figures are kept in
//! `docs/performance.md`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark reports on the terminal and stops where it fails"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use halosync::config::{Config, DataError, InputFile, load};
use halosync::model::{DirectorySnapshot, Name, PeopleSnapshot};
use halosync::plan::{PlanInput, build, seal, to_bytes};
use halosync::snapshot::{read_directory, read_people};

const RUNS: usize = 7;
const BASE: &str = "DC=corp,DC=example,DC=test";
const DEPARTMENTS: usize = 20;

/// Field of a person and the attribute it becomes.
const FIELDS: &[(&str, &str)] = &[
    ("givenName", "givenName"),
    ("surname", "sn"),
    ("initials", "initials"),
    ("title", "title"),
    ("department", "department"),
    ("company", "company"),
    ("division", "division"),
    ("office", "physicalDeliveryOfficeName"),
    ("street", "streetAddress"),
    ("city", "l"),
    ("county", "st"),
    ("postcode", "postalCode"),
    ("country", "co"),
    ("phone", "telephoneNumber"),
    ("mobile", "mobile"),
    ("fax", "facsimileTelephoneNumber"),
    ("homePhone", "homePhone"),
    ("pager", "pager"),
    ("email", "mail"),
    ("payroll", "employeeNumber"),
    ("kind", "employeeType"),
    ("notes", "info"),
    ("web", "wWWHomePage"),
];

fn main() {
    let (options, arguments): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .partition(|argument| argument.starts_with("--"));
    let roles = match options.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--roles"] => true,
        _ => panic!("the only option is --roles"),
    };
    match arguments.first().map(String::as_str) {
        Some("parse") => child(Path::new(&arguments[1]), None),
        Some("plan") => child(Path::new(&arguments[1]), Some(&config(roles))),
        sizes => {
            if sizes.is_none() {
                measure(100_000, roles);
            }
            for size in &arguments {
                let size = size.replace('_', "");
                let people = size
                    .parse()
                    .unwrap_or_else(|_| panic!("{size} is no number of people"));
                measure(people, roles);
            }
        }
    }
}

fn measure(people: usize, roles: bool) {
    let name = if roles { "roles" } else { "plan" };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{people}"));
    generate(&folder, people, roles);
    let size = |name: &str| std::fs::metadata(folder.join(name)).unwrap().len() / 1_000_000;
    println!(
        "{people} people, 25 fields, {} MB; {people} accounts, {} MB",
        size("people.jsonl"),
        size("directory.jsonl")
    );
    let (parse, parse_peak, _) = runs("parse", &folder, roles);
    let (plan, plan_peak, found) = runs("plan", &folder, roles);
    println!("  parse  {parse:>8.1} ms  peak {parse_peak:>5} MB");
    println!("  plan   {plan:>8.1} ms  peak {plan_peak:>5} MB  {found}");
    println!("  ratio  {:>8.2}", plan / parse);
}

/// Median milliseconds, greatest peak in MB, and what the last run found.
fn runs(mode: &str, folder: &Path, roles: bool) -> (f64, u64, String) {
    let mut times = Vec::new();
    let mut peak = 0;
    let mut found = String::new();
    for _ in 0..RUNS {
        let output = Command::new(std::env::current_exe().unwrap())
            .arg(mode)
            .arg(folder)
            .args(roles.then_some("--roles"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines();
        times.push(lines.next().unwrap().parse::<f64>().unwrap());
        peak = peak.max(lines.next().unwrap().parse::<u64>().unwrap());
        found = lines.next().unwrap_or_default().to_owned();
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], peak, found)
}

fn child(folder: &Path, config: Option<&Config>) {
    let begun = Instant::now();
    let people = read(folder, "people.jsonl", |bytes| read_people(bytes).unwrap());
    let directory = read(folder, "directory.jsonl", |bytes| {
        read_directory(bytes).unwrap()
    });
    let found = match config {
        Some(config) => plan(config, people, directory, begun),
        None => {
            std::mem::forget((people, directory));
            String::new()
        }
    };
    println!("{:.1}", begun.elapsed().as_secs_f64() * 1000.0);
    println!("{}\n{found}", peak());
}

fn read<T>(folder: &Path, name: &str, parse: impl Fn(&[u8]) -> T) -> T {
    parse(&std::fs::read(folder.join(name)).unwrap())
}

fn plan(
    config: &Config,
    people: PeopleSnapshot,
    directory: DirectorySnapshot,
    begun: Instant,
) -> String {
    let parsed = begun.elapsed();
    let people = BTreeMap::from([(Name::new("people"), people)]);
    let directories = BTreeMap::from([(Name::new("corp"), directory)]);
    let plan = build(PlanInput {
        config,
        people: &people,
        directories: &directories,
        last_good: None,
        as_of: "2026-11-23T10:00:00Z".parse().unwrap(),
        tool_version: "bench",
        commit: None,
        uncommitted: false,
    })
    .unwrap();
    let built = begun.elapsed();
    let counts = plan.counts;
    let found = format!(
        "{} changes, {} held, {} unchanged",
        plan.changes.len(),
        plan.held.len(),
        counts.unchanged
    );
    let bytes = to_bytes(&seal(plan));
    let sealed = begun.elapsed();
    std::mem::forget((people, directories));
    let milliseconds = |span: std::time::Duration| span.as_secs_f64() * 1000.0;
    format!(
        "{found}, {:.1} MB (parse {:.0}, build {:.0}, seal {:.0} ms)",
        bytes.len() as f64 / 1e6,
        milliseconds(parsed),
        milliseconds(built - parsed),
        milliseconds(sealed - built)
    )
}

/// Most memory this process ever had, in MB; 0 where the system does not tell.
fn peak() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes / 1000)
}

fn config(roles: bool) -> Config {
    let mut fields = String::new();
    let mut attributes = String::new();
    for (field, attribute) in FIELDS {
        writeln!(
            fields,
            "      {field}: {{from: \"customField('CF{field}')\"}}"
        )
        .unwrap();
        writeln!(
            attributes,
            "    {attribute}: {{value: \"{{{{ person.{field} }}}}\", empty: clear}}"
        )
        .unwrap();
    }
    if roles {
        attributes.push_str(SPEAKING);
    }
    let mut text = CONFIG
        .replace("FIELDS\n", &fields)
        .replace("ATTRIBUTES\n", &attributes);
    for number in (0..DEPARTMENTS).filter(|_| roles) {
        text.push_str(&ROLE.replace("NUMBER", &format!("{number:02}")));
    }
    let loaded = load(
        vec![InputFile {
            path: "halosync.yaml".into(),
            bytes: text.into_bytes(),
        }],
        &|_| Err(DataError::Missing),
    );
    loaded
        .config
        .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

const CONFIG: &str = r#"apiVersion: halosync/v1
kind: Project
metadata: {name: bench}
spec:
  timeZone: Europe/London
  initialPasswords: {recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}
---
apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  preset: haloitsm
  resourceServer: https://halo.example.test/api
  authorisationServer: https://halo.example.test/auth
  auth: {oauth2: {clientId: {env: HALO_CLIENT_ID}, clientSecret: {env: HALO_CLIENT_SECRET}}}
  endpoints:
    users: {path: /Users, query: {include_custom_fields: "1,2"}}
  person:
    fields:
      number: {from: "customField('CFnumber')", required: hold, unique: true}
      managerKey: {from: "customField('CFmanager')"}
FIELDS
---
apiVersion: halosync/v1
kind: ActiveDirectory
metadata: {name: corp}
spec:
  servers: ["ldaps://dc1.corp.example.test"]
  read: {simple: {user: {env: AD_READ_USER}, password: {env: AD_READ_PASSWORD}}}
  write: {simple: {user: {env: AD_WRITE_USER}, password: {env: AD_WRITE_PASSWORD}}}
  base: DC=corp,DC=example,DC=test
  managed: {under: ["OU=People,DC=corp,DC=example,DC=test"]}
---
apiVersion: halosync/v1
kind: Lifecycle
metadata: {name: employees}
spec:
  source: people
  target: corp
  inactive: never
  absent: report
  outOfScope: report
  states:
    - name: leaver
      when: "person.kind == 'Left'"
      account: {enabled: false, placement: "OU=Leavers,OU=People,DC=corp,DC=example,DC=test", groups: remove}
    - name: active
      account: {enabled: true}
---
apiVersion: halosync/v1
kind: Mapping
metadata: {name: employees}
spec:
  source: people
  target: corp
  match:
    anchor: {attribute: employeeID, value: "{{ person.number }}"}
    adopt: [{attribute: mail, value: "{{ person.email }}"}]
  placement: "OU={{ person.department }},OU=People,DC=corp,DC=example,DC=test"
  attributes:
ATTRIBUTES
    displayName: "{{ person.givenName }} {{ person.surname }}"
    manager: {person: "{{ person.managerKey }}", empty: clear}
    cn:
      unique: ["{{ person.givenName }} {{ person.surname }}"]
      numbered: true
    sAMAccountName:
      when: onCreate
      unique: ["{{ person.givenName | latin('de') | first | lower }}{{ person.surname | latin('de') | lower }}"]
      numbered: true
    userPrincipalName:
      when: onCreate
      unique: ["{{ person.givenName | latin('de') | lower }}.{{ person.surname | latin('de') | lower }}@corp.example.test"]
      numbered: true
---
apiVersion: halosync/v1
kind: Groups
metadata: {name: departments}
spec:
  source: people
  target: corp
  rules:
    - group: "CN={{ person.department }} staff,OU=People,DC=corp,DC=example,DC=test"
      mode: managed
"#;

/// What the mapping says besides about an account that has addresses.
const SPEAKING: &str = r#"    proxyAddresses: {values: ["smtp:{{ account.userPrincipalName }}"], when: merge}
"#;

/// The template of a department.
const ROLE: &str = r#"---
apiVersion: halosync/v1
kind: Template
metadata: {name: department-NUMBER}
spec:
  mapping: employees
  when: person.department == 'Department NUMBER'
  priority: 10
  attributes:
    division: {value: "{{ person.division }}", empty: clear}
    proxyAddresses: {value: "smtp:{{ person.payroll | lower }}@department-NUMBER.example.test", when: merge}
"#;

/// One person of the generated many; the same number gives the same person.
struct Somebody {
    facts: Vec<(&'static str, String)>,
    name: String,
    department: String,
}

fn somebody(number: usize) -> Somebody {
    const GIVEN: &[&str] = &[
        "Jane",
        "John",
        "Anne-Marie",
        "Łukasz",
        "Sam",
        "Priya",
        "Mohammed",
        "Chloé",
        "Björn",
        "Wei",
    ];
    const SURNAME: &[&str] = &[
        "Doe", "Smith", "O'Brien", "Kowalski", "Patel", "Müller", "García", "Nguyen", "Larsen",
    ];
    let mut mixed = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 29;
    let pick = |list: &[&str], salt: u64| {
        let at = (mixed.wrapping_mul(salt * 2 + 1) >> 40) as usize % list.len();
        list[at].to_owned()
    };
    let given = pick(GIVEN, 3);
    // Most surnames are rare: a suffix stands for that.
    let surname = format!("{} {}", pick(SURNAME, 5), base26(number / 7));
    let department = format!("Department {:02}", (mixed >> 20) as usize % DEPARTMENTS);
    let value = |field: &str| match field {
        "givenName" => given.clone(),
        "surname" => surname.clone(),
        "initials" => given.chars().take(1).collect(),
        "title" => format!("Senior Specialist Grade {}", mixed % 37),
        "department" => department.clone(),
        "company" => "Example Holdings plc".to_owned(),
        "division" => format!("Division {}", mixed % 9),
        "office" => format!("Building {} Floor {}", mixed % 23, mixed % 5),
        "street" => format!("{} High Street", mixed % 400 + 1),
        "city" => pick(&["London", "Manchester", "Leeds", "Cardiff", "Glasgow"], 7),
        "county" => pick(
            &["Greater London", "Lancashire", "Yorkshire", "Glamorgan"],
            9,
        ),
        "postcode" => format!("E{} {}AB", mixed % 20, mixed % 9),
        "country" => "United Kingdom".to_owned(),
        "phone" => format!("+44 20 7946 {:04}", number % 10_000),
        "mobile" => format!("+44 7700 900{:03}", number % 1000),
        "fax" => format!("+44 20 7946 {:04}", (number + 1) % 10_000),
        "homePhone" => format!("+44 161 496 {:04}", number % 10_000),
        "pager" => format!("{}", number % 100_000),
        "email" => format!("person{number}@example.test"),
        "payroll" => format!("PAY-{number:08}"),
        "kind" => "Permanent".to_owned(),
        "notes" => format!(
            "Works from {} on alternate weeks",
            pick(&["home", "the office"], 11)
        ),
        "web" => format!("https://people.example.test/{number}"),
        other => panic!("no value for {other}"),
    };
    Somebody {
        facts: FIELDS
            .iter()
            .map(|(field, _)| (*field, value(field)))
            .collect(),
        name: format!("{given} {surname}"),
        department,
    }
}

fn base26(mut number: usize) -> String {
    let mut text = String::new();
    loop {
        text.insert(0, char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
        if number == 0 {
            return text;
        }
    }
}

fn generate(folder: &Path, people: usize, roles: bool) {
    std::fs::create_dir_all(folder).unwrap();
    let proof = format!(
        r#"{{"pages":1,"rows":{people},"distinct":{people},"claimedTotal":{people},"reads":1,"verdict":{{"is":"proven"}}}}"#
    );
    let mut source = r#"{"format":"halosync/people/v1","source":"people","instance":"https://halo.example.test/api","tenant":null,"readAt":"2026-11-23T09:00:00Z","fields":["#.to_owned();
    for name in ["number", "managerKey"]
        .iter()
        .chain(FIELDS.iter().map(|(field, _)| field))
    {
        if !source.ends_with('[') {
            source.push(',');
        }
        write!(
            source,
            r#"{{"name":"{name}","type":"text","delivered":true}}"#
        )
        .unwrap();
    }
    write!(source, r#"],"completeness":{proof},"rejected":[]}}"#).unwrap();
    source.push('\n');
    let mut target = format!(
        r#"{{"format":"halosync/directory/v1","target":"corp","identity":{{"domainGuid":"00000000-0000-0000-0000-000000000001","domainSid":"S-1-5-21-1-2-3","namingContext":"{BASE}","domainController":"dc1.corp.example.test"}},"readAt":"2026-11-23T09:00:00Z","attributes":["#
    );
    let schema = halosync::model::default_schema();
    let own = [
        "cn",
        "displayName",
        "employeeID",
        "manager",
        "member",
        "sAMAccountName",
        "userAccountControl",
        "userPrincipalName",
    ];
    for name in own
        .iter()
        .chain(roles.then_some(&"proxyAddresses"))
        .chain(FIELDS.iter().map(|(_, attribute)| attribute))
    {
        if !target.ends_with('[') {
            target.push(',');
        }
        target.push_str(&serde_json::to_string(schema.get(name).unwrap()).unwrap());
    }
    write!(
        target,
        r#"],"unknownAttributes":["adminCount","isCriticalSystemObject","objectSid","primaryGroupID"],"boundAs":null,"completeness":{proof}}}"#
    )
    .unwrap();
    target.push('\n');
    let mut objects: Vec<String> = Vec::with_capacity(people + 64);
    let place = |number: usize, dn: String| {
        format!(
            r#"{{"guid":"00000000-0000-0000-0000-{number:012x}","dn":"{dn}","kind":"container","attributes":{{}}}}"#
        )
    };
    objects.push(place(1, BASE.to_owned()));
    objects.push(place(2, format!("OU=People,{BASE}")));
    objects.push(place(3, format!("OU=Leavers,OU=People,{BASE}")));
    for number in 0..DEPARTMENTS {
        objects.push(place(
            10 + number,
            format!("OU=Department {number:02},OU=People,{BASE}"),
        ));
    }
    let mut taken = std::collections::HashSet::new();
    let mut members: Vec<Vec<String>> = vec![Vec::new(); DEPARTMENTS];
    let mut accounts: Vec<(usize, Somebody, String)> = Vec::with_capacity(people);
    let mut dns: Vec<String> = Vec::with_capacity(people);
    for number in 1..=people {
        let person = somebody(number);
        let mut cn = person.name.clone();
        let mut tries = 1;
        while !taken.insert((cn.to_lowercase(), person.department.clone())) {
            tries += 1;
            cn = format!("{} {tries}", person.name);
        }
        let dn = format!("CN={cn},OU={},OU=People,{BASE}", person.department);
        dns.push(dn);
        accounts.push((number, person, cn));
    }
    for (number, person, cn) in &accounts {
        let manager = number / 10;
        // Of two hundred: eight have another title, one has left, one is new.
        let change = number % 200;
        write!(
            source,
            r#"{{"key":"{number}","facts":{{"number":"E{number}""#
        )
        .unwrap();
        if manager > 0 {
            write!(source, r#","managerKey":"{manager}""#).unwrap();
        }
        for (field, value) in &person.facts {
            let value = match (*field, change) {
                ("title", 11 | 37 | 73 | 87 | 111 | 137 | 173 | 187) => "Principal Specialist",
                ("kind", 50) => "Left",
                _ => value.as_str(),
            };
            write!(
                source,
                r#","{field}":{}"#,
                serde_json::to_string(value).unwrap()
            )
            .unwrap();
        }
        source.push_str("}}\n");
        if change == 90 {
            continue;
        }
        let dn = &dns[number - 1];
        let department: usize = person.department[11..].parse().unwrap();
        members[department].push(dn.clone());
        let mut object = format!(
            r#"{{"guid":"00000000-0000-0001-0000-{number:012x}","dn":{},"kind":"user","attributes":{{"cn":{},"displayName":{},"employeeID":"E{number}""#,
            serde_json::to_string(dn).unwrap(),
            serde_json::to_string(cn).unwrap(),
            serde_json::to_string(&person.name).unwrap(),
        );
        if manager > 0 && manager % 200 != 90 {
            write!(
                object,
                r#","manager":{}"#,
                serde_json::to_string(&dns[manager - 1]).unwrap()
            )
            .unwrap();
        }
        write!(object, r#","sAMAccountName":"user{number}","userAccountControl":"512","userPrincipalName":"user{number}@corp.example.test""#).unwrap();
        if roles {
            write!(
                object,
                r#","proxyAddresses":["SMTP:person{number}@example.test","smtp:pay-{number:08}@department-{department:02}.example.test","smtp:user{number}@corp.example.test"]"#
            )
            .unwrap();
        }
        for ((_, value), (_, attribute)) in person.facts.iter().zip(FIELDS) {
            write!(
                object,
                r#","{attribute}":{}"#,
                serde_json::to_string(value).unwrap()
            )
            .unwrap();
        }
        object.push_str("}}");
        objects.push(object);
    }
    for (number, members) in members.iter().enumerate() {
        objects.push(format!(
            r#"{{"guid":"00000000-0000-0002-0000-{number:012x}","dn":"CN=Department {number:02} staff,OU=People,{BASE}","kind":"group","attributes":{{"member":{}}}}}"#,
            serde_json::to_string(members).unwrap()
        ));
    }
    for object in objects {
        target.push_str(&object);
        target.push('\n');
    }
    std::fs::write(folder.join("people.jsonl"), source).unwrap();
    std::fs::write(folder.join("directory.jsonl"), target).unwrap();
}
