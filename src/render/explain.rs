//! What is known of one person, laid out for the terminal.

use super::label::Label;
use super::report::{Item, Line, Piece, Report, Section, Sign, count, grouped, number};
use crate::config::kinds::InactiveThen;
use crate::explain::{
    ExplainedAttribute, ExplainedGroup, ExplainedGuard, ExplainedPerson, ExplainedRecord,
    ExplainedRecords, Explanation, GroupStanding, OnTarget,
};
use crate::model::Location;
use crate::plan::{ExceptionStanding, GuardVerdict};

pub(super) fn report(told: &Explanation) -> Report {
    let mut sections = Vec::new();
    if let Some(person) = &told.person {
        let facts: Vec<Item> = person
            .facts
            .iter()
            .map(|fact| {
                let line = Line::new(0, Sign::None).code(fact.field.to_string());
                let line = match (&fact.value, &fact.fault) {
                    (Some(value), _) => line.own(" = ").code(value.clone()),
                    (None, Some(fault)) => line.own(" has no value: ").sentence(fault.clone()),
                    (None, None) => line.own(" has no value"),
                };
                let mut origin = at(&fact.location);
                origin.push(Piece::Own(" · from ".into()));
                origin.push(Piece::Code(fact.from.clone()));
                one(line.origin(origin))
            })
            .chain(
                person
                    .joins
                    .iter()
                    .map(|why| one(Line::new(0, Sign::Alarm).sentence(why.clone()))),
            )
            .collect();
        let scope = if person.in_scope {
            "in scope"
        } else {
            "out of scope: include is false"
        };
        sections.push(section(
            format!("Facts of {}", person.source),
            scope.to_owned(),
            facts,
        ));
        if let Some(found) = &person.records {
            sections.push(records(person, found));
        }
    }
    let secondary = told
        .person
        .as_ref()
        .and_then(|person| person.records.as_ref())
        .filter(|records| !records.is_primary);
    for target in &told.targets {
        of_target(target, told.person.is_none(), secondary, &mut sections);
    }
    let exceptions: Vec<Item> = told
        .exceptions
        .iter()
        .map(|exception| {
            let over = exception.standing == ExceptionStanding::Expired;
            one(Line::new(0, if over { Sign::Alarm } else { Sign::None })
                .sentence(exception.what.clone())
                .own(format!(
                    "{} {}: ",
                    if over { ", over since" } else { " until" },
                    exception.expires
                ))
                .sentence(format!(
                    "{} ({}, {})",
                    exception.reason, exception.owner, exception.ticket
                ))
                .origin(at(&exception.location)))
        })
        .collect();
    sections.push(section("Exceptions".to_owned(), String::new(), exceptions));
    sections.retain(|section| !section.items.is_empty());
    Report {
        title: match &told.person {
            Some(person) => Line::head().name(Label {
                name: person.label.clone(),
                key: Some(format!("{}/{}", person.source, person.key)),
            }),
            None => Line::head().own("An account that is nobody's"),
        },
        verdict: Vec::new(),
        sections,
        footer_title: "",
        footer: Vec::new(),
    }
}

fn section(title: String, size: String, items: Vec<Item>) -> Section {
    Section {
        title: title.into(),
        size,
        items_are: "lines",
        essential: true,
        items,
    }
}

fn one(line: Line) -> Item {
    Item { lines: vec![line] }
}

fn at(location: &Location) -> Vec<Piece> {
    vec![Piece::Code(location.to_string())]
}

