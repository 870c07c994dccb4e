//! The managed scope of a directory and what in it is never touched.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::kinds;
use crate::matching::{DirectoryIndex, Protection, Standing};
use crate::model::held_codes::{Code, warning};
use crate::model::{AttributeId, DirectoryHeader, Dn, DnKey, Entry, EntryKind};

/// The managed scope.
#[derive(Debug)]
pub struct Scope {
    under: Vec<DnKey>,
    groups_under: Vec<DnKey>,
    protected: Vec<DnKey>,
    bound: Option<DnKey>,
    admin_count: Option<AttributeId>,
    critical: Option<AttributeId>,
    sid: Option<AttributeId>,
}

/// Why nothing may be placed somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfBounds {
    /// Not below any managed place.
    Outside,
    /// At or below a protected place.
    Protected,
}

/// Relative identifiers of groups of a domain whose members have power over it, or can get it ([MS-DTYP] 2.4.2.4):
/// the domain, schema, enterprise and key administrators, those who own group policy, and domain controllers.
const POWERFUL: &[u32] = &[498, 512, 516, 518, 519, 520, 521, 526, 527];

/// Groups of the BUILTIN domain of which the same holds: administrators, and operators of accounts, servers, printers,
/// backups and replication.
const POWERFUL_BUILTIN: &[u32] = &[544, 548, 549, 550, 551, 552];

/// Its members can have a domain controller load their own code; it has no fixed identifier.
const DNS_ADMINS: &str = "DnsAdmins";

/// Relative identifiers of built-in accounts and groups with power over the domain ([MS-DTYP] 2.4.2.4).
const BUILT_IN: &[u32] = &[
    498, 500, 501, 502, 512, 513, 514, 515, 516, 517, 518, 519, 520, 521, 522, 525, 526, 527,
];

impl Scope {
    /// The scope a target declares.
    pub fn new(target: &kinds::ActiveDirectory, header: &DirectoryHeader) -> Self {
        let keys = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| Dn::parse(name).ok())
                .map(|dn| dn.key())
                .collect::<Vec<_>>()
        };
        let under = keys(&target.managed.under);
        let groups_under = if target.managed.groups_under.is_empty() {
            under.clone()
        } else {
            keys(&target.managed.groups_under)
        };
        Self {
            under,
            groups_under,
            protected: keys(&target.protected),
            bound: header.bound_as.as_ref().map(Dn::key),
            admin_count: header.attribute("adminCount"),
            critical: header.attribute("isCriticalSystemObject"),
            sid: header.attribute("objectSid"),
        }
    }

    /// Names the target's scope is made of that nothing in the read has, each with the warning it deserves. A name
    /// with a slip in it protects nothing, and nobody would notice.
    pub fn unknown<'t>(
        target: &'t kinds::ActiveDirectory,
        index: &DirectoryIndex<'_>,
    ) -> Vec<(Code, &'t str)> {
        let top = index.snapshot.header.identity.naming_context.key();
        let places = target
            .managed
            .under
            .iter()
            .chain(&target.managed.groups_under);
        let places = places.map(|name| (warning::MANAGED_NOT_FOUND, name));
        let protected = target.protected.iter();
        let protected = protected.map(|name| (warning::PROTECTED_NOT_FOUND, name));
        places
            .chain(protected)
            .filter(|(_, name)| {
                Dn::key_of(name).is_none_or(|key| key != top && index.by_key(&key).is_none())
            })
            .map(|(code, name)| (code, name.as_str()))
            .collect()
    }

    /// What may be done with an object.
    pub fn stands(&self, entry: &Entry, key: &DnKey) -> Standing {
        let scope = match entry.kind {
            EntryKind::User => &self.under,
            EntryKind::Group => &self.groups_under,
            EntryKind::Container | EntryKind::Other | EntryKind::Deleted | EntryKind::Foreign => {
                return Standing::Outside;
            }
        };
        if !scope.iter().any(|base| key.is_at_or_under(base)) {
            return Standing::Outside;
        }
        let set = |attribute: Option<AttributeId>| attribute.and_then(|id| entry.value(id));
        if self.protected.iter().any(|base| key.is_at_or_under(base)) {
            Standing::Protected(Protection::Listed)
        } else if self.bound.as_ref() == Some(key) {
            Standing::Protected(Protection::Bound)
        } else if set(self.admin_count).is_some_and(|count| count.trim() != "0") {
            Standing::Protected(Protection::Privileged)
        } else if set(self.critical).is_some_and(|flag| flag.eq_ignore_ascii_case("TRUE"))
            || set(self.sid).is_some_and(is_built_in)
        {
            Standing::Protected(Protection::BuiltIn)
        } else {
            Standing::Managed
        }
    }

    /// Whether a group by itself gives its members power over the domain: `adminCount` marks it, its identifier is one
    /// of those known to, or it is DnsAdmins.
    pub fn gives_power(&self, group: &Entry, account_name: Option<&str>) -> bool {
        let value = |attribute: Option<AttributeId>| attribute.and_then(|id| group.value(id));
        value(self.admin_count).is_some_and(|count| count.trim() != "0")
            || value(self.sid).is_some_and(is_powerful)
            || account_name.is_some_and(|name| name.trim().eq_ignore_ascii_case(DNS_ADMINS))
    }

    /// Whether this is one of the places groups are managed in, not something below one.
    pub fn is_group_base(&self, key: &DnKey) -> bool {
        self.groups_under.contains(key)
    }

    /// Whether accounts may be placed here.
    ///
    /// # Errors
    /// Why not.
    pub fn place(&self, key: &DnKey) -> Result<(), OutOfBounds> {
        if !self.under.iter().any(|base| key.is_at_or_under(base)) {
            return Err(OutOfBounds::Outside);
        }
        if self.protected.iter().any(|base| key.is_at_or_under(base)) {
            return Err(OutOfBounds::Protected);
        }
        Ok(())
    }
}

