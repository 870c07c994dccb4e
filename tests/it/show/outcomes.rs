//! What became of a plan, as it is shown.

use halosync::apply::{
    ActionKind, ChangeOutcome, ChangeReport, Counts, Difference, FailureKind, JournalEnd,
    LeaverTime, Outcome, Verdict,
};
use halosync::model::Name;
use halosync::plan::{Action, ChangeId, PlanFile};
use halosync::render::{MarkdownOptions, TextOptions, outcome_markdown, outcome_text};

use super::goldens::compare;
use super::plans::{self, Someone};

fn report(of: &Someone, id: &str, action: ActionKind, outcome: ChangeOutcome) -> ChangeReport {
    ChangeReport {
        id: ChangeId(id.into()),
        person: of.person.clone(),
        target: Name::new("corp"),
        action,
        dn: of.account.dn.clone(),
        created: None,
        started: None,
        finished: None,
        outcome,
    }
}

fn outcome(verdict: Verdict, changes: Vec<ChangeReport>) -> Outcome {
    let mut counts = Counts::default();
    for change in &changes {
        *match change.outcome {
            ChangeOutcome::Done {} => &mut counts.done,
            ChangeOutcome::AlreadyAsDesired {} => &mut counts.already_as_desired,
            ChangeOutcome::Conflict { .. } => &mut counts.conflicts,
            ChangeOutcome::Failed { .. } => &mut counts.failed,
            ChangeOutcome::Skipped { .. } => &mut counts.skipped,
            ChangeOutcome::NotReached {} => &mut counts.not_reached,
            ChangeOutcome::LeftOut {} => &mut counts.left_out,
        } += 1;
    }
    Outcome {
        format: halosync::apply::OUTCOME_FORMAT.to_owned(),
        plan: "sha256:3f9a2c1b7d5044e6a8f0c1d2e3f40516".into(),
        project: Name::new("acme"),
        started: "2026-11-23T09:30:00Z".parse().unwrap(),
        finished: "2026-11-23T09:30:04Z".parse().unwrap(),
        resumed: false,
        verdict,
        counts,
        stopped: Vec::new(),
        changes,
        names: Vec::new(),
        leavers: Vec::new(),
        password_files: Vec::new(),
        journal: JournalEnd {
            lines: 27,
            head: "5d".repeat(32),
        },
    }
}

/// The plan: two of its changes, to say what they were about.
fn planned(text: &str) -> PlanFile {
    let mut plan = plans::empty();
    let chris = plans::someone(1027, "Chris Young", "Sales");
    let hostile = plans::someone(1005, text, "Research");
    let mut conflicting = plans::modify(
        &chris,
        vec![
            plans::attribute(
                "department",
                &["Sales"],
                &["Finance"],
                plans::DEPARTMENT,
                &[],
            ),
            plans::attribute(
                "telephoneNumber",
                &["+44 20 7946 0027"],
                &[],
                plans::PHONE,
                &[],
            ),
        ],
    );
    conflicting.id = ChangeId("f".into());
    let mut moved = plans::change(
        &hostile,
        Action::Move {
            before: plans::dn("OU=Sales,DC=example,DC=test"),
            after: plans::dn("DC=example,DC=test").child("OU", text),
            rule: plans::PLACEMENT,
        },
        plans::because("", plans::PLACEMENT, &[]),
    );
    moved.id = ChangeId("g0".into());
    plan.changes = vec![conflicting, moved];
    plans::file(plan)
}

fn in_part(text: &str) -> Outcome {
    let jane = plans::someone(1002, "Jane Doe", "Research");
    let hostile = plans::someone(1005, text, "Research");
    let chris = plans::someone(1027, "Chris Young", "Sales");
    let skipped = |because: &str| ChangeOutcome::Skipped {
        because: ChangeId(because.into()),
    };
    let mut changes = vec![
        report(&jane, "a", ActionKind::Modify, ChangeOutcome::Done {}),
        report(
            &jane,
            "b",
            ActionKind::AddMember,
            ChangeOutcome::AlreadyAsDesired {},
        ),
        report(
            &hostile,
            "c",
            ActionKind::Create,
            ChangeOutcome::Failed {
                kind: FailureKind::Denied,
                message: format!("{text}: insufficient access rights (50)"),
            },
        ),
        report(&hostile, "d", ActionKind::AddMember, skipped("c")),
        report(&hostile, "e", ActionKind::Modify, skipped("c")),
        report(
            &chris,
            "f",
            ActionKind::Modify,
            ChangeOutcome::Conflict {
                message: "the account was changed since the plan was made".into(),
                differences: vec![
                    Difference {
                        attribute: "department".into(),
                        before: vec!["Sales".into()],
                        planned: vec!["Finance".into()],
                        found: vec![text.to_owned()],
                    },
                    Difference {
                        attribute: "telephoneNumber".into(),
                        before: vec!["+44 20 7946 0027".into()],
                        planned: Vec::new(),
                        found: vec!["1".into(), "2".into()],
                    },
                ],
            },
        ),
    ];
    for number in 0..12 {
        let one = plans::someone(2_000 + number, &format!("Person {number}"), "Sales");
        changes.push(report(
            &one,
            &format!("g{number}"),
            ActionKind::Move,
            ChangeOutcome::NotReached {},
        ));
    }
    let mut outcome = outcome(Verdict::Partial, changes);
    outcome.resumed = true;
    outcome.stopped = vec![format!("directory corp does not answer any more: {text}")];
    outcome.leavers = [Some("2026-11-23T09:30:02Z"), None]
        .into_iter()
        .map(|disabled: Option<&str>| {
            let since: jiff::Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
            let disabled: Option<jiff::Timestamp> = disabled.map(|at| at.parse().unwrap());
            LeaverTime {
                change: ChangeId("disable-1027".into()),
                person: outcome.changes[0].person.clone(),
                since,
                by: "endsOn 2026-11-20".to_owned(),
                disabled,
                seconds: disabled.map(|at| at.duration_since(since).as_secs()),
            }
        })
        .collect();
    outcome.password_files = vec!["acme-passwords-3f9a2c1b.age".into()];
    outcome
}

