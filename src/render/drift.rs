//! What `halosync drift` found, laid out for people.
//!
//! Each edit stands by itself, with what was found and what is wanted; what people's data and the configuration bring
//! about is summed up by rule, because the next plan shows it one by one.

use std::collections::BTreeMap;

use super::label::{GroupNames, Label, domain_name, short_digest};
use super::plan::cut;
use super::report::{Item, Line, Piece, Report, Section, Sign, count, grouped, number};
use crate::config::kinds::DriftPolicy;
use crate::model::{Location, Name, Verdict};
use crate::plan::{Difference, DriftGroup, DriftReport, Held, PersonRef, PlanValue};

/// How many people of one rule are named.
const NAMES: usize = 5;

/// Whether people and differences are told with where they are from and where they are.
#[derive(Clone, Copy)]
struct Several {
    sources: bool,
    targets: bool,
}

/// The whole report. With `full`, everything stands by itself.
pub(super) fn report(told: &DriftReport, full: bool) -> Report {
    let mut sections = Vec::new();
    let mut section = |title: &'static str, essential, items: Vec<Item>, size: u64| {
        if !items.is_empty() {
            sections.push(Section {
                title: title.into(),
                size: grouped(size),
                items_are: "differences",
                essential,
                items,
            });
        }
    };
    let of = |group: DriftGroup, accepted: bool| -> Vec<&Difference> {
        let is = |one: &&Difference| {
            one.group == group && (one.policy == Some(DriftPolicy::Accept)) == accepted
        };
        told.differences.iter().filter(is).collect()
    };
    let several = Several {
        sources: told.inputs.people.len() > 1,
        targets: told.targets.len() > 1,
    };
    let members = told.differences.iter().filter(|one| one.what == "member");
    let groups = GroupNames::new(members.map(|one| &one.object.dn));
    let each = |all: &[&Difference]| -> Vec<Item> {
        all.iter().map(|one| item(one, several, &groups)).collect()
    };
    let edited = of(DriftGroup::Edited, false);
    section(
        "Edited in the directory",
        true,
        each(&edited),
        number(edited.len()),
    );
    let undetermined = told.differences.iter();
    let undetermined: Vec<&Difference> = undetermined
        .filter(|one| one.group == DriftGroup::Undetermined)
        .collect();
    section(
        "Undetermined: edited, or never written",
        false,
        if full || told.since.is_some() {
            each(&undetermined)
        } else {
            summed(&undetermined, several)
        },
        number(undetermined.len()),
    );
    let not_applied = of(DriftGroup::NotApplied, false);
    section(
        "Planned by the last plan, and not applied",
        false,
        each(&not_applied),
        number(not_applied.len()),
    );
    let accepted = of(DriftGroup::Edited, true);
    section(
        "Edits that are accepted",
        false,
        each(&accepted),
        number(accepted.len()),
    );
    for (title, group) in [
        (
            "Held by the last plan, and edited by nobody since",
            DriftGroup::HeldBefore,
        ),
        (
            "Changed in the source since the last apply",
            DriftGroup::Source,
        ),
        ("Configuration not applied yet", DriftGroup::Configuration),
    ] {
        let all = of(group, false);
        let items = if full {
            each(&all)
        } else {
            summed(&all, several)
        };
        section(title, false, items, number(all.len()));
    }
    let held: Vec<Item> = told
        .held
        .iter()
        .map(|held| held_item(held, several))
        .collect();
    section(
        "Held: not everything is known of these",
        false,
        held,
        number(told.held.len()),
    );
    let mut title = Line::head().own("halosync drift for ");
    for (at, identity) in told.targets.values().enumerate() {
        title = title
            .own(if at > 0 { ", " } else { "" })
            .code(domain_name(&identity.naming_context));
    }
    Report {
        title,
        verdict: verdict(told),
        sections,
        footer_title: "Made from",
        footer: footer(told),
    }
}

