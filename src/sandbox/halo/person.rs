//! One person as HaloITSM keeps and shows them.
//!
//! Knows nothing of requests. Invariants: what a list row leaves out is left out for everyone; a member without value
//! is absent or one of HaloITSM's kinds of "empty", the same one each time for the same person and member.

use serde_json::{Map, Value, json};

use super::world::World;
use crate::sandbox::people::Invented;

/// Type of a custom field, by HaloITSM's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FieldKind {
    /// A line of text.
    Text = 0,
    /// Several lines of text.
    Memo = 1,
    /// One of several values, kept as its number.
    Select = 2,
    /// Several values.
    MultiSelect = 3,
    /// A date, kept as a moment.
    Date = 4,
    /// A tick.
    Checkbox = 6,
}

/// A custom field's value on one person.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomValue {
    /// System name, begins with `CF`.
    pub name: String,
    /// Its type.
    pub kind: FieldKind,
    /// The value: text, a number for a select, an ISO date (`2026-11-30`) for a date.
    pub value: Value,
}

impl CustomValue {
    /// A text.
    pub fn text(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: FieldKind::Text,
            value: value.into(),
        }
    }

    /// A date.
    pub fn date(name: &str, value: jiff::civil::Date) -> Self {
        Self {
            name: name.to_owned(),
            kind: FieldKind::Date,
            value: value.to_string().into(),
        }
    }
}

/// A person. `None` means that HaloITSM has nothing there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HaloPerson {
    /// The only unique thing.
    pub id: i64,
    /// Display name; required by HaloITSM.
    pub name: String,
    /// Given name.
    pub firstname: Option<String>,
    /// Surname.
    pub surname: Option<String>,
    /// Job title, where a customer keeps it here.
    pub title: Option<String>,
    /// E-mail address; not unique.
    pub emailaddress: Option<String>,
    /// Network login, free form.
    pub login: Option<String>,
    /// Where the person works; says which client they belong to.
    pub site_id: i64,
    /// Free slot.
    pub other1: Option<String>,
    /// Free slot.
    pub other2: Option<String>,
    /// Free slot.
    pub other3: Option<String>,
    /// Free slot.
    pub other4: Option<String>,
    /// Free slot.
    pub other5: Option<String>,
    /// Desk telephone.
    pub phonenumber: Option<String>,
    /// Mobile telephone.
    pub mobilenumber: Option<String>,
    /// Deactivated.
    pub inactive: bool,
    /// Not a person at all.
    pub isserviceaccount: bool,
    /// Not a person of ours yet.
    pub is_prospect: bool,
    /// The pseudo-person of a site.
    pub general_user: bool,
    /// The agent this person also is; 0 for none.
    pub linked_agent_id: i64,
    /// Entra object id.
    pub azureoid: Option<String>,
    /// Distinguished name from HaloITSM's own importer.
    pub activedirectory_dn: Option<String>,
    /// Birth, an ISO date-time without zone.
    pub date_of_birth: Option<String>,
    /// End of the support contract, an ISO date-time without zone.
    pub contract_end_date: Option<String>,
    /// Detail only.
    pub department: Option<String>,
    /// Detail only.
    pub samaccountname: Option<String>,
    /// Detail only.
    pub third_party_guid: Option<String>,
    /// Detail only.
    pub admanager: Option<String>,
    /// Detail only.
    pub manager_email: Option<String>,
    /// Detail only, an ISO date-time; HaloITSM sets it.
    pub datecreated: Option<String>,
    /// Detail only, an ISO date-time; HaloITSM sets it.
    pub ulastupdate: Option<String>,
    /// Custom fields with a value.
    pub customfields: Vec<CustomValue>,
    /// Any other member, shown in both views as it stands.
    pub extra: Map<String, Value>,
}

/// Text members of a list row, in the order HaloITSM writes them.
const LIST_TEXTS: &[&str] = &[
    "firstname",
    "surname",
    "title",
    "emailaddress",
    "phonenumber",
    "mobilenumber",
    "activedirectory_dn",
    "login",
    "other1",
    "other2",
    "other3",
    "other4",
    "other5",
    "azureoid",
];

/// Text members only the detail view has.
const DETAIL_TEXTS: &[&str] = &[
    "department",
    "samaccountname",
    "third_party_guid",
    "admanager",
    "manager_email",
];

/// What the answer is for, since HaloITSM shows the same person differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Get,
    /// The answer to a POST: fresh dates with seven digits and `Z`, selects as numbers.
    PostAnswer,
}

