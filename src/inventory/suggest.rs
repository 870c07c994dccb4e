//! A first configuration from what was found: which members are which facts, and which attributes follow from them.
//!
//! Decides; writing it down is `render`'s. Must not know values, only statistics. Invariants: what is configured already
//! stays as it is; nothing is suggested that no row had; the same report gives the same suggestion.

use std::collections::BTreeSet;

use super::Guess;
use super::report::{FieldReport, JsonType, ListReport, Sentinel};
use super::usage::Usage;
use crate::config::kinds;
use crate::model::FactType;

/// Rows of ten that must have a value before a member is taken for everyone's number.
const NUMBER_FILLED: f64 = 0.8;

/// What a fact is to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Name as shown.
    DisplayName,
    /// Given name.
    GivenName,
    /// Surname.
    Surname,
    /// What tells people apart for good.
    Number,
    /// E-mail address.
    Email,
    /// Desk telephone.
    Phone,
    /// Mobile telephone.
    Mobile,
    /// Job title.
    JobTitle,
    /// Department.
    Department,
    /// Company.
    Company,
    /// Place of work.
    Site,
    /// Deactivated in the source.
    Inactive,
    /// First day.
    StartsOn,
    /// Last day.
    EndsOn,
}

/// Role, the name of its field, and the names members have for it in the systems we know, in plain lower case.
const ROLES: &[(Role, &str, &[&str])] = &[
    (
        Role::DisplayName,
        "displayName",
        &["name", "displayname", "fullname"],
    ),
    (
        Role::GivenName,
        "givenName",
        &["firstname", "givenname", "forename"],
    ),
    (
        Role::Surname,
        "surname",
        &["surname", "lastname", "familyname"],
    ),
    (
        Role::Number,
        "number",
        &[
            "employeenumber",
            "employeeid",
            "personnelnumber",
            "personnelid",
            "staffid",
            "staffnumber",
        ],
    ),
    (
        Role::Email,
        "email",
        &["emailaddress", "email", "mail", "workemail"],
    ),
    (
        Role::Phone,
        "phone",
        &["phonenumber", "phone", "telephone", "workphone"],
    ),
    (
        Role::Mobile,
        "mobile",
        &["mobilenumber", "mobile", "mobilephone", "cellphone"],
    ),
    (
        Role::JobTitle,
        "jobTitle",
        &["jobtitle", "title", "position"],
    ),
    (
        Role::Department,
        "department",
        &["department", "departmentname"],
    ),
    (
        Role::Company,
        "company",
        &["company", "companyname", "clientname"],
    ),
    (
        Role::Site,
        "site",
        &["sitename", "site", "location", "office"],
    ),
    (Role::Inactive, "inactive", &["inactive"]),
    (
        Role::StartsOn,
        "startsOn",
        &["startdate", "startson", "hiredate", "firstday", "joindate"],
    ),
    (
        Role::EndsOn,
        "endsOn",
        &[
            "enddate",
            "endson",
            "leavedate",
            "lastday",
            "leavingdate",
            "terminationdate",
        ],
    ),
];

impl Role {
    /// The attribute that takes it as it is; `None` where there is none or more to say.
    pub fn attribute(self) -> Option<&'static str> {
        Some(match self {
            Self::DisplayName => "displayName",
            Self::GivenName => "givenName",
            Self::Surname => "sn",
            Self::Email => "mail",
            Self::Phone => "telephoneNumber",
            Self::Mobile => "mobile",
            Self::JobTitle => "title",
            Self::Department => "department",
            Self::Company => "company",
            Self::Site => "physicalDeliveryOfficeName",
            Self::Number | Self::Inactive | Self::StartsOn | Self::EndsOn => return None,
        })
    }

    /// Whether nobody can have an account without it.
    fn is_essential(self) -> bool {
        matches!(
            self,
            Self::DisplayName | Self::GivenName | Self::Surname | Self::Number
        )
    }

    fn is_date(self) -> bool {
        matches!(self, Self::StartsOn | Self::EndsOn)
    }
}

