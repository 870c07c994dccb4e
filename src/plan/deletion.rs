//! Whether an account may be deleted now, and what the plan says of one that is.
//!
//! Knows the read and no person: that somebody has left is decided elsewhere, by proof. Keeps that what the read does
//! not tell keeps the account, and that nothing is deleted together with what stands below it.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::nesting::Nesting;
use super::target::Target;
use super::{Action, PlanValue};
use crate::lifecycle::Deletion;
use crate::matching::Standing;
use crate::model::{ACCOUNTDISABLE, AttributeId, Entry, spoken};
use crate::policy::{Code, held};

/// Bits of `userAccountControl` ([MS-ADTS] 2.2.16) that no person's account has.
const INTERDOMAIN_TRUST: i64 = 0x800;
const WORKSTATION_TRUST: i64 = 0x1000;
const SERVER_TRUST: i64 = 0x2000;
const TRUSTED_FOR_DELEGATION: i64 = 0x8_0000;
const TRUSTED_TO_AUTH: i64 = 0x100_0000;
const NOT_A_PERSON: i64 =
    INTERDOMAIN_TRUST | WORKSTATION_TRUST | SERVER_TRUST | TRUSTED_FOR_DELEGATION | TRUSTED_TO_AUTH;

/// How many objects below an account are listed.
const LISTED: usize = 20;

/// What has to be known of a target besides, when some state of its people deletes.
pub(super) struct Prepared {
    /// What stands below accounts that may come into question, at whatever depth.
    below: HashMap<u32, Vec<u32>>,
    nesting: Nesting,
    member_of: Option<AttributeId>,
    services: Option<AttributeId>,
}

impl Prepared {
    /// Looks through the read; `None` when nobody's account is ever deleted.
    pub(super) fn new(target: &Target<'_>) -> Option<Self> {
        let mut states = target.sides.iter().flat_map(|side| &side.lifecycle.states);
        if !states.any(|state| state.delete.is_some()) {
            return None;
        }
        let header = &target.index.snapshot.header;
        Some(Self {
            below: below(target),
            nesting: Nesting::new(target),
            member_of: header.attribute("memberOf"),
            services: header.attribute("servicePrincipalName"),
        })
    }
}

/// Objects below accounts. Every object of the read is looked at once, however many accounts there are.
fn below(target: &Target<'_>) -> HashMap<u32, Vec<u32>> {
    let objects = &target.index.snapshot.objects;
    let numbered = || (0u32..).zip(objects);
    let accounts: HashMap<&str, u32> = numbered()
        .filter(|(_, entry)| entry.deletion.is_some())
        .map(|(at, _)| (target.index.key(at).as_str(), at))
        .collect();
    let mut below: HashMap<u32, Vec<u32>> = HashMap::new();
    if accounts.is_empty() {
        return below;
    }
    for (at, _) in numbered() {
        let mut key = target.index.key(at).as_str();
        while let Some((_, parent)) = key.split_once(',') {
            if let Some(account) = accounts.get(parent) {
                below.entry(*account).or_default().push(at);
            }
            key = parent;
        }
    }
    below
}

/// When an account may be deleted at the earliest.
pub(super) enum Earliest {
    /// From this moment on.
    From(Timestamp),
    /// Nobody can say.
    Unknown,
}

