//! Lays out what became of a plan: counts, what went wrong and why, what remains, and what to do next.
//!
//! Works from the outcome and its plan, from which it takes only what a change was about. Changes that went well are
//! only counted, except in full detail.

use std::collections::{BTreeMap, HashMap};

use super::label::Label;
use super::report::{Item, Line, Piece, Report, Section, Sign, count, grouped, number};
use crate::apply::{
    ActionKind, ChangeOutcome, ChangeReport, Counts, Difference, FailureKind, Outcome, Verdict,
};
use crate::model::Name;
use crate::plan::{Action, Change, ChangeId, PersonRef, PlanFile};

/// Skipped and unreached changes named without full detail; the rest is counted.
const NAMES: usize = 10;

/// The whole report; `full` lists every change.
pub(super) fn report(outcome: &Outcome, plan: &PlanFile, full: bool) -> Report {
    let labels = Labels::new(outcome, plan);
    // Whoever plans again after an undo does all of it again.
    let again = plan.content.made_again();
    let changes = |wanted: fn(&ChangeOutcome) -> bool| -> Vec<&ChangeReport> {
        outcome
            .changes
            .iter()
            .filter(|change| wanted(&change.outcome))
            .collect()
    };
    let failed = changes(|outcome| matches!(outcome, ChangeOutcome::Failed { .. }));
    let conflicts = changes(|outcome| matches!(outcome, ChangeOutcome::Conflict { .. }));
    let skipped = changes(|outcome| matches!(outcome, ChangeOutcome::Skipped { .. }));
    let waiting = changes(|outcome| matches!(outcome, ChangeOutcome::NotReached {}));
    let left_out = changes(|outcome| matches!(outcome, ChangeOutcome::LeftOut {}));
    let mut sections = vec![
        Section {
            title: "Failed".into(),
            size: size(&failed),
            items_are: "failures",
            essential: true,
            items: failed
                .iter()
                .map(|change| failed_item(&labels, change, again))
                .collect(),
        },
        Section {
            title: "Conflicts: changed by somebody else since the plan was made".into(),
            size: size(&conflicts),
            items_are: "conflicts",
            essential: true,
            items: conflicts
                .iter()
                .map(|change| conflict_item(&labels, change))
                .collect(),
        },
        Section {
            title: "Skipped: what they depend on did not happen".into(),
            size: size(&skipped),
            items_are: "skipped changes",
            essential: false,
            items: skipped_items(&labels, outcome, &skipped, full),
        },
        Section {
            title: "Not reached".into(),
            size: size(&waiting),
            items_are: "changes",
            essential: false,
            items: listed(&labels, &waiting, full),
        },
        Section {
            title: "Left for another apply: not asked for this time".into(),
            size: size(&left_out),
            items_are: "changes",
            essential: false,
            items: listed(&labels, &left_out, full),
        },
    ];
    if full {
        let achieved = changes(ChangeOutcome::is_achieved);
        sections.push(Section {
            title: "As planned".into(),
            size: size(&achieved),
            items_are: "changes",
            essential: false,
            items: listed(&labels, &achieved, true),
        });
    }
    sections.push(Section {
        title: "From the fact in the source to the disabled account".into(),
        size: count(number(outcome.leavers.len()), "leaver", "leavers"),
        items_are: "leavers",
        essential: false,
        items: leavers_items(&labels, outcome, full),
    });
    let shut = shut(outcome, plan);
    sections.push(Section {
        title: "Disabled by this undo: made or enabled by what it undoes, nobody left".into(),
        size: count(number(shut.len()), "account", "accounts"),
        items_are: "accounts",
        essential: false,
        items: shut_items(&labels, &shut, full),
    });
    sections.push(Section {
        title: "Names given, not to be given again".into(),
        size: count(number(outcome.names.len()), "name", "names"),
        items_are: "names",
        essential: false,
        items: names_items(&labels, outcome, full),
    });
    sections.retain(|section| !section.items.is_empty());
    let mut next = next(outcome, plan);
    if !next.is_empty() {
        sections.push(Section {
            title: "What to do next".into(),
            size: count(number(next.len()), "step", "steps"),
            items_are: "steps",
            essential: true,
            items: next
                .drain(..)
                .map(|line| Item { lines: vec![line] })
                .collect(),
        });
    }
    Report {
        title: Line::head()
            .own(match plan.content.inputs.undoes {
                Some(_) => "halosync apply of undo ",
                None => "halosync apply of plan ",
            })
            .code(super::label::short_digest(&outcome.plan))
            .own(" for project ")
            .code(outcome.project.as_str()),
        verdict: verdict(outcome),
        sections,
        footer_title: "Record",
        footer: footer(outcome),
    }
}

