//! Who is in a group, and whom the configuration keeps there.
//!
//! Reads, and decides nothing. Keeps that a name in `keep` that is nobody's is told, so that nobody leaves for it.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::draft::Draft;
use super::named;
use super::target::{CHUNK, NOBODY, Target};
use super::wishes::GroupRule;
use crate::config::kinds::GroupsInState;
use crate::model::spoken;
use crate::policy::{held, relative_id};

/// The groups states keep. A name that is no group's could be a slip, and then everybody would lose the group that is
/// meant: nobody in the state loses any.
pub(super) fn kept_in_states(
    target: &Target<'_>,
    drafts: &mut Vec<Draft>,
) -> HashMap<(u16, u16), Option<HashSet<u32>>> {
    let mut kept = HashMap::new();
    for (side, of) in (0..).zip(&target.sides) {
        let mut told = HashSet::new();
        for (number, state) in (0..).zip(&of.lifecycle.states) {
            if state.groups != GroupsInState::Remove || state.keep_groups.is_empty() {
                continue;
            }
            let mut groups = Some(HashSet::new());
            for name in state.keep_groups.iter() {
                match named::group(target, name) {
                    Ok(group) => {
                        if let Some(groups) = &mut groups {
                            groups.insert(group);
                        }
                    }
                    Err(why) => {
                        groups = None;
                        if told.insert((state.written, name.to_string())) {
                            let text = format!(
                                "keepGroups of state {} names {}, and {}; nobody in it is taken out of any group",
                                spoken::name(&of.lifecycle.written[state.written].name),
                                name.spoken(),
                                why.words()
                            );
                            drafts.push(Draft::new(held::KEEP_UNKNOWN, text).rule(state.rule));
                        }
                    }
                }
            }
            kept.insert((side, number), groups);
        }
    }
    kept
}

/// Which subject holds which account.
pub(super) fn holders(target: &Target<'_>) -> Vec<u32> {
    let mut holders = vec![NOBODY; target.standing.len()];
    for (at, subject) in target.subjects.iter().enumerate() {
        if let Some(object) = subject.account() {
            holders[object as usize] = u32::try_from(at).unwrap_or(NOBODY);
        }
    }
    holders
}

/// The members of a group as objects of the read, sorted; `None` when the read does not tell.
pub(super) fn members(target: &Target<'_>, group: u32) -> Option<Vec<u32>> {
    let member = target.known.member?;
    let mut members: Vec<u32> = target
        .index
        .entry(group)
        .values(member)
        .par_iter()
        .with_min_len(CHUNK)
        .filter_map(|dn| target.index.by_text(dn))
        .collect();
    members.par_sort_unstable();
    Some(members)
}

/// True when the group is the account's primary group: a membership `member` never shows ([MS-ADTS] 3.1.1.4.5.3).
pub(super) fn is_primary(target: &Target<'_>, group: u32, account: u32) -> bool {
    let known = &target.known;
    let of_group = known
        .sid
        .and_then(|sid| target.index.entry(group).value(sid))
        .and_then(relative_id);
    let of_account = known
        .primary_group
        .and_then(|primary| target.index.entry(account).value(primary))
        .and_then(|id| id.parse().ok());
    of_group.is_some() && of_group == of_account
}

/// The members that always stay, by any of the rules; for each name that is nobody's, what is held.
pub(super) fn keep(
    target: &Target<'_>,
    group: u32,
    naming: &[&GroupRule],
) -> (HashSet<u32>, Vec<Draft>) {
    let mut keep = HashSet::new();
    let mut unknown = BTreeMap::new();
    for rule in naming {
        for name in &rule.keep {
            match named::object(target, name) {
                Ok(object) => {
                    keep.insert(object);
                }
                Err(why) => {
                    unknown.entry(name.spoken()).or_insert((why, rule));
                }
            }
        }
    }
    let drafts = unknown
        .into_iter()
        .map(|(name, (why, rule))| {
            let text = format!(
                "keep names {name}, and {}; nobody is taken out of {}",
                why.words(),
                target.index.entry(group).dn.spoken()
            );
            Draft::new(held::KEEP_UNKNOWN, text)
                .accounts(vec![group])
                .rule(rule.group.rule)
        })
        .collect();
    (keep, drafts)
}
