//! Rules about people's values that somebody breaks: which, how many, and what happens to them.
//!
//! Who they are stands under Held and under Warnings. Rules nobody breaks are in the plan file only.

use super::{Context, Item};
use crate::config::kinds::Severity;
use crate::plan::QualityOutcome;
use crate::render::report::{Line, Piece, Sign, count, grouped};

/// One item for each broken rule, the most broken of each source first.
pub(super) fn items(context: &Context<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for (source, read) in &context.plan.inputs.people {
        let mut broken: Vec<&QualityOutcome> = read
            .quality
            .iter()
            .filter(|outcome| outcome.broken > 0)
            .collect();
        broken.sort_by_key(|outcome| std::cmp::Reverse(outcome.broken));
        items.extend(broken.into_iter().map(|outcome| Item {
            lines: vec![line(context, source.as_str(), outcome)],
        }));
    }
    items
}

fn line(context: &Context<'_>, source: &str, outcome: &QualityOutcome) -> Line {
    let origin = match context.location(outcome.rule) {
        Some(location) => Piece::Code(location.to_string()),
        None => Piece::Own(format!("rule {} is not in the plan", outcome.rule.0).into()),
    };
    Line::new(0, Sign::Alarm)
        .code(source)
        .own(": ")
        .code(outcome.field.as_str())
        .own(" ")
        .sentence(outcome.asks.clone())
        .own(" · not so of ")
        .strong(grouped(outcome.broken))
        .own(format!(" of {}", count(outcome.judged, "person", "people")))
        .own(match outcome.severity {
            Severity::Warn => ", only reported",
            Severity::Hold => ", held",
            Severity::Stop => ", stops everything",
        })
        .origin(vec![origin])
}
