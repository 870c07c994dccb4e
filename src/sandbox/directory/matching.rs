//! What a filter means for an object: three-valued, by syntax ([MS-ADTS] 3.1.1.3.1.3).
//!
//! A filter is compiled once per search, so that names, classes and link targets are looked up once.

use std::borrow::Cow;
use std::collections::HashSet;

use super::core::Directory;
use super::filter::Filter;
use super::schema::{AttrId, ClassId, Origin};
use super::sid::Sid;
use super::store::{Link, ObjectId};
use super::value::{Kind, number};
use super::view::Lens;
use crate::model::Guid;

#[derive(Debug)]
pub(crate) enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    /// Unknown attribute or rule: neither true nor false.
    Undefined,
    /// A known attribute compared with something it can never be.
    Never,
    Present(AttrId),
    Equal(AttrId, Vec<u8>),
    Substring {
        attribute: AttrId,
        initial: Option<Vec<u8>>,
        any: Vec<Vec<u8>>,
        last: Option<Vec<u8>>,
    },
    Compare {
        attribute: AttrId,
        value: Vec<u8>,
        at_least: bool,
    },
    Bits {
        attribute: AttrId,
        mask: i64,
        all: bool,
    },
    /// The object points at this one.
    PointsTo(AttrId, ObjectId),
    /// This one points at the object.
    PointedFrom(ObjectId, AttrId),
    OneOf(HashSet<ObjectId>),
    Class(ClassId),
    Category(String),
}

/// Attributes an ambiguous name may stand in.
const ANR: &[&str] = &[
    "displayName",
    "givenName",
    "sn",
    "sAMAccountName",
    "mail",
    "name",
    "physicalDeliveryOfficeName",
    "proxyAddresses",
    "legacyExchangeDN",
];

impl Test {
    /// Takes out what is asked of other attributes than these: nobody can say whether it holds.
    pub(crate) fn keep(&mut self, known: &dyn Fn(AttrId) -> bool) {
        let asked = match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter_mut().for_each(|part| part.keep(known));
                return;
            }
            Self::Not(part) => return part.keep(known),
            Self::Present(id)
            | Self::Equal(id, _)
            | Self::Substring { attribute: id, .. }
            | Self::Compare { attribute: id, .. }
            | Self::Bits { attribute: id, .. }
            | Self::PointsTo(id, _)
            | Self::PointedFrom(_, id) => *id,
            Self::Undefined | Self::Never | Self::OneOf(_) | Self::Class(_) | Self::Category(_) => {
                return;
            }
        };
        if !known(asked) {
            *self = Self::Undefined;
        }
    }
}

impl Directory {
    pub(crate) fn compile(&self, filter: &Filter<'_>) -> Test {
        match filter {
            Filter::And(parts) => Test::And(parts.iter().map(|part| self.compile(part)).collect()),
            Filter::Or(parts) => Test::Or(parts.iter().map(|part| self.compile(part)).collect()),
            Filter::Not(part) => Test::Not(Box::new(self.compile(part))),
            Filter::Present(name) => match self.schema.attribute(name) {
                Some(id) => Test::Present(id),
                None => Test::Undefined,
            },
            Filter::Equal(name, value) => self.compile_equal(name, value),
            Filter::AtLeast(name, value) => self.compile_order(name, value, true),
            Filter::AtMost(name, value) => self.compile_order(name, value, false),
            Filter::Substring {
                attribute,
                initial,
                any,
                last,
            } => {
                let Some(id) = self.schema.attribute(attribute) else {
                    return if attribute.eq_ignore_ascii_case("anr") {
                        self.compile_anr(initial.unwrap_or_default())
                    } else {
                        Test::Undefined
                    };
                };
                let kind = self.schema.def(id).kind;
                if !matches!(
                    kind,
                    Kind::Text | Kind::Exact | Kind::Octets | Kind::Oid | Kind::Time
                ) {
                    return Test::Never;
                }
                let key = |part: &[u8]| kind.key(part).into_owned();
                Test::Substring {
                    attribute: id,
                    initial: initial.map(key),
                    any: any.iter().map(|part| key(part)).collect(),
                    last: last.map(key),
                }
            }
            Filter::Extensible {
                rule,
                attribute,
                value,
            } => self.compile_extensible(*rule, *attribute, value),
        }
    }