/// Names people and says what a change was about.
struct Labels<'a> {
    several_sources: bool,
    several_targets: bool,
    changes: HashMap<&'a ChangeId, &'a Change>,
}

impl<'a> Labels<'a> {
    fn new(outcome: &Outcome, plan: &'a PlanFile) -> Self {
        let mut sources = outcome.changes.iter().map(|change| &change.person.source);
        let first = sources.next();
        Self {
            several_sources: sources.any(|source| Some(source) != first),
            several_targets: plan.content.targets.len() > 1,
            changes: plan
                .content
                .changes
                .iter()
                .map(|change| (&change.id, change))
                .collect(),
        }
    }

    fn person(&self, person: &PersonRef) -> Label {
        Label::person(person, self.several_sources)
    }

    /// ` in corp`, where there are several targets.
    fn within(&self, line: Line, target: Option<&Name>) -> Line {
        match target.filter(|_| self.several_targets) {
            Some(target) => line.own(" in ").code(target.as_str()),
            None => line,
        }
    }

    /// `Jane Doe (1042) · modify CN=… · department, title`.
    fn line(&self, depth: usize, sign: Sign, change: &ChangeReport) -> Line {
        let line = Line::new(depth, sign).name(self.person(&change.person));
        let mut line = self
            .within(line, Some(&change.target))
            .own(" · ")
            .strong(words(change.action))
            .own(" ")
            .code(change.dn.as_str());
        match self.changes.get(&change.id).map(|planned| &planned.action) {
            Some(Action::Modify { attributes }) => {
                for (index, attribute) in attributes.iter().enumerate() {
                    line = line
                        .own(if index == 0 { " · " } else { ", " })
                        .code(attribute.name.clone());
                }
                line
            }
            Some(Action::Move { after, .. }) => line.own(" to ").code(after.as_str()),
            Some(Action::Rename { after, .. }) => {
                line = line.own(" to ");
                line.pieces.push(Piece::Value(after.clone()));
                line
            }
            _ => line,
        }
    }
}

fn words(action: ActionKind) -> &'static str {
    match action {
        ActionKind::Create => "create",
        ActionKind::Adopt => "adopt",
        ActionKind::Modify => "modify",
        ActionKind::Enable => "enable",
        ActionKind::Disable => "disable",
        ActionKind::Rename => "rename",
        ActionKind::Move => "move",
        ActionKind::AddMember => "add to group",
        ActionKind::RemoveMember => "remove from group",
        ActionKind::ResetPassword => "reset the password of",
        ActionKind::Delete => "delete",
        ActionKind::Restore => "bring back",
    }
}

fn size(changes: &[&ChangeReport]) -> String {
    count(number(changes.len()), "change", "changes")
}

fn verdict(outcome: &Outcome) -> Vec<Line> {
    let counts = outcome.counts;
    let said = match outcome.verdict {
        Verdict::Applied if is_held(outcome) => "NOTHING DONE",
        Verdict::Applied if counts.done == 0 => "Nothing left to do: everything was as planned",
        Verdict::Applied => "Applied: everything is as planned",
        Verdict::Partial if as_asked(counts) => "Applied as far as asked for; the rest is left",
        Verdict::Partial if is_unended(outcome) => {
            "EVERYTHING IS AS PLANNED, and the journal could not be written to its end"
        }
        Verdict::Partial => "APPLIED IN PART",
        Verdict::Conflicts => {
            "CONFLICTS: some objects changed since the plan was made and were left alone"
        }
        Verdict::Unavailable => "NOTHING WRITTEN: a system could not be reached",
        Verdict::Denied => "NOTHING WRITTEN: access was denied",
    };
    let fine = outcome.verdict == Verdict::Applied && !is_held(outcome);
    let sign = if fine || as_asked(counts) {
        Sign::None
    } else {
        Sign::Alarm
    };
    let mut lines = vec![Line::new(0, sign).strong(said)];
    let parts: Vec<String> = [
        ("Done", counts.done),
        ("Already as desired", counts.already_as_desired),
        ("Conflicts", counts.conflicts),
        ("Failed", counts.failed),
        ("Skipped", counts.skipped),
        ("Not reached", counts.not_reached),
        ("Left", counts.left_out),
    ]
    .into_iter()
    .filter(|(_, number)| *number > 0)
    .map(|(what, number)| format!("{what} {}", grouped(number)))
    .collect();
    lines.push(Line::head().own(format!(
        "{}{}{}",
        count(counts.total(), "change", "changes"),
        if parts.is_empty() { "" } else { ": " },
        parts.join(" · ")
    )));
    let before = match is_held(outcome) {
        true => "",
        false => "stopped early: ",
    };
    for why in &outcome.stopped {
        lines.push(Line::new(0, Sign::Alarm).own(before).sentence(why.clone()));
    }
    lines
}

