//! `/Users`: listing, one person, creating and changing, deleting.
//!
//! Knows nothing of connections, tokens and limits. Invariant: a POST is checked whole before any of it is done.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fault::{Envelope, Fault};
use super::person::{CustomValue, FieldKind, HaloPerson, View};
use super::query::Parameters;
use super::world::World;
use super::{PastEnd, Version};

/// Rows given when paging is not asked for.
const UNPAGED: usize = 50;

/// How the instance pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paging {
    pub(super) version: Version,
    pub(super) cap: Option<usize>,
    pub(super) past_end: PastEnd,
}

/// A refusal: status and message.
pub(super) type Refusal = (u16, String);

/// Fields `advanced_search` accepts. `azureoid` and custom fields are not among them, as on many instances.
const SEARCHABLE: &[&str] = &[
    "id",
    "name",
    "firstname",
    "surname",
    "emailaddress",
    "login",
    "phonenumber",
    "site_id",
    "site_name",
    "client_id",
    "client_name",
    "inactive",
    "other1",
    "other2",
    "other3",
    "other4",
    "other5",
];

/// Parameters that decide which rows come and in what order; everything else is ignored.
const FILTERS: &[&str] = &[
    "includeactive",
    "includeinactive",
    "activeinactive",
    "exclude_generaluser",
    "exclude_agents",
    "includeserviceaccount",
    "includenonserviceaccount",
    "onlyprospects",
    "client_id",
    "site_id",
    "search",
    "search_phonenumbers",
    "advanced_search",
    "order",
    "order2",
    "order3",
    "order4",
    "order5",
    "orderdesc",
    "orderdesc2",
    "orderdesc3",
    "orderdesc4",
    "orderdesc5",
];

/// A member's value as text, for searching and ordering.
fn member(world: &World, person: &HaloPerson, name: &str) -> Option<String> {
    let site = || world.site(person.site_id);
    Some(match name {
        "id" => person.id.to_string(),
        "name" => person.name.clone(),
        "site_id" | "site_id_int" => person.site_id.to_string(),
        "site_name" => site().name.clone(),
        "client_id" => site().client_id.to_string(),
        "client_name" => site().client_name.clone(),
        "inactive" => person.inactive.to_string(),
        "linked_agent_id" => person.linked_agent_id.to_string(),
        other => person.text(other)?.clone().unwrap_or_default(),
    })
}

/// Numbers by value, texts without regard to case.
fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.to_lowercase().cmp(&b.to_lowercase()),
    }
}

struct Condition {
    name: String,
    kind: u64,
    value: String,
}

