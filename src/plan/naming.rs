//! Finds free names, one person after the other in the order of their keys, so that the same people get the same
//! names whatever order they were read in.
//!
//! A name is taken while any object of the read has it, even one that this plan renames: nothing in a plan may
//! depend on a name having become free in between.

use compact_str::{CompactString, format_compact};
use hashbrown::{HashMap, HashSet};

use super::draft::Draft;
use super::evaluate::{After, Delta, Evaluation, NameNeed, Outcome, hold};
use super::target::{NOBODY, Target};
use crate::lifecycle::RuleId;
use crate::mapping::{Flavour, NameRule, Slot, bare, fold, is_address};
use crate::model::{AttributeId, Dn, DnKey, EntryKind};
use crate::policy::held;

/// Names given out and where accounts will stand.
#[derive(Default)]
pub(super) struct Names {
    /// Who gets which value in this plan.
    given: HashMap<(AttributeId, CompactString), u32>,
    /// Who stands where in this plan.
    places: HashMap<DnKey, u32>,
    /// The last number tried for a name, so that the thousandth John Smith is not compared with all before.
    numbers: HashMap<(AttributeId, u32, CompactString), u64>,
}

/// What one person was given.
#[derive(Default)]
pub(super) struct Given<'t> {
    /// Values of attributes, by rule, with the index of the format that gave them.
    pub(super) attributes: Vec<(&'t crate::mapping::AttributeRule, CompactString, RuleId)>,
    /// A new `cn`.
    pub(super) cn: Option<(CompactString, RuleId)>,
    /// The move comes before the rename, because the new name is taken where the account stands now.
    pub(super) move_first: bool,
    /// Where a new account will stand.
    pub(super) dn: Option<Dn>,
}

/// Under which addresses given out are noted, whatever attribute they are for.
const ADDRESS: AttributeId = AttributeId(u16::MAX);

/// How many numbers are tried before a name counts as unusable.
const TRIES: u64 = 1_000_000;

impl Names {
    /// None given yet; others will stand at these places.
    pub(super) fn beside(goals: &HashSet<DnKey>) -> Self {
        Self {
            places: goals.iter().map(|goal| (goal.clone(), NOBODY)).collect(),
            ..Self::default()
        }
    }

