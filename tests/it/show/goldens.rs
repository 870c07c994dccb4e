//! Whole reports, compared with what was looked at and found good.

use std::path::Path;

use halosync::plan::{Plan, PlanFile};
use halosync::render::{MarkdownOptions, TextOptions, plan_markdown, plan_text};

use super::plans;
use crate::support::assert_golden;

#[track_caller]
pub(super) fn compare(name: &str, found: &str) {
    assert_golden(&format!("render/{name}"), found);
}

fn all_forms(case: &str, plan: Plan) {
    let file: PlanFile = plans::file(plan);
    let text = |full| {
        plan_text(
            &file,
            &TextOptions {
                colour: false,
                width: None,
                full,
            },
        )
    };
    compare(&format!("{case}.txt"), &text(false));
    compare(&format!("{case}.full.txt"), &text(true));
    compare(
        &format!("{case}.md"),
        &plan_markdown(&file, &MarkdownOptions::default()),
    );
}

#[test]
fn a_bit_of_everything() {
    all_forms("everything", plans::everything());
}

#[test]
fn deletions_come_first() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/deletion/plan.json");
    let file = halosync::plan::read(&std::fs::read(path).unwrap()).unwrap();
    all_forms("deletion", file.content);
}

#[test]
fn nothing_to_do() {
    all_forms("empty", plans::empty());
}

#[test]
fn removals_held_for_want_of_proof() {
    all_forms("removals-held", plans::removals_held());
}

#[test]
fn names_that_break_other_tools() {
    all_forms(
        "hostile",
        plans::hostile("a`|<b>*@x #1 \u{202e}\u{1b}[31m\n- [x](http://y) & \\ \" _z_ "),
    );
}

#[test]
fn colour_changes_nothing_but_colour() {
    let file = plans::file(plans::everything());
    let options = |colour| TextOptions {
        colour,
        width: Some(100),
        full: false,
    };
    let coloured = plan_text(&file, &options(true));
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        plan_text(&file, &options(false))
    );
}

#[test]
fn the_order_of_equal_changes_does_not_show() {
    let mut plan = plans::everything();
    let first = plan_text(&plans::file(plan.clone()), &TextOptions::default());
    // Only changes of different people are independent; those of one person keep their order.
    plan.changes.sort_by(|a, b| b.person.cmp(&a.person));
    let second = plan_text(&plans::file(plan), &TextOptions::default());
    let names_of_examples = |text: &str| {
        text.lines()
            .filter(|line| !line.contains(" and 132 more"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(names_of_examples(&first), names_of_examples(&second));
}
