//! GitHub workflow commands: one annotation for each thing that is not as expected, at the line that expects it.

use super::lines;
use crate::render::diagnostics::github::{data, property};
use crate::testing::Report;

pub(super) fn render(reports: &[Report]) -> String {
    let mut out = String::new();
    for report in reports.iter().filter(|report| !report.passed()) {
        let broken = report.broken.iter().map(|_| &report.location);
        let places = broken.chain(
            report
                .differences
                .iter()
                .map(|difference| &difference.location),
        );
        for (place, line) in places.zip(lines(report)) {
            out.push_str(&format!(
                "::error file={},line={},col={},title={}::{}\n",
                property(&place.file),
                place.line,
                place.column,
                property(&format!("mapping test {}", report.name)),
                data(&line)
            ));
        }
    }
    out
}
