//! Embedded simulators of the systems on both sides, over their real protocols, and invented people to fill them with.
//!
//! They serve tests, the demo and training on 127.x only; nothing here is a real server's code. They must not know
//! configuration, plans or connectors, so that nothing is tested against its own assumptions.

pub mod directory;
pub mod halo;
pub mod people;
pub mod tls;
