//! Accounts whose person is missing from the source, where the lifecycle says that they are leavers in the end.
//!
//! Knows the accounts `absent` has found on reads that prove it; nobody is judged here on any other. Keeps that
//! nothing is taken before the days have passed that a stamp on the account counts, that the stamp goes when the
//! person is seen again, that of several accounts with one anchor none is anybody's, and that what would need a fact of
//! somebody who has none is left as it is.

use compact_str::{CompactString, ToCompactString, format_compact};
use hashbrown::{HashMap, HashSet};
use jiff::civil::Date;

use super::changes::{change_id, index};
use super::counting::before_account;
use super::draft::{Draft, Warnings};
use super::places::Places;
use super::steps::recovery_of;
use super::target::Target;
use super::{Action, AttributeChange, Cause, Change, ChangeId, PersonRef, PlanValue, Reason, Risk};
use crate::config::kinds::GroupsInState;
use crate::lang::PersonContext;
use crate::lifecycle::{ABSENT, Absent, Stamp, State};
use crate::mapping::{
    AttributeRule, Cleared, Decides, Mapping, Notes, Origin, RuleKind, Wanted, canonical, cleared,
    is_reference,
};
use crate::matching::{Carriers, Standing};
use crate::model::{ACCOUNTDISABLE, AttributeId, DnKey, Person, PersonKey, spoken};
use crate::policy::{held, warning};

/// An account with the anchor of nobody, on a read that proves it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    pub(super) object: u32,
    pub(super) side: u16,
    pub(super) anchor: AttributeId,
}

/// An account taken out of the groups that rules of a side name.
pub(super) struct Strip {
    pub(super) side: u16,
    pub(super) state: u16,
    pub(super) person: PersonRef,
    pub(super) because: Reason,
}

/// What becomes of them.
#[derive(Default)]
pub(super) struct Left {
    pub(super) changes: Vec<Change>,
    pub(super) drafts: Vec<Draft>,
    pub(super) strips: HashMap<u32, Strip>,
    /// Since when each is missed, for those who are not leavers yet.
    pub(super) waiting: Vec<(Missing, Date)>,
    /// Where accounts go; nobody else stands there after the plan.
    pub(super) goals: HashSet<DnKey>,
}

/// Plans for them. `seen` are accounts of people who stand in the read although nothing is planned for them.
pub(super) fn plan(
    target: &Target<'_>,
    missing: &[Missing],
    seen: &[Missing],
    warnings: &mut Warnings,
) -> Left {
    let mut left = Left::default();
    let mut places = Places::default();
    for one in seen {
        if let Some(here) = Here::new(target, *one)
            && let Some(Some(stamp)) = here.stamped()
            && stamp.missing_since().is_some()
        {
            if let Standing::Protected(why) = target.standing[one.object as usize] {
                let text =
                    format!("the stamp would change, for the person is seen again, but {why}");
                left.drafts.push(here.draft(held::PROTECTED, text));
                continue;
            }
            let because = here.reason("the person is seen again");
            let kept = here.stamp(stamp.seen());
            left.changes
                .push(here.modify(vec![kept], because, Vec::new()));
        }
    }
    let mut told = HashSet::new();
    for one in missing {
        let Some(here) = Here::new(target, *one) else {
            continue;
        };
        // One of them may be somebody else's: nobody can say which.
        let carriers = here.carriers();
        if carriers.count > 1 {
            if told.insert(carriers.first.first().copied()) {
                let text = format!(
                    "{} accounts have {}, which nobody has any more",
                    carriers.count,
                    here.anchor()
                );
                let draft = here.draft(held::AMBIGUOUS_MATCH, text);
                left.drafts.push(draft.accounts(carriers.first));
            }
            continue;
        }
        if matches!(target.standing[one.object as usize], Standing::Protected(_)) {
            let text = format!(
                "nobody has {} any more, and the account is protected",
                here.anchor()
            );
            left.drafts.push(here.draft(held::ABSENT, text));
            continue;
        }
        here.plan(&mut left, &mut places, warnings);
    }
    left
}

/// One of them, with everything known about it.
struct Here<'t, 'a> {
    target: &'t Target<'a>,
    of: Missing,
    mapping: &'t Mapping,
    rule: &'t AttributeRule,
    /// Days, and the state.
    after: u32,
    state: usize,
}

