//! One target while it is being planned: the read, what may be done in it, and whose account is whose.

use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::addresses::has_addresses;
use super::build::{Moment, PlanError};
use super::counting::Counting;
use super::deletion::Prepared;
use super::draft::Draft;
use super::drift::Evidence;
use super::lost::Lost;
use super::people::{Assessed, Concerned, Side};
use super::returns::Return;
use super::zones::Seen;
use crate::config::{Config, Document, kinds};
use crate::lifecycle::Since;
use crate::mapping::{ADDRESSES, AttributeRule, Composition, Flavour, Key, RuleKind};
use crate::matching::{
    self, Asked, Conflict, DirectoryIndex, Found, Hashed, KeyIndexes, Standing, ValueIndex, hash,
};
use crate::model::{
    AttributeDef, AttributeId, DirectoryHeader, Dn, DnKey, Entry, EntryKind, FieldIndex, Location,
    Name,
};
use crate::policy::{Scope, held};

/// One person who is to have an account.
pub(super) struct Subject {
    pub(super) side: u16,
    /// Place in the side's snapshot.
    pub(super) person: u32,
    pub(super) mapping: u16,
    pub(super) state: u16,
    pub(super) since: Since,
    /// The source calls the person inactive.
    pub(super) inactive: bool,
    /// What the stage is counted from.
    pub(super) counting: Counting,
    pub(super) anchor: CompactString,
    /// The rules in force, as a place in [`Target::compositions`], or why nobody can say which are.
    pub(super) rules: Result<u32, Box<Draft>>,
    pub(super) found: Found,
    /// They come back from a state that does not simply give them the same account again.
    pub(super) returning: Option<Return>,
}

impl Subject {
    /// The account, when there is one.
    pub(super) fn account(&self) -> Option<u32> {
        match self.found {
            Found::Account(object) | Found::Adopt { object, .. } => Some(object),
            Found::Nothing | Found::Conflict(_) => None,
        }
    }
}

/// Attributes every plan needs the ids of.
pub(super) struct WellKnown {
    pub(super) sam: AttributeId,
    pub(super) uac: AttributeId,
    pub(super) pwd_last_set: Option<AttributeId>,
    pub(super) upn: Option<AttributeId>,
    pub(super) cn: Option<AttributeId>,
    pub(super) sid: Option<AttributeId>,
    pub(super) primary_group: Option<AttributeId>,
    pub(super) member: Option<AttributeId>,
    pub(super) created: Option<AttributeId>,
}

impl WellKnown {
    fn new(target: &Name, header: &DirectoryHeader) -> Result<Self, PlanError> {
        let needed = |name: &str| {
            header.attribute(name).ok_or_else(|| PlanError::ReadLacks {
                target: target.clone(),
                attribute: name.to_owned(),
            })
        };
        Ok(Self {
            sam: needed("sAMAccountName")?,
            uac: needed("userAccountControl")?,
            pwd_last_set: header.attribute("pwdLastSet"),
            upn: header.attribute("userPrincipalName"),
            cn: header.attribute("cn"),
            sid: header.attribute("objectSid"),
            primary_group: header.attribute("primaryGroupID"),
            member: header.attribute("member"),
            created: header.attribute("whenCreated"),
        })
    }
}

