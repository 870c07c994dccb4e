//! A plan without personal data, laid out for reviewers, and what became of one without personal data.
//!
//! Works from what was redacted; of an outcome it takes numbers and kinds alone.

use std::collections::BTreeMap;

use super::report::{Item, Line, Report, Section, Sign, count, grouped, number};
use crate::apply::{ActionKind, ChangeOutcome, Outcome, Verdict};
use crate::plan::{GuardVerdict, RedactedAttribute, RedactedChange, RedactedPlan, Risk, RuleIndex};

/// Changes, and held, that stand by themselves unless everything is asked for.
const NAMED: usize = 200;

/// A name as it stands in the plan file.
fn word<T: serde::Serialize>(of: T) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The whole report.
pub(super) fn report(plan: &RedactedPlan, full: bool) -> Report {
    let at = |rule: RuleIndex| {
        let rule = usize::try_from(rule.0)
            .ok()
            .and_then(|at| plan.rules.get(at));
        rule.map_or_else(String::new, ToString::to_string)
    };
    let most = if full { usize::MAX } else { NAMED };
    let mut sections = vec![
        section("Guards", "guards", true, guards(plan, &at)),
        section("Approvals needed", "approvals", true, approvals(plan, &at)),
        section("What is done", "kinds", true, kinds(plan)),
        section("Held", "kinds of held", true, held(plan, &at)),
        section("Warnings", "warnings", false, warnings(plan)),
        section("Waivers", "waivers", false, waivers(plan, &at)),
        section("Exceptions", "exceptions", false, exceptions(plan, &at)),
    ];
    let mut each: Vec<Item> = plan
        .changes
        .iter()
        .take(most)
        .map(|one| change(one, &at))
        .collect();
    let more = plan.changes.len().saturating_sub(most);
    if more > 0 {
        each.push(item(Line::head().own(format!(
            "and {}; --full shows them",
            count(number(more), "more change", "more changes")
        ))));
    }
    sections.push(Section {
        title: "Changes".into(),
        size: grouped(number(plan.changes.len())),
        items_are: "changes",
        essential: false,
        items: each,
    });
    let days = plan.calendar.iter().map(|day| {
        item(
            Line::head()
                .own(format!("{} · ", day.on))
                .own(count(day.people, "person comes", "people come"))
                .own(" into another state"),
        )
    });
    sections.push(section(
        "What comes by itself",
        "days",
        false,
        days.collect(),
    ));
    sections.retain(|section| !section.items.is_empty());
    Report {
        title: Line::head()
            .own("halosync plan of ")
            .code(plan.project.to_string())
            .own(", without personal data"),
        verdict: verdict(plan),
        sections,
        footer_title: "Made from",
        footer: footer(plan),
    }
}

fn section(
    title: &'static str,
    items_are: &'static str,
    essential: bool,
    items: Vec<Item>,
) -> Section {
    Section {
        title: title.into(),
        size: grouped(number(items.len())),
        items_are,
        essential,
        items,
    }
}

fn item(line: Line) -> Item {
    Item { lines: vec![line] }
}

fn verdict(plan: &RedactedPlan) -> Vec<Line> {
    let mut people: Vec<&str> = plan.changes.iter().map(|one| one.person.as_str()).collect();
    people.sort_unstable();
    people.dedup();
    let mut first = Line::new(0, Sign::None)
        .strong(count(number(plan.changes.len()), "change", "changes"))
        .own(" for ")
        .own(count(number(people.len()), "person", "people"));
    for (number, words) in [
        (plan.held_wholly, "held"),
        (plan.held_in_part, "held in part, the rest goes on"),
    ] {
        if number > 0 {
            first = first.own(format!(" · {} {words}", grouped(number)));
        }
    }
    let mut lines = vec![first];
    for read in plan.reads.iter().filter(|read| !read.proven) {
        lines.push(
            Line::new(0, Sign::Alarm)
                .strong("NOT EVERYTHING WAS READ")
                .own(" of ")
                .code(read.name.to_string()),
        );
    }
    if plan.removals_held {
        lines.push(
            Line::new(0, Sign::Alarm)
                .strong("Removals are held")
                .own(" because a read was not proven complete"),
        );
    }
    if let Some(left_out) = plan.left_out {
        lines.push(Line::new(0, Sign::None).own(format!(
            "Narrowed: {} of the whole plan left out",
            count(left_out, "change", "changes")
        )));
    }
    lines.push(
        Line::new(0, Sign::None)
            .own("digest ")
            .code(plan.digest.clone()),
    );
    lines
}

