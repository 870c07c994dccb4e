//! Groups within groups: which groups give power over the domain, and who is in a group by way of another.
//!
//! Knows the read and no rules. Keeps that circles of groups end, and that whatever is nested in a privileged group,
//! however deep, counts as privileged: its members have the same power.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::target::Target;
use crate::model::{AttributeId, EntryKind};

/// The groups each group has among its direct members, as far as the read tells.
pub(super) struct Nesting {
    children: HashMap<u32, Vec<u32>>,
    privileged: HashSet<u32>,
    /// Direct members of nested groups that were asked about: account and group, sorted.
    inside: Vec<(u32, u32)>,
}

impl Nesting {
    /// Looks at every group of the read.
    pub(super) fn new(target: &Target<'_>) -> Self {
        let header = &target.index.snapshot.header;
        // `memberOf` of a group is short; the members of groups may be everybody.
        let (from, up) = match (header.attribute("memberOf"), target.known.member) {
            (Some(of), _) => (Some(of), true),
            (None, member) => (member, false),
        };
        let is_group = |at: u32| target.index.entry(at).kind == EntryKind::Group;
        let groups: Vec<u32> = (0..)
            .zip(&target.index.snapshot.objects)
            .filter(|(_, entry)| entry.kind == EntryKind::Group)
            .map(|(at, _)| at)
            .collect();
        let mut pairs: Vec<(u32, u32)> = groups
            .par_iter()
            .flat_map_iter(|at| {
                let others = named_in(target, *at, from).filter(|other| is_group(*other));
                others.map(move |other| if up { (other, *at) } else { (*at, other) })
            })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for (parent, child) in pairs {
            children.entry(parent).or_default().push(child);
        }
        let powers = groups.into_iter().filter(|at| {
            let entry = target.index.entry(*at);
            target
                .scope
                .gives_power(entry, entry.value(target.known.sam))
        });
        let mut nesting = Self {
            children,
            privileged: powers.collect(),
            inside: Vec::new(),
        };
        let mut open: Vec<u32> = nesting.privileged.iter().copied().collect();
        while let Some(at) = open.pop() {
            for child in nesting.children.get(&at).into_iter().flatten() {
                if nesting.privileged.insert(*child) {
                    open.push(*child);
                }
            }
        }
        nesting
    }

    /// Whether the group, or one it is nested in, gives power over the domain.
    pub(super) fn is_privileged(&self, group: u32) -> bool {
        self.privileged.contains(&group)
    }

    /// The groups nested in one, however deep.
    fn below(&self, group: u32) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut open = vec![group];
        while let Some(at) = open.pop() {
            for child in self.children.get(&at).into_iter().flatten() {
                if *child != group && found.insert(*child) {
                    open.push(*child);
                }
            }
        }
        found
    }

    /// Notes who is in the groups nested in these.
    pub(super) fn ask(&mut self, target: &Target<'_>, groups: &[u32]) {
        let nested: BTreeSet<u32> = groups.iter().flat_map(|group| self.below(*group)).collect();
        let nested: Vec<u32> = nested.into_iter().collect();
        let mut inside: Vec<(u32, u32)> = nested
            .into_par_iter()
            .flat_map_iter(|group| {
                let members = named_in(target, group, target.known.member);
                members.map(move |member| (member, group))
            })
            .collect();
        inside.par_sort_unstable();
        self.inside = inside;
    }

    /// The view of one group.
    pub(super) fn of(&self, group: u32) -> Nested<'_> {
        Nested {
            nesting: self,
            below: self.below(group),
        }
    }
}

/// What is nested in one group.
pub(super) struct Nested<'n> {
    nesting: &'n Nesting,
    below: BTreeSet<u32>,
}

impl Nested<'_> {
    /// A nested group the account is a direct member of.
    pub(super) fn through(&self, target: &Target<'_>, account: u32) -> Option<u32> {
        if self.below.is_empty() {
            return None;
        }
        let inside = &self.nesting.inside;
        let from = inside.partition_point(|(member, _)| *member < account);
        inside[from..]
            .iter()
            .take_while(|(member, _)| *member == account)
            .map(|(_, group)| *group)
            .filter(|group| self.below.contains(group))
            .min_by_key(|group| target.index.entry(*group).guid)
    }
}

fn named_in<'t>(
    target: &'t Target<'_>,
    object: u32,
    attribute: Option<AttributeId>,
) -> impl Iterator<Item = u32> + 't {
    let values = attribute.map(|id| target.index.entry(object).values(id));
    values
        .unwrap_or_default()
        .iter()
        .filter_map(|dn| target.index.by_text(dn))
}
