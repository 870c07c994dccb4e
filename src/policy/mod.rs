//! What may be done: the managed scope, what is protected, whether a read proves enough for a removal, whether
//! people's values are as they must be.
//!
//! Judges and never proposes. Its answers hold whatever rules and limits say (P2, P9).

mod checks_asked;
mod completeness;
mod guards;
mod quality;
mod scope;

pub use crate::model::held_codes::{Code, HELD, WARNINGS, held, warning};
pub use checks_asked::{ToldRead, left_out};
pub use completeness::{LastGoodRead, PartCounts, Proof, judge, judge_fall};
pub use guards::{Allowance, Waived};
pub use quality::{Finding, Findings, Quality, QualityRule};
pub use scope::{OutOfBounds, Scope, relative_id};
