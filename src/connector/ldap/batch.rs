//! Reads of single objects that wait for a connection: one search answers all that wait.
//!
//! A look before a write and the reading back after it are a request each, and a server that does one thing at a time
//! does them instead of writing. So only one read is under way, at the end of the line for a connection; whatever is
//! asked until it has one goes along. No answer is older than the question, and nothing is kept.
//!
//! Must not know what an object is read for.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use ldap3::Scope;
use tokio::sync::oneshot;

use super::wire::{RawEntry, Session, domain_scope};
use super::write::lock;
use crate::connector::{ConnectorError, LiveEntry};
use crate::model::Guid;

/// The most objects one search asks for: far from the 1,000 entries Active Directory gives without paging (MaxPageSize,
/// [MS-ADTS] 3.1.1.3.4.6), and a filter every server takes.
const MOST: usize = 64;

/// What came of a read.
pub(super) type Answer = Result<Option<LiveEntry>, ConnectorError>;

/// A read that waits.
pub(super) struct Ask {
    pub(super) guid: Guid,
    pub(super) attributes: Vec<String>,
    answer: oneshot::Sender<Answer>,
}

impl Ask {
    /// Tells whoever asked; nobody may be there any more.
    pub(super) fn answer(self, answer: Answer) {
        drop(self.answer.send(answer));
    }
}

/// Reads that wait for a connection.
#[derive(Default)]
pub(super) struct Line {
    waiting: Mutex<VecDeque<Ask>>,
    /// Held by whoever reads for everybody.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Line {
    /// Joins the line. The answer never comes when whoever took the ask ended before answering it.
    pub(super) fn join(&self, guid: Guid, attributes: &[String]) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        lock(&self.waiting).push_back(Ask {
            guid,
            attributes: attributes.to_vec(),
            answer,
        });
        receiver
    }

    /// Those whose turn it is, out of the line.
    pub(super) fn take(&self) -> Vec<Ask> {
        let mut waiting = lock(&self.waiting);
        let upto = waiting.len().min(MOST);
        waiting
            .drain(..upto)
            .filter(|ask| !ask.answer.is_closed())
            .collect()
    }
}

/// Every attribute somebody asks for, once each, and the identity.
pub(super) fn asked(asks: &[Ask]) -> Vec<String> {
    let mut names: Vec<String> = asks
        .iter()
        .flat_map(|ask| &ask.attributes)
        .map(|name| name.to_ascii_lowercase())
        .chain(["objectguid".to_owned()])
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Looks for the objects in one search below `base`. Those it does not show may still exist elsewhere; `None` when the
/// server does not want to answer such a search.
///
/// # Errors
/// When the exchange broke off.
pub(super) async fn search(
    session: &Session,
    base: &str,
    asks: &[Ask],
    attributes: &[String],
) -> Result<Option<HashMap<Guid, RawEntry>>, ConnectorError> {
    let mut filter = "(|".to_owned();
    for ask in asks {
        filter.push_str("(objectGUID=");
        for byte in ask.guid.to_wire() {
            filter.push_str(&format!("\\{byte:02x}"));
        }
        filter.push(')');
    }
    filter.push(')');
    let what = format!("reading {} objects", asks.len());
    let controls = vec![domain_scope()];
    let (entries, result) = session
        .some_with(base, Scope::Subtree, &filter, attributes, controls)
        .await
        .map_err(|broken| broken.on_read(&session.system, &what))?;
    if result.rc != 0 {
        tracing::debug!("{}: {what}: result {}", session.system, result.rc);
        return Ok(None);
    }
    let with_identity = entries.into_iter().filter_map(|entry| {
        let guid = Guid::from_wire(entry.values("objectGUID").first()?)?;
        Some((guid, entry))
    });
    Ok(Some(with_identity.collect()))
}
