//! What differs between one person's desired account and the observed one.
//!
//! The part that runs for everyone: it compares without building anything, and collects only where there is a
//! difference. Names that must be unique are not settled here, only found to be needed.

use compact_str::CompactString;

use super::draft::Draft;
use super::naming::Given;
use super::places::Places;
use super::target::{NOBODY, Subject, Target};
use crate::config::kinds;
use crate::lang::PersonContext;
use crate::lifecycle::{Formula, RuleId};
use crate::mapping::{
    AttributeRule, BadValue, Candidates, Cleared, Decides, NameRule, Notes, Origin, Problem,
    RuleKind, Slot, Wanted, canonical, cleared, equal, is_expiry, is_reference, means_empty,
    shortened, ticks,
};
use crate::matching::{Found, Standing};
use crate::model::{Entry, Fact, FieldIndex, Name};
use crate::policy::held;

/// Everything one person needs, when it is anything.
#[derive(Default)]
pub(super) struct Outcome<'t> {
    /// Nothing is done for the person (but for a disable, when `switch` says so).
    pub(super) whole: Option<Draft>,
    /// Single changes that are held.
    pub(super) partial: Vec<Draft>,
    pub(super) notes: Notes,
    /// References to people without a known account: attribute, and whom it names.
    pub(super) unresolved: Vec<(&'t AttributeRule, CompactString, Unresolved)>,
    pub(super) attributes: Vec<Delta<'t>>,
    pub(super) names: Vec<NameNeed<'t>>,
    /// Rules that speak of a name not found yet, in the order they are asked.
    pub(super) waiting: Vec<&'t Slot>,
    /// Where a new account stands, or where an existing one goes.
    pub(super) place: Option<(u32, RuleId)>,
    /// Whether the account is to be enabled or disabled.
    pub(super) switch: Option<bool>,
    /// A new account is made.
    pub(super) create: bool,
}

/// One attribute that is to become something else.
pub(super) struct Delta<'t> {
    pub(super) rule: &'t AttributeRule,
    /// Rules that have a part in it besides.
    pub(super) with: Vec<&'t AttributeRule>,
    pub(super) after: After,
    /// Length of the longest value before it was cut, when one was.
    pub(super) cut: Option<u32>,
}

/// What an attribute is to become.
pub(super) enum After {
    Values(Vec<CompactString>),
    /// An object of the read.
    Object(u32),
    /// The account this plan makes for a subject.
    Made(u32),
    /// What is there, with these values more and these less.
    Merged {
        add: Vec<CompactString>,
        /// As the directory spells them.
        remove: Vec<CompactString>,
    },
}

/// Why a reference is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// No person has this value, or several have.
    Nobody,
    /// It names the person themselves.
    Self_,
    /// The person named is not in scope.
    OutOfScope,
    /// The person named is held, or no mapping concerns them.
    Held,
    /// The person named is to have no account.
    NoAccount,
}

impl Unresolved {
    /// What the reference names, for reviewers.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Nobody => "names nobody, or more than one person",
            Self::Self_ => "names the person themselves",
            Self::OutOfScope => "names somebody out of scope",
            Self::Held => "names somebody who is held or not mapped",
            Self::NoAccount => "names somebody whose state gives them no account",
        }
    }
}

/// A name that has to be found.
pub(super) struct NameNeed<'t> {
    pub(super) rule: &'t AttributeRule,
    pub(super) names: &'t NameRule,
    pub(super) candidates: Candidates,
}

impl Outcome<'_> {
    /// True when it asks for a change of the account.
    pub(super) fn changes(&self) -> bool {
        self.create
            || self.switch.is_some()
            || self.place.is_some()
            || !self.attributes.is_empty()
            || !self.names.is_empty()
    }

    fn is_empty(&self) -> bool {
        !self.changes()
            && self.whole.is_none()
            && self.partial.is_empty()
            && self.unresolved.is_empty()
            && self.notes.unmapped.is_empty()
    }
}

/// Bit of `userAccountControl` that disables an account ([MS-ADTS] 2.2.16).
const ACCOUNTDISABLE: i64 = 0x2;

