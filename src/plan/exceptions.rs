//! What is otherwise for single people: exceptions as the planner uses them.
//!
//! Keeps that an exception never enables an account, takes nothing that a rule could not take, and that one whose last
//! day is over changes nothing until somebody cleans it up: the person is held as they are.

use hashbrown::HashMap;
use jiff::civil::Date;

use super::changes::index;
use super::draft::{Draft, Warnings};
use super::outcome::Outcome;
use super::people::Side;
use super::records::Records;
use super::target::{HeldPerson, NOBODY, Target};
use super::{ExceptionStanding, PersonRef, PlannedException, Reason};
use crate::config::kinds::{self, Exempt};
use crate::config::{Document, SOON, Standing};
use crate::lifecycle::{Compiler, NotCompiled, RuleId};
use crate::mapping::{AttributeRule, Slot};
use crate::matching::Found;
use crate::model::{AttributeId, DirectoryHeader, PeopleSnapshot, PersonKey, spoken};
use crate::policy::{held, warning};

/// What a plan says of an exception that shuts an account.
pub(super) const STOPS: &str = "keeps the account disabled";

/// The exceptions of one side.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    all: Vec<Exception>,
    /// Places in `all`, by the person's place in the snapshot.
    of_person: HashMap<u32, Vec<u32>>,
}

#[derive(Debug)]
struct Exception {
    key: PersonKey,
    /// Place in the snapshot; `None` when nobody of the read has the key.
    person: Option<u32>,
    /// The key is that of another record of the person.
    secondary: bool,
    effect: Effect,
    standing: Standing,
    owner: String,
    reason: String,
    ticket: String,
    expires: String,
    rule: RuleId,
}

#[derive(Debug)]
enum Effect {
    Everything,
    /// Attributes left alone, in lower case.
    Attributes(Vec<String>),
    Set {
        rules: Vec<AttributeRule>,
        /// All names, those the directory does not know among them.
        names: Vec<String>,
    },
    Stop,
}

impl Exceptions {
    pub(super) fn compile<'d>(
        documents: impl Iterator<Item = &'d Document<kinds::Exceptions>>,
        people: &PeopleSnapshot,
        records: Option<&Records>,
        header: &DirectoryHeader,
        today: Date,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, NotCompiled> {
        let mut all = Vec::new();
        for document in documents {
            let positions = &document.positions;
            for (at, exception) in document.spec.exceptions.iter().enumerate() {
                let pointer = format!("/spec/exceptions/{at}");
                let effect = match (&exception.exempt, &exception.set) {
                    (Some(Exempt::Everything(_)), _) => Effect::Everything,
                    (Some(Exempt::Attributes(names)), _) => {
                        Effect::Attributes(names.iter().map(|name| name.to_lowercase()).collect())
                    }
                    (None, Some(set)) => Effect::Set {
                        rules: AttributeRule::of_exception(
                            set, header, positions, &pointer, compiler,
                        )?,
                        names: set.keys().cloned().collect(),
                    },
                    (None, None) => Effect::Stop,
                };
                all.push(Exception {
                    key: PersonKey::new(exception.person.to_string()),
                    person: None,
                    secondary: false,
                    effect,
                    standing: exception.standing(today),
                    owner: exception.owner.clone(),
                    reason: exception.reason.clone(),
                    ticket: exception.ticket.clone(),
                    expires: exception.expires.clone(),
                    rule: compiler.rule(positions, &pointer, "exception"),
                });
            }
        }
        let mut exceptions = Self {
            all,
            of_person: HashMap::new(),
        };
        let places = places(people, exceptions.all.iter().map(|one| one.key.as_str()));
        for (at, exception) in exceptions.all.iter_mut().enumerate() {
            let place = places.get(exception.key.as_str()).copied();
            let primary = place.map(|at| records.map_or(at, |records| records.primary(at)));
            exception.secondary = primary != place;
            exception.person = primary;
            if let Some(person) = exception.person {
                let at = u32::try_from(at).unwrap_or(u32::MAX);
                exceptions.of_person.entry(person).or_default().push(at);
            }
        }
        // What is written for the primary record decides over what is written for others.
        let all = &exceptions.all;
        for own in exceptions.of_person.values_mut() {
            if own.iter().any(|at| all[*at as usize].secondary) {
                own.sort_by(|one, other| {
                    let (one, other) = (&all[*one as usize], &all[*other as usize]);
                    let keys = || one.key.natural_cmp(&other.key);
                    one.secondary.cmp(&other.secondary).then_with(keys)
                });
            }
        }
        Ok(exceptions)
    }

