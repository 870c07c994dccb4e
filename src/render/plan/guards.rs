//! Guards and waivers: on what each was judged, and the verdict.
//!
//! Who waits because of them stands under Held.

use super::{Context, Item};
use crate::config::kinds::OnBreach;
use crate::plan::{GuardOutcome, GuardVerdict, RuleIndex, WaiverInPlan, WaiverStanding};
use crate::render::report::{Line, Piece, Sign, count, grouped};

/// The lines of guards that hold changes: what a reader must see first.
pub(super) fn alarms(context: &Context<'_>) -> Vec<Line> {
    let breached = context.plan.guards.iter();
    let breached: Vec<&GuardOutcome> = breached.filter(|one| one.is_breached()).collect();
    if breached.is_empty() {
        return Vec::new();
    }
    let held: u64 = breached.iter().map(|outcome| outcome.held).sum();
    let mut lines = vec![
        Line::new(0, Sign::Alarm)
            .strong(format!("GUARDS HOLD {}", count(held, "CHANGE", "CHANGES")))
            .own(": they are not in this plan, and applying it does none of them"),
    ];
    lines.extend(breached.iter().map(|outcome| {
        let line = Line::new(1, Sign::Alarm);
        numbers(context, line, outcome).origin(origin(context, outcome.rule))
    }));
    lines
}

/// Each guard once, those that hold first; then each waiver.
pub(super) fn items(context: &Context<'_>) -> Vec<Item> {
    let plan = context.plan;
    let (breached, rest): (Vec<_>, Vec<_>) = plan
        .guards
        .iter()
        .partition(|outcome| outcome.is_breached());
    let guards = breached.into_iter().chain(rest);
    let guards = guards.map(|outcome| item(context, outcome));
    guards
        .chain(plan.waivers.iter().map(|one| waiver(context, one)))
        .collect()
}

fn origin(context: &Context<'_>, rule: RuleIndex) -> Vec<Piece> {
    context.origin(rule, [])
}

/// `disables`, and of which target where there are several.
fn guard(context: &Context<'_>, line: Line, outcome: &GuardOutcome) -> Line {
    let line = line.code(outcome.guard.clone());
    match context.labels.target(&outcome.target) {
        Some(target) => line.own(" of ").code(target),
        None => line,
    }
}

/// `disables in department Sales: 3 of 3 would be disabled, 0 allowed (at most 10%)`.
fn numbers(context: &Context<'_>, line: Line, outcome: &GuardOutcome) -> Line {
    let mut line = guard(context, line, outcome);
    if let Some(part) = outcome.part() {
        line = line.own(" in ").sentence(part);
    }
    if outcome.verdict == GuardVerdict::NotJudged {
        return line.own(": ").sentence(outcome.limit.clone());
    }
    let (one, several) = outcome.base_is();
    let of = count(outcome.base, one, several);
    // Whoever is deleted is none of the enabled.
    let of = if outcome.counts == "deleted" {
        format!(", beside {of},")
    } else {
        format!(" of {of}")
    };
    line = line
        .own(": ")
        .strong(grouped(outcome.counted))
        .own(format!("{of} would be "))
        .sentence(outcome.counts.clone());
    if outcome.already > 0 {
        line = line.own(format!(
            ", {} of them undone before",
            grouped(outcome.already)
        ));
    }
    line.own(format!(", {} allowed (", grouped(outcome.allowed)))
        .sentence(outcome.limit.clone())
        .own(")")
}

fn item(context: &Context<'_>, outcome: &GuardOutcome) -> Item {
    let sign = if outcome.is_breached() {
        Sign::Alarm
    } else {
        Sign::None
    };
    let mut line = Line::new(0, sign);
    line = match outcome.verdict {
        GuardVerdict::Breached => line.strong("BREACHED").own(" · "),
        GuardVerdict::NotJudged => line.strong("NOT JUDGED").own(" · "),
        GuardVerdict::Waived => line.strong("waived").own(" · "),
        GuardVerdict::Passed => line.own("passed · "),
    };
    line = if outcome.parts == 0 {
        guard(context, line, outcome)
            .own(": nobody would be ")
            .sentence(outcome.counts.clone())
            .own(" (")
            .sentence(outcome.limit.clone())
            .own(")")
    } else {
        numbers(context, line, outcome)
    };
    if outcome.parts > 1 {
        line = line.own(format!(
            " · the nearest of {} parts that pass",
            grouped(outcome.parts)
        ));
    }
    if let Some(waiver) = &outcome.waiver {
        line = line.own(" · let through by waiver ").code(waiver.as_str());
    }
    if outcome.is_breached() {
        line = line.own(match outcome.on_breach {
            _ if outcome.held == 0 => " · what it holds is held by another already",
            Some(OnBreach::HoldRemovals) => " · holds these and all removals: ",
            Some(OnBreach::HoldAll) => " · holds everything: ",
            _ => " · holds ",
        });
        if outcome.held > 0 {
            line = line.own(count(outcome.held, "change", "changes"));
        }
    }
    Item {
        lines: vec![line.origin(origin(context, outcome.rule))],
    }
}

fn waiver(context: &Context<'_>, waiver: &WaiverInPlan) -> Item {
    let (sign, standing) = match waiver.standing {
        WaiverStanding::Active => (Sign::None, " counts until "),
        WaiverStanding::Expiring => (Sign::Alarm, " ends soon, on "),
        WaiverStanding::Expired => (Sign::Alarm, " has expired and releases nothing since "),
    };
    let mut line = Line::new(0, sign)
        .own("waiver ")
        .code(waiver.name.as_str())
        .own(standing)
        .sentence(waiver.expires.clone())
        .own(": up to ")
        .strong(grouped(waiver.maximum))
        .own(" for ")
        .code(waiver.guard.clone());
    if let Some(scope) = &waiver.scope {
        line = line.own(" in ").code(scope.clone());
    }
    let mut why = Line::new(1, Sign::None).sentence(waiver.reason.clone());
    why = why.own(" · ").sentence(waiver.ticket.clone());
    why = why.own(" · owner ").sentence(waiver.owner.clone());
    Item {
        lines: vec![line.origin(origin(context, waiver.rule)), why],
    }
}