/// What one person needs; `None` when nothing at all.
pub(super) fn evaluate<'t>(
    target: &'t Target<'_>,
    at: u32,
    places: &mut Places,
    seen: &mut Option<PersonContext<'t>>,
) -> Option<Box<Outcome<'t>>> {
    let subject = &target.subjects[at as usize];
    if matches!(subject.found, Found::Conflict(_)) {
        return None;
    }
    let entry = subject.account().map(|object| target.index.entry(object));
    if entry.is_none() && !target.state(subject).create {
        return None;
    }
    let mut evaluation = Evaluation {
        target,
        subject,
        at,
        entry,
        context: target
            .moment
            .seen(seen, target.side(subject).person(subject.person)),
        outcome: Outcome {
            create: entry.is_none(),
            ..Outcome::default()
        },
    };
    evaluation.switch();
    let result = evaluation
        .possible()
        .and_then(|()| evaluation.attributes())
        .and_then(|()| evaluation.placement(places));
    let mut outcome = evaluation.outcome;
    if let Err(draft) = result {
        outcome = hold(outcome, draft, &subject.found);
    }
    if let Some(object) = subject.account()
        && let Standing::Protected(why) = target.standing[object as usize]
        && (outcome.changes() || matches!(subject.found, Found::Adopt { .. }))
    {
        outcome = Outcome {
            whole: Some(
                Draft::new(
                    held::PROTECTED,
                    format!("the account would change, but {why}"),
                )
                .accounts(vec![object]),
            ),
            ..Outcome::default()
        };
    }
    (!outcome.is_empty()).then(|| Box::new(outcome))
}

/// Takes everything back but the disabling of a leaver whose account is known: a missing department must not keep
/// an account open.
pub(super) fn hold<'t>(outcome: Outcome<'t>, mut draft: Draft, found: &Found) -> Outcome<'t> {
    let leaver = outcome.switch == Some(false) && matches!(found, Found::Account(_));
    if draft.accounts.is_empty()
        && let Found::Account(object) | Found::Adopt { object, .. } = found
    {
        draft.accounts.push(*object);
    }
    draft.partial = leaver;
    Outcome {
        whole: Some(draft),
        partial: outcome
            .partial
            .into_iter()
            .filter(|partial| partial.code == held::REMOVAL_UNPROVEN)
            .collect(),
        switch: leaver.then_some(false),
        ..Outcome::default()
    }
}

pub(super) struct Evaluation<'s, 't, 'a> {
    pub(super) target: &'t Target<'a>,
    pub(super) subject: &'t Subject,
    pub(super) at: u32,
    pub(super) entry: Option<&'a Entry>,
    pub(super) context: &'s PersonContext<'s>,
    pub(super) outcome: Outcome<'t>,
}

impl<'t> Evaluation<'_, 't, '_> {
    fn switch(&mut self) {
        let Some(entry) = self.entry else { return };
        let state = self.target.state(self.subject);
        let flags = entry
            .value(self.target.known.uac)
            .and_then(|flags| flags.parse::<i64>().ok());
        let Some(flags) = flags else {
            self.outcome.partial.push(
                Draft::new(
                    held::RULE_FAILED,
                    "the read does not tell whether the account is enabled",
                )
                .partial(),
            );
            return;
        };
        let enabled = flags & ACCOUNTDISABLE == 0;
        if enabled == state.enabled {
            return;
        }
        if !state.enabled && !self.may_take() {
            self.unproven("disabling the account", state.rule);
        } else {
            self.outcome.switch = Some(state.enabled);
        }
    }

    /// Whether the directory has what the mapping says nobody may be without.
    fn possible(&self) -> Result<(), Draft> {
        let state = usize::from(self.subject.state);
        let mapping = self.target.mapping(self.subject);
        let lacks = mapping.lacking.iter().find(|one| match one.origin {
            Origin::Mapping => true,
            Origin::State => one.state == state,
            Origin::Template(at) => mapping
                .concerned(self.context)
                .is_ok_and(|concerned| concerned.contains(&at)),
        });
        match lacks {
            None => Ok(()),
            Some(one) => Err(Draft::new(
                held::ATTRIBUTE_UNKNOWN,
                format!(
                    "the schema of {} has no attribute {}",
                    self.target.name, one.name
                ),
            )
            .rule(one.rule)),
        }
    }

    fn proven(&self) -> bool {
        self.target.side(self.subject).proven
    }

    /// Whether a leaver's account may be taken from them: the read proves it, and the account is known by its anchor
    /// and not only recognised by something people share.
    pub(super) fn may_take(&self) -> bool {
        self.proven() && !matches!(self.subject.found, Found::Adopt { .. })
    }

