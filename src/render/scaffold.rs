//! A first configuration, written down with the reasons beside it.
//!
//! Works from a suggestion and what is configured already; decides nothing. Invariants: what it writes is valid YAML
//! whatever names came from the other side (they stand between quotes, or escaped in comments); a secret is written as
//! the reference it is configured as.

use std::fmt::Write as _;

use serde_json::Value;

use super::escape;
use crate::config::kinds;
use crate::inventory::report::{DirectoryReport, SourceReport};
use crate::inventory::suggest::{self, Role, SuggestedField, Suggestion};
use crate::model::{Dn, FactType};

/// Places listed that nothing was made of.
const MOST_OTHERS: usize = 100;

/// Everything a first configuration of a source is made from.
#[derive(Debug, Clone, Copy)]
pub struct SourceScaffold<'a> {
    /// What was found.
    pub report: &'a SourceReport,
    /// The Source as it is configured.
    pub spec: &'a kinds::Source,
    /// What its document says it is.
    pub description: Option<&'a str>,
    /// What was made of it.
    pub suggestion: &'a Suggestion,
    /// Name and settings of the directory to map to; `None` when the project has none.
    pub target: Option<(&'a str, &'a kinds::ActiveDirectory)>,
    /// Name of the mapping.
    pub mapping: &'a str,
    /// Whether a Lifecycle is needed, too.
    pub lifecycle: bool,
    /// Where schemas stand, seen from the file: `../schemas`.
    pub schemas: &'a str,
}

/// Everything a first configuration of a directory is made from.
#[derive(Debug, Clone, Copy)]
pub struct DirectoryScaffold<'a> {
    /// What was found.
    pub report: &'a DirectoryReport,
    /// The document as it is configured.
    pub spec: &'a kinds::ActiveDirectory,
    /// What it says it is.
    pub description: Option<&'a str>,
    /// Places with users, and how many stand in each itself.
    pub users: &'a [(String, u64)],
    /// Places with groups.
    pub groups: &'a [(String, u64)],
    /// Where schemas stand, seen from the file.
    pub schemas: &'a str,
}

/// The Source with its fields, a Mapping and, where there is none, a Lifecycle.
pub(super) fn source(scaffold: &SourceScaffold<'_>) -> String {
    let mut out = String::new();
    let name = scaffold.report.source.as_str();
    let _ = writeln!(
        out,
        "# Made by `halosync probe source {name} --scaffold mapping`. A beginning: read it, then make it yours.\n\
         # The Source takes the place of the one it was made from."
    );
    let document = ("source", "Source", name);
    head(&mut out, scaffold.schemas, document, scaffold.description);
    let spec = serde_json::to_value(scaffold.spec).unwrap_or_default();
    members(&mut out, &spec, &["person"], 2);
    out.push_str("  person:\n");
    if let Some(person) = spec.get("person") {
        members(&mut out, person, &["fields"], 4);
    }
    let rows = scaffold.report.lists.first().map_or(0, |list| list.rows);
    let _ = writeln!(
        out,
        "    # Shares are of the {rows} rows looked at.\n    fields:"
    );
    for field in &scaffold.suggestion.fields {
        let written = match &field.from {
            None => spec
                .pointer("/person/fields")
                .and_then(|fields| fields.get(&field.name))
                .map(without_defaults)
                .unwrap_or_default(),
            Some(from) => new_field(field, from),
        };
        let _ = writeln!(out, "      {}: {written}{}", field.name, why(field));
    }
    if !scaffold.suggestion.others.is_empty() {
        out.push_str("    # Nothing was made of these members, which have values, too:\n");
        for (path, rate) in &scaffold.suggestion.others {
            let _ = writeln!(
                out,
                "    #   {} ({})",
                escape::bare(path),
                super::probe::percent(*rate)
            );
        }
    }
    mapping(&mut out, scaffold);
    if scaffold.lifecycle {
        lifecycle(&mut out, scaffold);
    }
    out
}

fn head(
    out: &mut String,
    schemas: &str,
    (schema, kind, name): (&str, &str, &str),
    description: Option<&str>,
) {
    let _ = writeln!(
        out,
        "# yaml-language-server: $schema={schemas}/{schema}.schema.json\napiVersion: halosync/v1\nkind: {kind}\n\
         metadata:\n  name: {name}"
    );
    if let Some(description) = description {
        let _ = writeln!(out, "  description: {}", quoted(description));
    }
    out.push_str("spec:\n");
}

