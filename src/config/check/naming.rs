//! What a mapping says about names: rules that speak of other attributes of the account, where a name must be the
//! only one, and what happens to names when a person's name changes.

use std::collections::{BTreeMap, BTreeSet};

use super::attributes::{Rules, attribute_name};
use super::{Entry, People, Report};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, list, quoted};
use crate::config::kinds::{
    ActiveDirectory, AttributeRule, AttributeSpec, Mapping, TooLong, When, Within,
};
use crate::config::yaml::join;
use crate::lang::{ACCOUNT, Condition, Template};
use crate::model::{AttributeDef, FactType, Name, Syntax};

/// The fields of people with, behind them, the attributes of the account that rules of a mapping may speak of.
pub(super) fn fields(
    person: &[(Name, FactType)],
    attributes: &BTreeMap<String, AttributeSpec>,
) -> Vec<(Name, FactType)> {
    let spoken = attributes
        .iter()
        .filter(|(_, rule)| rule.gives_one_text())
        .map(|(name, _)| (Name::new(format!("{ACCOUNT}{name}")), FactType::Text));
    person.iter().cloned().chain(spoken).collect()
}

/// Which attributes of the account the rules for an attribute speak of, by lower-case names.
type SpeaksOf = BTreeMap<String, BTreeSet<String>>;

/// What one rule speaks of.
fn spoken_of(people: People<'_>, spec: &AttributeSpec) -> BTreeSet<String> {
    let rule = spec.full();
    let formats = rule.unique.iter().flat_map(|unique| &unique.formats);
    let texts = rule.value.iter().chain(&rule.person);
    let texts = texts.chain(formats).chain(rule.values.iter().flatten());
    let mut fields: Vec<Name> = Vec::new();
    for text in texts {
        let template = crate::lang::compile_template(text, &people.scope());
        fields.extend(template.iter().flat_map(Template::fields_used).cloned());
    }
    if let Some(text) = &rule.condition {
        let condition = crate::lang::compile_condition(text, &people.scope());
        fields.extend(condition.iter().flat_map(Condition::fields_used).cloned());
    }
    fields
        .iter()
        .filter_map(|field| field.as_str().strip_prefix(ACCOUNT))
        .map(str::to_ascii_lowercase)
        .collect()
}

fn add(all: &mut SpeaksOf, people: People<'_>, attributes: &BTreeMap<String, AttributeSpec>) {
    for (name, spec) in attributes {
        all.entry(name.to_ascii_lowercase())
            .or_default()
            .extend(spoken_of(people, spec));
    }
}

