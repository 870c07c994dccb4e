//! Lays out a plan: what would happen, to whom, and why.
//!
//! Order is by what a reviewer must not miss: verdict and counts, deletions, removals, new accounts, other changes (the same
//! change of many people once), held people, exceptions, warnings, and where the plan comes from. Decides nothing and leaves
//! nothing out; writers may, and say so.

mod accounts;
mod base;
mod calendar;
mod changes;
mod deletions;
mod edits;
mod exceptions;
mod guards;
mod quality;
mod verdict;

use std::collections::{HashMap, HashSet};

use super::label::Labels;
use super::report::{Item, Line, Piece, Report, Section, Sign, count, grouped, number};
use crate::model::held_codes::{self, Code, warning};
use crate::model::{Dn, Location, Name};
use crate::plan::{
    Cause, Change, ChangeId, Held, HeldCounts, ObjectRef, PersonRef, Plan, PlanFile, RuleIndex,
    Warning,
};

/// How much is told of what many people share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Examples.
    Short,
    /// Everyone, every attribute, whole values.
    Full,
}

impl Detail {
    /// How many examples of a warning are shown.
    fn examples(self) -> usize {
        match self {
            Self::Short => 5,
            Self::Full => usize::MAX,
        }
    }

    /// Up to how many new accounts are shown with every attribute.
    fn whole_creates(self) -> usize {
        match self {
            Self::Short => 12,
            Self::Full => usize::MAX,
        }
    }
}

/// What every part of the layout needs.
struct Context<'a> {
    plan: &'a Plan,
    /// Attributes that another cause brought about than the rest of their change.
    otherwise: HashMap<(&'a ChangeId, &'a str), Cause>,
    labels: Labels,
    detail: Detail,
}

/// Changes of one account of a person, in the plan's order.
struct OfPerson<'a> {
    person: &'a PersonRef,
    target: &'a Name,
    account: &'a ObjectRef,
    changes: Vec<&'a Change>,
}

/// The whole report.
pub(super) fn report(file: &PlanFile, detail: Detail) -> Report {
    let plan = &file.content;
    let otherwise = plan.since.iter().flat_map(|since| &since.otherwise);
    let context = Context {
        plan,
        otherwise: otherwise
            .map(|one| ((&one.change, one.attribute.as_str()), one.cause))
            .collect(),
        labels: Labels::new(plan),
        detail,
    };
    let sorted = changes::sort(plan);
    let whole = sorted.creates.len() <= detail.whole_creates();
    let mut sections = Vec::new();
    if let Some(against) = &plan.base {
        let size = usize::try_from(against.people).unwrap_or(usize::MAX);
        sections.push(Section {
            title: "Brought about by the change of the configuration".into(),
            size: people(size),
            items_are: "lines of the configuration",
            essential: true,
            items: base::brought(against),
        });
        sections.push(Section {
            title: "Would be brought about, and guards hold it".into(),
            size: String::new(),
            items_are: "guards",
            essential: true,
            items: base::held(against),
        });
        sections.push(Section {
            title: "No longer done".into(),
            size: String::new(),
            items_are: "lines of the configuration",
            essential: false,
            items: base::withdrawn(against),
        });
    }
    sections.extend([
        Section {
            title: "ACCOUNTS TO BE DELETED".into(),
            size: accounts_of(&sorted.deletions),
            items_are: "people whose accounts are deleted",
            essential: true,
            items: sorted
                .deletions
                .iter()
                .flat_map(|of| deletions::items(&context, of))
                .collect(),
        },
        Section {
            title: "Removals and disables".into(),
            size: accounts_of(&sorted.removals),
            items_are: "people who lose something",
            essential: true,
            items: sorted
                .removals
                .iter()
                .map(|of| accounts::removals(&context, of))
                .collect(),
        },
        Section {
            title: if sorted.removals.is_empty() {
                "Changes of high risk".into()
            } else {
                "Other changes of high risk".into()
            },
            size: accounts_of(&sorted.risky),
            items_are: "people whose rights, logon or identity change",
            essential: true,
            items: sorted
                .risky
                .iter()
                .map(|of| accounts::risky(&context, of))
                .collect(),
        },
        Section {
            title: "New accounts".into(),
            size: accounts_of(&sorted.creates),
            items_are: "new accounts",
            essential: false,
            items: sorted
                .creates
                .iter()
                .map(|of| accounts::create(&context, of, whole))
                .collect(),
        },
    ]);
    for of in &sorted.by_cause {
        sections.push(Section {
            title: of.title.into(),
            size: accounts_of(&of.people),
            items_are: "entries",
            essential: of.essential,
            items: changes::section(&context, &of.people),
        });
    }
    let left = plan.since.as_ref().map_or(0, |since| since.left.len());
    sections.push(Section {
        title: "Edits in the directory that stay".into(),
        size: grouped(number(left)),
        items_are: "edits",
        essential: false,
        items: edits::items(&context),
    });
    let quality = quality::items(&context);
    sections.push(Section {
        title: "Data quality".into(),
        size: count(number(quality.len()), "rule is broken", "rules are broken"),
        items_are: "broken rules",
        essential: false,
        items: quality,
    });
    sections.push(Section {
        title: "Held".into(),
        size: match plan.held_counts() {
            HeldCounts { held, in_part: 0 } => grouped(held),
            counts => held_words(counts).join(" · "),
        },
        items_are: "held people and accounts",
        essential: false,
        items: held_items(&context, &plan.held),
    });
    sections.push(Section {
        title: "Exceptions".into(),
        size: grouped(number(plan.exceptions.len())),
        items_are: "exceptions",
        essential: false,
        items: exceptions::items(&context),
    });
    sections.push(Section {
        title: "Guards".into(),
        size: grouped(number(plan.guards.len())),
        items_are: "guards and waivers",
        essential: false,
        items: guards::items(&context),
    });
    sections.push(Section {
        title: "Warnings".into(),
        size: grouped(number(plan.warnings.len())),
        items_are: "warnings",
        essential: false,
        items: plan
            .warnings
            .iter()
            .map(|warning| warning_item(&context, warning))
            .collect(),
    });
    sections.push(Section {
        title: "Calendar, if nothing changes".into(),
        size: people(plan.calendar.len()),
        items_are: "days and changes of state",
        essential: false,
        items: calendar::items(&context),
    });
    sections.retain(|section| !section.items.is_empty());
    Report {
        title: verdict::title(file),
        verdict: verdict::lines(&context),
        sections,
        footer_title: "Made from",
        footer: verdict::footer(&context, file),
    }
}

