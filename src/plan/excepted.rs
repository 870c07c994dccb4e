//! What exceptions of the configuration keep from being done, told of a finished change: by the person's key alone.
//!
//! The planner has left it out long before, with the read at hand. This is for changes that come from elsewhere: an undo, which
//! brings back what was without asking anybody's state, and a plan that somebody else made. Must not know reads. Invariant: of a
//! plan the planner made with the same configuration nothing is said.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::Date;

use super::build::moment;
use super::{Action, Change};
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

    /// The ticket of an exception that stops somebody. One that is over counts too: until it is taken out, plans hold the person.
    pub(super) fn stop(&self, source: &str, target: &str, key: &str) -> Option<&'c str> {
        if self.of.is_empty() {
            return None;
        }
        let exceptions = self.of.get(&(source, target, key.to_owned()))?;
        let stop = exceptions.iter().find(|exception| exception.stop)?;
        Some(&stop.ticket)
    }

    /// The exceptions that keep a change, or parts of it, from being done: one where it is the whole change, else all.
    pub(super) fn keeps(&self, change: &Change) -> Vec<Kept<'c>> {
        if self.of.is_empty() {
            return Vec::new();
        }
        let person = &change.person;
        let key = (
            person.source.as_str(),
            change.target.as_str(),
            person.key.as_str().to_owned(),
        );
        let mut all = Vec::new();
        for exception in self.of.get(&key).into_iter().flatten().copied() {
            let Some(kept) = self.kept(exception, change) else {
                continue;
            };
            if kept.attributes.is_empty() {
                return vec![kept];
            }
            all.push(kept);
        }
        all
    }

    /// What one exception of the person keeps a change from doing.
    fn kept(&self, exception: &'c Exception, change: &Change) -> Option<Kept<'c>> {
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
            Action::Enable { .. } => whole("keeps the account disabled"),
            Action::Create { .. } if self.is_meant(exception) => {
                whole("keeps an account from being made")
            }
            _ => None,
        }
    }

    /// Whether its last day is not over.
    fn is_meant(&self, exception: &Exception) -> bool {
        let today = self.today;
        today.is_some_and(|today| exception.standing(today) != Standing::Expired)
    }

    /// Of a change what is left alone, by each exception that leaves something: its attributes where they are not all of it,
    /// the code and the reason.
    pub(super) fn leaves(&self, change: &Change) -> Vec<(Vec<String>, Code, String)> {
        let told = |kept: Kept<'c>| {
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
            let text = format!(
                "{what}: an exception {why}, {until} {expires}: {reason} ({owner}, {ticket})"
            );
            (kept.attributes, code, text)
        };
        self.keeps(change).into_iter().map(told).collect()
    }
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

/// Changes of a plan that exceptions of the configuration keep from being done; a sentence each.
pub(super) fn against_exceptions(
    changes: &[Change],
    config: &Config,
    as_of: jiff::Timestamp,
) -> Vec<String> {
    let excepted = Excepted::of(config, as_of);
    let told = |change: &Change, kept: Kept<'_>| {
        let what = match kept.attributes.as_slice() {
            [] => String::new(),
            some => format!(" of {}", some.join(", ")),
        };
        format!(
            "change {} ({}{what}) is for {}, and an exception {} ({})",
            change.id.0,
            change.action.kind(),
            change.person.spoken(),
            kept.why,
            kept.exception.ticket
        )
    };
    let each = changes.iter().flat_map(|change| {
        let kept = excepted.keeps(change).into_iter();
        kept.map(move |kept| told(change, kept))
    });
    each.collect()
}