/// The last part of a SID given as base64 of its bytes ([MS-DTYP] 2.4.2.2).
pub fn relative_id(sid: &str) -> Option<u32> {
    let bytes = STANDARD.decode(sid).ok()?;
    let count = usize::from(*bytes.get(1)?);
    if count == 0 || bytes.len() != 8 + 4 * count {
        return None;
    }
    let last = bytes.last_chunk::<4>()?;
    Some(u32::from_le_bytes(*last))
}

/// S-1-5-32-…: the BUILTIN domain has one part before the relative identifier, 32.
fn is_of_builtin_domain(sid: &str) -> bool {
    STANDARD.decode(sid).is_ok_and(|bytes| {
        bytes.get(1) == Some(&2) && bytes.get(8..12) == Some(&32u32.to_le_bytes()[..])
    })
}

fn is_built_in(sid: &str) -> bool {
    is_of_builtin_domain(sid) || relative_id(sid).is_some_and(|id| BUILT_IN.contains(&id))
}

fn is_powerful(sid: &str) -> bool {
    let known = if is_of_builtin_domain(sid) {
        POWERFUL_BUILTIN
    } else {
        POWERFUL
    };
    relative_id(sid).is_some_and(|id| known.contains(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(parts: &[u32]) -> String {
        let mut bytes = vec![1, u8::try_from(parts.len()).unwrap(), 0, 0, 0, 0, 0, 5];
        for part in parts {
            bytes.extend(part.to_le_bytes());
        }
        STANDARD.encode(bytes)
    }

    #[test]
    fn built_in_identities_are_known_by_their_sid() {
        assert!(is_built_in(&sid(&[21, 1, 2, 3, 500])));
        assert!(is_built_in(&sid(&[21, 1, 2, 3, 512])));
        assert!(is_built_in(&sid(&[32, 544])));
        assert!(!is_built_in(&sid(&[21, 1, 2, 3, 1105])));
        assert!(!is_built_in("nonsense"));
        assert!(is_powerful(&sid(&[21, 1, 2, 3, 519])));
        assert!(is_powerful(&sid(&[32, 551])));
        // Domain Users, Remote Desktop Users, and groups made by hand.
        assert!(!is_powerful(&sid(&[21, 1, 2, 3, 513])));
        assert!(!is_powerful(&sid(&[32, 555])));
        assert!(!is_powerful(&sid(&[21, 1, 2, 3, 544])));
        assert!(!is_powerful(&sid(&[21, 1, 2, 3, 1105])));
        assert!(!is_powerful("nonsense"));
        assert_eq!(relative_id(&sid(&[21, 1, 2, 3, 1105])), Some(1105));
    }
}
