//! What exceptions of the configuration keep from being done, told of a finished change: by the person's key alone.
//!
//! The planner has left it out long before, with the read at hand. This is for changes that come from elsewhere: an undo, which
//! brings back what was without asking anybody's state, and a plan that somebody else made. Must not know reads. Invariant: of a
//! plan the planner made with the same configuration nothing is said.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::Date;

use super::build::moment;
use super::{Action, Change, ChangeId, Held};
use crate::config::kinds::{Everything, Exception, Exempt};
use crate::config::{Config, Standing};
use crate::lang::Tables;
use crate::policy::{Code, held as code};

/// The exceptions of a configuration, by source, target and key.
pub(super) struct Excepted<'c> {
    of: HashMap<(&'c str, &'c str, String), Vec<&'c Exception>>,
    today: Option<Date>,
}

/// What an exception keeps from being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept<'c> {
    exception: &'c Exception,
    /// Of a change of attributes those that are left alone; empty when it is the whole change.
    attributes: Vec<String>,
    /// What the exception asks for.
    why: &'static str,
}

impl<'c> Excepted<'c> {
    pub(super) fn of(config: &'c Config, as_of: jiff::Timestamp) -> Self {
        let mut of: HashMap<_, Vec<&Exception>> = HashMap::new();
        for document in config.exceptions.values() {
            let spec = &document.spec;
            for exception in &spec.exceptions {
                let key = (
                    spec.source.as_str(),
                    spec.target.as_str(),
                    exception.person.to_string(),
                );
                of.entry(key).or_default().push(exception);
            }
        }
        let moment = moment(config, as_of, Tables::default()).ok();
        Self {
            of,
            today: moment.map(|moment| moment.as_of.date()),
        }
    }

    /// The first exception that keeps a change, or a part of it, from being done.
    pub(super) fn keeps(&self, change: &Change) -> Option<Kept<'c>> {
        if self.of.is_empty() {
            return None;
        }
        let person = &change.person;
        let key = (
            person.source.as_str(),
            change.target.as_str(),
            person.key.as_str().to_owned(),
        );
        let exceptions = self.of.get(&key)?;
        exceptions.iter().find_map(|exception| {
            let whole = |why| {
                Some(Kept {
                    exception,
                    attributes: Vec::new(),
                    why,
                })
            };
            if matches!(change.action, Action::Delete { .. }) {
                return whole("keeps the account from being deleted");
            }
            match &exception.exempt {
                Some(Exempt::Everything(Everything::Everything)) => {
                    return whole("leaves the whole account alone");
                }
                Some(Exempt::Attributes(names)) => {
                    let attributes = spared(change, names);
                    let renames = matches!(change.action, Action::Rename { .. })
                        && names.iter().any(|name| name.eq_ignore_ascii_case("cn"));
                    if !attributes.is_empty() || renames {
                        return Some(Kept {
                            exception,
                            attributes,
                            why: "leaves attributes alone",
                        });
                    }
                }
                None => {}
            }
            if !exception.stop {
                return None;
            }
            match &change.action {
                // Whatever becomes of the account, nothing opens it while somebody means the exception.
                Action::Enable {} => whole("keeps the account disabled"),
                Action::Create { .. } if self.is_meant(exception) => {
                    whole("keeps an account from being made")
                }
                _ => None,
            }
        })
    }

    /// Whether its last day is not over.
    fn is_meant(&self, exception: &Exception) -> bool {
        let today = self.today;
        today.is_some_and(|today| exception.standing(today) != Standing::Expired)
    }

    /// Takes out of changes what exceptions keep, with whatever waits for it; gives what is held.
    pub(super) fn spare(&self, changes: Vec<Change>) -> (Vec<Change>, Vec<Held>) {
        if self.of.is_empty() {
            return (changes, Vec::new());
        }
        let mut held = Vec::new();
        let mut gone: HashSet<ChangeId> = HashSet::new();
        let mut left: Vec<Change> = Vec::with_capacity(changes.len());
        for mut change in changes {
            let Some(kept) = self.keeps(&change) else {
                left.push(change);
                continue;
            };
            held.push(self.held(&change, &kept));
            if let (Action::Modify { attributes }, false) =
                (&mut change.action, kept.attributes.is_empty())
            {
                attributes.retain(|one| !kept.attributes.contains(&one.name));
                if !attributes.is_empty() {
                    left.push(change);
                    continue;
                }
            }
            gone.insert(change.id);
        }
        let waiting = waiting(&left, gone);
        let left = left
            .into_iter()
            .filter_map(|change| match waiting.get(&change.id) {
                Some(needed) => {
                    held.push(waits(&change, needed));
                    None
                }
                None => Some(change),
            })
            .collect();
        (left, held)
    }

    fn held(&self, change: &Change, kept: &Kept<'_>) -> Held {
        let Exception {
            owner,
            reason,
            ticket,
            expires,
            ..
        } = kept.exception;
        let (code, until) = if self.is_meant(kept.exception) {
            (code::EXEMPT, "until")
        } else {
            (code::EXCEPTION_EXPIRED, "which has ended with")
        };
        let what = match kept.attributes.as_slice() {
            [] => change.action.kind().to_owned(),
            some => some.join(", "),
        };
        let why = kept.why;
        entry(
            change,
            code,
            format!("{what}: an exception {why}, {until} {expires}: {reason} ({owner}, {ticket})"),
        )
    }
}

