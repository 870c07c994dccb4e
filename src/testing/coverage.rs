//! Which rules no test would miss.
//!
//! A rule counts as covered when a test would notice that it gives something else: it was asked about the tested
//! person, and what it decides is compared. That a template ran on the way to something nobody looks at is no test.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::{Bench, Run};
use super::compare::is_named;
use crate::config::group_names::GroupNames;
use crate::config::{Config, kinds};
use crate::lang::row_key;
use crate::lifecycle::WatchedRule;
use crate::model::{Dn, Location, Name};

/// What tests cover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Rules and, of conditions, both outcomes; sorted by where they stand.
    pub rules: Vec<CoveredRule>,
    /// Rows of tables, by table and row. Not part of the percentage: a table of a hundred thousand rows would drown
    /// the rules.
    pub rows: Vec<CoveredRow>,
}

/// One rule, or one outcome of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredRule {
    /// Where it is written.
    pub location: Location,
    /// What it is, for people: `attribute mail`, `condition is never true`.
    pub what: String,
    /// Its text.
    pub text: String,
    /// Whether a test would notice a change of it.
    pub covered: bool,
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoveredRow {
    /// The table.
    pub table: Name,
    /// The key as it is written, or as it is compared where only that is known.
    pub key: String,
    /// Where it stands; of a row of a CSV file, the table's document.
    pub location: Location,
    /// Whether a test looks it up.
    pub covered: bool,
}

impl Coverage {
    /// How many rules are covered, and how many there are.
    pub fn count(&self) -> (usize, usize) {
        let covered = self.rules.iter().filter(|rule| rule.covered).count();
        (covered, self.rules.len())
    }

    /// The same of rows.
    pub fn count_rows(&self) -> (usize, usize) {
        let covered = self.rows.iter().filter(|row| row.covered).count();
        (covered, self.rows.len())
    }

    /// The share of covered rules in tenths of a percent, rounded down: 1000 is everything. Without rules nothing is
    /// left uncovered.
    pub fn permille(&self) -> usize {
        let (covered, all) = self.count();
        (covered * 1000).checked_div(all).unwrap_or(1000)
    }
}

/// What is known of one rule: where it stands and which of its outcomes is meant.
type Key = (Location, Side);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Rule,
    True,
    False,
}

/// What one test covers, small enough to be kept until all have run.
#[derive(Debug, Default)]
pub(super) struct Touched {
    rules: BTreeSet<Key>,
    rows: BTreeSet<(Name, String)>,
}

impl Touched {
    pub(super) fn of(test: &kinds::MappingTest, bench: &Bench, run: &Run) -> Self {
        let mut rules = BTreeSet::new();
        let expect = &test.expect;
        for rule in &run.trace.rules {
            if rule.is_condition {
                if !compares_outcome(expect, rule, bench, run) {
                    continue;
                }
                let watch = &rule.watch;
                for (side, was) in [
                    (Side::True, watch.was_true()),
                    (Side::False, watch.was_false()),
                ] {
                    if was {
                        rules.insert((rule.location.clone(), side));
                    }
                }
            } else if notices(expect, rule, run) {
                rules.insert((rule.location.clone(), Side::Rule));
            }
        }
        let of_state =
            expect.state.is_some() || expect.enabled.is_some() || expect.account.is_some();
        if let Some(state) = run.actual.state_rule.as_ref().filter(|_| of_state) {
            rules.insert((state.clone(), Side::Rule));
        }
        Self {
            rules,
            rows: run.trace.rows.clone(),
        }
    }
}

