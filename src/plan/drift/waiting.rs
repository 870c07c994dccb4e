//! What the last plan held because nobody could tell whether it was an edit.
//!
//! Knows that plan, and what it would have been had nothing been asked about edits. Keeps that such a difference is told
//! from an edit that was known then, and that it only counts while the same stands in the directory as did then.

use hashbrown::{HashMap, HashSet};

use super::super::{Action, AttributeChange, Change, ChangeId, Plan, Rule, RuleIndex};
use super::compared::Compared;
use super::edits::from;
use super::owners::PersonOf;
use crate::model::{Guid, Location};
use crate::policy::held;

/// Differences that waited.
pub(super) struct Waiting<'p> {
    /// What would have been done about them, among all that would, then or when an overlap is over.
    changes: HashMap<&'p ChangeId, (&'p Change, Option<&'p Location>)>,
    rules: &'p [Rule],
    /// Who waited, for which rule.
    held: HashSet<(PersonOf, &'p Location)>,
    /// Edits that were known, by person, object and what was edited.
    edits: HashSet<(PersonOf, Option<Guid>, String)>,
}

impl<'p> Waiting<'p> {
    pub(super) fn new(then: &'p Plan, unasked: &'p Plan, judged: &'p Compared) -> Self {
        let held = then
            .held
            .iter()
            .filter(|held| held.code == held::DRIFT_UNDETERMINED.code);
        let held = held.filter_map(|held| {
            let person = held.person.as_ref()?;
            let who = (person.source.clone(), person.key.clone());
            Some((who, place(&then.rules, held.rule?)?))
        });
        let edits = then.since.iter().flat_map(|since| &since.left).map(|left| {
            let who = (left.person.source.clone(), left.person.key.clone());
            (who, left.object.guid, left.what.to_ascii_lowercase())
        });
        Self {
            changes: {
                let changes = unasked.changes.iter().map(|change| (change, None));
                let later = judged.later().map(|(change, rule)| (change, Some(rule)));
                let all = changes.chain(later);
                all.map(|(change, rule)| (&change.id, (change, rule)))
                    .collect()
            },
            rules: &unasked.rules,
            held: held.collect(),
            edits: edits.collect(),
        }
    }

    /// Whether an attribute that would be changed now waited then, and stands as it stood.
    pub(super) fn attribute(&self, now: &Change, attribute: &AttributeChange) -> bool {
        let Some(Action::Modify { attributes }) =
            self.changes.get(&now.id).map(|(change, _)| &change.action)
        else {
            return false;
        };
        attributes.iter().any(|then| {
            then.name == attribute.name
                && then.before == attribute.before
                && self.is_held(now, &then.name, [self.place(then.rule)])
        })
    }

    /// The same of a change other than of attributes.
    pub(super) fn step(&self, now: &Change) -> bool {
        let Some((then, told)) = self.changes.get(&now.id) else {
            return false;
        };
        let because = told.or_else(|| self.place(then.because.rule));
        let (what, rules) = match &then.action {
            Action::Move { rule, .. } => ("placement", [because, self.place(*rule)]),
            Action::Enable { .. } => ("enabled", [because, because]),
            Action::AddMember { .. } | Action::RemoveMember { .. } => {
                ("member", [because, because])
            }
            _ => return false,
        };
        from(&then.action, &now.action) && self.is_held(now, what, rules)
    }

    fn place(&self, rule: RuleIndex) -> Option<&'p Location> {
        place(self.rules, rule)
    }

    fn is_held<const N: usize>(
        &self,
        now: &Change,
        what: &str,
        rules: [Option<&'p Location>; N],
    ) -> bool {
        let who = (now.person.source.clone(), now.person.key.clone());
        let known = (who.clone(), now.object.guid, what.to_ascii_lowercase());
        if self.edits.contains(&known) {
            return false;
        }
        let mut rules = rules.into_iter().flatten();
        rules.any(|place| self.held.contains(&(who.clone(), place)))
    }
}

fn place(rules: &[Rule], index: RuleIndex) -> Option<&Location> {
    let rule = rules.get(usize::try_from(index.0).ok()?)?;
    Some(&rule.location)
}
