//! The plan: the artifact a reviewer approves and `apply` executes, and how it is made.
//!
//! Everything is decided here and nothing later (P1). The planner reads configuration and snapshots and returns a
//! value; the same inputs give the same bytes whatever order they come in (P8).

mod absent;
mod account;
mod addresses;
mod adopted;
mod approvals;
mod artifact;
mod assemble;
mod attribute;
mod base;
mod build;
mod calendar;
mod changes;
mod contents;
mod contradictions;
mod counting;
mod coverage;
mod deletion;
mod differences;
mod draft;
mod drift;
mod evaluate;
mod excepted;
mod exceptions;
mod file;
mod floors;
mod groups;
mod guards;
mod inactive;
mod links;
mod lint;
mod lookup;
mod lost;
mod members;
mod missing;
mod moves;
mod named;
mod naming;
mod nesting;
mod objects;
mod only;
mod order;
mod outcome;
mod overlap;
mod ownership;
mod patterns;
mod people;
mod placement;
mod places;
mod planning;
mod quality;
mod reads;
mod reasons;
mod recognise;
mod records;
mod redacted;
mod references;
mod requests;
mod returns;
mod risk;
mod rule_groups;
mod same_person;
mod sides;
mod since;
mod stated;
mod steps;
mod strangers;
mod target;
mod trace;
mod twice;
mod undo;
mod whose;
mod wishes;
mod within;
mod written;
mod zones;

pub use approvals::approvals_with;
pub use artifact::*;
pub use base::{
    ReadChange, against, held_against, name_tables, not_planned, not_told_apart, read_changes,
};
pub use build::{
    PlanError, PlanInput, build, build_compared, build_explained, build_known, build_traced,
    build_unguarded, owner, tables,
};
pub use contradictions::{Against, Contradiction, Stamps, past_guards, unasked, unproven};
pub use differences::differences;
pub use drift::{
    Applied, ApplyTold, Carried, Compared, DRIFT_FORMAT, Difference, DriftCounts, DriftGroup,
    DriftInput, DriftReport, Earlier, Edits, Evidence, LastWritten, Open, Owners, OwnersOf,
    PersonOf, causes, open, report, restored,
};
pub use file::{FormatAge, PlanReadError, SIZE_LIMIT, digest, read, seal, to_bytes};
pub use floors::{Floors, Overreach, overreach};
pub use guards::{Recount, recount};
pub use lint::{Inconsistency, lint};
pub use only::{Only, narrow};
pub use records::{PersonRecords, records_of};
pub use redacted::{
    REDACTED_FORMAT, RedactedApproval, RedactedAttribute, RedactedBase, RedactedChange,
    RedactedDay, RedactedException, RedactedGuard, RedactedHeld, RedactedPlan, RedactedRead,
    RedactedWaiver, RedactedWarning, redacted,
};
pub use requests::requests;
pub use since::{Since, disabled_since};
pub use trace::{Assessment, Trace};
pub use twice::twice;
pub use undo::{Deed, UndoError, UndoInput, undo, undo_requests};
pub use whose::{folded_value, is_same_key};
