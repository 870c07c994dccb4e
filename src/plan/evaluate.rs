//! What differs between one person's desired account and the observed one.
//!
//! The part that runs for everyone: it compares without building anything, and collects only where there is a
//! difference. Names that must be unique are not settled here, only found to be needed.

use compact_str::CompactString;

use super::counting::Work;
use super::draft::Draft;
use super::naming::Given;
pub(super) use super::outcome::{After, Delta, NameNeed, Outcome, Unresolved};
use super::places::Places;
use super::target::{Subject, Target};
use super::zones::Seen;
use crate::config::kinds;
use crate::lang::PersonContext;
use crate::lifecycle::RuleId;
use crate::mapping::{AttributeRule, Decides, Origin, Slot, means_empty};
use crate::matching::{Found, Standing};
use crate::model::Entry;
use crate::model::{ACCOUNTDISABLE, PASSWD_NOTREQD};
use crate::policy::held;

/// What one person needs; `None` when nothing at all.
pub(super) fn evaluate<'t>(
    target: &'t Target<'_>,
    at: u32,
    places: &mut Places,
    seen: &mut Option<Seen<'t>>,
) -> Option<Box<Outcome<'t>>> {
    let subject = &target.subjects[at as usize];
    if let Some(lost) = target.has_lost(at, subject) {
        return Some(Box::new(lost));
    }
    if matches!(subject.found, Found::Conflict(_)) {
        return None;
    }
    let entry = subject.account().map(|object| target.index.entry(object));
    let exceptions = &target.side(subject).exceptions;
    let stopped = exceptions.stops(subject.person);
    if entry.is_none() && (!target.state(subject).create || stopped.is_some()) {
        return None;
    }
    let mut evaluation = Evaluation {
        target,
        subject,
        at,
        entry,
        context: target
            .side(subject)
            .seen(target.moment, seen, subject.person),
        outcome: Outcome {
            create: entry.is_none(),
            ..Outcome::default()
        },
    };
    let mut kept = None;
    let waits = evaluation.anchor_waits();
    let mut outcome = if target.is_left_alone(subject) {
        evaluation.left_alone(stopped)
    } else {
        evaluation.switch(stopped);
        match evaluation.deletion() {
            None => {}
            Some(Ok(())) => {
                return Some(Box::new(Outcome {
                    delete: true,
                    ..Outcome::default()
                }));
            }
            Some(Err(draft)) => kept = Some(draft),
        }
        let unknown = || match evaluation.entry {
            None => target.may_be_known_otherwise(subject),
            Some(_) => None,
        };
        let refused = target.refused(subject);
        let refused = refused.or_else(|| target.return_held(subject));
        let result = match refused.or_else(unknown) {
            Some(draft) => evaluation.stamp().and(Err(draft)),
            None => evaluation
                .stamp()
                .and_then(|()| evaluation.possible())
                .and_then(|()| evaluation.attributes())
                .and_then(|()| evaluation.placement(places)),
        };
        match result {
            Ok(()) => evaluation.outcome,
            Err(draft) => hold(evaluation.outcome, draft, target, subject),
        }
    };
    if let Some(draft) = waits {
        outcome = hold(outcome, draft, target, subject);
    }
    let mapping = target.mapping(subject);
    outcome = exceptions.spare(subject.person, &subject.found, outcome, |slot| {
        let rule = slot.rules().first()?;
        Some(mapping.rule(*rule).name.clone())
    });
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
    if let Some(object) = subject.account()
        && matches!(target.standing[object as usize], Standing::Protected(_))
    {
        // Nothing of it is managed, so nothing of it is an edit.
        outcome.left.clear();
    }
    let edits = outcome.left.iter();
    let edits: Vec<Draft> = edits
        .filter_map(|left| left.draft(subject.account()))
        .collect();
    outcome.partial.extend(edits);
    // What is said of the whole account says this, too.
    if outcome.whole.is_none() {
        outcome.partial.extend(kept);
    }
    (!outcome.is_empty()).then(|| Box::new(outcome))
}