/// A field for the Source.
#[derive(Debug, Clone, PartialEq)]
pub struct SuggestedField {
    /// Its name.
    pub name: String,
    /// The expression; `None` for a field that is configured already.
    pub from: Option<String>,
    /// Its type.
    pub fact_type: FactType,
    /// Whether people without a value should be held.
    pub required: bool,
    /// Whether people who share a value should be held.
    pub unique: bool,
    /// Values that mean none.
    pub none: Vec<&'static str>,
    /// What it is to a person.
    pub role: Option<Role>,
    /// Share of rows with a value, 0 to 1; `None` when no single member tells.
    pub fill_rate: Option<f64>,
    /// Different values, as far as counted, and whether that is all.
    pub distinct: Option<(u64, bool)>,
    /// What its values look like.
    pub guess: Option<Guess>,
}

/// A first configuration of a Source.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Fields: those configured, then new ones, by role and name.
    pub fields: Vec<SuggestedField>,
    /// Members with values that nothing was made of, and how often they are filled.
    pub others: Vec<(String, f64)>,
}

impl Suggestion {
    /// The field with this role.
    pub fn field(&self, role: Role) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| field.role == Some(role))
            .map(|field| field.name.as_str())
    }
}

/// Makes a suggestion for a Source from what its people's list holds.
pub fn suggest(list: &ListReport, source: &kinds::Source, uses: &[Usage]) -> Suggestion {
    let mut fields: Vec<SuggestedField> = Vec::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for (name, spec) in &source.person.fields {
        let used = uses.iter().find(|one| one.by == *name);
        let member = used
            .filter(|one| one.plain)
            .and_then(|one| list.fields.iter().find(|field| field.path == one.paths[0]));
        if let Some(member) = member {
            taken.insert(&member.path);
        }
        fields.push(SuggestedField {
            name: name.clone(),
            from: None,
            fact_type: spec.fact_type,
            required: spec.required != kinds::Required::No,
            unique: spec.unique.severity().is_some(),
            none: Vec::new(),
            role: by_name(name).or_else(|| member.and_then(|member| role(&member.path))),
            fill_rate: member.map(|member| member.fill_rate),
            distinct: member.map(|member| (member.distinct.count, member.distinct.exact)),
            guess: member.map(|member| member.guess),
        });
    }
    // Of two fields with one role the first has it.
    let mut seen = BTreeSet::new();
    for field in &mut fields {
        field.role = field.role.filter(|role| seen.insert(*role));
    }
    let key = uses
        .iter()
        .find(|one| one.by == "(key)")
        .and_then(|one| one.paths.first())
        .unwrap_or(&source.person.key);
    let mut free: Vec<&FieldReport> = list
        .fields
        .iter()
        .filter(|field| {
            field.filled > 0 && field.path != **key && !taken.contains(field.path.as_str())
        })
        .filter(|field| is_plain(&field.path) && field.guess != Guess::Nothing)
        .collect();
    let mut added: Vec<SuggestedField> = Vec::new();
    // In the order of roles, and within one of the names we know best.
    for (role, name, members) in ROLES {
        if seen.contains(role) {
            continue;
        }
        let best = members.iter().find_map(|member| {
            free.iter()
                .position(|field| plain_name(&field.path) == *member && fits(*role, field))
        });
        let best = best.or_else(|| (*role == Role::Number).then(|| number(&free)).flatten());
        if let Some(at) = best {
            let field = free.remove(at);
            seen.insert(*role);
            added.push(suggested(
                free_name(name, &fields, &added),
                field,
                Some(*role),
            ));
        }
    }
    // Custom fields exist because somebody wanted them.
    let (custom, others): (Vec<&FieldReport>, Vec<&FieldReport>) = free
        .into_iter()
        .partition(|field| field.path.starts_with("customField("));
    for field in custom {
        let name = free_name(&field_name(&field.path), &fields, &added);
        added.push(suggested(name, field, None));
    }
    fields.extend(added);
    Suggestion {
        fields,
        others: others
            .into_iter()
            // What says the same of everyone tells nobody apart.
            .filter(|field| field.distinct.count > 1)
            .map(|field| (field.path.clone(), field.fill_rate))
            .collect(),
    }
}