    /// Those of one person.
    fn of(&self, person: u32) -> impl Iterator<Item = &Exception> {
        self.of_person
            .get(&person)
            .into_iter()
            .flatten()
            .map(|at| &self.all[*at as usize])
    }

    /// Whether nothing of a person's account is touched.
    pub(super) fn exempts(&self, person: u32) -> bool {
        self.of(person)
            .any(|one| matches!(one.effect, Effect::Everything))
    }

    /// The rule by which a person's account is disabled at once.
    pub(super) fn stops(&self, person: u32) -> Option<RuleId> {
        self.of(person)
            .find(|one| matches!(one.effect, Effect::Stop) && one.standing != Standing::Expired)
            .map(|one| one.rule)
    }

    /// What keeps the account of a person from being deleted: any exception, also one that has had its last day.
    pub(super) fn keep(&self, person: u32, account: u32) -> Option<Draft> {
        let one = self.of(person).next()?;
        Some(one.keeps(account))
    }

    /// What keeps an account whose person is missing: an exception of somebody the read does not have may be theirs.
    pub(super) fn keep_missing(&self, account: u32) -> Option<Draft> {
        let one = self.all.iter().find(|one| one.person.is_none())?;
        Some(one.keeps(account))
    }

    /// Whether a stop has had its last day: the account is neither disabled for it nor enabled again.
    fn stop_is_over(&self, person: u32) -> Option<&Exception> {
        self.of(person)
            .find(|one| matches!(one.effect, Effect::Stop) && one.standing == Standing::Expired)
    }

    /// Rules that give a person's account other values than the rules for everybody do.
    pub(super) fn rules(&self, person: u32) -> impl Iterator<Item = &AttributeRule> {
        let mut set: Vec<AttributeId> = Vec::new();
        self.of(person)
            .filter(|one| one.standing != Standing::Expired)
            .flat_map(|one| match &one.effect {
                Effect::Set { rules, .. } => rules.as_slice(),
                _ => &[],
            })
            // Only exceptions written for several records of a person can set an attribute twice.
            .filter(move |rule| {
                let first = !set.contains(&rule.id);
                set.push(rule.id);
                first
            })
    }

    /// Whether an exception decides about an attribute of a person's account.
    pub(super) fn decides(&self, person: u32, attribute: AttributeId) -> bool {
        !self.of_person.is_empty() && self.rules(person).any(|rule| rule.id == attribute)
    }

    /// Why an exception changes something.
    pub(super) fn reason(&self, person: u32, rule: RuleId) -> Option<Reason> {
        let found = self.of(person).find(|one| {
            one.rule == rule
                || matches!(&one.effect, Effect::Set { rules, .. }
                    if rules.iter().any(|own| own.rule == rule))
        })?;
        Some(Reason {
            text: format!(
                "exception until {}: {} ({}, {})",
                found.expires, found.reason, found.owner, found.ticket
            ),
            rule: index(found.rule),
            facts: std::collections::BTreeMap::new(),
        })
    }