fn guards(plan: &RedactedPlan, at: &dyn Fn(RuleIndex) -> String) -> Vec<Item> {
    let guards = plan.guards.iter().map(|guard| {
        let sign = match guard.verdict {
            GuardVerdict::Breached | GuardVerdict::NotJudged => Sign::Alarm,
            GuardVerdict::Passed | GuardVerdict::Waived => Sign::None,
        };
        item(
            Line::new(0, sign)
                .strong(word(guard.verdict))
                .own(" ")
                .code(guard.guard.clone())
                .own(format!(
                    " · {} of {}, {} allowed (",
                    grouped(guard.counted),
                    grouped(guard.base),
                    grouped(guard.allowed),
                ))
                .sentence(guard.limit.clone())
                .own(format!(
                    ") · {} · {} waiting · ",
                    count(guard.parts, "part", "parts"),
                    count(guard.held, "change", "changes")
                ))
                .code(at(guard.rule)),
        )
    });
    guards.collect()
}

fn approvals(plan: &RedactedPlan, at: &dyn Fn(RuleIndex) -> String) -> Vec<Item> {
    let approvals = plan.approvals.iter().map(|asked| {
        item(
            Line::head()
                .own(count(u64::from(asked.people), "person", "people"))
                .own(format!(" for changes of {} risk · ", word(asked.risk)))
                .code(at(asked.rule)),
        )
    });
    approvals.collect()
}

/// Changes by risk and kind, the most dangerous first.
fn kinds(plan: &RedactedPlan) -> Vec<Item> {
    let mut kinds: BTreeMap<(std::cmp::Reverse<Risk>, &str, String), u64> = BTreeMap::new();
    for change in &plan.changes {
        let key = (
            std::cmp::Reverse(change.risk),
            change.action.as_str(),
            word(change.cause),
        );
        *kinds.entry(key).or_default() += 1;
    }
    let kinds = kinds.into_iter().map(|((risk, action, cause), how_many)| {
        let sign = if risk.0 >= Risk::High {
            Sign::Alarm
        } else {
            Sign::None
        };
        item(
            Line::new(0, sign)
                .strong(grouped(how_many))
                .own(" × ")
                .code(action)
                .own(format!(" · {} risk · cause {cause}", word(risk.0))),
        )
    });
    kinds.collect()
}

/// Who is held, by code and rule.
fn held(plan: &RedactedPlan, at: &dyn Fn(RuleIndex) -> String) -> Vec<Item> {
    let mut kinds: BTreeMap<(&str, Option<RuleIndex>), Vec<&str>> = BTreeMap::new();
    for held in &plan.held {
        let who = held.person.as_ref().or(held.accounts.first());
        kinds
            .entry((held.code.as_str(), held.rule))
            .or_default()
            .push(who.map_or("everything", String::as_str));
    }
    let kinds = kinds.into_iter().map(|((code, rule), who)| {
        let mut line = Line::new(0, Sign::Alarm)
            .strong(grouped(number(who.len())))
            .own(" × ")
            .code(code)
            .own(" · ")
            .own(who.iter().take(5).copied().collect::<Vec<_>>().join(", "));
        if who.len() > 5 {
            line = line.own(", …");
        }
        if let Some(rule) = rule {
            line = line.own(" · ").code(at(rule));
        }
        item(line)
    });
    kinds.collect()
}