/// Which changes wait for one that is gone, directly or not, each with the one it waits for.
fn waiting(changes: &[Change], gone: HashSet<ChangeId>) -> HashMap<ChangeId, ChangeId> {
    let mut followers: HashMap<&ChangeId, Vec<&ChangeId>> = HashMap::new();
    for change in changes {
        for needed in &change.depends_on {
            followers.entry(needed).or_default().push(&change.id);
        }
    }
    let mut found: HashMap<ChangeId, ChangeId> = HashMap::new();
    let mut open: Vec<ChangeId> = gone.into_iter().collect();
    open.sort_unstable();
    while let Some(needed) = open.pop() {
        for next in followers.get(&needed).into_iter().flatten() {
            if !found.contains_key(*next) {
                found.insert((*next).clone(), needed.clone());
                open.push((*next).clone());
            }
        }
    }
    found
}

/// Attributes of an existing account that a change writes and an exception leaves alone.
fn spared(change: &Change, names: &[String]) -> Vec<String> {
    let Action::Modify { attributes } = &change.action else {
        return Vec::new();
    };
    let written: BTreeSet<&str> = attributes.iter().map(|one| one.name.as_str()).collect();
    let is_spared = |written: &str| names.iter().any(|name| name.eq_ignore_ascii_case(written));
    let spared = written.into_iter().filter(|name| is_spared(name));
    spared.map(str::to_owned).collect()
}

fn waits(change: &Change, needed: &ChangeId) -> Held {
    entry(
        change,
        code::EXEMPT,
        format!(
            "{} waits for change {}, which an exception keeps from being done",
            change.action.kind(),
            needed.0
        ),
    )
}

fn entry(change: &Change, code: Code, reason: String) -> Held {
    let account = match &change.action {
        Action::AddMember { member } | Action::RemoveMember { member } => member,
        _ => &change.object,
    };
    Held {
        person: Some(change.person.clone()),
        target: None,
        accounts: vec![account.clone()],
        code: code.code.to_owned(),
        reason,
        help: code.help.to_owned(),
        rule: None,
        partial: false,
        guard: None,
        waits: Vec::new(),
    }
}

/// Changes of a plan that exceptions of the configuration keep from being done; a sentence each.
pub(super) fn against_exceptions(
    changes: &[Change],
    config: &Config,
    as_of: jiff::Timestamp,
) -> Vec<String> {
    let excepted = Excepted::of(config, as_of);
    let kept = |change: &Change| {
        let kept = excepted.keeps(change)?;
        let what = match kept.attributes.as_slice() {
            [] => String::new(),
            some => format!(" of {}", some.join(", ")),
        };
        Some(format!(
            "change {} ({}{what}) is about {} ({}), of whom an exception {} ({})",
            change.id.0,
            change.action.kind(),
            change.person.label,
            change.person.key,
            kept.why,
            kept.exception.ticket
        ))
    };
    changes.iter().filter_map(kept).collect()
}
