//! `kind: MappingTest`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::attributes::never_written;
use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, list, quoted};
use crate::config::given::{self, DEFAULT_KEY, NotGiven};
use crate::config::group_names::GroupNames;
use crate::config::kinds::{
    AccountFate, Expectation, ExpectedGroups, ExpectedHeld, GivenAccount, GivenFact, GivenValue,
    GroupsAmong, Mapping, MappingTest, Source,
};
use crate::config::yaml::{Doc, join};
use crate::model::{Dn, default_schema, held_codes};

type Facts = BTreeMap<String, Option<GivenFact>>;
type Records = BTreeMap<String, BTreeMap<String, serde_json::Value>>;

pub(super) fn check(test: &Entry<MappingTest>, context: &Context<'_>, report: &mut Report) {
    let doc = &test.doc;
    let spec = &test.spec;
    if given::as_of(&spec.as_of, &TimeZone::UTC).is_none() {
        report.error(
            doc,
            "/spec/asOf",
            codes::INVALID_VALUE,
            "this is not a date or a moment",
            Some("write `2026-06-02`, or with the time `2026-06-02T08:00`".to_owned()),
        );
    }
    let mapping = context
        .set
        .mappings
        .iter()
        .find(|mapping| mapping.name.as_str() == spec.mapping);
    if mapping.is_none() && !context.set.incomplete {
        let names = || context.set.mappings.iter().map(|one| one.name.as_str());
        report.error(
            doc,
            "/spec/mapping",
            codes::UNKNOWN_MAPPING,
            format!("there is no Mapping {}", quoted(&spec.mapping)),
            did_you_mean(&spec.mapping, names()).or_else(|| {
                names()
                    .next()
                    .map(|_| format!("there is {}", list(names().take(10))))
            }),
        );
    }
    let source = mapping.and_then(|mapping| context.source(&mapping.spec.source));
    let base = mapping
        .and_then(|mapping| context.directory(&mapping.spec.target))
        .and_then(|directory| Dn::parse(&directory.spec.base).ok());
    let mut checking = Checking {
        doc,
        source,
        base,
        alone: mapping.is_some_and(|mapping| {
            let of_pair = |other: &&Entry<Mapping>| {
                other.spec.source == mapping.spec.source && other.spec.target == mapping.spec.target
            };
            !context.set.incomplete && context.set.mappings.iter().filter(of_pair).count() == 1
        }),
        keys: BTreeSet::new(),
        report,
    };
    checking.person(
        "/spec",
        spec.key.as_deref(),
        spec.person.as_ref(),
        spec.record.as_ref(),
        false,
    );
    for (index, other) in spec.others.iter().enumerate() {
        let pointer = join("/spec/others", &index.to_string());
        checking.person(
            &pointer,
            other.key.as_deref(),
            other.person.as_ref(),
            other.record.as_ref(),
            true,
        );
        if let Some(account) = &other.account {
            checking.account(&join(&pointer, "account"), account);
        }
    }
    // Keys that stand in records are known only when they are read.
    let known = spec.record.is_none() && spec.others.iter().all(|other| other.record.is_none());
    let directory = &spec.directory;
    if let Some(account) = &directory.account {
        checking.account("/spec/directory/account", account);
    }
    checking.attributes("/spec/directory/taken", directory.taken.keys());
    for (names, at) in [
        (&directory.places, "/spec/directory/places"),
        (&directory.groups, "/spec/directory/groups"),
    ] {
        for (index, name) in names.iter().flatten().enumerate() {
            checking.name(&join(at, &index.to_string()), name);
        }
    }
    checking.expectation(&spec.expect, known);
    if let Some(mapping) = mapping
        && !context.set.incomplete
        && !doc.is_incomplete("/spec/directory")
        && !doc.is_incomplete("/spec/others")
    {
        group_names(test, mapping, context, checking.report);
    }
    if let Some(state) = &spec.expect.state {
        let lifecycle = mapping.and_then(|mapping| {
            context.set.lifecycles.iter().find(|lifecycle| {
                lifecycle.spec.source == mapping.spec.source
                    && lifecycle.spec.target == mapping.spec.target
            })
        });
        if let Some(lifecycle) = lifecycle.filter(|one| !one.doc.is_incomplete("/spec/states")) {
            let steps: Vec<_> = lifecycle
                .spec
                .states
                .iter()
                .flat_map(crate::config::kinds::State::steps)
                .collect();
            let states = || steps.iter().map(|step| step.name.as_str());
            if !states().any(|name| name == state) {
                report.error(
                    doc,
                    "/spec/expect/state",
                    codes::UNKNOWN_STATE,
                    format!("there is no state {}", quoted(state)),
                    did_you_mean(state, states())
                        .or_else(|| Some(format!("there is {}", list(states().take(10))))),
                );
            }
        }
    }
}