/// Whether there was something to do and nothing of it was in the plan.
pub(super) fn is_held(outcome: &Outcome) -> bool {
    outcome.changes.is_empty() && !outcome.stopped.is_empty()
}

/// Whether all that was asked for is done, and that was not everything.
fn as_asked(counts: Counts) -> bool {
    counts.left_out > 0
        && counts.done + counts.already_as_desired + counts.left_out == counts.total()
}

fn failed_item(labels: &Labels<'_>, change: &ChangeReport, again: &str) -> Item {
    let mut lines = vec![labels.line(0, Sign::Alarm, change)];
    if let ChangeOutcome::Failed { kind, message } = &change.outcome {
        lines.push(
            Line::new(1, Sign::None)
                .strong(kind_words(*kind))
                .own(": ")
                .sentence(message.clone()),
        );
        lines.push(
            Line::new(1, Sign::None)
                .own("→ ")
                .own(way_out(*kind, again)),
        );
    }
    Item { lines }
}

fn kind_words(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Denied => "denied",
        FailureKind::Refused => "refused",
        FailureKind::Missing => "missing",
        FailureKind::Transient => "for the moment",
        FailureKind::Unavailable => "unavailable",
        FailureKind::Unsettled => "not settled",
        FailureKind::Unverified => "not verified",
        FailureKind::Password => "initial password",
        FailureKind::Internal => "defect in halosync",
    }
}

fn way_out(kind: FailureKind, again: &str) -> String {
    match kind {
        FailureKind::Denied => {
            "give the writing account this right, then apply the plan again".to_owned()
        }
        FailureKind::Refused => format!(
            "the directory will never accept this: correct the rule or the person's data, then {again}"
        ),
        FailureKind::Missing => {
            format!("create what is missing or correct the rule, then {again}")
        }
        FailureKind::Transient | FailureKind::Unavailable => {
            "apply the plan again when the system answers".to_owned()
        }
        FailureKind::Unsettled => {
            "apply the plan again: it reads back what happened before it does anything".to_owned()
        }
        FailureKind::Unverified => {
            format!("look at the object: something else changes it; then {again}")
        }
        FailureKind::Password => format!(
            "no account is left enabled: see to the cause, then apply the plan again, or {again} with recipients"
        ),
        FailureKind::Internal => "please report it, with this report".to_owned(),
    }
}

fn conflict_item(labels: &Labels<'_>, change: &ChangeReport) -> Item {
    let mut lines = vec![labels.line(0, Sign::Alarm, change)];
    if let ChangeOutcome::Conflict {
        message,
        differences,
    } = &change.outcome
    {
        lines.push(Line::new(1, Sign::None).sentence(message.clone()));
        lines.extend(differences.iter().map(difference_line));
    }
    Item { lines }
}

/// `department was "R&D", planned "Research", found "Sales"`.
fn difference_line(difference: &Difference) -> Line {
    let mut line = Line::new(1, Sign::Change).code(difference.attribute.clone());
    for (word, values) in [
        (" was ", &difference.before),
        (", planned ", &difference.planned),
        (", found ", &difference.found),
    ] {
        line = line.own(word);
        if values.is_empty() {
            line = line.own("nothing");
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                line = line.own(" and ");
            }
            line.pieces.push(Piece::Value(value.clone()));
        }
    }
    line
}

/// Skipped changes under the change that is at the root.
fn skipped_items(
    labels: &Labels<'_>,
    outcome: &Outcome,
    skipped: &[&ChangeReport],
    full: bool,
) -> Vec<Item> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let by_id: HashMap<&ChangeId, &ChangeReport> = outcome
        .changes
        .iter()
        .map(|change| (&change.id, change))
        .collect();
    let mut by_root: BTreeMap<&ChangeId, Vec<&ChangeReport>> = BTreeMap::new();
    for change in skipped {
        if let ChangeOutcome::Skipped { because } = &change.outcome {
            by_root.entry(because).or_default().push(change);
        }
    }
    by_root
        .into_iter()
        .map(|(root, changes)| {
            let head = match by_id.get(root) {
                Some(root) => labels.line(0, Sign::None, root),
                None => Line::head().code(root.0.as_str()),
            };
            let mut lines = vec![head.own(" did not happen, so these were left alone:")];
            let shown = if full { changes.len() } else { NAMES };
            lines.extend(
                changes
                    .iter()
                    .take(shown)
                    .map(|change| labels.line(1, Sign::None, change)),
            );
            more(&mut lines, 1, changes.len(), shown);
            Item { lines }
        })
        .collect()
}

