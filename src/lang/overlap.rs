//! Whether two conditions can hold for one person, as far as that can be told before there is anybody.
//!
//! A condition is taken apart into cases, each a set of what single fields may be. Fields are taken to be independent
//! of each other. What is not understood makes the answer uncertain, never wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::Condition;
use super::ir::{Comparison, Expr, Program};
use crate::model::Name;

/// Whether conditions can hold for one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// They cannot.
    Never,
    /// They can: values of the fields are known for which all hold.
    Certain,
    /// Nobody can tell from the conditions alone.
    Possible,
}

/// Whether all these conditions can hold for one person. No condition holds for everybody.
pub fn overlap<'a>(
    one: impl IntoIterator<Item = &'a Condition>,
    other: impl IntoIterator<Item = &'a Condition>,
) -> Overlap {
    Cases::all(one).overlap(&Cases::all(other))
}

/// What conditions ask of fields, taken apart once to be compared with many others.
#[derive(Debug, Clone)]
pub struct Cases(Vec<Case>);

/// From how many cases on a condition counts as not understood.
const MOST: usize = 256;

/// Values of fields for which a condition holds.
#[derive(Debug, Clone, Default)]
struct Case {
    /// By field and what is done to it before it is compared.
    fields: BTreeMap<(Name, String), Values>,
    /// Something is asked besides that is not understood.
    more: bool,
}

/// What a field may be.
#[derive(Debug, Clone)]
enum Values {
    Only(BTreeSet<String>),
    Not(BTreeSet<String>),
    Absent,
}

impl Cases {
    /// Of conditions that all must hold.
    pub fn all<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Self {
        let mut cases = vec![Case::default()];
        for condition in conditions {
            let reading = Reading {
                program: &condition.program,
            };
            cases = both(cases, reading.cases(&condition.root, true));
        }
        Self(cases)
    }

    /// Whether these and others can hold for one person.
    pub fn overlap(&self, other: &Self) -> Overlap {
        let mut found = Overlap::Never;
        for one in &self.0 {
            for two in &other.0 {
                let Some(both) = one.and(two) else { continue };
                if both.is_understood() {
                    return Overlap::Certain;
                }
                found = Overlap::Possible;
            }
        }
        found
    }
}

impl Case {
    /// What both ask; `None` when nothing can be both.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut fields = self.fields.clone();
        for (field, values) in &other.fields {
            let joined = match fields.get(field) {
                Some(own) => own.and(values)?,
                None => values.clone(),
            };
            fields.insert(field.clone(), joined);
        }
        Some(Self {
            fields,
            more: self.more || other.more,
        })
    }

    /// True when every field can be given a value of its own for which the case holds.
    fn is_understood(&self) -> bool {
        let mut names: Vec<&Name> = self.fields.keys().map(|(name, _)| name).collect();
        let all = names.len();
        names.dedup();
        !self.more && names.len() == all
    }
}

impl Values {
    fn and(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Absent, Self::Absent) => Some(Self::Absent),
            (Self::Absent, _) | (_, Self::Absent) => None,
            (Self::Not(one), Self::Not(other)) => {
                Some(Self::Not(one.union(other).cloned().collect()))
            }
            (Self::Only(only), Self::Not(not)) | (Self::Not(not), Self::Only(only)) => {
                let left: BTreeSet<String> = only.difference(not).cloned().collect();
                (!left.is_empty()).then_some(Self::Only(left))
            }
            (Self::Only(one), Self::Only(other)) => {
                let left: BTreeSet<String> = one.intersection(other).cloned().collect();
                (!left.is_empty()).then_some(Self::Only(left))
            }
        }
    }
}

fn both(one: Vec<Case>, other: Vec<Case>) -> Vec<Case> {
    if one.len().saturating_mul(other.len()) > MOST {
        return not_understood();
    }
    one.iter()
        .flat_map(|one| other.iter().filter_map(|other| one.and(other)))
        .collect()
}