impl<'t, 'a> Here<'t, 'a> {
    /// `None` where missing people do not become leavers.
    fn new(target: &'t Target<'a>, of: Missing) -> Option<Self> {
        let side = &target.sides[usize::from(of.side)];
        let Absent::Leaver { after, written } = side.lifecycle.absent else {
            return None;
        };
        let mapping = side
            .mappings
            .iter()
            .find(|mapping| mapping.anchor.id == of.anchor)?;
        Some(Self {
            target,
            of,
            mapping,
            rule: mapping.stamp.as_ref()?,
            after,
            state: written,
        })
    }

    fn plan(&self, left: &mut Left, places: &mut Places, warnings: &mut Warnings) {
        let today = self.target.moment.as_of.date();
        let zone = self.target.moment.as_of.time_zone();
        let written = &self.lifecycle().written[self.state];
        let stamp = match self.stamped() {
            Some(None) => {
                let text = format!(
                    "{} says since when nobody has {}, and what stands there is no stamp",
                    self.rule.name,
                    self.anchor()
                );
                let draft = self.draft(held::STAMP_UNREADABLE, text);
                left.drafts.push(draft);
                return;
            }
            Some(Some(stamp)) if self.target.predates(self.of.object, &stamp) => {
                warnings.add(
                    warning::STAMP_BEFORE_ACCOUNT,
                    before_account(self.target.name),
                    self.target.index.entry(self.of.object).dn.spoken(),
                );
                None
            }
            Some(Some(stamp)) => Some(stamp),
            None => None,
        };
        // A leaver who goes missing has left since the same day: nothing of what was counted is lost.
        let left_on = stamp
            .as_ref()
            .filter(|stamp| stamp.what == written.name)
            .map(|stamp| zone.to_datetime(stamp.since).date());
        let day = match stamp.as_ref().and_then(Stamp::missing_since) {
            Some(since) => zone.to_datetime(since).date(),
            None => {
                let now = self.target.moment.as_of.timestamp();
                let noted = match stamp {
                    Some(stamp) => Stamp {
                        absent: Some(now),
                        ..stamp
                    },
                    None => Stamp::new(ABSENT, now),
                };
                let because = self.reason(&format!("nobody has {} any more", self.anchor()));
                let noted = self.stamp(Some(noted));
                left.changes
                    .push(self.modify(vec![noted], because, Vec::new()));
                today
            }
        };
        let passed = i64::from((today - day).get_days());
        if passed <= i64::from(self.after) {
            let state = spoken::name(&written.name);
            warnings.add(
                warning::ABSENT,
                format!(
                    "accounts in {} carry an anchor no person has; after {} days they are in state {state}",
                    self.target.name, self.after
                ),
                format!(
                    "{} since {day}",
                    self.target.index.entry(self.of.object).dn.spoken()
                ),
            );
            if left_on.is_none() {
                left.waiting.push((self.of, day));
            }
            return;
        }
        let over = day.checked_add(jiff::Span::new().days(i64::from(self.after)));
        let Some(since) = left_on.or(over.ok()) else {
            return;
        };
        let at = written.stage(since, today);
        if let Some(state) = self.lifecycle().states.get(at) {
            self.leave(state, at, day, left, places);
        }
    }