fn warnings(plan: &RedactedPlan) -> Vec<Item> {
    let warnings = plan.warnings.iter().map(|warning| {
        item(
            Line::new(0, Sign::Alarm)
                .code(warning.code.clone())
                .own(format!(" · concerns {}", grouped(warning.count))),
        )
    });
    warnings.collect()
}

fn waivers(plan: &RedactedPlan, at: &dyn Fn(RuleIndex) -> String) -> Vec<Item> {
    let waivers = plan.waivers.iter().map(|waiver| {
        item(
            Line::head()
                .own(word(waiver.standing))
                .own(" · lets ")
                .code(waiver.guard.clone())
                .own(format!(" reach {} · until ", grouped(waiver.maximum)))
                .code(waiver.expires.clone())
                .own(" · ")
                .code(at(waiver.rule)),
        )
    });
    waivers.collect()
}

fn exceptions(plan: &RedactedPlan, at: &dyn Fn(RuleIndex) -> String) -> Vec<Item> {
    let exceptions = plan.exceptions.iter().map(|exception| {
        item(
            Line::head()
                .own(exception.person.clone())
                .own(format!(" · {} · until ", word(exception.standing)))
                .code(exception.expires.clone())
                .own(" · ")
                .code(at(exception.rule)),
        )
    });
    exceptions.collect()
}

fn change(change: &RedactedChange, at: &dyn Fn(RuleIndex) -> String) -> Item {
    let sign = match change.action.as_str() {
        "disable" | "removeMember" | "delete" | "resetPassword" => Sign::Loss,
        "create" | "enable" | "adopt" | "addMember" | "restore" => Sign::Gain,
        _ => Sign::Change,
    };
    let mut head = Line::new(0, sign)
        .strong(format!("{}. {}", change.number, change.action))
        .own(format!(" · {} · {}", change.person, change.object));
    if let Some(member) = &change.member {
        head = head.own(format!(" · member {member}"));
    }
    if let (Some(from), Some(to)) = (&change.from, &change.to) {
        head = head.own(format!(" · {from} → {to}"));
    }
    if change.privileged {
        head = head.own(" · ").strong("privileged group");
    }
    head = head.own(format!(
        " · {} risk · cause {} · recovery {} · ",
        word(change.risk),
        word(change.cause),
        word(change.recovery)
    ));
    let mut lines = vec![head.code(at(change.rule))];
    lines.extend(change.attributes.iter().map(|one| attribute(one, at)));
    Item { lines }
}

fn attribute(attribute: &RedactedAttribute, at: &dyn Fn(RuleIndex) -> String) -> Line {
    let does = match (attribute.before, attribute.after) {
        (0, _) => "is set",
        (_, 0) => "is cleared",
        _ => "changes",
    };
    let mut line = Line::new(1, Sign::None)
        .code(attribute.name.clone())
        .own(format!(" {does}"));
    if attribute.before > 1 || attribute.after > 1 {
        line = line.own(format!(
            " ({} → {})",
            count(attribute.before, "value", "values"),
            count(attribute.after, "value", "values")
        ));
    }
    if let Some(rule) = attribute.rule {
        line = line.own(" · ").code(at(rule));
    }
    line
}

