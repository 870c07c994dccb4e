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
mod coverage;
mod record;
mod redact;
mod settle;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

pub use actual::{Actual, ActualValue, Attribute, HeldActual};
pub use bench::{Bench, NotRunnable};
pub use compare::{Difference, Shown};
pub use coverage::{Coverage, CoveredRow, CoveredRule};
pub use record::{NotRecorded, Reads, Recorded, find, record};

use coverage::Touched;

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

/// What became of all tests.
#[derive(Debug, Default)]
pub struct Results {
    /// One report for each test, in their own order.
    pub reports: Vec<Report>,
    /// What they cover, when that was asked for.
    pub coverage: Option<Coverage>,
}

/// Runs tests, several at the same time, and reports on them in their own order. With `cover`, also finds the rules of
/// the whole configuration that none of them would miss.
pub fn run(config: &Config, tests: &[&Document<kinds::MappingTest>], cover: bool) -> Results {
    let mut wanted: BTreeSet<&str> = tests
        .iter()
        .map(|test| test.spec.mapping.as_str())
        .collect();
    if cover {
        wanted.extend(config.mappings.keys().map(Name::as_str));
    }
    let benches: BTreeMap<&str, Result<Bench, NotRunnable>> = wanted
        .into_iter()
        .map(|name| (name, Bench::new(config, name)))
        .collect();
    let (reports, touched): (Vec<Report>, Vec<Touched>) = tests
        .par_iter()
        .map(|test| one(test, benches.get(test.spec.mapping.as_str())))
        .unzip();
    let coverage = cover.then(|| {
        let usable = benches.values().filter_map(|bench| bench.as_ref().ok());
        coverage::coverage(config, usable, &touched)
    });
    Results { reports, coverage }
}

fn one(
    test: &Document<kinds::MappingTest>,
    bench: Option<&Result<Bench, NotRunnable>>,
) -> (Report, Touched) {
    let mut report = Report {
        name: test.name.clone(),
        mapping: Name::new(&test.spec.mapping),
        location: test.positions.key("/metadata/name"),
        broken: None,
        differences: Vec::new(),
    };
    let run = match bench {
        None => Err(NotRunnable::new("its mapping is not known")),
        Some(Err(error)) => Err(error.clone()),
        Some(Ok(bench)) => bench.run(&test.spec).map(|run| (bench, run)),
    };
    match run {
        Err(error) => {
            report.broken = Some(error.to_string());
            (report, Touched::default())
        }
        Ok((bench, run)) => {
            report.differences = run.compare(&test.spec, &test.positions);
            let touched = Touched::of(&test.spec, bench, &run);
            (report, touched)
        }
    }
}
