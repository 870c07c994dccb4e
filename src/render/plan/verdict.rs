//! The first lines and the last: what would happen at all, and what the plan was made from.

use std::collections::{BTreeMap, HashSet};

use super::{Context, base, deletions, edits, guards};
use crate::model::{CheckOutcome, Completeness, Verdict};
use crate::plan::{Action, ApprovalAsked, Change, Plan, PlanFile, ReadOfPeople, Risk};
use crate::render::label::{domain_name, short_digest};
use crate::render::report::{Line, Sign, count, grouped, number};

/// Kinds of change in the order they are counted: what takes away first.
const KINDS: &[&str] = &[
    "DELETE",
    "Disable",
    "Reset passwords",
    "Remove from groups",
    "Clear values",
    "Move",
    "Rename",
    "Bring back",
    "Create",
    "Enable",
    "Adopt",
    "Modify",
    "Add to groups",
];

fn kind(action: &Action) -> &'static str {
    match action {
        Action::Disable {} => "Disable",
        Action::RemoveMember { .. } => "Remove from groups",
        Action::Move { .. } => "Move",
        Action::Rename { .. } => "Rename",
        Action::Create { .. } => "Create",
        Action::Enable { .. } => "Enable",
        Action::Adopt { .. } => "Adopt",
        Action::Modify { .. } => "Modify",
        Action::AddMember { .. } => "Add to groups",
        Action::ResetPassword {} => "Reset passwords",
        Action::Delete { .. } => "DELETE",
        Action::Restore { .. } => "Bring back",
    }
}

/// `halosync plan 3f9a2c1b7d50… for corp.example.test`.
pub(super) fn title(file: &PlanFile) -> Line {
    let mut line = Line::head()
        .own("halosync plan ")
        .code(short_digest(&file.digest))
        .own(" for ");
    if file.content.targets.is_empty() {
        line = line.own("no target");
    }
    let several = file.content.targets.len() > 1;
    for (index, (target, identity)) in file.content.targets.iter().enumerate() {
        if index > 0 {
            line = line.own(", ");
        }
        if several {
            line = line.code(target.as_str()).own(" at ");
        }
        line = line.code(domain_name(&identity.naming_context));
    }
    line
}

/// Counts, what is held, and what is unproven.
pub(super) fn lines(context: &Context<'_>) -> Vec<Line> {
    let plan = context.plan;
    let mut lines = vec![summary(plan)];
    lines.extend(of_targets(plan));
    lines.extend(counts(plan));
    lines.extend(undo(plan));
    lines.extend(deletions::alarm(plan));
    if let Some(narrowed) = &plan.narrowed {
        let mut line = Line::new(0, Sign::Alarm).strong("Narrowed").own(" to ");
        for (index, to) in narrowed.to.iter().enumerate() {
            line = line.own(if index > 0 { ", " } else { "" }).code(to.clone());
        }
        let (whole, judged) = match plan.inputs.undoes {
            Some(_) => (
                "undo",
                "guards judged this part, with what had been undone of the same apply before",
            ),
            None => ("plan", "everything was judged as a whole"),
        };
        lines.push(line.own(format!(
            ": {} and {} of the whole {whole} are left out; {judged}",
            count(narrowed.changes_left_out, "change", "changes"),
            count(narrowed.held_left_out, "held entry", "held entries"),
        )));
    }
    if let Some(against) = &plan.base {
        lines.extend(base::lines(context, against));
    }
    lines.extend(guards::alarms(context));
    lines.extend(plan.approvals_asked().map(approval));
    for (source, read) in &plan.inputs.people {
        lines.extend(checks(source.as_str(), read));
    }
    if plan.removals_held {
        let mut line = Line::new(0, Sign::Alarm).strong(
            "REMOVALS HELD: a read is not proven complete, so this plan disables nobody and takes nothing \
             away because of it",
        );
        // Both lines stand one below the other; a reader should not have to wonder which of them is right.
        let taken = taken(plan);
        if taken > 0 {
            line = line.own(format!(
                "; {} taken away or cleared all the same, for a reason that read has no part in",
                match taken {
                    1 => "1 thing is".to_owned(),
                    several => format!("{} are", grouped(several)),
                }
            ));
        }
        lines.push(line);
        for (source, read) in &plan.inputs.people {
            unproven(&mut lines, "source ", source.as_str(), &read.completeness);
        }
        for (target, read) in &plan.inputs.directories {
            unproven(
                &mut lines,
                "directory ",
                target.as_str(),
                &read.completeness,
            );
        }
    }
    lines
}

/// Whose work is undone, and what becomes of it afterwards.
fn undo(plan: &Plan) -> Option<Line> {
    let undone = plan.inputs.undoes.as_ref()?;
    let line = Line::new(0, Sign::Alarm)
        .strong("Undo")
        .own(" of plan ")
        .code(short_digest(&undone.plan))
        .own(format!(
            " made {}: brings back what was there before, where nobody has changed it since",
            undone.as_of
        ));
    Some(if plan.changes.is_empty() {
        line
    } else if undone.redoes {
        line.own("; that plan was an undo itself, so this does again what it took back")
    } else {
        line.own("; ").strong(
            "the next plan does it all again unless rules, data or exceptions are changed first",
        )
    })
}