fn verdict(told: &DriftReport) -> Vec<Line> {
    let counts = &told.counts;
    let edits = counts.revert + counts.ask;
    let mut first = Line::new(0, if edits > 0 { Sign::Alarm } else { Sign::None });
    first = if edits > 0 {
        first
            .strong(count(edits, "edit", "edits"))
            .own(" in the directory")
    } else if counts.undetermined > 0 {
        first.strong("No edit is proven")
    } else if unproven(told) {
        first.strong("No edit in what was read")
    } else {
        first.strong("No drift")
    };
    for (number, words) in [
        (counts.ask, "to be settled"),
        (counts.undetermined, "undetermined"),
        (counts.accept, "accepted"),
        (
            counts.not_applied,
            "planned by the last plan and not applied",
        ),
        (counts.held_before, "held by the last plan"),
        (counts.source, "from the source since the last apply"),
        (counts.configuration, "from configuration not applied yet"),
    ] {
        if number > 0 {
            first = first.own(format!(" · {} {words}", grouped(number)));
        }
    }
    let mut lines = vec![first];
    if told.since.is_none() && counts.undetermined > 0 {
        lines.push(Line::new(0, Sign::None).own(
            "Nothing tells edits from other differences: name the recording of the last plan applied with --since",
        ));
    }
    let people = told.inputs.people.iter();
    let people = people.map(|(name, read)| (name, &read.completeness));
    let directories = told.inputs.directories.iter();
    let directories = directories.map(|(name, read)| (name, &read.completeness));
    for (name, completeness) in people.chain(directories) {
        if let Verdict::Unproven { reasons } = &completeness.verdict {
            let mut line = Line::new(0, Sign::Alarm)
                .strong("NOT EVERYTHING WAS READ")
                .own(" of ")
                .code(name.to_string());
            for reason in reasons {
                line = line.own(" · ").sentence(reason.clone());
            }
            lines.push(line);
        }
    }
    lines
}

/// Whether a read may be missing something.
fn unproven(told: &DriftReport) -> bool {
    let people = told.inputs.people.values().map(|read| &read.completeness);
    let directories = told.inputs.directories.values();
    people
        .chain(directories.map(|read| &read.completeness))
        .any(|completeness| !completeness.is_proven())
}

fn footer(told: &DriftReport) -> Vec<Line> {
    let mut approved = Line::new(0, Sign::None).own("approved configuration: ");
    approved = match &told.inputs.commit {
        Some(commit) => approved
            .own("commit ")
            .code(commit.chars().take(12).collect::<String>()),
        None => approved.own("the files, which are in no commit"),
    };
    let mut lines = vec![approved];
    if let Some(since) = &told.since {
        let mut line = Line::new(0, Sign::None)
            .own("last plan applied: ")
            .code(short_digest(&since.plan))
            .own(format!(" of {}", since.as_of));
        line = line.own(match since.report {
            Some(_) => ", with the report of its apply",
            None => ", without the report of its apply",
        });
        lines.push(line);
    }
    lines.push(Line::new(0, Sign::None).own(format!("judged at {}", told.as_of)));
    lines
}