fn listed(labels: &Labels<'_>, changes: &[&ChangeReport], full: bool) -> Vec<Item> {
    let shown = if full { changes.len() } else { NAMES };
    let mut items: Vec<Item> = changes
        .iter()
        .take(shown)
        .map(|change| {
            let mut line = labels.line(0, Sign::None, change);
            if matches!(change.outcome, ChangeOutcome::AlreadyAsDesired {}) {
                line = line.own(" · was as desired");
            }
            Item { lines: vec![line] }
        })
        .collect();
    let mut rest = Vec::new();
    more(&mut rest, 0, changes.len(), shown);
    if !rest.is_empty() {
        items.push(Item { lines: rest });
    }
    items
}

/// `Jane Doe (1042) · 6 d 9 h · endsOn 2026-11-20, disabled 2026-11-27T09:00:00Z`, the longest first.
fn leavers_items(labels: &Labels<'_>, outcome: &Outcome, full: bool) -> Vec<Item> {
    let all = &outcome.leavers;
    let shown = if full { all.len() } else { NAMES };
    let mut lines: Vec<Line> = all
        .iter()
        .take(shown)
        .map(|leaver| {
            let sign = match leaver.disabled {
                Some(_) => Sign::None,
                None => Sign::Alarm,
            };
            let line = Line::new(0, sign).name(labels.person(&leaver.person));
            let change = labels.changes.get(&leaver.change);
            let line = labels
                .within(line, change.map(|change| &change.target))
                .own(" · ");
            let line = match leaver.seconds {
                Some(seconds) => line.strong(elapsed(seconds)),
                None => line.strong("not disabled by this plan"),
            };
            let line = line.own(" · ").sentence(leaver.by.clone());
            match leaver.disabled {
                Some(at) => line.own(format!(", disabled {at}")),
                None => line,
            }
        })
        .collect();
    more(&mut lines, 0, all.len(), shown);
    lines
        .into_iter()
        .map(|line| Item { lines: vec![line] })
        .collect()
}

/// What an undo disabled, with the change that did it.
fn shut<'o>(outcome: &'o Outcome, plan: &PlanFile) -> Vec<&'o ChangeReport> {
    let reports = outcome.changes.iter();
    let is_undo = plan.content.inputs.undoes.is_some();
    reports
        .filter(|change| {
            is_undo && change.action == ActionKind::Disable && change.outcome.is_achieved()
        })
        .collect()
}

/// `Kim Lee (5) CN=… · undo of change c-… (create) of plan …: works here`.
fn shut_items(labels: &Labels<'_>, shut: &[&ChangeReport], full: bool) -> Vec<Item> {
    let shown = if full { shut.len() } else { NAMES };
    let mut lines: Vec<Line> = shut
        .iter()
        .take(shown)
        .map(|change| {
            let line = Line::new(0, Sign::None).name(labels.person(&change.person));
            let line = labels
                .within(line, Some(&change.target))
                .own("  ")
                .code(change.dn.as_str());
            match labels.changes.get(&change.id) {
                Some(planned) => line.own(" · ").sentence(planned.because.text.clone()),
                None => line,
            }
        })
        .collect();
    more(&mut lines, 0, shut.len(), shown);
    lines
        .into_iter()
        .map(|line| Item { lines: vec![line] })
        .collect()
}