    fn compile_equal(&self, name: &str, value: &[u8]) -> Test {
        let base = name.split(';').next().unwrap_or_default();
        let Some(id) = self.schema.attribute(base) else {
            return if base.eq_ignore_ascii_case("anr") {
                self.compile_anr(value)
            } else {
                Test::Undefined
            };
        };
        let def = self.schema.def(id);
        let known = &self.schema.known;
        let as_text = || String::from_utf8_lossy(value);
        if id == known.object_class {
            return self
                .schema
                .class_named(&as_text())
                .map_or(Test::Never, Test::Class);
        }
        if id == known.object_category {
            return self.compile_category(&as_text());
        }
        match def.kind {
            Kind::Dn => {
                // Deleted objects can be named too: `(lastKnownParent=…)`.
                let Ok(target) = self.resolve(&as_text(), true) else {
                    return Test::Never;
                };
                if id == known.distinguished_name {
                    return Test::OneOf(HashSet::from([target]));
                }
                match def.origin {
                    Origin::BackLink => match self.schema.other_side(id) {
                        Some(forward) => Test::PointedFrom(target, forward),
                        None => Test::Never,
                    },
                    Origin::Stored | Origin::System => Test::PointsTo(id, target),
                    _ => Test::Equal(id, self.store.dn(target).into_bytes()),
                }
            }
            Kind::Sid => match std::str::from_utf8(value).ok().and_then(Sid::parse) {
                Some(sid) => Test::Equal(id, sid.to_wire()),
                None => Test::Equal(id, value.to_vec()),
            },
            kind => Test::Equal(id, kind.key(value).into_owned()),
        }
    }

    /// `objectCategory` takes a class name in place of the DN of its category.
    fn compile_category(&self, value: &str) -> Test {
        if let Some(class) = self.schema.class_named(value) {
            return Test::Category(self.schema.class(class).row.object_category.to_owned());
        }
        let Ok(target) = self.resolve(value, false) else {
            return Test::Never;
        };
        if self.object(target).parent == Some(self.marks.schema) {
            Test::Category(self.object(target).name.to_string())
        } else {
            Test::Never
        }
    }

    fn compile_order(&self, name: &str, value: &[u8], at_least: bool) -> Test {
        let Some(id) = self.schema.attribute(name) else {
            return Test::Undefined;
        };
        let kind = self.schema.def(id).kind;
        if kind == Kind::Dn {
            return Test::Never;
        }
        Test::Compare {
            attribute: id,
            value: kind.key(value).into_owned(),
            at_least,
        }
    }