/// One difference by itself.
fn item(one: &Difference, several: Several, groups: &GroupNames) -> Item {
    let sign = match (one.found.is_empty(), one.wanted.is_empty()) {
        (true, false) => Sign::Loss,
        (false, true) => Sign::Gain,
        _ => Sign::Change,
    };
    let mut line = Line::new(0, sign).name(Label::person(&one.person, several.sources));
    if several.targets {
        line = line.own(" in ").code(one.target.to_string());
    }
    line = line.own("  ");
    line = match one.what.as_str() {
        "member" => {
            let group = groups.group(&one.object);
            let words = if one.found.is_empty() {
                "is not in the group "
            } else {
                "is in the group "
            };
            line.own(words).name(group)
        }
        "account" if one.found.is_empty() => line.own("has no account"),
        "account" => line.own("still has an account"),
        "password" => line.own("password is to be replaced"),
        "enabled" if shows(&one.found, "false") => line.own("the account is disabled"),
        "enabled" => line.own("the account is enabled"),
        what => {
            let line = line.code(what.to_owned()).own(": found ");
            let line = values(line, &one.found).own(", wanted ");
            values(line, &one.wanted)
        }
    };
    if let Some(then) = &one.wanted_then {
        line = values(line.own(" (then "), then).own(")");
    }
    if let Some(written) = &one.written {
        line = line.own(format!(", written {}", written.at));
        if let Some(controller) = &written.controller {
            line = line.own(" on ").code(controller.clone());
        }
    }
    if let Some(apply) = &one.apply {
        line = match apply.outcome.as_str() {
            "unknown" => line.own(" · the last plan was to change it"),
            "conflict" => line.own(" · somebody else had changed it"),
            "failed" => line.own(" · the apply failed"),
            "skipped" => line.own(" · what it depends on was not achieved"),
            "notReached" => line.own(" · the apply did not reach it"),
            "leftOut" => line.own(" · the apply left it out"),
            _ => line.own(" · the apply did not do it"),
        };
        if let Some(message) = &apply.message {
            line = line.own(": ").sentence(message.clone());
        }
    }
    let unclear = one.group == DriftGroup::Undetermined;
    line = line.own(match one.policy {
        Some(DriftPolicy::Revert) => " · the next plan writes it back",
        Some(DriftPolicy::Ask) => " · held until somebody settles it",
        Some(DriftPolicy::Accept) if unclear => " · held until a plan can tell",
        Some(DriftPolicy::Accept) => " · stays until what is wanted changes",
        None if one.proposed => " · not approved yet",
        None => "",
    });
    Item {
        lines: vec![line.origin(vec![Piece::Code(one.rule.to_string())])],
    }
}

fn shows(values: &[PlanValue], text: &str) -> bool {
    matches!(values, [PlanValue::Text(one)] if one == text)
}

fn values(mut line: Line, values: &[PlanValue]) -> Line {
    if values.is_empty() {
        return line.own("nothing");
    }
    for (at, value) in values.iter().enumerate() {
        line = line.own(if at > 0 { ", " } else { "" });
        line = match value {
            PlanValue::Text(text) => line.pieces(vec![Piece::Value(cut(text, 80))]),
            PlanValue::Octets(octets) => line.own(octets.to_string()),
            PlanValue::Object(object) => line.code(object.dn.to_string()),
        };
    }
    line
}

/// Differences of one rule together: the next plan shows each.
fn summed(all: &[&Difference], several: Several) -> Vec<Item> {
    type Alike<'d> = (&'d Location, &'d str, bool, Option<&'d Name>);
    let mut by_rule: BTreeMap<Alike<'_>, Vec<&PersonRef>> = BTreeMap::new();
    for one in all {
        let target = several.targets.then_some(&one.target);
        by_rule
            .entry((&one.rule, &one.what, one.proposed, target))
            .or_default()
            .push(&one.person);
    }
    by_rule
        .into_iter()
        .map(|((rule, what, proposed, target), people)| {
            let mut line = Line::new(0, Sign::Change)
                .strong(count(number(people.len()), "difference", "differences"))
                .own(" of ")
                .code(what.to_owned());
            if let Some(target) = target {
                line = line.own(" in ").code(target.to_string());
            }
            line = line.own(if proposed {
                ", not approved yet: "
            } else {
                ": "
            });
            for (at, person) in people.iter().take(NAMES).enumerate() {
                line = line
                    .own(if at > 0 { ", " } else { "" })
                    .name(Label::person(person, several.sources));
            }
            if people.len() > NAMES {
                line = line.own(format!(
                    " and {} more",
                    grouped(number(people.len() - NAMES))
                ));
            }
            Item {
                lines: vec![line.origin(vec![Piece::Code(rule.to_string())])],
            }
        })
        .collect()
}

fn held_item(held: &Held, several: Several) -> Item {
    let mut line = Line::new(0, Sign::Alarm);
    line = match (&held.person, held.accounts.first()) {
        (Some(person), _) => line.name(Label::person(person, several.sources)),
        (None, Some(account)) => line.code(account.dn.to_string()),
        (None, None) => line.own("everybody"),
    };
    if let Some(target) = &held.target {
        line = line.own(" in ").code(target.to_string());
    }
    line = line.own("  ").sentence(held.reason.clone());
    let help = Line::new(1, Sign::None)
        .own("→ ")
        .sentence(held.help.clone());
    Item {
        lines: vec![line.origin(vec![Piece::Code(held.code.clone())]), help],
    }
}