impl Target<'_> {
    fn flags(&self, entry: &Entry) -> Option<i64> {
        entry.value(self.known.uac)?.parse().ok()
    }

    /// When an account that is disabled may be deleted, by how long it has been.
    pub(super) fn deletable_from(&self, object: u32, terms: &Deletion) -> Earliest {
        let entry = self.index.entry(object);
        let since = entry
            .deletion
            .as_ref()
            .and_then(|facts| facts.control_changed);
        let days = SignedDuration::from_hours(24 * i64::from(terms.disabled_for));
        match since.and_then(|since| since.checked_add(days).ok()) {
            Some(from) => Earliest::From(from),
            None => Earliest::Unknown,
        }
    }

    /// Whether an account may be deleted now.
    ///
    /// # Errors
    /// What keeps it; the rest of what is planned for it goes on.
    pub(super) fn deletable(&self, object: u32, terms: &Deletion) -> Result<(), Draft> {
        let entry = self.index.entry(object);
        let keeps = |code: Code, text: String| {
            Err(Draft::new(code, text)
                .accounts(vec![object])
                .rule(terms.rule)
                .partial())
        };
        if let Standing::Protected(why) = self.standing[object as usize] {
            return keeps(
                held::PROTECTED,
                format!("the account would be deleted, but {why}"),
            );
        }
        let (Some(flags), Some(prepared)) = (self.flags(entry), &self.deletions) else {
            let text = "the read does not tell whether the account is disabled";
            return keeps(held::DELETE_UNDATED, text.to_owned());
        };
        if flags & ACCOUNTDISABLE == 0 {
            return keeps(
                held::DELETE_TOO_EARLY,
                format!(
                    "the account is enabled; it is deleted when it has been disabled for {} days",
                    terms.disabled_for
                ),
            );
        }
        if let Some(why) = service(entry, flags, prepared) {
            return keeps(held::DELETE_SERVICE, why);
        }
        if let Some(group) = self.privileged_group(entry, prepared) {
            let group = self.index.entry(group).dn.spoken();
            return keeps(
                held::DELETE_PRIVILEGED,
                format!("the account is in {group}, which gives power over the domain"),
            );
        }
        let Some(facts) = &entry.deletion else {
            let text = "the read does not tell since when the account is disabled";
            return keeps(held::DELETE_UNDATED, text.to_owned());
        };
        let (Some(since), Earliest::From(from)) =
            (facts.control_changed, self.deletable_from(object, terms))
        else {
            let text = "the read does not tell when userAccountControl was last changed and whether the account was brought back since, so nobody can say since when the account is disabled";
            return keeps(held::DELETE_UNDATED, text.to_owned());
        };
        if from > self.moment.as_of.timestamp() {
            return keeps(
                held::DELETE_TOO_EARLY,
                format!(
                    "userAccountControl was last changed, or the account brought back, {since}, so the account may be deleted from {from} on ({} days)",
                    terms.disabled_for
                ),
            );
        }
        match facts.protected {
            Some(false) => {}
            Some(true) => {
                let text = "the account is protected from accidental deletion";
                return keeps(held::DELETE_PROTECTED, text.to_owned());
            }
            None => {
                let text = "the read does not tell whether the account is protected from accidental deletion";
                return keeps(held::DELETE_PROTECTED, text.to_owned());
            }
        }
        let bin = self.recycle_bin();
        if bin != Some(true) && !terms.without_recycle_bin {
            let text = match bin {
                Some(_) => "the Recycle Bin is off, so the account could not be brought back",
                None => {
                    "the read does not tell whether the Recycle Bin is on, so the account could perhaps not be brought back"
                }
            };
            return keeps(held::DELETE_RECYCLE_BIN, text.to_owned());
        }
        match prepared.below.get(&object).map(Vec::as_slice) {
            None | Some([]) => Ok(()),
            Some(children) => {
                let mut names: Vec<String> = children
                    .iter()
                    .map(|child| self.index.entry(*child).dn.rdn().value)
                    .collect();
                names.sort();
                names.truncate(3);
                let names: Vec<String> = names.iter().map(|name| spoken::name(name)).collect();
                let more = match children.len().saturating_sub(names.len()) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let text = format!(
                    "{} below the account, and nothing is deleted with it: {}{more}",
                    match children.len() {
                        1 => "an object stands".to_owned(),
                        several => format!("{several} objects stand"),
                    },
                    names.join(", ")
                );
                let mut accounts = vec![object];
                // In an order of their own, however the read came.
                let mut children = children.to_vec();
                children.sort_by_key(|child| self.index.entry(*child).guid);
                accounts.extend(children.into_iter().take(LISTED));
                Err(Draft::new(held::DELETE_CHILDREN, text)
                    .accounts(accounts)
                    .rule(terms.rule)
                    .partial())
            }
        }
    }

    fn recycle_bin(&self) -> Option<bool> {
        let header = &self.index.snapshot.header;
        header
            .deleted_objects
            .and_then(|deleted| deleted.recycle_bin)
    }

    /// A group of the account's that gives power over the domain, or is nested in one.
    fn privileged_group(&self, entry: &Entry, prepared: &Prepared) -> Option<u32> {
        let groups = entry.values(prepared.member_of?);
        groups
            .iter()
            .filter_map(|group| self.index.by_text(group))
            .filter(|group| prepared.nesting.is_privileged(*group))
            .min_by_key(|group| self.index.entry(*group).guid)
    }

    /// The deletion of an account that [`Target::deletable`] lets go, with everything the read has of it.
    pub(super) fn deletion(&self, object: u32, anchor: AttributeId) -> Option<Action> {
        let entry = self.index.entry(object);
        let header = &self.index.snapshot.header;
        let before: BTreeMap<String, Vec<PlanValue>> = entry
            .attributes
            .iter()
            .map(|(id, values)| {
                let def = header.definition(*id);
                let mut values = values.as_slice().to_vec();
                values.sort();
                let values = values.iter();
                let values = values.map(|value| super::contents::plan_value(def, value));
                (def.name.clone(), values.collect())
            })
            .collect();
        let lifetime = header.deleted_objects?.lifetime;
        Some(Action::Delete {
            disabled_since: entry.deletion.as_ref()?.control_changed?,
            anchor: header.definition(anchor).name.clone(),
            last_written: entry.deletion.as_ref()?.last_written,
            restorable_days: (self.recycle_bin() == Some(true)).then_some(lifetime),
            before,
        })
    }
}

/// Why an account is a service's and no person's.
fn service(entry: &Entry, flags: i64, prepared: &Prepared) -> Option<String> {
    if flags & NOT_A_PERSON != 0 {
        return Some(
            "userAccountControl says that the account is trusted for delegation, or a computer's"
                .to_owned(),
        );
    }
    let name = entry.value(prepared.services?)?;
    let name: String = name.chars().take(80).collect();
    Some(format!(
        "a service runs as the account: it has the servicePrincipalName {name:?}"
    ))
}
