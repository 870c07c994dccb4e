//! The lock in a directory: one apply at a time, however many machines there are.
//!
//! An object that is there already, and one attribute of it that holds one value: empty is free. Whoever applies puts in
//! who they are, renews it, and takes it out again; each of these is a compare-and-set that names the value before,
//! so two can never have it. Must not know plans, nor where the words about the owner come from.
//!
//! Invariants: no clock of another machine is trusted. A lock is dead when its value did not change while it was watched for
//! longer than its owner would go on without renewing it ([`Timing`]). What is not a lock of this program is never overwritten.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::connector::{ConnectorError, DirectoryWriter, LiveEntry, Modification};
use crate::model::Dn;

/// Format of the value.
const FORMAT: &str = "halosync/lock/v1";

/// Where a lock is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The object. It is not created here.
    pub object: Dn,
    /// `lDAPDisplayName` of an attribute that holds one text.
    pub attribute: String,
}

/// Who has a lock. Stands in the directory as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Holder {
    /// `halosync/lock/v1`.
    format: String,
    /// Who it is, for people.
    pub owner: String,
    /// Tells this apply from every other.
    pub run: String,
    /// Digest of the plan that is being applied.
    pub plan: String,
    /// When it was taken, by the owner's clock. For people.
    pub since: jiff::Timestamp,
    /// When it was last renewed, by the owner's clock. For people.
    pub renewed: jiff::Timestamp,
    /// How often it was renewed: another value each time, whatever the owner's clock does.
    #[serde(default)]
    renewals: u64,
}

impl Holder {
    /// Somebody who begins now. Of a long or odd `owner` only the beginning and the readable part is kept.
    pub fn new(owner: &str, run: String, plan: &str, now: jiff::Timestamp) -> Self {
        /// Characters.
        const LONGEST: usize = 100;
        let owner = owner.chars().filter(|c| !c.is_control());
        Self {
            format: FORMAT.to_owned(),
            owner: owner.take(LONGEST).collect(),
            run,
            plan: plan.to_owned(),
            since: now,
            renewed: now,
            renewals: 0,
        }
    }

    fn text(&self) -> Result<String, LockError> {
        serde_json::to_string(self).map_err(|error| LockError::Foreign {
            text: error.to_string(),
        })
    }
}

/// How long things take around a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two renewals.
    pub renewal: Duration,
    /// An owner that could not renew for so long stops writing.
    pub gives_up: Duration,
    /// A lock that did not change for so long while it was watched has no living owner. Longer than `gives_up`.
    pub dead: Duration,
}

impl Timing {
    /// What goes with a lock that is dead after this time.
    pub fn dead_after(dead: Duration) -> Self {
        Self {
            renewal: dead / 6,
            gives_up: dead * 2 / 3,
            dead,
        }
    }
}

/// Why a lock was not got.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another apply has it.
    #[error(
        "another apply has the lock: {}, of plan {}, since {}, last renewed {}",
        .0.holder.owner, .0.holder.plan, .0.holder.since, .0.holder.renewed
    )]
    Held(Box<Found>),
    /// It was renewed while it was watched: its owner lives.
    #[error("the owner of the lock lives and renewed it while it was watched: {}", .0.owner)]
    Alive(Box<Holder>),
    /// Something else stands in the attribute.
    #[error("the attribute for the lock holds something else: {text:?}")]
    Foreign {
        /// What stands there.
        text: String,
    },
    /// The object for the lock does not exist.
    #[error("there is no object {object} for the lock")]
    NoObject {
        /// Its name.
        object: Dn,
    },
    /// The directory did not do it.
    #[error("the lock cannot be read or written")]
    Directory(#[from] ConnectorError),
}

/// A lock somebody has, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub holder: Holder,
    text: String,
}

/// A lock we have.
#[derive(Debug)]
pub struct Held {
    place: Place,
    holder: Holder,
    /// The value that stands there, as far as we know.
    text: String,
    timing: Timing,
    /// When it was last known to be ours.
    sure: Instant,
}

/// Takes a free lock.
///
/// # Errors
/// [`LockError::Held`] when somebody has it; others when it cannot be told.
pub async fn acquire<W: DirectoryWriter>(
    writer: &W,
    place: &Place,
    holder: Holder,
    timing: Timing,
) -> Result<Held, LockError> {
    let sure = Instant::now();
    let (entry, found) = look(writer, place).await?;
    if let Some(found) = found {
        return Err(LockError::Held(Box::new(found)));
    }
    let text = holder.text()?;
    let write = [Modification::Add(
        place.attribute.clone(),
        vec![text.clone()],
    )];
    settle(writer, place, &entry, &write, &text).await?;
    Ok(Held {
        place: place.clone(),
        holder,
        text,
        timing,
        sure,
    })
}