/// Whether a test would notice that a template says something else.
fn notices(expect: &kinds::Expectation, rule: &WatchedRule, run: &Run) -> bool {
    // Of somebody who gets no account, a rule may be asked for and what it gives is compared with nothing.
    if !rule.watch.was_asked() || run.actual.account == kinds::AccountFate::None {
        return false;
    }
    match Role::of(&rule.pointer) {
        Role::Attribute { name, unique } => {
            let compared = compares(expect, &name);
            let found = run.actual.attributes.get(&name.to_ascii_lowercase());
            // All formats are asked for, and one of them gives the name.
            let gave =
                !unique || found.is_some_and(|found| found.rule.as_ref() == Some(&rule.location));
            compared && gave
        }
        Role::Placement => expect.placement.is_some(),
        Role::Adoption => run.actual.adopted_by.as_ref() == Some(&rule.location),
        Role::Group => compares_group(expect, rule, run),
        // An account found by the anchor would not have been found by another.
        Role::Anchor => {
            expect.complete
                || expect.account.is_some()
                || run.actual.account == kinds::AccountFate::Kept
                || expect.attributes.keys().any(|name| {
                    let found = run.actual.attributes.get(&name.to_ascii_lowercase());
                    found.is_some_and(|found| found.rule.as_ref() == Some(&rule.location))
                })
        }
        Role::Other => true,
        Role::Reason | Role::Stamp => false,
    }
}

/// Whether a test compares anything that a condition decides.
fn compares_outcome(
    expect: &kinds::Expectation,
    rule: &WatchedRule,
    bench: &Bench,
    run: &Run,
) -> bool {
    let of_state = expect.state.is_some() || expect.enabled.is_some() || expect.account.is_some();
    let lifecycles = bench.config.lifecycles.values();
    for (lifecycle, at, state) in lifecycles.flat_map(|one| {
        let states = one.spec.states.iter().enumerate();
        states.map(move |(at, state)| (one, at, state))
    }) {
        if lifecycle
            .positions
            .value(&format!("/spec/states/{at}/when"))
            == rule.location
        {
            return of_state
                || expect.complete
                || state.attribute_names().any(|name| compares(expect, name))
                || state.steps().iter().any(|step| {
                    step.placement.is_some() && expect.placement.is_some()
                        || step.groups.is_some_and(|groups| {
                            groups != kinds::GroupsInState::Rules && expect.groups.is_some()
                        })
                });
        }
    }
    // What concerns the account is compared with nothing where there is none.
    let account = run.actual.account != kinds::AccountFate::None;
    for template in bench.config.templates.values() {
        if template.positions.value("/spec/when") == rule.location {
            let spec = &template.spec;
            return account
                && (spec.attributes.keys().any(|name| compares(expect, name))
                    || spec.placement.is_some() && expect.placement.is_some());
        }
    }
    for groups in bench.config.groups.values() {
        for (at, spec) in groups.spec.rules.iter().enumerate() {
            if groups.positions.value(&format!("/spec/rules/{at}/when")) == rule.location {
                return account && compares_named(expect, &spec.group);
            }
        }
    }
    match Role::of(&rule.pointer) {
        Role::Attribute { name, .. } => account && compares(expect, &name),
        // Whether the mapping applies at all, and every test compares something of that.
        _ => true,
    }
}

