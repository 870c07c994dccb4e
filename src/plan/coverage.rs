//! Values people have that no table row, template or condition speaks of: what a new department looks like before
//! somebody thinks of it.
//!
//! Warns and decides nothing. One pass over the people for each field looked at; conditions are asked once for each
//! different value, not for each person.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use hashbrown::HashMap;

use super::draft::{Warnings, listed};

use super::target::Target;
use super::wishes::GroupRule;
use crate::lang::{Looked, Mention, Tables};
use crate::lifecycle::{Formula, Test};
use crate::model::{Fact, FieldIndex, Name};
use crate::policy::warning;

/// How many values are named, the most frequent first. A report shows the first of them; a file of a million people
/// stays one that can be read.
const VALUES: usize = 200;
/// How many people are named for each.
const PEOPLE: usize = 3;
/// A field whose values are nearly as many as the people is a name, not a kind: nobody writes a rule for each. From
/// this many values on it has to have four people for each.
const FEW: usize = 20;

/// Most characters of a value that are shown.
const VALUE: usize = 80;

/// How many people have a value, and the first of them.
#[derive(Default)]
struct Tally {
    people: u64,
    /// As many as there are people, and no more than these.
    first: [u32; PEOPLE],
}

impl Tally {
    fn add(&mut self, person: u32) {
        if let Some(free) = usize::try_from(self.people)
            .ok()
            .and_then(|at| self.first.get_mut(at))
        {
            *free = person;
        }
        self.people += 1;
    }

    fn first(&self) -> &[u32] {
        &self.first[..PEOPLE.min(usize::try_from(self.people).unwrap_or(PEOPLE))]
    }
}

/// All texts of a side's rules.
#[derive(Default)]
struct Texts<'a> {
    formulas: Vec<&'a Formula>,
    tests: Vec<&'a Test>,
}

/// Warns of values nothing speaks of, for every side of a target.
pub(super) fn report(target: &Target<'_>, groups: &[GroupRule], warnings: &mut Warnings) {
    for (number, _) in target.sides.iter().enumerate() {
        let texts = texts(target, groups, number);
        let people = in_scope(target, number);
        let report = One {
            target,
            side: number,
            people: &people,
        };
        report.tables(&texts, warnings);
        report.fields(&texts, warnings);
    }
}

fn texts<'t>(target: &'t Target<'_>, groups: &'t [GroupRule], side: usize) -> Texts<'t> {
    let mut texts = Texts::default();
    let one = &target.sides[side];
    for mapping in &one.mappings {
        texts.formulas.push(&mapping.placement);
        texts.formulas.push(&mapping.anchor.formula);
        for rule in mapping.all_rules() {
            texts.formulas.extend(rule.kind.formulas());
            texts.tests.extend(&rule.condition);
        }
        for template in &mapping.templates {
            texts.formulas.extend(&template.placement);
            texts.tests.extend(&template.when);
        }
    }
    texts.formulas.extend(&one.lifecycle.time_zone);
    for state in &one.lifecycle.states {
        texts.formulas.extend(state.placement.as_deref());
    }
    for rule in groups.iter().filter(|rule| usize::from(rule.side) == side) {
        let (formula, when) = rule.texts();
        texts.formulas.push(formula);
        texts.tests.extend(when);
    }
    texts.formulas.retain(|formula| formula.blind.is_none());
    texts.tests.retain(|test| test.blind.is_none());
    texts
}

/// People in scope whom a mapping concerns, in the order of their keys.
fn in_scope(target: &Target<'_>, side: usize) -> Vec<u32> {
    let one = &target.sides[side];
    let left_out = &target.not_mapped[side];
    one.order
        .iter()
        .copied()
        .filter(|at| one.person(*at).in_scope && !left_out.contains(at))
        .collect()
}

struct One<'s, 't, 'a> {
    target: &'t Target<'a>,
    side: usize,
    people: &'s [u32],
}

