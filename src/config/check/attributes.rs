//! Rules for attributes, wherever they stand: in a mapping or in a state of a lifecycle.

use std::collections::{BTreeMap, HashMap};

use super::{Entry, People, Report, constant_parts, naming};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, quoted};
use crate::config::kinds::{
    ActiveDirectory, AttributeRule, AttributeSpec, DriftPolicy, Empty, Source, TooLong, When,
};
use crate::config::yaml::{Doc, join};
use crate::lang::Template;
use crate::model::value::{BadValue, canonical, length};
use crate::model::{AttributeDef, Dn, Syntax, default_schema};

/// What the rules belong to.
pub(super) struct Rules<'a> {
    pub(super) doc: &'a Doc,
    /// Pointer of the mapping from attribute to rule.
    pub(super) pointer: &'a str,
    pub(super) people: Option<People<'a>>,
    pub(super) source: Option<&'a Entry<Source>>,
    /// The attribute that ties accounts to people.
    pub(super) anchor: Option<&'a str>,
    /// The directory they are for.
    pub(super) target: Option<&'a Entry<ActiveDirectory>>,
}

pub(super) fn check(
    rules: &Rules<'_>,
    attributes: &BTreeMap<String, AttributeSpec>,
    report: &mut Report,
) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (name, spec) in attributes {
        let pointer = join(rules.pointer, name);
        if let Some(first) = seen.insert(name.to_ascii_lowercase(), name) {
            report.error_key(
                rules.doc,
                &pointer,
                codes::DUPLICATE_KEY,
                format!(
                    "{} and {} are one attribute to the directory",
                    quoted(first),
                    quoted(name)
                ),
                Some("keep one of them".to_owned()),
            );
        }
        if rules
            .anchor
            .is_some_and(|anchor| anchor.eq_ignore_ascii_case(name))
        {
            report.error_key(
                rules.doc,
                &pointer,
                codes::ANCHOR_IN_ATTRIBUTES,
                format!(
                    "{} ties accounts to people and is not written by a rule",
                    quoted(name)
                ),
                Some("leave it out: creating and adopting an account writes it".to_owned()),
            );
        }
        let Some(definition) = attribute_name(rules.doc, &pointer, name, true, report) else {
            // Without a known attribute its templates can still be wrong.
            rule(rules, &pointer, name, None, spec, report);
            continue;
        };
        rule(rules, &pointer, name, Some(definition), spec, report);
    }
}

/// Checks the name of an attribute written (`write`) or looked at; gives its definition when it may be used.
pub(super) fn attribute_name(
    doc: &Doc,
    pointer: &str,
    name: &str,
    write: bool,
    report: &mut Report,
) -> Option<&'static AttributeDef> {
    let mut say = |warning: bool, code, message: String, help: Option<String>| {
        let at_key = write;
        match (warning, at_key) {
            (true, true) => report.warn_key(doc, pointer, code, message, help),
            (true, false) => report.warn(doc, pointer, code, message, help),
            (false, true) => report.error_key(doc, pointer, code, message, help),
            (false, false) => report.error(doc, pointer, code, message, help),
        }
    };
    // RFC 4512 section 1.4: a descriptor or a dotted number; options (`;binary`) are not for rules.
    let descriptor = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let number = name.split('.').count() > 1
        && name
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !descriptor && !number {
        say(
            false,
            codes::BAD_ATTRIBUTE_NAME,
            format!("{} cannot be the name of an attribute", quoted(name)),
            Some("a name has letters, digits and `-`, and begins with a letter".to_owned()),
        );
        return None;
    }
    if write && let Some(way_out) = never_written(name) {
        say(
            false,
            codes::ATTRIBUTE_NEVER_WRITTEN,
            format!("{} is never written by a rule", quoted(name)),
            Some(way_out.to_owned()),
        );
        return None;
    }
    let Some(definition) = default_schema().get(name) else {
        let known = default_schema().iter().map(|known| known.name.as_str());
        say(
            true,
            codes::UNKNOWN_ATTRIBUTE,
            format!(
                "{} is not in the default Active Directory schema",
                quoted(name)
            ),
            did_you_mean(name, known).or_else(|| {
                Some("an extension of your directory may have it; the plan checks that".to_owned())
            }),
        );
        return None;
    };
    if write && definition.read_only {
        say(
            false,
            codes::ATTRIBUTE_NEVER_WRITTEN,
            format!("{} is kept by the directory itself", quoted(name)),
            Some("leave it out".to_owned()),
        );
        return None;
    }
    Some(definition)
}