/// Members of an object as block YAML, but for those left out.
fn members(out: &mut String, object: &Value, without: &[&str], indent: usize) {
    for (name, value) in object.as_object().into_iter().flatten() {
        if without.contains(&name.as_str()) || value.is_null() {
            continue;
        }
        let mut one = serde_json::Map::new();
        one.insert(name.clone(), value.clone());
        for line in serde_yaml::to_string(&one).unwrap_or_default().lines() {
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    }
}

/// A configured field on one line, without what is said by saying nothing.
fn without_defaults(field: &Value) -> String {
    let mut field = field.clone();
    if let Some(members) = field.as_object_mut() {
        members.retain(|name, value| {
            !(value == &Value::Bool(false)
                || value.is_null()
                || (name == "type" && value == "text")
                || (name == "required" && value == "no"))
        });
    }
    flow(&field)
}

/// JSON is YAML, and a little air makes it look like it.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| {
                    // `1: London` would be a number's, and `no: …` a flag's.
                    let plain =
                        name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
                    let plain = plain
                        && !matches!(
                            name.to_ascii_lowercase().as_str(),
                            "true" | "false" | "null"
                        );
                    let name = if plain { name.clone() } else { quoted(name) };
                    format!("{name}: {}", flow(value))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn new_field(field: &SuggestedField, from: &str) -> String {
    let mut written = format!("{{from: {}", quoted(from));
    let fact_type = match field.fact_type {
        FactType::Text => None,
        FactType::Integer => Some("integer"),
        FactType::Boolean => Some("boolean"),
        FactType::Date => Some("date"),
        FactType::DateTime => Some("dateTime"),
        FactType::List => Some("list"),
        FactType::Email => Some("email"),
        FactType::Binary => Some("binary"),
    };
    if let Some(fact_type) = fact_type {
        let _ = write!(written, ", type: {fact_type}");
    }
    if field.required {
        written.push_str(", required: hold");
    }
    if field.unique {
        written.push_str(", unique: true");
    }
    if !field.none.is_empty() {
        let none: Vec<String> = field.none.iter().map(|none| quoted(none)).collect();
        let _ = write!(written, ", none: [{}]", none.join(", "));
    }
    written.push('}');
    written
}

fn why(field: &SuggestedField) -> String {
    let mut parts = Vec::new();
    if let Some(rate) = field.fill_rate {
        parts.push(format!("{} filled", super::probe::percent(rate)));
    }
    if let Some((count, exact)) = field.distinct {
        let more = if exact { "" } else { "more than " };
        parts.push(format!("{more}{count} different"));
    }
    if let Some(guess) = field.guess {
        parts.push(format!("looks like {}", guess.word()));
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!(" # {}", parts.join(", "))
    }
}

/// A text between double quotes as JSON has them, which YAML reads the same.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn person(field: &str) -> String {
    format!("{{{{ person.{field} }}}}")
}

fn mapping(out: &mut String, scaffold: &SourceScaffold<'_>) {
    let suggestion = scaffold.suggestion;
    let name = scaffold.report.source.as_str();
    out.push_str("---\n");
    let document = ("mapping", "Mapping", scaffold.mapping);
    head(out, scaffold.schemas, document, None);
    let target = scaffold.target.map_or("corp", |(name, _)| name);
    let _ = writeln!(out, "  source: {name}");
    if scaffold.target.is_none() {
        out.push_str(
            "  # The project has no ActiveDirectory document yet; write one of this name.\n",
        );
    }
    let _ = writeln!(out, "  target: {target}\n  match:");
    let number = suggestion.field(Role::Number);
    match number {
        Some(number) => {
            let _ = writeln!(
                out,
                "    # What ties an account to a person for good.\n    anchor: {{attribute: employeeID, value: {}}}",
                quoted(&person(number))
            );
        }
        None => out.push_str(
            "    # No member looks like everyone's number. Choose a field that is unique and stays, and name it here.\n    \
             anchor: {attribute: employeeID, value: \"\"}\n",
        ),
    }
    if let Some(email) = suggestion.field(Role::Email) {
        let _ = writeln!(
            out,
            "    # Accounts from before are recognised by their address, if exactly one has it.\n    adopt:\n      - \
             {{attribute: mail, value: {}}}",
            quoted(&person(email))
        );
    }
    let base = scaffold
        .target
        .map_or("DC=corp,DC=example,DC=test", |(_, spec)| &spec.base);
    let place = scaffold
        .target
        .and_then(|(_, spec)| spec.managed.under.first())
        .map_or_else(|| format!("OU=People,{base}"), Clone::clone);
    let _ = writeln!(
        out,
        "  # Everyone in one place. A table and `lookup` give each department its own.\n  placement: {}\n  \
         # Accounts that exist stay where they are.\n  placementWhen: onCreate\n  attributes:",
        quoted(&place)
    );
    names(out, suggestion, &domain(base));
    for field in &suggestion.fields {
        let Some(attribute) = field.role.and_then(Role::attribute) else {
            continue;
        };
        let value = quoted(&person(&field.name));
        // Who has none keeps what the account has, until somebody decides otherwise (`clear`).
        let rule = if field.required {
            value
        } else {
            format!("{{value: {value}, empty: leave}}")
        };
        let _ = writeln!(out, "    {attribute}: {rule}");
    }
}