/// `3 people`, or `2 people, 3 accounts`.
fn accounts_of(list: &[OfPerson<'_>]) -> String {
    let persons: HashSet<_> = list.iter().map(|of| of.person).collect();
    let told = people(persons.len());
    if persons.len() == list.len() {
        return told;
    }
    format!(
        "{told}, {}",
        count(number(list.len()), "account", "accounts")
    )
}

fn people(of: usize) -> String {
    count(number(of), "person", "people")
}

impl Context<'_> {
    fn location(&self, rule: RuleIndex) -> Option<&Location> {
        let at = usize::try_from(rule.0).ok()?;
        self.plan.rules.get(at).map(|rule| &rule.location)
    }

    /// `mappings/employees.yaml:31 · from department=Research`.
    fn origin<'f>(
        &self,
        rule: RuleIndex,
        facts: impl IntoIterator<Item = (&'f String, &'f String)>,
    ) -> Vec<Piece> {
        let mut pieces = vec![match self.location(rule) {
            Some(location) => Piece::Code(location.to_string()),
            // A hand-made plan file may name a rule that is not there.
            None => Piece::Own(format!("rule {} is not in the plan", rule.0).into()),
        }];
        for (index, (field, value)) in facts.into_iter().enumerate() {
            pieces.push(Piece::Own(
                if index == 0 { " · from " } else { ", " }.into(),
            ));
            pieces.push(Piece::Fact {
                field: field.clone(),
                value: value.clone(),
            });
        }
        pieces
    }

    /// `Jane Doe (1042)  CN=Jane Doe,OU=…`, with the target where there are several.
    fn head(&self, person: &PersonRef, target: &Name, dn: &Dn) -> Line {
        let line = Line::head().name(self.labels.person(person));
        self.within(line, target).own("  ").code(dn.as_str())
    }

    /// ` in corp`, where there are several targets.
    fn within(&self, line: Line, target: &Name) -> Line {
        match self.labels.target(target) {
            Some(target) => line.own(" in ").code(target),
            None => line,
        }
    }
}

/// A fact short enough for the end of a line.
fn clip(value: &str) -> String {
    cut(value, 60)
}

/// The beginning of a long text, with its length.
pub(super) fn cut(value: &str, longest: usize) -> String {
    let length = value.chars().count();
    if length <= longest {
        return value.to_owned();
    }
    let head: String = value.chars().take(longest).collect();
    format!("{head}… ({length} characters)")
}

/// Everybody held; those held for the very same reason together, unless everything is to be told.
fn held_items(context: &Context<'_>, held: &[Held]) -> Vec<Item> {
    let mut order: Vec<Vec<&Held>> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::new();
    for one in held {
        let next = order.len();
        let at = match context.detail {
            Detail::Full => next,
            Detail::Short => {
                let why = (
                    (&one.code, &one.reason, &one.help),
                    (one.rule, one.partial, &one.target),
                );
                *known.entry(why).or_insert(next)
            }
        };
        if at == next {
            order.push(Vec::new());
        }
        order[at].push(one);
    }
    let mut items = Vec::with_capacity(order.len());
    for alike in order {
        match alike.as_slice() {
            [first, ..] if alike.len() >= changes::MANY => {
                items.push(held_alike(context, first, &alike));
            }
            few => items.extend(few.iter().map(|held| held_item(context, held))),
        }
    }
    items
}