/// Whether an attribute is one no rule ever writes, whatever the configuration says.
pub fn attribute_never_written(name: &str) -> bool {
    never_written(name).is_some()
}

/// What to do instead of writing an attribute.
pub(super) fn never_written(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "memberof" | "member" => "memberships are given by rules in a `Groups` document",
        "name" | "distinguishedname" => "write a rule for `cn`; the place comes from `placement`",
        "ou" => "the place comes from `placement`",
        "unicodepwd" | "userpassword" | "dbcspwd" => {
            "a first password is made by `initialPassword`; existing ones are never set"
        }
        "useraccountcontrol" => "a state of the `Lifecycle` says `account.enabled`",
        "pwdlastset" => "`initialPassword.mustChange` asks for a change at the first logon",
        "primarygroupid" => {
            "give memberships in a `Groups` document; the primary group stays as it is"
        }
        "lockouttime" => "unlocking is not something that follows from a person's data",
        "admincount" => "it marks privileged accounts, which are never touched",
        "objectclass" => "accounts are created as `user`",
        "sidhistory"
        | "ntsecuritydescriptor"
        | "msds-allowedtoactonbehalfofotheridentity"
        | "msds-keycredentiallink"
        | "msds-allowedtodelegateto" => {
            "it decides who may do what and is never managed from a person's data"
        }
        _ => return None,
    })
}

fn rule(
    rules: &Rules<'_>,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    spec: &AttributeSpec,
    report: &mut Report,
) {
    match spec {
        AttributeSpec::Template(_) => {
            let template = template(rules, pointer, report);
            if let Some(template) = template {
                let policy = Policy {
                    empty: Some(Empty::Hold),
                    cuts: false,
                };
                constant(
                    rules.doc, pointer, name, definition, &template, policy, report,
                );
            }
        }
        AttributeSpec::Rule(rule) => detailed(rules, pointer, name, definition, rule, report),
    }
}

fn template(rules: &Rules<'_>, pointer: &str, report: &mut Report) -> Option<Template> {
    rules
        .people
        .and_then(|people| people.template(rules.doc, pointer, report))
}

