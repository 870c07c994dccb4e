//! What will happen on which day if nothing changes: people of one day and one change of state together.

use super::changes::{MANY, NAMES};
use super::{Context, Detail};
use crate::plan::{CalendarEffect, CalendarEntry};
use crate::render::report::{Item, Line, Piece, Sign, grouped, number};

/// One item for each day and change of state.
pub(super) fn items(context: &Context<'_>) -> Vec<Item> {
    let mut alike: Vec<Vec<&CalendarEntry>> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for entry in &context.plan.calendar {
        let next = alike.len();
        let what = (
            (entry.on, &entry.target, &entry.from, &entry.to),
            (&entry.does, &entry.groups),
        );
        let at = *known.entry(what).or_insert(next);
        if at == next {
            alike.push(Vec::new());
        }
        alike[at].push(entry);
    }
    alike
        .iter()
        .filter_map(|alike| Some(item(context, alike.first()?, alike)))
        .collect()
}

fn item(context: &Context<'_>, first: &CalendarEntry, alike: &[&CalendarEntry]) -> Item {
    let loses = [CalendarEffect::Disable, CalendarEffect::Delete];
    let sign = if first.does.iter().any(|effect| loses.contains(effect)) {
        Sign::Loss
    } else if first.does.contains(&CalendarEffect::Create)
        || first.does.contains(&CalendarEffect::Enable)
    {
        Sign::Gain
    } else {
        Sign::Change
    };
    let mut head = Line::new(0, sign).strong(first.on.to_string()).own(" · ");
    let together = alike.len() >= MANY;
    if together {
        head = head.own(format!("{} people", grouped(number(alike.len()))));
    } else {
        head = names(context, head, alike);
    }
    head = context.within(head, &first.target);
    head = head.own(": ").code(first.from.clone());
    if first.groups.is_empty() {
        if first.from != first.to {
            head = head.own(" → ").code(first.to.clone());
        }
        for effect in &first.does {
            head = head.own(" · ").own(words(*effect));
        }
    } else {
        head = head.own(" · the overlap is over: leaves ");
        for (number, group) in first.groups.iter().enumerate() {
            if number > 0 {
                head = head.own(", ");
            }
            head = head.name(context.labels.group(group));
        }
    }
    let origin = context.location(first.rule).map(ToString::to_string);
    let mut lines = vec![head.origin(origin.map(Piece::Code).into_iter().collect())];
    if together {
        let shown = match context.detail {
            Detail::Short => &alike[..alike.len().min(NAMES)],
            Detail::Full => alike,
        };
        let mut line = names(context, Line::new(1, Sign::None), shown);
        if alike.len() > shown.len() {
            let more = grouped(number(alike.len() - shown.len()));
            line = line.own(format!(" and {more} more"));
        }
        lines.push(line);
    }
    Item { lines }
}

fn names(context: &Context<'_>, mut line: Line, of: &[&CalendarEntry]) -> Line {
    for (number, entry) in of.iter().enumerate() {
        if number > 0 {
            line = line.own(", ");
        }
        line = line.name(context.labels.person(&entry.person));
    }
    line
}

fn words(effect: CalendarEffect) -> &'static str {
    match effect {
        CalendarEffect::Create => "account made",
        CalendarEffect::Enable => "enabled",
        CalendarEffect::Disable => "disabled",
        CalendarEffect::Move => "moved",
        CalendarEffect::LeaveGroups => "leaves groups",
        CalendarEffect::JoinGroups => "joins groups",
        CalendarEffect::Delete => "deleted, unless something keeps it",
    }
}
