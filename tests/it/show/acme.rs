//! The plan of the example, as a reviewer sees it: the configuration as it is, its people taken in as if read from
//! HaloITSM, its directory as if read over LDAP.

use std::collections::BTreeMap;

use halosync::config::{Config, InputFile, load};
use halosync::model::{
    AttributeId, Completeness, DirectoryHeader, DirectoryIdentity, DirectorySnapshot, Dn, Entry,
    EntryKind, Guid, Name, PeopleHeader, PeopleSnapshot, Values, Verdict, default_schema,
};
use halosync::plan::{self, Action, Plan, PlanFile, PlanInput};
use halosync::render::{MarkdownOptions, TextOptions, plan_markdown, plan_text};
use halosync::snapshot::{DIRECTORY_FORMAT, PEOPLE_FORMAT};
use serde_json::Value;

use super::example::{example, rows, taken_in};
use super::goldens::compare;

fn files(folder: &std::path::Path, found: &mut Vec<InputFile>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let relative = path.strip_prefix(example()).unwrap();
            found.push(InputFile {
                path: relative.to_str().unwrap().replace('\\', "/").into(),
                bytes: std::fs::read(&path).unwrap(),
            });
        }
    }
}

fn config() -> Config {
    let mut found = Vec::new();
    files(&example(), &mut found);
    let loaded = load(found, &|path| {
        Ok(std::fs::read(example().join(path)).unwrap())
    });
    assert_eq!(
        loaded.diagnostics,
        [],
        "the example has nothing to complain about"
    );
    loaded.config.unwrap()
}

fn proven(number: usize) -> Completeness {
    let number = u64::try_from(number).unwrap();
    Completeness {
        pages: 1,
        rows: number,
        distinct: number,
        claimed_total: Some(number),
        reads: 1,
        verdict: Verdict::Proven,
    }
}

fn people() -> PeopleSnapshot {
    let taken = taken_in();
    PeopleSnapshot {
        header: PeopleHeader {
            format: PEOPLE_FORMAT.into(),
            source: Name::new("people"),
            instance: "https://acme.haloitsm.example/api".into(),
            tenant: Some("acme".into()),
            read_at: "2026-11-23T08:59:40Z".parse().unwrap(),
            fields: taken.fields,
            completeness: proven(taken.people.len()),
            rejected: taken.rejected,
            joined: Vec::new(),
        },
        people: taken.people,
    }
}

