//! An expectation against what really comes of it.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::tz::TimeZone;

use super::actual::{Actual, ActualValue, Attribute};
use super::world::texts;
use crate::config::Positions;
use crate::config::kinds::{
    AccountFate, Expectation, ExpectedGroups, ExpectedHeld, GivenValue, MappingTest,
};
use crate::mapping::{canonical, equal};
use crate::model::{DirectoryHeader, Dn, Location, PersonKey, Syntax};

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is about, as a path in the expectation: `attributes.mail`.
    pub about: String,
    /// Where the expectation stands.
    pub location: Location,
    /// What was expected.
    pub expected: Shown,
    /// What came of it.
    pub actual: Shown,
    /// The rule that decided, when it is known.
    pub rule: Option<Location>,
    /// What may help.
    pub note: Option<String>,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nothing: no value, no account, nothing held.
    Nothing,
    /// A word of ours: a state, a flag.
    Word(String),
    /// Data: a value, a name.
    Value(String),
    /// Several values.
    List(Vec<String>),
}

/// Everything that is not as expected, in the order of the expectation.
pub(super) fn compare(
    test: &MappingTest,
    mapping: &str,
    zone: &TimeZone,
    positions: &Positions,
    actual: &Actual,
    header: &DirectoryHeader,
) -> Vec<Difference> {
    let mut comparing = Comparing {
        positions,
        actual,
        header,
        zone,
        found: Vec::new(),
    };
    comparing.held(&test.expect);
    comparing.decisions(&test.expect, mapping);
    comparing.attributes(&test.expect);
    comparing.groups(&test.expect);
    comparing.found
}

struct Comparing<'a> {
    positions: &'a Positions,
    actual: &'a Actual,
    header: &'a DirectoryHeader,
    zone: &'a TimeZone,
    found: Vec<Difference>,
}

