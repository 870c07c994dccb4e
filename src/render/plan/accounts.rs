//! One person's changes, line by line.

use super::{Context, Detail, OfPerson, clip};
use crate::plan::{
    Action, AttributeChange, Cause, Change, PlanValue, Reason, Recovery, Risk, UnitId,
};
use crate::render::report::{Item, Line, Piece, Sign};

/// True for what takes from somebody an account, a group, a password, or a value that decides who they are or what they
/// may do. Other values that are cleared stand with the rest of their person.
pub(super) fn is_removal(change: &Change) -> bool {
    change.takes_away() && change.risk >= Risk::High
}

/// True for what is dangerous and takes nothing away: rights, ways to sign in, whose account it is. An undo has the risk of
/// what it undoes, also where it only gives back.
pub(super) fn is_risky(change: &Change) -> bool {
    change.risk >= Risk::High && change.cause != Cause::Undo
}

/// What a person loses, and everything else about somebody who is disabled. A reason all of it shares is given once.
pub(super) fn removals(context: &Context<'_>, of: &OfPerson<'_>) -> Item {
    let mut head = context.head(of.person, of.target, &of.account.dn);
    let (takes, rest): (Vec<&Change>, Vec<&Change>) = of
        .changes
        .iter()
        .copied()
        .partition(|change| is_removal(change));
    let shared = takes
        .first()
        .map(|first| &first.because)
        .filter(|_| takes.len() > 1 || is_grave(&takes))
        .filter(|because| takes.iter().all(|other| other.because == **because));
    if let Some(because) = shared {
        head = head
            .own(" · ")
            .sentence(because.text.clone())
            .origin(context.origin(because.rule, &because.facts));
    }
    let mut lines = vec![head];
    lines.extend(moves(context, of));
    let single = |change: &&&Change| change.unit.is_none();
    for change in takes.iter().chain(&rest).filter(single) {
        lines.extend(change_lines(context, change, None, shared));
    }
    Item { lines }
}

/// What is dangerous and takes nothing away; a new account whole.
pub(super) fn risky(context: &Context<'_>, of: &OfPerson<'_>) -> Item {
    let creates = |change: &&Change| matches!(change.action, Action::Create { .. });
    if of.changes.iter().any(creates) {
        return create(context, of, true);
    }
    let mut lines = vec![context.head(of.person, of.target, &of.account.dn)];
    for change in &of.changes {
        lines.extend(change_lines(context, change, None, None));
    }
    Item { lines }
}

/// Whether what is taken from attributes decides whose account it is, or what can be done with it.
fn is_grave(takes: &[&Change]) -> bool {
    takes
        .iter()
        .any(|change| change.risk == Risk::High && matches!(change.action, Action::Modify { .. }))
}

/// Moves across groups, each as one: `moves from A, B to C`, and below what is done one after the other.
fn moves(context: &Context<'_>, of: &OfPerson<'_>) -> Vec<Line> {
    let mut units: Vec<(&UnitId, Vec<&Change>)> = Vec::new();
    for &change in &of.changes {
        let Some(unit) = &change.unit else { continue };
        match units.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, changes)) => changes.push(change),
            None => units.push((unit, vec![change])),
        }
    }
    let mut lines = Vec::new();
    for (_, changes) in units {
        let groups = |enter: bool| {
            let wanted = move |change: &&&Change| match change.action {
                Action::AddMember { .. } => enter,
                Action::RemoveMember { .. } => !enter,
                _ => false,
            };
            let mut pieces = Vec::new();
            for (number, change) in changes.iter().filter(wanted).enumerate() {
                if number > 0 {
                    pieces.push(Piece::Own(", ".into()));
                }
                pieces.push(Piece::Name(context.labels.group(&change.object)));
            }
            pieces
        };
        let (left, entered) = (groups(false), groups(true));
        let mut head = Line::new(1, Sign::Change);
        if !left.is_empty() && !entered.is_empty() {
            head = head
                .strong("moves")
                .own(" from ")
                .pieces(left)
                .own(" to ")
                .pieces(entered)
                .own(": left only after everything is entered");
        } else if left.is_empty() {
            // What was to be left is held.
            head = head.strong("comes").own(" to ").pieces(entered);
        } else if changes.iter().any(|change| change.cause == Cause::Undo) {
            head = head.own("the move is undone: leaves what it had entered");
        } else {
            head = head.own("the end of an overlap");
        }
        lines.push(head);
        for change in changes {
            let own = change_lines(context, change, None, None);
            lines.extend(own.into_iter().map(|line| Line { depth: 2, ..line }));
        }
    }
    lines
}