#[test]
fn in_part_and_why() {
    let found = in_part("Alex <script>");
    compare(
        "outcome-partial.txt",
        &outcome_text(&found, &planned("Alex <script>"), &TextOptions::default()),
    );
    compare(
        "outcome-partial.full.txt",
        &outcome_text(
            &found,
            &planned("Alex <script>"),
            &TextOptions {
                full: true,
                ..TextOptions::default()
            },
        ),
    );
    compare(
        "outcome-partial.md",
        &outcome_markdown(
            &found,
            &planned("Alex <script>"),
            &MarkdownOptions::default(),
        ),
    );
}

#[test]
fn all_of_it() {
    let jane = plans::someone(1002, "Jane Doe", "Research");
    let found = outcome(
        Verdict::Applied,
        vec![report(
            &jane,
            "a",
            ActionKind::Modify,
            ChangeOutcome::Done {},
        )],
    );
    compare(
        "outcome-applied.txt",
        &outcome_text(&found, &planned("Alex <script>"), &TextOptions::default()),
    );
}

/// Everything is done, and the exit code is none of success: the report says why, and what to do.
#[test]
fn a_journal_without_its_end_is_told() {
    let jane = plans::someone(1002, "Jane Doe", "Research");
    let done = report(&jane, "a", ActionKind::Modify, ChangeOutcome::Done {});
    let mut found = outcome(Verdict::Partial, vec![done]);
    found.stopped = vec!["journal j.jsonl: no space left on device".to_owned()];
    let text = outcome_text(&found, &planned("x"), &TextOptions::default());
    for told in [
        "EVERYTHING IS AS PLANNED, and the journal could not be written to its end",
        "no space left on device",
        "apply the same plan again with this journal",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("IN PART"), "{text}");
}

#[test]
fn hostile_names_do_nothing_here_either() {
    let plain = in_part("plain");
    for text in [
        "x\u{1b}[31m\nred",
        "x`<b>@everyone #1 **y** [a](b) |",
        "x\u{202e}\u{200b}\r\n- ",
    ] {
        let found = in_part(text);
        let markdown = outcome_markdown(&found, &planned(text), &MarkdownOptions::default());
        super::hostile::markdown_is_inert(&markdown).unwrap();
        let shown = outcome_text(&found, &planned(text), &TextOptions::default());
        assert!(shown.chars().all(super::hostile::is_ours), "{shown}");
        assert_eq!(
            shown.lines().count(),
            outcome_text(&plain, &planned("plain"), &TextOptions::default())
                .lines()
                .count()
        );
    }
}

#[test]
fn failures_and_conflicts_survive_any_limit() {
    let markdown = outcome_markdown(
        &in_part("Alex"),
        &planned("Alex"),
        &MarkdownOptions { max_bytes: 100 },
    );
    assert!(markdown.contains("insufficient access rights"));
    assert!(markdown.contains("`department`"));
}

/// What is to be done next is true of the plan that was applied.
#[test]
fn what_is_next_depends_on_what_was_applied() {
    use halosync::plan::{Narrowed, Undone};
    let jane = plans::someone(1002, "Jane Doe", "Research");
    let done = |action| {
        let changes = vec![report(&jane, "a", action, ChangeOutcome::Done {})];
        outcome(Verdict::Applied, changes)
    };
    let told = |outcome: &Outcome, plan: &PlanFile| {
        let markdown = outcome_markdown(outcome, plan, &MarkdownOptions::default());
        let text = outcome_text(outcome, plan, &TextOptions::default());
        assert_eq!(
            markdown.contains("plan again at any time"),
            text.contains("plan again at any time")
        );
        text
    };
    let whole = planned("x");
    let modified = done(ActionKind::Modify);
    assert!(told(&modified, &whole).contains("it should find nothing to do\n"));
    let mut held = whole.clone();
    held.content.held = plans::everything().held;
    assert!(told(&modified, &held).contains("nothing to do but what was held"));
    let mut part = whole.clone();
    part.content.narrowed = Some(Narrowed {
        to: vec!["1002".into()],
        changes_left_out: 3,
        held_left_out: 0,
    });
    let text = told(&modified, &part);
    assert!(
        text.contains("plan again: 3 changes of the whole plan were left out"),
        "{text}"
    );
    assert!(!text.contains("nothing to do"), "{text}");
    let mut undo = part.clone();
    undo.content.inputs.undoes = Some(Undone {
        plan: "sha256:00".into(),
        as_of: undo.content.as_of,
        journal: "sha256:01".into(),
        redoes: false,
    });
    let text = told(&done(ActionKind::Disable), &undo);
    for wanted in [
        "Disabled by this undo",
        "do not plan and apply yet",
        "the rest can be undone from the same journal",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let mut redo = undo;
    redo.content.inputs.undoes.as_mut().unwrap().redoes = true;
    let text = told(&done(ActionKind::Disable), &redo);
    assert!(text.contains("what had been undone stands again"), "{text}");
    assert!(!text.contains("do not plan"), "{text}");
}