    /// Settles everything about names for one subject; what cannot be settled goes back into the outcome as held.
    pub(super) fn settle<'t>(
        &mut self,
        target: &'t Target<'_>,
        at: u32,
        outcome: &mut Outcome<'t>,
    ) -> Given<'t> {
        let mut given = Given::default();
        let subject = &target.subjects[at as usize];
        let account = subject.account();
        let mut needs = std::mem::take(&mut outcome.names);
        needs.sort_by_key(|need| need.names.flavour);
        let cn = needs
            .iter()
            .position(|need| need.names.flavour == Flavour::Cn);
        let mut new_cn = cn.map(|cn| needs.remove(cn));
        let found = self
            .names(target, at, needs, outcome, &mut given)
            .and_then(|()| self.waiting(target, at, outcome, &mut given, &mut new_cn, false));
        if let Err(draft) = found {
            *outcome = hold(std::mem::take(outcome), draft, target, subject);
            return Given::default();
        }
        let result = match account {
            None => self.create(target, at, outcome, new_cn, &mut given),
            Some(object) => {
                if let Err(draft) = self.stand(target, at, object, outcome, new_cn, &mut given) {
                    outcome.place = None;
                    outcome.partial.push(draft.accounts(vec![object]).partial());
                }
                Ok(())
            }
        };
        let result =
            result.and_then(|()| self.waiting(target, at, outcome, &mut given, &mut None, true));
        if let Err(draft) = result {
            *outcome = hold(std::mem::take(outcome), draft, target, subject);
            return Given::default();
        }
        given
    }

    /// Finds names for these needs. What cannot be found holds a new account; an existing one keeps its name.
    fn names<'t>(
        &mut self,
        target: &'t Target<'_>,
        at: u32,
        needs: Vec<NameNeed<'t>>,
        outcome: &mut Outcome<'t>,
        given: &mut Given<'t>,
    ) -> Result<(), Draft> {
        let account = target.subjects[at as usize].account();
        for need in needs {
            match self.attribute(target, at, account, &need) {
                Ok((name, format)) => given.attributes.push((need.rule, name, format)),
                Err(draft) if account.is_some() => outcome.partial.push(draft.partial()),
                Err(draft) => return Err(draft),
            }
        }
        Ok(())
    }

    /// Asks the rules that waited for a name. Those that speak of a `cn` still to be found wait until the `last` time.
    fn waiting<'t>(
        &mut self,
        target: &'t Target<'_>,
        at: u32,
        outcome: &mut Outcome<'t>,
        given: &mut Given<'t>,
        new_cn: &mut Option<NameNeed<'t>>,
        last: bool,
    ) -> Result<(), Draft> {
        if outcome.waiting.is_empty() {
            return Ok(());
        }
        let subject = &target.subjects[at as usize];
        let mapping = target.mapping(subject);
        let context = target.side(subject).context(target.moment, subject.person);
        let mut later: Vec<&'t Slot> = Vec::new();
        for slot in std::mem::take(&mut outcome.waiting) {
            let unsettled = mapping.speaks_of(slot).into_iter().any(|of| {
                let id = mapping.spoken[usize::from(of)].id;
                (new_cn.is_some() && id == target.known.cn)
                    || later.iter().any(|other| mapping.decides_about(other) == id)
            });
            if unsettled && !last {
                later.push(slot);
                continue;
            }
            let before = outcome.attributes.len();
            let mut evaluation = Evaluation::resume(target, at, &context, std::mem::take(outcome));
            let result = evaluation.with_account(slot, given);
            *outcome = evaluation.outcome;
            result?;
            for delta in &outcome.attributes[before..] {
                self.claim(at, delta);
            }
            for need in std::mem::take(&mut outcome.names) {
                if need.names.flavour == Flavour::Cn {
                    *new_cn = Some(need);
                } else {
                    self.names(target, at, vec![need], outcome, given)?;
                }
            }
        }
        outcome.waiting = later;
        Ok(())
    }

    /// Notes the addresses a rule gives outright: nobody else is given them.
    pub(super) fn claim(&mut self, at: u32, delta: &Delta<'_>) {
        if !is_address(&delta.rule.def.name) {
            return;
        }
        if let After::Values(values) | After::Merged { add: values, .. } = &delta.after {
            for value in values {
                let folded = fold(&delta.rule.def, bare(value));
                self.given.entry((ADDRESS, folded)).or_insert(at);
            }
        }
    }

    /// A free value of a domain-wide unique attribute.
    fn attribute(
        &mut self,
        target: &Target<'_>,
        at: u32,
        account: Option<u32>,
        need: &NameNeed<'_>,
    ) -> Result<(CompactString, RuleId), Draft> {
        let id = need.rule.id;
        let reach = &need.names.reach;
        if reach.holds {
            return Err(Draft::new(
                held::NAME_UNPROVEN,
                format!(
                    "{}: nobody can say whether a name is free in the forest, whose global catalog does not hold {}",
                    need.rule.name,
                    reach.unproven.join(", ")
                ),
            )
            .rule(need.rule.rule));
        }
        let (name, rule) = self.choose(need, 0, |names, candidate| {
            names.is_free(target, at, account, need, candidate)
        })?;
        let def = &need.rule.def;
        self.given.insert((id, fold(def, &name)), at);
        if !reach.addresses.is_empty() {
            self.given.insert((ADDRESS, fold(def, bare(&name))), at);
        }
        for (other, def) in &reach.also_in {
            self.given.insert((*other, fold(def, &name)), at);
        }
        Ok((name, rule))
    }

    fn choose(
        &mut self,
        need: &NameNeed<'_>,
        place: u32,
        free: impl Fn(&Self, &str) -> bool,
    ) -> Result<(CompactString, RuleId), Draft> {
        let names: &NameRule = need.names;
        let rule_of = |format: usize| {
            names
                .formats
                .get(format)
                .map_or(need.rule.rule, |format| format.rule)
        };
        for (name, format) in &need.candidates.names {
            if free(self, name) {
                return Ok((name.clone(), rule_of(*format)));
            }
        }
        let taken = || {
            let tried: Vec<String> = need
                .candidates
                .names
                .iter()
                .map(|(name, _)| format!("{name:?}"))
                .collect();
            Draft::new(
                held::NAME_TAKEN,
                format!("{}: {} is taken", need.rule.name, tried.join(", ")),
            )
            .rule(need.rule.rule)
        };
        let Some((last, format)) = need.candidates.names.last().filter(|_| names.numbered) else {
            return Err(taken());
        };
        let base = (need.rule.id, place, fold(&need.rule.def, last));
        let start = self.numbers.get(&base).copied().unwrap_or(1) + 1;
        for number in start..start + TRIES {
            let name = names.numbered(last, number);
            if free(self, &name) {
                self.numbers.insert(base, number);
                return Ok((name, rule_of(*format)));
            }
        }
        Err(taken())
    }

    fn is_free(
        &self,
        target: &Target<'_>,
        at: u32,
        account: Option<u32>,
        need: &NameNeed<'_>,
        candidate: &str,
    ) -> bool {
        let id = need.rule.id;
        let def = &need.rule.def;
        let reach = &need.names.reach;
        let folded = fold(def, candidate);
        let known = &target.known;
        let free = |id: AttributeId, folded: &str| {
            self.unclaimed(target, at, account, id, folded, reach.forest)
        };
        if !free(id, &folded) || self.was_given(target, at, need, candidate) {
            return false;
        }
        for (id, def) in &reach.also_in {
            if !free(*id, &fold(def, candidate)) {
                return false;
            }
        }
        if !reach.addresses.is_empty() {
            let address = fold(def, bare(candidate));
            let mine = |other: &u32| *other == at;
            if !self.given.get(&(ADDRESS, address.clone())).is_none_or(mine) {
                return false;
            }
            let marked = format_compact!("smtp:{address}");
            for (id, _) in &reach.addresses {
                if !free(*id, &address) || !free(*id, &marked) {
                    return false;
                }
            }
        }
        match need.names.flavour {
            // `sAMAccountName@domain` is a principal name too, whether it is written down or not.
            Flavour::Upn => match folded.split_once('@') {
                Some((local, suffix)) if suffix == target.domain => free(known.sam, local),
                _ => true,
            },
            Flavour::Sam => known.upn.is_none_or(|upn| {
                let implied = format!("{folded}@{}", target.domain);
                free(upn, &implied)
            }),
            Flavour::Cn | Flavour::Plain | Flavour::Address => true,
        }
    }

    /// Whether the name was given to somebody else before and is not given again.
    fn was_given(&self, target: &Target<'_>, at: u32, need: &NameNeed<'_>, name: &str) -> bool {
        let Some(table) = &need.names.reach.never_reuse else {
            return false;
        };
        let subject = &target.subjects[at as usize];
        let tables = &target.moment.tables;
        let person = target.side(subject).person(subject.person);
        [name, bare(name)].into_iter().any(|name| {
            tables
                .row(table.as_str(), name)
                .is_some_and(|owner| owner.trim() != person.key.as_str())
        })
    }

    fn unclaimed(
        &self,
        target: &Target<'_>,
        at: u32,
        account: Option<u32>,
        attribute: AttributeId,
        folded: &str,
        forest: bool,
    ) -> bool {
        let snapshot = target.index.snapshot;
        let counts = |holder: u32| forest || target.index.entry(holder).kind != EntryKind::Foreign;
        let free = target.taken.get(&attribute).is_none_or(|index| {
            index
                .get(snapshot, folded)
                .all(|holder| Some(holder) == account || !counts(holder))
        });
        free && self
            .given
            .get(&(attribute, CompactString::from(folded)))
            .is_none_or(|other| *other == at)
    }

    fn vacant(&self, target: &Target<'_>, at: u32, account: Option<u32>, key: &DnKey) -> bool {
        target
            .index
            .by_key(key)
            .is_none_or(|other| Some(other) == account)
            && self.places.get(key).is_none_or(|other| *other == at)
    }

    fn create<'t>(
        &mut self,
        target: &Target<'_>,
        at: u32,
        outcome: &Outcome<'t>,
        new_cn: Option<NameNeed<'t>>,
        given: &mut Given<'t>,
    ) -> Result<(), Draft> {
        let needed = |name: &str| {
            Draft::new(
                held::NO_USABLE_NAME,
                format!("the mapping gives the new account no {name}"),
            )
        };
        let sam = given
            .attributes
            .iter()
            .any(|(rule, ..)| rule.id == target.known.sam);
        if !sam {
            return Err(needed("sAMAccountName"));
        }
        let Some((place, _)) = outcome.place else {
            return Err(needed("place"));
        };
        let cn = new_cn.ok_or_else(|| needed("cn"))?;
        let parent = &target.index.entry(place).dn;
        let key = target.index.key(place);
        let (name, rule) = self.choose(&cn, place, |names, candidate| {
            !target.was_named(&fold(&cn.rule.def, candidate), key)
                && names.vacant(target, at, None, &parent.child("CN", candidate).key())
        })?;
        let dn = parent.child("CN", &name);
        self.places.insert(dn.key(), at);
        given.cn = Some((name, rule));
        given.dn = Some(dn);
        Ok(())
    }

    /// A new name and/or place of an existing account: both the end and the way there must be free.
    fn stand<'t>(
        &mut self,
        target: &Target<'_>,
        at: u32,
        object: u32,
        outcome: &Outcome<'t>,
        new_cn: Option<NameNeed<'t>>,
        given: &mut Given<'t>,
    ) -> Result<(), Draft> {
        let entry = target.index.entry(object);
        let Some(home) = entry.dn.parent() else {
            return Ok(());
        };
        let account = Some(object);
        let rdn = entry.dn.rdn();
        let goal = outcome
            .place
            .map(|(place, rule)| (place, target.index.entry(place).dn.clone(), rule));
        let destination = goal.as_ref().map_or(&home, |(_, dn, _)| dn);
        let Some(cn) = new_cn else {
            let Some((_, _, rule)) = &goal else {
                return Ok(());
            };
            let key = destination.child(&rdn.attribute, &rdn.value).key();
            if !self.vacant(target, at, account, &key) {
                return Err(Draft::new(
                    held::NAME_TAKEN,
                    format!("{:?} is taken in {}", rdn.value, destination.spoken()),
                )
                .rule(*rule));
            }
            self.places.insert(key, at);
            return Ok(());
        };
        let at_goal = |name: &str| destination.child(&rdn.attribute, name).key();
        let at_home = |name: &str| home.child(&rdn.attribute, name).key();
        let moves = goal.is_some();
        let old_at_goal = at_goal(&rdn.value);
        let place = goal.as_ref().map_or(u32::MAX, |(place, ..)| *place);
        let (name, rule) = self.choose(&cn, place, |names, candidate| {
            names.vacant(target, at, account, &at_goal(candidate))
                && (!moves
                    || names.vacant(target, at, account, &at_home(candidate))
                    || names.vacant(target, at, account, &old_at_goal))
        })?;
        if name == rdn.value {
            if moves {
                self.places.insert(old_at_goal, at);
            }
            return Ok(());
        }
        given.move_first = moves && !self.vacant(target, at, account, &at_home(&name));
        if moves {
            let between = if given.move_first {
                old_at_goal
            } else {
                at_home(&name)
            };
            self.places.insert(between, at);
        }
        self.places.insert(at_goal(&name), at);
        given.cn = Some((name, rule));
        Ok(())
    }
}