    pub(super) fn unproven(&mut self, what: &str, rule: RuleId) {
        let mut draft = if self.proven() {
            Draft::new(
                held::REMOVAL_AFTER_ADOPTION,
                format!("{what} waits until the account carries its anchor"),
            )
        } else {
            Draft::new(
                held::REMOVAL_UNPROVEN,
                format!("{what} waits for a read that is proven complete"),
            )
        }
        .rule(rule)
        .partial();
        draft.accounts.extend(self.subject.account());
        self.outcome.partial.push(draft);
    }

    pub(super) fn observed(&self, rule: &AttributeRule) -> &[CompactString] {
        self.entry.map_or(&[], |entry| entry.values(rule.id))
    }

    fn attributes(&mut self) -> Result<(), Draft> {
        let target = self.target;
        let mapping = target.mapping(self.subject);
        let slots = &target.composition(self.subject)?.slots;
        let mut speaking: Vec<&'t Slot> = Vec::new();
        for slot in slots {
            if mapping.speaks_of(slot).is_empty() {
                self.slot(slot)?;
            } else {
                speaking.push(slot);
            }
        }
        speaking.sort_by_key(|slot| mapping.rank_of(slot));
        for slot in speaking {
            if self.waits(slot) {
                self.outcome.waiting.push(slot);
            } else {
                self.with_account(slot, &Given::default())?;
            }
        }
        if self.entry.is_none() {
            // The anchor is what ties the new account to the person.
            let anchor = &mapping.anchor;
            let written = self
                .outcome
                .attributes
                .iter()
                .any(|delta| delta.rule.id == anchor.id);
            if written {
                let same = self.outcome.attributes.iter().all(|delta| {
                    delta.rule.id != anchor.id
                        || matches!(&delta.after, After::Values(values)
                            if values.iter().any(|value| anchor.matches(value, &self.subject.anchor)))
                });
                if !same {
                    return Err(Draft::new(
                        held::BAD_VALUE,
                        format!(
                            "the mapping gives {} another value than the anchor",
                            anchor.name
                        ),
                    )
                    .rule(anchor.formula.rule));
                }
            }
        }
        Ok(())
    }

    /// Whoever decides about one attribute.
    pub(super) fn slot(&mut self, slot: &'t Slot) -> Result<(), Draft> {
        let mapping = self.target.mapping(self.subject);
        if let Some(first) = slot.rules().first()
            && mapping.rule(*first).keeps
        {
            return self.addresses(slot.rules());
        }
        match &slot.decides {
            Decides::Nobody => self.left(&slot.leaving),
            Decides::One(rule) => self.decided(mapping.rule(*rule)),
            Decides::Equals(rules) => self.agreed(rules),
            Decides::Together(rules) => self.together(rules, &slot.leaving),
            Decides::Unknown { rule, field } => self.unknown(mapping.rule(*rule), field),
        }
    }

    /// True for rules that are only for other accounts: new ones, or those without a value.
    pub(super) fn has_no_say(&self, rule: &AttributeRule) -> bool {
        self.entry.is_some()
            && match rule.when {
                kinds::When::Always | kinds::When::Merge => false,
                kinds::When::OnCreate => true,
                kinds::When::IfEmpty => !self
                    .observed(rule)
                    .iter()
                    .all(|value| means_empty(&rule.def, value)),
            }
    }

    /// One rule decides.
    pub(super) fn decided(&mut self, rule: &'t AttributeRule) -> Result<(), Draft> {
        if self.has_no_say(rule) {
            return Ok(());
        }
        if let Some(field) = &rule.blind {
            return self.unknown(rule, field);
        }
        self.attribute(rule).map_err(|draft| match draft.rule {
            Some(_) => draft,
            None => draft.rule(rule.rule),
        })
    }

    /// What hangs from a field that is in no row is left alone; but an account cannot be made without its names.
    fn unknown(&mut self, rule: &AttributeRule, field: &Name) -> Result<(), Draft> {
        if self.entry.is_none() && matches!(rule.kind, RuleKind::Name(_)) {
            return Err(Draft::not_delivered(&rule.name, field).rule(rule.rule));
        }
        Ok(())
    }