impl Condition {
    /// Reads `advanced_search`: a JSON array of `{filter_name, filter_type, filter_value}`.
    fn parse_all(text: &str) -> Result<Vec<Self>, Refusal> {
        let wrong = |what: &str| (400, format!("Invalid advanced search parameter(s): {what}"));
        let Ok(Value::Array(items)) = serde_json::from_str(text) else {
            return Err(wrong("not an array"));
        };
        items
            .iter()
            .map(|item| {
                let name = item["filter_name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_ascii_lowercase();
                if !SEARCHABLE.contains(&name.as_str()) {
                    return Err(wrong(&name));
                }
                let kind = match &item["filter_type"] {
                    Value::Number(number) => number.as_u64(),
                    Value::String(text) => text.parse().ok(),
                    _ => None,
                };
                Ok(Self {
                    kind: kind
                        .filter(|kind| *kind <= 10)
                        .ok_or_else(|| wrong("filter_type"))?,
                    value: match &item["filter_value"] {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    },
                    name,
                })
            })
            .collect()
    }

    fn holds(&self, world: &World, person: &HaloPerson) -> bool {
        let found = member(world, person, &self.name).unwrap_or_default();
        let contains = || found.to_lowercase().contains(&self.value.to_lowercase());
        let among = || {
            self.value
                .split(',')
                .any(|value| compare(value.trim(), &found).is_eq())
        };
        let order = compare(&found, &self.value);
        match self.kind {
            0 => among(),
            1 => !among(),
            2 | 6 => order.is_eq(),
            3 => order.is_ne(),
            4 => contains(),
            5 => !contains(),
            7 => order.is_gt(),
            8 => order.is_ge(),
            9 => order.is_lt(),
            _ => order.is_le(),
        }
    }
}

/// Ids of everyone the parameters let through, ordered.
fn select(world: &mut World, query: &Parameters) -> Result<Arc<Vec<i64>>, Refusal> {
    let mut name = String::new();
    for filter in FILTERS {
        if let Some(value) = query.get(filter) {
            name.push_str(filter);
            name.push('=');
            name.push_str(value);
            name.push('\n');
        }
    }
    let conditions = match query.get("advanced_search") {
        Some(text) if !text.trim().is_empty() => Condition::parse_all(text)?,
        _ => Vec::new(),
    };
    let both = query.get("activeinactive").map(|both| {
        let mut flags = both
            .split(',')
            .map(|flag| flag.trim().eq_ignore_ascii_case("true"));
        (flags.next().unwrap_or(false), flags.next().unwrap_or(false))
    });
    // What is given when neither flag is sent is not documented; active people are what an interface would show.
    let (active, inactive) = both.unwrap_or((
        query.flag("includeactive").unwrap_or(true),
        query.flag("includeinactive").unwrap_or(false),
    ));
    let search = query
        .get("search")
        .map(str::to_lowercase)
        .filter(|text| !text.is_empty());
    let phones = query.flag("search_phonenumbers").unwrap_or(false);
    Ok(world.list(name, |world| {
        let mut found: Vec<&HaloPerson> = world
            .people()
            .filter(|person| {
                world.visible(person)
                    && if person.inactive { inactive } else { active }
                    && !(person.general_user && query.flag("exclude_generaluser") == Some(true))
                    && !(person.linked_agent_id > 0 && query.flag("exclude_agents") == Some(true))
                    && !(person.isserviceaccount
                        && query.flag("includeserviceaccount") == Some(false))
                    && (person.isserviceaccount
                        || query.flag("includenonserviceaccount") != Some(false))
                    && (person.is_prospect || query.flag("onlyprospects") != Some(true))
                    && query
                        .number("client_id")
                        .is_none_or(|id| id <= 0 || world.site(person.site_id).client_id == id)
                    && query
                        .number("site_id")
                        .is_none_or(|id| id <= 0 || person.site_id == id)
                    && search.as_ref().is_none_or(|text| {
                        let mut fields = vec![Some(&person.name)];
                        fields.push(person.emailaddress.as_ref());
                        fields.push(person.login.as_ref());
                        if phones {
                            fields.push(person.phonenumber.as_ref());
                            fields.push(person.mobilenumber.as_ref());
                        }
                        fields
                            .into_iter()
                            .flatten()
                            .any(|field| field.to_lowercase().contains(text))
                    })
                    && conditions
                        .iter()
                        .all(|condition| condition.holds(world, person))
            })
            .collect();
        let orders: Vec<(&str, bool)> = ["", "2", "3", "4", "5"]
            .iter()
            .filter_map(|suffix| {
                let order = query.get(&format!("order{suffix}"))?;
                let down = query.flag(&format!("orderdesc{suffix}")).unwrap_or(false);
                Some((order, down))
            })
            .collect();
        // People come by id anyway, which is what every reader of the whole list asks for.
        if !matches!(orders.as_slice(), [] | [("id", false), ..]) {
            found.sort_by(|a, b| {
                for (order, down) in &orders {
                    let order = order.to_ascii_lowercase();
                    let one = member(world, a, &order).unwrap_or_default();
                    let other = member(world, b, &order).unwrap_or_default();
                    let ordering = compare(&one, &other);
                    if ordering.is_ne() {
                        return if *down { ordering.reverse() } else { ordering };
                    }
                }
                a.id.cmp(&b.id)
            });
        }
        found.into_iter().map(|person| person.id).collect()
    }))
}

/// `GET /Users`.
pub(super) fn list(
    world: &mut World,
    query: &Parameters,
    paging: Paging,
    faults: &[Fault],
) -> Result<Value, Refusal> {
    let ids = select(world, query)?;
    let paged = query.flag("pageinate") == Some(true);
    let (page_no, page_size, range) = if paged {
        let asked = query
            .number("page_size")
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size > 0)
            .unwrap_or(UNPAGED);
        let size = paging.cap.map_or(asked, |cap| asked.min(cap));
        let mut page = query
            .number("page_no")
            .and_then(|page| usize::try_from(page).ok())
            .unwrap_or(1)
            .max(1);
        if faults.contains(&Fault::RepeatPage) {
            page = (page - 1).max(1);
        }
        let last = ids.len().div_ceil(size).max(1);
        let shown = match paging.past_end {
            PastEnd::LastPage => page.min(last),
            PastEnd::Empty => page,
        };
        let start = (shown - 1).saturating_mul(size).min(ids.len());
        (
            page,
            size,
            start..(start.saturating_add(size)).min(ids.len()),
        )
    } else {
        // No error, no paging: the first rows, as many as `count` says.
        let count = query
            .number("count")
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(UNPAGED);
        (1, count, 0..count.min(ids.len()))
    };
    let only: Option<Vec<i64>> = match (paging.version, query.get("include_custom_fields")) {
        (Version::V2026, Some(list)) => Some(
            list.split(',')
                .filter_map(|id| id.trim().parse().ok())
                .collect(),
        ),
        _ => None,
    };
    let mut rows: Vec<Value> = ids[range]
        .iter()
        .filter_map(|id| world.person(*id))
        .map(|person| {
            let mut row = person.row(world);
            if let Some(only) = &only {
                row.insert(
                    "customfields".to_owned(),
                    world.custom_rows(person, Some(only), View::Get).into(),
                );
            }
            Value::Object(row)
        })
        .collect();
    let total = if paged { ids.len() } else { rows.len() };
    let mut total = Some(i64::try_from(total).unwrap_or(i64::MAX));
    let mut key = Some("users");
    for fault in faults {
        match fault {
            Fault::ShortPage(most) => rows.truncate(*most),
            Fault::WrongRecordCount(by) => total = total.map(|total| total + by),
            Fault::NoRecordCount => total = None,
            Fault::Envelope(Envelope::Bare) => return Ok(Value::Array(rows)),
            Fault::Envelope(Envelope::Results) => key = Some("results"),
            Fault::Envelope(Envelope::Tree) => key = Some("tree"),
            Fault::Envelope(Envelope::Missing) => key = None,
            _ => {}
        }
    }
    let mut answer = Map::new();
    if paged {
        answer.insert("page_no".to_owned(), page_no.into());
        answer.insert("page_size".to_owned(), page_size.into());
    }
    if let Some(total) = total {
        answer.insert("record_count".to_owned(), total.into());
    }
    if let Some(key) = key {
        answer.insert(key.to_owned(), Value::Array(rows));
    }
    Ok(Value::Object(answer))
}

