//! Which groups of a read a templated rule could name, whoever it is asked for.
//!
//! The last person to leave a group takes with them the only fact that named it. The rule still answers for the
//! group when the texts around its values set the group apart from groups it has nothing to do with.

use compact_str::CompactString;

use crate::lang::Template;
use crate::model::{Dn, DnKey, folded};
use crate::policy::Scope;

/// The names a template can give: literal pieces with one value between each two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<String>,
    /// They are account names, not distinguished ones.
    account: bool,
}

/// Stands for a value while the pieces are brought into the form names are compared in.
const VALUE: &str = "7q3z9x5j";

/// Fewest characters of a group's own name that a rule must spell out to be known by them.
const TELLING: usize = 2;

impl Pattern {
    /// The names of a template; `None` when nothing in it sets its groups apart.
    pub(super) fn of(template: &Template, scope: &Scope) -> Option<Self> {
        let texts = template.texts()?;
        if !texts.iter().any(|text| text.contains('=')) {
            return Self::of_account(&texts);
        }
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
        (named || housed).then_some(Self {
            pieces,
            account: false,
        })
    }

    fn of_account(texts: &[CompactString]) -> Option<Self> {
        let mut pieces: Vec<String> = texts.iter().map(|text| folded_text(text)).collect();
        if let Some(first) = pieces.first_mut() {
            *first = first.trim_start().to_owned();
        }
        if let Some(last) = pieces.last_mut() {
            *last = last.trim_end().to_owned();
        }
        let spelt: String = pieces.concat();
        let telling =
            spelt.chars().any(char::is_alphanumeric) && spelt.trim().chars().count() >= TELLING;
        (telling && pieces.len() > 1).then_some(Self {
            pieces,
            account: true,
        })
    }

    /// Whether a group could have been named: values are one name each and never structure.
    pub(super) fn fits(&self, key: &DnKey, account_name: Option<&str>) -> bool {
        if self.account {
            return account_name.is_some_and(|name| self.matches(&folded_text(name.trim())));
        }
        let text = key.as_str();
        let spelt: usize = self
            .pieces
            .iter()
            .map(|piece| piece.matches(',').count())
            .sum();
        text.matches(',').count() == spelt && self.matches(text)
    }

    fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
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
        true
    }
}

/// As account names are compared.
fn folded_text(text: &str) -> String {
    text.chars().flat_map(folded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pieces: &[&str]) -> Pattern {
        Pattern {
            pieces: pieces.iter().map(|piece| (*piece).to_owned()).collect(),
            account: false,
        }
    }

    fn fits(pattern: &Pattern, dn: &str) -> bool {
        pattern.fits(&Dn::parse(dn).unwrap().key(), None)
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
    #[test]
    fn account_names_are_known_by_what_is_spelt_out() {
        let texts = |texts: &[&str]| -> Vec<CompactString> {
            texts.iter().map(|text| (*text).into()).collect()
        };
        let pattern = Pattern::of_account(&texts(&["App-", "-Users"])).unwrap();
        let key = Dn::parse("CN=x,DC=test").unwrap().key();
        assert!(pattern.fits(&key, Some("APP-mail-users")));
        assert!(!pattern.fits(&key, Some("app-mail-admins")));
        assert!(!pattern.fits(&key, None));
        assert_eq!(Pattern::of_account(&texts(&["", ""])), None);
        assert_eq!(Pattern::of_account(&texts(&["-", ""])), None);
        assert_eq!(Pattern::of_account(&texts(&["App"])), None);
    }
}