/// Names nobody else may have, from whatever names people have.
fn names(out: &mut String, suggestion: &Suggestion, domain: &str) {
    let number = suggestion.field(Role::Number).map(person);
    let both = suggestion
        .field(Role::GivenName)
        .zip(suggestion.field(Role::Surname));
    let (shown, login, short) = match (both, suggestion.field(Role::DisplayName)) {
        (Some((given, surname)), _) => (
            format!("{} {}", person(given), person(surname)),
            format!("{{{{ person.{given} | login }}}}.{{{{ person.{surname} | login }}}}"),
            format!("{{{{ person.{given} | login | first }}}}{{{{ person.{surname} | login }}}}"),
        ),
        (None, Some(name)) => (
            person(name),
            format!("{{{{ person.{name} | login }}}}"),
            format!("{{{{ person.{name} | login }}}}"),
        ),
        (None, None) => {
            out.push_str(
                "    # No member looks like a name; without one no account can be created.\n",
            );
            return;
        }
    };
    out.push_str("    # Names nobody else may have; formats are tried in order.\n    cn:\n      unique:\n        formats:\n");
    let _ = writeln!(out, "          - {}", quoted(&shown));
    if let Some(number) = &number {
        let _ = writeln!(
            out,
            "          - {}",
            quoted(&format!("{shown} ({number})"))
        );
    }
    let _ = writeln!(
        out,
        "    # What people sign in with is chosen once and stays.\n    sAMAccountName:\n      when: onCreate\n      \
         unique:\n        formats:\n          - {}\n        numbered: true\n        maxLength: 20\n    \
         userPrincipalName:\n      when: onCreate\n      unique:\n        formats:\n          - {}\n        numbered: \
         false",
        quoted(&short),
        quoted(&format!("{login}@{domain}"))
    );
}

/// `corp.example.test` of `DC=corp,DC=example,DC=test`.
fn domain(base: &str) -> String {
    base.split(',')
        .filter_map(|part| part.trim().split_once('='))
        .map(|(_, value)| value)
        .collect::<Vec<_>>()
        .join(".")
}

fn lifecycle(out: &mut String, scaffold: &SourceScaffold<'_>) {
    let suggestion = scaffold.suggestion;
    out.push_str("---\n");
    let document = ("lifecycle", "Lifecycle", scaffold.mapping);
    head(out, scaffold.schemas, document, None);
    let target = scaffold.target.map_or("corp", |(name, _)| name);
    let _ = writeln!(
        out,
        "  source: {}\n  target: {target}\n  # The first state that fits is the person's.\n  states:",
        scaffold.report.source
    );
    let mut state = |name: &str, when: &str, reason: &str, account: &str| {
        let _ = writeln!(out, "    - name: {name}");
        if !when.is_empty() {
            let _ = writeln!(out, "      when: {}", quoted(when));
        }
        let _ = writeln!(
            out,
            "      reason: {}\n      account: {account}",
            quoted(reason)
        );
    };
    if let Some(ends) = suggestion.field(Role::EndsOn) {
        state(
            "left",
            &format!("person.{ends} is defined and person.{ends} < as_of"),
            &format!("last day was {}", person(ends)),
            "{enabled: false, groups: keep}",
        );
    }
    if let Some(inactive) = suggestion.field(Role::Inactive) {
        state(
            "inactive",
            &format!("person.{inactive} | default(false)"),
            "inactive in the source",
            "{enabled: false, groups: keep}",
        );
    }
    if let Some(starts) = suggestion.field(Role::StartsOn) {
        state(
            "joining",
            &format!("person.{starts} is defined and person.{starts} > as_of"),
            &format!("starts on {}", person(starts)),
            "{enabled: false, create: true, groups: keep}",
        );
    }
    state("active", "", "works here", "{enabled: true}");
    match suggestion.field(Role::Inactive) {
        Some(inactive) => {
            let when = quoted(&format!("person.{inactive} | default(false)"));
            let _ = writeln!(out, "  inactive: {{when: {when}, then: states}}");
        }
        None => out.push_str("  # No field looked like one that says so.\n  inactive: never\n"),
    }
    out.push_str(
        "  # Gone from the source is not proof of having left: somebody looks.\n  absent: holdForReview\n  outOfScope: \
         report\n",
    );
}

