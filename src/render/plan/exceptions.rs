//! Who is excepted from the rules, by whom, why and until when.

use super::super::report::{Item, Line, Piece, Sign};
use super::Context;
use crate::plan::{ExceptionStanding, PlannedException};

/// Each exception, in the plan's order.
pub(super) fn items(context: &Context<'_>) -> Vec<Item> {
    let all = context.plan.exceptions.iter();
    all.map(|exception| item(context, exception)).collect()
}

fn item(context: &Context<'_>, exception: &PlannedException) -> Item {
    let (sign, note) = match exception.standing {
        ExceptionStanding::Active => (Sign::None, ""),
        ExceptionStanding::Expiring => (Sign::Alarm, " · ends soon"),
        ExceptionStanding::Expired => (Sign::Alarm, " · is over and held until it is cleaned up"),
        ExceptionStanding::UnknownPerson => (Sign::Alarm, " · nobody of the read has this key"),
    };
    let head = Line::new(0, sign).name(context.labels.person(&exception.person));
    let head = context
        .within(head, &exception.target)
        .own(" · ")
        .sentence(exception.what.clone())
        .own(format!(" until {}{note}", exception.expires))
        .origin(match context.location(exception.rule) {
            Some(location) => vec![Piece::Code(location.to_string())],
            None => Vec::new(),
        });
    let why = Line::new(1, Sign::None)
        .sentence(exception.reason.clone())
        .own(" · ")
        .sentence(format!("{}, {}", exception.owner, exception.ticket));
    Item {
        lines: vec![head, why],
    }
}
