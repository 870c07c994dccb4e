//! Probing with the real binary: what is shown, what never is, and how trouble ends.
//!
//! Goldens are `tests/probe/*`. `BLESS=1` writes them anew; look at the difference before committing it.

mod directory;
mod scaffold;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use halosync::sandbox::directory::{DirectoryConfig, DirectorySim, NewEntry};
use halosync::sandbox::halo::{
    CustomValue, ErrorShape, Fault, HaloPerson, HaloSim, On, SimConfig, odd_people, people_from,
};
use halosync::sandbox::people::generate;
use regex::Regex;
use serde_json::Value;

use crate::directory::lab::embedded_config;
use crate::samba::{READER, WRITER};
use crate::support::{Run, assert_golden, halosync};

const SECRET: &str = "canary-client-secret-81b2";
const PEOPLE: &str = "OU=People,DC=corp,DC=example,DC=test";

/// Both simulators, and the example project to look at them with.
struct Lab {
    halo: HaloSim,
    directory: DirectorySim,
    environment: BTreeMap<String, String>,
    dir: tempfile::TempDir,
}

impl Lab {
    async fn new(people: Vec<HaloPerson>) -> Self {
        Self::with(SimConfig {
            people,
            ..SimConfig::default()
        })
        .await
    }

    async fn with(config: SimConfig) -> Self {
        let halo = HaloSim::start(SimConfig {
            client_id: "halosync".to_owned(),
            client_secret: SECRET.to_owned(),
            tenant: Some("acme".to_owned()),
            general_users: false,
            limiter: None,
            ..config
        })
        .await
        .unwrap();
        // Its clock is behind, which probing shows and others put up with.
        let behind = jiff::SignedDuration::from_mins(30);
        let directory = DirectorySim::start(DirectoryConfig {
            tells: Some(crate::support::now() - behind),
            ..embedded_config()
        })
        .await
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme");
        for (path, bytes) in crate::schema::files_below(&example) {
            let to = dir.path().join(&path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, directory.ca_pem()).unwrap();
        let environment = [
            ("HALO_RESOURCE_SERVER", halo.resource_server().to_string()),
            (
                "HALO_AUTHORISATION_SERVER",
                halo.authorisation_server().to_string(),
            ),
            ("HALO_TENANT", "acme".to_owned()),
            ("HALO_CLIENT_ID", "halosync".to_owned()),
            ("HALO_CLIENT_SECRET", SECRET.to_owned()),
            ("CORP_LDAP_SERVER", directory.ldaps_url()),
            ("CORP_CA_FILE", ca.display().to_string()),
            ("CORP_READ_USER", READER.0.to_owned()),
            ("CORP_READ_PASSWORD", READER.1.to_owned()),
            ("CORP_WRITE_USER", WRITER.0.to_owned()),
            ("CORP_WRITE_PASSWORD", WRITER.1.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        Self {
            halo,
            directory,
            environment,
            dir,
        }
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        halosync(self.dir.path(), &self.environment, arguments).await
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.path().join(path), text).unwrap();
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.dir.path().join(path)).unwrap();
        assert!(text.contains(from), "{path} does not hold {from}");
        self.write(path, &text.replace(from, to));
    }
}

/// Forty people, those who make trouble, and one full of what acts elsewhere.
fn people() -> Vec<HaloPerson> {
    let mut people = people_from(&generate(40, 7));
    people.extend(odd_people(2000));
    let mut hostile = HaloPerson {
        emailaddress: Some("eve@example.com".to_owned()),
        phonenumber: Some("+44 20 7946 0999".to_owned()),
        other2: Some("<script>alert(1)</script>".to_owned()),
        ..HaloPerson::new(3000, "\u{1b}[31mEve\u{202e}", &"long".repeat(80))
    };
    hostile
        .extra
        .insert("odd\u{1b}]0;name`".to_owned(), "x".into());
    people.push(hostile);
    people
}

#[track_caller]
fn compare(name: &str, found: &str) {
    assert_golden(&format!("probe/{name}"), found);
}

/// What differs from run to run.
fn settled(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, instead) in [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "MOMENT"),
        (r"S-1-5-21-[0-9-]+", "S-1-5-21-DOMAIN"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "GUID",
        ),
        (r"\(\d+ days\)", "(N days)"),
        // The embedded directory's clock stands still.
        (r"\d{4,} s behind", "N s behind"),
        (r#""certificateDays": \d+"#, r#""certificateDays": N"#),
        (
            r#""clockOffsetSeconds": -?\d+"#,
            r#""clockOffsetSeconds": N"#,
        ),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, instead)
            .into_owned();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_shown_as_text_and_json_and_yaml() {
    let lab = Lab::new(people()).await;
    let text = lab.run(&["probe", "source", "people"]).await.expect(0);
    compare("source.txt", &settled(&text.stdout));
    assert!(text.stderr.contains("looked at 48 rows"), "{}", text.stderr);

    let json = lab
        .run(&["-q", "probe", "source", "people", "--format", "json"])
        .await
        .expect(0);
    assert_eq!(json.stderr, "");
    compare("source.json", &settled(&json.stdout));
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_matches_schema("probe-source", &report);

    let yaml = lab
        .run(&[
            "probe",
            "source",
            "people",
            "--format",
            "yaml",
            "--out",
            "found.yaml",
        ])
        .await
        .expect(0);
    assert_eq!(yaml.stdout, "");
    let written = std::fs::read_to_string(lab.dir.path().join("found.yaml")).unwrap();
    let mut again: Value = serde_yaml::from_str(&written).unwrap();
    again["probedAt"] = report["probedAt"].clone();
    assert_eq!(again["lists"], report["lists"]);
}

fn assert_matches_schema(name: &str, report: &Value) {
    let schema = halosync::cli::schema::files()
        .into_iter()
        .find(|(path, _)| *path == format!("{name}.schema.json"))
        .unwrap()
        .1;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_neither_secrets_nor_values_are_shown_until_asked_for() {
    let mut everyone = people();
    everyone.push(HaloPerson {
        emailaddress: Some("zyxwq.vutsr@qponm.test".to_owned()),
        phonenumber: Some("+998877665544".to_owned()),
        other1: Some("QXJ90817".to_owned()),
        customfields: vec![CustomValue::text("CFsecretly", "Wqzxvk")],
        ..HaloPerson::new(4000, "Xqzwvara", "Kjhgfdsson")
    });
    let lab = Lab::new(everyone).await;
    let canaries = ["zyxw", "qponm", "9988", "QXJ9", "Wqzx", "Xqzw", "Kjhg"];
    for format in ["text", "json", "yaml"] {
        let run = lab
            .run(&[
                "-v", "probe", "source", "people", "--all", "--format", format,
            ])
            .await
            .expect(0);
        let all = format!("{}{}", run.stdout, run.stderr);
        for canary in canaries {
            assert!(!all.contains(canary), "{canary} in {format}:\n{all}");
        }
        assert!(!all.contains(SECRET), "{all}");
        assert!(!all.contains("eyJ"), "a token: {all}");
        assert!(
            !all.contains('\u{1b}') && !all.contains('\u{202e}'),
            "{all}"
        );
    }
    let shown = lab
        .run(&["probe", "source", "people", "--all", "--show-values"])
        .await
        .expect(0);
    assert!(shown.stderr.contains("real values"), "{}", shown.stderr);
    assert!(shown.stdout.contains("values"), "{}", shown.stdout);
    assert!(!shown.stdout.contains('\u{1b}') && !shown.stdout.contains('\u{202e}'));
    let first = lab.halo.state().ids()[0];
    let name = lab.halo.state().person(first).unwrap().name;
    assert!(shown.stdout.contains(&name), "{name}:\n{}", shown.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_run_of_four_of_any_value_is_in_the_shapes() {
    let lab = Lab::new(people()).await;
    let run = lab
        .run(&["probe", "source", "people", "--all", "--format", "json"])
        .await
        .expect(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut runs = BTreeSet::new();
    let four = Regex::new(r"[\p{L}\p{N}]{4,}").unwrap();
    for id in lab.halo.state().ids() {
        let person = lab.halo.state().person(id).unwrap();
        let values = format!("{person:?}");
        for found in four.find_iter(&values) {
            let chars: Vec<char> = found.as_str().chars().collect();
            runs.extend(chars.windows(4).map(|four| four.iter().collect::<String>()));
        }
    }
    assert!(runs.len() > 500);
    let mut looked_at = 0;
    for list in report["lists"].as_array().unwrap() {
        for field in list["fields"].as_array().unwrap() {
            for example in field["examples"].as_array().unwrap() {
                let example = example.as_str().unwrap();
                looked_at += 1;
                if example == "true" || example == "false" {
                    continue;
                }
                assert!(!runs.iter().any(|run| example.contains(run)), "{example}");
            }
        }
    }
    assert!(looked_at > 40, "{looked_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_and_bounded() {
    let lab = Lab::new(people_from(&generate(450, 3))).await;
    let read = |run: Run| -> Value { serde_json::from_str(&run.stdout).unwrap() };
    let all = read(
        lab.run(&["probe", "source", "people", "--all", "--format", "json"])
            .await
            .expect(0),
    );
    assert_eq!(all["lists"][0]["rows"], 450);
    assert_eq!(all["lists"][0]["pages"], 5);
    assert_eq!(all["lists"][0]["whole"], true);
    assert_eq!(all["limits"]["fullReadRequests"], 6);
    assert_eq!(all["cost"]["requests"], lab.halo.state().requests());

    let before = lab.halo.state().requests();
    let few = lab
        .run(&[
            "probe",
            "source",
            "people",
            "--all",
            "--max-requests",
            "5",
            "--format",
            "json",
        ])
        .await
        .expect(0);
    let few = read(few);
    assert_eq!(lab.halo.state().requests() - before, 5);
    assert_eq!(few["cost"]["requests"], 5);
    // The token, then people.
    assert_eq!(few["lists"][0]["rows"], 400);
    assert!(codes(&few).contains("probe-budget-spent"));

    // Too few to look at anybody: nothing is said of a list nobody asked for.
    let none = lab
        .run(&[
            "probe",
            "source",
            "people",
            "--max-requests",
            "1",
            "--format",
            "json",
        ])
        .await
        .expect(0);
    let none = read(none);
    assert!(codes(&none).contains("probe-budget-spent"));
    assert!(!codes(&none).contains("probe-empty-list"));

    let sampled = read(
        lab.run(&[
            "probe", "source", "people", "--sample", "30", "--format", "json",
        ])
        .await
        .expect(0),
    );
    assert_eq!(sampled["lists"][0]["rows"], 30);
    assert_eq!(sampled["lists"][0]["pages"], 1);
    assert_eq!(sampled["lists"][0]["whole"], false);
}

fn codes(report: &Value) -> BTreeSet<String> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_worth_attention_is_found() {
    let mut everyone: Vec<HaloPerson> = people_from(&generate(250, 5))
        .into_iter()
        .map(|person| HaloPerson {
            inactive: false,
            activedirectory_dn: Some(format!("CN={},DC=example,DC=test", person.name)),
            date_of_birth: Some("1990-06-01T23:00:00".to_owned()),
            ..person
        })
        .collect();
    everyone[1].emailaddress = everyone[0].emailaddress.clone();
    everyone[2].other1 = None;
    let lab = Lab::with(SimConfig {
        people: everyone,
        cap: halosync::sandbox::halo::Cap::Rows(50),
        ..SimConfig::default()
    })
    .await;
    lab.edit(
        "sources/people.yaml",
        "[\"read:customers\"]",
        "[all, admin]",
    );
    // Requests of the API, in their order: five pages, AuthInfo, InstanceInfo, three details, both importers.
    let state = lab.halo.state();
    let body = |text: &str| Fault::Body(text.to_owned());
    let other = r#"{"auth_url": "https://other.example/auth", "tenant_id": "other"}"#;
    state.fault_at(On::Api, 6, body(other));
    state.fault_at(On::Api, 11, body(r#"[{"id": 1, "name": "corp"}]"#));
    let denied = Fault::Status(403, ErrorShape::Message, "You may not".to_owned());
    state.fault_at(On::Api, 12, denied);
    lab.edit("sources/people.yaml", "users.other4", "users.others4");
    lab.edit(
        "sources/people.yaml",
        "        include_custom_fields: \"201,202,203\"\n",
        "",
    );
    let run = lab
        .run(&["probe", "source", "people", "--all", "--format", "json"])
        .await
        .expect(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let found = codes(&report);
    for code in [
        "probe-detail-only",
        "probe-email-shared",
        "probe-field-not-delivered",
        "probe-importer-active",
        "probe-importer-traces",
        "probe-importer-unknown",
        "probe-other-authorisation-server",
        "probe-other-tenant",
        "probe-more-rights-than-needed",
        "probe-no-custom-fields",
        "probe-no-inactive",
        "probe-not-unique",
        "probe-page-capped",
        "probe-required-empty",
        "probe-shifted-midnights",
    ] {
        assert!(found.contains(code), "{code} is not among {found:?}");
    }
    assert_eq!(
        report["authorisation"]["moreThanNeeded"],
        serde_json::json!(["admin", "all"])
    );
    let weights: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["weight"].as_str().unwrap())
        .collect();
    assert!(
        weights.is_sorted_by(|a, b| !(*a == "hint" && *b == "warning")),
        "{weights:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_has_the_documented_codes() {
    let lab = Lab::new(people()).await;
    let probe = ["probe", "source", "people"];
    let state = lab.halo.state();

    let mut wrong = lab.environment.clone();
    wrong.insert(
        "HALO_CLIENT_SECRET".to_owned(),
        "wrong-canary-9f".to_owned(),
    );
    let run = halosync(lab.dir.path(), &wrong, &probe).await.expect(77);
    assert!(
        run.stderr.contains("client secret is wrong"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("wrong-canary"), "{}", run.stderr);
    assert_eq!(run.stdout, "");

    state.clear_faults();
    let denied = Fault::Status(403, ErrorShape::Message, "You may not".to_owned());
    state.fault_from(On::Api, 1, denied);
    let run = lab.run(&probe).await.expect(77);
    assert!(run.stderr.contains("read:customers"), "{}", run.stderr);

    state.clear_faults();
    let unauthorised = Fault::Status(401, ErrorShape::Plain, "Unauthorized".to_owned());
    state.fault_from(On::Api, 1, unauthorised);
    lab.run(&probe).await.expect(77);

    state.clear_faults();
    state.fault_from(On::Api, 1, Fault::Html200);
    let run = lab.run(&probe).await.expect(69);
    assert!(run.stderr.contains("maintenance"), "{}", run.stderr);

    state.clear_faults();
    for id in state.ids() {
        state.remove(id);
    }
    let run = lab.run(&probe).await.expect(69);
    assert!(run.stdout.contains("probe-empty-list"), "{}", run.stdout);

    let run = lab.run(&["probe", "source", "peple"]).await.expect(64);
    assert!(run.stderr.contains("there is people"), "{}", run.stderr);
    lab.run(&["probe", "source", "people", "--all", "--sample", "3"])
        .await
        .expect(64);
    lab.write("notes.txt", "my notes");
    let run = lab
        .run(&["probe", "source", "people", "--out", "notes.txt"])
        .await
        .expect(64);
    assert!(run.stderr.contains("not overwritten"), "{}", run.stderr);
}

#[test]
fn every_finding_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/probe.md");
    let page = std::fs::read_to_string(page).unwrap();
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|code| code.starts_with("probe-"))
        .collect();
    let codes: BTreeSet<&str> = halosync::inventory::findings::CODES
        .iter()
        .copied()
        .collect();
    assert_eq!(documented, codes);
}
