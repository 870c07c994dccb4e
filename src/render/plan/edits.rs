//! Edits in the directory that a plan leaves as they are: accepted ones, and those somebody has to settle.

use super::super::report::{Item, Line, Piece, Sign};
use super::Context;
use super::accounts::values;
use crate::config::kinds::DriftPolicy;
use crate::plan::{EditLeft, SinceApplied};
use crate::render::label::short_digest;

/// Each edit that stays, those to be settled first.
pub(super) fn items(context: &Context<'_>) -> Vec<Item> {
    let all = || context.plan.since.iter().flat_map(|since| &since.left);
    let asked = all().filter(|left| left.policy == DriftPolicy::Ask);
    let others = all().filter(|left| left.policy != DriftPolicy::Ask);
    asked
        .chain(others)
        .map(|left| item(context, left))
        .collect()
}

fn item(context: &Context<'_>, left: &EditLeft) -> Item {
    let asked = left.policy == DriftPolicy::Ask;
    let nothing = |line: Line, told: &[crate::plan::PlanValue]| {
        if told.is_empty() {
            line.own("nothing")
        } else {
            line.pieces(values(told))
        }
    };
    let mut line = Line::new(0, if asked { Sign::Alarm } else { Sign::None })
        .name(context.labels.person(&left.person))
        .own(" · ");
    if left.what == "member" {
        let group = context.labels.group(&left.object);
        let (is, because) = match left.found.is_empty() {
            true => ("not in the group ", ", which the rules give"),
            false => ("in the group ", ", which no rule gives"),
        };
        line = line.own(is).name(group).own(because);
    } else {
        line = line.code(left.what.clone()).own(": ");
        line = nothing(line, &left.found).own(" stands there, wanted is ");
        line = nothing(line, &left.wanted);
        if let Some(then) = &left.wanted_then {
            line = nothing(line.own(", before "), then);
        }
    }
    if context.plan.targets.len() > 1 {
        line = line.own(" · in ").code(left.target.to_string());
    }
    line = line.own(if asked {
        " · held until somebody settles it"
    } else {
        " · stays until what is wanted changes"
    });
    Item {
        lines: vec![line.origin(match context.location(left.rule) {
            Some(location) => vec![Piece::Code(location.to_string())],
            None => Vec::new(),
        })],
    }
}

/// `compared with what plan 3f9a2c1b7d50 of 2026-11-20T08:00:00Z wanted, with the report of its apply`.
pub(super) fn line(since: &SinceApplied) -> Line {
    Line::head()
        .own("edits told by the last plan applied ")
        .code(short_digest(&since.plan))
        .own(format!(" made {}", since.as_of))
        .own(match since.report {
            Some(_) => ", with the report of its apply",
            None => ", without the report of its apply",
        })
}