    fn compile_extensible(&self, rule: Option<&str>, name: Option<&str>, value: &[u8]) -> Test {
        let Some(name) = name else {
            return Test::Undefined;
        };
        let Some(rule) = rule else {
            return self.compile_equal(name, value);
        };
        let Some(attribute) = self.schema.attribute(name) else {
            return Test::Undefined;
        };
        match rule.strip_prefix("1.2.840.113556.1.4.") {
            Some(rule @ ("803" | "804")) => match number(value) {
                Some(mask) => Test::Bits {
                    attribute,
                    mask,
                    all: rule == "803",
                },
                None => Test::Never,
            },
            Some("1941") => {
                let target = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| self.resolve(text, false).ok());
                match target {
                    Some(target) => Test::OneOf(self.chain(attribute, target)),
                    None => Test::Never,
                }
            }
            _ => Test::Undefined,
        }
    }

    /// Everything from which `target` is reached by following `attribute` once or more.
    fn chain(&self, attribute: AttrId, target: ObjectId) -> HashSet<ObjectId> {
        let back = self.schema.def(attribute).origin == Origin::BackLink;
        let forward = if back {
            self.schema.other_side(attribute).unwrap_or(attribute)
        } else {
            attribute
        };
        let mut found = HashSet::new();
        let mut open = vec![target];
        while let Some(at) = open.pop() {
            let next: Vec<ObjectId> = if back {
                self.store.targets(at, forward).collect()
            } else {
                self.store.sources(at, forward).collect()
            };
            open.extend(next.into_iter().filter(|&id| found.insert(id)));
        }
        found
    }

    /// Ambiguous name resolution: a prefix of any of the naming attributes, or first and last name.
    fn compile_anr(&self, value: &[u8]) -> Test {
        let text = String::from_utf8_lossy(value).into_owned();
        let prefix = |attribute: AttrId, text: &str| Test::Substring {
            attribute,
            initial: Some(
                self.schema
                    .def(attribute)
                    .kind
                    .key(text.as_bytes())
                    .into_owned(),
            ),
            any: Vec::new(),
            last: None,
        };
        let mut tests: Vec<Test> = ANR
            .iter()
            .filter_map(|name| self.schema.attribute(name))
            .map(|id| prefix(id, &text))
            .collect();
        if let Some((first, second)) = text.split_once(' ') {
            let known = &self.schema.known;
            for (given, family) in [(first, second), (second, first)] {
                tests.push(Test::And(vec![
                    prefix(known.given_name, given),
                    prefix(known.sn, family),
                ]));
            }
        }
        Test::Or(tests)
    }

    /// Plain comparison values of an attribute, without copying where it is simply stored.
    fn compared(&self, id: ObjectId, attribute: AttrId, lens: Lens) -> Vec<Cow<'_, [u8]>> {
        self.values_of(id, attribute, lens)
    }

    pub(crate) fn test(&self, test: &Test, id: ObjectId, lens: Lens) -> Option<bool> {
        match test {
            Test::And(parts) => {
                let mut all = Some(true);
                for part in parts {
                    match self.test(part, id, lens) {
                        Some(true) => {}
                        Some(false) => return Some(false),
                        None => all = None,
                    }
                }
                all
            }
            Test::Or(parts) => {
                let mut any = Some(false);
                for part in parts {
                    match self.test(part, id, lens) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
            Test::Not(part) => self.test(part, id, lens).map(|is| !is),
            Test::Undefined => None,
            Test::Never => Some(false),
            Test::OneOf(set) => Some(set.contains(&id)),
            Test::Class(class) => Some(
                self.schema
                    .class(self.object(id).class)
                    .chain
                    .contains(class),
            ),
            Test::Category(category) => Some(
                self.schema
                    .class(self.object(id).class)
                    .row
                    .object_category
                    .eq_ignore_ascii_case(category),
            ),
            Test::PointsTo(attribute, target) => Some(self.store.has_link(Link {
                source: id,
                attribute: *attribute,
                target: *target,
            })),
            Test::PointedFrom(source, attribute) => Some(self.store.has_link(Link {
                source: *source,
                attribute: *attribute,
                target: id,
            })),
            Test::Present(attribute) => Some(self.is_present(id, *attribute, lens)),
            Test::Equal(attribute, key) => {
                let kind = self.schema.def(*attribute).kind;
                Some(
                    self.compared(id, *attribute, lens)
                        .iter()
                        .any(|value| *kind.key(value) == key[..]),
                )
            }
            Test::Substring {
                attribute,
                initial,
                any,
                last,
            } => {
                let kind = self.schema.def(*attribute).kind;
                Some(self.compared(id, *attribute, lens).iter().any(|value| {
                    contains_in_order(&kind.key(value), initial.as_ref(), any, last.as_ref())
                }))
            }
            Test::Compare {
                attribute,
                value: bound,
                at_least,
            } => {
                let kind = self.schema.def(*attribute).kind;
                Some(self.compared(id, *attribute, lens).iter().any(|value| {
                    let order = match (number(value), number(bound)) {
                        (Some(value), Some(bound))
                            if matches!(kind, Kind::Integer | Kind::LargeInteger) =>
                        {
                            value.cmp(&bound)
                        }
                        _ => kind.key(value)[..].cmp(&bound[..]),
                    };
                    if *at_least {
                        order.is_ge()
                    } else {
                        order.is_le()
                    }
                }))
            }
            Test::Bits {
                attribute,
                mask,
                all,
            } => Some(self.compared(id, *attribute, lens).iter().any(|value| {
                number(value).is_some_and(|value| {
                    if *all {
                        value & mask == *mask
                    } else {
                        value & mask != 0
                    }
                })
            })),
        }
    }

    fn is_present(&self, id: ObjectId, attribute: AttrId, lens: Lens) -> bool {
        let known = &self.schema.known;
        if attribute == known.object_class || attribute == known.object_guid {
            return true;
        }
        let def = self.schema.def(attribute);
        match def.origin {
            Origin::BackLink => self
                .schema
                .other_side(attribute)
                .is_some_and(|forward| self.store.sources(id, forward).next().is_some()),
            Origin::Stored | Origin::System if def.kind == Kind::Dn => {
                self.store.targets(id, attribute).next().is_some()
            }
            _ => !self.values_of(id, attribute, lens).is_empty(),
        }
    }

    /// Objects among which all matches are, when an index knows. Value indexes know no deleted objects.
    pub(crate) fn candidates(&self, test: &Test, deleted: bool) -> Option<Vec<ObjectId>> {
        match test {
            Test::And(parts) => parts
                .iter()
                .filter_map(|part| self.candidates(part, deleted))
                .min_by_key(Vec::len),
            Test::Or(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(self.candidates(part, deleted)?);
                }
                all.sort();
                all.dedup();
                Some(all)
            }
            Test::Never => Some(Vec::new()),
            Test::OneOf(set) => {
                let mut ids: Vec<ObjectId> = set.iter().copied().collect();
                ids.sort();
                Some(ids)
            }
            Test::PointsTo(attribute, target) => {
                Some(self.store.sources(*target, *attribute).collect())
            }
            Test::PointedFrom(source, attribute) => {
                Some(self.store.targets(*source, *attribute).collect())
            }
            Test::Equal(attribute, key) => {
                let known = &self.schema.known;
                if *attribute == known.object_guid {
                    let found = Guid::from_wire(key).and_then(|guid| self.store.by_guid(guid));
                    return Some(found.into_iter().collect());
                }
                if *attribute == known.object_sid {
                    let found = Sid::from_wire(key).and_then(|sid| self.store.by_sid(&sid));
                    return Some(found.into_iter().collect());
                }
                (self.schema.def(*attribute).indexed && !deleted)
                    .then(|| self.store.indexed(*attribute, key).collect())
            }
            Test::Compare {
                attribute,
                value,
                at_least: true,
            } if *attribute == self.schema.known.usn_changed => {
                let usn = u64::try_from(number(value)?).ok()?;
                Some(self.store.changed_since(usn).collect())
            }
            _ => None,
        }
    }
}

