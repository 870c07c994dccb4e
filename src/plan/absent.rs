//! Accounts that carry an anchor and belong to nobody who is planned for.
//!
//! Nothing is ever removed because of what is found here alone: a person missing from a read, or left out of scope, is
//! reported and left to people (P2), or counted until the lifecycle says that they have left. Keeps that an account which
//! recognises somebody in the read by other values than its anchor is not counted.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::draft::{Draft, Warnings};
use super::missing::Missing;
use super::target::Target;
use crate::config::kinds::OutOfScopePolicy;
use crate::lifecycle::{Absent, Stamp};
use crate::mapping::fold;
use crate::matching::{Found as Matched, Standing};
use crate::model::{ACCOUNTDISABLE, AttributeId, EntryKind};
use crate::policy::{held, warning};

/// Accounts in the managed scope that carry an anchor, by the attribute that is one.
pub(super) struct Anchored {
    /// Account and attribute, by account.
    accounts: Vec<(u32, AttributeId)>,
}

/// Why somebody with this anchor is planned nothing for; the first reason counts. A side where it needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// In scope: held for a reason of their own.
    Held,
    /// Another record of the person counts, and they have another account.
    Secondary,
    NotMapped(usize),
    OutOfScope(usize),
}

/// Finds them.
pub(super) fn anchored(target: &Target<'_>) -> Anchored {
    let attributes = &target.anchors;
    let accounts = target
        .index
        .snapshot
        .objects
        .par_iter()
        .enumerate()
        .filter(|(at, entry)| {
            entry.kind == EntryKind::User && target.standing[*at] != Standing::Outside
        })
        .flat_map_iter(|(at, entry)| {
            let object = u32::try_from(at).unwrap_or(u32::MAX);
            let anchors = attributes.iter().filter(|id| entry.value(**id).is_some());
            anchors.map(move |id| (object, *id))
        })
        .collect();
    Anchored { accounts }
}

