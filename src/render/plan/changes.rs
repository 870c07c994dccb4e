//! Sorts changes into sections, and says once what happens to many people alike.
//!
//! Linear in the number of changes. Order within a section is by name and key, whatever the plan's order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::accounts::{self, attribute_pieces};
use super::{Context, Detail, OfPerson};
use crate::model::{Dn, Guid, Name, PersonKey};
use crate::plan::{
    Action, AttributeChange, Cause, Change, PersonRef, Plan, PlanValue, RuleIndex, UnitId,
};
use crate::render::report::{Item, Line, Sign, count, grouped, number};

/// From how many people on the same change is said once.
pub(super) const MANY: usize = 3;
/// Where what an undo brings back stands among the causes.
const UNDONE: usize = 4;
/// How many of them are named.
pub(super) const NAMES: usize = 5;

/// A plan's changes by section.
pub(super) struct Sorted<'a> {
    pub deletions: Vec<OfPerson<'a>>,
    pub removals: Vec<OfPerson<'a>>,
    /// What is of high risk and takes nothing away.
    pub risky: Vec<OfPerson<'a>>,
    pub creates: Vec<OfPerson<'a>>,
    /// Heading and people, for each cause that brings about anything.
    pub by_cause: Vec<ByCause<'a>>,
}

/// What one cause brings about, beside what is taken away and what is new.
pub(super) struct ByCause<'a> {
    pub title: &'static str,
    /// Whether it is never left out: what an undo gives back is access.
    pub essential: bool,
    pub people: Vec<OfPerson<'a>>,
}

/// The person, and which of their accounts: a new one stands beside the one it replaces, and each target has its own.
type Who<'a> = (
    &'a Name,
    &'a Name,
    &'a PersonKey,
    Option<Guid>,
    Option<&'a Dn>,
);

fn who(change: &Change) -> Who<'_> {
    let account = change.account();
    let new = account.guid.is_none().then_some(&account.dn);
    let person = &change.person;
    (
        &change.target,
        &person.source,
        &person.key,
        account.guid,
        new,
    )
}

/// Puts every change into exactly one section.
pub(super) fn sort(plan: &Plan) -> Sorted<'_> {
    let mut disabled: HashSet<Who<'_>> = HashSet::new();
    let mut created: HashSet<Who<'_>> = HashSet::new();
    let mut risky_creates: HashSet<Who<'_>> = HashSet::new();
    let mut moves: HashSet<&UnitId> = HashSet::new();
    let mut causes: HashSet<Cause> = HashSet::new();
    for change in &plan.changes {
        match change.action {
            Action::Disable {} => {
                disabled.insert(who(change));
            }
            Action::Create { .. } => {
                created.insert(who(change));
                if accounts::is_risky(change) {
                    risky_creates.insert(who(change));
                }
            }
            Action::RemoveMember { .. } => moves.extend(&change.unit),
            _ => {}
        }
        causes.insert(change.cause);
    }
    let mut deletions = People::default();
    let mut removals = People::default();
    let mut risky = People::default();
    let mut creates = People::default();
    let mut others: BTreeMap<usize, (&'static str, People<'_>)> = BTreeMap::new();
    let undoes = plan.inputs.undoes.as_ref();
    let redoes = undoes.is_some_and(|undoes| undoes.redoes);
    for change in &plan.changes {
        let of = who(change);
        // A move is shown as one, with what it takes.
        let unit = change.unit.as_ref();
        let moves = unit.is_some_and(|unit| moves.contains(unit));
        if matches!(change.action, Action::Delete { .. }) {
            deletions.push(change);
        } else if accounts::is_removal(change) || disabled.contains(&of) || moves {
            removals.push(change);
        } else if accounts::is_risky(change) || risky_creates.contains(&of) {
            risky.push(change);
        } else if created.contains(&of) {
            creates.push(change);
        } else {
            let (order, title) = heading(change.cause, causes.len() > 1, redoes);
            others
                .entry(order)
                .or_insert_with(|| (title, People::default()))
                .1
                .push(change);
        }
    }
    Sorted {
        deletions: deletions.finish(),
        removals: removals.finish(),
        risky: risky.finish(),
        creates: creates.finish(),
        by_cause: others
            .into_iter()
            .map(|(order, (title, people))| ByCause {
                title,
                essential: order == UNDONE,
                people: people.finish(),
            })
            .collect(),
    }
}

fn heading(cause: Cause, several: bool, redoes: bool) -> (usize, &'static str) {
    match cause {
        Cause::Config => (0, "Caused by changed rules"),
        Cause::Source => (1, "Caused by the people's data"),
        Cause::Drift => (2, "Drift: edited in the directory"),
        Cause::Undo if redoes => (UNDONE, "Done again as it was before the undo"),
        Cause::Undo => (UNDONE, "Brought back as it was before"),
        Cause::Undetermined if several => (3, "Other changes of existing accounts"),
        Cause::Undetermined => (3, "Changes of existing accounts"),
    }
}

/// Changes gathered by person.
#[derive(Default)]
struct People<'a> {
    at: HashMap<Who<'a>, usize>,
    people: Vec<OfPerson<'a>>,
}

impl<'a> People<'a> {
    fn push(&mut self, change: &'a Change) {
        let next = self.people.len();
        let at = *self.at.entry(who(change)).or_insert(next);
        if at == next {
            self.people.push(OfPerson {
                person: &change.person,
                target: &change.target,
                account: change.account(),
                changes: Vec::new(),
            });
        }
        self.people[at].changes.push(change);
    }

    fn finish(mut self) -> Vec<OfPerson<'a>> {
        self.people
            .sort_by_cached_key(|of| (of.person.label.to_lowercase(), of.person, of.target));
        self.people
    }
}