/// `GET /Users/{id}`.
pub(super) fn one(world: &World, id: &str) -> Result<Value, Refusal> {
    let gone = || (404, "The requested User could not be found".to_owned());
    let id: i64 = id.parse().map_err(|_| gone())?;
    let person = world
        .person(id)
        .filter(|person| world.visible(person))
        .ok_or_else(gone)?;
    Ok(Value::Object(person.detail(world, View::Get)))
}

/// `DELETE /Users/{id}`.
pub(super) fn delete(world: &mut World, id: &str) -> Result<Value, Refusal> {
    let answer = one(world, id)?;
    world.remove(id.parse().unwrap_or_default());
    Ok(answer)
}

/// `POST /Users`: creates those without id, changes those with one. `now` is an ISO date-time without zone.
pub(super) fn post(
    world: &mut World,
    query: &Parameters,
    body: &[u8],
    now: &str,
) -> Result<Value, Refusal> {
    let Ok(Value::Array(items)) = serde_json::from_slice(body) else {
        return Err((400, "The body must be an array of Users".to_owned()));
    };
    if items.is_empty() {
        return Err((400, "Nothing was sent".to_owned()));
    }
    for item in &items {
        check(world, item)?;
    }
    let mut answers = Vec::new();
    for item in items {
        let Value::Object(members) = item else {
            continue;
        };
        let id = write(world, members, now);
        if let Some(person) = world.person(id) {
            answers.push(Value::Object(person.detail(world, View::PostAnswer)));
        }
    }
    if query.flag("returnall") == Some(true) {
        return Ok(Value::Array(answers));
    }
    // One object, even for an array of several.
    Ok(answers.pop().unwrap_or_else(|| json!({})))
}

