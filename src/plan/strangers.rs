//! Who stays in a group although it is for those alone whom rules name.
//!
//! Takes nothing away: a member whose person the read does not have is no proof of anything (P2), and what is not
//! managed is not touched (P9). Keeps that each of them is counted under one reason and that the report of a group
//! with a million members is as short as that of any other.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::target::{NOBODY, Target};
use crate::matching::Standing;
use crate::model::EntryKind;
use crate::policy::held;

/// How many of them are named.
const NAMED: usize = 20;

/// The report; nothing when nobody stays. `members` are those the read has as objects, `stays` tells of whom no rule
/// and no list speaks and who is not taken out.
pub(super) fn report(
    target: &Target<'_>,
    group: u32,
    members: &[u32],
    holder: &[u32],
    stays: impl Fn(u32) -> bool,
) -> Option<Draft> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for member in members.iter().copied().filter(|member| stays(*member)) {
        *counts.entry(why(target, member, holder)).or_default() += 1;
        named.insert((target.index.entry(member).guid, member));
        if named.len() > NAMED {
            named.pop_last();
        }
    }
    let listed = target
        .known
        .member
        .map_or(0, |member| target.index.entry(group).values(member).len());
    let unread = listed.saturating_sub(members.len());
    if unread > 0 {
        *counts.entry("not in the read").or_default() += unread;
    }
    let total: usize = counts.values().sum();
    if total == 0 {
        return None;
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(why, count)| format!("{count} {why}"))
        .collect();
    let name = target.index.entry(group).dn.spoken();
    let text = format!(
        "of the direct members of {name}, {total} stay whom no rule names: {}",
        parts.join(", ")
    );
    let named = named.into_iter().map(|(_, member)| member);
    let accounts = std::iter::once(group).chain(named).collect();
    Some(Draft::new(held::EXCLUSIVE_OTHERS, text).accounts(accounts))
}

fn why(target: &Target<'_>, member: u32, holder: &[u32]) -> &'static str {
    match target.index.entry(member).kind {
        EntryKind::User => {}
        EntryKind::Group => return "nested groups",
        _ => return "neither users nor groups",
    }
    match target.standing[member as usize] {
        Standing::Outside => "outside the managed scope",
        Standing::Protected(_) => "protected",
        Standing::Managed if holder[member as usize] == NOBODY => "of nobody the read has in scope",
        Standing::Managed => "held, exempt or in a state that keeps groups",
    }
}