fn either(mut one: Vec<Case>, mut other: Vec<Case>) -> Vec<Case> {
    one.append(&mut other);
    if one.len() > MOST {
        return not_understood();
    }
    one
}

fn not_understood() -> Vec<Case> {
    vec![Case {
        more: true,
        ..Case::default()
    }]
}

struct Reading<'a> {
    program: &'a Program,
}

impl Reading<'_> {
    /// The cases in which an expression is true, or false.
    fn cases(&self, expr: &Expr, is: bool) -> Vec<Case> {
        match expr {
            Expr::Boolean(flag) if *flag == is => vec![Case::default()],
            Expr::Boolean(_) => Vec::new(),
            Expr::Not(inner) => self.cases(inner, !is),
            Expr::And(one, other) if is => both(self.cases(one, true), self.cases(other, true)),
            Expr::And(one, other) => either(self.cases(one, false), self.cases(other, false)),
            Expr::Or(one, other) if is => either(self.cases(one, true), self.cases(other, true)),
            Expr::Or(one, other) => both(self.cases(one, false), self.cases(other, false)),
            Expr::Compare(Comparison::Equal, one, other) => self.equal(one, other, is),
            Expr::Compare(Comparison::NotEqual, one, other) => self.equal(one, other, !is),
            Expr::In(one, list) => match (self.subject(one), &**list) {
                (Some(subject), Expr::List(items)) => {
                    let values: Option<BTreeSet<String>> = items.iter().map(literal).collect();
                    values.map_or_else(not_understood, |values| one_of(subject, values, is))
                }
                _ => not_understood(),
            },
            Expr::Field(_) => match self.subject(expr) {
                Some(subject) => one_of(subject, BTreeSet::from([flag(true)]), is),
                None => not_understood(),
            },
            Expr::IsDefined(inner) => match self.subject(inner) {
                Some(subject) if is => case(subject, Values::Not(BTreeSet::new())),
                Some(subject) => case(subject, Values::Absent),
                None => not_understood(),
            },
            _ => not_understood(),
        }
    }

    fn equal(&self, one: &Expr, other: &Expr, is: bool) -> Vec<Case> {
        let found = match (literal(one), literal(other)) {
            (None, Some(value)) => self.subject(one).map(|subject| (subject, value)),
            (Some(value), None) => self.subject(other).map(|subject| (subject, value)),
            _ => None,
        };
        match found {
            Some((subject, value)) => one_of(subject, BTreeSet::from([value]), is),
            None => not_understood(),
        }
    }

    /// The one field an expression looks at, and what it does to it.
    fn subject(&self, expr: &Expr) -> Option<(Name, String)> {
        match expr {
            Expr::Field(at) => Some((
                self.program.fields.get(usize::from(*at))?.clone(),
                String::new(),
            )),
            Expr::ToText(inner) => self.subject(inner),
            Expr::Apply(inner, op) => {
                let (field, done) = self.subject(inner)?;
                let more = format!("{op:?}");
                // An argument that is itself a field makes it a matter of two.
                let alone = !more.contains("Field(") && !more.contains("AsOf");
                alone.then(|| (field, format!("{done}|{more}")))
            }
            _ => None,
        }
    }
}

fn case(subject: (Name, String), values: Values) -> Vec<Case> {
    vec![Case {
        fields: BTreeMap::from([(subject, values)]),
        more: false,
    }]
}

fn one_of(subject: (Name, String), values: BTreeSet<String>, is: bool) -> Vec<Case> {
    match (is, values.is_empty()) {
        (true, true) => Vec::new(),
        (true, false) => case(subject, Values::Only(values)),
        (false, _) => case(subject, Values::Not(values)),
    }
}

/// A constant, so that two are equal exactly when they are written alike.
fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Text(text) => Some(format!("t{text}")),
        Expr::Integer(number) => Some(format!("i{number}")),
        Expr::Boolean(is) => Some(flag(*is)),
        Expr::Date(date) => Some(format!("d{date}")),
        _ => None,
    }
}