/// One target.
pub(super) struct Target<'a> {
    pub(super) name: &'a Name,
    pub(super) index: DirectoryIndex<'a>,
    pub(super) standing: Vec<Standing>,
    pub(super) scope: Scope,
    pub(super) known: WellKnown,
    pub(super) moment: &'a Moment,
    /// The project says who may open the file with initial passwords, without which no enabled account is made.
    pub(super) keeps_passwords: bool,
    pub(super) sides: Vec<Side<'a>>,
    pub(super) subjects: Vec<Subject>,
    /// The rules in force, once for all people in one state whom the same templates concern.
    pub(super) compositions: Vec<Composition>,
    /// Where each person of each side stands among the subjects.
    pub(super) subject_of: Vec<Vec<u32>>,
    /// Per side, people in scope to whom no mapping applies.
    pub(super) not_mapped: Vec<HashSet<u32>>,
    pub(super) keys: KeyIndexes,
    /// Attributes that are an anchor under any mapping of any side.
    pub(super) anchors: Vec<AttributeId>,
    /// Who holds which value of the attributes that must be unique.
    pub(super) taken: HashMap<AttributeId, ValueIndex>,
    /// Former names of deleted objects, each with the places it was in; `None` where the read does not tell.
    deleted: HashMap<CompactString, Vec<Option<DnKey>>>,
    /// `example.test` of `DC=example,DC=test`: the suffix of implied principal names.
    pub(super) domain: String,
    /// Lookups of people by key (`None`) or by a field, per side.
    pub(super) lookups: Vec<HashMap<Option<FieldIndex>, Lookup>>,
    /// Accounts that somebody of the read may be meant by, although they do not get them.
    pub(super) claimed: HashSet<u32>,
    /// What has to be known before an account is deleted, when some state does that.
    pub(super) deletions: Option<Prepared>,
    /// What edits in the directory are known by.
    pub(super) evidence: Evidence<'a>,
    /// Where the rules stand, when edits are known: by their ids.
    pub(super) places: std::sync::Arc<[Location]>,
    /// By subject, the account they had and that does not carry their anchor any more.
    pub(super) lost: HashMap<u32, Lost>,
}

/// In [`Target::subject_of`]: the person is no subject.
pub(super) const NOBODY: u32 = u32::MAX;

/// People of a side by key, or by the value of a field.
pub(super) struct Lookup {
    field: Option<FieldIndex>,
    by_value: Hashed,
}

impl Lookup {
    fn new(side: &Side<'_>, field: Option<FieldIndex>) -> Self {
        let rows = side
            .people
            .people
            .par_iter()
            .enumerate()
            .filter_map(|(at, person)| {
                let at = u32::try_from(at).ok()?;
                let value = Self::value(field, side, at, person)?;
                Some((hash(&value), at))
            })
            .collect();
        Self {
            field,
            by_value: Hashed::new(rows),
        }
    }

    fn value(
        field: Option<FieldIndex>,
        side: &Side<'_>,
        at: u32,
        person: &crate::model::Person,
    ) -> Option<CompactString> {
        match field {
            None => Some(person.key.as_str().into()),
            // Somebody named by a value is somebody in scope, be it by another record.
            Some(_) if !person.in_scope && side.primary(at) == at => None,
            Some(field) => person
                .fact(field)
                .map(|fact| compact_str::format_compact!("{fact}").to_lowercase()),
        }
    }

    /// The one person with this value, by the record that counts.
    pub(super) fn find(&self, side: &Side<'_>, wanted: &str) -> Option<u32> {
        self.record(side, wanted).map(|record| side.primary(record))
    }

    /// A record with this value, when all that have it are of one person.
    pub(super) fn record(&self, side: &Side<'_>, wanted: &str) -> Option<u32> {
        let wanted: CompactString = match self.field {
            None => wanted.into(),
            Some(_) => wanted.to_lowercase().into(),
        };
        let mut found = self.by_value.get(hash(&wanted)).filter(|at| {
            let value = Self::value(self.field, side, *at, side.person(*at));
            value.as_ref() == Some(&wanted)
        });
        let first = found.next()?;
        let person = side.primary(first);
        found
            .all(|other| side.primary(other) == person)
            .then_some(first)
    }
}

/// People one task looks at before another may take over.
pub(super) const CHUNK: usize = 1024;

/// A person and why they are held.
pub(super) type HeldPerson = (u16, u32, Draft);