/// Groups among those compared that nothing of the test could bring the account into: a misspelt one is never there,
/// and a test that excludes it would pass for ever.
fn group_names(
    test: &Entry<MappingTest>,
    mapping: &Entry<Mapping>,
    context: &Context<'_>,
    report: &mut Report,
) {
    let spec = &test.spec;
    let Some(ExpectedGroups::Among(among)) = &spec.expect.groups else {
        return;
    };
    let of_pair = context.set.groups.iter().filter(|groups| {
        groups.spec.source == mapping.spec.source && groups.spec.target == mapping.spec.target
    });
    let rules = of_pair
        .flat_map(|groups| &groups.spec.rules)
        .map(|rule| rule.group.as_str());
    let accounts = spec
        .directory
        .account
        .iter()
        .chain(
            spec.others
                .iter()
                .filter_map(|other| other.account.as_ref()),
        )
        .flat_map(|account| &account.groups);
    let given = accounts.chain(spec.directory.groups.iter().flatten());
    let names: Vec<GroupNames> = rules
        .chain(given.map(String::as_str))
        .map(GroupNames::of)
        .collect();
    let known = |whole| -> Vec<String> {
        let literal = names.iter().filter_map(|name| name.literal(whole));
        literal.collect()
    };
    let (own, whole) = (known(false), known(true));
    let mut compared = numbered("/spec/expect/groups/include", &among.include);
    compared.extend(numbered("/spec/expect/groups/exclude", &among.exclude));
    for (pointer, name) in compared {
        if name.trim().is_empty() || names.iter().any(|known| known.may_be(name)) {
            continue;
        }
        let similar = if Dn::parse(name).is_ok() {
            &whole
        } else {
            &own
        };
        report.warn(
            &test.doc,
            &pointer,
            codes::UNKNOWN_GROUP,
            format!("the account can never be in {}", quoted(name)),
            did_you_mean(name, similar.iter().map(String::as_str)).or_else(|| {
                Some(
                    "no group rule and no account of this test names it; to test that a membership ends, give the account it under `groups`"
                        .to_owned(),
                )
            }),
        );
    }
}

struct Checking<'a> {
    doc: &'a Doc,
    source: Option<&'a Entry<Source>>,
    base: Option<Dn>,
    /// Whether no other mapping could apply to the person.
    alone: bool,
    /// Keys of the test's people.
    keys: BTreeSet<String>,
    report: &'a mut Report,
}