    /// Takes out of an outcome what is left alone.
    pub(super) fn spare<'t>(
        &self,
        person: u32,
        found: &Found,
        mut outcome: Outcome<'t>,
        decided: impl Fn(&Slot) -> Option<String>,
    ) -> Outcome<'t> {
        if !self.of_person.contains_key(&person) {
            return outcome;
        }
        let account = match found {
            Found::Account(object) | Found::Adopt { object, .. } => Some(*object),
            Found::Nothing | Found::Conflict(_) => None,
        };
        for one in self.of(person) {
            let over = one.standing == Standing::Expired;
            match &one.effect {
                Effect::Everything => {
                    let adopts = matches!(found, Found::Adopt { .. });
                    if over || adopts || outcome.changes() || outcome.whole.is_some() {
                        let mut draft = one.draft("the account");
                        draft.accounts.extend(account);
                        return Outcome {
                            whole: Some(draft),
                            ..Outcome::default()
                        };
                    }
                    return Outcome::default();
                }
                Effect::Attributes(names) => {
                    let spared = take(&mut outcome, names, &decided);
                    let spares =
                        |what: &str| names.iter().any(|name| name.eq_ignore_ascii_case(what));
                    outcome.left.retain(|left| !spares(&left.what));
                    if !spared.is_empty() || over {
                        let what = if spared.is_empty() { names } else { &spared };
                        one.note(&what.join(", "), account, &mut outcome);
                    }
                }
                Effect::Set { names, .. } if over => {
                    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
                    take(&mut outcome, &lower, &decided);
                    one.note(&names.join(", "), account, &mut outcome);
                }
                // An account made now would be enabled because a date has passed.
                Effect::Stop if over && outcome.create => {
                    return Outcome {
                        whole: Some(one.draft("the account")),
                        ..Outcome::default()
                    };
                }
                Effect::Stop if over => {
                    one.note("whether the account is enabled", account, &mut outcome);
                }
                Effect::Set { .. } | Effect::Stop => {}
            }
        }
        if outcome.switch == Some(true) && self.stop_is_over(person).is_some() {
            outcome.switch = None;
        }
        outcome
    }
}

impl Exception {
    fn draft(&self, what: &str) -> Draft {
        let who = format!("{} ({}, {})", self.reason, self.owner, self.ticket);
        let draft = if self.standing == Standing::Expired {
            Draft::new(
                held::EXCEPTION_EXPIRED,
                format!(
                    "{what} is left as it is, for an exception has ended with {}: {who}",
                    self.expires
                ),
            )
        } else {
            Draft::new(
                held::EXEMPT,
                format!("{what} is left alone until {}: {who}", self.expires),
            )
        };
        draft.rule(self.rule)
    }

    fn keeps(&self, account: u32) -> Draft {
        let until = match self.standing {
            Standing::Expired => "which has ended with",
            _ => "until",
        };
        let whose = match self.person {
            Some(_) => String::new(),
            None => format!(" of {}, whom the read does not have", self.key),
        };
        Draft::new(
            held::DELETE_EXCEPTION,
            format!(
                "the account is not deleted because of an exception{whose}, {until} {}: {} ({}, {})",
                self.expires, self.reason, self.owner, self.ticket
            ),
        )
        .accounts(vec![account])
        .rule(self.rule)
        .partial()
    }

    fn note(&self, what: &str, account: Option<u32>, outcome: &mut Outcome<'_>) {
        let mut draft = self.draft(what).partial();
        draft.accounts.extend(account);
        outcome.partial.push(draft);
    }

    fn what(&self) -> String {
        let what = match &self.effect {
            Effect::Everything => "leaves the whole account alone".to_owned(),
            Effect::Attributes(names) => format!("leaves {} alone", names.join(", ")),
            Effect::Set { names, .. } => format!("sets {}", names.join(", ")),
            Effect::Stop => STOPS.to_owned(),
        };
        if self.secondary {
            format!(
                "{what} (written for {}, another record of the person)",
                self.key
            )
        } else {
            what
        }
    }
}

/// Takes changes of attributes out of an outcome; gives the names of those there were.
fn take(
    outcome: &mut Outcome<'_>,
    names: &[String],
    decided: &impl Fn(&Slot) -> Option<String>,
) -> Vec<String> {
    let mut spared = Vec::new();
    if outcome.create {
        return spared;
    }
    let is_spared = |name: &str| names.iter().any(|spared| spared.eq_ignore_ascii_case(name));
    outcome.attributes.retain(|delta| {
        let keep = !is_spared(&delta.rule.name);
        if !keep {
            spared.push(delta.rule.name.clone());
        }
        keep
    });
    outcome.names.retain(|need| {
        let keep = !is_spared(&need.rule.name);
        if !keep {
            spared.push(need.rule.name.clone());
        }
        keep
    });
    outcome
        .waiting
        .retain(|slot| decided(slot).is_none_or(|name| !is_spared(&name)));
    spared
}

