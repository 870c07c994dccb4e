//! The tests of a configuration: invented people, the accounts they should have, and what really comes of them.
//!
//! A test becomes two small snapshots, and the planner that makes real plans makes one of them; what the account would
//! be after applying it is compared with the expectation. Nothing of mapping, matching or naming is decided here: a
//! test that passes says something about the next plan.
//!
//! Pure like the rest of the core: no network, files, clock or secrets. The same tests give the same results in the
//! same order.

mod actual;
mod bench;
mod compare;
mod world;

use rayon::prelude::*;

pub use actual::{Actual, ActualValue, Attribute, HeldActual};
pub use bench::{Bench, NotRunnable};
pub use compare::{Difference, Shown};

use crate::config::{Config, Document, kinds};
use crate::model::{Location, Name};

/// What became of one test.
#[derive(Debug)]
pub struct Report {
    /// The test's name.
    pub name: Name,
    /// The mapping it is about.
    pub mapping: Name,
    /// Where it begins.
    pub location: Location,
    /// Why it could not be run; what else stands here is then empty.
    pub broken: Option<String>,
    /// What is not as expected.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether everything is as expected.
    pub fn passed(&self) -> bool {
        self.broken.is_none() && self.differences.is_empty()
    }
}

/// Runs tests, several at the same time, and reports on them in their own order.
pub fn run(config: &Config, tests: &[&Document<kinds::MappingTest>]) -> Vec<Report> {
    let benches = Bench::all(config, tests);
    tests
        .par_iter()
        .map(|test| {
            let mut report = Report {
                name: test.name.clone(),
                mapping: Name::new(&test.spec.mapping),
                location: test.positions.key("/metadata/name"),
                broken: None,
                differences: Vec::new(),
            };
            let outcome = match benches.get(test.spec.mapping.as_str()) {
                None => Err(NotRunnable::new("its mapping is not known")),
                Some(Err(error)) => Err(error.clone()),
                Some(Ok(bench)) => bench.run(&test.spec),
            };
            match outcome {
                Err(error) => report.broken = Some(error.to_string()),
                Ok(run) => report.differences = run.compare(&test.spec, &test.positions),
            }
            report
        })
        .collect()
}
