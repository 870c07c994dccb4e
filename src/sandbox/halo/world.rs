//! What the simulated instance holds: people, sites, clients, custom fields, notes.
//!
//! Knows nothing of HTTP. Invariants: people are kept by id; a list once filtered and ordered is kept until something
//! changes, so a page costs what its rows cost, whatever the number of people.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::person::{CustomValue, FieldKind, HaloPerson, View};

/// Ids of the pseudo-people of sites lie above all others.
const GENERAL_USERS: i64 = 1_000_000_000;

/// A site, and the client it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimSite {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Id of the client.
    pub client_id: i64,
    /// Name of the client.
    pub client_name: String,
    /// IANA time zone.
    pub timezone: String,
}

impl SimSite {
    /// A site of the client "Example".
    pub fn new(id: i64, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            client_id: 12,
            client_name: "Example".to_owned(),
            timezone: "Europe/London".to_owned(),
        }
    }
}

/// A custom field's definition.
#[derive(Debug, Clone)]
struct FieldDef {
    id: i64,
    name: String,
    kind: FieldKind,
}

/// Everything the instance holds.
#[derive(Debug)]
pub(super) struct World {
    people: BTreeMap<i64, HaloPerson>,
    sites: BTreeMap<i64, SimSite>,
    unknown_site: SimSite,
    fields: Vec<FieldDef>,
    pub(super) hidden_clients: BTreeSet<i64>,
    pub(super) actions: Vec<Value>,
    general_users: bool,
    lists: HashMap<String, Arc<Vec<i64>>>,
}

impl World {
    pub(super) fn new(sites: Vec<SimSite>, general_users: bool) -> Self {
        let mut world = Self {
            people: BTreeMap::new(),
            sites: BTreeMap::new(),
            unknown_site: SimSite::new(0, "Unknown"),
            fields: Vec::new(),
            hidden_clients: BTreeSet::new(),
            actions: Vec::new(),
            general_users,
            lists: HashMap::new(),
        };
        for site in sites {
            world.add_site(site);
        }
        world
    }

    fn add_site(&mut self, site: SimSite) {
        if self.general_users {
            self.people.insert(
                GENERAL_USERS + site.id,
                HaloPerson {
                    id: GENERAL_USERS + site.id,
                    name: "General User".to_owned(),
                    site_id: site.id,
                    general_user: true,
                    ..HaloPerson::default()
                },
            );
        }
        self.sites.insert(site.id, site);
        self.changed();
    }

    /// Something changed: filtered lists are stale.
    fn changed(&mut self) {
        self.lists.clear();
    }

    pub(super) fn site(&self, id: i64) -> &SimSite {
        self.sites.get(&id).unwrap_or(&self.unknown_site)
    }

    pub(super) fn has_site(&self, id: i64) -> bool {
        self.sites.contains_key(&id)
    }

    pub(super) fn sites(&self) -> impl Iterator<Item = &SimSite> {
        self.sites.values()
    }

    /// Whether the calling agent may see people of this site.
    pub(super) fn visible(&self, person: &HaloPerson) -> bool {
        self.hidden_clients.is_empty()
            || !self
                .hidden_clients
                .contains(&self.site(person.site_id).client_id)
    }

    pub(super) fn person(&self, id: i64) -> Option<&HaloPerson> {
        self.people.get(&id)
    }

    pub(super) fn people(&self) -> impl Iterator<Item = &HaloPerson> {
        self.people.values()
    }

    /// Adds or replaces a person, making their site and custom fields known.
    pub(super) fn put(&mut self, person: HaloPerson) {
        if !self.has_site(person.site_id) {
            let site = SimSite::new(person.site_id, &format!("Site {}", person.site_id));
            self.add_site(site);
        }
        for value in &person.customfields {
            self.define(value);
        }
        self.people.insert(person.id, person);
        self.changed();
    }

