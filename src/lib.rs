//! halosync makes accounts follow people.
//!
//! The story, in the order the rooms are used:
//!
//! 1. [`config`] turns YAML from git into validated, located documents; [`lang`] is the one small
//!    language their templates and conditions are written in.
//! 2. [`connector`] readers bring two snapshots: people from HaloITSM (through [`intake`], which turns raw
//!    records into facts) and objects from the directory. [`inventory`] says what raw records hold, before anybody
//!    has decided what to make of them.
//! 3. [`lifecycle`], [`mapping`], [`matching`] and [`diff`] compute what is desired, whose account is whose,
//!    and what differs; [`policy`] judges what may be done.
//! 4. [`plan`] is the artifact a reviewer approves, bound by its digest; [`render`] shows it.
//!    [`testing`] asks the same planner about the invented people of a configuration's own tests.
//!    [`approval`] says who signed it, and whether that is enough.
//! 5. [`apply`] writes exactly that plan and nothing else, and keeps a journal.
//!
//! [`sandbox`] holds embedded simulators of both systems; [`cli`] ties everything together.
//!
//! Imports run one way: `model`, `lang`, `config`, `snapshot`, `intake`, `inventory`, `lifecycle`, `mapping`,
//! `matching`, `diff`, `policy`, `plan`, `approval`, `testing` form the pure core, synchronous and without network, files, clock or
//! environment; each may use only those before it. A test (`tests/it/house.rs`) holds this.

pub mod apply;
pub mod approval;
pub mod cli;
pub mod config;
pub mod connector;
pub mod diff;
#[doc(hidden)]
pub mod explain;
pub mod fuzzing;
pub mod intake;
pub mod inventory;
pub mod lang;
pub mod lifecycle;
pub mod mapping;
pub mod matching;
pub mod model;
pub mod plan;
pub mod policy;
pub mod render;
pub mod sandbox;
pub mod snapshot;
pub mod testing;
