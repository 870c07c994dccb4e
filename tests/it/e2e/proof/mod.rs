//! What `apply` promises when a process, a network or a person fails in the middle, with the real binary and real
//! connections: `docs/proof.md` says what is enumerated, what is drawn, and how to run all of it.

mod kills;
mod network;
mod proxy;
mod rivals;
mod scene;
#[cfg(unix)]
mod signals;
mod throughput;