/// The records of the person: which counts, and why.
fn records(person: &ExplainedPerson, found: &ExplainedRecords) -> Section {
    let named = |record: &ExplainedRecord| Label {
        name: record.label.clone(),
        key: Some(format!("{}/{}", person.source, record.key)),
    };
    let first = if found.is_primary {
        Line::new(0, Sign::None).own("this is the primary record, the one accounts follow")
    } else {
        Line::new(0, Sign::Alarm)
            .own("secondary record of ")
            .name(named(&found.primary))
            .own(": nothing is done through it")
    };
    let why = match &found.chosen {
        Some(chosen) => Line::new(1, Sign::None)
            .own("preferred by ")
            .code(chosen.text.clone())
            .origin(at(&chosen.location)),
        None => Line::new(1, Sign::None)
            .own("preferred, for no other record is in scope")
            .origin(at(&found.location)),
    };
    let mut items = vec![Item {
        lines: vec![first, why],
    }];
    let others = found.others.iter().filter(|one| one.key != person.key);
    items.extend(others.map(|record| {
        let line = Line::new(0, Sign::None)
            .own("secondary record ")
            .name(named(record));
        one(if record.in_scope {
            line
        } else {
            line.own(", out of scope")
        })
    }));
    let size = count(number(found.others.len() + 1), "record", "records");
    section("Records of this person".to_owned(), size, items)
}

fn of_target(
    on: &OnTarget,
    nobody: bool,
    secondary: Option<&ExplainedRecords>,
    sections: &mut Vec<Section>,
) {
    if let Some(records) = secondary {
        let line = Line::new(0, Sign::None)
            .own("nothing through this record; ask for ")
            .code(records.primary.key.to_string());
        sections.push(section(
            format!("In {}", on.target),
            String::new(),
            vec![one(line)],
        ));
        return;
    }
    let mut state = Vec::new();
    match &on.mapping {
        Some(mapping) => state.push(one(Line::new(0, Sign::None)
            .own("mapping ")
            .code(mapping.to_string()))),
        None if nobody => {}
        None => state.push(one(Line::new(0, Sign::None)
            .own("no mapping is settled on: held, out of scope, or none applies"))),
    }
    if let Some(found) = &on.state {
        let mut lines = vec![
            Line::new(0, Sign::None)
                .own("state ")
                .strong(found.name.clone())
                .origin(at(&found.location)),
        ];
        lines.extend(found.tried.iter().map(|tried| {
            Line::new(1, Sign::None)
                .own(if tried.holds {
                    "holds: "
                } else {
                    "does not hold: "
                })
                .code(tried.text.clone())
                .origin(at(&tried.location))
        }));
        lines.extend(found.inactive.as_ref().map(|inactive| {
            let then = match inactive.then {
                InactiveThen::States => "inactive in the source: the account is never enabled",
                InactiveThen::Report => "inactive in the source: the account is left as it is",
                InactiveThen::HoldForReview => {
                    "inactive in the source: the account is left as it is until somebody decides"
                }
            };
            Line::new(1, Sign::None)
                .own(then)
                .origin(at(&inactive.location))
        }));
        state.push(Item { lines });
    }
    for account in &on.accounts {
        let enabled = match account.enabled {
            Some(true) => " · enabled",
            Some(false) => " · disabled",
            None => "",
        };
        let head = Line::new(0, Sign::None)
            .own("account ")
            .code(account.dn.clone())
            .own(enabled);
        let mut why = Line::new(1, Sign::None).sentence(account.evidence.clone());
        if let Some(guid) = account.guid {
            why = why.own(format!(" · objectGUID {guid}"));
        }
        if let Some(location) = &account.location {
            why = why.origin(at(location));
        }
        state.push(Item {
            lines: vec![head, why],
        });
    }
    if on.accounts.is_empty() {
        state.push(one(
            Line::new(0, Sign::None).own("no account, and none is made")
        ));
    }
    sections.push(section(format!("In {}", on.target), String::new(), state));
    let changes = on
        .changes
        .iter()
        .map(|change| {
            one(Line::new(0, Sign::Alarm)
                .sentence(change.what.clone())
                .own(": ")
                .sentence(change.reason.clone())
                .origin(at(&change.location)))
        })
        .collect();
    sections.push(section("The plan would".to_owned(), String::new(), changes));
    let differing = on.attributes.iter().filter(|one| one.changes).count();
    sections.push(section(
        "Attributes".to_owned(),
        format!(
            "{} of {} would change",
            grouped(number(differing)),
            grouped(number(on.attributes.len()))
        ),
        on.attributes
            .iter()
            .map(|one| attribute(one, on.held.is_empty()))
            .collect(),
    ));
    sections.push(section(
        "Groups".to_owned(),
        count(number(on.groups.len()), "group", "groups"),
        on.groups.iter().map(group).collect(),
    ));
    let held = on
        .held
        .iter()
        .map(|held| {
            let mut origin = vec![Piece::Code(held.code.clone())];
            if let Some(location) = &held.location {
                origin.push(Piece::Own(" · ".into()));
                origin.extend(at(location));
            }
            Item {
                lines: vec![
                    Line::new(0, Sign::Alarm)
                        .own(if held.partial { "in part: " } else { "" })
                        .sentence(held.reason.clone())
                        .origin(origin),
                    Line::new(1, Sign::None)
                        .own("→ ")
                        .sentence(held.help.clone()),
                ],
            }
        })
        .collect();
    sections.push(section("Held".to_owned(), String::new(), held));
    let guards = on.guards.iter().map(guard).collect();
    sections.push(section("Limits".to_owned(), String::new(), guards));
    let calendar = on
        .calendar
        .iter()
        .map(|entry| {
            let mut line = Line::new(0, Sign::None).own(format!("{}: ", entry.on));
            if entry.from != entry.to {
                line = line.own("into state ").code(entry.to.clone());
            }
            if entry.deleted {
                let more = if entry.from == entry.to { "" } else { " · " };
                line = line
                    .own(more)
                    .own("the account is deleted, unless something keeps it");
            }
            one(line.origin(at(&entry.location)))
        })
        .collect();
    sections.push(section("Next".to_owned(), String::new(), calendar));
}

