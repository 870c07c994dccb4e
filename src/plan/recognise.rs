//! Whose account is whose: everybody's account is found, and nobody gets one that somebody else may be meant by.
//!
//! Knows keys and claims, nothing of what is written. Keeps that whoever is held or left out still claims what they lead
//! to, and that a conflict names every account and rule it is about.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::counting::Counting;
use super::draft::Draft;
use super::people::{Assessed, Concerned};
use super::target::{CHUNK, HeldPerson, NOBODY, Subject, Target};
use super::zones::Seen;
use crate::mapping::Key;
use crate::matching::{self, Conflict, Found, Standing};
use crate::model::spoken;
use crate::policy::held;

impl Target<'_> {
    /// Assesses everyone and finds their accounts. Gives the held and, per side, what became of each person.
    pub(super) fn match_people(&mut self, assessed: &[Vec<Assessed>]) -> Vec<HeldPerson> {
        let mut held_people = Vec::new();
        let mut subjects = Vec::new();
        let mut left_out = Vec::new();
        let mut concerned = Vec::new();
        for (side, outcomes) in assessed.iter().enumerate() {
            let number = u16::try_from(side).unwrap_or(u16::MAX);
            for (at, outcome) in self.sides[side].order.iter().zip(outcomes) {
                match outcome {
                    Assessed::NotMapped => {
                        self.not_mapped[side].insert(*at);
                    }
                    Assessed::OutOfScope => left_out.push((number, *at)),
                    // Its primary record speaks for it.
                    Assessed::Secondary => {}
                    Assessed::Held(draft) => {
                        left_out.push((number, *at));
                        held_people.push((number, *at, (**draft).clone()));
                    }
                    Assessed::Subject {
                        mapping,
                        state,
                        since,
                        inactive,
                        anchor,
                        templates,
                    } => {
                        concerned.push(templates);
                        subjects.push(Subject {
                            side: number,
                            person: *at,
                            mapping: *mapping,
                            state: *state,
                            since: *since,
                            inactive: *inactive,
                            counting: Counting::default(),
                            anchor: anchor.clone(),
                            rules: Ok(0),
                            found: Found::Nothing,
                            returning: None,
                        });
                    }
                }
            }
        }
        let settled: Vec<_> = self
            .sides
            .iter()
            .map(|side| side.links.settle(&self.index))
            .collect();
        let accounts = self.accounts();
        subjects.par_chunks_mut(CHUNK).for_each(|chunk| {
            let mut context = None;
            for subject in chunk {
                let side = &self.sides[usize::from(subject.side)];
                let settled = settled[usize::from(subject.side)].get(&subject.person);
                let forbidden = settled.map_or(&[][..], |settled| &settled.forbidden);
                subject.found = matching::find(
                    &side.mappings[usize::from(subject.mapping)],
                    &subject.anchor,
                    side.seen(self.moment, &mut context, subject.person),
                    accounts,
                    forbidden,
                );
                // A link says which account it is, whatever others carry.
                if settled.is_none_or(|settled| settled.linked().is_none()) {
                    let found = std::mem::replace(&mut subject.found, Found::Nothing);
                    subject.found = self.with_records(subject, found, forbidden);
                }
                if let Some(settled) = settled {
                    let found = std::mem::replace(&mut subject.found, Found::Nothing);
                    let key = &side.mappings[usize::from(subject.mapping)].anchor;
                    subject.found = settled.applied(found, accounts, (key, &subject.anchor));
                }
            }
        });
        let mut rivals: Vec<Rival<'_>> = left_out
            .par_chunks(CHUNK)
            .flat_map_iter(|chunk| {
                let mut context = None;
                chunk
                    .iter()
                    .flat_map(|(side, person)| self.rivals(*side, *person, &mut context))
                    .collect::<Vec<_>>()
            })
            .collect();
        rivals.extend(self.rivals_beside(&subjects));
        let mut claims: Vec<matching::Claim<'_>> = subjects
            .iter()
            .map(|subject| {
                let side = &self.sides[usize::from(subject.side)];
                let key = &side.mappings[usize::from(subject.mapping)].anchor;
                matching::Claim {
                    anchor: Some((key.id, &key.def, subject.anchor.as_str())),
                    account: subject.account(),
                    rival: false,
                }
            })
            .collect();
        let rivalling = |rival: &&Rival<'_>| rival.anchor.is_some() || rival.account.is_some();
        claims.extend(rivals.iter().filter(rivalling).map(|rival| {
            matching::Claim {
                anchor: rival
                    .anchor
                    .as_ref()
                    .map(|(key, value)| (key.id, &key.def, value.as_str())),
                account: rival.account,
                rival: true,
            }
        }));
        let wrong = matching::settle(&claims, self.standing.len());
        drop(claims);
        let rivalled: HashSet<u32> = rivals
            .iter()
            .filter_map(|rival| rival.account.or(rival.anchored))
            .collect();
        drop(rivals);
        self.claimed = rivalled;
        for (at, conflict) in wrong {
            subjects[at].found = Found::Conflict(conflict);
        }
        self.find_returns(&mut subjects, &settled);
        for (at, subject) in subjects.iter().enumerate() {
            self.subject_of[usize::from(subject.side)][subject.person as usize] =
                u32::try_from(at).unwrap_or(NOBODY);
            if let Found::Conflict(conflict) = &subject.found {
                self.claimed.extend(conflict.objects());
                held_people.push((
                    subject.side,
                    subject.person,
                    self.conflict(subject, conflict),
                ));
            }
        }
        let counted: Vec<(u16, Counting)> = subjects
            .par_iter()
            .with_min_len(CHUNK)
            .map(|subject| self.count(subject))
            .collect();
        for (subject, (state, counting)) in subjects.iter_mut().zip(counted) {
            subject.state = state;
            subject.counting = counting;
        }
        self.compose(&mut subjects, &concerned);
        self.subjects = subjects;
        held_people
    }

    pub(super) fn accounts(&self) -> matching::Accounts<'_> {
        matching::Accounts {
            index: &self.index,
            keys: &self.keys,
            standing: &self.standing,
            anchors: &self.anchors,
        }
    }

    /// Puts together the rules in force, once for all people in one state whom the same templates concern.
    fn compose(&mut self, subjects: &mut [Subject], concerned: &[&Concerned]) {
        let mut composed: HashMap<(u16, u16, u16, &[u16]), u32> = HashMap::new();
        let mut compositions = Vec::new();
        for (subject, templates) in subjects.iter_mut().zip(concerned) {
            let (side, mapping, state) = (subject.side, subject.mapping, subject.state);
            subject.rules = templates.as_ref().map_err(Clone::clone).map(|templates| {
                *composed
                    .entry((side, mapping, state, templates))
                    .or_insert_with(|| {
                        let side = &self.sides[usize::from(side)];
                        let mapping = &side.mappings[usize::from(mapping)];
                        compositions.push(mapping.compose(usize::from(state), templates));
                        u32::try_from(compositions.len() - 1).unwrap_or(u32::MAX)
                    })
            });
        }
        self.compositions = compositions;
    }

    /// What somebody nothing is planned for claims all the same. Whoever is held for a missing department may be the
    /// one an account belongs to, so nobody else gets it.
    fn rivals<'s>(
        &'s self,
        number: u16,
        person: u32,
        context: &mut Option<Seen<'s>>,
    ) -> Vec<Rival<'s>> {
        let side = &self.sides[usize::from(number)];
        let mut anchors: Vec<(&Key, CompactString)> = Vec::new();
        let mut accounts = Vec::new();
        let mut anchored = Vec::new();
        // Whatever record of the person leads to it.
        let others = self.others(number, person);
        for record in std::iter::once(&person).chain(others) {
            let context = side.seen(self.moment, context, *record);
            for mapping in side.mappings.iter().filter(|one| one.may_concern(context)) {
                let found = matching::rivalry(mapping, context, self.accounts());
                if let Some(value) = found.anchor {
                    let key = &mapping.anchor;
                    let known = anchors
                        .iter()
                        .any(|(other, known)| other.id == key.id && key.matches(known, &value));
                    if !known {
                        anchors.push((key, value));
                    }
                }
                accounts.extend(found.accounts);
                anchored.extend(found.anchored);
            }
        }
        rival(anchors, accounts, anchored)
    }

    fn conflict(&self, subject: &Subject, conflict: &Conflict) -> Draft {
        let mapping = &self.sides[usize::from(subject.side)].mappings[usize::from(subject.mapping)];
        let anchor = mapping.anchor.formula.rule;
        let rule_of = |attribute: &str| {
            mapping
                .adopt
                .iter()
                .find(|key| key.name == attribute)
                .map_or(anchor, |key| key.formula.rule)
        };
        match conflict {
            Conflict::Ambiguous {
                accounts,
                objects,
                attribute,
                value,
            } => Draft::new(
                held::AMBIGUOUS_MATCH,
                format!("{accounts} accounts have {attribute} {value:?}"),
            )
            .accounts(objects.clone())
            .rule(rule_of(attribute)),
            Conflict::Unmanaged {
                object,
                attribute,
                value,
            } => {
                let why = match self.standing[*object as usize] {
                    Standing::Protected(why) => why.to_string(),
                    _ => "it stands outside the managed scope".to_owned(),
                };
                let which = match attribute.as_str() {
                    matching::BY_LINK => "the account a link names".to_owned(),
                    attribute => format!("the account with {attribute} {value:?}"),
                };
                Draft::new(
                    held::UNMANAGED_MATCH,
                    format!("{which} is not managed: {why}"),
                )
                .accounts(vec![*object])
                .rule(rule_of(attribute))
            }
            Conflict::AnchoredElsewhere {
                object,
                anchor: other,
                anchored_by,
                attribute,
            } => Draft::new(
                held::ANCHORED_ELSEWHERE,
                if *anchored_by == mapping.anchor.id {
                    format!(
                        "the account found by {attribute} carries {} {other:?}, not {:?}",
                        mapping.anchor.name, subject.anchor
                    )
                } else {
                    format!(
                        "the account found by {attribute} carries {} {other:?}, the anchor of another mapping",
                        self.index.snapshot.header.definition(*anchored_by).name
                    )
                },
            )
            .accounts(vec![*object])
            .rule(rule_of(attribute)),
            Conflict::DuplicateAnchor { people, beside } => Draft::new(
                held::DUPLICATE_ANCHOR,
                format!(
                    "{people} people have {} {:?}{}",
                    mapping.anchor.name,
                    subject.anchor,
                    left_out(*beside)
                ),
            )
            .rule(anchor),
            Conflict::Contested {
                object,
                people,
                beside,
            } => Draft::new(
                held::CONTESTED_ACCOUNT,
                format!("{people} people claim this account{}", left_out(*beside)),
            )
            .accounts(vec![*object])
            .rule(anchor),
            Conflict::Forbidden { object } => Draft::new(
                held::FORBIDDEN_MATCH,
                format!(
                    "the account carries the person's {} and is said not to be theirs",
                    mapping.anchor.name
                ),
            )
            .accounts(vec![*object])
            .rule(anchor),
            Conflict::LinkUnresolved { account, rule } => Draft::new(
                held::LINK_UNRESOLVED,
                format!(
                    "the account a link names is not in the read: {}",
                    spoken::object(account)
                ),
            )
            .rule(*rule),
            Conflict::LinkContradicted {
                by_anchor,
                linked,
                rule,
            } => Draft::new(
                held::LINK_CONTRADICTED,
                format!(
                    "a link names one account, and another carries the person's {}",
                    mapping.anchor.name
                ),
            )
            .accounts(vec![*linked, *by_anchor])
            .rule(*rule),
            Conflict::SeveralAccounts { objects } => self.several_accounts(subject, objects),
            Conflict::Failed(problem) => {
                Draft::problem("recognising the account", problem).rule(anchor)
            }
            Conflict::NotDelivered(field) => {
                Draft::not_delivered("recognising the account", field).rule(anchor)
            }
        }
    }
}