fn by_name(name: &str) -> Option<Role> {
    ROLES
        .iter()
        .find(|(_, field, _)| *field == name)
        .map(|(role, _, _)| *role)
}

fn role(path: &str) -> Option<Role> {
    let name = plain_name(path);
    ROLES
        .iter()
        .find(|(_, _, members)| members.contains(&name.as_str()))
        .map(|(role, _, _)| *role)
}

/// Whether an expression can name it as it stands and its value is one thing.
fn is_plain(path: &str) -> bool {
    !path.contains("[]") && !path.contains(".*") && !path.contains("['")
}

/// `firstname` of `users.first_name`, `startdate` of `customField('CFstartDate')`.
fn plain_name(path: &str) -> String {
    bare_name(path)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

fn bare_name(path: &str) -> &str {
    match path
        .strip_prefix("customField('")
        .and_then(|rest| rest.strip_suffix("')"))
    {
        Some(name) => name.strip_prefix("CF").unwrap_or(name),
        None => match path.split_once('.') {
            // With what it stands in: `users.site.name` is a site's name and not the person's.
            Some((_, member)) => member,
            None => path,
        },
    }
}

fn fits(role: Role, field: &FieldReport) -> bool {
    let dated = matches!(field.guess, Guess::Date | Guess::DateTime);
    match role {
        Role::Inactive => field.guess == Guess::Flag,
        Role::Email => field.guess == Guess::Email,
        role if role.is_date() => dated,
        _ => !dated && !matches!(field.guess, Guess::Flag | Guess::Html),
    }
}

/// The member that most probably is everyone's number: short, each value once, nearly always filled.
fn number(free: &[&FieldReport]) -> Option<usize> {
    free.iter()
        .enumerate()
        .filter(|(_, field)| {
            let slot = plain_name(&field.path).starts_with("other")
                || field.path.starts_with("customField(");
            slot && field.unique == Some(true)
                && field.distinct.count > 1
                && field.fill_rate >= NUMBER_FILLED
                && matches!(field.guess, Guess::Number | Guess::Text)
                // `employeeID` takes 16 characters.
                && field.length.is_some_and(|length| length.max <= 16)
        })
        .max_by(|(_, a), (_, b)| {
            a.fill_rate
                .total_cmp(&b.fill_rate)
                .then(b.path.cmp(&a.path))
        })
        .map(|(at, _)| at)
}

fn suggested(name: String, field: &FieldReport, role: Option<Role>) -> SuggestedField {
    let fact_type = match field.guess {
        _ if role == Some(Role::Number) => FactType::Text,
        _ if role.is_some_and(Role::is_date) => FactType::Date,
        Guess::Date => FactType::Date,
        // Dates that were midnight elsewhere.
        Guess::DateTime if field.shifted_midnights.is_some() => FactType::Date,
        Guess::DateTime => FactType::DateTime,
        Guess::Flag => FactType::Boolean,
        Guess::Number if field.types.contains_key(&JsonType::Number) => FactType::Integer,
        _ => FactType::Text,
    };
    let mut none = Vec::new();
    if fact_type != FactType::Boolean {
        for (sentinel, text) in [(Sentinel::Zero, "0"), (Sentinel::MinusOne, "-1")] {
            if field.sentinels.contains_key(&sentinel) {
                none.push(text);
            }
        }
    }
    SuggestedField {
        name,
        from: Some(field.path.clone()),
        fact_type,
        required: role.is_some_and(Role::is_essential),
        unique: matches!(role, Some(Role::Number | Role::Email)) && field.unique == Some(true),
        none,
        role,
        fill_rate: Some(field.fill_rate),
        distinct: Some((field.distinct.count, field.distinct.exact)),
        guess: Some(field.guess),
    }
}

/// `employeeClass` of `customField('CFEmployee class')`.
fn field_name(path: &str) -> String {
    let mut name = String::new();
    let mut upper = false;
    for c in bare_name(path).chars() {
        if !c.is_ascii_alphanumeric() {
            upper = !name.is_empty();
        } else if name.is_empty() {
            name.push(c.to_ascii_lowercase());
        } else if upper {
            upper = false;
            name.push(c.to_ascii_uppercase());
        } else {
            name.push(c);
        }
    }
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("field{name}")
    }
}