fn footer(plan: &RedactedPlan) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(commit) = &plan.commit {
        let line = Line::head().own("configuration ").code(commit.clone());
        lines.push(if plan.uncommitted {
            line.own(", with changes that are not committed")
        } else {
            line
        });
    }
    if let Some(undone) = &plan.undoes {
        lines.push(
            Line::head()
                .own("undoes the apply of ")
                .code(undone.clone()),
        );
    }
    if let Some(base) = plan.base.as_ref().filter(|base| base.not_planned) {
        lines.push(
            Line::head()
                .own("not compared: ")
                .code(base.commit.clone())
                .own(" cannot be planned from what was read"),
        );
    } else if let Some(base) = &plan.base {
        lines.push(
            Line::head()
                .own("compared with ")
                .code(base.commit.clone())
                .own(format!(
                    ": the change of the configuration brings about {} for {}",
                    count(base.changes, "change", "changes"),
                    count(base.people, "person", "people")
                )),
        );
        for one in &base.not_compared {
            lines.push(
                Line::head()
                    .own("not told apart: ")
                    .sentence(one.what.clone())
                    .own(" of source ")
                    .code(one.source.to_string())
                    .own(" is read otherwise since that commit, and ")
                    .own(match one.changes {
                        1 => "1 change uses it".to_owned(),
                        all => format!("{} changes use it", grouped(all)),
                    })
                    .own(" (")
                    .code(one.location.to_string())
                    .own(")"),
            );
        }
    }
    for read in &plan.reads {
        lines.push(
            Line::head()
                .code(read.name.to_string())
                .own(format!(": {} read", grouped(read.size))),
        );
    }
    lines.push(
        Line::head()
            .own(format!(
                "made {}, appliable until {}, by halosync ",
                plan.as_of, plan.not_after
            ))
            .code(plan.tool_version.clone()),
    );
    lines.push(Line::head().own(
        "people, accounts, groups and places are numbered in the order of first mention; numbers mean nothing in another plan",
    ));
    lines
}

/// What became of a plan, in numbers and kinds.
pub(super) fn outcome(outcome: &Outcome) -> Report {
    let counts = &outcome.counts;
    let held = super::outcome::is_held(outcome);
    let sign = if outcome.verdict == Verdict::Applied && !held {
        Sign::None
    } else {
        Sign::Alarm
    };
    let said = match held {
        true => "nothing done: guards hold all there was to do".to_owned(),
        false => word(outcome.verdict),
    };
    let mut first = Line::new(0, sign).strong(said);
    for (number, words) in [
        (counts.done, "done"),
        (counts.already_as_desired, "already as desired"),
        (counts.conflicts, "in conflict"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.not_reached, "not reached"),
        (counts.left_out, "left out as asked"),
    ] {
        if number > 0 {
            first = first.own(format!(" · {} {words}", grouped(number)));
        }
    }
    let mut lines = vec![first];
    if !outcome.stopped.is_empty() && !held {
        lines.push(Line::new(0, Sign::Alarm).own(format!(
            "Stopped early ({}); the sealed report says why",
            count(number(outcome.stopped.len()), "cause", "causes")
        )));
    }
    lines.push(
        Line::new(0, Sign::None)
            .own("digest ")
            .code(outcome.plan.clone()),
    );
    let mut kinds: BTreeMap<(ActionKind, &str, String), Vec<usize>> = BTreeMap::new();
    for (at, change) in outcome.changes.iter().enumerate() {
        let failure = match &change.outcome {
            ChangeOutcome::Failed { kind, .. } => word(*kind),
            _ => String::new(),
        };
        kinds
            .entry((change.action, change.outcome.kind(), failure))
            .or_default()
            .push(at + 1);
    }
    let items = kinds.into_iter().map(|((action, is, failure), which)| {
        let mut line = Line::head()
            .strong(grouped(number(which.len())))
            .own(" × ")
            .code(word(action))
            .own(format!(" · {is}"));
        if !failure.is_empty() {
            line = line.own(format!(" ({failure})"));
        }
        if !matches!(is, "done" | "alreadyAsDesired") {
            let first: Vec<String> = which.iter().take(20).map(ToString::to_string).collect();
            line = line.own(format!(" · changes {}", first.join(", ")));
            if which.len() > first.len() {
                line = line.own(", …");
            }
        }
        item(line)
    });
    Report {
        title: Line::head()
            .own("halosync apply of ")
            .code(outcome.project.to_string())
            .own(", without personal data"),
        verdict: lines,
        sections: vec![section("Changes", "kinds", true, items.collect())],
        footer_title: "Run",
        footer: vec![Line::head().own(format!(
            "{} to {}; numbers are those of `halosync show --redacted`",
            outcome.started, outcome.finished
        ))],
    }
}