/// Takes everything back but the disabling of a leaver whose account is known, and the stamp that says since when: a
/// missing department must not keep an account open.
pub(super) fn hold<'t>(
    outcome: Outcome<'t>,
    mut draft: Draft,
    target: &Target<'_>,
    subject: &Subject,
) -> Outcome<'t> {
    let found = &subject.found;
    let stamp = target.mapping(subject).stamp.as_ref();
    let leaver = outcome.switch == Some(false) && subject.is_tied();
    if draft.accounts.is_empty()
        && let Found::Account(object) | Found::Adopt { object, .. } = found
    {
        draft.accounts.push(*object);
    }
    // Somebody who is seen is not missing any more, whatever else is wrong with them.
    let seen = matches!(subject.counting.stamp, Work::Seen(_));
    // Not on an account that is not theirs yet.
    let proven = target.side(subject).proven;
    let own = matches!(found, Found::Account(_)) || subject.is_tied() && proven;
    let kept = |delta: &Delta<'t>| {
        own && stamp.is_some_and(|stamp| std::ptr::eq(stamp, delta.rule))
            && (leaver
                || seen
                || matches!(&delta.after, After::Values(values) if values.is_empty()))
    };
    let attributes: Vec<Delta<'t>> = outcome.attributes.into_iter().filter(kept).collect();
    draft.partial = leaver || !attributes.is_empty();
    Outcome {
        whole: Some(draft),
        partial: outcome
            .partial
            .into_iter()
            .filter(|partial| partial.code == held::REMOVAL_UNPROVEN)
            .collect(),
        switch: leaver.then_some(false),
        reset: leaver && outcome.reset,
        undated: outcome.undated,
        attributes,
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
    /// Whether the account is to be enabled or disabled; `stopped` says that it is disabled whatever the state.
    pub(super) fn switch(&mut self, stopped: Option<RuleId>) {
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
        let wanted = state.enabled && stopped.is_none();
        let resets = !state.enabled && state.reset_after.is_some() && self.may_take();
        if enabled == wanted {
            if resets && !enabled {
                match self.password_is_older(entry) {
                    Some(older) => self.outcome.reset = older,
                    None => self.outcome.undated = true,
                }
            }
            return;
        }
        if !wanted && !self.may_take() {
            self.unproven("disabling the account", stopped.unwrap_or(state.rule));
        } else if wanted && self.stays_disabled() {
            // As somebody made it.
        } else if wanted && flags & PASSWD_NOTREQD != 0 && !self.target.keeps_passwords {
            let text = "the account would be enabled, and no password is required of it (PASSWD_NOTREQD), as a create leaves it that was interrupted; it gets none while the project names nobody who may open the file with initial passwords";
            let draft = Draft::new(held::NO_PASSWORD_RECIPIENTS, text);
            self.outcome.partial.push(draft.rule(state.rule).partial());
        } else {
            self.outcome.switch = Some(wanted);
            self.outcome.reset = resets && !wanted;
        }
    }

    /// Whether the account was disabled, and its password not replaced since the state asks for it: an apply failed in
    /// between, or somebody else disabled it. Only where a day says since when. `None` where the read does not tell.
    ///
    /// A `pwdLastSet` of 0 is no moment: it says that the password is to be changed at the next logon, and stands there
    /// also after a password was replaced by an account without the right Unexpire-Password ([MS-SAMR] 3.1.1.8.7).
    /// Taking it for "never" would replace the password in every plan. When the password was written then stands in the
    /// replication metadata only.
    fn password_is_older(&self, entry: &Entry) -> Option<bool> {
        /// Seconds from 1601, from which the directory counts in steps of 100 ns ([MS-ADTS] 3.1.1.1.1), to 1970.
        const EPOCH: i64 = 11_644_473_600;
        let state = self.target.state(self.subject);
        let known = self.target.known.pwd_last_set;
        let Some(set) = known.and_then(|id| entry.value(id)?.trim().parse::<i64>().ok()) else {
            return Some(false);
        };
        let after = i64::from(state.reset_after.unwrap_or_default());
        let since = self.subject.counting.day.and_then(|day| {
            let day = day.checked_add(jiff::Span::new().days(after)).ok()?;
            let start = day.to_zoned(self.context.as_of.time_zone().clone()).ok()?;
            Some(start.timestamp().as_second())
        });
        let Some(since) = since else {
            return Some(false);
        };
        match set {
            0 => {
                let facts = entry.deletion.as_ref();
                let changed = facts.and_then(|facts| facts.password_changed)?;
                Some(changed.as_second() < since)
            }
            set => Some(set < since.saturating_add(EPOCH).saturating_mul(10_000_000)),
        }
    }

    /// Whether the account is deleted, and what keeps it; `None` where it is not to be.
    fn deletion(&self) -> Option<Result<(), Draft>> {
        let target = self.target;
        let object = self.subject.account()?;
        let terms = target.state(self.subject).delete.as_ref()?;
        if !self.may_take() || matches!(self.subject.found, Found::Adopt { .. }) {
            return Some(Err(self.not_taken("deleting the account", terms.rule)));
        }
        let exceptions = &target.side(self.subject).exceptions;
        if let Some(draft) = exceptions.keep(self.subject.person, object) {
            return Some(Err(draft));
        }
        Some(target.deletable(object, terms))
    }

    /// Whether the directory has what the mapping says nobody may be without.
    fn possible(&self) -> Result<(), Draft> {
        let state = usize::from(self.subject.state);
        let mapping = self.target.mapping(self.subject);
        let lacks = mapping.lacking.iter().find(|one| match one.origin {
            Origin::Mapping | Origin::Exception => true,
            Origin::State => one.state == state,
            Origin::Template(at) => mapping
                .concerned(self.context)
                .is_ok_and(|concerned| concerned.contains(&at)),
        });
        match lacks {
            None => Ok(()),
            Some(one) if one.owned => Err(Draft::new(
                held::ATTRIBUTE_READ_ONLY,
                format!(
                    "the schema of {} lets nobody write attribute {}",
                    self.target.name, one.name
                ),
            )
            .rule(one.rule)),
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

    pub(super) fn proven(&self) -> bool {
        self.target.side(self.subject).proven
    }

    /// Whether a leaver's account may be taken from them: the read proves it, and the account is known by its anchor
    /// and not only recognised by something people share.
    pub(super) fn may_take(&self) -> bool {
        self.proven() && self.subject.is_tied()
    }

    /// Whether the account is to be disabled, and that waits.
    pub(super) fn shutting_waits(&self) -> bool {
        let target = self.target;
        let flags = self.entry.and_then(|entry| entry.value(target.known.uac));
        let flags = flags.and_then(|flags| flags.parse::<i64>().ok());
        let stops = &target.side(self.subject).exceptions;
        let shut =
            !target.state(self.subject).enabled || stops.stops(self.subject.person).is_some();
        shut && flags.is_some_and(|flags| flags & ACCOUNTDISABLE == 0) && !self.may_take()
    }

    pub(super) fn unproven(&mut self, what: &str, rule: RuleId) {
        let draft = self.not_taken(what, rule);
        self.outcome.partial.push(draft);
    }

    fn not_taken(&self, what: &str, rule: RuleId) -> Draft {
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
        draft
    }

    pub(super) fn observed(&self, rule: &AttributeRule) -> &[CompactString] {
        self.entry.map_or(&[], |entry| entry.values(rule.id))
    }

    fn attributes(&mut self) -> Result<(), Draft> {
        let target = self.target;
        let mapping = target.mapping(self.subject);
        let slots = &target.composition(self.subject)?.slots;
        let mut speaking: Vec<&'t Slot> = Vec::new();
        let exceptions = &target.side(self.subject).exceptions;
        let person = self.subject.person;
        for rule in exceptions.rules(person) {
            self.decided(rule)?;
        }
        for slot in slots {
            let decides = |at: &u32| exceptions.decides(person, mapping.rule(*at).id);
            if slot.rules().first().is_some_and(decides) {
                continue;
            }
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
            // What adds to the values of others never decides which of them is the primary address, and what is kept
            // is not taken back either.
            return match &slot.decides {
                Decides::Together(rules) => self.together(rules, &[]),
                _ => self.addresses(slot.rules()),
            };
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
}
