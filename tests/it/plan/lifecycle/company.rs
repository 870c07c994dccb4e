//! A small company whose days can be looked at one after the other.

use std::collections::BTreeMap;

use halosync::config::{Config, InputFile, load};
use halosync::model::{
    AttributeDef, AttributeId, DirectorySnapshot, Dn, Entry, EntryKind, Fact, FactType, Field,
    Guid, Name, PeopleSnapshot, Person, PersonKey, RejectedRow, Syntax, Values, Verdict,
};
use halosync::plan::{Action, Change, Plan, PlanInput, PlanValue, build, build_traced, lint};
use halosync::snapshot::{read_directory, read_people};

use super::super::applied::apply;
use super::super::golden_root;

const PROJECT: &str = "apiVersion: halosync/v1
kind: Project
metadata: {name: acme}
spec:
  timeZone: Europe/London
  initialPasswords:
    recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]
";
const SOURCE: &str = "apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  preset: haloitsm
  resourceServer: https://halo.example.test/api
  authorisationServer: https://halo.example.test/auth
  auth: {oauth2: {clientId: {env: HALO_CLIENT_ID}, clientSecret: {env: HALO_CLIENT_SECRET}}}
  endpoints: {users: {path: /Users, query: {include_custom_fields: '101,102,103'}}}
  person:
    fields:
      number: {from: users.other1, required: hold}
      site: {from: users.site_name}
      startsOn: {from: \"customField('CFstart')\", type: date}
      endsOn: {from: \"customField('CFend')\", type: date}
      leftAt: {from: \"customField('CFleft')\", type: dateTime}
      inactive: {from: users.inactive, type: boolean}
      status: {from: users.other2}
      nationalId: {from: users.other3}
      contract: {from: users.other4}
";
const DIRECTORY: &str = "apiVersion: halosync/v1
kind: ActiveDirectory
metadata: {name: corp}
spec:
  servers: ['ldaps://dc1.corp.example.test']
  read: {simple: {user: {env: AD_READ_USER}, password: {env: AD_READ_PASSWORD}}}
  write: {simple: {user: {env: AD_WRITE_USER}, password: {env: AD_WRITE_PASSWORD}}}
  base: DC=corp,DC=example,DC=test
  managed:
    under: ['OU=People,DC=corp,DC=example,DC=test']
    groupsUnder: ['OU=Groups,DC=corp,DC=example,DC=test']
";
const MAPPING: &str = "apiVersion: halosync/v1
kind: Mapping
metadata: {name: employees}
spec:
  source: people
  target: corp
  match: {anchor: {attribute: employeeID, value: '{{ person.number }}'}}
  placement: OU=Sales,OU=People,DC=corp,DC=example,DC=test
  attributes:
    cn: 'User {{ person.number }}'
    accountExpires: \"{{ person.endsOn | default('never') }}\"
    sAMAccountName: {value: 'u{{ person.number }}', when: onCreate}
";
const GROUPS: &str = "apiVersion: halosync/v1
kind: Groups
metadata: {name: membership}
spec:
  source: people
  target: corp
  rules: [{group: 'CN=Staff,OU=Groups,DC=corp,DC=example,DC=test'}]
";
const TABLE: &str = "apiVersion: halosync/v1
kind: Table
metadata: {name: zone}
spec:
  rows:
    Auckland: Pacific/Auckland
    Honolulu: Pacific/Honolulu
    Sydney: Australia/Sydney
    Nowhere: GMT Standard Time
    London: ''
  unmapped: hold
";
/// What every lifecycle of these tests begins with.
pub(super) const HEAD: &str = "apiVersion: halosync/v1
kind: Lifecycle
metadata: {name: employees}
spec:
  source: people
  target: corp
  inactive: never
  outOfScope: report
";

#[derive(Clone)]
pub(super) struct Company {
    files: BTreeMap<&'static str, String>,
    pub(super) people: PeopleSnapshot,
    pub(super) directory: DirectorySnapshot,
}

impl Company {
    /// With a lifecycle: what follows [`HEAD`].
    pub(super) fn new(lifecycle: &str) -> Self {
        let files = [
            ("halosync.yaml", PROJECT.to_owned()),
            ("source.yaml", SOURCE.to_owned()),
            ("directory.yaml", DIRECTORY.to_owned()),
            ("mapping.yaml", MAPPING.to_owned()),
            ("groups.yaml", GROUPS.to_owned()),
            ("tables.yaml", TABLE.to_owned()),
            ("lifecycle.yaml", format!("{HEAD}{lifecycle}")),
        ];
        let fields = [
            ("number", FactType::Text),
            ("site", FactType::Text),
            ("startsOn", FactType::Date),
            ("endsOn", FactType::Date),
            ("leftAt", FactType::DateTime),
            ("inactive", FactType::Boolean),
            ("status", FactType::Text),
            ("nationalId", FactType::Text),
            ("contract", FactType::Text),
        ];
        Self::of(files, &fields)
    }

    /// With this configuration, and people of whom these fields are read.
    pub(super) fn of(
        files: impl IntoIterator<Item = (&'static str, String)>,
        fields: &[(&str, FactType)],
    ) -> Self {
        let folder = golden_root().join("leaver");
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let mut people = read_people(&read("people.jsonl")).unwrap();
        people.people.clear();
        people.header.fields = fields
            .iter()
            .map(|(name, fact_type)| Field {
                name: Name::new(*name),
                fact_type: *fact_type,
                delivered: true,
            })
            .collect();
        let mut directory = read_directory(&read("directory.jsonl")).unwrap();
        directory
            .objects
            .retain(|entry| matches!(entry.kind, EntryKind::Container));
        for (name, syntax) in [
            ("extensionAttribute15", Syntax::Text),
            ("whenCreated", Syntax::Time),
            ("info", Syntax::Text),
            ("msExchHideFromAddressLists", Syntax::Boolean),
        ] {
            let text = syntax == Syntax::Text;
            directory.header.attributes.push(AttributeDef {
                name: name.to_owned(),
                syntax,
                single_valued: true,
                range_lower: text.then_some(1),
                range_upper: text.then_some(1024),
                read_only: false,
            });
        }
        let mut company = Self {
            files: files.into_iter().collect(),
            people,
            directory,
        };
        company.standing("OU=Archive,OU=People", EntryKind::Container);
        company.standing("CN=Staff,OU=Groups", EntryKind::Group);
        company
    }

    /// Changes a configuration file; what is to be replaced must be there.
    pub(super) fn change(&mut self, file: &str, from: &str, to: &str) {
        let text = self.files.get_mut(file).unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replace(from, to);
    }

    /// With links: the lists of a `Links` document.
    pub(super) fn settle(&mut self, links: &str) {
        let text = format!(
            "apiVersion: halosync/v1\nkind: Links\nmetadata: {{name: settled}}\nspec:\n  source: people\n  target: corp\n  {links}\n"
        );
        self.files.insert("links.yaml", text);
    }

    /// Makes the first change of a plan and no other.
    pub(super) fn apply_first(&mut self, plan: &Plan) {
        let mut first = plan.clone();
        first.changes.truncate(1);
        self.directory = apply(&first, &self.directory);
    }

    /// A configuration file.
    pub(super) fn text(&self, file: &str) -> String {
        self.files[file].clone()
    }

    /// Somebody reads these people, in the order of their keys.
    pub(super) fn read_people(&mut self, people: Vec<Person>) {
        self.people.people = people;
        self.count();
    }

    /// Both reads, without anybody in them left behind.
    pub(super) fn taken(&mut self) -> (PeopleSnapshot, DirectorySnapshot) {
        let people = PeopleSnapshot {
            header: self.people.header.clone(),
            people: std::mem::take(&mut self.people.people),
        };
        let directory = DirectorySnapshot {
            header: self.directory.header.clone(),
            objects: std::mem::take(&mut self.directory.objects),
        };
        (people, directory)
    }

    /// The read of the directory is not proven complete from now on, or is again.
    pub(super) fn directory_proven(&mut self, proven: bool) {
        self.directory.header.completeness.verdict = verdict(proven);
    }

    /// One more place or group.
    pub(super) fn standing(&mut self, name: &str, kind: EntryKind) {
        let number = self.directory.objects.len();
        self.directory.objects.push(Entry {
            guid: Guid::parse(&format!("ab{number:030x}")).unwrap(),
            dn: Dn::parse(&format!("{name},DC=corp,DC=example,DC=test")).unwrap(),
            kind,
            attributes: Box::default(),
            deletion: None,
        });
    }

    /// Adds a configuration file, or writes one anew.
    pub(super) fn file(&mut self, file: &'static str, text: &str) {
        self.files.insert(file, text.to_owned());
    }

    /// With an attribute for stamps.
    pub(super) fn stamping(mut self) -> Self {
        let text = self.files.get_mut("directory.yaml").unwrap();
        text.push_str("  stamp: {attribute: extensionAttribute15}\n");
        self
    }

    /// Gives a person these facts and no others.
    pub(super) fn person(&mut self, key: &str, facts: &[(&str, &str)]) {
        let facts = self
            .people
            .header
            .fields
            .iter()
            .map(|field| {
                let name = field.name.as_str();
                let number = (name == "number").then_some(key);
                let given = facts.iter().find(|(known, _)| *known == name);
                let value = given.map(|(_, value)| *value).or(number)?;
                Some(match field.fact_type {
                    FactType::Date => Fact::Date(value.parse().unwrap()),
                    FactType::DateTime => Fact::DateTime(value.parse().unwrap()),
                    FactType::Boolean => Fact::Boolean(value == "true"),
                    _ => Fact::Text(value.into()),
                })
            })
            .collect();
        self.people.people.retain(|one| one.key.as_str() != key);
        self.people.people.push(Person {
            key: PersonKey::new(key),
            in_scope: true,
            facts,
            faults: Box::default(),
            held: Box::default(),
        });
        self.people
            .people
            .sort_by(|one, other| one.key.natural_cmp(&other.key));
        self.count();
    }

    fn count(&mut self) {
        let rows = self.people.people.len() as u64;
        self.people.header.completeness.rows = rows;
        self.people.header.completeness.distinct = rows;
        self.people.header.completeness.claimed_total = Some(rows);
    }

    /// Takes somebody out of the read.
    pub(super) fn gone(&mut self, key: &str) {
        self.people.people.retain(|one| one.key.as_str() != key);
        self.count();
    }

    /// The read is not proven complete from now on, or is again.
    pub(super) fn proven(&mut self, proven: bool) {
        self.people.header.completeness.verdict = verdict(proven);
    }

    /// A row of the read that could not become a person.
    pub(super) fn rejected(&mut self, row: &str) {
        self.people.header.rejected.push(RejectedRow {
            row: row.to_owned(),
            reason: "no id".to_owned(),
        });
    }

    /// An enabled account of the person in its place, a member of Staff.
    pub(super) fn account(&mut self, key: &str) {
        self.account_in("OU=Sales,OU=People", key);
    }

    /// The same, somewhere else.
    pub(super) fn account_in(&mut self, place: &str, key: &str) {
        self.account_without_groups(place, key);
        let dn = self.entry(key).dn.clone();
        let member = self.id("member");
        let group = self
            .directory
            .objects
            .iter_mut()
            .find(|entry| entry.kind == EntryKind::Group)
            .unwrap();
        let mut members = group.values(member).to_vec();
        members.push(dn.as_str().into());
        group.attributes = Box::new([(member, Values::Many(members.into_boxed_slice()))]);
    }

    /// A person's account is a member of a group besides.
    pub(super) fn joins(&mut self, group: &str, key: &str) {
        let dn = self.entry(key).dn.clone();
        let member = self.id("member");
        let mut groups = self.directory.objects.iter_mut();
        let group = groups
            .find(|entry| entry.kind == EntryKind::Group && entry.dn.rdn().value == group)
            .unwrap();
        let mut members = group.values(member).to_vec();
        members.push(dn.as_str().into());
        group.attributes = Box::new([(member, Values::Many(members.into_boxed_slice()))]);
    }

    /// The same, in no group.
    pub(super) fn account_without_groups(&mut self, place: &str, key: &str) {
        let dn = Dn::parse(&format!("CN=User {key},{place},DC=corp,DC=example,DC=test")).unwrap();
        let number = u32::try_from(self.directory.objects.len()).unwrap();
        self.directory.objects.push(Entry {
            guid: Guid::parse(&format!("b{number:031x}")).unwrap(),
            dn,
            kind: EntryKind::User,
            attributes: Box::default(),
            deletion: None,
        });
        for (name, value) in [
            ("cn", format!("User {key}")),
            ("employeeID", key.to_owned()),
            ("sAMAccountName", format!("u{key}")),
            ("userAccountControl", "512".to_owned()),
        ] {
            self.write(key, name, &value);
        }
    }

    fn id(&self, name: &str) -> AttributeId {
        self.directory.header.attribute(name).unwrap()
    }

    fn entry(&self, key: &str) -> &Entry {
        let name = format!("User {key}");
        self.directory
            .objects
            .iter()
            .find(|entry| entry.kind == EntryKind::User && entry.dn.rdn().value == name)
            .unwrap_or_else(|| panic!("{key} has no account"))
    }

    /// Sets an attribute by hand; clears it with an empty value.
    pub(super) fn write(&mut self, key: &str, name: &str, value: &str) {
        let id = self.id(name);
        let guid = self.entry(key).guid;
        let entry = self
            .directory
            .objects
            .iter_mut()
            .find(|entry| entry.guid == guid)
            .unwrap();
        let mut attributes = std::mem::take(&mut entry.attributes).into_vec();
        attributes.retain(|(other, _)| *other != id);
        if !value.is_empty() {
            attributes.push((id, Values::One(value.into())));
        }
        attributes.sort_by_key(|(id, _)| *id);
        entry.attributes = attributes.into_boxed_slice();
    }

    pub(super) fn value(&self, key: &str, name: &str) -> Option<String> {
        let value = self.entry(key).value(self.id(name))?;
        Some(value.to_owned())
    }

    pub(super) fn enabled(&self, key: &str) -> bool {
        let flags = self.value(key, "userAccountControl").unwrap();
        flags.parse::<u32>().unwrap() & 2 == 0
    }

    /// The first unit of the account's place.
    pub(super) fn stands_in(&self, key: &str) -> String {
        self.entry(key).dn.parent().unwrap().rdn().value
    }

    pub(super) fn is_staff(&self, key: &str) -> bool {
        let dn = self.entry(key).dn.to_string();
        let member = self.id("member");
        let mut groups = self.directory.objects.iter();
        groups.any(|group| group.values(member).iter().any(|one| **one == *dn))
    }

    pub(super) fn config(&self) -> Config {
        let files = self.files.iter().map(|(path, text)| InputFile {
            path: (*path).into(),
            bytes: text.clone().into_bytes(),
        });
        let loaded = load(files.collect(), &|_| {
            Err(halosync::config::DataError::Missing)
        });
        loaded
            .config
            .unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    pub(super) fn plan(&self, as_of: &str) -> Plan {
        self.plan_with(&self.config(), as_of)
    }

    /// Plans with a configuration that was loaded before.
    pub(super) fn plan_with(&self, config: &Config, as_of: &str) -> Plan {
        let people = BTreeMap::from([(Name::new("people"), self.people.clone())]);
        let directories = BTreeMap::from([(Name::new("corp"), self.directory.clone())]);
        let plan = build(PlanInput {
            config,
            people: &people,
            directories: &directories,
            last_good: None,
            as_of: as_of.parse().unwrap(),
            tool_version: "0.0.0-test",
            commit: None,
            uncommitted: false,
        })
        .unwrap();
        lint(&plan).unwrap();
        plan
    }

    /// The state the planner finds everybody in, by key.
    pub(super) fn states(&self, config: &Config, as_of: &str) -> BTreeMap<String, String> {
        let people = BTreeMap::from([(Name::new("people"), self.people.clone())]);
        let directories = BTreeMap::from([(Name::new("corp"), self.directory.clone())]);
        let input = PlanInput {
            config,
            people: &people,
            directories: &directories,
            last_good: None,
            as_of: as_of.parse().unwrap(),
            tool_version: "0.0.0-test",
            commit: None,
            uncommitted: false,
        };
        let tables = halosync::plan::tables(config);
        let (_, trace) = build_traced(input, &PersonKey::new("1"), &tables).unwrap();
        let states = trace.people.into_iter();
        states.map(|one| (one.key.to_string(), one.state)).collect()
    }

    /// Plans and applies; planning again must find nothing.
    pub(super) fn run(&mut self, as_of: &str) -> Plan {
        let plan = self.plan(as_of);
        self.directory = apply(&plan, &self.directory);
        let again = self.plan(as_of);
        assert!(
            again.changes.is_empty(),
            "{as_of}: {:#?}",
            kinds(&again, "")
        );
        plan
    }
}

fn verdict(proven: bool) -> Verdict {
    if proven {
        Verdict::Proven
    } else {
        Verdict::Unproven {
            reasons: vec!["page 2 failed".to_owned()],
        }
    }
}

/// What a plan does for a person; for everybody when `key` is empty.
pub(super) fn kinds(plan: &Plan, key: &str) -> Vec<&'static str> {
    plan.changes
        .iter()
        .filter(|change| key.is_empty() || change.person.key.as_str() == key)
        .map(|change| match change.action {
            Action::Create { .. } => "create",
            Action::Adopt { .. } => "adopt",
            Action::Modify { .. } => "modify",
            Action::Rename { .. } => "rename",
            Action::Move { .. } => "move",
            Action::Enable { .. } => "enable",
            Action::Disable {} => "disable",
            Action::AddMember { .. } => "addMember",
            Action::RemoveMember { .. } => "removeMember",
            Action::ResetPassword {} => "resetPassword",
            Action::Delete { .. } => "delete",
            Action::Restore { .. } => "restore",
        })
        .collect()
}

/// The text an attribute becomes, of the first change that says so.
pub(super) fn becomes(plan: &Plan, name: &str) -> Option<String> {
    let attributes = |change: &Change| match &change.action {
        Action::Create { attributes, .. } | Action::Modify { attributes } => attributes.clone(),
        _ => Vec::new(),
    };
    plan.changes
        .iter()
        .flat_map(attributes)
        .find(|change| change.name == name)
        .map(|change| match change.after.first() {
            Some(PlanValue::Text(text)) => text.clone(),
            _ => String::new(),
        })
}

/// Codes under which a person is held.
pub(super) fn held<'p>(plan: &'p Plan, key: &str) -> Vec<&'p str> {
    plan.held
        .iter()
        .filter(|held| {
            let person = held.person.as_ref();
            person.is_some_and(|person| person.key.as_str() == key)
        })
        .map(|held| held.code.as_str())
        .collect()
}