/// The two largest parts of a time.
fn elapsed(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

fn names_items(labels: &Labels<'_>, outcome: &Outcome, full: bool) -> Vec<Item> {
    let all = &outcome.names;
    let shown = if full { all.len() } else { NAMES };
    let mut lines: Vec<Line> = all
        .iter()
        .take(shown)
        .map(|given| {
            let mut line = Line::new(0, Sign::None)
                .name(labels.person(&given.person))
                .own(" · ")
                .code(given.attribute.clone())
                .own(" ");
            line.pieces.push(Piece::Value(given.name.clone()));
            line
        })
        .collect();
    more(&mut lines, 0, all.len(), shown);
    lines
        .into_iter()
        .map(|line| Item { lines: vec![line] })
        .collect()
}

fn more(lines: &mut Vec<Line>, depth: usize, all: usize, shown: usize) {
    if all > shown {
        lines.push(
            Line::new(depth, Sign::None).own(format!("and {} more", grouped(number(all - shown)))),
        );
    }
}

fn next(outcome: &Outcome, plan: &PlanFile) -> Vec<Line> {
    let counts = outcome.counts;
    let undoes = plan.content.inputs.undoes.as_ref();
    let (is_undo, is_redo) = (undoes.is_some(), undoes.is_some_and(|undoes| undoes.redoes));
    let mut lines = Vec::new();
    if !outcome.password_files.is_empty() {
        lines.push(Line::head().own("hand over the initial passwords in the encrypted file below"));
    }
    if is_unended(outcome) {
        lines.push(Line::head().own(
            "apply the same plan again with this journal, once it can be written: it looks at everything once more and ends it",
        ));
    }
    if counts.not_reached > 0 || (counts.failed > 0 && again_helps(outcome)) {
        lines.push(
            Line::head().own(
                "apply the same plan again: what is done stays done, and only the rest is tried",
            ),
        );
    }
    if counts.left_out > 0 {
        lines.push(
            Line::head().own("apply the same plan again for what is left, before it expires"),
        );
    }
    if counts.conflicts > 0 {
        lines.push(Line::head().own(if is_undo {
            "make the undo again (halosync undo, the same plan and journal): conflicting objects are read anew and decided again"
        } else {
            "plan again: conflicting objects are read anew and decided again"
        }));
    }
    if is_held(outcome) {
        lines.push(Line::head().own(if is_undo {
            "see to what brings this about, or let it pass once with a Waiver; then make the undo again"
        } else {
            "see to what brings this about, or let it pass once with a Waiver; then plan again"
        }));
    }
    let narrowed = plan.content.narrowed.as_ref();
    let left_out = narrowed.filter(|narrowed| narrowed.changes_left_out > 0);
    if is_redo {
        if counts.done + counts.already_as_desired > 0 {
            lines.push(Line::head().own(
                "what had been undone stands again: plan again at any time, and what it finds is what rules and data ask for besides",
            ));
        }
    } else if is_undo {
        if counts.done + counts.already_as_desired > 0 {
            lines.push(
                Line::head()
                    .strong("do not plan and apply yet")
                    .own(": rules and data still ask for what was undone, and the next plan does it all again. First revert the commit that brought it about, correct the data in HaloITSM, or give the people concerned an exception; then plan, and see that nothing of it comes again"),
            );
        }
        if left_out.is_some() {
            lines.push(Line::head().own(
                "this undid a part: the rest can be undone from the same journal, with the plan that was undone",
            ));
        }
    } else if let Some(narrowed) = left_out {
        lines.push(Line::head().own(format!(
            "plan again: {} of the whole plan {} left out of this one",
            count(narrowed.changes_left_out, "change", "changes"),
            match narrowed.changes_left_out {
                1 => "was",
                _ => "were",
            }
        )));
    } else if outcome.verdict == Verdict::Applied && counts.done > 0 {
        let held = plan.content.held_counts();
        lines.push(Line::head().own(match held.held + held.in_part {
            0 => "plan again at any time: it should find nothing to do",
            _ => "plan again at any time: it should find nothing to do but what was held",
        }));
    }
    lines
}

/// Everything was done, and the journal does not say so.
fn is_unended(outcome: &Outcome) -> bool {
    let counts = outcome.counts;
    outcome.verdict == Verdict::Partial && counts.done + counts.already_as_desired == counts.total()
}

fn again_helps(outcome: &Outcome) -> bool {
    outcome.changes.iter().any(|change| {
        matches!(
            change.outcome,
            ChangeOutcome::Failed {
                kind: FailureKind::Denied
                    | FailureKind::Transient
                    | FailureKind::Unavailable
                    | FailureKind::Unsettled
                    | FailureKind::Password,
                ..
            }
        )
    })
}

fn footer(outcome: &Outcome) -> Vec<Line> {
    let mut lines = vec![
        Line::head().own("plan ").code(outcome.plan.clone()),
        Line::head().own(format!(
            "ran {} to {}{}",
            outcome.started,
            outcome.finished,
            if outcome.resumed {
                " · continued an earlier run of the same plan"
            } else {
                ""
            }
        )),
    ];
    for file in &outcome.password_files {
        lines.push(
            Line::head()
                .own("initial passwords, encrypted: ")
                .code(file.to_string_lossy()),
        );
    }
    lines.push(
        Line::head()
            .own(format!(
                "journal ends at line {}, sha256 ",
                outcome.journal.lines
            ))
            .code(outcome.journal.head.clone()),
    );
    lines
}
