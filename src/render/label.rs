//! How people and objects are called in reports.
//!
//! A label is shown, never compared. Its text is data; the key in brackets tells people with one name apart.

use std::collections::{HashMap, HashSet};

use crate::model::{Dn, Name};
use crate::plan::{Action, ObjectRef, PersonRef, Plan};

/// A name and, for people, the key that tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    /// The name.
    pub name: String,
    /// The key, when there is one.
    pub key: Option<String>,
}

impl Label {
    /// A person; `with_source` where keys of several sources could meet.
    pub(super) fn person(person: &PersonRef, with_source: bool) -> Self {
        let key = if with_source {
            format!("{}/{}", person.source, person.key)
        } else {
            person.key.to_string()
        };
        Self {
            name: person.label.clone(),
            key: Some(key),
        }
    }
}

/// Calls groups by names that are unmistakable among those told of.
pub(super) struct GroupNames {
    /// Relative names that two of them share, in lower case.
    ambiguous: HashSet<String>,
}

impl GroupNames {
    pub(super) fn new<'d>(groups: impl Iterator<Item = &'d Dn>) -> Self {
        let mut seen: HashMap<String, &str> = HashMap::new();
        let mut ambiguous = HashSet::new();
        for dn in groups {
            let name = dn.rdn().value.to_lowercase();
            let full = dn.as_str();
            if *seen.entry(name.clone()).or_insert(full) != full {
                ambiguous.insert(name);
            }
        }
        Self { ambiguous }
    }

    /// A group: its relative name, its whole name where two share the relative one.
    pub(super) fn group(&self, group: &ObjectRef) -> Label {
        let name = group.dn.rdn().value;
        let name = if self.ambiguous.contains(&name.to_lowercase()) {
            group.dn.as_str().to_owned()
        } else {
            name
        };
        Label { name, key: None }
    }
}

/// Calls people and groups in one plan by names that are unmistakable in it.
pub(super) struct Labels {
    several_sources: bool,
    several_targets: bool,
    groups: GroupNames,
}

impl Labels {
    pub(super) fn new(plan: &Plan) -> Self {
        let members = plan.changes.iter().filter(|change| {
            matches!(
                change.action,
                Action::AddMember { .. } | Action::RemoveMember { .. }
            )
        });
        let since = plan.since.iter();
        let left = since.flat_map(|since| since.left.iter().chain(&since.open));
        let left = left.filter(|left| left.what == "member");
        let groups = members.map(|change| &change.object.dn);
        Self {
            several_sources: plan.inputs.people.len() > 1,
            several_targets: plan.targets.len() > 1,
            groups: GroupNames::new(groups.chain(left.map(|left| &left.object.dn))),
        }
    }

    /// A person: `Jane Doe (1042)`, with the source where there are several.
    pub(super) fn person(&self, person: &PersonRef) -> Label {
        Label::person(person, self.several_sources)
    }

    /// A target, where there are several.
    pub(super) fn target<'t>(&self, target: &'t Name) -> Option<&'t str> {
        self.several_targets.then(|| target.as_str())
    }

    /// A group, as [`GroupNames`] calls it.
    pub(super) fn group(&self, group: &ObjectRef) -> Label {
        self.groups.group(group)
    }
}

/// The DNS name of a domain: `DC=corp,DC=example,DC=test` is `corp.example.test`.
pub(super) fn domain_name(naming_context: &Dn) -> String {
    let mut parts = Vec::new();
    let mut at = Some(naming_context.clone());
    while let Some(dn) = at {
        let rdn = dn.rdn();
        if !rdn.attribute.eq_ignore_ascii_case("DC") {
            return naming_context.as_str().to_owned();
        }
        parts.push(rdn.value);
        at = dn.parent();
    }
    parts.join(".")
}

/// Enough of a digest to tell plans apart at a glance.
pub(super) fn short_digest(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.chars().take(12).collect()
}