impl Comparing<'_> {
    fn differ(
        &mut self,
        about: &str,
        expected: Shown,
        actual: Shown,
        rule: Option<Location>,
        note: Option<String>,
    ) {
        let pointer = format!("/spec/expect/{}", about.replace('.', "/"));
        self.found.push(Difference {
            about: about.to_owned(),
            location: self.positions.key(&pointer),
            expected,
            actual,
            rule,
            note,
        });
    }

    fn held(&mut self, expect: &Expectation) {
        let (wanted, part): (Vec<&str>, Option<&str>) = match &expect.held {
            None => (Vec::new(), None),
            Some(ExpectedHeld::Code(code)) => (vec![code], None),
            Some(ExpectedHeld::Reason(held)) => (vec![&held.code], Some(&held.reason)),
            Some(ExpectedHeld::Several(codes)) => {
                (codes.iter().map(String::as_str).collect(), None)
            }
        };
        let mut expected: Vec<&str> = wanted.clone();
        expected.sort_unstable();
        expected.dedup();
        let mut actual: Vec<&str> = self
            .actual
            .held
            .iter()
            .map(|held| held.code.as_str())
            .collect();
        actual.sort_unstable();
        actual.dedup();
        let said = part.is_none_or(|part| {
            self.actual.held.iter().any(|held| {
                Some(&held.code.as_str()) == wanted.first() && held.reason.contains(part)
            })
        });
        if expected == actual && said {
            return;
        }
        let shown: Vec<String> = self
            .actual
            .held
            .iter()
            .map(|held| format!("{}: {}", held.code, held.reason))
            .collect();
        let rule = self.actual.held.iter().find_map(|held| held.rule.clone());
        let expected = match (part, expected.as_slice()) {
            (_, []) => Shown::Nothing,
            (Some(part), [code, ..]) => Shown::Word(format!("{code}: …{part}…")),
            (None, [code]) => Shown::Word((*code).to_owned()),
            (None, codes) => Shown::List(codes.iter().map(|code| (*code).to_owned()).collect()),
        };
        let actual = match shown.as_slice() {
            [] => Shown::Nothing,
            [one] => Shown::Word(one.clone()),
            _ => Shown::List(shown),
        };
        self.differ("held", expected, actual, rule, None);
    }

    fn decisions(&mut self, expect: &Expectation, mapping: &str) {
        let actual = self.actual;
        let applies = expect.applies.unwrap_or(true);
        let other = actual
            .mapping
            .as_ref()
            .filter(|name| name.as_str() != mapping);
        if let Some(other) = other.filter(|_| applies) {
            self.differ(
                "applies",
                Shown::Word(format!("mapping {mapping}")),
                Shown::Word(format!("mapping {other}")),
                None,
                None,
            );
        } else if applies != (actual.applies() && other.is_none()) {
            let note = applies
                .then(|| "the person is out of scope, or no mapping's appliesTo holds".to_owned());
            self.differ("applies", flag(applies), flag(!applies), None, note);
        }
        if let Some(state) = &expect.state
            && actual.state.as_ref() != Some(state)
        {
            self.differ(
                "state",
                Shown::Word(state.clone()),
                actual.state.clone().map_or(Shown::Nothing, Shown::Word),
                actual.state_rule.clone(),
                None,
            );
        }
        if let Some(account) = expect.account
            && actual.account != account
        {
            self.differ("account", fate(account), fate(actual.account), None, None);
        }
        if let Some(enabled) = expect.enabled
            && actual.enabled != Some(enabled)
        {
            self.differ(
                "enabled",
                flag(enabled),
                actual.enabled.map_or(Shown::Nothing, flag),
                actual.state_rule.clone(),
                None,
            );
        }
        if let Some(placement) = &expect.placement {
            let key = Dn::key_of(placement);
            let same = key.is_some() && key == actual.placement.as_ref().map(Dn::key);
            if !same {
                self.differ(
                    "placement",
                    Shown::Value(placement.clone()),
                    actual
                        .placement
                        .as_ref()
                        .map_or(Shown::Nothing, |dn| Shown::Value(dn.to_string())),
                    actual.placement_rule.clone(),
                    None,
                );
            }
        }
    }

    fn attributes(&mut self, expect: &Expectation) {
        let actual = self.actual;
        for (name, wanted) in &expect.attributes {
            let found = actual.attributes.get(&name.to_ascii_lowercase());
            let values = found.map_or(&[][..], |found| found.values.as_slice());
            let expected = self.expected(name, wanted.as_ref());
            if self.same(name, &expected, values) {
                continue;
            }
            self.differ(
                &format!("attributes.{name}"),
                shown(&expected),
                shown(values),
                found.and_then(|found| found.rule.clone()),
                None,
            );
        }
        if !expect.complete {
            return;
        }
        let named: Vec<String> = expect
            .attributes
            .keys()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        let unnamed: Vec<&Attribute> = actual
            .attributes
            .iter()
            .filter(|(name, found)| !named.contains(name) && !found.values.is_empty())
            .map(|(_, found)| found)
            .collect();
        let mut note = Some("`complete` compares every attribute".to_owned());
        for found in unnamed {
            self.differ(
                &format!("attributes.{}", found.name),
                Shown::Nothing,
                shown(&found.values),
                found.rule.clone(),
                note.take(),
            );
        }
    }

    /// What is expected of an attribute, in the form in which the directory stores it.
    fn expected(&self, name: &str, wanted: Option<&GivenValue>) -> Vec<ActualValue> {
        let Some(wanted) = wanted else {
            return Vec::new();
        };
        if let GivenValue::Person(reference) = wanted {
            return vec![ActualValue::Person(PersonKey::new(&reference.person))];
        }
        let def = self
            .header
            .attribute(name)
            .map(|id| self.header.definition(id));
        texts(wanted)
            .into_iter()
            .map(|text| match def {
                Some(def) if def.syntax == Syntax::Dn => {
                    Dn::parse(&text).map_or(ActualValue::Text(text), ActualValue::Object)
                }
                Some(def) => ActualValue::Text(
                    canonical(def, &text, self.zone).map_or(text, |stored| stored.to_string()),
                ),
                None => ActualValue::Text(text),
            })
            .collect()
    }

    fn same(&self, name: &str, expected: &[ActualValue], actual: &[ActualValue]) -> bool {
        let def = self
            .header
            .attribute(name)
            .map(|id| self.header.definition(id));
        let one = |wanted: &ActualValue, found: &ActualValue| match (wanted, found) {
            (ActualValue::Text(wanted), ActualValue::Text(found)) => match def {
                Some(def) => equal(
                    def,
                    &CompactString::from(wanted.as_str()),
                    &CompactString::from(found.as_str()),
                ),
                None => wanted == found,
            },
            (ActualValue::Object(wanted), ActualValue::Object(found)) => {
                wanted.key() == found.key()
            }
            (wanted, found) => wanted == found,
        };
        // Sets: the directory keeps no order and no value twice.
        expected
            .iter()
            .all(|wanted| actual.iter().any(|found| one(wanted, found)))
            && actual
                .iter()
                .all(|found| expected.iter().any(|wanted| one(wanted, found)))
    }

    fn groups(&mut self, expect: &Expectation) {
        let in_group = |name: &str| self.actual.groups.values().any(|dn| is_named(dn, name));
        let all = |expected: &[String]| -> Option<(Shown, Shown)> {
            let complete = expected.iter().all(|name| in_group(name))
                && self
                    .actual
                    .groups
                    .values()
                    .all(|dn| expected.iter().any(|name| is_named(dn, name)));
            (!complete).then(|| (list(expected), list(&self.names(expected))))
        };
        match &expect.groups {
            None if expect.complete => {
                if let Some((expected, actual)) = all(&[]) {
                    let note = Some("`complete` compares every group".to_owned());
                    self.differ("groups", expected, actual, None, note);
                }
            }
            None => {}
            Some(ExpectedGroups::Exactly(expected)) => {
                if let Some((expected, actual)) = all(expected) {
                    self.differ("groups", expected, actual, None, None);
                }
            }
            Some(ExpectedGroups::Among(among)) => {
                let missing = among.include.iter().any(|name| !in_group(name));
                let there: Vec<String> = among
                    .exclude
                    .iter()
                    .filter(|name| in_group(name))
                    .cloned()
                    .collect();
                if missing {
                    let actual = list(&self.names(&among.include));
                    self.differ("groups.include", list(&among.include), actual, None, None);
                }
                if !there.is_empty() {
                    self.differ("groups.exclude", Shown::Nothing, list(&there), None, None);
                }
            }
        }
    }

    /// The groups there are, each in the form in which the test names it.
    fn names(&self, named: &[String]) -> Vec<String> {
        let by_key: BTreeMap<_, _> = named
            .iter()
            .filter_map(|name| Some((Dn::key_of(name)?, name)))
            .collect();
        let short = by_key.is_empty() && !named.is_empty();
        self.actual
            .groups
            .iter()
            .map(|(key, dn)| {
                let rdn = dn.rdn().value;
                match by_key.get(key) {
                    Some(name) => (*name).clone(),
                    None if short => rdn,
                    None => named
                        .iter()
                        .find(|name| name.trim().eq_ignore_ascii_case(&rdn))
                        .cloned()
                        .unwrap_or_else(|| dn.to_string()),
                }
            })
            .collect()
    }
}

/// Whether a test means the object by `name`: its distinguished name, or the value of its first component alone.
pub(super) fn is_named(dn: &Dn, name: &str) -> bool {
    match Dn::key_of(name) {
        Some(key) => key == dn.key(),
        None => dn.rdn().value.eq_ignore_ascii_case(name.trim()),
    }
}

fn flag(flag: bool) -> Shown {
    Shown::Word(flag.to_string())
}

fn fate(fate: AccountFate) -> Shown {
    Shown::Word(
        match fate {
            AccountFate::None => "none",
            AccountFate::Created => "created",
            AccountFate::Adopted => "adopted",
            AccountFate::Kept => "kept",
            AccountFate::Deleted => "deleted",
        }
        .to_owned(),
    )
}

fn list(names: &[String]) -> Shown {
    if names.is_empty() {
        Shown::Nothing
    } else {
        Shown::List(names.to_vec())
    }
}

fn shown(values: &[ActualValue]) -> Shown {
    match values {
        [] => Shown::Nothing,
        [value @ ActualValue::Person(_)] => Shown::Word(value.to_string()),
        [value] => Shown::Value(value.to_string()),
        values => Shown::List(values.iter().map(ToString::to_string).collect()),
    }
}
