//! What plans promise for any people, any directory and any policy: limits, hard stops, links, exceptions, stamps, missing
//! people, modes of groups and privileged ones, all at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use halosync::config::{Config, kinds};
use halosync::model::{
    AttributeDef, AttributeId, DirectorySnapshot, EntryKind, Guid, PeopleSnapshot, Syntax, Values,
    Verdict,
};
use halosync::plan::{Action, Change, Plan, lint, seal, to_bytes};
use proptest::prelude::*;
use serde_json::json;

use super::applied::apply;
use super::guards::document;
use super::properties::{account, shuffle, somebody, world};
use super::{config_of, golden_root, plan};

const STAMP: &str = "extensionAttribute15";
const STAMPS: &[&str] = &[
    "halosync: absent since 2026-11-20T10:00:00Z",
    "halosync: absent since 2026-06-01T10:00:00Z",
    "halosync: leaver since 2026-11-20T10:00:00Z",
    "halosync: leaver since 2026-06-01T10:00:00Z",
    "halosync: leaver since 2026-06-01T10:00:00Z, absent since 2026-07-01T10:00:00Z",
    "written by hand",
];
const EXCEPTIONS: &[&str] = &["everything", "title", "set", "clear", "stop"];

#[derive(Debug, Clone)]
struct Policy {
    /// Person and account, each by number.
    links: BTreeMap<u32, usize>,
    forbidden: BTreeMap<u32, usize>,
    /// Which, and whether its last day is over.
    exceptions: BTreeMap<u32, (&'static str, bool)>,
    stamps: Vec<Option<&'static str>>,
    absent: &'static str,
    /// People of one mail address are one person.
    records: bool,
    mode: &'static str,
    privileged: bool,
    emergency: usize,
    minimum: usize,
    disabled: usize,
    waived: Option<usize>,
    on_breach: &'static str,
}

fn policy() -> impl Strategy<Value = Policy> {
    (
        (
            prop::collection::btree_map(1u32..9, 0usize..8, 0..3),
            prop::collection::btree_map(1u32..9, 0usize..8, 0..2),
            prop::collection::btree_map(
                1u32..9,
                (prop::sample::select(EXCEPTIONS), prop::bool::weighted(0.2)),
                0..4,
            ),
            prop::collection::vec(prop::option::weighted(0.4, prop::sample::select(STAMPS)), 8),
        ),
        (
            prop::sample::select(&["report", "holdForReview", "leaver"][..]),
            any::<bool>(),
        ),
        prop::sample::select(&["additive", "managed", "exclusive"][..]),
        any::<bool>(),
        (
            0usize..20,
            0usize..4,
            0usize..4,
            prop::option::of(0usize..5),
        ),
        prop::sample::select(&["holdClass", "holdRemovals", "holdAll"][..]),
    )
        .prop_map(
            |(
                people,
                (absent, records),
                mode,
                privileged,
                (emergency, minimum, disabled, waived),
                on_breach,
            )| {
                let (links, forbidden, exceptions, stamps) = people;
                Policy {
                    links,
                    forbidden,
                    exceptions,
                    stamps,
                    absent,
                    records,
                    mode,
                    privileged,
                    emergency,
                    minimum,
                    disabled,
                    waived,
                    on_breach,
                }
            },
        )
}

fn guid(account: usize) -> Guid {
    Guid::parse(&format!("b{account:031x}")).unwrap()
}

impl Policy {
    /// The configuration; lists of documents can come the other way round.
    fn config(&self, backwards: bool) -> Config {
        let mut config = config_of(&golden_root().join("groups/config"));
        let order = |mut all: Vec<serde_json::Value>| {
            if backwards {
                all.reverse();
            }
            all
        };
        for directory in config.directories.values_mut() {
            let stamp = json!({"attribute": STAMP});
            directory.spec.stamp = Some(serde_json::from_value(stamp).unwrap());
        }
        for source in config.sources.values_mut().filter(|_| self.records) {
            let same = json!({"by": "{{ person.email }}", "prefer": ["person.title == 'Clerk'", "not person.inactive"]});
            source.spec.person.same_person = Some(serde_json::from_value(same).unwrap());
        }
        for lifecycle in config.lifecycles.values_mut() {
            let absent = match self.absent {
                "leaver" => json!({"leaver": {"after": "14d", "state": "leaver"}}),
                other => json!(other),
            };
            lifecycle.spec.absent = serde_json::from_value(absent).unwrap();
        }
        let privileged: &[&str] = if self.privileged {
            &["CN=Operators,OU=Groups,DC=corp,DC=example,DC=test"]
        } else {
            &[]
        };
        let rules = vec![
            json!({"group": "CN=All Staff,OU=Groups,DC=corp,DC=example,DC=test"}),
            json!({"group": "CN=Sales,OU=Groups,DC=corp,DC=example,DC=test", "when": "person.department == 'Sales'", "mode": self.mode}),
            json!({"group": "CN=Operators,OU=Groups,DC=corp,DC=example,DC=test", "when": "person.department == 'Research'", "mode": self.mode}),
        ];
        config.groups = BTreeMap::from([document::<kinds::Groups>(
            "membership",
            json!({"source": "people", "target": "corp", "rules": rules, "privileged": privileged}),
        )]);
        let link = |(person, account): (&u32, &usize)| json!({"person": person, "account": guid(*account).to_string(), "reason": "r"});
        config.links = BTreeMap::from([document::<kinds::Links>(
            "settled",
            json!({"source": "people", "target": "corp",
                "links": order(self.links.iter().map(link).collect()),
                "forbidden": order(self.forbidden.iter().map(link).collect())}),
        )]);
        let exceptions = self.exceptions.iter().map(|(person, (what, over))| {
            let mut exception = json!({
                "person": person, "owner": "o", "reason": "r", "ticket": "t",
                "expires": if *over { "2026-11-22" } else { "2027-11-23" },
            });
            let (key, value) = match *what {
                "everything" => ("exempt", json!("everything")),
                "title" => ("exempt", json!(["title"])),
                "set" => ("set", json!({"title": "Acting"})),
                "clear" => ("set", json!({"title": null})),
                _ => ("stop", json!(true)),
            };
            exception[key] = value;
            exception
        });
        config.exceptions = BTreeMap::from([document::<kinds::Exceptions>(
            "people",
            json!({"source": "people", "target": "corp", "exceptions": order(exceptions.collect())}),
        )]);
        config.guards = BTreeMap::from([document::<kinds::Guards>(
            "corp",
            json!({
                "target": "corp",
                "limits": [{"name": "disables", "actions": ["disable"], "max": self.disabled, "onBreach": self.on_breach}],
                "minimumMembers": [{"group": "CN=All Staff,OU=Groups,DC=corp,DC=example,DC=test", "enabled": self.minimum}],
                "breakGlass": [guid(self.emergency).to_string()],
            }),
        )]);
        if let Some(maximum) = self.waived {
            config.waivers = BTreeMap::from([document::<kinds::Waiver>(
                "once",
                json!({"target": "corp", "guard": "disables", "maximum": maximum, "reason": "r", "ticket": "t",
                    "owner": "o", "expires": "2026-11-23"}),
            )]);
        }
        config
    }