/// What one of the held or left-out claims: an anchor value or an account.
pub(super) struct Rival<'a> {
    anchor: Option<(&'a Key, CompactString)>,
    account: Option<u32>,
    /// An account that carries another anchor: nobody else's for it, but perhaps that of the held.
    anchored: Option<u32>,
}

/// The claims of one person; each anchor is given once.
pub(super) fn rival<'a>(
    anchors: Vec<(&'a Key, CompactString)>,
    mut accounts: Vec<u32>,
    anchored: Vec<u32>,
) -> Vec<Rival<'a>> {
    accounts.sort_unstable();
    accounts.dedup();
    let nothing = || Rival {
        anchor: None,
        account: None,
        anchored: None,
    };
    let anchors = anchors.into_iter().map(|anchor| Rival {
        anchor: Some(anchor),
        ..nothing()
    });
    let accounts = accounts.into_iter().map(|account| Rival {
        account: Some(account),
        ..nothing()
    });
    let anchored = anchored.into_iter().map(|account| Rival {
        anchored: Some(account),
        ..nothing()
    });
    anchors.chain(accounts).chain(anchored).collect()
}

/// How many of those who share something are not seen among the people a plan is made for.
fn left_out(people: usize) -> String {
    match people {
        0 => String::new(),
        people => format!(", {people} of them held for another reason or out of scope"),
    }
}
