//! Embedded simulators of the systems on the other side, on loopback, over their real protocols.
//!
//! They serve tests, the demo and training; they must not know configuration, plans or connectors, so that nothing
//! is tested against its own assumptions. Bound to 127.x only.

pub mod directory;
pub mod tls;