/// `needs 2 approvals for changes of high risk in corp, of *@identity.example.com`.
fn approval(asked: &ApprovalAsked) -> Line {
    let risk = match asked.risk {
        Risk::Low => "changes of low risk in ",
        Risk::Medium => "changes of medium risk in ",
        Risk::High => "changes of high risk in ",
        Risk::Irreversible => "changes that cannot be undone in ",
    };
    let mut line = Line::new(0, Sign::None)
        .own("needs ")
        .strong(count(u64::from(asked.people), "approval", "approvals"))
        .own(" for ")
        .own(risk)
        .code(asked.target.as_str());
    for (at, from) in asked.from.iter().enumerate() {
        line = line
            .own(if at == 0 { ", of " } else { " or " })
            .code(from.clone());
    }
    line
}

fn summary(plan: &Plan) -> Line {
    let mut line = Line::head();
    if plan.changes.is_empty() && plan.inputs.undoes.is_some() {
        line = line.strong(if !plan.held.is_empty() {
            "NOTHING IS UNDONE: all that is left to undo is held"
        } else {
            "Nothing to undo"
        });
    } else if plan.holds_everybody() {
        line = line
            .strong("EVERYBODY IS HELD, and nothing is done")
            .own(format!(": {} in scope", scope(plan)));
    } else if plan.changes.is_empty() {
        line = line.strong("Nothing to do").own(format!(
            ": {} in scope, {} already as desired",
            scope(plan),
            count(plan.counts.unchanged, "account", "accounts"),
        ));
    } else {
        let people: HashSet<_> = plan
            .changes
            .iter()
            .map(|change| (&change.person.source, &change.person.key))
            .collect();
        line = line
            .strong(count(number(plan.changes.len()), "change", "changes"))
            .own(match plan.people_of_targets.len() {
                0 | 1 => format!(
                    " for {} of {}",
                    grouped(number(people.len())),
                    count(plan.counts.people, "person", "people"),
                ),
                targets => format!(
                    " for {} in {targets} targets",
                    count(number(people.len()), "person", "people"),
                ),
            });
    }
    for words in super::held_words(plan.held_counts()) {
        line = line.own(" · ").strong(words);
    }
    if plan.removals_held {
        line = line.own(" · ").strong("removals held");
    }
    if !plan.changes.is_empty() && plan.approvals_asked().next().is_none() {
        line = line.own(" · no approval asked for");
    }
    line
}

/// `29 people`, or `29 people of corp, 12 people of branch`.
fn scope(plan: &Plan) -> String {
    let told = |number: u64| count(number, "person", "people");
    if plan.people_of_targets.is_empty() {
        return told(plan.counts.people);
    }
    let targets = plan.people_of_targets.iter();
    let targets = targets.map(|(target, number)| format!("{} of {target}", told(*number)));
    targets.collect::<Vec<_>>().join(", ")
}

/// Of several targets, what happens in each: `corp: 38 changes for 19 of 29 people`.
fn of_targets(plan: &Plan) -> Vec<Line> {
    let several = plan
        .people_of_targets
        .iter()
        .filter(|_| !plan.changes.is_empty());
    let lines = several.map(|(target, scope)| {
        let changes = plan
            .changes
            .iter()
            .filter(|change| change.target == *target);
        let (mut number_of, mut people) = (0, HashSet::new());
        for change in changes {
            number_of += 1;
            people.insert((&change.person.source, &change.person.key));
        }
        Line::new(1, Sign::None).code(target.as_str()).own(format!(
            ": {} for {} of {}",
            count(number_of, "change", "changes"),
            grouped(number(people.len())),
            count(*scope, "person", "people"),
        ))
    });
    lines.collect()
}

/// How many values are cleared and memberships, accounts and passwords taken away.
fn taken(plan: &Plan) -> u64 {
    let of = |change: &Change| match &change.action {
        Action::Modify { attributes } => attributes
            .iter()
            .filter(|attribute| attribute.after.is_empty())
            .count(),
        Action::Delete { .. }
        | Action::Disable {}
        | Action::ResetPassword {}
        | Action::RemoveMember { .. } => 1,
        _ => 0,
    };
    number(plan.changes.iter().map(of).sum())
}

fn counts(plan: &Plan) -> Option<Line> {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for change in &plan.changes {
        *numbers.entry(kind(&change.action)).or_default() += 1;
        if let Action::Modify { attributes } = &change.action {
            let cleared = attributes
                .iter()
                .filter(|attribute| attribute.after.is_empty())
                .count();
            *numbers.entry("Clear values").or_default() += number(cleared);
        }
    }
    let parts: Vec<String> = KINDS
        .iter()
        .filter_map(|kind| {
            let number = *numbers.get(kind)?;
            (number > 0).then(|| format!("{kind} {}", grouped(number)))
        })
        .collect();
    (!parts.is_empty()).then(|| Line::head().own(parts.join(" · ")))
}

