//! Which members a Source uses already, and for what.
//!
//! Must not know rows. Invariant: a text that does not compile uses nothing; saying what is wrong with it is
//! `validate`'s.

use std::collections::BTreeSet;

use super::maps::segments;
use super::report::FieldReport;
use super::{custom_field, push_member};
use crate::config::kinds;
use crate::lang::{self, Scope};

/// A use of members by a Source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The field, or `key` and `include` between brackets.
    pub by: String,
    /// Members and custom fields it reads, as paths of an inventory.
    pub paths: Vec<String>,
    /// Whether the field is one member and nothing else, so that its statistics are the field's.
    pub plain: bool,
    /// Whether people without a value are held.
    pub required: bool,
    /// Whether people who share a value are held.
    pub unique: bool,
}

/// Every use of members by this Source.
pub fn usage(source: &kinds::Source) -> Vec<Usage> {
    let mut endpoints: BTreeSet<String> = source.endpoints.keys().cloned().collect();
    if endpoints.is_empty() {
        endpoints.insert("users".to_owned());
    }
    let scope = Scope::Record {
        endpoints: &endpoints,
    };
    let person = &source.person;
    let mut uses = vec![Usage {
        by: "(key)".to_owned(),
        paths: vec![match person.key.split_once('.') {
            Some((endpoint, member)) => path_of(endpoint, member),
            None => person.key.clone(),
        }],
        plain: false,
        required: false,
        unique: false,
    }];
    if let Some(Ok(include)) = person
        .include
        .as_ref()
        .map(|text| lang::compile_condition(text, &scope))
    {
        uses.push(Usage {
            by: "(include)".to_owned(),
            paths: paths(&include.members_used(), include.custom_fields_used()),
            plain: false,
            required: false,
            unique: false,
        });
    }
    for (name, field) in &person.fields {
        if let Ok(from) = lang::compile_expression(&field.from, &scope) {
            let paths = paths(&from.members_used(), from.custom_fields_used());
            let written = field.from.trim().replace('"', "'");
            uses.push(Usage {
                by: name.clone(),
                plain: paths.len() == 1 && paths[0] == written,
                paths,
                required: field.required != kinds::Required::No,
                unique: field.unique.severity().is_some(),
            });
        }
    }
    uses
}

fn paths(members: &[(String, String)], custom: &[String]) -> Vec<String> {
    members
        .iter()
        .map(|(endpoint, member)| path_of(endpoint, member))
        .chain(custom.iter().map(|name| custom_field(name)))
        .collect()
}

/// As an inventory calls a member: `people['@id']` of an attribute.
fn path_of(endpoint: &str, member: &str) -> String {
    let mut path = endpoint.to_owned();
    for name in member.split('.') {
        push_member(&mut path, name);
    }
    path
}

/// Whether a path is the used one or lies within it. A `*` may be any key.
pub(crate) fn covers(used: &str, path: &str) -> bool {
    let direct = path
        .strip_prefix(used)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    direct
        || (path.contains(".*") && {
            let (used, path) = (segments(used), segments(path));
            used.len() <= path.len()
                && used
                    .iter()
                    .zip(&path)
                    .all(|(used, path)| used == path || *path == ".*")
        })
}

/// Notes at each field who uses it.
pub fn mark(fields: &mut [FieldReport], uses: &[Usage]) {
    for field in fields {
        field.used_by = uses
            .iter()
            .filter(|one| one.paths.iter().any(|used| covers(used, &field.path)))
            .map(|one| one.by.clone())
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_path_is_covered_by_what_it_is_or_lies_within() {
        for (used, path, expected) in [
            ("users.site", "users.site.name", true),
            ("users.site", "users.sites", false),
            ("users.site.town", "users.site.*", true),
            ("users.site.town", "users.site.*.name", true),
            ("users.site.town.x", "users.site.*", false),
            ("users.name", "users.site.*", false),
            ("people['@id']", "people['@id']", true),
        ] {
            assert_eq!(covers(used, path), expected, "{used} {path}");
        }
    }
}