    /// Changes a person in place; false when there is none. The id cannot change.
    pub(super) fn edit(&mut self, id: i64, change: impl FnOnce(&mut HaloPerson)) -> bool {
        let Some(mut person) = self.people.remove(&id) else {
            return false;
        };
        change(&mut person);
        person.id = id;
        self.put(person);
        true
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<HaloPerson> {
        self.changed();
        self.people.remove(&id)
    }

    /// The id the next new person gets.
    pub(super) fn next_id(&self) -> i64 {
        self.people
            .range(..GENERAL_USERS)
            .next_back()
            .map_or(1001, |(id, _)| id + 1)
    }

    pub(super) fn hide_client(&mut self, id: i64, hidden: bool) {
        if hidden {
            self.hidden_clients.insert(id);
        } else {
            self.hidden_clients.remove(&id);
        }
        self.changed();
    }

    /// A filtered and ordered list, made by `make` unless it is there already under this name.
    pub(super) fn list(
        &mut self,
        name: String,
        make: impl FnOnce(&Self) -> Vec<i64>,
    ) -> Arc<Vec<i64>> {
        if let Some(list) = self.lists.get(&name) {
            return Arc::clone(list);
        }
        let list = Arc::new(make(self));
        // Searches make new names without end; the few lists that matter come back quickly.
        if self.lists.len() >= 16 {
            self.lists.clear();
        }
        self.lists.insert(name, Arc::clone(&list));
        list
    }

    fn define(&mut self, value: &CustomValue) {
        if !self.fields.iter().any(|field| field.name == value.name) {
            self.fields.push(FieldDef {
                id: 201 + i64::try_from(self.fields.len()).unwrap_or(0),
                name: value.name.clone(),
                kind: value.kind,
            });
        }
    }

    /// Name and kind of the custom field with this id or name.
    pub(super) fn field(&self, id: Option<i64>, name: Option<&str>) -> Option<(String, FieldKind)> {
        self.fields
            .iter()
            .find(|field| {
                id == Some(field.id)
                    || name.is_some_and(|name| field.name.eq_ignore_ascii_case(name))
            })
            .map(|field| (field.name.clone(), field.kind))
    }

    /// Definitions of all custom fields, as `/FieldInfo` gives them.
    pub(super) fn field_info(&self) -> Vec<Value> {
        self.fields
            .iter()
            .map(|field| {
                json!({"id": field.id, "name": field.name, "label": label(&field.name), "type": field.kind as u8,
                    "usage": 1, "inputtype": 0, "extratype": 0})
            })
            .collect()
    }

    /// The custom field rows of a person: all fields, or those with the ids asked for.
    pub(super) fn custom_rows(
        &self,
        person: &HaloPerson,
        only: Option<&[i64]>,
        view: View,
    ) -> Vec<Value> {
        self.fields
            .iter()
            .filter(|field| only.is_none_or(|ids| ids.contains(&field.id)))
            .map(|field| {
                let mut row = Map::new();
                row.insert("id".to_owned(), field.id.into());
                row.insert("name".to_owned(), field.name.clone().into());
                row.insert("label".to_owned(), label(&field.name).into());
                row.insert("type".to_owned(), (field.kind as u8).into());
                let value = person
                    .customfields
                    .iter()
                    .find(|value| value.name == field.name);
                let display = match value {
                    Some(value) => {
                        let (shown, display) = shown(field.kind, &value.value, view);
                        row.insert("value".to_owned(), shown);
                        display
                    }
                    None => String::new(),
                };
                row.insert("display".to_owned(), display.into());
                row.insert("characterlimit".to_owned(), 0.into());
                row.insert("inputtype".to_owned(), 0.into());
                row.insert("extratype".to_owned(), 0.into());
                row.insert("usage".to_owned(), 1.into());
                Value::Object(row)
            })
            .collect()
    }
}

/// `CFstartDate` as people see it: `start Date`. Anyone may change a label, so nothing should depend on it.
fn label(name: &str) -> String {
    let mut label = String::new();
    for c in name.trim_start_matches("CF").chars() {
        if c.is_uppercase() && !label.is_empty() {
            label.push(' ');
        }
        label.push(c);
    }
    label
}

/// A custom value and its display, which is for people only.
fn shown(kind: FieldKind, value: &Value, view: View) -> (Value, String) {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match kind {
        FieldKind::Date => match text.parse::<jiff::civil::Date>() {
            Ok(day) => (
                format!("{day}T00:00:00.0000000Z").into(),
                day.strftime("%d/%m/%Y").to_string(),
            ),
            Err(_) => (text.clone().into(), text),
        },
        FieldKind::Select => {
            let display = format!("Choice {text}");
            match (view, text.parse::<i64>()) {
                (View::PostAnswer, Ok(number)) => (number.into(), display),
                _ => (text.into(), display),
            }
        }
        FieldKind::Checkbox | FieldKind::MultiSelect => (value.clone(), text),
        FieldKind::Text | FieldKind::Memo => (text.clone().into(), text),
    }
}