/// A new account and what comes with it.
pub(super) fn create(context: &Context<'_>, of: &OfPerson<'_>, whole: bool) -> Item {
    let mut lines = Vec::new();
    for change in &of.changes {
        let Action::Create {
            attributes,
            password,
            enable,
            replaces,
        } = &change.action
        else {
            lines.extend(change_lines(context, change, None, None));
            continue;
        };
        let mut head = context.head(of.person, of.target, &change.object.dn);
        head.sign = Sign::Gain;
        head = head.own(if *enable {
            format!(
                " · enabled, with a password of {} characters{}",
                password.length,
                if password.must_change {
                    " to change at first logon"
                } else {
                    ""
                }
            )
        } else {
            " · disabled".to_owned()
        });
        if let Some(former) = replaces {
            head = head.own(" · in place of ").code(former.dn.to_string());
        }
        head = head.own(" · ").sentence(change.because.text.clone());
        lines.push(head.origin(context.origin(change.because.rule, &change.because.facts)));
        let named = |attribute: &&AttributeChange| {
            whole
                || ["sAMAccountName", "userPrincipalName", "mail"]
                    .iter()
                    .any(|name| attribute.name.eq_ignore_ascii_case(name))
        };
        for attribute in attributes.iter().filter(named) {
            lines.push(attribute_line(context, attribute, None));
        }
        let left = attributes
            .iter()
            .filter(|attribute| !named(attribute))
            .count();
        if left > 0 {
            lines.push(Line::new(1, Sign::None).own(format!("and {left} more attributes")));
        }
    }
    Item { lines }
}

/// Whatever else changes about a person's account; `skip` names attributes shown elsewhere.
pub(super) fn person(
    context: &Context<'_>,
    of: &OfPerson<'_>,
    skip: &dyn Fn(&Change, Option<&AttributeChange>) -> bool,
) -> Option<Item> {
    let mut body = Vec::new();
    for change in &of.changes {
        if skip(change, None) {
            continue;
        }
        body.extend(change_lines(context, change, Some(skip), None));
    }
    if body.is_empty() {
        return None;
    }
    let mut lines = vec![context.head(of.person, of.target, &of.account.dn)];
    lines.append(&mut body);
    Some(Item { lines })
}

type Skip<'s> = &'s dyn Fn(&Change, Option<&AttributeChange>) -> bool;

/// `shared` is a reason given before, for the whole person.
fn change_lines(
    context: &Context<'_>,
    change: &Change,
    skip: Option<Skip<'_>>,
    shared: Option<&Reason>,
) -> Vec<Line> {
    if let Action::Modify { attributes } = &change.action {
        return attributes
            .iter()
            .filter(|attribute| !skip.is_some_and(|skip| skip(change, Some(attribute))))
            .map(|attribute| {
                let mut line = attribute_line(context, attribute, Some(change));
                if shared.is_some_and(|shared| {
                    shared.rule == attribute.rule && shared.facts == attribute.facts
                }) {
                    line.origin.clear();
                }
                line
            })
            .collect();
    }
    let (sign, pieces, rule) = summary(context, change);
    let rule = rule.unwrap_or(change.because.rule);
    let mut line = Line::new(1, sign).pieces(pieces);
    let told = shared.is_some_and(|shared| *shared == change.because && rule == shared.rule);
    if !told && !change.because.text.is_empty() {
        line = line.own(" · ").sentence(change.because.text.clone());
    }
    line = no_way_back(line, change);
    if !told {
        line = line.origin(context.origin(rule, &change.because.facts));
    }
    vec![line]
}

