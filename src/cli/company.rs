//! The invented company of the example, as its files tell of it, and as the simulators take it.
//!
//! Pure: text in, people and objects out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::sandbox::directory::{Edit, NewEntry, encode_password};
use crate::sandbox::halo::{CustomValue, FieldKind, HaloPerson, SimSite};
use crate::sandbox::people::Invented;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawObject {
    pub(super) dn: String,
    pub(super) object_class: String,
    #[serde(default)]
    attributes: BTreeMap<String, RawValue>,
    #[serde(default)]
    member: Vec<String>,
    #[serde(default)]
    enabled: bool,
}

/// A password that nobody knows or needs: an enabled account has one.
fn nobodys_password() -> zeroize::Zeroizing<Vec<u8>> {
    let random: u128 = rand::random();
    encode_password(&format!("aA-{random:x}"))
}

impl RawObject {
    /// The object without its links.
    pub(super) fn entry(&self) -> NewEntry {
        let mut entry = NewEntry::new(&self.dn, &self.object_class);
        if self.object_class == "user" {
            // NORMAL_ACCOUNT, with ACCOUNTDISABLE or without.
            entry = entry
                .with(
                    "userAccountControl",
                    if self.enabled { "512" } else { "514" },
                )
                .with_bytes("unicodePwd", &nobodys_password());
        }
        for (name, value) in &self.attributes {
            if name != LINK {
                for value in value.values() {
                    entry = entry.with(name, value);
                }
            }
        }
        entry
    }

    /// What adds its links.
    pub(super) fn links(&self) -> Vec<Edit> {
        let managers = self
            .attributes
            .get(LINK)
            .map(RawValue::values)
            .unwrap_or_default();
        let managers = managers.iter().map(|dn| Edit::add(LINK, dn));
        managers
            .chain(self.member.iter().map(|dn| Edit::add("member", dn)))
            .collect()
    }
}

/// The one attribute of accounts in the example that names another object.
pub(super) const LINK: &str = "manager";

#[derive(Deserialize)]
#[serde(untagged)]
enum RawValue {
    One(String),
    Many(Vec<String>),
}

impl RawValue {
    fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// A person of the example, as HaloITSM's list shows them.
#[derive(Deserialize)]
pub(super) struct RawPerson {
    id: i64,
    name: String,
    firstname: Option<String>,
    surname: Option<String>,
    emailaddress: Option<String>,
    login: Option<String>,
    site_id_int: i64,
    site_name: String,
    client_id: i64,
    client_name: String,
    phonenumber: Option<String>,
    mobilenumber: Option<String>,
    other1: Option<String>,
    other2: Option<String>,
    other3: Option<String>,
    other4: Option<String>,
    other5: Option<String>,
    #[serde(default)]
    inactive: bool,
    #[serde(default)]
    isserviceaccount: bool,
    #[serde(default)]
    is_prospect: bool,
    #[serde(default)]
    linked_agent_id: i64,
    #[serde(default)]
    customfields: Vec<RawField>,
}

#[derive(Deserialize)]
struct RawField {
    name: String,
    #[serde(rename = "type")]
    kind: u8,
    value: serde_json::Value,
}

impl RawPerson {
    pub(super) fn person(&self) -> HaloPerson {
        HaloPerson {
            name: self.name.clone(),
            firstname: self.firstname.clone(),
            surname: self.surname.clone(),
            emailaddress: self.emailaddress.clone(),
            login: self.login.clone(),
            site_id: self.site_id_int,
            phonenumber: self.phonenumber.clone(),
            mobilenumber: self.mobilenumber.clone(),
            other1: self.other1.clone(),
            other2: self.other2.clone(),
            other3: self.other3.clone(),
            other4: self.other4.clone(),
            other5: self.other5.clone(),
            inactive: self.inactive,
            isserviceaccount: self.isserviceaccount,
            is_prospect: self.is_prospect,
            linked_agent_id: self.linked_agent_id,
            general_user: self.name == "General User",
            customfields: self.customfields.iter().map(RawField::value).collect(),
            ..HaloPerson::new(self.id, "", "")
        }
    }
}

impl RawField {
    fn value(&self) -> CustomValue {
        CustomValue {
            name: self.name.clone(),
            kind: if self.kind == FieldKind::Date as u8 {
                FieldKind::Date
            } else {
                FieldKind::Text
            },
            value: self.value.clone(),
        }
    }
}

pub(super) fn sites(people: &[RawPerson]) -> Vec<SimSite> {
    let named: BTreeMap<i64, &RawPerson> = people
        .iter()
        .map(|person| (person.site_id_int, person))
        .collect();
    named
        .into_iter()
        .map(|(id, person)| SimSite {
            client_id: person.client_id,
            client_name: person.client_name.clone(),
            ..SimSite::new(id, &person.site_name)
        })
        .collect()
}

/// Invented people, kept in the members in which the example's source looks for them.
pub(super) fn invented_people(invented: &[Invented], sites: &[SimSite]) -> Vec<HaloPerson> {
    const DEPARTMENTS: &[&str] = &["Finance", "IT", "Marketing", "Operations", "R&D", "Sales"];
    let known: BTreeSet<&str> = DEPARTMENTS.iter().copied().collect();
    invented
        .iter()
        .enumerate()
        .map(|(index, person)| {
            let department = known
                .get(person.department)
                .copied()
                .unwrap_or(DEPARTMENTS[index % DEPARTMENTS.len()]);
            HaloPerson {
                site_id: sites[index % sites.len()].id,
                title: None,
                other2: Some(department.to_owned()),
                other3: Some(person.title.to_owned()),
                other4: person
                    .manager
                    .and_then(|at| invented.get(at))
                    .map(|manager| manager.number.clone()),
                other5: None,
                ..HaloPerson::invented(person, index)
            }
        })
        .collect()
}

/// The example asks for custom fields by id, and ids are given in the order fields become known.
pub(super) fn define_fields(people: &mut [HaloPerson]) {
    if let Some(first) = people.first_mut() {
        let missing = ["CFstartDate", "CFendDate", "CFlocale"].map(|name| {
            first
                .customfields
                .iter()
                .find(|value| value.name == name)
                .cloned()
                .unwrap_or(CustomValue {
                    name: name.to_owned(),
                    kind: if name == "CFlocale" {
                        FieldKind::Text
                    } else {
                        FieldKind::Date
                    },
                    value: serde_json::Value::Null,
                })
        });
        first.customfields = missing.into();
    }
}