    /// The exceptions of a kind that are in force.
    fn are(&self, what: &str) -> BTreeSet<String> {
        let all = self.exceptions.iter();
        all.filter(|(_, (one, over))| *one == what && !over)
            .map(|(person, _)| person.to_string())
            .collect()
    }

    fn stamped(&self, directory: &mut DirectorySnapshot) {
        let id = AttributeId(u16::try_from(directory.header.attributes.len()).unwrap());
        directory.header.attributes.push(AttributeDef {
            name: STAMP.to_owned(),
            syntax: Syntax::Text,
            single_valued: true,
            range_lower: Some(1),
            range_upper: Some(1024),
            read_only: false,
        });
        for (number, stamp) in self.stamps.iter().enumerate() {
            let wanted = guid(number);
            let found = directory.objects.iter_mut().find(|one| one.guid == wanted);
            if let (Some(entry), Some(stamp)) = (found, stamp) {
                let mut attributes = std::mem::take(&mut entry.attributes).into_vec();
                attributes.push((id, Values::One((*stamp).into())));
                entry.attributes = attributes.into_boxed_slice();
            }
        }
    }

    /// What must hold of any plan, whatever else is decided.
    fn check(
        &self,
        plan: &Plan,
        people: &PeopleSnapshot,
        before: &DirectorySnapshot,
        proven: bool,
    ) {
        lint(plan).unwrap();
        let untouchable = self.untouchable(before);
        let by_guid: HashMap<Guid, &halosync::model::Entry> = before
            .objects
            .iter()
            .map(|entry| (entry.guid, entry))
            .collect();
        let admin = before.header.attribute("adminCount").unwrap();
        let (exempt, stopped) = (self.are("everything"), self.are("stop"));
        let mut disabled = BTreeSet::new();
        for change in &plan.changes {
            let person = change.person.key.as_str();
            assert!(!exempt.contains(person), "{change:#?}");
            let (group, account) = match &change.action {
                Action::AddMember { member } | Action::RemoveMember { member } => {
                    (change.object.guid, member.guid)
                }
                _ => (None, change.object.guid),
            };
            assert!(
                account.is_none_or(|one| !untouchable.contains(&one)),
                "{change:#?}"
            );
            if let Some(group) = group {
                let entry = by_guid[&group];
                let marked = entry.value(admin).is_some();
                assert!(!marked || self.privileged, "{change:#?}");
                assert_eq!(change.privileged, marked, "{change:#?}");
                assert!(entry.dn.as_str().contains("OU=Groups"), "{change:#?}");
            }
            if stopped.contains(person) {
                let opens = matches!(
                    change.action,
                    Action::Enable { .. } | Action::Create { enable: true, .. }
                );
                assert!(!opens, "{change:#?}");
            } else if matches!(change.action, Action::Disable {}) {
                disabled.insert(change.object.guid);
            }
            assert!(proven || !takes(change), "{change:#?}");
        }
        self.is_done_through_one_record(plan, people);
        let allowed = self.disabled.max(self.waived.unwrap_or_default());
        assert!(disabled.len() <= allowed, "{} of {allowed}", disabled.len());
    }