/// What a change does, without why: also the head of many people's same change.
pub(super) fn summary(
    context: &Context<'_>,
    change: &Change,
) -> (Sign, Vec<Piece>, Option<crate::plan::RuleIndex>) {
    let own = |words: &'static str| Piece::Own(words.into());
    match &change.action {
        Action::Disable {} => (
            Sign::Loss,
            vec![Piece::Strong("disable".into()), own(" the account")],
            None,
        ),
        Action::Enable {
            initial_password: None,
        } => (Sign::Gain, vec![own("enable the account")], None),
        Action::Enable {
            initial_password: Some(_),
        } => (
            Sign::Gain,
            vec![own(
                "give the account a new initial password, and enable it: none is required of it now (PASSWD_NOTREQD), as a create leaves it that was interrupted",
            )],
            None,
        ),
        Action::RemoveMember { .. } => (
            Sign::Loss,
            vec![
                Piece::Strong("remove".into()),
                own(" from group "),
                Piece::Name(context.labels.group(&change.object)),
            ],
            None,
        ),
        Action::AddMember { .. } => (
            Sign::Gain,
            vec![
                own("add to group "),
                Piece::Name(context.labels.group(&change.object)),
            ],
            None,
        ),
        Action::Rename {
            before,
            after,
            rule,
        } => (
            Sign::Change,
            vec![
                own("rename "),
                Piece::Becomes {
                    before: before.clone(),
                    after: after.clone(),
                },
            ],
            Some(*rule),
        ),
        Action::Move {
            before,
            after,
            rule,
        } => (
            Sign::Change,
            vec![
                own("move "),
                Piece::Code(before.as_str().to_owned()),
                own(" → "),
                Piece::Code(after.as_str().to_owned()),
            ],
            Some(*rule),
        ),
        Action::Adopt {
            attribute,
            evidence,
            ..
        } => {
            let mut pieces = vec![
                own("adopt this account, found by "),
                Piece::Code(clip(evidence)),
                own(": "),
            ];
            pieces.extend(attribute_pieces(context, attribute).1);
            (Sign::Change, pieces, Some(attribute.rule))
        }
        // Shown in a section of its own; here only for the sake of completeness.
        Action::ResetPassword {} => (
            Sign::Loss,
            vec![
                Piece::Strong("replace".into()),
                own(" the password by a random one that nobody keeps"),
            ],
            None,
        ),
        Action::Delete { .. } => (
            Sign::Loss,
            vec![Piece::Strong("DELETE".into()), own(" the account")],
            None,
        ),
        Action::Restore { whole } => (
            Sign::Gain,
            vec![
                Piece::Strong("bring back".into()),
                own(" the deleted account, disabled"),
                own(if *whole {
                    "; the Recycle Bin has kept it whole"
                } else {
                    "; only its tombstone is left"
                }),
            ],
            None,
        ),
        // Shown attribute by attribute; here only for the sake of completeness.
        Action::Modify { .. } => (Sign::Change, vec![own("modify")], None),
        Action::Create { .. } => (
            Sign::Gain,
            vec![
                own("new account "),
                Piece::Code(change.object.dn.as_str().to_owned()),
            ],
            None,
        ),
    }
}

fn attribute_line(
    context: &Context<'_>,
    attribute: &AttributeChange,
    change: Option<&Change>,
) -> Line {
    let (sign, pieces) = attribute_pieces(context, attribute);
    let mut line = Line::new(1, sign).pieces(pieces);
    if let Some(change) = change {
        line = no_way_back(line, change);
        let key = (&change.id, attribute.name.as_str());
        line = line.own(match context.otherwise.get(&key) {
            Some(Cause::Drift) => " · edited in the directory",
            Some(Cause::Source) => " · changed in the people's data",
            Some(Cause::Undetermined) => " · nothing tells what brought it about",
            Some(Cause::Config | Cause::Undo) | None => "",
        });
    }
    line.origin(context.origin(attribute.rule, &attribute.facts))
}