fn check(world: &World, item: &Value) -> Result<(), Refusal> {
    let Value::Object(members) = item else {
        return Err((400, "Each User must be an object".to_owned()));
    };
    for name in ["id", "site_id"] {
        match members.get(name) {
            Some(Value::Number(number)) if number.as_i64().is_none() => {
                return Err((400, format!("{number} is not a valid integer")));
            }
            Some(Value::Number(_)) | None => {}
            Some(_) => return Err((400, "Please select a valid Client/Site/User".to_owned())),
        }
    }
    if let Some(site) = members.get("site_id").and_then(Value::as_i64)
        && !world.has_site(site)
    {
        return Err((400, "Please select a valid Client/Site/User".to_owned()));
    }
    match members.get("id").and_then(Value::as_i64) {
        Some(id) if id > 0 => {
            if world.person(id).is_none() {
                return Err((400, "Please select a valid Client/Site/User".to_owned()));
            }
        }
        _ => {
            for name in ["name", "site_id", "emailaddress"] {
                let missing = members
                    .get(name)
                    .is_none_or(|value| value.as_str().is_some_and(|text| text.trim().is_empty()));
                if missing {
                    return Err((400, format!("Please enter a value for {name}")));
                }
            }
        }
    }
    Ok(())
}

/// Does what one checked object asks for and gives the person's id.
fn write(world: &mut World, members: Map<String, Value>, now: &str) -> i64 {
    let id = members
        .get("id")
        .and_then(Value::as_i64)
        .filter(|id| *id > 0);
    // Nothing but the id is unique: without one, the same person sent twice is there twice.
    let mut person = id
        .and_then(|id| world.person(id).cloned())
        .unwrap_or_else(|| HaloPerson {
            id: world.next_id(),
            datecreated: Some(now.to_owned()),
            ..HaloPerson::default()
        });
    let id = person.id;
    let mut merged_into = None;
    for (name, value) in members {
        let flag = value.as_bool();
        match name.as_str() {
            "name" => {
                if let Some(text) = value.as_str() {
                    text.clone_into(&mut person.name);
                }
            }
            "site_id" => person.site_id = value.as_i64().unwrap_or(person.site_id),
            "inactive" => person.inactive = flag.unwrap_or(person.inactive),
            "isserviceaccount" => {
                person.isserviceaccount = flag.unwrap_or(person.isserviceaccount);
            }
            "is_prospect" => person.is_prospect = flag.unwrap_or(person.is_prospect),
            "linked_agent_id" => {
                person.linked_agent_id = value.as_i64().unwrap_or(person.linked_agent_id);
            }
            "customfields" => {
                for field in value.as_array().into_iter().flatten() {
                    write_field(world, &mut person, field);
                }
            }
            "_merge_user_into" => merged_into = value.as_i64().filter(|id| *id > 0),
            "_anonymise" if flag == Some(true) => {
                person = HaloPerson {
                    id: person.id,
                    name: "Anonymised User".to_owned(),
                    site_id: person.site_id,
                    inactive: true,
                    datecreated: person.datecreated.take(),
                    ..HaloPerson::default()
                };
            }
            other => {
                if let Some(slot) = person.text_mut(other) {
                    *slot = value
                        .as_str()
                        .filter(|text| !text.is_empty())
                        .map(str::to_owned);
                }
                // Control members and unknown ones are taken and show nowhere.
            }
        }
    }
    person.ulastupdate = Some(now.to_owned());
    world.put(person);
    if let Some(target) = merged_into
        && target != id
        && world.person(target).is_some()
    {
        // A merge looks like a disappearance.
        world.remove(id);
        return target;
    }
    id
}

/// Sets one custom field; others stay.
fn write_field(world: &World, person: &mut HaloPerson, field: &Value) {
    let known = world.field(field["id"].as_i64(), field["name"].as_str());
    let (name, kind) = match (known, field["name"].as_str()) {
        (Some(known), _) => known,
        (None, Some(name)) => (name.to_owned(), FieldKind::Text),
        (None, None) => return,
    };
    let value = field["value"].clone();
    person.customfields.retain(|value| value.name != name);
    let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
    if !empty {
        // What comes in as a moment is kept as the day it is.
        let value = match (kind, value.as_str()) {
            (FieldKind::Date, Some(text)) => text.split('T').next().unwrap_or(text).into(),
            _ => value,
        };
        person.customfields.push(CustomValue { name, kind, value });
    }
}