fn directory(config: &Config) -> DirectorySnapshot {
    let request = plan::requests(config).remove("corp").unwrap();
    let mut names = request.user_attributes.clone();
    for always in [
        "objectSid",
        "objectClass",
        "member",
        "userAccountControl",
        "adminCount",
    ] {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(always)) {
            names.push(always.to_owned());
        }
    }
    let attributes: Vec<_> = names
        .iter()
        .filter_map(|name| default_schema().get(name).cloned())
        .collect();
    let at = |wanted: &str| {
        let found = attributes
            .iter()
            .position(|def| def.name.eq_ignore_ascii_case(wanted))?;
        Some(AttributeId(u16::try_from(found).unwrap()))
    };
    let objects = rows("sandbox/directory.json");
    let mut entries: Vec<Entry> = objects
        .iter()
        .enumerate()
        .map(|(number, object)| {
            let dn = Dn::parse(object["dn"].as_str().unwrap()).unwrap();
            let kind = match object["objectClass"].as_str().unwrap() {
                "user" => EntryKind::User,
                "group" => EntryKind::Group,
                _ => EntryKind::Container,
            };
            let mut found: BTreeMap<u16, Vec<String>> = BTreeMap::new();
            let mut put = |name: &str, values: Vec<String>| {
                if let Some(id) = at(name).filter(|_| !values.is_empty()) {
                    found.insert(id.0, values);
                }
            };
            for (name, value) in object["attributes"].as_object().unwrap() {
                put(name, texts(value));
            }
            put(
                "member",
                object.get("member").map(texts).unwrap_or_default(),
            );
            if kind == EntryKind::User {
                put("cn", vec![dn.rdn().value]);
                let enabled = object["enabled"].as_bool().unwrap();
                put(
                    "userAccountControl",
                    vec![if enabled { "512" } else { "514" }.to_owned()],
                );
            }
            Entry {
                guid: Guid::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap(),
                dn,
                kind,
                deletion: None,
                attributes: found
                    .into_iter()
                    .map(|(id, values)| {
                        let mut values: Vec<_> = values.into_iter().map(Into::into).collect();
                        let values = if values.len() == 1 {
                            Values::One(values.remove(0))
                        } else {
                            Values::Many(values.into_boxed_slice())
                        };
                        (AttributeId(id), values)
                    })
                    .collect(),
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.guid);
    DirectorySnapshot {
        header: DirectoryHeader {
            format: DIRECTORY_FORMAT.into(),
            target: Name::new("corp"),
            identity: DirectoryIdentity {
                domain_guid: Guid::parse("5f0c1a52-7a0b-4c7e-9a55-3c1d2e4f5a6b").unwrap(),
                domain_sid: "S-1-5-21-1004336348-1177238915-682003330".into(),
                naming_context: Dn::parse("DC=corp,DC=example,DC=test").unwrap(),
                domain_controller: "dc1.corp.example.test".into(),
            },
            read_at: "2026-11-23T08:59:41Z".parse().unwrap(),
            attributes,
            unknown_attributes: Vec::new(),
            not_in_catalog: Vec::new(),
            bound_as: None,
            deleted_objects: None,
            completeness: proven(entries.len()),
        },
        objects: entries,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        other => panic!("neither text nor list: {other}"),
    }
}

fn planned() -> PlanFile {
    let config = config();
    let directory = directory(&config);
    let made = plan::build(PlanInput {
        config: &config,
        people: &BTreeMap::from([(Name::new("people"), people())]),
        directories: &BTreeMap::from([(Name::new("corp"), directory)]),
        last_good: None,
        as_of: "2026-11-23T09:00:00Z".parse().unwrap(),
        tool_version: "0.1.0",
        commit: None,
        uncommitted: false,
    })
    .unwrap();
    let mut file = plan::seal(made);
    // The digest is the planner's business; here it would only say that something changed, not what.
    file.digest = "sha256:3f9a2c1b7d5044e6a8f0c1d2e3f40516".into();
    file
}

fn done_to(plan: &Plan, key: &str) -> Vec<&'static str> {
    let mut kinds: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| change.person.key.as_str() == key)
        .map(|change| match change.action {
            Action::Create { .. } => "create",
            Action::Adopt { .. } => "adopt",
            Action::Modify { .. } => "modify",
            Action::Enable { .. } => "enable",
            Action::Disable {} => "disable",
            Action::Rename { .. } => "rename",
            Action::Move { .. } => "move",
            Action::AddMember { .. } => "join",
            Action::RemoveMember { .. } => "leave",
            Action::ResetPassword {} => "resetPassword",
            Action::Delete { .. } => "delete",
            Action::Restore { .. } => "restore",
        })
        .collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn the_plan_shows_what_the_readme_promises() {
    let plan = planned().content;
    assert!(!plan.removals_held);
    // Up to date, trailing spaces in HaloITSM notwithstanding.
    for key in ["1001", "1009", "1022"] {
        assert_eq!(done_to(&plan, key), [""; 0], "{key}");
    }
    for key in [
        "1003", "1004", "1005", "1006", "1007", "1008", "1011", "1013", "1014", "1015", "1020",
    ] {
        assert!(done_to(&plan, key).contains(&"create"), "{key}");
    }
    // Ready before the first day, in no group yet.
    assert_eq!(done_to(&plan, "1029"), ["create"]);
    for key in ["1016", "1017"] {
        let done = done_to(&plan, key);
        for kind in ["disable", "move", "leave"] {
            assert!(done.contains(&kind), "{key}: {done:?}");
        }
    }
    let mover = done_to(&plan, "1027");
    for kind in ["join", "modify", "move"] {
        assert!(mover.contains(&kind), "{mover:?}");
    }
    // The old group goes when the overlap is over.
    assert!(!mover.contains(&"leave"), "{mover:?}");
    let ends = plan.calendar.iter().find(|entry| {
        entry.person.key.as_str() == "1027"
            && entry
                .groups
                .iter()
                .any(|group| group.dn.rdn().value == "Sales Staff")
    });
    assert!(ends.is_some(), "{:?}", plan.calendar);
    assert!(done_to(&plan, "1028").contains(&"rename"));
    assert!(done_to(&plan, "1012").contains(&"modify"));
    assert!(done_to(&plan, "1023").contains(&"adopt"));
    assert!(done_to(&plan, "1026").contains(&"enable"));
    for key in ["1010", "1018", "1019", "1024", "1025", "1030"] {
        let held = plan.held.iter().any(|held| {
            held.person
                .as_ref()
                .is_some_and(|person| person.key.as_str() == key)
        });
        assert!(held, "{key} is not held");
        assert_eq!(done_to(&plan, key), [""; 0], "{key}");
    }
    let text = serde_json::to_string(&plan.changes).unwrap();
    for left_alone in [
        "Break Glass",
        "svc-backup",
        "Jana Gross",
        "VPN Users",
        "Rita Lowe",
    ] {
        assert!(!text.contains(left_alone), "{left_alone}");
    }
}

#[test]
fn the_plan_as_it_is_shown() {
    let file = planned();
    compare("acme.txt", &plan_text(&file, &TextOptions::default()));
    compare(
        "acme.md",
        &plan_markdown(&file, &MarkdownOptions::default()),
    );
}
