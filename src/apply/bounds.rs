//! How far an apply may reach, whatever the plan says (P9).
//!
//! The planner keeps to the managed scope, and a plan is bound by its digest. But where nobody has to sign for a change, the
//! digest of a plan somebody rewrote is as good as any other; so the project's own limits are held here once more, on
//! the object as it is found. Must not know plans.

use crate::connector::LiveEntry;
use crate::model::{Dn, DnKey};

/// What one target's configuration lets an apply touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Places below which accounts are managed.
    pub accounts: Vec<DnKey>,
    /// Places below which groups get and lose members.
    pub groups: Vec<DnKey>,
    /// Objects never touched, and nothing below them.
    pub protected: Vec<DnKey>,
    /// Accounts kept for emergencies: distinguished name, sAMAccountName or objectGUID, in lower case.
    pub break_glass: Vec<String>,
    /// Attributes that tell whose an account is.
    pub anchors: Vec<String>,
}

impl Bounds {
    /// Attributes that tell who an account is, besides its name.
    pub(super) const ASKED: &str = "sAMAccountName";

    /// Why an account is left alone.
    pub(super) fn forbid_account(&self, entry: &LiveEntry) -> Option<String> {
        let mut names = vec![
            entry.guid.to_string(),
            entry.dn.as_str().to_lowercase(),
            entry.dn.key().as_str().to_lowercase(),
        ];
        let sam = entry.values(Self::ASKED).iter();
        names.extend(sam.map(|value| value.to_lowercase()));
        if names.iter().any(|name| self.break_glass.contains(name)) {
            return Some("this is an account kept for emergencies (breakGlass)".to_owned());
        }
        self.forbid_name(&entry.dn)
    }

    /// Why an account is not to be called this, or to stand here.
    pub(super) fn forbid_name(&self, dn: &Dn) -> Option<String> {
        let key = dn.key();
        self.forbid_protected(&key).or_else(|| {
            let inside = self.accounts.iter().any(|place| key.is_at_or_under(place));
            (!inside).then(|| format!("{} is outside of what is managed", dn.spoken()))
        })
    }

    /// Why a group's members are left alone. One that configuration names as privileged may stand anywhere.
    pub(super) fn forbid_group(&self, dn: &Dn, privileged: bool) -> Option<String> {
        let key = dn.key();
        self.forbid_protected(&key).or_else(|| {
            let inside = privileged || self.groups.iter().any(|place| key.is_at_or_under(place));
            (!inside).then(|| format!("the group {} is outside of what is managed", dn.spoken()))
        })
    }

    fn forbid_protected(&self, key: &DnKey) -> Option<String> {
        let protected = self.protected.iter().any(|place| key.is_at_or_under(place));
        protected.then(|| "the object is protected by the configuration".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Guid;

    const GUID: &str = "00112233-4455-6677-8899-aabbccddeeff";

    fn key(text: &str) -> DnKey {
        Dn::parse(text).unwrap().key()
    }

    fn bounds(break_glass: &str) -> Bounds {
        Bounds {
            accounts: vec![key("OU=People,DC=example,DC=test")],
            groups: vec![key("OU=Groups,DC=example,DC=test")],
            protected: vec![key("OU=Board,OU=People,DC=example,DC=test")],
            break_glass: vec![break_glass.to_owned()],
            anchors: Vec::new(),
        }
    }

    fn entry(dn: &str, sam: &str) -> LiveEntry {
        LiveEntry {
            guid: Guid::parse(GUID).unwrap(),
            dn: Dn::parse(dn).unwrap(),
            attributes: [("sAMAccountName".to_owned(), vec![sam.to_owned()])].into(),
        }
    }

    #[test]
    fn what_the_configuration_keeps_is_left_alone() {
        let jane = "CN=Jane,OU=People,DC=example,DC=test";
        let forbidden = |dn: &str, break_glass: &str| {
            let bounds = bounds(break_glass);
            bounds.forbid_account(&entry(dn, "Jane.Doe")).is_some()
        };
        assert!(!forbidden(jane, "somebody"));
        assert!(forbidden(jane, "jane.doe"));
        assert!(forbidden(jane, GUID));
        assert!(forbidden(jane, &jane.to_lowercase()));
        assert!(forbidden("CN=Jane,OU=Admins,DC=example,DC=test", "x"));
        assert!(forbidden(
            "CN=Jane,OU=Board,OU=People,DC=example,DC=test",
            "x"
        ));
    }

    #[test]
    fn groups_have_places_of_their_own() {
        let bounds = bounds("x");
        let group = |dn: &str, privileged| {
            let dn = Dn::parse(dn).unwrap();
            bounds.forbid_group(&dn, privileged).is_none()
        };
        assert!(group("CN=Staff,OU=Groups,DC=example,DC=test", false));
        assert!(!group(
            "CN=Domain Admins,CN=Users,DC=example,DC=test",
            false
        ));
        assert!(group("CN=Domain Admins,CN=Users,DC=example,DC=test", true));
        assert!(!group(
            "CN=Staff,OU=Board,OU=People,DC=example,DC=test",
            true
        ));
    }
}
