//! Which groups of a read a templated rule could name, whoever it is asked for.
//!
//! The last person to leave a group takes with them the only fact that named it. The rule still answers for the
//! group when the texts around its values set the group apart from groups it has nothing to do with.

use crate::lang::Template;
use crate::model::{Dn, DnKey};
use crate::policy::Scope;

/// The names a template can give: literal pieces with one value between each two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<String>,
}

/// Stands for a value while the pieces are brought into the form names are compared in.
const VALUE: &str = "7q3z9x5j";

/// Fewest characters of a group's own name that a rule must spell out to be known by them.
const TELLING: usize = 2;

impl Pattern {
    /// The names of a template; `None` when nothing in it sets its groups apart.
    pub(super) fn of(template: &Template, scope: &Scope) -> Option<Self> {
        let texts = template.texts()?;
        let sample = texts.join(VALUE);
        if sample.matches(VALUE).count() + 1 != texts.len() {
            return None;
        }
        let key = Dn::key_of(sample.trim())?;
        let pieces: Vec<String> = key.as_str().split(VALUE).map(str::to_owned).collect();
        if pieces.len() != texts.len() || pieces.len() < 2 {
            return None;
        }
        let (name, _) = key.as_str().split_once(',')?;
        let (_, spelt) = name.split_once('=')?;
        let spelt = spelt.replace(VALUE, "");
        let named =
            spelt.chars().any(char::is_alphanumeric) && spelt.trim().chars().count() >= TELLING;
        let parent = key.parent()?;
        let housed = !parent.as_str().contains(VALUE) && !scope.is_group_base(&parent);
        (named || housed).then_some(Self { pieces })
    }

    /// Whether a group could have been named: values are one name each and never structure.
    pub(super) fn fits(&self, key: &DnKey) -> bool {
        let text = key.as_str();
        let ([first, middle @ .., last], commas) = (self.pieces.as_slice(), ',') else {
            return false;
        };
        let Some(mut rest) = text
            .strip_prefix(first.as_str())
            .and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for piece in middle {
            match rest.split_once(piece.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        let spelt: usize = self
            .pieces
            .iter()
            .map(|piece| piece.matches(commas).count())
            .sum();
        text.matches(commas).count() == spelt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pieces: &[&str]) -> Pattern {
        Pattern {
            pieces: pieces.iter().map(|piece| (*piece).to_owned()).collect(),
        }
    }

    fn fits(pattern: &Pattern, dn: &str) -> bool {
        pattern.fits(&Dn::parse(dn).unwrap().key())
    }

    #[test]
    fn values_are_one_name_each() {
        let one = pattern(&["cn=dept ", ",ou=groups,dc=test"]);
        assert!(fits(&one, "CN=Dept Sales,OU=Groups,DC=test"));
        assert!(fits(&one, "CN=DEPT R\\,D,OU=Groups,DC=test"));
        assert!(!fits(&one, "CN=Dept Sales,OU=Old,OU=Groups,DC=test"));
        assert!(!fits(&one, "CN=Sales,OU=Groups,DC=test"));
        assert!(!fits(&one, "CN=Dept Sales,OU=Groups,DC=example,DC=test"));
        let two = pattern(&["cn=app ", " users ", ",ou=groups,dc=test"]);
        assert!(fits(&two, "CN=App Mail Users North,OU=Groups,DC=test"));
        assert!(!fits(&two, "CN=App Mail Admins North,OU=Groups,DC=test"));
        let deep = pattern(&["cn=dept ", ",ou=", ",dc=test"]);
        assert!(fits(&deep, "CN=Dept Sales,OU=North,DC=test"));
        assert!(!fits(&deep, "CN=Dept Sales,DC=test"));
    }
}