/// The ActiveDirectory document with a managed scope, and what an anchor could be kept in.
pub(super) fn directory(scaffold: &DirectoryScaffold<'_>) -> String {
    let mut out = String::new();
    let report = scaffold.report;
    let name = report.directory.as_str();
    let _ = writeln!(
        out,
        "# Made by `halosync probe directory {name} --scaffold mapping`. A beginning: read it, then make it yours.\n# It \
         takes the place of the document it was made from.\n#\n# What a mapping's `match.anchor` could be kept in, of {} \
         managed users looked at:",
        report.sampled
    );
    for candidate in suggest::anchors(&report.fields) {
        let unique = match candidate.unique {
            Some(true) => "each value once",
            Some(false) => "values on several: not by itself",
            None => "free",
        };
        let _ = writeln!(
            out,
            "#   {:<30} {:>6} filled, {unique}",
            escape::bare(&candidate.attribute),
            super::probe::percent(candidate.fill_rate)
        );
    }
    let document = ("active-directory", "ActiveDirectory", name);
    head(&mut out, scaffold.schemas, document, scaffold.description);
    let spec = serde_json::to_value(scaffold.spec).unwrap_or_default();
    members(&mut out, &spec, &["managed", "base"], 2);
    let _ = writeln!(out, "  base: {}", quoted(&report.server.naming_context));
    out.push_str("  managed:\n    under:\n");
    let users = placed(
        &mut out,
        report,
        &scaffold.spec.managed.under,
        scaffold.users,
        "users",
    );
    others(&mut out, scaffold.users, &users, "users");
    out.push_str("    groupsUnder:\n");
    let configured = &scaffold.spec.managed.groups_under;
    let configured = if configured.is_empty() {
        &scaffold.spec.managed.under
    } else {
        configured
    };
    let groups = placed(&mut out, report, configured, scaffold.groups, "groups");
    others(&mut out, scaffold.groups, &groups, "groups");
    out
}

/// Writes the configured places that are there; when none is, the one with most objects. Gives what was written.
fn placed(
    out: &mut String,
    report: &DirectoryReport,
    configured: &[String],
    found: &[(String, u64)],
    what: &str,
) -> Vec<String> {
    let visible = |place: &String| {
        report
            .scope
            .iter()
            .any(|fact| fact.visible && fact.under.eq_ignore_ascii_case(place))
    };
    let mut written: Vec<String> = configured
        .iter()
        .filter(|place| visible(place))
        .cloned()
        .collect();
    for place in configured.iter().filter(|place| !visible(place)) {
        let _ = writeln!(
            out,
            "      # Configured, and not there or not shown to the reading account: {}",
            escape::bare(place)
        );
    }
    if written.is_empty() {
        let most = found.iter().max_by_key(|(_, count)| *count);
        written.extend(most.map(|(place, _)| place.clone()));
    }
    if written.is_empty() {
        written.extend(configured.first().cloned());
    }
    for place in &written {
        let within: u64 = found
            .iter()
            .filter(|(other, _)| is_within(other, place))
            .map(|(_, count)| count)
            .sum();
        let _ = writeln!(out, "      - {} # {within} {what}", quoted(place));
    }
    written
}

/// Names the places that nothing was made of.
fn others(out: &mut String, found: &[(String, u64)], written: &[String], what: &str) {
    let mut others = found
        .iter()
        .filter(|(place, _)| !written.iter().any(|known| is_within(place, known)));
    for (place, count) in others.by_ref().take(MOST_OTHERS) {
        let _ = writeln!(out, "      # {}: {count} {what}", escape::bare(place));
    }
    let (places, objects) = others.fold((0, 0), |(places, objects), (_, count)| {
        (places + 1, objects + count)
    });
    if places > 0 {
        let _ = writeln!(out, "      # {places} more places: {objects} {what}");
    }
}

/// Whether a place is another or lies below it, however both are spelled (RFC 4514).
fn is_within(place: &str, above: &str) -> bool {
    match (Dn::key_of(place), Dn::key_of(above)) {
        (Some(place), Some(above)) => place.is_at_or_under(&above),
        _ => false,
    }
}