impl HaloPerson {
    /// A person with the members every person has.
    pub fn new(id: i64, firstname: &str, surname: &str) -> Self {
        Self {
            id,
            name: format!("{firstname} {surname}"),
            firstname: Some(firstname.to_owned()),
            surname: Some(surname.to_owned()),
            site_id: 1,
            ..Self::default()
        }
    }

    /// An invented person, kept the way customers keep what HaloITSM has no field for: number in `other1`, title in
    /// `title`, department in `other3`, manager's id in `other4`, first and last day in custom fields `CFstartDate`
    /// and `CFendDate` and, for views without custom fields, last day in `other5`.
    pub fn invented(person: &Invented, index: usize) -> Self {
        let mut customfields = vec![CustomValue::date("CFstartDate", person.starts_on)];
        if let Some(ends_on) = person.ends_on {
            customfields.push(CustomValue::date("CFendDate", ends_on));
        }
        Self {
            title: Some(person.title.to_owned()),
            emailaddress: Some(person.email.clone()),
            login: Some(format!("EXAMPLE\\{}", person.login)),
            site_id: person.site.id,
            other1: Some(person.number.clone()),
            other3: Some(person.department.to_owned()),
            other4: person
                .manager
                .map(|manager| Self::invented_id(manager).to_string()),
            other5: person.ends_on.map(|day| day.to_string()),
            phonenumber: person.phone.clone(),
            mobilenumber: person.mobile.clone(),
            inactive: !person.active,
            customfields,
            ..Self::new(
                Self::invented_id(index),
                &person.given_name,
                &person.surname,
            )
        }
    }

    /// The id the invented person at this index has.
    pub fn invented_id(index: usize) -> i64 {
        1001 + i64::try_from(index).unwrap_or(i64::MAX - 1001)
    }

    /// The text member with this name, when there is such a member.
    pub(super) fn text(&self, name: &str) -> Option<&Option<String>> {
        Some(match name {
            "firstname" => &self.firstname,
            "surname" => &self.surname,
            "title" => &self.title,
            "emailaddress" => &self.emailaddress,
            "login" => &self.login,
            "other1" => &self.other1,
            "other2" => &self.other2,
            "other3" => &self.other3,
            "other4" => &self.other4,
            "other5" => &self.other5,
            "phonenumber" => &self.phonenumber,
            "mobilenumber" => &self.mobilenumber,
            "azureoid" => &self.azureoid,
            "activedirectory_dn" => &self.activedirectory_dn,
            "department" => &self.department,
            "samaccountname" => &self.samaccountname,
            "third_party_guid" => &self.third_party_guid,
            "admanager" => &self.admanager,
            "manager_email" => &self.manager_email,
            "date_of_birth" => &self.date_of_birth,
            "contract_end_date" => &self.contract_end_date,
            _ => return None,
        })
    }