impl<'a> Target<'a> {
    /// Indexes the read.
    pub(super) fn new(
        directory: &'a Document<kinds::ActiveDirectory>,
        snapshot: &'a crate::model::DirectorySnapshot,
        moment: &'a Moment,
        sides: Vec<Side<'a>>,
    ) -> Result<Self, PlanError> {
        let header = &snapshot.header;
        let known = WellKnown::new(&directory.name, header)?;
        let scope = Scope::new(&directory.spec, header);
        let mut anchors: Vec<AttributeId> = sides
            .iter()
            .flat_map(|side| &side.mappings)
            .map(|mapping| mapping.anchor.id)
            .collect();
        anchors.sort_unstable();
        anchors.dedup();
        let mut recognised: HashMap<AttributeId, AttributeDef> = HashMap::new();
        let mut unique: HashMap<AttributeId, AttributeDef> = HashMap::new();
        for id in [Some(known.sam), known.upn].into_iter().flatten() {
            unique.insert(id, header.definition(id).clone());
        }
        for mapping in sides.iter().flat_map(|side| &side.mappings) {
            for key in std::iter::once(&mapping.anchor).chain(&mapping.adopt) {
                recognised.insert(key.id, key.def.clone());
            }
            for rule in mapping.all_rules() {
                if has_addresses(rule) {
                    let all = ADDRESSES.iter().filter_map(|name| header.attribute(name));
                    unique.extend(all.map(|id| (id, header.definition(id).clone())));
                }
                if let RuleKind::Name(names) = &rule.kind
                    && names.flavour != Flavour::Cn
                {
                    unique.insert(rule.id, rule.def.clone());
                    let reach = &names.reach;
                    for (id, def) in reach.also_in.iter().chain(&reach.addresses) {
                        unique.insert(*id, def.clone());
                    }
                }
            }
        }
        let ask = |wanted: HashMap<AttributeId, AttributeDef>, users| {
            wanted.into_iter().map(move |(attribute, def)| Asked {
                attribute,
                def,
                users,
            })
        };
        let asked: Vec<Asked> = ask(recognised, true).chain(ask(unique, false)).collect();
        let judge = |entry: &Entry, key: &DnKey| scope.stands(entry, key);
        let (index, values, standing) = DirectoryIndex::new(snapshot, &asked, judge);
        let (mut keys, mut taken) = (HashMap::new(), HashMap::new());
        for (asked, values) in asked.into_iter().zip(values) {
            let kind = if asked.users { &mut keys } else { &mut taken };
            kind.insert(asked.attribute, values);
        }
        let deleted = deleted_names(snapshot, known.cn);
        let domain = header
            .identity
            .naming_context
            .key()
            .as_str()
            .split(',')
            .filter_map(|part| part.strip_prefix("dc="))
            .collect::<Vec<_>>()
            .join(".");
        let lookups = sides.iter().map(lookups).collect();
        Ok(Self {
            name: &directory.name,
            index,
            standing,
            scope,
            known,
            moment,
            keeps_passwords: false,
            subject_of: sides
                .iter()
                .map(|side| vec![NOBODY; side.people.people.len()])
                .collect(),
            not_mapped: vec![HashSet::new(); sides.len()],
            sides,
            subjects: Vec::new(),
            compositions: Vec::new(),
            keys: KeyIndexes(keys),
            anchors,
            taken,
            deleted,
            domain,
            lookups,
            claimed: HashSet::new(),
            deletions: None,
            evidence: Evidence::Missing,
            places: std::sync::Arc::new([]),
            lost: HashMap::new(),
        })
    }

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

    fn accounts(&self) -> matching::Accounts<'_> {
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
                format!("the account a link names is not in the read: {account}"),
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

