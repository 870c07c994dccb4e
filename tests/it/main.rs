//! The one integration binary: a module per verb or promise.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it stands"
)]

mod apply;
mod approve;
mod auth;
mod base;
mod demo;
mod directory;
mod drift;
mod e2e;
mod explain;
mod fuzz;
mod halo;
mod house;
mod plan;
mod probe;
mod repository;
mod rest;
mod samba;
mod sandbox;
mod schema;
mod show;
mod support;
mod testing;
mod validate;
mod verify;
