//! The plan: the artifact a reviewer approves and `apply` executes.

mod artifact;

pub use artifact::*;
