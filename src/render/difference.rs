//! Shows where two values differ.
//!
//! Invariant: what is shown of two different values is never the same. Long values are cut only where they agree.

use similar::{ChangeTag, TextDiff};

/// Values longer than this are compared within.
const LONG: usize = 40;
/// Values longer than this lose what they have in common, except for some context.
const TOO_LONG: usize = 160;
/// Characters of common text kept around a difference in a cut value.
const CONTEXT: usize = 30;
/// Longest run shown of a differing part that is itself endless; the rest is counted.
const MOST: usize = 400;

/// A part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Found in both.
    Common(String),
    /// Only in this one.
    Only(String),
    /// This many characters are not shown.
    Cut(usize),
}

/// Both values in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The value before.
    pub before: Vec<Part>,
    /// The value after.
    pub after: Vec<Part>,
}

/// Compares two values; `full` keeps them whole.
pub(super) fn difference(before: &str, after: &str, full: bool) -> Difference {
    let lengths = (before.chars().count(), after.chars().count());
    if lengths.0 <= LONG || lengths.1 <= LONG {
        return Difference {
            before: short(before, full),
            after: short(after, full),
        };
    }
    let cut = !full && (lengths.0 > TOO_LONG || lengths.1 > TOO_LONG);
    let (start, end) = common_ends(before, after);
    let mut sides = Difference {
        before: Vec::new(),
        after: Vec::new(),
    };
    let head = &before[..start];
    let tail = &before[before.len() - end..];
    for side in [&mut sides.before, &mut sides.after] {
        push_common(side, head, cut, Keep::End);
    }
    let middle_before = &before[start..before.len() - end];
    let middle_after = &after[start..after.len() - end];
    if middle_before.len() + middle_after.len() <= 4 * MOST {
        let words = TextDiff::from_words(middle_before, middle_after);
        for change in words.iter_all_changes() {
            match change.tag() {
                ChangeTag::Equal => {
                    merge(&mut sides.before, Part::Common(change.value().to_owned()));
                    merge(&mut sides.after, Part::Common(change.value().to_owned()));
                }
                ChangeTag::Delete => {
                    merge(&mut sides.before, Part::Only(change.value().to_owned()))
                }
                ChangeTag::Insert => merge(&mut sides.after, Part::Only(change.value().to_owned())),
            }
        }
    } else {
        // Comparing megabytes word by word helps nobody; both begin with a different character here.
        push_only(&mut sides.before, middle_before, cut);
        push_only(&mut sides.after, middle_after, cut);
    }
    for side in [&mut sides.before, &mut sides.after] {
        push_common(side, tail, cut, Keep::Start);
    }
    sides
}

/// One value alone.
pub(super) fn alone(value: &str, full: bool) -> Vec<Part> {
    short(value, full)
}

fn short(value: &str, full: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    push_only(&mut parts, value, !full);
    parts
}

fn push_only(parts: &mut Vec<Part>, value: &str, cut: bool) {
    let length = value.chars().count();
    if cut && length > MOST {
        parts.push(Part::Only(value.chars().take(MOST).collect()));
        parts.push(Part::Cut(length - MOST));
    } else {
        merge(parts, Part::Only(value.to_owned()));
    }
}

enum Keep {
    Start,
    End,
}

fn push_common(parts: &mut Vec<Part>, value: &str, cut: bool, keep: Keep) {
    let length = value.chars().count();
    if !cut || length <= 2 * CONTEXT {
        merge(parts, Part::Common(value.to_owned()));
        return;
    }
    let left = length - CONTEXT;
    match keep {
        Keep::Start => {
            merge(parts, Part::Common(value.chars().take(CONTEXT).collect()));
            parts.push(Part::Cut(left));
        }
        Keep::End => {
            parts.push(Part::Cut(left));
            parts.push(Part::Common(value.chars().skip(left).collect()));
        }
    }
}

fn merge(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (_, Part::Common(text) | Part::Only(text)) if text.is_empty() => {}
        (Some(Part::Common(before)), Part::Common(text))
        | (Some(Part::Only(before)), Part::Only(text)) => before.push_str(&text),
        (_, part) => parts.push(part),
    }
}

/// Bytes the two have in common at the start and at the end, on character boundaries and not overlapping.
fn common_ends(before: &str, after: &str) -> (usize, usize) {
    let start: usize = before
        .chars()
        .zip(after.chars())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let end: usize = before[start..]
        .chars()
        .rev()
        .zip(after[start..].chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| match part {
                Part::Common(text) | Part::Only(text) => text.clone(),
                Part::Cut(count) => format!("[{count}]"),
            })
            .collect()
    }

    #[test]
    fn a_word_in_a_long_value_is_found() {
        let before = "Works in the research department on the third floor";
        let after = "Works in the sales department on the third floor";
        let found = difference(before, after, false);
        assert!(found.before.contains(&Part::Only("research".to_owned())));
        assert_eq!(shown(&found.before), before);
        assert_eq!(shown(&found.after), after);
        assert!(
            found
                .after
                .iter()
                .any(|part| matches!(part, Part::Common(_)))
        );
    }

    #[test]
    fn a_late_difference_is_not_cut_away() {
        let before = format!("{}old{}", "a".repeat(500), "z".repeat(500));
        let after = format!("{}new{}", "a".repeat(500), "z".repeat(500));
        let found = difference(&before, &after, false);
        assert!(shown(&found.before).contains("old"));
        assert!(shown(&found.after).contains("new"));
        assert!(shown(&found.before).len() < 120);
        assert_eq!(shown(&difference(&before, &after, true).before), before);
    }

    proptest! {
        #[test]
        fn different_values_never_look_the_same(
            head in "[ab ]{0,300}", one in "[a-c ]{0,60}", other in "[a-c ]{0,60}", tail in "[ab ]{0,300}",
        ) {
            let before = format!("{head}{one}{tail}");
            let after = format!("{head}{other}{tail}");
            let found = difference(&before, &after, false);
            prop_assert_eq!(before == after, shown(&found.before) == shown(&found.after));
            let whole = difference(&before, &after, true);
            prop_assert_eq!(shown(&whole.before), before);
            prop_assert_eq!(shown(&whole.after), after);
        }
    }
}