impl One<'_, '_, '_> {
    fn tables(&self, texts: &Texts<'_>, warnings: &mut Warnings) {
        let lookups = texts
            .formulas
            .iter()
            .flat_map(|formula| formula.template.lookups())
            .chain(texts.tests.iter().flat_map(|test| test.condition.lookups()));
        let mut by_key: BTreeMap<(Name, Vec<FieldIndex>), Vec<Looked<'_>>> = BTreeMap::new();
        for lookup in lookups.filter(|lookup| reports(&self.target.moment.tables, lookup.table)) {
            by_key
                .entry((lookup.table.clone(), lookup.fields.clone()))
                .or_default()
                .push(lookup);
        }
        for ((table, fields), lookups) in by_key {
            let mut missing: BTreeMap<CompactString, Tally> = BTreeMap::new();
            let mut known: HashMap<&str, Vec<CompactString>> = HashMap::new();
            for at in self.people {
                let person = self.target.sides[self.side].person(*at);
                let keys = |at: u32| -> Vec<CompactString> {
                    let context = self.target.sides[self.side].context(self.target.moment, at);
                    let mut keys: Vec<CompactString> = lookups
                        .iter()
                        .filter_map(|lookup| lookup.without_row(&context))
                        .collect();
                    keys.sort();
                    keys.dedup();
                    keys
                };
                // What one field alone decides is asked once for each of its values.
                let one = match fields[..] {
                    [field] => match person.fact(field) {
                        Some(Fact::Text(text)) => Some(text),
                        Some(_) => None,
                        None => continue,
                    },
                    _ => None,
                };
                let found = match one {
                    Some(text) => known
                        .entry(text.as_str())
                        .or_insert_with(|| keys(*at))
                        .as_slice(),
                    None => &keys(*at),
                };
                for key in found {
                    match missing.get_mut(key) {
                        Some(tally) => tally.add(*at),
                        None => missing.entry(key.clone()).or_default().add(*at),
                    }
                }
            }
            let of = self.named(&fields);
            self.warn(
                missing,
                |values| {
                    if of.is_empty() {
                        format!("table {table} has no row for {values}")
                    } else {
                        format!("table {table} has no row for {values} of {of}")
                    }
                },
                warning::UNMAPPED_VALUE,
                warnings,
            );
        }
    }

    fn fields(&self, texts: &Texts<'_>, warnings: &mut Warnings) {
        let all: Vec<Mention<'_>> = texts
            .tests
            .iter()
            .flat_map(|test| test.condition.mentions())
            .chain(
                texts
                    .formulas
                    .iter()
                    .flat_map(|formula| formula.template.mentions()),
            )
            .collect();
        let mut fields: BTreeMap<FieldIndex, Vec<&Mention<'_>>> = BTreeMap::new();
        for mention in &all {
            fields.entry(mention.field).or_default().push(mention);
        }
        for (field, mentions) in fields {
            // One rule for one value is an exception; several tell people apart by it.
            if mentions.len() < 2 {
                continue;
            }
            let mut values: HashMap<&str, Tally> = HashMap::new();
            let mut holders = 0_usize;
            for at in self.people {
                if let Some(Fact::Text(text)) = self.target.sides[self.side].person(*at).fact(field)
                {
                    holders += 1;
                    values.entry(text.as_str()).or_default().add(*at);
                }
            }
            if values.len() > FEW && values.len() * 4 > holders {
                continue;
            }
            let uncovered: BTreeMap<CompactString, Tally> = values
                .into_iter()
                .filter(|(_, tally)| {
                    let side = &self.target.sides[self.side];
                    let context = side.context(self.target.moment, tally.first[0]);
                    !mentions.iter().any(|mention| mention.names(&context))
                })
                .map(|(value, tally)| (CompactString::from(value), tally))
                .collect();
            let of = self.named(&[field]);
            self.warn(
                uncovered,
                |values| format!("no template or condition speaks of {values} of {of}"),
                warning::UNCOVERED_VALUE,
                warnings,
            );
        }
    }

    fn named(&self, fields: &[FieldIndex]) -> String {
        let header = &self.target.sides[self.side].people.header;
        let names: BTreeSet<Name> = fields
            .iter()
            .filter_map(|field| header.fields.get(usize::from(field.0)))
            .map(|field| field.name.clone())
            .collect();
        listed(&names.into_iter().collect::<Vec<_>>())
    }

    fn warn(
        &self,
        values: BTreeMap<CompactString, Tally>,
        message: impl Fn(&str) -> String,
        code: crate::policy::Code,
        warnings: &mut Warnings,
    ) {
        if values.is_empty() {
            return;
        }
        let total = values.len();
        let people = values.values().map(|tally| tally.people).sum();
        let mut values: Vec<(CompactString, Tally)> = values.into_iter().collect();
        // Sorted by text before; those that concern most people are shown.
        values.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.people));
        let examples = values
            .iter()
            .take(VALUES)
            .map(|(value, tally)| self.example(value, tally))
            .collect();
        let counted = if total == 1 {
            "1 value".to_owned()
        } else {
            format!("{total} values")
        };
        let unlisted = total.saturating_sub(VALUES) as u64;
        warnings.list(code, message(&counted), people, examples, unlisted);
    }

    fn example(&self, value: &str, tally: &Tally) -> String {
        let side = &self.target.sides[self.side];
        let shown: Vec<String> = tally.first().iter().map(|at| side.shown(*at)).collect();
        let more = tally.people - tally.first().len() as u64;
        let people = if tally.people == 1 {
            "person"
        } else {
            "people"
        };
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        let value = shortened(value.to_owned(), VALUE);
        format!(
            "{value:?}: {} {people}: {}{more}",
            tally.people,
            shown.join(", ")
        )
    }
}

/// A text somebody reads in a list: the beginning of a long one, with its length.
fn shortened(text: String, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text;
    }
    let head: String = text.chars().take(longest).collect();
    format!("{head}… ({length} characters)")
}

/// Whether a key without a row is worth a report: not where the table says what every other key becomes.
fn reports(tables: &Tables, table: &Name) -> bool {
    tables.reports(table.as_str())
}