    fn attribute(&mut self, rule: &'t AttributeRule) -> Result<(), Draft> {
        let problem = |problem: Problem| Draft::problem(&rule.name, &problem);
        if !rule.applies(self.context).map_err(problem)? {
            return Ok(());
        }
        match &rule.kind {
            RuleKind::Value(formula) => {
                if self.is_as_it_stands(rule, formula) {
                    return Ok(());
                }
                let wanted = if is_reference(&rule.def) {
                    rule.one_dn(formula, self.context, &mut self.outcome.notes)
                } else {
                    rule.one(formula, self.context, &mut self.outcome.notes)
                }
                .map_err(problem)?;
                match wanted {
                    Wanted::One(text) => self.one(rule, text),
                    other => self.nothing(rule, &other),
                }
            }
            RuleKind::Values(formulas) => {
                let wanted = rule
                    .many(formulas, self.context, &mut self.outcome.notes)
                    .map_err(problem)?;
                match wanted {
                    Wanted::Many(values) => self.many(rule, values),
                    Wanted::One(text) => self.one(rule, text),
                    other => self.nothing(rule, &other),
                }
            }
            RuleKind::Person { formula, field } => {
                let wanted = rule
                    .one(formula, self.context, &mut self.outcome.notes)
                    .map_err(problem)?;
                match wanted {
                    Wanted::One(text) => {
                        self.person(rule, *field, text);
                        Ok(())
                    }
                    other => self.nothing(rule, &other),
                }
            }
            RuleKind::Name(names) => self.name(rule, names),
        }
    }

    /// The short way for what most rules are and most accounts already have: one field, as it stands.
    fn is_as_it_stands(&self, rule: &AttributeRule, formula: &Formula) -> bool {
        let Some(field) = formula.field else {
            return false;
        };
        let same = match (self.context.person.fact(field), self.observed(rule)) {
            (Some(Fact::Text(text)), [observed]) => text == observed,
            (None, []) => rule.empty != kinds::Empty::Hold,
            _ => false,
        };
        if same {
            formula.template.noted(self.context.person);
        }
        same
    }

    fn one(&mut self, rule: &'t AttributeRule, text: CompactString) -> Result<(), Draft> {
        if is_reference(&rule.def) {
            return self.object_by_name(rule, &text);
        }
        let observed = self.observed(rule);
        if let [observed] = observed
            && *observed == text
        {
            return Ok(());
        }
        let (value, cut) = self.fitted(rule, &text)?;
        if let [observed] = observed
            && equal(&rule.def, observed, &value)
        {
            return Ok(());
        }
        self.push_cut(rule, After::Values(vec![value]), cut);
        Ok(())
    }

    /// A value as the directory stores it, and its length before it was cut, if it was.
    pub(super) fn fitted(
        &self,
        rule: &AttributeRule,
        text: &str,
    ) -> Result<(CompactString, Option<u32>), Draft> {
        let zone = &self.target.moment.zone;
        let bad = match canonical(&rule.def, text, zone) {
            Ok(value) => return Ok((value, None)),
            Err(bad) => bad,
        };
        if let BadValue::TooLong { length, limit, .. } = &bad
            && rule.too_long == kinds::TooLong::Truncate
        {
            let limit = usize::try_from(*limit).unwrap_or_default();
            if let Some(value) = shortened(&rule.def, text, limit)
                && let Ok(value) = canonical(&rule.def, &value, zone)
            {
                return Ok((value, u32::try_from(*length).ok()));
            }
        }
        Err(Draft::bad_value(&rule.name, &bad))
    }

    pub(super) fn many(
        &mut self,
        rule: &'t AttributeRule,
        texts: Vec<CompactString>,
    ) -> Result<(), Draft> {
        let mut values: Vec<CompactString> = Vec::with_capacity(texts.len());
        let mut cut = None;
        for text in texts {
            let (value, length) = self.fitted(rule, &text)?;
            // Two that differ only in what was cut off are one.
            if length.is_some() && values.contains(&value) {
                continue;
            }
            cut = cut.max(length);
            values.push(value);
        }
        if rule.def.single_valued && values.len() > 1 {
            return Err(Draft::new(
                held::BAD_VALUE,
                format!(
                    "{} takes one value and the rule gives {}",
                    rule.name,
                    values.len()
                ),
            ));
        }
        if is_reference(&rule.def) {
            return Err(Draft::new(
                held::BAD_VALUE,
                format!("{} takes other accounts; use person", rule.name),
            ));
        }
        if !crate::diff::same(&rule.def, self.observed(rule), &values) {
            values.sort();
            self.push_cut(rule, After::Values(values), cut);
        }
        Ok(())
    }

