//! `halosync test`: the tests of a configuration, without network and without secrets.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::args::{Test, TestFormat};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::{self, Project};
use crate::config::{Config, Document, kinds};
use crate::lang::{closest, row_key};
use crate::model::Location;
use crate::render::testing::{self as render, Format, Options};
use crate::testing::{self, Coverage, Report};

/// Runs the command.
pub(crate) fn run(context: &Context, verb: &Test) -> Result<Exit, Failure> {
    let project = project::load(context, &verb.project)?;
    let tests = chosen(context, &project, &verb.tests)?;
    if tests.is_empty() {
        // A job that tests nothing must not look like one whose tests pass.
        context.printer.complain(
            "error: there are no tests\n  help: write `kind: MappingTest` documents that the project's `include` matches; docs/testing.md shows how",
        );
    }
    let cover = verb.coverage || verb.min_coverage.is_some();
    let testing::Results {
        mut reports,
        mut coverage,
    } = testing::run(&project.config, &tests, cover);
    if let Some(coverage) = &mut coverage {
        locate_rows(&project, coverage);
    }
    let format = match verb.format {
        TestFormat::Text => Format::Text,
        TestFormat::Json => Format::Json,
        TestFormat::Junit => Format::Junit,
        TestFormat::Github => Format::Github,
    };
    if matches!(format, Format::Github | Format::Junit)
        && let Some(prefix) = super::validate::prefix_in_repository(&project.root)
    {
        below(&mut reports, &prefix);
    }
    let options = Options {
        colour: context.printer.colour,
        quiet: context.printer.quiet,
    };
    context.printer.result(&render::render(
        &reports,
        coverage.as_ref(),
        format,
        options,
    ))?;
    if format != Format::Text {
        context.printer.note(&render::summary(&reports));
        // These forms have no place for it; the text has, and JSON holds it whole.
        if let Some(coverage) = coverage.as_ref().filter(|_| format != Format::Json) {
            context
                .printer
                .note(render::coverage(coverage, Options::default()).trim_end());
        }
    }
    let too_little = verb
        .min_coverage
        .zip(coverage.as_ref())
        .filter(|(least, coverage)| coverage.permille() < usize::from(*least) * 10);
    if let Some((least, coverage)) = too_little {
        context.printer.complain(&format!(
            "error: {} of the rules are covered, --min-coverage asks for {least} %",
            render::percent(coverage)
        ));
    }
    let failed = reports.iter().any(|report| !report.passed());
    Ok(if failed || tests.is_empty() || too_little.is_some() {
        Exit::TestsFailed
    } else {
        Exit::Success
    })
}

/// Finds the lines of rows that stand in CSV files, which documents do not know.
fn locate_rows(project: &Project, coverage: &mut Coverage) {
    for table in project.config.tables.values() {
        let spec = &table.document.spec;
        let Some(csv) = &spec.csv else { continue };
        let Ok(mut reader) = csv::Reader::from_path(project.root.join(&csv.file)) else {
            continue;
        };
        let column = reader
            .headers()
            .ok()
            .and_then(|headers| headers.iter().position(|name| name.trim() == csv.key));
        let Some(column) = column else { continue };
        let lines: HashMap<String, (String, u32)> = reader
            .records()
            .filter_map(|record| {
                let record = record.ok()?;
                let line = u32::try_from(record.position()?.line()).ok()?;
                let key = record.get(column)?;
                Some((
                    row_key(key, spec.case_sensitive),
                    (key.trim().to_owned(), line),
                ))
            })
            .collect();
        let rows = coverage
            .rows
            .iter_mut()
            .filter(|row| row.table == table.document.name);
        for row in rows {
            if let Some((key, line)) = lines.get(&row_key(&row.key, spec.case_sensitive)) {
                row.key.clone_from(key);
                row.location = Location {
                    file: csv.file.as_str().into(),
                    line: *line,
                    column: 1,
                };
            }
        }
    }
}

/// Services that show results beside a pull request know paths from the repository's root.
fn below(reports: &mut [Report], prefix: &str) {
    for report in reports {
        report.location.file = format!("{prefix}/{}", report.location.file).into();
        for difference in &mut report.differences {
            for place in std::iter::once(&mut difference.location).chain(&mut difference.rule) {
                place.file = format!("{prefix}/{}", place.file).into();
            }
        }
    }
}

/// The tests meant, in the order in which they are written.
fn chosen<'p>(
    context: &Context,
    project: &'p Project,
    wanted: &[String],
) -> Result<Vec<&'p Document<kinds::MappingTest>>, Failure> {
    let mut tests: Vec<_> = project.config.tests.values().collect();
    tests.sort_by_key(|test| test.positions.value(""));
    if wanted.is_empty() {
        return Ok(tests);
    }
    let mut kept = vec![false; tests.len()];
    for wanted in wanted {
        let mut met = false;
        for (test, kept) in tests.iter().zip(&mut kept) {
            if is_meant(context, project, test, wanted) {
                *kept = true;
                met = true;
            }
        }
        if !met {
            return Err(unknown(&project.config, wanted));
        }
    }
    let mut kept = kept.into_iter();
    tests.retain(|_| kept.next().unwrap_or_default());
    Ok(tests)
}

fn is_meant(
    context: &Context,
    project: &Project,
    test: &Document<kinds::MappingTest>,
    wanted: &str,
) -> bool {
    if test.name.as_str() == wanted {
        return true;
    }
    let named = GlobBuilder::new(wanted)
        .literal_separator(false)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(test.name.as_str()));
    named || {
        let path = absolute(&context.current_dir.join(wanted));
        let file = absolute(&project.root.join(&*test.positions.file));
        file.starts_with(&path)
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn unknown(config: &Config, wanted: &str) -> Failure {
    let names = || config.tests.keys().map(|name| name.as_str());
    let failure = Failure::new(
        Exit::Usage,
        format!("there is no test, and no file with tests, called {wanted:?}"),
    );
    match closest(wanted, names()) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help("`halosync test` without arguments runs all tests and names them"),
    }
}
