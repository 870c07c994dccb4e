//! Any REST source: endpoints, paging, message types, joins, budget and cache, without a preset.

mod cache;
mod example;
mod faults;
mod golden;
mod halo;
mod held;
mod probe;
pub(crate) mod project;
pub(crate) mod server;
mod single;
mod xml;
