//! Whatever stands in a name or value, it stays a name or value.

use halosync::plan::PlanFile;
use halosync::render::{MarkdownOptions, TextOptions, plan_markdown, plan_text};
use proptest::prelude::*;

use super::plans;

/// Texts that would act if they could, beside arbitrary ones.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "\n",
            "\r\n",
            "\t",
            "\u{1b}[2J",
            "\u{1b}]0;x\u{7}",
            "\u{9b}31m",
            "\u{202e}",
            "\u{2066}",
            "\u{200b}",
            "\u{feff}",
            "\u{2028}",
            "\u{301}",
            "`",
            "``",
            "```",
            "~~~",
            "|",
            "*",
            "**",
            "_",
            "[x](y)",
            "![i](j)",
            "<b>",
            "<!--",
            "&amp;",
            "&#64;",
            "@everyone",
            "#12",
            "GH-7",
            "https://example.com",
            "www.example.com",
            "- ",
            "1. ",
            "# ",
            "> ",
            "---",
            "\\",
            "\"",
            "'",
            " ",
            "  ",
            "$x$",
            ":tada:",
            "{{ 7*7 }}",
            "=cmd|'/c'!A0",
            "deadbeef",
            "Ann",
            "王",
            "محمد",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn forms(file: &PlanFile) -> [String; 3] {
    let text = |colour, full| {
        plan_text(
            file,
            &TextOptions {
                colour,
                width: None,
                full,
            },
        )
    };
    [
        text(false, false),
        text(false, true),
        anstream::adapter::strip_str(&text(true, true)).to_string(),
    ]
}

pub(super) fn is_ours(c: char) -> bool {
    c == '\n'
        || !(c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{61c}' | '\u{e0000}'..='\u{e0fff}'))
}

/// What is left of a line of Markdown when code spans are taken out as CommonMark 6.1 reads them: a run of backticks
/// opens a span that ends at the next run of the same length; without one it is text.
fn outside_code(line: &str) -> String {
    let characters: Vec<char> = line.chars().collect();
    let run = |at: usize| characters[at..].iter().take_while(|c| **c == '`').count();
    let mut out = String::new();
    let mut at = 0;
    while at < characters.len() {
        if characters[at] != '`' {
            out.push(characters[at]);
            at += 1;
            continue;
        }
        let fence = run(at);
        let mut seek = at + fence;
        let mut end = None;
        while seek < characters.len() {
            if characters[seek] == '`' {
                let closing = run(seek);
                if closing == fence {
                    end = Some(seek + closing);
                    break;
                }
                seek += closing;
            } else {
                seek += 1;
            }
        }
        match end {
            Some(end) => {
                out.push('\u{fffc}');
                at = end;
            }
            None => {
                out.push_str(&"`".repeat(fence));
                at += fence;
            }
        }
    }
    out
}

pub(super) fn markdown_is_inert(markdown: &str) -> Result<(), String> {
    for line in markdown.lines() {
        let outside = outside_code(line);
        let body = outside
            .strip_prefix("### ")
            .or_else(|| outside.strip_prefix("#### "))
            .unwrap_or_else(|| outside.trim_start().strip_prefix("- ").unwrap_or(&outside));
        if let Some(active) = body
            .replace("**", "")
            .chars()
            .find(|c| "`*_<>[]|@#&\\$~!{}=^".contains(*c))
        {
            return Err(format!("{active:?} outside code in {line:?}"));
        }
        // Only our own bold: even, and never around nothing.
        if !body.matches("**").count().is_multiple_of(2) || body.contains("****") {
            return Err(format!("unbalanced emphasis in {line:?}"));
        }
        for word in body.split_whitespace() {
            let lower = word.to_lowercase();
            if lower.starts_with("www.") || lower.contains("://") || lower.starts_with("gh-") {
                return Err(format!("{word:?} links in {line:?}"));
            }
        }
        let starts = body.trim_start();
        if starts.starts_with(['-', '+', '>', '=']) || starts.starts_with("1.") {
            return Err(format!("a block begins in {line:?}"));
        }
    }
    Ok(())
}

fn lines_of(text: &str) -> usize {
    text.lines().count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn text_has_no_control_characters_and_as_many_lines_as_ever(text in any_text()) {
        let plain = forms(&plans::file(plans::hostile("plain")));
        let hostile = forms(&plans::file(plans::hostile(&format!("x{text}"))));
        for (plain, hostile) in plain.iter().zip(&hostile) {
            if let Some(c) = hostile.chars().find(|c| !is_ours(*c)) {
                prop_assert!(false, "{c:?} in {hostile}");
            }
            prop_assert_eq!(lines_of(plain), lines_of(hostile));
        }
    }

    #[test]
    fn colour_is_only_ours(text in any_text()) {
        let file = plans::file(plans::hostile(&text));
        let coloured = plan_text(&file, &TextOptions { colour: true, width: None, full: true });
        for after in coloured.split('\u{1b}').skip(1) {
            let end = after.find('m').unwrap_or(0);
            prop_assert!(
                after.starts_with('[') && after[1..end].chars().all(|c| c.is_ascii_digit() || c == ';'),
                "{after:?}"
            );
        }
        prop_assert!(!coloured.contains('\u{9b}'), "a C1 control");
    }

    #[test]
    fn markdown_does_nothing(text in any_text()) {
        let plain = plan_markdown(&plans::file(plans::hostile("plain")), &MarkdownOptions::default());
        let markdown = plan_markdown(&plans::file(plans::hostile(&format!("x{text}"))), &MarkdownOptions::default());
        if let Err(why) = markdown_is_inert(&markdown) {
            prop_assert!(false, "{why}");
        }
        if let Some(c) = markdown.chars().find(|c| !is_ours(*c)) {
            prop_assert!(false, "{c:?}");
        }
        prop_assert_eq!(lines_of(&plain), lines_of(&markdown));
    }
}

#[test]
fn the_check_for_active_markdown_finds_some() {
    for active in [
        "- <b>x</b>",
        "ask @everyone",
        "a `b",
        "see #12",
        "[a](b)",
        "**a",
        "- - nested",
        "go to www.example.com",
    ] {
        assert!(markdown_is_inert(active).is_err(), "{active}");
    }
    for inert in ["- `<b>` **is** fine", "### a ``x`y`` b", "plain words."] {
        assert_eq!(markdown_is_inert(inert), Ok(()), "{inert}");
    }
}

#[test]
fn two_values_that_differ_never_look_alike() {
    for (before, after) in [
        ("Jane Doe", "Jane\u{a0}Doe"),
        ("Jane", "Jane "),
        ("a\\n", "a\n"),
        ("\u{e9}", "e\u{301}"),
    ] {
        let mut plan = plans::empty();
        let of = plans::someone(1, "Jane Doe", "Sales");
        plan.changes = vec![plans::modify(
            &of,
            vec![plans::attribute(
                "info",
                &[before],
                &[after],
                plans::TITLE,
                &[],
            )],
        )];
        let text = plan_text(&plans::file(plan), &TextOptions::default());
        let line = text.lines().find(|line| line.contains(" → ")).unwrap();
        let shown = line.trim_start().trim_start_matches("~ info ");
        let (left, right) = shown.split_once(" → ").unwrap();
        let right = right.split("  mappings").next().unwrap();
        assert_ne!(left, right, "{line}");
    }
}
