//! Held people and warnings while they are being collected.

use std::collections::{BTreeMap, BTreeSet};

use crate::lifecycle::{RuleId, Undecided, UndecidedBy};
use crate::mapping::{BadValue, Problem};
use crate::model::{Name, spoken};
use crate::policy::{Code, held};

/// Why somebody is held, before it is known how they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) code: Code,
    pub(super) reason: String,
    /// Objects concerned, as places in the read.
    pub(super) accounts: Vec<u32>,
    pub(super) rule: Option<RuleId>,
    /// Other changes of the person go on.
    pub(super) partial: bool,
}

impl Draft {
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            accounts: Vec::new(),
            rule: None,
            partial: false,
        }
    }

    pub(super) fn rule(mut self, rule: RuleId) -> Self {
        self.rule = Some(rule);
        self
    }

    pub(super) fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    pub(super) fn accounts(mut self, accounts: Vec<u32>) -> Self {
        self.accounts = accounts;
        self
    }

    /// A template or condition gave no usable answer for `what`.
    pub(super) fn problem(what: &str, problem: &Problem) -> Self {
        match problem {
            Problem::Missing { fields } if fields.is_empty() => {
                Self::new(held::MISSING_VALUE, format!("{what} came out empty"))
            }
            Problem::Missing { fields } => Self::new(
                held::MISSING_VALUE,
                format!("{what} needs {}, which has no value", listed(fields)),
            ),
            Problem::Unmapped { table, key } => Self::new(
                held::UNMAPPED_VALUE,
                format!("{what} needs a row for {key:?} in table {table}"),
            ),
            Problem::Failed { message } => {
                Self::new(held::RULE_FAILED, format!("{what}: {message}"))
            }
        }
    }

    /// The value for an attribute is not one the directory stores.
    pub(super) fn bad_value(attribute: &str, bad: &BadValue) -> Self {
        let code = if bad.is_size() {
            held::VALUE_TOO_LONG
        } else {
            held::BAD_VALUE
        };
        Self::new(code, format!("{attribute}: {bad}"))
    }

    /// Something needs a field that stood in no row.
    pub(super) fn not_delivered(what: &str, field: &Name) -> Self {
        Self::new(
            held::FIELD_NOT_DELIVERED,
            format!("{what} needs {field}, which stood in no row of the read"),
        )
    }

    /// Whether the person is inactive is not known.
    pub(super) fn inactive_unknown(why: &UndecidedBy, rule: RuleId) -> Self {
        const WHAT: &str = "whether the person is inactive";
        match why {
            UndecidedBy::NotDelivered(field) => Self::not_delivered(WHAT, field),
            UndecidedBy::Failed(error) => Self::problem(WHAT, &Problem::of(error.clone())),
            UndecidedBy::NoDate(text) => Self::new(held::BAD_VALUE, format!("{WHAT}: {text:?}")),
        }
        .rule(rule)
    }

    /// The person's state is not known.
    pub(super) fn undecided(
        undecided: &Undecided,
        state: impl Fn(usize) -> (String, RuleId),
    ) -> Self {
        match undecided {
            Undecided::NoState => Self::new(held::NO_STATE, "no state's condition holds"),
            Undecided::By {
                state: at,
                since,
                why,
            } => {
                let (name, rule) = state(*at);
                let name = spoken::name(&name);
                let what = if *since {
                    format!("the beginning of state {name}")
                } else {
                    format!("the condition of state {name}")
                };
                match why {
                    UndecidedBy::NotDelivered(field) => Self::not_delivered(&what, field),
                    UndecidedBy::Failed(error) => Self::problem(&what, &Problem::of(error.clone())),
                    UndecidedBy::NoDate(text) => Self::new(
                        held::BAD_VALUE,
                        format!("{what}: {text:?} is neither a date nor a moment"),
                    ),
                }
                .rule(rule)
            }
        }
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[Name]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [front @ .., last] => {
            let front: Vec<&str> = front.iter().map(Name::as_str).collect();
            format!("{} and {last}", front.join(", "))
        }
    }
}

/// Warnings of one kind about one thing, gathered.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    gathered: BTreeMap<(&'static str, String), Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    count: u64,
    examples: BTreeSet<String>,
    /// Examples in an order of their own.
    listed: Vec<String>,
    /// How many values are not among those.
    unlisted: u64,
}

/// How many examples a warning shows.
const EXAMPLES: usize = 20;

impl Warnings {
    /// Counts one case of a warning.
    pub(super) fn add(&mut self, code: Code, message: impl Into<String>, example: String) {
        let gathered = self
            .gathered
            .entry((code.code, message.into()))
            .or_default();
        gathered.count += 1;
        gathered.examples.insert(example);
        if gathered.examples.len() > EXAMPLES {
            gathered.examples.pop_last();
        }
    }

    /// A warning with its examples in the order they are shown. Of several with one message, the one that counts most.
    pub(super) fn list(
        &mut self,
        code: Code,
        message: impl Into<String>,
        count: u64,
        examples: Vec<String>,
        unlisted: u64,
    ) {
        let gathered = self
            .gathered
            .entry((code.code, message.into()))
            .or_default();
        if count > gathered.count {
            gathered.count = count;
            gathered.listed = examples;
            gathered.unlisted = unlisted;
        }
    }

    /// Notes a warning about `count` cases without naming any.
    pub(super) fn note(&mut self, code: Code, message: impl Into<String>, count: u64) {
        self.gathered
            .entry((code.code, message.into()))
            .or_default()
            .count += count;
    }

    /// Notes a warning about `count` cases and names some; nothing when there are none.
    pub(super) fn add_counted(
        &mut self,
        code: Code,
        message: impl Into<String>,
        count: u64,
        examples: &[String],
    ) {
        if count == 0 {
            return;
        }
        let gathered = self
            .gathered
            .entry((code.code, message.into()))
            .or_default();
        gathered.count += count;
        gathered.examples.extend(examples.iter().cloned());
        while gathered.examples.len() > EXAMPLES {
            gathered.examples.pop_last();
        }
    }

    /// All of them, sorted.
    pub(super) fn into_plan(self) -> Vec<super::Warning> {
        self.gathered
            .into_iter()
            .map(|((code, message), gathered)| super::Warning {
                code: code.to_owned(),
                message,
                count: gathered.count,
                unnamed: match gathered.examples.len() as u64 {
                    0 => gathered.unlisted,
                    named => gathered.count.saturating_sub(named),
                },
                examples: gathered
                    .listed
                    .into_iter()
                    .chain(gathered.examples)
                    .collect(),
            })
            .collect()
    }
}