/// Whether an attribute is compared.
fn compares(expect: &kinds::Expectation, name: &str) -> bool {
    let mut named = expect.attributes.keys();
    expect.complete || named.any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a group that a rule could name is compared.
fn compares_named(expect: &kinds::Expectation, group: &str) -> bool {
    match &expect.groups {
        None => expect.complete,
        Some(kinds::ExpectedGroups::Exactly(_)) => true,
        Some(kinds::ExpectedGroups::Among(among)) => {
            let names = GroupNames::of(group);
            let mut compared = among.include.iter().chain(&among.exclude);
            compared.any(|name| names.may_be(name))
        }
    }
}

/// Whether the group that a rule names is among those compared.
fn compares_group(expect: &kinds::Expectation, rule: &WatchedRule, run: &Run) -> bool {
    let among = match &expect.groups {
        None => return expect.complete,
        Some(kinds::ExpectedGroups::Exactly(_)) => return true,
        Some(kinds::ExpectedGroups::Among(among)) => among,
    };
    let given = run.actual.group_rules.iter();
    let mut of_rule: Vec<&Dn> = given
        .filter(|(_, location)| *location == rule.location)
        .map(|(group, _)| group)
        .collect();
    let written = Dn::parse(rule.text.trim()).ok();
    of_rule.extend(&written);
    among
        .include
        .iter()
        .chain(&among.exclude)
        .any(|name| of_rule.iter().any(|group| is_named(group, name)))
}

/// What a template is for, as its place in the document says.
enum Role {
    Attribute {
        name: String,
        unique: bool,
    },
    Placement,
    Adoption,
    Anchor,
    Group,
    /// A text for reviewers, which decides nothing.
    Reason,
    /// Where moments are kept: a place, and no rule anybody could be an example of.
    Stamp,
    Other,
}

impl Role {
    fn of(pointer: &str) -> Self {
        let steps: Vec<String> = pointer
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        if let Some(at) = steps.iter().position(|step| step == "attributes")
            && let Some(name) = steps.get(at + 1)
        {
            return Self::Attribute {
                name: name.clone(),
                unique: steps.get(at + 2).is_some_and(|step| step == "unique"),
            };
        }
        match steps.last().map(String::as_str) {
            Some("placement") => Self::Placement,
            Some("reason") => Self::Reason,
            Some("group") => Self::Group,
            _ if steps.iter().any(|step| step == "stamp") => Self::Stamp,
            _ if steps.iter().any(|step| step == "adopt") => Self::Adoption,
            _ if steps.iter().any(|step| step == "anchor") => Self::Anchor,
            _ => Self::Other,
        }
    }

    fn what(&self) -> Option<String> {
        Some(match self {
            Self::Attribute { name, unique: true } => format!("format of {name}"),
            Self::Attribute { name, .. } => format!("attribute {name}"),
            Self::Placement => "placement".to_owned(),
            Self::Adoption => "adoption".to_owned(),
            Self::Group => "group rule".to_owned(),
            Self::Reason | Self::Stamp => return None,
            Self::Anchor => "anchor".to_owned(),
            Self::Other => "rule".to_owned(),
        })
    }
}

/// Puts together what tests cover of a configuration. Mappings no test names count as well.
pub(super) fn coverage<'t>(
    config: &Config,
    benches: impl Iterator<Item = &'t Bench>,
    touched: &[Touched],
) -> Coverage {
    let mut known: BTreeMap<Key, (String, String)> = BTreeMap::new();
    for bench in benches {
        for rule in bench.rules() {
            if rule.is_condition {
                for (side, never) in [(Side::True, "true"), (Side::False, "false")] {
                    known.insert(
                        (rule.location.clone(), side),
                        (format!("condition is never {never}"), rule.text.clone()),
                    );
                }
            } else if let Some(what) = Role::of(&rule.pointer).what() {
                known.insert((rule.location, Side::Rule), (what, rule.text));
            }
        }
        for lifecycle in bench.config.lifecycles.values() {
            for (at, state) in lifecycle.spec.states.iter().enumerate() {
                for step in state.steps() {
                    let of = step.pointer.trim_end_matches("/account");
                    let location = lifecycle.positions.value(&format!("/spec/states/{at}{of}"));
                    known.insert(
                        (location, Side::Rule),
                        ("state".to_owned(), step.name.clone()),
                    );
                }
            }
        }
    }
    let rules = known
        .into_iter()
        .map(|(key, (what, text))| CoveredRule {
            covered: touched.iter().any(|one| one.rules.contains(&key)),
            location: key.0,
            what,
            text,
        })
        .collect();
    let mut looked_up: BTreeSet<&(Name, String)> = BTreeSet::new();
    for one in touched {
        looked_up.extend(&one.rows);
    }
    let mut rows = Vec::new();
    for table in config.tables.values() {
        let document = &table.document;
        let spec = &document.spec;
        let written: Vec<&String> = match &spec.rows {
            Some(rows) => rows.keys().collect(),
            None => table.rows.keys().collect(),
        };
        for key in written {
            let found = (document.name.clone(), row_key(key, spec.case_sensitive));
            let step = key.replace('~', "~0").replace('/', "~1");
            rows.push(CoveredRow {
                table: document.name.clone(),
                key: key.clone(),
                location: document.positions.key(&format!("/spec/rows/{step}")),
                covered: looked_up.contains(&found),
            });
        }
    }
    Coverage { rules, rows }
}