/// Where the people with some keys stand in the snapshot.
pub(super) fn places<'k>(
    people: &PeopleSnapshot,
    keys: impl Iterator<Item = &'k str>,
) -> HashMap<String, u32> {
    let wanted: std::collections::HashSet<&str> = keys.collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    people
        .people
        .iter()
        .enumerate()
        .filter(|(_, person)| wanted.contains(person.key.as_str()))
        .filter_map(|(at, person)| Some((person.key.as_str().to_owned(), u32::try_from(at).ok()?)))
        .collect()
}

impl Side<'_> {
    /// Exceptions as the plan lists them.
    pub(super) fn planned_exceptions(&self, target: &Target<'_>) -> Vec<PlannedException> {
        let mut listed: Vec<PlannedException> = self
            .exceptions
            .all
            .iter()
            .map(|one| PlannedException {
                target: target.name.clone(),
                person: match one.person {
                    Some(person) => self.reference(person),
                    None => PersonRef {
                        source: self.source.clone(),
                        key: one.key.clone(),
                        label: one.key.to_string(),
                    },
                },
                what: one.what(),
                owner: one.owner.clone(),
                reason: one.reason.clone(),
                ticket: one.ticket.clone(),
                expires: one.expires.clone(),
                standing: match (one.person, one.standing) {
                    (_, Standing::Expired) => ExceptionStanding::Expired,
                    (None, _) => ExceptionStanding::UnknownPerson,
                    (_, Standing::Expiring) => ExceptionStanding::Expiring,
                    (_, Standing::Active) => ExceptionStanding::Active,
                },
                rule: index(one.rule),
            })
            .collect();
        listed.sort_by(|one, other| {
            let keys = one.person.key.natural_cmp(&other.person.key);
            keys.then_with(|| one.what.cmp(&other.what))
                .then_with(|| one.expires.cmp(&other.expires))
        });
        listed
    }
}

/// Stops that reach nobody, which somebody has to know at once, and what else is to be known of exceptions.
pub(super) fn report(
    target: &Target<'_>,
    people: &mut Vec<HeldPerson>,
    objects: &mut Vec<Draft>,
    warnings: &mut Warnings,
) {
    for (number, side) in target.sides.iter().enumerate() {
        for one in &side.exceptions.all {
            let shown = match one.person {
                Some(person) => side.shown(person),
                None => spoken::person(one.key.as_str(), one.key.as_str()),
            };
            if one.standing == Standing::Expiring {
                warnings.add(
                    warning::EXCEPTION_EXPIRES_SOON,
                    format!("exceptions for {} end within {SOON} days", target.name),
                    format!("{shown}: with {}", one.expires),
                );
            }
            let stop = matches!(one.effect, Effect::Stop) && one.standing != Standing::Expired;
            let Some(person) = one.person else {
                let text = format!("no person of {} has the key {}", side.source, one.key);
                if stop {
                    objects.push(
                        Draft::new(
                            held::STOP_UNREACHED,
                            format!("the stop disables nothing: {text}"),
                        )
                        .rule(one.rule),
                    );
                } else {
                    warnings.add(
                        warning::EXCEPTION_UNKNOWN_PERSON,
                        format!("exceptions name people whom {} does not have", side.source),
                        one.key.to_string(),
                    );
                }
                continue;
            };
            let subject = target.subject_of[number][person as usize];
            let why = if subject == NOBODY {
                "the person is held, out of scope, or no mapping applies"
            } else if matches!(target.subjects[subject as usize].found, Found::Conflict(_)) {
                "nobody can say which account is theirs"
            } else {
                continue;
            };
            if stop {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                let draft = Draft::new(
                    held::STOP_UNREACHED,
                    format!("the stop disables nothing: {why}"),
                );
                people.push((number, person, draft.rule(one.rule)));
            }
        }
    }
}