    /// What the state is for an account without a person.
    fn leave(&self, state: &State, at: usize, day: Date, left: &mut Left, places: &mut Places) {
        let entry = self.target.index.entry(self.of.object);
        let because = Reason {
            text: format!(
                "state {}: nobody has had {} since {day}",
                spoken::name(&state.name),
                self.anchor()
            ),
            ..self.reason("")
        };
        if let Some(terms) = &state.delete {
            let exceptions = &self.target.sides[usize::from(self.of.side)].exceptions;
            let kept = exceptions.keep_missing(self.of.object).or_else(|| {
                // Somebody may have been given another anchor, and is missing only by the old one.
                let text = "nobody has the account's anchor, and somebody of the read is recognised by the account otherwise";
                let claimed = self.target.claimed.contains(&self.of.object);
                claimed.then(|| {
                    Draft::new(held::DELETE_CLAIMED, text)
                        .accounts(vec![self.of.object])
                        .rule(terms.rule)
                        .partial()
                })
            });
            match kept.map_or_else(|| self.target.deletable(self.of.object, terms), Err) {
                Ok(()) => {
                    let action = self.target.deletion(self.of.object, self.of.anchor);
                    let delete = action
                        .map(|action| self.change("delete", action, because.clone(), Vec::new()));
                    left.changes.extend(delete);
                    return;
                }
                Err(draft) => left.drafts.push(draft),
            }
        }
        let flags = entry
            .value(self.target.known.uac)
            .and_then(|flags| flags.parse::<i64>().ok());
        let mut waits = Vec::new();
        if flags.is_some_and(|flags| flags & ACCOUNTDISABLE == 0) {
            let disable = self.change("disable", Action::Disable {}, because.clone(), Vec::new());
            waits.push(disable.id.clone());
            left.changes.push(disable);
            if state.reset_after.is_some() {
                let action = Action::ResetPassword {};
                left.changes.push(self.change(
                    "resetPassword",
                    action,
                    because.clone(),
                    waits.clone(),
                ));
            }
        }
        let nobody = Person::nobody();
        let context = self.target.moment.of(&nobody);
        let attributes = self.attributes(at, &context);
        if !attributes.is_empty() {
            left.changes
                .push(self.modify(attributes, because.clone(), Vec::new()));
        }
        if let Some(formula) = &state.placement
            && formula.blind.is_none()
            && let Ok(text) = formula.template.render_dn(&context)
        {
            match places.find(&text, &self.target.index, &self.target.scope) {
                Err(draft) => left.drafts.push(
                    draft
                        .rule(formula.rule)
                        .accounts(vec![self.of.object])
                        .partial(),
                ),
                Ok(place) => {
                    let here = self
                        .target
                        .index
                        .key(self.of.object)
                        .as_str()
                        .split_once(',');
                    let place_key = self.target.index.key(place).as_str();
                    let (rdn, after) = (entry.dn.rdn(), &self.target.index.entry(place).dn);
                    let goal = after.child(&rdn.attribute, &rdn.value).key();
                    if here.is_some_and(|(_, parent)| parent == place_key) {
                        // There already.
                    } else if self.target.index.by_key(&goal).is_some()
                        || left.goals.contains(&goal)
                    {
                        let text = format!("{:?} is taken in {}", rdn.value, after.spoken());
                        let draft = Draft::new(held::NAME_TAKEN, text).rule(formula.rule);
                        left.drafts
                            .push(draft.accounts(vec![self.of.object]).partial());
                    } else if let Some(before) = entry.dn.parent() {
                        left.goals.insert(goal);
                        let action = Action::Move {
                            before,
                            after: self.target.index.entry(place).dn.clone(),
                            rule: index(formula.rule),
                        };
                        left.changes
                            .push(self.change("move", action, because.clone(), waits));
                    }
                }
            }
        }
        if state.groups == GroupsInState::Remove {
            let strip = Strip {
                side: self.of.side,
                state: u16::try_from(at).unwrap_or(u16::MAX),
                person: self.person(),
                because,
            };
            left.strips.insert(self.of.object, strip);
        }
    }

    /// The attributes the state itself sets, as far as nobody's facts are needed for them.
    fn attributes(&self, state: usize, context: &PersonContext<'_>) -> Vec<AttributeChange> {
        let composition = self.mapping.compose(state, &[]);
        let entry = self.target.index.entry(self.of.object);
        let mut changes = Vec::new();
        for slot in &composition.slots {
            let Decides::One(rule) = slot.decides else {
                continue;
            };
            let rule = self.mapping.rule(rule);
            if rule.origin != Origin::State || rule.blind.is_some() || is_reference(&rule.def) {
                continue;
            }
            if rule.applies(context) != Ok(true) {
                continue;
            }
            let mut notes = Notes::default();
            let wanted = match &rule.kind {
                RuleKind::Value(formula) => rule.one(formula, context, &mut notes),
                RuleKind::Values(formulas) => rule.many(formulas, context, &mut notes),
                RuleKind::Person { .. } | RuleKind::Name(_) => continue,
            };
            let texts: Vec<CompactString> = match wanted {
                Ok(Wanted::One(text)) => vec![text],
                Ok(Wanted::Many(texts)) => texts,
                // A value that somebody's facts would give is not cleared for want of them.
                Ok(Wanted::Clear) if rule.fields.is_empty() => match cleared(&rule.def) {
                    Cleared::Nothing => Vec::new(),
                    Cleared::Value(value) => vec![value.into()],
                    Cleared::Impossible => continue,
                },
                _ => continue,
            };
            let zone = context.as_of.time_zone();
            let values: Result<Vec<CompactString>, _> = texts
                .iter()
                .map(|text| canonical(&rule.def, text, zone))
                .collect();
            let Ok(mut values) = values else { continue };
            values.sort();
            if rule.def.single_valued && values.len() > 1
                || crate::diff::same(&rule.def, entry.values(rule.id), &values)
            {
                continue;
            }
            changes.push(self.attribute(rule, &values));
        }
        super::contents::sort(&mut changes);
        changes
    }

