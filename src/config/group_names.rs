//! Which groups the name of a group rule could be, before anybody is asked about.
//!
//! A rough look at the text: whatever is computed may be anything. It must never say that a rule cannot name a group
//! that it can.

use crate::model::{Dn, DnKey, Guid};

/// Stands for what is computed; no name of a group holds it.
const ANYTHING: char = '\u{E000}';

/// The groups that a rule could name.
#[derive(Debug, Clone)]
pub(crate) struct GroupNames {
    /// `None` when nothing can be said.
    name: Option<Dn>,
    /// The name, when it is no distinguished one and some of it is the same for everybody.
    plain: Option<String>,
    /// How the distinguished name is compared: asked about every membership of a plan.
    key: Option<DnKey>,
}

impl GroupNames {
    /// Of a rule's `group`.
    pub(crate) fn of(template: &str) -> Self {
        let text = placeholders(template);
        let text = text.as_deref().map(str::trim);
        let spelt = |text: &&str| !text.contains('=') && text.chars().any(|c| c != ANYTHING);
        let name = text.and_then(|text| Dn::parse(text).ok());
        Self {
            key: name.as_ref().map(Dn::key),
            name,
            plain: text.filter(spelt).map(str::to_owned),
        }
    }

    /// Whether a name of a test, a distinguished name or a group's own name, could be one of them.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        let Some(own) = &self.name else { return true };
        match Dn::parse(name) {
            Ok(dn) => alike(own.as_str(), dn.as_str()),
            Err(_) => alike(&own.rdn().value, name.trim()),
        }
    }

    /// Whether a group of which all this is known could be one of them.
    pub(crate) fn may_be_called(
        &self,
        key: &DnKey,
        account_name: Option<&str>,
        guid: Option<Guid>,
    ) -> bool {
        match (&self.key, &self.plain) {
            (Some(own), _) => alike(own.as_str(), key.as_str()),
            // What is computed may be any of a name, so also the rest of another kind of name.
            (None, Some(own)) => {
                account_name.is_some_and(|name| alike(own, name.trim()))
                    || alike(own, key.as_str())
                    || guid.is_some_and(|guid| alike(own, &guid.to_string()))
            }
            (None, None) => true,
        }
    }

    /// The group's own name, or the `whole` distinguished one, when nothing of it is computed.
    pub(crate) fn literal(&self, whole: bool) -> Option<String> {
        let name = self.name.as_ref()?;
        let text = if whole {
            name.to_string()
        } else {
            name.rdn().value.to_string()
        };
        (!text.contains(ANYTHING)).then_some(text)
    }
}

/// The text with a placeholder for every computed part.
fn placeholders(template: &str) -> Option<String> {
    if template.contains("{%") || template.contains("{#") {
        return None;
    }
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find("{{") {
        out.push_str(&rest[..open]);
        out.push(ANYTHING);
        let close = rest[open..].find("}}")?;
        rest = &rest[open + close + 2..];
    }
    out.push_str(rest);
    Some(out)
}

/// Whether a text could be what a pattern says, without regard to case.
fn alike(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::GroupNames;

    #[test]
    fn a_rule_may_name_what_its_constant_parts_allow() {
        let names =
            GroupNames::of("CN=Dept {{ table(person.a, 'x,y') }} ({{ person.b }}),OU=Groups,DC=a");
        for (name, may) in [
            ("Dept Sales (UK)", true),
            ("dept sales (uk)", true),
            ("Dept Sales", false),
            ("Dpt Sales (UK)", false),
            ("CN=Dept Sales (UK),OU=Groups,DC=a", true),
            ("CN=Dept Sales (UK),OU=Grops,DC=a", false),
        ] {
            assert_eq!(names.may_be(name), may, "{name}");
        }
        let staff = GroupNames::of("CN=All Staff,OU=Groups,DC=a");
        assert!(staff.may_be("all staff") && staff.may_be("cn=All Staff,ou=groups,dc=A"));
        assert!(!staff.may_be("All Staf"));
        assert_eq!(staff.literal(false).as_deref(), Some("All Staff"));
        assert_eq!(names.literal(true), None);
        assert!(GroupNames::of("{% if x %}CN=a,DC=a{% endif %}").may_be("anything"));
        assert!(GroupNames::of("{{ person.group }}").may_be("anything"));
    }
}