    fn nothing(&mut self, rule: &'t AttributeRule, wanted: &Wanted) -> Result<(), Draft> {
        if *wanted != Wanted::Clear || self.observed(rule).is_empty() {
            return Ok(());
        }
        let after: Vec<CompactString> = match cleared(&rule.def) {
            Cleared::Nothing => Vec::new(),
            Cleared::Value(value) => vec![value.into()],
            Cleared::Impossible => {
                return Err(Draft::new(
                    held::CANNOT_CLEAR,
                    format!("{} cannot be empty", rule.name),
                ));
            }
        };
        if crate::diff::same(&rule.def, self.observed(rule), &after) {
            return Ok(());
        }
        if self.proven() {
            self.push(rule, After::Values(after));
        } else {
            self.unproven(&format!("clearing {}", rule.name), rule.rule);
        }
        Ok(())
    }

    fn push(&mut self, rule: &'t AttributeRule, after: After) {
        self.push_cut(rule, after, None);
    }

    fn push_cut(&mut self, rule: &'t AttributeRule, after: After, cut: Option<u32>) {
        let state = self.target.state(self.subject);
        if rule.origin == Origin::State
            && !state.enabled
            && self.entry.is_some()
            && !self.may_take()
        {
            let what = format!("setting {} for state {}", rule.name, state.name);
            return self.unproven(&what, rule.rule);
        }
        if !self.proven()
            && let Some(what) = self.takes_away(rule, &after)
        {
            return self.unproven(&what, rule.rule);
        }
        self.outcome.attributes.push(Delta {
            rule,
            with: Vec::new(),
            after,
            cut,
        });
    }

    /// What the account would lose by the change although no rule clears anything: time, or one value of several.
    fn takes_away(&self, rule: &AttributeRule, after: &After) -> Option<String> {
        let observed = self.observed(rule);
        let stays = |value: &CompactString| match after {
            // Another address becomes the primary one; this one still receives mail.
            After::Values(_) if rule.keeps => true,
            After::Values(values) => values.iter().any(|kept| equal(&rule.def, kept, value)),
            After::Object(object) => self.target.index.by_text(value) == Some(*object),
            After::Made(_) => false,
            After::Merged { remove, .. } => !remove.contains(value),
        };
        if !rule.def.single_valued && !observed.iter().all(stays) {
            return Some(format!("taking values of {} away", rule.name));
        }
        let After::Values(values) = after else {
            return None;
        };
        // An account whose expiry was not read, or that has none, works for ever.
        let (before, after) = (
            observed.first().map_or(i64::MAX, |value| ticks(value)),
            values.first().map_or(i64::MAX, |value| ticks(value)),
        );
        (self.entry.is_some() && is_expiry(&rule.def) && after < before)
            .then(|| format!("an earlier {}", rule.name))
    }

    fn object_by_name(&mut self, rule: &'t AttributeRule, text: &str) -> Result<(), Draft> {
        let object = self.target.index.by_text(text).ok_or_else(|| {
            Draft::new(
                held::BAD_VALUE,
                format!("{}: no object is named {text:?}", rule.name),
            )
        })?;
        self.object(rule, object);
        Ok(())
    }

    fn object(&mut self, rule: &'t AttributeRule, object: u32) {
        let index = &self.target.index;
        if let [observed] = self.observed(rule)
            && (*observed == index.entry(object).dn.as_str()
                || index.by_text(observed) == Some(object))
        {
            return;
        }
        self.push(rule, After::Object(object));
    }

    fn person(&mut self, rule: &'t AttributeRule, field: Option<FieldIndex>, text: CompactString) {
        let target = self.target;
        let Some(at) = self.subject_named(field, &text) else {
            let why = self.nobody(field, &text);
            self.outcome.unresolved.push((rule, text, why));
            return;
        };
        let subject = &target.subjects[at as usize];
        let why = match (subject.account(), &subject.found) {
            (Some(object), _) => return self.object(rule, object),
            (None, Found::Nothing) if target.state(subject).create => {
                return self.push(rule, After::Made(at));
            }
            (None, Found::Nothing) => Unresolved::NoAccount,
            _ => Unresolved::Held,
        };
        self.outcome.unresolved.push((rule, text, why));
    }

    /// Why a value names no subject.
    fn nobody(&self, field: Option<FieldIndex>, text: &str) -> Unresolved {
        let side = usize::from(self.subject.side);
        let people = &self.target.sides[side];
        let found = self.target.lookups[side]
            .get(&field)
            .and_then(|lookup| lookup.find(people, text));
        match found {
            None => Unresolved::Nobody,
            Some(person) if person == self.subject.person => Unresolved::Self_,
            Some(person) if !people.person(person).in_scope => Unresolved::OutOfScope,
            Some(_) => Unresolved::Held,
        }
    }

