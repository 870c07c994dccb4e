//! Long plans: what is cut is counted, and removals are never cut.

use halosync::plan::{Action, Plan};
use halosync::render::{
    GITHUB_COMMENT_BYTES, MarkdownOptions, TextOptions, plan_markdown, plan_text,
};

use super::plans;

/// Many people, each with a change of their own; some of them lose a membership.
fn many(people: u64, leavers: u64) -> Plan {
    let mut plan = plans::empty();
    for key in 0..people {
        let one = plans::someone(key, &format!("Person {key}"), "Research");
        plan.changes.push(plans::modify(
            &one,
            vec![plans::attribute(
                "title",
                &[&format!("Engineer {key}")],
                &[&format!("Lead {key}")],
                plans::TITLE,
                &[],
            )],
        ));
    }
    for key in people..people + leavers {
        let one = plans::someone(key, &format!("Person {key}"), "Research");
        plan.changes.push(plans::change(
            &one,
            Action::Disable {},
            plans::because("last day was 2026-10-30", plans::LEAVER, &[]),
        ));
    }
    plan
}

#[test]
fn a_comment_keeps_within_its_limit_and_counts_what_it_leaves_out() {
    for limit in [6_000, 20_000, GITHUB_COMMENT_BYTES] {
        let file = plans::file(many(5_000, 10));
        let markdown = plan_markdown(&file, &MarkdownOptions { max_bytes: limit });
        assert!(markdown.len() <= limit, "{} > {limit}", markdown.len());
        assert!(
            markdown.len() > limit * 8 / 10,
            "{} of {limit} used",
            markdown.len()
        );
        for key in 5_000..5_010 {
            assert!(markdown.contains(&format!("`Person {key}`")));
        }
        let shown = markdown.matches("✏ ").count();
        let left = 5_000 - shown;
        let thousands = format!("{},{:03}", left / 1_000, left % 1_000);
        assert!(
            markdown.contains(&format!("**Left out here for length: {thousands} of 5,000")),
            "{shown} shown:\n{}",
            &markdown[..800]
        );
        assert!(markdown.contains(&format!("- … **{thousands} more left out**")));
        // The verdict speaks of all of them, and the footer stands.
        assert!(markdown.contains("**5,010 changes**"));
        assert!(markdown.contains("#### Made from"));
    }
}

#[test]
fn removals_are_never_cut_and_too_many_are_said_loudly() {
    let file = plans::file(many(5_000, 2_000));
    let limit = 20_000;
    let markdown = plan_markdown(&file, &MarkdownOptions { max_bytes: limit });
    assert!(markdown.len() > limit);
    for key in 5_000..7_000 {
        assert!(markdown.contains(&format!("`Person {key}`")));
    }
    assert!(markdown.contains("TOO LONG FOR A COMMENT"));
    assert!(markdown.contains("5,000 of 5,000"));
    assert!(!markdown.contains("✏ "));
}

#[test]
fn a_short_section_is_not_pushed_out_by_a_long_one() {
    let mut plan = many(5_000, 0);
    plan.held = plans::everything().held;
    let markdown = plan_markdown(&plans::file(plan), &MarkdownOptions { max_bytes: 10_000 });
    assert!(markdown.contains("`Maria Garcia`"));
    assert!(markdown.contains("`Rita Lowe`") || markdown.contains("CN=Rita Lowe"));
}

#[test]
fn the_same_change_of_many_is_said_once_and_full_names_them_all() {
    let file = plans::file(plans::everything());
    let short = plan_text(&file, &TextOptions::default());
    let line = r#"137 people: department "R&D" → "Research""#;
    assert_eq!(short.matches(line).count(), 1);
    assert!(short.contains("outlier: the same rule clears the value of 1 person"));
    assert!(short.contains("and 132 more"));
    let full = plan_text(
        &file,
        &TextOptions {
            full: true,
            ..TextOptions::default()
        },
    );
    for key in 2_000..2_137 {
        assert!(full.contains(&format!("Person {key} ({key})")));
    }
}

#[test]
fn a_hundred_thousand_people_take_a_moment() {
    let file = plans::file(many(100_000, 0));
    let began = std::time::Instant::now();
    let text = plan_text(&file, &TextOptions::default());
    assert!(text.lines().count() > 200_000);
    // Generous for a debug build on a busy machine; a quadratic step would take hours.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn people_held_for_the_same_reason_are_told_once() {
    let mut plan = plans::everything();
    let pattern = plan.held[0].clone();
    for key in 3_000..3_100 {
        let mut held = pattern.clone();
        held.person = Some(plans::someone(key, &format!("Held {key}"), "Sales").person);
        held.reason = "the department has no row in table ou".into();
        plan.held.push(held);
    }
    let file = plans::file(plan);
    let short = plan_text(&file, &TextOptions::default());
    assert_eq!(short.matches("has no row in table ou").count(), 1);
    assert!(short.contains("Held 3000 (3000)") && short.contains("and 95 more"));
    assert!(short.contains("── Held (101 held · 1 held in part, the rest goes on) "));
    let full = plan_text(
        &file,
        &TextOptions {
            full: true,
            ..TextOptions::default()
        },
    );
    assert_eq!(full.matches("has no row in table ou").count(), 100);
}
