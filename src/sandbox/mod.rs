//! Embedded simulators of the systems on both sides, and invented people to fill them with.
//!
//! For demonstrations, training and tests on loopback; nothing here is a real server's code. Knows the model only.

pub mod halo;
pub mod people;