impl Checking<'_> {
    fn person(
        &mut self,
        pointer: &str,
        key: Option<&str>,
        facts: Option<&Facts>,
        records: Option<&Records>,
        other: bool,
    ) {
        let doc = self.doc;
        match (facts, records) {
            (Some(_), Some(_)) => self.report.error_key(
                doc,
                &join(pointer, "record"),
                codes::ONE_OF,
                "`person` and `record` both say who this is",
                Some("keep one of them".to_owned()),
            ),
            (None, None)
                if !doc.is_broken(&join(pointer, "person"))
                    && !doc.is_broken(&join(pointer, "record")) =>
            {
                self.report.error_key(
                    doc,
                    pointer,
                    codes::MISSING_FIELD,
                    "nothing says who this is",
                    Some("give `person` with facts, or `record` with raw records".to_owned()),
                )
            }
            _ => {}
        }
        match (key, records) {
            (Some(_), Some(_)) => self.report.error_key(
                doc,
                &join(pointer, "key"),
                codes::ONE_OF,
                "the key stands in `record`",
                Some("leave `key` out".to_owned()),
            ),
            (None, None) if other => self.report.error_key(
                doc,
                pointer,
                codes::MISSING_FIELD,
                "`key` is missing",
                Some("key: the person's key in the source".to_owned()),
            ),
            _ => {}
        }
        let own = match (key, records) {
            (Some(key), _) => Some(key),
            (None, None) if !other => Some(DEFAULT_KEY),
            _ => None,
        };
        if let Some(own) = own {
            if own.trim().is_empty() {
                let at = join(pointer, "key");
                self.report
                    .error(doc, &at, codes::EMPTY_VALUE, "a person needs a key", None);
            } else if !self.keys.insert(own.to_owned()) {
                let at = if key.is_some() {
                    join(pointer, "key")
                } else {
                    pointer.to_owned()
                };
                self.report.error(
                    doc,
                    &at,
                    codes::DUPLICATE_KEY,
                    format!("two people of this test have the key {}", quoted(own)),
                    Some(format!(
                        "give them different ones; the tested person's is {DEFAULT_KEY} unless `key` says otherwise"
                    )),
                );
            }
        }
        let Some(source) = self.source else { return };
        if let Some(facts) = facts {
            self.facts(&join(pointer, "person"), facts, &source.spec);
        }
        if let Some(records) = records {
            let endpoints = || source.spec.endpoints.keys().map(String::as_str);
            for name in records.keys() {
                let known = endpoints().any(|endpoint| endpoint == name)
                    || (source.spec.endpoints.is_empty() && name == "users");
                if !known {
                    self.report.error_key(
                        doc,
                        &join(&join(pointer, "record"), name),
                        codes::UNKNOWN_ENDPOINT,
                        format!("there is no endpoint {}", quoted(name)),
                        did_you_mean(name, endpoints()),
                    );
                }
            }
        }
    }

    fn facts(&mut self, pointer: &str, facts: &Facts, source: &Source) {
        let doc = self.doc;
        let fields = &source.person.fields;
        for (name, given) in facts {
            let at = join(pointer, name);
            let Some(field) = fields.get(name) else {
                let known = fields.keys().map(String::as_str);
                self.report.error_key(
                    doc,
                    &at,
                    codes::UNKNOWN_PERSON_FIELD,
                    format!("people of the source have no field {}", quoted(name)),
                    did_you_mean(name, known.clone())
                        .or_else(|| Some(format!("fields are {}", list(known.take(20))))),
                );
                continue;
            };
            let Some(given) = given else { continue };
            if let Err(error) = given::fact(given, field.fact_type) {
                let (code, help) = match &error {
                    NotGiven::Type { help, .. } => (codes::WRONG_TYPE, help),
                    NotGiven::Form { help, .. } => (codes::INVALID_VALUE, help),
                };
                self.report
                    .error(doc, &at, code, error.to_string(), Some((*help).to_owned()));
            }
        }
    }

    fn account(&mut self, pointer: &str, account: &GivenAccount) {
        self.name(&join(pointer, "placement"), &account.placement);
        if let Some(since) = &account.disabled_since {
            let at = join(pointer, "disabledSince");
            if account.enabled {
                self.report.error_key(
                    self.doc,
                    &at,
                    codes::INVALID_VALUE,
                    "the account is enabled",
                    Some("add `enabled: false`, or leave this out".to_owned()),
                );
            } else if given::as_of(since, &TimeZone::UTC).is_none() {
                self.report.error(
                    self.doc,
                    &at,
                    codes::INVALID_VALUE,
                    "this is not a date or a moment",
                    Some("write `2026-06-02`, or with the time `2026-06-02T08:00`".to_owned()),
                );
            }
        }
        let attributes = join(pointer, "attributes");
        self.attributes(&attributes, account.attributes.keys());
        let groups = join(pointer, "groups");
        for (index, name) in account.groups.iter().enumerate() {
            self.name(&join(&groups, &index.to_string()), name);
        }
    }

    /// A distinguished name of the target.
    fn name(&mut self, pointer: &str, text: &str) {
        if !super::groups::is_name(self.doc, pointer, text, self.report) {
            return;
        }
        match (Dn::parse(text), &self.base) {
            (Err(error), _) => self.report.error(
                self.doc,
                pointer,
                codes::BAD_DN,
                format!("this is not a distinguished name: {error}"),
                Some("for example `OU=People,DC=corp,DC=example,DC=test`".to_owned()),
            ),
            (Ok(name), Some(base)) if !name.key().is_at_or_under(&base.key()) => {
                self.report.error(
                    self.doc,
                    pointer,
                    codes::DN_OUTSIDE_BASE,
                    format!("this is not below {}", quoted(base.as_str())),
                    None,
                );
            }
            _ => {}
        }
    }

    fn attributes<'n>(&mut self, pointer: &str, names: impl Iterator<Item = &'n String>) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for name in names {
            let at = join(pointer, name);
            let expected = pointer.starts_with("/spec/expect");
            self.attribute(&at, name, expected);
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), name) {
                self.report.error_key(
                    self.doc,
                    &at,
                    codes::DUPLICATE_KEY,
                    format!(
                        "{} and {} are one attribute to the directory",
                        quoted(first),
                        quoted(name)
                    ),
                    Some("keep one of them".to_owned()),
                );
            }
        }
    }

    fn attribute(&mut self, pointer: &str, name: &str, expected: bool) {
        let way_out = match name.to_ascii_lowercase().as_str() {
            "memberof" | "member" => Some("`groups` says the memberships"),
            "useraccountcontrol" => Some("`enabled` says whether the account is enabled"),
            "name" | "distinguishedname" => {
                Some("give `cn`; `placement` says where the account stands")
            }
            // What stands on an account may protect it, though no rule writes it.
            _ if expected => never_written(name),
            _ => None,
        };
        if let Some(way_out) = way_out {
            self.report.error_key(
                self.doc,
                pointer,
                codes::ATTRIBUTE_NEVER_WRITTEN,
                format!("{} is no attribute that tests look at", quoted(name)),
                Some(way_out.to_owned()),
            );
            return;
        }
        if default_schema().get(name).is_some() {
            return;
        }
        let known = default_schema().iter().map(|known| known.name.as_str());
        self.report.warn_key(
            self.doc,
            pointer,
            codes::UNKNOWN_ATTRIBUTE,
            format!(
                "{} is not in the default Active Directory schema",
                quoted(name)
            ),
            did_you_mean(name, known).or_else(|| {
                Some("tests take attributes of an extension for texts without limits".to_owned())
            }),
        );
    }

    /// No account, and something of it.
    fn contradiction(&mut self, expect: &Expectation) {
        if self.doc.is_broken("/spec/expect/account") {
            return;
        }
        let about = if expect.account == Some(AccountFate::None) {
            "account: none"
        } else if expect.applies == Some(false) && self.alone {
            "applies: false"
        } else {
            return;
        };
        let account = expect.account.is_some_and(|fate| fate != AccountFate::None);
        let groups = match &expect.groups {
            Some(ExpectedGroups::Exactly(names)) => !names.is_empty(),
            Some(ExpectedGroups::Among(among)) => !among.include.is_empty(),
            None => false,
        };
        let parts = [
            ("account", account),
            ("enabled", expect.enabled.is_some()),
            ("placement", expect.placement.is_some()),
            (
                "attributes",
                expect.attributes.values().any(Option::is_some),
            ),
            ("groups", groups),
        ];
        for (name, _) in parts.into_iter().filter(|(_, said)| *said) {
            self.report.error_key(
                self.doc,
                &join("/spec/expect", name),
                codes::TEST_CONTRADICTS_ITSELF,
                format!("`{about}` and this cannot both come true"),
                Some("keep one of them".to_owned()),
            );
        }
    }

    fn held(&mut self, held: Option<&ExpectedHeld>) {
        let at = "/spec/expect/held";
        let wanted: Vec<(String, &String)> = match held {
            None => Vec::new(),
            Some(ExpectedHeld::Code(code)) => vec![(at.to_owned(), code)],
            Some(ExpectedHeld::Reason(reason)) => vec![(join(at, "code"), &reason.code)],
            Some(ExpectedHeld::Several(codes)) => numbered(at, codes),
        };
        let known = || {
            let held = held_codes::HELD.iter().map(|code| code.code);
            held.chain([held_codes::warning::REJECTED_ROWS.code])
        };
        for (pointer, code) in wanted {
            if !known().any(|known| known == code) {
                self.report.error(
                    self.doc,
                    &pointer,
                    codes::UNKNOWN_HELD_CODE,
                    format!("nothing is held as {}", quoted(code)),
                    did_you_mean(code, known())
                        .or_else(|| Some("docs/held.md lists the codes".to_owned())),
                );
            }
        }
    }

    fn expectation(&mut self, expect: &Expectation, keys_known: bool) {
        let doc = self.doc;
        let at = "/spec/expect";
        let mut without_held = Expectation {
            held: None,
            complete: false,
            ..expect.clone()
        };
        let compares_groups = without_held.groups.as_ref().is_none_or(
            |groups| !matches!(groups, ExpectedGroups::Among(among) if *among == GroupsAmong::default()),
        );
        if !compares_groups {
            without_held.groups = None;
        }
        let held = doc.value.pointer("/spec/expect/held").is_some();
        if without_held == Expectation::default()
            && !held
            && !expect.complete
            && !doc.is_incomplete(at)
        {
            self.report.error_key(
                doc,
                at,
                codes::TEST_EXPECTS_NOTHING,
                "a test that expects nothing cannot fail",
                Some("say something about `state`, `attributes`, `groups` or `held`".to_owned()),
            );
        } else {
            if !compares_groups && !doc.is_incomplete("/spec/expect/groups") {
                self.report.error_key(
                    doc,
                    "/spec/expect/groups",
                    codes::TEST_EXPECTS_NOTHING,
                    "this compares no group",
                    Some(
                        "name some under `include` or `exclude`; a list `[]` expects none at all"
                            .to_owned(),
                    ),
                );
            }
            for name in [
                "applies",
                "state",
                "account",
                "enabled",
                "placement",
                "groups",
            ] {
                let pointer = join(at, name);
                if doc
                    .value
                    .pointer(&pointer)
                    .is_some_and(serde_json::Value::is_null)
                {
                    self.report.error(
                        doc,
                        &pointer,
                        codes::TEST_EXPECTS_NOTHING,
                        "null expects nothing here",
                        Some(
                            "leave it out; `account: none` expects that there is no account"
                                .to_owned(),
                        ),
                    );
                }
            }
        }
        self.contradiction(expect);
        self.held(expect.held.as_ref());
        if let Some(placement) = &expect.placement {
            self.name("/spec/expect/placement", placement);
        }
        self.attributes("/spec/expect/attributes", expect.attributes.keys());
        for (name, value) in &expect.attributes {
            let at = join("/spec/expect/attributes", name);
            if let Some(GivenValue::Person(reference)) = value
                && keys_known
                && !self.keys.contains(&reference.person)
            {
                self.report.error(
                    doc,
                    &join(&at, "person"),
                    codes::UNKNOWN_PERSON,
                    format!(
                        "nobody of this test has the key {}",
                        quoted(&reference.person)
                    ),
                    did_you_mean(&reference.person, self.keys.iter().map(String::as_str))
                        .or_else(|| Some("add the person to `others`".to_owned())),
                );
            }
        }
        let groups: Vec<(String, &String)> = match &expect.groups {
            None => Vec::new(),
            Some(ExpectedGroups::Exactly(names)) => numbered("/spec/expect/groups", names),
            Some(ExpectedGroups::Among(among)) => {
                let mut all = numbered("/spec/expect/groups/include", &among.include);
                all.extend(numbered("/spec/expect/groups/exclude", &among.exclude));
                all
            }
        };
        for (pointer, name) in groups {
            // A group's own name may hold `=`, so only what parses is taken for a distinguished name.
            if name.trim().is_empty() {
                self.report.error(
                    doc,
                    &pointer,
                    codes::EMPTY_VALUE,
                    "a group needs a name",
                    None,
                );
            } else if Dn::parse(name).is_ok() {
                self.name(&pointer, name);
            }
        }
    }
}

fn numbered<'n>(pointer: &str, names: &'n [String]) -> Vec<(String, &'n String)> {
    names
        .iter()
        .enumerate()
        .map(|(index, name)| (join(pointer, &index.to_string()), name))
        .collect()
}