fn detailed(
    rules: &Rules<'_>,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    rule: &AttributeRule,
    report: &mut Report,
) {
    let doc = rules.doc;
    let given: Vec<&str> = [
        ("value", rule.value.is_some()),
        ("values", rule.values.is_some()),
        ("person", rule.person.is_some()),
        ("unique", rule.unique.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    if given.len() != 1 && !doc.is_incomplete(pointer) {
        report.error_key(
            doc,
            pointer,
            codes::RULE_NEEDS_ONE_VALUE,
            if given.is_empty() {
                "this rule gives no value".to_owned()
            } else {
                format!(
                    "this rule has {}",
                    crate::config::diagnostic::list(given.iter().copied())
                )
            },
            Some("give exactly one of `value`, `values`, `person` and `unique`".to_owned()),
        );
    }
    if rule.condition.is_some()
        && let Some(people) = rules.people
    {
        people.condition(doc, &join(pointer, "if"), report);
    }
    if rule.when == When::Merge {
        merge(doc, pointer, name, definition, rule, report);
    }
    if rule.empty == Empty::Clear && cannot_be_cleared(name) {
        report.error(
            doc,
            &join(pointer, "empty"),
            codes::CANNOT_BE_CLEARED,
            format!("no account can be without {}", quoted(name)),
            Some("use `hold` or `leave`".to_owned()),
        );
    }
    let cuts = rule.too_long == TooLong::Truncate;
    if rule.value.is_some() {
        let at = join(pointer, "value");
        if let Some(template) = template(rules, &at, report) {
            let policy = Policy {
                empty: Some(rule.empty),
                cuts,
            };
            constant(doc, &at, name, definition, &template, policy, report);
        }
    }
    if let Some(values) = &rule.values {
        let at = join(pointer, "values");
        if definition.is_some_and(|definition| definition.single_valued) {
            report.error_key(
                doc,
                &at,
                codes::SINGLE_VALUED,
                format!("{} has one value at most", quoted(name)),
                Some("use `value`".to_owned()),
            );
        }
        for index in 0..values.len() {
            let at = join(&at, &index.to_string());
            if let Some(template) = template(rules, &at, report) {
                let policy = Policy { empty: None, cuts };
                constant(doc, &at, name, definition, &template, policy, report);
            }
        }
    }
    if rule.person.is_some() {
        person(rules, pointer, name, definition, rule, report);
    } else if rule.person_field.is_some() {
        report.error_key(
            doc,
            &join(pointer, "personField"),
            codes::RULE_NEEDS_ONE_VALUE,
            "`personField` says where `person` is looked up, and there is no `person`",
            None,
        );
    }
    unique(rules, pointer, name, definition, rule, report);
    naming::unique(rules, pointer, name, rule, report);
    naming::too_long(rules, pointer, name, definition, rule, report);
    drift(rules.doc, pointer, name, rule, report);
}

/// Edits are left only where a rule would write over them, and never those of names, which change together.
fn drift(doc: &Doc, pointer: &str, name: &str, rule: &AttributeRule, report: &mut Report) {
    if rule.drift.unwrap_or_default() == DriftPolicy::Revert {
        return;
    }
    let is_name = rule.unique.is_some()
        || ["cn", "sAMAccountName", "userPrincipalName"]
            .iter()
            .any(|one| one.eq_ignore_ascii_case(name));
    let message = if is_name {
        format!(
            "{} is a name, and names are always written back",
            quoted(name)
        )
    } else if rule.when == When::OnCreate {
        "what is written only into new accounts is never written over an edit".to_owned()
    } else if rule.when == When::Merge {
        "values added to those of others are always added again".to_owned()
    } else {
        return;
    };
    report.error_key(
        doc,
        &join(pointer, "drift"),
        codes::DRIFT_NEVER,
        message,
        Some("leave `drift` out".to_owned()),
    );
}

/// `merge` adds values to those of others: there must be room for them, and nothing else to be said of others'.
fn merge(
    doc: &Doc,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    rule: &AttributeRule,
    report: &mut Report,
) {
    let single = definition.is_some_and(|definition| definition.single_valued);
    let refers = definition.is_some_and(|definition| definition.syntax == Syntax::Dn);
    let problem = if single {
        Some((
            format!(
                "{} has one value at most; nothing can be added to it",
                quoted(name)
            ),
            "use `always`, `onCreate` or `ifEmpty`",
        ))
    } else if rule.unique.is_some() {
        Some((
            "a unique name is the only one; it cannot be added to others".to_owned(),
            "use `value` or `values`",
        ))
    } else if rule.person.is_some() || refers {
        Some((
            format!(
                "{} refers to other objects, which are not merged",
                quoted(name)
            ),
            "use `always`, `onCreate` or `ifEmpty`",
        ))
    } else if rule.empty == Empty::Clear {
        Some((
            "`merge` leaves others' values, and `empty: clear` would take them".to_owned(),
            "use `empty: leave`",
        ))
    } else {
        None
    };
    if let Some((message, help)) = problem {
        report.error(
            doc,
            &join(pointer, "when"),
            codes::MERGE_NOT_POSSIBLE,
            message,
            Some(help.to_owned()),
        );
    }
}

fn person(
    rules: &Rules<'_>,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    rule: &AttributeRule,
    report: &mut Report,
) {
    let doc = rules.doc;
    let at = join(pointer, "person");
    template(rules, &at, report);
    if definition.is_some_and(|definition| definition.syntax != Syntax::Dn) {
        report.error_key(
            doc,
            &at,
            codes::NOT_A_REFERENCE,
            format!("{} holds text, not another object", quoted(name)),
            Some("use `value`; `person` is for attributes such as `manager`".to_owned()),
        );
    }
    let (Some(field), Some(source)) = (&rule.person_field, rules.source) else {
        return;
    };
    let at = join(pointer, "personField");
    match source.spec.person.fields.get(field) {
        None => report.error(
            doc,
            &at,
            codes::UNKNOWN_PERSON_FIELD,
            format!(
                "people of {} have no field {}",
                quoted(source.name.as_str()),
                quoted(field)
            ),
            did_you_mean(field, source.spec.person.fields.keys().map(String::as_str)),
        ),
        Some(found) if found.unique.severity().is_none() => report.error(
            doc,
            &at,
            codes::PERSON_FIELD_NOT_UNIQUE,
            format!("two people may have the same {}", quoted(field)),
            Some(format!(
                "set `unique: true` on the field {} of the source",
                quoted(field)
            )),
        ),
        Some(_) => {}
    }
}

fn unique(
    rules: &Rules<'_>,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    rule: &AttributeRule,
    report: &mut Report,
) {
    let doc = rules.doc;
    let Some(unique) = &rule.unique else {
        let at = join(pointer, "numbered");
        if doc.value.pointer(&at).is_some() {
            report.error_key(
                doc,
                &at,
                codes::RULE_NEEDS_ONE_VALUE,
                "`numbered` belongs to `unique`, and there is no `unique`",
                None,
            );
        }
        return;
    };
    let at = join(pointer, "unique");
    let formats = if doc
        .value
        .pointer(&at)
        .is_some_and(serde_json::Value::is_array)
    {
        at.clone()
    } else {
        join(&at, "formats")
    };
    for index in 0..unique.formats.len() {
        let at = join(&formats, &index.to_string());
        if let Some(template) = template(rules, &at, report) {
            let policy = Policy {
                empty: None,
                cuts: rule.too_long == TooLong::Truncate,
            };
            constant(doc, &at, name, definition, &template, policy, report);
        }
    }
    if unique.formats.len() == 1 && !unique.numbered && !doc.is_incomplete(pointer) {
        report.warn_key(
            doc,
            &at,
            codes::UNIQUE_SINGLE_FORMAT,
            "when this one name is taken, the person is held",
            Some("add further formats, or `numbered: true`".to_owned()),
        );
    }
    let limit = definition.and_then(|definition| definition.range_upper);
    if let (Some(longest), Some(limit)) = (unique.max_length, limit)
        && i64::from(longest) > limit
    {
        report.error(
            doc,
            &join(&at, "maxLength"),
            codes::MAX_LENGTH_ABOVE_LIMIT,
            format!("{} has at most {limit} characters", quoted(name)),
            Some("leave `maxLength` out to use the attribute's own limit".to_owned()),
        );
    }
    if definition.is_some_and(|definition| definition.syntax == Syntax::Dn) {
        report.error_key(
            doc,
            &at,
            codes::NOT_A_REFERENCE,
            format!(
                "{} refers to another object and cannot be made unique",
                quoted(name)
            ),
            Some("use `person`".to_owned()),
        );
    }
}

/// What a rule says of values that give nothing, or too much.
#[derive(Clone, Copy)]
struct Policy {
    /// `None` where an empty text is left out anyway.
    empty: Option<Empty>,
    /// Whether what is too long is cut.
    cuts: bool,
}

/// What can be said of a template before there is a person.
fn constant(
    doc: &Doc,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    template: &Template,
    policy: Policy,
    report: &mut Report,
) {
    let Some(text) = doc.text(pointer) else {
        return;
    };
    match template.constant() {
        None => {}
        // Said where it was compiled.
        Some(Err(_)) => return,
        Some(Ok(value)) if value.trim().is_empty() => {
            if policy.empty != Some(Empty::Clear) {
                report.error(
                    doc,
                    pointer,
                    codes::EMPTY_CONSTANT,
                    "this is never anything but empty",
                    Some("to clear an attribute write `{value: \"\", empty: clear}`; to leave it alone, leave the rule out".to_owned()),
                );
            }
            return;
        }
        Some(Ok(value)) => {
            let refused = definition.is_some_and(|definition| {
                constant_value(
                    doc,
                    pointer,
                    definition,
                    (value.as_str(), policy.cuts),
                    report,
                )
            });
            if refused {
                return;
            }
        }
    }
    let Some(parts) = constant_parts(text) else {
        return;
    };
    let limited = definition.filter(|definition| {
        matches!(
            definition.syntax,
            Syntax::Text | Syntax::CaseExactText | Syntax::Other
        )
    });
    if let Some(limit) = limited.and_then(|definition| definition.range_upper) {
        let length: usize = parts.iter().map(|(_, part)| length(part)).sum();
        if i64::try_from(length).unwrap_or(i64::MAX) > limit {
            report.error(
                doc,
                pointer,
                codes::VALUE_TOO_LONG,
                format!(
                    "{} has at most {limit} characters, and this has {length} whoever it is for",
                    quoted(name)
                ),
                None,
            );
        }
    }
    if name.eq_ignore_ascii_case("sAMAccountName") {
        forbidden(doc, pointer, &parts, report);
    }
}

/// MS-SAMR 3.1.1.6: what a `sAMAccountName` must not contain.
fn forbidden(doc: &Doc, pointer: &str, parts: &[(usize, &str)], report: &mut Report) {
    for (start, part) in parts {
        let bad = |c: char| c.is_control() || r#""/\[]:;|=,+*?<>"#.contains(c);
        if let Some((at, c)) = part.char_indices().find(|(_, c)| bad(*c)) {
            let at = start + at;
            let diagnostic = crate::config::diagnostic::Diagnostic::error(
                codes::FORBIDDEN_CHARACTER,
                Some(doc.place_within(pointer, at..at + c.len_utf8())),
                format!("a sAMAccountName cannot contain {c:?}"),
            )
            .help("use letters, digits, `.`, `-` and `_`");
            report.add(doc, pointer, diagnostic);
            return;
        }
    }
}

/// Whether the directory would refuse a value for everybody; says so.
fn constant_value(
    doc: &Doc,
    pointer: &str,
    definition: &AttributeDef,
    (value, cuts): (&str, bool),
    report: &mut Report,
) -> bool {
    let name = quoted(&definition.name);
    if definition.syntax == Syntax::Dn {
        if Dn::parse(value).is_ok() {
            return false;
        }
        report.error(
            doc,
            pointer,
            codes::INVALID_VALUE,
            format!(
                "{} is not a distinguished name, which {name} needs",
                quoted(value)
            ),
            Some("to refer to somebody's account use `person`".to_owned()),
        );
        return true;
    }
    // The time zone decides which moment a date is, never whether it is one.
    let Err(bad) = canonical(definition, value, &jiff::tz::TimeZone::UTC) else {
        return false;
    };
    let too_long = matches!(bad, BadValue::TooLong { .. });
    if too_long && cuts && definition.syntax != Syntax::Octets {
        return false;
    }
    let (code, help) = if too_long {
        (codes::VALUE_TOO_LONG, "write a shorter one")
    } else {
        (codes::INVALID_VALUE, "write one the directory takes")
    };
    report.error(
        doc,
        pointer,
        code,
        format!("{name} cannot hold this, whoever it is for: {bad}"),
        Some(help.to_owned()),
    );
    true
}

/// Attributes an account cannot lose (refused with unwillingToPerform), and its name.
pub(super) fn cannot_be_cleared(name: &str) -> bool {
    ["cn", "samaccountname", "accountexpires", "countrycode"]
        .contains(&name.to_ascii_lowercase().as_str())
}