fn flag(is: bool) -> String {
    format!("b{is}")
}

#[cfg(test)]
mod tests {
    use super::{Overlap, overlap};
    use crate::lang::{Condition, Scope, compile_condition};
    use crate::model::{FactType, Name};

    fn condition(text: &str) -> Condition {
        let fields = [
            (Name::new("department"), FactType::Text),
            (Name::new("site"), FactType::Text),
            (Name::new("remote"), FactType::Boolean),
            (Name::new("grade"), FactType::Integer),
            (Name::new("endsOn"), FactType::Date),
        ];
        let tables = std::collections::BTreeSet::new();
        let scope = Scope::Person {
            fields: &fields,
            tables: &tables,
        };
        compile_condition(text, &scope).unwrap()
    }

    fn between(one: &str, other: &str) -> Overlap {
        let (one, other) = (condition(one), condition(other));
        let found = overlap([&one], [&other]);
        assert_eq!(found, overlap([&other], [&one]), "one way and the other");
        found
    }

    #[test]
    fn values_of_one_field_exclude_each_other() {
        for (one, other) in [
            ("person.department == 'A'", "person.department == 'B'"),
            (
                "'A' == person.department",
                "person.department in ['B', 'C']",
            ),
            ("person.department == 'A'", "person.department != 'A'"),
            (
                "person.department in ['A']",
                "person.department not in ['A', 'B']",
            ),
            ("person.remote", "not person.remote"),
            ("person.grade == 3", "person.grade == 4"),
            (
                "person.department is defined",
                "person.department is not defined",
            ),
            (
                "person.department == 'A'",
                "not (person.department is defined)",
            ),
            (
                "person.department == 'A' or person.department == 'B'",
                "person.department == 'C' and person.site == 'X'",
            ),
            (
                "person.department | lower == 'a'",
                "person.department | lower == 'b'",
            ),
            (
                "person.department == 'A' and person.endsOn < as_of",
                "person.department == 'B' and person.endsOn < as_of",
            ),
            ("person.department in []", "person.site == 'X'"),
        ] {
            assert_eq!(between(one, other), Overlap::Never, "{one} / {other}");
        }
    }

    #[test]
    fn fields_of_their_own_can_be_anything_together() {
        for (one, other) in [
            ("person.department == 'A'", "person.site == 'X'"),
            (
                "person.department in ['A', 'B']",
                "person.department in ['B', 'C']",
            ),
            ("person.department != 'A'", "person.department != 'B'"),
            ("true", "person.department == 'A'"),
            (
                "person.department == 'A'",
                "person.department == 'A' and person.remote",
            ),
            (
                "person.department == 'A' or person.endsOn < as_of",
                "person.department == 'A'",
            ),
        ] {
            assert_eq!(between(one, other), Overlap::Certain, "{one} / {other}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_claimed() {
        for (one, other) in [
            ("person.endsOn < as_of", "person.endsOn >= as_of"),
            (
                "person.department is startingwith('A')",
                "person.department == 'B'",
            ),
            (
                "person.department == person.site",
                "person.department == 'B'",
            ),
            // Two ways to look at one field may depend on each other.
            (
                "person.department | lower == 'a'",
                "person.department == 'B'",
            ),
            (
                "person.department == 'A' and person.endsOn < as_of",
                "person.department == 'A'",
            ),
        ] {
            assert_eq!(between(one, other), Overlap::Possible, "{one} / {other}");
        }
    }

    #[test]
    fn a_condition_of_very_many_cases_is_not_understood() {
        let many = (0..12)
            .map(|at| format!("(person.department != '{at}' or person.site != '{at}')"))
            .collect::<Vec<_>>()
            .join(" and ");
        assert_eq!(between(&many, "person.grade == 1"), Overlap::Possible);
    }
}