    /// Nothing is done through two records of one person.
    fn is_done_through_one_record(&self, plan: &Plan, people: &PeopleSnapshot) {
        let fields = &people.header.fields;
        let email = fields.iter().position(|one| one.name.as_str() == "email");
        let email: HashMap<&str, String> = people
            .people
            .iter()
            .filter(|_| self.records)
            .filter_map(|one| Some((one.key.as_str(), one.facts[email?].as_ref()?.to_string())))
            .collect();
        let mut through: HashMap<&str, &str> = HashMap::new();
        for change in &plan.changes {
            let key = change.person.key.as_str();
            if let Some(email) = email.get(key) {
                assert_eq!(*through.entry(email).or_insert(key), key, "{change:#?}");
            }
        }
    }

    fn untouchable(&self, directory: &DirectorySnapshot) -> BTreeSet<Guid> {
        let admin = directory.header.attribute("adminCount").unwrap();
        let users = directory
            .objects
            .iter()
            .filter(|one| one.kind == EntryKind::User);
        users
            .filter(|one| {
                let dn = one.dn.as_str();
                one.value(admin).is_some()
                    || one.guid == guid(self.emergency)
                    || dn.contains("OU=Admins")
                    || !dn.contains("OU=People")
            })
            .map(|one| one.guid)
            .collect()
    }
}

fn takes(change: &Change) -> bool {
    match &change.action {
        Action::Disable {} | Action::RemoveMember { .. } => true,
        Action::Adopt { attribute, .. } => !attribute.before.is_empty(),
        Action::Move { after, .. } => after.as_str().starts_with("OU=Leavers"),
        Action::Modify { attributes } => attributes
            .iter()
            .any(|one| one.after.is_empty() && one.name != STAMP),
        _ => false,
    }
}

/// Enabled accounts in a group.
fn enabled_members(directory: &DirectorySnapshot, name: &str) -> usize {
    let id = |name: &str| directory.header.attribute(name).unwrap();
    let mut groups = directory.objects.iter();
    let group = groups.find(|one| one.kind == EntryKind::Group && one.dn.rdn().value == name);
    let members: BTreeSet<&str> = group
        .unwrap()
        .values(id("member"))
        .iter()
        .map(|one| one.as_str())
        .collect();
    let users = directory
        .objects
        .iter()
        .filter(|one| one.kind == EntryKind::User);
    users
        .filter(|one| members.contains(one.dn.as_str()))
        .filter(|one| {
            let flags = one.value(id("userAccountControl")).unwrap();
            flags.parse::<i64>().unwrap() & 2 == 0
        })
        .count()
}

type Told = (BTreeSet<String>, BTreeSet<(String, String)>);

/// What a plan does and whom it holds, without where that is written.
fn gist(plan: &Plan) -> Told {
    let changes = plan.changes.iter().map(|one| one.id.0.to_string());
    let held = plan.held.iter().map(|one| {
        let person = one.person.as_ref().map(|person| person.key.to_string());
        (one.code.clone(), person.unwrap_or_default())
    });
    (changes.collect(), held.collect())
}

fn settles(
    policy: &Policy,
    config: &Config,
    people: &PeopleSnapshot,
    directory: &DirectorySnapshot,
    proven: bool,
) {
    let mut now = directory.clone();
    for _ in 0..8 {
        let next = plan(config, people, &now);
        policy.check(&next, people, &now, proven);
        // What is counted again before an apply is what was planned, and nothing else is written.
        assert_eq!(
            halosync::plan::recount(&next, config).found,
            Vec::<String>::new()
        );
        assert_eq!(halosync::plan::unasked(&next, config), Vec::<String>::new());
        let over = halosync::plan::overreach(&next, config);
        assert_eq!((over.found, over.given_back), (Vec::new(), Vec::new()));
        assert_eq!(halosync::plan::twice(&next), Vec::<String>::new());
        if next.changes.is_empty() {
            return;
        }
        let after = apply(&next, &now);
        let (before, left) = (
            enabled_members(&now, "All Staff"),
            enabled_members(&after, "All Staff"),
        );
        assert!(left >= before.min(policy.minimum), "{left} of {before}");
        now = after;
    }
    panic!("no end: {:#?}", plan(config, people, &now).changes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_for_any_policy(
        people in prop::collection::vec(somebody(), 0..9),
        accounts in prop::collection::vec(account(), 0..9),
        policy in policy(),
        seed in any::<u64>(),
    ) {
        let config = policy.config(false);
        let (mut source, mut target) = world(&people, &accounts);
        policy.stamped(&mut target);
        let first = plan(&config, &source, &target);

        // P8: whatever order people and objects come in, and documents' lists.
        let told = gist(&first);
        let bytes = to_bytes(&seal(first));
        let mut shuffled = (source.clone(), target.clone());
        shuffle(&mut shuffled.0.people, seed);
        shuffle(&mut shuffled.1.objects, seed.rotate_left(17));
        let again = to_bytes(&seal(plan(&config, &shuffled.0, &shuffled.1)));
        let (one, other) = (String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&again));
        let differing: Vec<_> = one.lines().zip(other.lines()).filter(|(one, other)| one != other).collect();
        prop_assert!(again == bytes, "{differing:#?}");
        prop_assert_eq!(gist(&plan(&policy.config(true), &source, &target)), told);

        // P2, P7, P9, limits and hard stops, until nothing is left to do.
        settles(&policy, &config, &source, &target, true);
        source.header.completeness.verdict = Verdict::Unproven { reasons: vec!["cut short".to_owned()] };
        settles(&policy, &config, &source, &target, false);
    }
}