    /// The same, for writing.
    pub(super) fn text_mut(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "firstname" => &mut self.firstname,
            "surname" => &mut self.surname,
            "title" => &mut self.title,
            "emailaddress" => &mut self.emailaddress,
            "login" => &mut self.login,
            "other1" => &mut self.other1,
            "other2" => &mut self.other2,
            "other3" => &mut self.other3,
            "other4" => &mut self.other4,
            "other5" => &mut self.other5,
            "phonenumber" => &mut self.phonenumber,
            "mobilenumber" => &mut self.mobilenumber,
            "azureoid" => &mut self.azureoid,
            "activedirectory_dn" => &mut self.activedirectory_dn,
            "department" => &mut self.department,
            "samaccountname" => &mut self.samaccountname,
            "third_party_guid" => &mut self.third_party_guid,
            "admanager" => &mut self.admanager,
            "manager_email" => &mut self.manager_email,
            "date_of_birth" => &mut self.date_of_birth,
            "contract_end_date" => &mut self.contract_end_date,
            _ => return None,
        })
    }

    /// One of HaloITSM's ways to say "empty": mostly no member, sometimes `""`, rarely a blank.
    fn empty(&self, member: usize) -> Option<Value> {
        match (self.id.unsigned_abs() as usize + member * 5) % 11 {
            0 | 3 => Some("".into()),
            7 => Some(" ".into()),
            _ => None,
        }
    }

    /// The members of a list row.
    pub(super) fn row(&self, world: &World) -> Map<String, Value> {
        let site = world.site(self.site_id);
        let mut row = Map::with_capacity(48);
        let mut put = |name: &str, value: Value| {
            row.insert(name.to_owned(), value);
        };
        put("id", self.id.into());
        put("name", self.name.clone().into());
        put("site_id", double(self.site_id));
        put("site_id_int", self.site_id.into());
        put("site_name", site.name.clone().into());
        put("client_name", site.client_name.clone().into());
        for (index, name) in LIST_TEXTS.iter().enumerate() {
            match self.text(name).and_then(Option::as_ref) {
                Some(text) => put(name, text.clone().into()),
                None => {
                    if let Some(empty) = self.empty(index) {
                        put(name, empty);
                    }
                }
            }
        }
        put("sitephonenumber", "".into());
        put("telpref", 0.into());
        put("inactive", self.inactive.into());
        put("isimportantcontact", false.into());
        put("neversendemails", false.into());
        put("priority_id", 0.into());
        put("linked_agent_id", self.linked_agent_id.into());
        put("isserviceaccount", self.isserviceaccount.into());
        put("ignoreautomatedbilling", false.into());
        put("isimportantcontact2", false.into());
        put("connectwiseid", 0.into());
        put("autotaskid", (-1).into());
        put("messagegroup_id", (-1).into());
        put("sitetimezone", site.timezone.clone().into());
        put("use", "user".into());
        put("key", self.id.into());
        put("client_id", site.client_id.into());
        put("item_tax_code", (-3).into());
        put("overridepdftemplatequote", (-1).into());
        put("is_prospect", self.is_prospect.into());
        for (index, name) in ["date_of_birth", "contract_end_date"].iter().enumerate() {
            match self.text(name).and_then(Option::as_ref) {
                Some(moment) => put(name, moment.clone().into()),
                None => match (self.id.unsigned_abs() as usize + index) % 5 {
                    0 => put(name, "1899-12-30T00:00:00".into()),
                    1 => put(name, "1900-01-01T00:00:00".into()),
                    _ => {}
                },
            }
        }
        for (name, value) in &self.extra {
            row.insert(name.clone(), value.clone());
        }
        row
    }

    /// The members of the detail view.
    pub(super) fn detail(&self, world: &World, view: View) -> Map<String, Value> {
        let site = world.site(self.site_id);
        let mut row = self.row(world);
        for name in ["key", "use"] {
            row.shift_remove(name);
        }
        for (index, name) in DETAIL_TEXTS.iter().enumerate() {
            match self.text(name).and_then(Option::as_ref) {
                Some(text) => {
                    row.insert((*name).to_owned(), text.clone().into());
                }
                None => {
                    if let Some(empty) = self.empty(index + LIST_TEXTS.len()) {
                        row.insert((*name).to_owned(), empty);
                    }
                }
            }
        }
        row.insert("adconnection".to_owned(), (-1).into());
        row.insert("useadlogin".to_owned(), 0.into());
        row.insert("locked".to_owned(), false.into());
        for (name, moment) in [
            ("datecreated", &self.datecreated),
            ("ulastupdate", &self.ulastupdate),
        ] {
            let moment = moment.as_deref().unwrap_or("2024-03-01T09:37:08.7");
            let moment = match view {
                View::Get => moment.to_owned(),
                View::PostAnswer => fresh(moment),
            };
            row.insert(name.to_owned(), moment.into());
        }
        row.entry("departments").or_insert_with(|| json!([]));
        row.insert("roles".to_owned(), json!([]));
        row.insert(
            "site".to_owned(),
            json!({"id": self.site_id, "name": site.name, "client_id": double(site.client_id), "client_name": site.client_name}),
        );
        row.insert(
            "customfields".to_owned(),
            world.custom_rows(self, None, view).into(),
        );
        row
    }
}

/// An id written as HaloITSM writes some: `18.0`.
#[expect(clippy::cast_precision_loss, reason = "ids are far below 2^53")]
pub(super) fn double(id: i64) -> Value {
    json!(id as f64)
}

/// A stored date-time the way a POST answers it: seven digits and `Z`.
fn fresh(moment: &str) -> String {
    let (whole, fraction) = moment.split_once('.').unwrap_or((moment, ""));
    format!("{whole}.{fraction:0<7}Z")
}

#[cfg(test)]
mod tests {
    #[test]
    fn fresh_dates_have_seven_digits_and_a_zone() {
        assert_eq!(
            super::fresh("2019-01-09T09:37:08.7"),
            "2019-01-09T09:37:08.7000000Z"
        );
        assert_eq!(
            super::fresh("2019-01-09T09:37:08"),
            "2019-01-09T09:37:08.0000000Z"
        );
    }
}