impl Anchored {
    /// Accounts a side answers for, those with its anchor that no other side's people hold, and how many of them
    /// have an anchor that somebody of the side's read has, in scope or out.
    pub(super) fn of_side(&self, target: &Target<'_>, side: u16) -> (u64, u64) {
        let number = usize::from(side);
        let ids: HashSet<AttributeId> = target.sides[number]
            .mappings
            .iter()
            .map(|mapping| mapping.anchor.id)
            .collect();
        let mut others = vec![false; target.standing.len()];
        let mut held = vec![false; target.standing.len()];
        for subject in &target.subjects {
            if let Some(object) = subject.account() {
                let holders = if subject.side == side {
                    &mut held
                } else {
                    &mut others
                };
                holders[object as usize] = true;
            }
        }
        let mut accounts = 0;
        let mut present = 0;
        let mut unclaimed: HashMap<(AttributeId, CompactString), Vec<u32>> = HashMap::new();
        let header = &target.index.snapshot.header;
        // An account with several anchors stands in a row.
        let mut last = None;
        for (object, id) in &self.accounts {
            if !ids.contains(id) || others[*object as usize] {
                continue;
            }
            if last.replace(*object) != Some(*object) {
                accounts += 1;
                present += u64::from(held[*object as usize]);
            }
            if !held[*object as usize]
                && let Some(value) = target.index.entry(*object).value(*id)
            {
                let value = fold(header.definition(*id), value);
                unclaimed.entry((*id, value)).or_default().push(*object);
            }
        }
        if unclaimed.is_empty() {
            return (accounts, present);
        }
        let side = &target.sides[number];
        let found: Vec<u32> = side
            .order
            .par_iter()
            .flat_map_iter(|at| side.anchors(*at, target.moment))
            .filter_map(|anchor| unclaimed.get(&anchor))
            .flatten()
            .copied()
            .collect();
        let found: HashSet<u32> = found.into_iter().collect();
        (accounts, present + found.len() as u64)
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Accounts to be reviewed.
    pub(super) drafts: Vec<Draft>,
    /// Accounts of nobody whom somebody in the read could be, that are to be leavers in the end.
    pub(super) missing: Vec<Missing>,
    /// Accounts of people who stand in the read and hold none.
    pub(super) seen: Vec<Missing>,
}

/// Whether an account was disabled for its person's absence before: nothing more can be taken from whoever is recognised
/// by it, and its deletion is held for a reason of its own.
fn left_already(target: &Target<'_>, object: u32) -> bool {
    let entry = target.index.entry(object);
    let flags = entry.value(target.known.uac);
    let disabled = flags
        .and_then(|flags| flags.parse::<i64>().ok())
        .is_some_and(|flags| flags & ACCOUNTDISABLE != 0);
    let mut mappings = target.sides.iter().flat_map(|side| &side.mappings);
    disabled
        && mappings.any(|mapping| {
            let stamp = mapping.stamp.as_ref().and_then(|rule| entry.value(rule.id));
            let stamp = stamp.and_then(Stamp::parse);
            stamp.is_some_and(|stamp| stamp.missing_since().is_some())
        })
}

/// Reports accounts of absent people and of people out of scope.
pub(super) fn report(target: &Target<'_>, anchored: &Anchored, warnings: &mut Warnings) -> Found {
    let mut claimed = vec![false; target.standing.len()];
    for object in target
        .subjects
        .iter()
        .filter_map(|subject| subject.account().or_else(|| subject.former()))
        .chain(target.lost_objects())
    {
        claimed[object as usize] = true;
    }
    let header = &target.index.snapshot.header;
    let unclaimed: Vec<(AttributeId, u32, CompactString)> = anchored
        .accounts
        .iter()
        .filter(|(object, _)| !claimed[*object as usize])
        .filter_map(|(object, id)| {
            let value = target.index.entry(*object).value(*id)?;
            Some((*id, *object, fold(header.definition(*id), value)))
        })
        .collect();
    if unclaimed.is_empty() {
        return Found::default();
    }
    // People who hold no account, by the anchor they would have.
    let mut known: HashMap<(AttributeId, CompactString), Known> = HashMap::new();
    for (number, side) in target.sides.iter().enumerate() {
        let without: Vec<(Known, Vec<(AttributeId, CompactString)>)> = side
            .order
            .par_iter()
            .filter(|at| {
                let subject = target.subject_of[number][**at as usize];
                target
                    .subjects
                    .get(subject as usize)
                    .is_none_or(|subject| subject.account().is_none())
                    // Of several accounts with one anchor a link names one; the others are not of somebody absent.
                    || side.links.concern(**at)
            })
            .map(|at| {
                let primary = side.primary(*at);
                let known = if primary != *at {
                    let subject = target.subject_of[number][primary as usize];
                    let subject = target.subjects.get(subject as usize);
                    if target.not_mapped[number].contains(&primary) {
                        Known::NotMapped(number)
                    } else if subject.is_some_and(|subject| subject.account().is_some()) {
                        Known::Secondary
                    } else {
                        Known::Held
                    }
                } else if !side.person(*at).in_scope {
                    Known::OutOfScope(number)
                } else if target.not_mapped[number].contains(at) {
                    Known::NotMapped(number)
                } else {
                    Known::Held
                };
                (known, side.anchors(*at, target.moment))
            })
            .collect();
        for (found, anchors) in without {
            for anchor in anchors {
                let known = known.entry(anchor).or_insert(found);
                *known = (*known).min(found);
            }
        }
    }
    // Accounts of which an entry of somebody in the read says why they are not theirs.
    let disputed: HashSet<u32> = target
        .subjects
        .iter()
        .filter_map(|subject| match &subject.found {
            Matched::Conflict(conflict) => Some(conflict.objects()),
            _ => None,
        })
        .flatten()
        .collect();
    let mut found = Found::default();
    let mut unjudged = 0;
    let mut rejected = 0;
    for (attribute, object, folded) in unclaimed {
        let entry = target.index.entry(object);
        let name = entry.dn.spoken();
        let concerned = |number: usize| Missing {
            object,
            side: u16::try_from(number).unwrap_or(u16::MAX),
            anchor: attribute,
        };
        let anchored = |side: &super::people::Side<'_>| {
            let mut mappings = side.mappings.iter();
            mappings.any(|mapping| mapping.anchor.id == attribute)
        };
        let known = known.get(&(attribute, folded));
        if known.is_some() {
            let counts = |side: &super::people::Side<'_>| {
                anchored(side) && matches!(side.lifecycle.absent, Absent::Leaver { .. })
            };
            found
                .seen
                .extend(target.sides.iter().position(counts).map(concerned));
        }
        let told = match known {
            None => None,
            Some(Known::Held) => continue,
            Some(Known::Secondary) => {
                target.warn_of_secondary(name, warnings);
                continue;
            }
            Some(Known::NotMapped(side)) => Some((
                *side,
                warning::NOT_MAPPED,
                format!(
                    "accounts in {} belong to people to whom no mapping applies",
                    target.name
                ),
            )),
            Some(Known::OutOfScope(side)) => Some((
                *side,
                warning::OUT_OF_SCOPE,
                format!("accounts in {} belong to people out of scope", target.name),
            )),
        };
        if let Some((side, code, message)) = told {
            if target.sides[side].lifecycle.out_of_scope == OutOfScopePolicy::Report {
                warnings.add(code, message, name);
            }
            continue;
        }
        let sides: Vec<(usize, &super::people::Side<'_>)> = target
            .sides
            .iter()
            .enumerate()
            .filter(|(_, side)| anchored(side))
            .collect();
        if sides.iter().any(|(_, side)| !side.proven) {
            unjudged += 1;
            continue;
        }
        // The account may well be that of somebody whose row was no good.
        if sides.iter().any(|(_, side)| side.anchors_doubtful()) {
            rejected += 1;
            continue;
        }
        let of = |policy: fn(Absent) -> bool| {
            let mut sides = sides.iter();
            sides
                .find(|(_, side)| policy(side.lifecycle.absent))
                .copied()
        };
        if let Some((_, side)) = of(|absent| absent == Absent::HoldForReview) {
            found.drafts.push(
                Draft::new(
                    held::ABSENT,
                    format!(
                        "no person has {} {:?} any more",
                        header.definition(attribute).name,
                        entry.value(attribute).unwrap_or_default()
                    ),
                )
                .accounts(vec![object])
                .rule(side.lifecycle.absent_rule),
            );
        } else if of(|absent| absent == Absent::Report).is_some() {
            warnings.add(
                warning::ABSENT,
                format!("accounts in {} carry an anchor no person has", target.name),
                name,
            );
        } else if target.claimed.contains(&object) && !left_already(target, object) {
            // Somebody overwrote the anchor, or the next person has the values: either way somebody in the read is
            // recognised by them, and who that is may well sign in with this account.
            if let Some((_, side)) = sides.first().filter(|_| !disputed.contains(&object)) {
                let text = format!(
                    "no person has {} {:?} any more, but other values of the account recognise somebody in the read, so it is not counted as absent",
                    header.definition(attribute).name,
                    entry.value(attribute).unwrap_or_default()
                );
                found.drafts.push(
                    Draft::new(held::ABSENT, text)
                        .accounts(vec![object])
                        .rule(side.lifecycle.absent_rule),
                );
            }
        } else if let Some((number, _)) = sides.first() {
            found.missing.push(concerned(*number));
        }
    }
    // They are found in the order of the read, which says nothing.
    for list in [&mut found.missing, &mut found.seen] {
        list.sort_by_cached_key(|one| {
            let entry = target.index.entry(one.object);
            let value = fold(
                header.definition(one.anchor),
                entry.value(one.anchor).unwrap_or_default(),
            );
            (value, entry.guid, one.anchor)
        });
    }
    if unjudged > 0 {
        warnings.note(
            warning::ABSENT_NOT_JUDGED,
            format!(
                "accounts in {} have no person in an unproven read",
                target.name
            ),
            unjudged,
        );
    }
    if rejected > 0 {
        warnings.note(
            warning::ABSENT_NOT_JUDGED,
            format!(
                "accounts in {} have no person, and rows of the read were rejected or values behind anchors not understood",
                target.name
            ),
            rejected,
        );
    }
    found
}