    fn attribute(&self, rule: &AttributeRule, values: &[CompactString]) -> AttributeChange {
        let entry = self.target.index.entry(self.of.object);
        let mut before: Vec<&CompactString> = entry.values(rule.id).iter().collect();
        before.sort();
        AttributeChange {
            name: rule.name.clone(),
            before: before
                .into_iter()
                .map(|value| super::contents::plan_value(&rule.def, value))
                .collect(),
            after: values
                .iter()
                .map(|value| super::contents::plan_value(&rule.def, value))
                .collect(),
            merge: false,
            rule: index(rule.rule),
            facts: std::collections::BTreeMap::new(),
            cut_from: None,
            never_reuse: None,
        }
    }

    /// The stamp as a change; none clears it.
    fn stamp(&self, stamp: Option<Stamp>) -> AttributeChange {
        let mut change = self.attribute(self.rule, &[]);
        let text = stamp.map(|stamp| PlanValue::Text(stamp.to_string()));
        change.after.extend(text);
        change
    }

    fn modify(
        &self,
        attributes: Vec<AttributeChange>,
        because: Reason,
        depends_on: Vec<ChangeId>,
    ) -> Change {
        self.change("modify", Action::Modify { attributes }, because, depends_on)
    }

    fn change(
        &self,
        kind: &str,
        action: Action,
        because: Reason,
        depends_on: Vec<ChangeId>,
    ) -> Change {
        let object = self.target.object(self.of.object);
        let guid = self
            .target
            .index
            .entry(self.of.object)
            .guid
            .to_compact_string();
        let risk = match &action {
            Action::Modify { attributes } => super::risk::of_attributes(attributes),
            Action::Delete { .. } => Risk::Irreversible,
            _ => Risk::High,
        };
        let recovery = recovery_of(&action);
        Change {
            id: change_id(self.target.name, &guid, kind, ""),
            person: self.person(),
            target: self.target.name.clone(),
            object,
            action,
            depends_on,
            because,
            cause: Cause::Source,
            risk,
            recovery,
            privileged: false,
            unit: None,
        }
    }

    fn stamped(&self) -> Option<Option<Stamp>> {
        let entry = self.target.index.entry(self.of.object);
        entry.value(self.rule.id).map(Stamp::parse)
    }

    fn lifecycle(&self) -> &'t crate::lifecycle::Lifecycle {
        &self.target.sides[usize::from(self.of.side)].lifecycle
    }

    /// All accounts with the anchor, managed or not.
    fn carriers(&self) -> Carriers {
        let value = self
            .target
            .index
            .entry(self.of.object)
            .value(self.of.anchor);
        let key = &self.mapping.anchor;
        let snapshot = self.target.index.snapshot;
        self.target
            .keys
            .find(snapshot, key, value.unwrap_or_default())
    }

    /// `employeeID "1042"`.
    fn anchor(&self) -> String {
        let header = &self.target.index.snapshot.header;
        let value = self
            .target
            .index
            .entry(self.of.object)
            .value(self.of.anchor);
        let name = &header.definition(self.of.anchor).name;
        format!("{name} {:?}", value.unwrap_or_default())
    }

    fn person(&self) -> PersonRef {
        person(self.target, self.of)
    }

    fn draft(&self, code: crate::policy::Code, text: String) -> Draft {
        Draft::new(code, text)
            .accounts(vec![self.of.object])
            .rule(self.lifecycle().absent_rule)
    }

    fn reason(&self, text: &str) -> Reason {
        Reason {
            text: text.to_owned(),
            rule: index(self.lifecycle().absent_rule),
            facts: std::collections::BTreeMap::new(),
        }
    }
}

/// How reviewers know somebody who is not there: by the anchor, and the account's name.
pub(super) fn person(target: &Target<'_>, of: Missing) -> PersonRef {
    let entry = target.index.entry(of.object);
    let anchor = entry.value(of.anchor).unwrap_or_default();
    PersonRef {
        source: target.sides[usize::from(of.side)].source.clone(),
        key: PersonKey::new(format_compact!("{ABSENT}:{anchor}").as_str()),
        label: entry.dn.rdn().value,
    }
}
