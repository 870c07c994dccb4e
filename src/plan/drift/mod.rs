//! Tells what somebody edited in the directory from what people's data and the configuration ask for.
//!
//! No state is kept for it. The recording of the last applied plan says what was wanted then; planned once more from the
//! same people and the same configuration, but for the directory as it is now, everything that would have to be changed
//! was changed by somebody else, unless that plan itself did not get through. Keeps that what the evidence does not tell
//! is called undetermined and never guessed (P10).

mod carried;
mod causes;
mod compared;
mod doubts;
mod edits;
mod left;
mod members;
mod onward;
mod overlaps;
mod owners;
mod reading;
mod report;
mod restored;
mod waiting;

pub use carried::Carried;
pub use causes::{Earlier, causes};
pub use compared::Compared;
pub use edits::{Applied, Edits};
pub(super) use edits::{Edit, Finding};
pub(super) use left::{Left, LeftThere};
pub(super) use members::MemberLeft;
pub use onward::{Open, open};
pub use overlaps::Overlaps;
pub(super) use owners::{Account, Owner};
pub use owners::{Owners, OwnersOf, PersonOf};
pub use report::{
    ApplyTold, DRIFT_FORMAT, Difference, DriftCounts, DriftGroup, DriftInput, DriftReport,
    LastWritten, report,
};
pub use restored::restored;

/// What a plan is given to know edits by.
#[derive(Debug, Clone, Copy)]
pub enum Evidence<'a> {
    /// Edits are not asked about: whatever differs is written, whatever the rules say of edits.
    Unasked,
    /// The same, for the people and configuration of a recording: overlaps count from the stamps that stood there then.
    Recorded(&'a Overlaps),
    /// The same, with what is known of edits: no overlap is for what somebody made.
    Unheld(&'a Edits),
    /// There is none. What the rules would leave as it is or ask about, nobody can tell.
    Missing,
    /// From the recording of the last plan that was applied.
    Known(&'a Edits),
}

impl<'a> Evidence<'a> {
    /// What is known of edits, whatever is done about them.
    pub(super) fn edits(self) -> Option<&'a Edits> {
        match self {
            Self::Known(edits) | Self::Unheld(edits) => Some(edits),
            Self::Unasked | Self::Recorded(_) | Self::Missing => None,
        }
    }

    /// What is known of overlaps.
    pub(super) fn overlaps(self) -> Option<&'a Overlaps> {
        match self {
            Self::Recorded(overlaps) => Some(overlaps),
            Self::Known(edits) | Self::Unheld(edits) => Some(edits.overlaps()),
            Self::Unasked | Self::Missing => None,
        }
    }
}