fn free_name(wanted: &str, fields: &[SuggestedField], added: &[SuggestedField]) -> String {
    let is_free = |name: &str| !fields.iter().chain(added).any(|field| field.name == name);
    if is_free(wanted) {
        return wanted.to_owned();
    }
    (2..)
        .map(|number| format!("{wanted}{number}"))
        .find(|name| is_free(name))
        .unwrap_or_default()
}

/// An attribute by which accounts could be tied to people.
#[derive(Debug, Clone, PartialEq)]
pub struct AnchorCandidate {
    /// Its name.
    pub attribute: String,
    /// Share of users looked at who have a value.
    pub fill_rate: f64,
    /// Whether no value came twice; `None` when there is none at all.
    pub unique: Option<bool>,
}

/// Attributes an anchor is usually kept in, the best first: filled and unique before empty, empty before shared.
pub fn anchors(fields: &[FieldReport]) -> Vec<AnchorCandidate> {
    const USUAL: &[&str] = &[
        "employeeID",
        "employeeNumber",
        "extensionAttribute1",
        "extensionAttribute15",
        "msDS-cloudExtensionAttribute1",
        "uid",
        "mail",
    ];
    let extension = |name: &str| {
        name.starts_with("extensionAttribute") || name.starts_with("msDS-cloudExtensionAttribute")
    };
    let mut found: Vec<AnchorCandidate> = fields
        .iter()
        .filter(|field| USUAL.contains(&field.path.as_str()) || extension(&field.path))
        .map(|field| AnchorCandidate {
            attribute: field.path.clone(),
            fill_rate: field.fill_rate,
            unique: field.unique,
        })
        .collect();
    for name in ["employeeID", "employeeNumber"] {
        if !found.iter().any(|known| known.attribute == name) {
            found.push(AnchorCandidate {
                attribute: name.to_owned(),
                fill_rate: 0.0,
                unique: None,
            });
        }
    }
    let rank = |candidate: &AnchorCandidate| match candidate.unique {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    found.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then(b.fill_rate.total_cmp(&a.fill_rate))
            .then(a.attribute.cmp(&b.attribute))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::{Role, field_name, plain_name, role};

    #[test]
    fn members_are_recognised_by_their_names() {
        for (path, expected) in [
            ("users.firstname", Some(Role::GivenName)),
            ("people.first_name", Some(Role::GivenName)),
            ("users.surname", Some(Role::Surname)),
            ("users.emailaddress", Some(Role::Email)),
            ("customField('CFstartDate')", Some(Role::StartsOn)),
            ("customField('CFemployeeNumber')", Some(Role::Number)),
            ("users.site.name", Some(Role::Site)),
            ("users.site.client.code", None),
            ("users.other1", None),
        ] {
            assert_eq!(role(path), expected, "{path}: {}", plain_name(path));
        }
    }

    #[test]
    fn field_names_are_identifiers() {
        for (path, expected) in [
            ("customField('CFEmployee class')", "employeeClass"),
            ("customField('CFstartDate')", "startDate"),
            ("customField('CF2nd-phone')", "field2ndPhone"),
            ("customField('CF\u{e9}')", "field"),
        ] {
            assert_eq!(field_name(path), expected);
        }
    }
}