/// Takes over the lock of an owner that is dead: watches it first for [`Timing::dead`], which the owner would have renewed it
/// in, or have stopped writing.
///
/// # Errors
/// [`LockError::Alive`] when it changes meanwhile; as [`acquire`] otherwise.
pub async fn take_over<W: DirectoryWriter>(
    writer: &W,
    place: &Place,
    found: &Found,
    holder: Holder,
    timing: Timing,
) -> Result<Held, LockError> {
    let begun = Instant::now();
    let (mut sure, mut entry);
    loop {
        sure = Instant::now();
        let (now_entry, now) = look(writer, place).await?;
        entry = now_entry;
        match now {
            None => return acquire(writer, place, holder, timing).await,
            Some(now) if now.text != found.text => {
                return Err(LockError::Alive(Box::new(now.holder)));
            }
            Some(_) if sure.duration_since(begun) >= timing.dead => break,
            Some(_) => {}
        }
        let left = timing.dead.saturating_sub(begun.elapsed());
        tokio::time::sleep(timing.renewal.min(left)).await;
    }
    let text = holder.text()?;
    let write = exchange(place, &found.text, &text);
    settle(writer, place, &entry, &write, &text).await?;
    Ok(Held {
        place: place.clone(),
        holder,
        text,
        timing,
        sure,
    })
}

impl Held {
    /// Renews the lock until it is lost, and says how it was.
    pub async fn keep<W: DirectoryWriter>(
        &mut self,
        writer: &W,
        clock: impl Fn() -> jiff::Timestamp,
    ) -> String {
        loop {
            tokio::time::sleep(self.timing.renewal).await;
            // Past this moment somebody may take it over.
            let last = self.sure + self.timing.gives_up;
            match tokio::time::timeout_at(last, self.renew(writer, clock())).await {
                Ok(Ok(())) => {}
                Ok(Err(LockError::Held(found))) => {
                    return format!("the lock was taken over by {}", found.holder.owner);
                }
                Ok(Err(error @ (LockError::Foreign { .. } | LockError::NoObject { .. }))) => {
                    return format!("the lock was taken away: {error}");
                }
                Ok(Err(_)) if Instant::now() < last => {}
                Ok(Err(_)) | Err(_) => {
                    return format!(
                        "the lock could not be renewed for {:?}",
                        self.timing.gives_up
                    );
                }
            }
        }
    }

    async fn renew<W: DirectoryWriter>(
        &mut self,
        writer: &W,
        now: jiff::Timestamp,
    ) -> Result<(), LockError> {
        let begun = Instant::now();
        let (entry, found) = look(writer, &self.place).await?;
        match found {
            // Also what an earlier renewal left that was not answered.
            Some(found) if found.holder.run == self.holder.run => self.text = found.text,
            Some(found) => return Err(LockError::Held(Box::new(found))),
            None => {
                return Err(LockError::Foreign {
                    text: "nothing".to_owned(),
                });
            }
        }
        self.holder.renewed = now;
        self.holder.renewals += 1;
        let text = self.holder.text()?;
        let write = exchange(&self.place, &self.text, &text);
        settle(writer, &self.place, &entry, &write, &text).await?;
        self.text = text;
        self.sure = begun;
        Ok(())
    }

    /// Gives it back. What is not ours any more is left.
    ///
    /// # Errors
    /// When the directory does not do it; the lock then looks like that of a dead owner.
    pub async fn release<W: DirectoryWriter>(self, writer: &W) -> Result<(), LockError> {
        let (entry, found) = look(writer, &self.place).await?;
        match found {
            Some(found) if found.holder.run == self.holder.run => {
                let write = [Modification::Delete(
                    self.place.attribute.clone(),
                    vec![found.text],
                )];
                writer.modify(entry.guid, &write).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn exchange(place: &Place, before: &str, after: &str) -> [Modification; 2] {
    [
        Modification::Delete(place.attribute.clone(), vec![before.to_owned()]),
        Modification::Add(place.attribute.clone(), vec![after.to_owned()]),
    ]
}

/// What stands in the place of the lock.
async fn look<W: DirectoryWriter>(
    writer: &W,
    place: &Place,
) -> Result<(LiveEntry, Option<Found>), LockError> {
    let asked = [place.attribute.clone()];
    let Some(entry) = writer.fetch_by_dn(&place.object, &asked).await? else {
        return Err(LockError::NoObject {
            object: place.object.clone(),
        });
    };
    let mut values = entry
        .attributes
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(&place.attribute))
        .flat_map(|(_, values)| values);
    let Some(text) = values.next().cloned() else {
        return Ok((entry, None));
    };
    match serde_json::from_str::<Holder>(&text) {
        Ok(holder) if holder.format == FORMAT => Ok((entry, Some(Found { holder, text }))),
        _ => Err(LockError::Foreign {
            text: text.chars().take(100).collect(),
        }),
    }
}

/// Sends a compare-and-set, and where the answer leaves it open, looks who has the lock now.
async fn settle<W: DirectoryWriter>(
    writer: &W,
    place: &Place,
    entry: &LiveEntry,
    write: &[Modification],
    ours: &str,
) -> Result<(), LockError> {
    let Err(error) = writer.modify(entry.guid, write).await else {
        return Ok(());
    };
    if matches!(error, ConnectorError::Denied { .. }) {
        return Err(error.into());
    }
    match look(writer, place).await?.1 {
        Some(found) if found.text == ours => Ok(()),
        Some(found) => Err(LockError::Held(Box::new(found))),
        None => Err(error.into()),
    }
}
