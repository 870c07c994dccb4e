//! Whether a plan keeps to the places that the configuration lets it reach, as far as it says itself where objects stand.
//!
//! `apply` asks the directory; this asks the plan alone, so that a reviewer is told before anybody has a connection. Pure.

use crate::config::Config;
use crate::model::{Dn, DnKey, Guid, Name};

use super::{Action, Change, ObjectRef};

/// What may be reached in one target.
#[derive(Debug, Default)]
pub(super) struct Reachable {
    accounts: Vec<DnKey>,
    groups: Vec<DnKey>,
    protected: Vec<DnKey>,
    kept: Vec<DnKey>,
    kept_by_id: Vec<Guid>,
}

impl Reachable {
    /// By the documents that speak of the target.
    pub(super) fn of(config: &Config, target: &Name) -> Option<Self> {
        let spec = &config.directories.get(target)?.spec;
        let keys = |names: &[String]| -> Vec<DnKey> {
            names.iter().filter_map(|name| Dn::key_of(name)).collect()
        };
        let groups = match spec.managed.groups_under.as_slice() {
            [] => &spec.managed.under,
            places => places,
        };
        let guards = config.guards.values();
        let kept: Vec<String> = guards
            .filter(|guards| guards.spec.target == target.as_str())
            .flat_map(|guards| &guards.spec.break_glass)
            .map(|name| name.trim().to_owned())
            .collect();
        Some(Self {
            accounts: keys(&spec.managed.under),
            groups: keys(groups),
            protected: keys(&spec.protected),
            kept_by_id: kept.iter().filter_map(|name| Guid::parse(name)).collect(),
            kept: keys(&kept),
        })
    }

    /// Why a change goes too far.
    pub(super) fn forbids(&self, change: &Change) -> Option<String> {
        let (id, kind) = (&change.id.0, change.action.kind());
        match &change.action {
            Action::AddMember { member } | Action::RemoveMember { member } => {
                let group = &change.object.dn.key();
                let inside = change.privileged || is_in(group, &self.groups);
                if !inside || is_in(group, &self.protected) {
                    return Some(format!(
                        "change {id} ({kind}) is about the group {}, which is protected or outside of what is managed",
                        change.object.dn.spoken()
                    ));
                }
                self.account(member)
            }
            Action::Move { after, .. } if !self.is_place(&after.key()) => {
                return Some(format!(
                    "change {id} moves {} to {}, which is protected or outside of what is managed",
                    change.object.dn.spoken(),
                    after.spoken()
                ));
            }
            _ => self.account(&change.object),
        }
        .map(|why| format!("change {id} ({kind}) is about {why}"))
    }

    fn account(&self, account: &ObjectRef) -> Option<String> {
        let key = account.dn.key();
        let kept = self.kept.contains(&key)
            || account
                .guid
                .is_some_and(|guid| self.kept_by_id.contains(&guid));
        if kept {
            return Some(format!(
                "{}, an account kept for emergencies (breakGlass)",
                account.dn.spoken()
            ));
        }
        (!self.is_place(&key)).then(|| {
            format!(
                "{}, which is protected or outside of what is managed",
                account.dn.spoken()
            )
        })
    }

    fn is_place(&self, key: &DnKey) -> bool {
        is_in(key, &self.accounts) && !is_in(key, &self.protected)
    }
}

fn is_in(key: &DnKey, places: &[DnKey]) -> bool {
    places.iter().any(|place| key.is_at_or_under(place))
}