/// Whether who starts at `from` comes to `to`.
fn leads(all: &SpeaksOf, from: &BTreeSet<String>, to: &str) -> bool {
    let mut open: Vec<&str> = from.iter().map(String::as_str).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(all.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

/// Refuses rules that speak of one another in a circle: those of a mapping, or those of a
/// template together with the rules of its mapping and of the mapping's other templates.
pub(super) fn circles<'a>(
    rules: &Rules<'_>,
    attributes: &BTreeMap<String, AttributeSpec>,
    others: impl IntoIterator<Item = &'a BTreeMap<String, AttributeSpec>>,
    report: &mut Report,
) {
    let Some(people) = rules.people else { return };
    let own: Vec<(&String, BTreeSet<String>)> = attributes
        .iter()
        .map(|(name, spec)| (name, spoken_of(people, spec)))
        .filter(|(_, of)| !of.is_empty())
        .collect();
    if own.is_empty() {
        return;
    }
    let mut all = SpeaksOf::new();
    add(&mut all, people, attributes);
    for other in others {
        add(&mut all, people, other);
    }
    for (name, of) in own {
        if leads(&all, &of, &name.to_ascii_lowercase()) {
            let of = list(of.iter().map(|name| spelt(people, name)));
            report.error_key(
                rules.doc,
                &join(rules.pointer, name),
                codes::ACCOUNT_CIRCLE,
                format!("this rule speaks of {of} of the account, whose rule speaks of it in turn"),
                Some("give one of them from the person's own fields".to_owned()),
            );
        }
    }
}

/// An attribute as the mapping spells it.
fn spelt<'a>(people: People<'a>, name: &'a str) -> &'a str {
    people
        .fields
        .iter()
        .filter_map(|(field, _)| field.as_str().strip_prefix(ACCOUNT))
        .find(|known| known.eq_ignore_ascii_case(name))
        .unwrap_or(name)
}

/// Where a unique name must be the only one.
pub(super) fn unique(
    rules: &Rules<'_>,
    pointer: &str,
    name: &str,
    rule: &AttributeRule,
    report: &mut Report,
) {
    let Some(unique) = &rule.unique else { return };
    let doc = rules.doc;
    let at = join(pointer, "unique");
    if name.eq_ignore_ascii_case("proxyAddresses") {
        report.error_key(
            doc,
            &at,
            codes::UNIQUE_ADDRESSES,
            "an account has several proxyAddresses, and a unique name is one",
            Some(
                "make `mail` unique and write `values: [\"SMTP:{{ account.mail }}\"]` here"
                    .to_owned(),
            ),
        );
    }
    let is_cn = name.eq_ignore_ascii_case("cn");
    let of_domain = is_cn || name.eq_ignore_ascii_case("sAMAccountName");
    if let Some(within) = unique.within {
        let at = join(&at, "within");
        if of_domain && (is_cn || within == Within::Forest) {
            report.error(
                doc,
                &at,
                codes::NAME_IN_ONE_PLACE,
                format!(
                    "a {} is unique in its {}",
                    quoted(name),
                    if is_cn { "container" } else { "domain" }
                ),
                Some("leave `within` out".to_owned()),
            );
        } else if within == Within::Forest
            && rules
                .target
                .is_some_and(|target: &Entry<ActiveDirectory>| target.spec.global_catalog.is_none())
        {
            report.error(
                doc,
                &at,
                codes::NO_GLOBAL_CATALOG,
                "the target names no global catalog, so only its own domain is known",
                Some("add `globalCatalog: {}` to the `ActiveDirectory` document".to_owned()),
            );
        }
    }
    for (index, other) in unique.also_in.iter().enumerate() {
        let at = join(&join(&at, "alsoIn"), &index.to_string());
        if is_cn {
            report.error(
                doc,
                &at,
                codes::NAME_IN_ONE_PLACE,
                "a `cn` is unique in its container",
                Some("leave `alsoIn` out".to_owned()),
            );
        } else {
            attribute_name(doc, &at, other, false, report);
        }
    }
    if let Some(table) = &unique.never_reuse
        && let Some(people) = rules.people
        && !people.incomplete
        && !people.tables.contains(table.as_str())
    {
        report.error(
            doc,
            &join(&at, "neverReuse"),
            codes::UNKNOWN_TABLE,
            format!("there is no table {}", quoted(table)),
            did_you_mean(table, people.tables.iter().map(Name::as_str)).or_else(|| {
                Some(
                    "write a `Table` with the names as keys and the people's keys as values"
                        .to_owned(),
                )
            }),
        );
    }
}

/// Only texts can be cut.
pub(super) fn too_long(
    rules: &Rules<'_>,
    pointer: &str,
    name: &str,
    definition: Option<&AttributeDef>,
    rule: &AttributeRule,
    report: &mut Report,
) {
    let text = definition.is_none_or(|definition| {
        matches!(
            definition.syntax,
            Syntax::Text | Syntax::CaseExactText | Syntax::Other
        )
    });
    let given = rule.value.is_some() || rule.values.is_some();
    let name_of_its_own = ["cn", "sAMAccountName", "userPrincipalName"]
        .iter()
        .any(|one| one.eq_ignore_ascii_case(name));
    let merged = rule.when == When::Merge;
    if rule.too_long == TooLong::Truncate && (!text || !given || name_of_its_own || merged) {
        report.error_key(
            rules.doc,
            &join(pointer, "tooLong"),
            codes::CANNOT_BE_CUT,
            if merged {
                "values added to those of others are not cut".to_owned()
            } else if rule.unique.is_some() {
                "unique names are cut to their length anyway".to_owned()
            } else if text && given {
                format!("a {} that is cut could be somebody else's", quoted(name))
            } else {
                format!("a part of {} means nothing", quoted(name))
            },
            Some("leave `tooLong` out".to_owned()),
        );
    }
}

/// The `rename` block.
pub(super) fn rename(mapping: &Entry<Mapping>, report: &mut Report) {
    let Some(rename) = &mapping.spec.rename else {
        return;
    };
    let doc = &mapping.doc;
    let attributes = &mapping.spec.attributes;
    for (name, spec) in attributes {
        let AttributeSpec::Rule(_) = spec else {
            continue;
        };
        let when = join(&join("/spec/attributes", name), "when");
        if rename.of(name).is_some() && doc.value.pointer(&when).is_some() {
            report.error_key(
                doc,
                &when,
                codes::RENAME_AND_WHEN,
                format!("`rename` says when {} changes", quoted(name)),
                Some(format!(
                    "leave `when` out, and write `{name}: follow` or `{name}: keep` below `rename`"
                )),
            );
        }
    }
    for name in [
        "cn",
        "displayName",
        "userPrincipalName",
        "mail",
        "sAMAccountName",
    ] {
        let at = join("/spec/rename", name);
        let written = doc.value.pointer(&at).is_some();
        // A rule with a fault of its own is a rule.
        let rules = doc.value.pointer("/spec/attributes");
        let known = rules
            .and_then(serde_json::Value::as_object)
            .is_none_or(|rules| rules.keys().any(|one| one.eq_ignore_ascii_case(name)));
        if written && !known {
            report.error_key(
                doc,
                &at,
                codes::RENAME_WITHOUT_RULE,
                format!("the mapping has no rule for {}", quoted(name)),
                Some("add one, or leave this out".to_owned()),
            );
        }
    }
}