/// The checks behind the verdict on a read: what was found, and in brackets what was asked for.
fn checks(source: &str, read: &ReadOfPeople) -> Option<Line> {
    if read.checks.is_empty() {
        return None;
    }
    let proven = read.completeness.is_proven();
    let sign = if proven { Sign::None } else { Sign::Alarm };
    let mut line = Line::new(0, sign).own("source ").code(source);
    line = if proven {
        line.own(": proven complete")
    } else {
        line.own(": ").strong("not proven complete")
    };
    for check in &read.checks {
        line = line.own(" · ");
        line = match check.outcome {
            CheckOutcome::Passed => line,
            CheckOutcome::Failed => line.strong("FAILED").own(" "),
            CheckOutcome::NotJudged => line.own("not judged: "),
        };
        line = line
            .sentence(check.rule.clone())
            .own(": ")
            .sentence(check.found.clone())
            .own(" (")
            .sentence(check.limit.clone())
            .own(")");
    }
    Some(line)
}

fn unproven(lines: &mut Vec<Line>, what: &'static str, name: &str, completeness: &Completeness) {
    if let Verdict::Unproven { reasons } = &completeness.verdict {
        for reason in reasons {
            lines.push(
                Line::new(1, Sign::Alarm)
                    .own(what)
                    .code(name)
                    .own(": ")
                    .sentence(reason.clone()),
            );
        }
    }
}

/// Where the plan comes from.
pub(super) fn footer(context: &Context<'_>, file: &PlanFile) -> Vec<Line> {
    let plan = context.plan;
    let mut lines = vec![
        Line::head().own("digest ").code(file.digest.clone()),
        Line::head()
            .own("made ")
            .own(plan.as_of.to_string())
            .own(" · may be applied until ")
            .strong(plan.not_after.to_string()),
    ];
    let mut configuration = Line::head()
        .own("configuration ")
        .code(plan.project.as_str());
    configuration = match &plan.inputs.commit {
        Some(commit) if plan.inputs.uncommitted => configuration
            .own(" at ")
            .code(commit.clone())
            .strong(" with uncommitted changes"),
        Some(commit) => configuration.own(" at ").code(commit.clone()),
        None => configuration.strong(" from no commit"),
    };
    lines.push(configuration.own(format!(
        " · {}",
        count(number(plan.inputs.files.len()), "file", "files")
    )));
    if let Some(last) = &plan.inputs.last_good {
        lines.push(
            Line::head()
                .own("compared with the reads of plan ")
                .code(short_digest(&last.digest))
                .own(format!(" made {}", last.as_of)),
        );
    }
    if let Some(undone) = &plan.inputs.undoes {
        lines.push(
            Line::head()
                .own("undoes plan ")
                .code(undone.plan.clone())
                .own(" by its journal ")
                .code(undone.journal.clone()),
        );
    }
    lines.extend(plan.since.as_ref().map(edits::line));
    for (source, read) in &plan.inputs.people {
        let line = Line::head()
            .own("source ")
            .code(source.as_str())
            .own(" at ")
            .code(read.instance.clone())
            .own(format!(
                " · {} read {}",
                count(read.people, "person", "people"),
                read.read_at
            ));
        lines.push(proof(line, &read.completeness));
    }
    for (target, read) in &plan.inputs.directories {
        let mut line = Line::head().own("directory ").code(target.as_str());
        if let Some(identity) = plan.targets.get(target) {
            line = line
                .own(" at ")
                .code(identity.domain_controller.clone())
                .own(" · domain ")
                .code(identity.domain_sid.clone())
                .own(" ")
                .code(identity.domain_guid.to_string());
        }
        line = line.own(format!(
            " · {} read {}",
            count(read.objects, "object", "objects"),
            read.read_at
        ));
        lines.push(proof(line, &read.completeness));
    }
    for recipient in &plan.password_recipients {
        lines.push(
            Line::head()
                .own("initial passwords can be opened by ")
                .code(recipient.clone()),
        );
    }
    lines.push(
        Line::head()
            .own("made by halosync ")
            .code(plan.tool_version.clone()),
    );
    lines
}

fn proof(line: Line, completeness: &Completeness) -> Line {
    let total = match completeness.claimed_total {
        Some(total) => format!(" of {} claimed", grouped(total)),
        None => String::new(),
    };
    let numbers = format!(
        ": {}, {}, {} distinct{total}",
        count(completeness.pages, "page", "pages"),
        count(completeness.rows, "row", "rows"),
        grouped(completeness.distinct),
    );
    if completeness.is_proven() {
        line.own(" · proven complete").own(numbers)
    } else {
        line.own(" · ").strong("not proven complete").own(numbers)
    }
}