/// `department "R&D" → "Research"`, `set`, or `clear`; and what was cut.
pub(super) fn attribute_pieces(
    context: &Context<'_>,
    attribute: &AttributeChange,
) -> (Sign, Vec<Piece>) {
    let (sign, mut pieces) = uncut_pieces(context, attribute);
    if let Some(length) = attribute.cut_from {
        pieces.push(Piece::Strong(
            format!(" cut from {length} characters").into(),
        ));
    }
    (sign, pieces)
}

fn uncut_pieces(context: &Context<'_>, attribute: &AttributeChange) -> (Sign, Vec<Piece>) {
    let name = Piece::Code(attribute.name.clone());
    let own = |words: &'static str| Piece::Own(words.into());
    match (attribute.before.as_slice(), attribute.after.as_slice()) {
        ([], []) => (Sign::None, vec![name, own(" stays empty")]),
        ([], after) => {
            let mut pieces = vec![name, own(" ")];
            pieces.extend(values(after));
            (Sign::Gain, pieces)
        }
        (before, []) => {
            let mut pieces = vec![Piece::Strong("clear".into()), own(" "), name, own(" ")];
            pieces.extend(values(before));
            (Sign::Loss, pieces)
        }
        ([PlanValue::Text(before)], [PlanValue::Text(after)]) => (
            Sign::Change,
            vec![
                name,
                own(" "),
                Piece::Becomes {
                    before: before.clone(),
                    after: after.clone(),
                },
            ],
        ),
        ([before], [after]) => {
            let mut pieces = vec![name, own(" ")];
            pieces.push(value(before));
            pieces.push(own(" → "));
            pieces.push(value(after));
            (Sign::Change, pieces)
        }
        (before, after) => {
            // Several values: only what goes and what comes.
            let gone: Vec<&PlanValue> = before
                .iter()
                .filter(|value| !after.contains(value))
                .collect();
            let come: Vec<&PlanValue> = after
                .iter()
                .filter(|value| !before.contains(value))
                .collect();
            let stay = before.len() - gone.len();
            let mut pieces = vec![name];
            for value_gone in &gone {
                pieces.push(Piece::Strong(" take out ".into()));
                pieces.push(value(value_gone));
            }
            for value_come in &come {
                pieces.push(own(" put in "));
                pieces.push(value(value_come));
            }
            if stay > 0 && context.detail == Detail::Full {
                pieces.push(own(" beside "));
                pieces.extend(values(before.iter().filter(|value| after.contains(value))));
            } else if stay > 0 {
                pieces.push(Piece::Own(format!(" beside {stay} more").into()));
            }
            (
                if come.is_empty() {
                    Sign::Loss
                } else if attribute.merge && gone.is_empty() {
                    Sign::Gain
                } else {
                    Sign::Change
                },
                pieces,
            )
        }
    }
}

pub(super) fn values<'v>(values: impl IntoIterator<Item = &'v PlanValue>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (index, one) in values.into_iter().enumerate() {
        if index > 0 {
            pieces.push(Piece::Own(", ".into()));
        }
        pieces.push(value(one));
    }
    pieces
}

fn value(value: &PlanValue) -> Piece {
    match value {
        PlanValue::Text(text) => Piece::Value(text.clone()),
        PlanValue::Octets(octets) => Piece::Own(octets.to_string().into()),
        PlanValue::Object(object) => Piece::Code(object.dn.as_str().to_owned()),
    }
}

fn no_way_back(line: Line, change: &Change) -> Line {
    if matches!(change.action, Action::Delete { .. }) {
        // Says so itself, and for how long.
        line
    } else if change.recovery == Recovery::None || change.risk == Risk::Irreversible {
        line.own(" · ").strong("cannot be undone")
    } else {
        line
    }
}