/// What many people may share: one attribute's change, or one more group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Shared<'a> {
    Attribute {
        target: &'a Name,
        name: &'a str,
        before: &'a [PlanValue],
        after: &'a [PlanValue],
        rule: RuleIndex,
    },
    Member {
        target: &'a Name,
        group: &'a str,
        rule: RuleIndex,
    },
}

impl<'a> Shared<'a> {
    fn attribute(change: &'a Change, attribute: &'a AttributeChange) -> Self {
        Self::Attribute {
            target: &change.target,
            name: &attribute.name,
            before: &attribute.before,
            after: &attribute.after,
            rule: attribute.rule,
        }
    }

    fn member(change: &'a Change) -> Option<Self> {
        matches!(change.action, Action::AddMember { .. }).then(|| Self::Member {
            target: &change.target,
            group: change.object.dn.as_str(),
            rule: change.because.rule,
        })
    }
}

/// People who share a change.
struct Sharing<'a> {
    people: Vec<&'a PersonRef>,
    change: &'a Change,
    attribute: Option<&'a AttributeChange>,
    /// The facts of the first, while all have the same.
    facts: Option<&'a BTreeMap<String, String>>,
}

fn share<'a>(people: &[OfPerson<'a>]) -> HashMap<Shared<'a>, Sharing<'a>> {
    let mut sharing: HashMap<Shared<'a>, Sharing<'a>> = HashMap::new();
    let mut add = |key, change: &'a Change, attribute: Option<&'a AttributeChange>| {
        let facts = attribute.map_or(&change.because.facts, |attribute| &attribute.facts);
        let entry = sharing.entry(key).or_insert_with(|| Sharing {
            people: Vec::new(),
            change,
            attribute,
            facts: Some(facts),
        });
        entry.people.push(&change.person);
        if entry.facts.is_some_and(|first| first != facts) {
            entry.facts = None;
        }
    };
    for of in people {
        for &change in &of.changes {
            if let Some(key) = Shared::member(change) {
                add(key, change, None);
            } else if let Action::Modify { attributes } = &change.action {
                for attribute in attributes {
                    add(
                        Shared::attribute(change, attribute),
                        change,
                        Some(attribute),
                    );
                }
            }
        }
    }
    sharing
}

/// The items of one section: what many share, then everybody's own.
pub(super) fn section(context: &Context<'_>, people: &[OfPerson<'_>]) -> Vec<Item> {
    let sharing = share(people);
    // How often each rule clears a value: the outliers of a change that sets it for others.
    let mut clears: HashMap<RuleIndex, u64> = HashMap::new();
    for shared in sharing.values() {
        if let Some(attribute) = shared.attribute
            && attribute.after.is_empty()
        {
            *clears.entry(attribute.rule).or_default() += number(shared.people.len());
        }
    }
    let mut many: Vec<&Sharing<'_>> = sharing
        .values()
        .filter(|shared| shared.people.len() >= MANY)
        .collect();
    many.sort_by_cached_key(|shared| {
        let clears = shared
            .attribute
            .is_some_and(|attribute| attribute.after.is_empty());
        (
            !clears,
            std::cmp::Reverse(shared.people.len()),
            shared
                .attribute
                .map(|attribute| attribute.name.to_lowercase()),
            shared.change.id.clone(),
        )
    });
    let mut items: Vec<Item> = many
        .into_iter()
        .map(|shared| shared_item(context, shared, &clears))
        .collect();
    let shown = |change: &Change, attribute: Option<&AttributeChange>| {
        let key = match attribute {
            Some(attribute) => Some(Shared::attribute(change, attribute)),
            None => Shared::member(change),
        };
        key.and_then(|key| sharing.get(&key))
            .is_some_and(|shared| shared.people.len() >= MANY)
    };
    items.extend(
        people
            .iter()
            .filter_map(|of| accounts::person(context, of, &shown)),
    );
    items
}

fn shared_item(
    context: &Context<'_>,
    shared: &Sharing<'_>,
    clears: &HashMap<RuleIndex, u64>,
) -> Item {
    let (sign, pieces, rule) = match shared.attribute {
        Some(attribute) => {
            let (sign, pieces) = attribute_pieces(context, attribute);
            (sign, pieces, attribute.rule)
        }
        None => {
            let (sign, pieces, _) = accounts::summary(context, shared.change);
            (sign, pieces, shared.change.because.rule)
        }
    };
    let mut head =
        Line::new(0, sign).strong(count(number(shared.people.len()), "person", "people"));
    head = context
        .within(head, &shared.change.target)
        .own(": ")
        .pieces(pieces);
    let sets = shared
        .attribute
        .is_some_and(|attribute| !attribute.after.is_empty());
    if let Some(cleared) = clears.get(&rule).filter(|_| sets) {
        head = head.own(" · ").strong(format!(
            "outlier: the same rule clears the value of {}",
            count(*cleared, "person", "people")
        ));
    }
    let origin = match shared.facts {
        Some(facts) => context.origin(rule, facts),
        None => context.origin(rule, []),
    };
    let mut lines = vec![head.origin(origin)];
    match context.detail {
        Detail::Full => lines.extend(
            shared
                .people
                .iter()
                .map(|person| Line::new(1, Sign::None).name(context.labels.person(person))),
        ),
        Detail::Short => {
            let mut line = Line::new(1, Sign::None);
            for (index, person) in shared.people.iter().take(NAMES).enumerate() {
                if index > 0 {
                    line = line.own(", ");
                }
                line = line.name(context.labels.person(person));
            }
            let left = shared.people.len().saturating_sub(NAMES);
            if left > 0 {
                line = line.own(format!(" and {} more", grouped(number(left))));
            }
            lines.push(line);
        }
    }
    Item { lines }
}
