//! Reads of single objects that wait for a connection: one search answers all that wait.
//!
//! A look before a write and the reading back after it are a request each, and a server that does one thing at a time
//! does them instead of writing. So only one read is under way, on a connection of its own when there are many; whatever
//! is asked until it is sent goes along. No answer is older than the question, and nothing is kept.
//!
//! Must not know what an object is read for.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use ldap3::Scope;
use tokio::sync::oneshot;

use super::lease::lock;
use super::read::guid_dn;
use super::wire::{RawEntry, Session, domain_scope};
use super::write::LdapWriter;
use crate::connector::{ConnectorError, LiveEntry};
use crate::model::Guid;

/// The most objects one search asks for: far from the 1,000 entries Active Directory gives without paging (MaxPageSize,
/// [MS-ADTS] 3.1.1.3.4.6), and a filter every server takes.
const MOST: usize = 64;

/// How long the first of the line leaves time for others to join it, while writes are under way: some writes' worth, and
/// little beside the work of those that wait for a connection.
const GATHER: Duration = Duration::from_millis(4);

/// What came of a read.
type Answer = Result<Option<LiveEntry>, ConnectorError>;

/// A read that waits.
struct Ask {
    guid: Guid,
    attributes: Vec<String>,
    answer: oneshot::Sender<Answer>,
}

impl Ask {
    /// Tells whoever asked; nobody may be there any more.
    fn answer(self, answer: Answer) {
        drop(self.answer.send(answer));
    }
}

/// Reads that wait for a connection.
#[derive(Default)]
pub(super) struct Line {
    waiting: Mutex<VecDeque<Ask>>,
    /// Held by whoever reads for everybody.
    turn: tokio::sync::Mutex<()>,
}

impl Line {
    /// Joins the line. The answer never comes when whoever took the ask ended before answering it.
    fn join(&self, guid: Guid, attributes: &[String]) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        lock(&self.waiting).push_back(Ask {
            guid,
            attributes: attributes.to_vec(),
            answer,
        });
        receiver
    }

    /// Those whose turn it is, out of the line: none only when nobody waits in it.
    fn take(&self) -> Vec<Ask> {
        let mut waiting = lock(&self.waiting);
        std::iter::from_fn(|| waiting.pop_front())
            .filter(|ask| !ask.answer.is_closed())
            .take(MOST)
            .collect()
    }

    fn is_empty(&self) -> bool {
        lock(&self.waiting).is_empty()
    }
}

impl LdapWriter {
    /// Reads one object together with whatever else is asked for meanwhile.
    pub(super) async fn fetch_with_others(&self, guid: Guid, attributes: &[String]) -> Answer {
        loop {
            let mut answer = self.reads.join(guid, attributes);
            let answered = loop {
                tokio::select! {
                    biased;
                    answered = &mut answer => break answered,
                    turn = self.reads.turn.lock() => if !self.read_for_all(turn).await {
                        // Nobody waits, so somebody reads for us already. Asking for a turn again would be ready at once,
                        // and again, and leave whoever reads no time to.
                        break answer.await;
                    },
                }
            };
            // Else whoever read for us was stopped on the way.
            if let Ok(answer) = answered {
                return answer;
            }
        }
    }

    /// Answers those who wait in line for a read, as many as one search may. False when there were none.
    async fn read_for_all(&self, turn: tokio::sync::MutexGuard<'_, ()>) -> bool {
        if self.reads.is_empty() {
            return false;
        }
        let lease = if self.permits.is_at_full_width() {
            tokio::time::sleep(GATHER).await;
            self.lease_for_shared_read().await
        } else {
            self.lease().await
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => {
                let asks = self.reads.take();
                let any = !asks.is_empty();
                for ask in asks {
                    ask.answer(Err(error.clone()));
                }
                return any;
            }
        };
        let session = &lease.session;
        // Taken only now: whatever was asked for while waiting for a connection goes along.
        let asks = self.reads.take();
        if asks.is_empty() {
            return false;
        }
        // Nothing is written: the next ones need not wait until these are answered.
        if !self.permits.is_at_full_width() {
            drop(turn);
        }
        let found = match asks.as_slice() {
            [] | [_] => None,
            many => {
                let base = self.server.identity.naming_context.as_str();
                match search(session, base, many, &asked(many)).await {
                    Ok(found) => found,
                    Err(error) => {
                        for ask in asks {
                            ask.answer(Err(error.clone()));
                        }
                        return true;
                    }
                }
            }
        };
        for ask in asks {
            let raw = found.as_ref().and_then(|found| found.get(&ask.guid));
            let answer = match raw {
                Some(raw) => self.part(session, &ask, raw).await.map(Some),
                // Alone, or not shown by a search of the domain: only asking by its name says that there is none.
                None => {
                    let name = guid_dn(ask.guid);
                    self.live(session, &name, &ask.attributes).await
                }
            };
            ask.answer(answer);
        }
        true
    }

    /// What one of those who read together asked for.
    async fn part(
        &self,
        session: &Session,
        ask: &Ask,
        raw: &RawEntry,
    ) -> Result<LiveEntry, ConnectorError> {
        let names = ask.attributes.iter().map(String::as_str);
        let syntaxes = self.syntaxes(session, names).await?;
        let identity = "objectguid";
        let attributes = raw.attributes.iter().filter(|(name, _)| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            let plain = name.split(';').next().unwrap_or_default();
            plain == identity || syntaxes.contains_key(plain)
        });
        let own = RawEntry {
            dn: raw.dn.clone(),
            attributes: attributes.cloned().collect(),
        };
        self.entry(&guid_dn(ask.guid), own, &syntaxes)
    }
}

/// Every attribute somebody asks for, once each, and the identity.
fn asked(asks: &[Ask]) -> Vec<String> {
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
async fn search(
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