    /// The subject a value names, unless it is this very one.
    pub(super) fn subject_named(&self, field: Option<FieldIndex>, text: &str) -> Option<u32> {
        let target = self.target;
        let side = usize::from(self.subject.side);
        target.lookups[side]
            .get(&field)
            .and_then(|lookup| lookup.find(&target.sides[side], text))
            .map(|person| target.subject_of[side][person as usize])
            .filter(|subject| *subject != NOBODY && *subject != self.at)
    }

    fn name(&mut self, rule: &'t AttributeRule, names: &'t NameRule) -> Result<(), Draft> {
        let mut candidates = names.candidates(self.context);
        if let Some(error) = &candidates.failed {
            return Err(Draft::problem(&rule.name, &Problem::of(error.clone())));
        }
        let reported = !candidates.unmapped.is_empty();
        self.outcome.notes.unmapped.append(&mut candidates.unmapped);
        if candidates.names.is_empty() {
            if candidates.missing.is_empty() && !reported {
                return Err(Draft::new(
                    held::NO_USABLE_NAME,
                    format!("no format gives a usable {}", rule.name),
                ));
            }
            let wanted = rule
                .empty(candidates.missing)
                .map_err(|problem| Draft::problem(&rule.name, &problem))?;
            return self.nothing(rule, &wanted);
        }
        if let [current] = self.observed(rule)
            && names.could_be(&candidates, current)
        {
            return Ok(());
        }
        for (name, _) in &candidates.names {
            canonical(&rule.def, name, &self.target.moment.zone)
                .map_err(|bad| Draft::bad_value(&rule.name, &bad))?;
            if crate::mapping::length(name) > names.limit {
                return Err(Draft::new(
                    held::VALUE_TOO_LONG,
                    format!(
                        "{}: {} characters long, the limit is {}",
                        rule.name,
                        crate::mapping::length(name),
                        names.limit
                    ),
                ));
            }
        }
        if names.single && !names.is_clean(&candidates) {
            return Err(Draft::new(
                held::BAD_VALUE,
                format!("{} has characters that are not allowed in it", rule.name),
            ));
        }
        self.outcome.names.push(NameNeed {
            rule,
            names,
            candidates,
        });
        Ok(())
    }

    fn placement(&mut self, places: &mut Places) -> Result<(), Draft> {
        let target = self.target;
        let state = target.state(self.subject);
        let mapping = target.mapping(self.subject);
        let composition = target.composition(self.subject)?;
        let stays = self.entry.is_some()
            && state.placement.is_none()
            && mapping.placement_when == kinds::PlacementWhen::OnCreate;
        if stays {
            return Ok(());
        }
        if let (None, Some(field)) = (&state.placement, &composition.placement_blind) {
            if self.entry.is_none() {
                return Err(Draft::not_delivered("the placement", field));
            }
            return Ok(());
        }
        let formula: &Formula = match &state.placement {
            Some(formula) => formula,
            None => self
                .template_place(&composition.placement)?
                .unwrap_or(&mapping.placement),
        };
        if let Some(field) = &formula.blind {
            if self.entry.is_none() {
                return Err(Draft::not_delivered("the placement", field).rule(formula.rule));
            }
            return Ok(());
        }
        let text = formula.template.render_dn(self.context).map_err(|error| {
            Draft::problem("the placement", &Problem::of(error)).rule(formula.rule)
        })?;
        let place = places.find(&text, &target.index, &target.scope);
        let Some(object) = self.subject.account() else {
            let place = place.map_err(|draft| draft.rule(formula.rule))?;
            self.outcome.place = Some((place, formula.rule));
            return Ok(());
        };
        match place {
            Err(draft) => self
                .outcome
                .partial
                .push(draft.rule(formula.rule).accounts(vec![object]).partial()),
            Ok(place) => {
                let here = target.index.key(object).as_str().split_once(',');
                if here.is_some_and(|(_, parent)| parent == target.index.key(place).as_str()) {
                    return Ok(());
                }
                if !state.enabled && state.placement.is_some() && !self.may_take() {
                    self.unproven("moving the account", formula.rule);
                } else {
                    self.outcome.place = Some((place, formula.rule));
                }
            }
        }
        Ok(())
    }
}