fn values(line: Line, values: &[String]) -> Line {
    match values {
        [] => line.own("nothing"),
        [first, rest @ ..] => rest
            .iter()
            .fold(line.code(super::plan::cut(first, 120)), |line, value| {
                line.own(", ").code(super::plan::cut(value, 120))
            }),
    }
}

/// One attribute; `settled` when nothing is held, so that what stays is what is wanted.
fn attribute(told: &ExplainedAttribute, settled: bool) -> Item {
    let line = Line::new(
        0,
        if told.changes {
            Sign::Alarm
        } else {
            Sign::None
        },
    )
    .code(told.name.clone())
    .own(": ");
    let line = if told.changes {
        values(values(line, &told.observed).own(" → "), &told.desired)
    } else {
        let stays = if settled {
            " · as desired"
        } else {
            " · stays"
        };
        values(line, &told.observed).own(stays)
    };
    let mut origin = at(&told.location);
    origin.push(Piece::Own(" · ".into()));
    origin.push(Piece::Code(super::plan::cut(&told.text, 120)));
    one(line.origin(origin))
}

/// One limit that counts what the plan would do.
fn guard(told: &ExplainedGuard) -> Item {
    let (sign, verdict) = match told.verdict {
        GuardVerdict::Passed => (Sign::None, "passed"),
        GuardVerdict::Waived => (Sign::None, "waived"),
        GuardVerdict::Breached => (Sign::Alarm, "BREACHED"),
        GuardVerdict::NotJudged => (Sign::Alarm, "NOT JUDGED"),
    };
    let mut line = Line::new(0, sign)
        .own(verdict)
        .own(" · ")
        .code(told.guard.clone());
    if let Some(part) = &told.part {
        line = line.own(" in ").sentence(part.clone());
    }
    let line = line
        .own(": ")
        .strong(grouped(told.counted))
        .own(format!(" of {} {} would be ", grouped(told.base), told.of))
        .sentence(told.counts.clone())
        .own(format!(", {} allowed (", grouped(told.allowed)))
        .sentence(told.limit.clone())
        .own(")");
    one(line.origin(at(&told.location)))
}

fn group(told: &ExplainedGroup) -> Item {
    let (sign, words) = match told.standing {
        GroupStanding::Member => (Sign::None, " · member"),
        GroupStanding::Enters => (Sign::Alarm, " · enters"),
        GroupStanding::Leaves => (Sign::Alarm, " · leaves"),
    };
    let mut line = Line::new(0, sign).code(told.dn.clone()).own(words);
    if let Some(reason) = &told.reason {
        line = line.own(": ").sentence(reason.clone());
    }
    one(match &told.location {
        Some(location) => line.origin(at(location)),
        None => line,
    })
}