    pub(super) fn side(&self, subject: &Subject) -> &Side<'a> {
        &self.sides[usize::from(subject.side)]
    }

    pub(super) fn mapping(&self, subject: &Subject) -> &crate::mapping::Mapping {
        &self.sides[usize::from(subject.side)].mappings[usize::from(subject.mapping)]
    }

    /// The rules in force for a subject.
    pub(super) fn composition(&self, subject: &Subject) -> Result<&Composition, Draft> {
        match &subject.rules {
            Ok(at) => Ok(&self.compositions[*at as usize]),
            Err(draft) => Err((**draft).clone()),
        }
    }

    /// The rule that gives a subject's account its `cn`.
    pub(super) fn cn_rule(&self, subject: &Subject) -> Option<&AttributeRule> {
        let composition = &self.compositions[*subject.rules.as_ref().ok()? as usize];
        composition
            .rules(self.mapping(subject))
            .find(|rule| rule.name.eq_ignore_ascii_case("cn"))
    }

    pub(super) fn state(&self, subject: &Subject) -> &crate::lifecycle::State {
        self.side(subject).state(subject.state)
    }

    /// Whether a deleted object had this name in this place: restoring it must stay possible.
    pub(super) fn was_named(&self, folded: &str, place: &DnKey) -> bool {
        self.deleted.get(folded).is_some_and(|places| {
            places
                .iter()
                .any(|was| was.as_ref().is_none_or(|was| was == place))
        })
    }

    /// An existing object as a plan names it.
    pub(super) fn object(&self, object: u32) -> super::ObjectRef {
        let entry = self.index.entry(object);
        let mut named = super::ObjectRef::existing(entry.guid, entry.dn.clone());
        match entry.kind {
            EntryKind::User => {
                let header = &self.index.snapshot.header;
                let anchors = self.anchors.iter().filter_map(|id| {
                    let value = entry.value(*id)?.to_string();
                    Some((header.definition(*id).name.clone(), value))
                });
                named.anchor = anchors.collect();
            }
            EntryKind::Group => {
                let name = entry.value(self.known.sam);
                named.account_name = name.map(ToString::to_string);
            }
            _ => {}
        }
        named
    }

    /// Learns which attributes are anchors from the configuration, where no side was compiled that would tell.
    pub(super) fn know_anchors(&mut self, config: &Config) {
        let header = &self.index.snapshot.header;
        let mappings = config.mappings.values();
        let mut anchors: Vec<AttributeId> = mappings
            .filter(|mapping| mapping.spec.target == self.name.as_str())
            .filter_map(|mapping| header.attribute(&mapping.spec.matching.anchor.attribute))
            .collect();
        anchors.sort_unstable();
        anchors.dedup();
        self.anchors = anchors;
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

/// What deleted objects were called, and where: a deleted object's name carries its GUID behind a line break
/// ([MS-ADTS] 3.1.1.5.5.1.1).
fn deleted_names(
    snapshot: &crate::model::DirectorySnapshot,
    cn: Option<AttributeId>,
) -> HashMap<CompactString, Vec<Option<DnKey>>> {
    let parent = snapshot.header.attribute("lastKnownParent");
    let mut names: HashMap<CompactString, Vec<Option<DnKey>>> = HashMap::new();
    let deleted = |entry: &&Entry| entry.kind == EntryKind::Deleted;
    for entry in snapshot.objects.iter().filter(deleted) {
        let Some(name) = cn.and_then(|cn| entry.value(cn)) else {
            continue;
        };
        let name = name.split('\n').next().unwrap_or_default();
        let name = name.split("\\0ADEL:").next().unwrap_or_default();
        let folded = name.trim().chars().flat_map(crate::model::folded).collect();
        let place = parent
            .and_then(|parent| entry.value(parent))
            .and_then(|dn| Dn::parse(dn).ok())
            .map(|dn| dn.key());
        names.entry(folded).or_default().push(place);
    }
    names
}

/// The lookups the person rules of a side need.
fn lookups(side: &Side<'_>) -> HashMap<Option<FieldIndex>, Lookup> {
    let mut wanted = HashSet::new();
    for rule in side.mappings.iter().flat_map(|mapping| mapping.all_rules()) {
        if let RuleKind::Person { field, .. } = &rule.kind {
            wanted.insert(*field);
        }
    }
    wanted
        .into_iter()
        .map(|field| (field, Lookup::new(side, field)))
        .collect()
}