/// `Jane Doe (1042)`, or the account where there is no person.
fn held_name(context: &Context<'_>, line: Line, held: &Held) -> Line {
    match (&held.person, held.accounts.first()) {
        (Some(person), _) => line.name(context.labels.person(person)),
        (None, Some(account)) => line.code(account.dn.as_str()),
        (None, None) if held.code == held_codes::held::STOP_UNREACHED.code => {
            line.own("nobody of the read")
        }
        (None, None) => line.own("everything"),
    }
}

fn why_held(context: &Context<'_>, line: Line, held: &Held) -> Line {
    let mut origin = vec![Piece::Code(held.code.clone())];
    if let Some(rule) = held.rule {
        origin.push(Piece::Own(" · ".into()));
        origin.extend(context.origin(rule, []));
    }
    let line = match &held.target {
        Some(target) => context.within(line, target),
        None => line,
    };
    line.own(if held.partial {
        " · held in part: "
    } else {
        " · held: "
    })
    .sentence(held.reason.clone())
    .origin(origin)
}

fn way_out(lines: &mut Vec<Line>, held: &Held) {
    if !held.help.is_empty() {
        lines.push(
            Line::new(1, Sign::None)
                .own("→ ")
                .sentence(held.help.clone()),
        );
    }
}

fn held_alike(context: &Context<'_>, first: &Held, alike: &[&Held]) -> Item {
    let head = Line::new(0, Sign::Alarm).strong(grouped(number(alike.len())));
    let mut lines = vec![why_held(context, head, first)];
    let mut names = Line::new(1, Sign::None);
    for (index, held) in alike.iter().take(changes::NAMES).enumerate() {
        if index > 0 {
            names = names.own(", ");
        }
        names = held_name(context, names, held);
    }
    if alike.len() > changes::NAMES {
        names = names.own(format!(
            " and {} more",
            grouped(number(alike.len() - changes::NAMES))
        ));
    }
    lines.push(names);
    way_out(&mut lines, first);
    Item { lines }
}

fn held_item(context: &Context<'_>, held: &Held) -> Item {
    let head = held_name(context, Line::new(0, Sign::Alarm), held);
    let mut lines = vec![why_held(context, head, held)];
    let beside_the_head = usize::from(held.person.is_none());
    for account in held.accounts.iter().skip(beside_the_head) {
        lines.push(
            Line::new(1, Sign::None)
                .own("account ")
                .code(account.dn.as_str()),
        );
    }
    way_out(&mut lines, held);
    Item { lines }
}

/// Warnings whose number is one of people; the others count whatever they name.
const OF_PEOPLE: &[Code] = &[
    warning::QUALITY,
    warning::UNCOVERED_VALUE,
    warning::UNMAPPED_VALUE,
];

/// What it is about, and below it each example on a line of its own.
fn warning_item(context: &Context<'_>, told: &Warning) -> Item {
    let times = if OF_PEOPLE.iter().any(|code| code.code == told.code) {
        count(told.count, "person", "people")
    } else {
        count(told.count, "time", "times")
    };
    let mut lines = vec![
        Line::new(0, Sign::Alarm)
            .own(format!("{times}: "))
            .sentence(told.message.clone())
            .origin(vec![Piece::Code(told.code.clone())]),
    ];
    let shown = told.examples.len().min(context.detail.examples());
    lines.extend(told.examples[..shown].iter().map(|example| {
        Line::new(1, Sign::None).code(match context.detail {
            // A line of its own has room; only what nobody would read on is cut.
            Detail::Short => cut(example, 240),
            Detail::Full => example.clone(),
        })
    }));
    let more = number(told.examples.len() - shown).saturating_add(told.unnamed);
    if more > 0 && shown > 0 {
        let why = match context.detail {
            Detail::Short => "",
            // Whoever asks for everything has to know that there is more than that.
            Detail::Full => ", which the plan does not name",
        };
        lines.push(Line::new(1, Sign::None).own(format!("and {} more{why}", grouped(more))));
    }
    Item { lines }
}

/// `6 held · 2 held in part, the rest goes on`; the same words wherever they are counted.
pub(super) fn held_words(counts: HeldCounts) -> Vec<String> {
    let mut words = Vec::new();
    if counts.held > 0 {
        words.push(format!("{} held", grouped(counts.held)));
    }
    if counts.in_part > 0 {
        words.push(format!(
            "{} held in part, the rest goes on",
            grouped(counts.in_part)
        ));
    }
    words
}