/// `initial*any*any*last`.
fn contains_in_order(
    mut value: &[u8],
    initial: Option<&Vec<u8>>,
    any: &[Vec<u8>],
    last: Option<&Vec<u8>>,
) -> bool {
    if let Some(initial) = initial {
        match value.strip_prefix(&initial[..]) {
            Some(rest) => value = rest,
            None => return false,
        }
    }
    if let Some(last) = last {
        match value.strip_suffix(&last[..]) {
            Some(rest) => value = rest,
            None => return false,
        }
    }
    for part in any {
        if part.is_empty() {
            continue;
        }
        match value.windows(part.len()).position(|window| window == part) {
            Some(at) => value = &value[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::contains_in_order;

    fn matches(value: &str, initial: &str, any: &[&str], last: &str) -> bool {
        let part = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        let any: Vec<Vec<u8>> = any.iter().map(|text| text.as_bytes().to_vec()).collect();
        contains_in_order(
            value.as_bytes(),
            part(initial).as_ref(),
            &any,
            part(last).as_ref(),
        )
    }

    #[test]
    fn substrings_are_taken_in_order_and_do_not_overlap() {
        assert!(matches("jane doe", "ja", &["e d"], "oe"));
        assert!(!matches("jane doe", "", &["doe", "jane"], ""));
        assert!(!matches("aa", "a", &["a"], "a"));
        assert!(matches("aaa", "a", &["a"], "a"));
        assert!(matches("x", "", &[], ""));
    }
}
