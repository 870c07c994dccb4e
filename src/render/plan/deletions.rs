//! Accounts that are deleted: whose, why, since when they are disabled, what goes with them, and what the way back is.
//!
//! Decides nothing. Keeps that nothing of it is said together for several: whoever approves reads each name.

use super::{Context, Detail, OfPerson, cut};
use crate::model::Dn;
use crate::plan::{Action, Change, Plan, PlanValue};
use crate::render::report::{Item, Line, Piece, Sign, count, grouped, number};

/// How many groups are named.
const GROUPS: usize = 5;
/// Attributes that tell a reviewer whose account it is.
const TELLING: &[&str] = &["sAMAccountName", "userPrincipalName", "mail", "description"];

/// One line above everything else, when any account is deleted.
pub(super) fn alarm(plan: &Plan) -> Option<Line> {
    let mut all = 0usize;
    let mut for_good = 0usize;
    let mut fewest: Option<u32> = None;
    for change in &plan.changes {
        if let Action::Delete {
            restorable_days, ..
        } = &change.action
        {
            all += 1;
            match restorable_days {
                Some(days) => fewest = Some(fewest.map_or(*days, |fewest| fewest.min(*days))),
                None => for_good += 1,
            }
        }
    }
    if all == 0 {
        return None;
    }
    let line = Line::new(0, Sign::Alarm).strong(format!(
        "DELETES {}",
        count(number(all), "ACCOUNT", "ACCOUNTS")
    ));
    let them = if all == 1 { "it" } else { "them" };
    Some(match (for_good, fewest) {
        (0, Some(days)) => line.own(format!(
            ": the Recycle Bin keeps {them} for {}, and after that nothing brings {them} back",
            count(u64::from(days), "day", "days")
        )),
        (for_good, _) if for_good == all => line.own(": ").strong(if all == 1 {
            "it cannot be brought back"
        } else {
            "they cannot be brought back"
        }),
        (for_good, _) => line.own(": ").strong(format!(
            "{} of them cannot be brought back",
            grouped(number(for_good))
        )),
    })
}

/// The account of one person; of several each by itself.
pub(super) fn items(context: &Context<'_>, of: &OfPerson<'_>) -> Vec<Item> {
    let items = of.changes.iter();
    items.filter_map(|change| item(context, change)).collect()
}

fn item(context: &Context<'_>, change: &Change) -> Option<Item> {
    let Action::Delete {
        disabled_since,
        restorable_days,
        before,
        ..
    } = &change.action
    else {
        return None;
    };
    let mut head = context.head(&change.person, &change.target, &change.object.dn);
    head.sign = Sign::Loss;
    head = head.own(" · ").sentence(change.because.text.clone());
    let days = context
        .plan
        .as_of
        .duration_since(*disabled_since)
        .as_hours()
        / 24;
    let days = u64::try_from(days).unwrap_or_default();
    let what = Line::new(1, Sign::Loss).strong("DELETE").own(format!(
        " the account, disabled since {disabled_since} ({}) · ",
        count(days, "day", "days")
    ));
    let what = match restorable_days {
        Some(days) => what.own(format!(
            "can be brought back from the Recycle Bin for {}",
            count(u64::from(*days), "day", "days")
        )),
        None => what.strong("cannot be brought back"),
    };
    let mut lines = vec![
        head.origin(context.origin(change.because.rule, &change.because.facts)),
        what,
    ];
    lines.extend(groups(
        context,
        before.get("memberOf").map_or(&[][..], Vec::as_slice),
    ));
    for (name, values) in before {
        let telling = TELLING
            .iter()
            .any(|telling| telling.eq_ignore_ascii_case(name));
        if name.eq_ignore_ascii_case("memberOf") || context.detail == Detail::Short && !telling {
            continue;
        }
        let mut line = Line::new(1, Sign::None)
            .own("had ")
            .code(name.clone())
            .own(" ");
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                line = line.own(", ");
            }
            line = line.pieces(vec![piece(value, context.detail)]);
        }
        lines.push(line);
    }
    Some(Item { lines })
}

fn groups(context: &Context<'_>, of: &[PlanValue]) -> Option<Line> {
    if of.is_empty() {
        return None;
    }
    let shown = match context.detail {
        Detail::Short => GROUPS,
        Detail::Full => usize::MAX,
    };
    let mut line = Line::new(1, Sign::Loss).own(format!(
        "leaves {}: ",
        count(number(of.len()), "group", "groups")
    ));
    for (at, group) in of.iter().take(shown).enumerate() {
        if at > 0 {
            line = line.own(", ");
        }
        line = match group {
            PlanValue::Text(dn) => match (context.detail, Dn::parse(dn)) {
                (Detail::Short, Ok(dn)) => line.code(dn.rdn().value),
                _ => line.code(dn.clone()),
            },
            other => line.pieces(vec![piece(other, context.detail)]),
        };
    }
    if of.len() > shown {
        line = line.own(format!(" and {} more", grouped(number(of.len() - shown))));
    }
    Some(line)
}

fn piece(value: &PlanValue, detail: Detail) -> Piece {
    match value {
        PlanValue::Text(text) if detail == Detail::Short => Piece::Value(cut(text, 120)),
        PlanValue::Text(text) => Piece::Value(text.clone()),
        PlanValue::Octets(octets) => Piece::Own(octets.to_string().into()),
        PlanValue::Object(object) => Piece::Code(object.dn.as_str().to_owned()),
    }
}
