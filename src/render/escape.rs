//! Makes data from other systems safe to show.
//!
//! Knows terminals and Markdown; not plans. What is plain, and what stands between quotes, [`crate::model::spoken`] says.
//! Whatever goes in, what comes out is one line, without control characters, without characters that hide or reorder
//! others, and in Markdown without anything that acts.

pub(super) use crate::model::spoken::{bare, name, quoted, within_quotes};

/// A distinguished name, path or sentence: bare, but between quotes when it holds what separates the parts of our
/// lines and could pass for one of them.
pub(super) fn inline(data: &str) -> String {
    let forges = data.is_empty()
        || data.contains("  ")
        || data.contains(['·', '→', '—'])
        || data.starts_with(' ')
        || data.ends_with(' ');
    if forges { quoted(data) } else { bare(data) }
}

/// Data as a Markdown code span (CommonMark 6.1): inert whatever it holds. Mentions, references, links, HTML and
/// emphasis do not act inside one, and the fence is longer than any run of backticks in it.
pub(super) fn code_span(data: &str) -> String {
    let safe = bare(data);
    if safe.is_empty() {
        return "` `".to_owned();
    }
    let mut longest = 0;
    let mut run = 0;
    for c in safe.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    // A space at both ends is taken away again by the parser; without it a backtick at an end would lengthen the
    // fence, and a value's own two spaces would be lost.
    let pad = if safe.starts_with(['`', ' ']) || safe.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{safe}{pad}{fence}")
}

/// A sentence with data in it, for Markdown: as it is when nothing in it can act, as a code span otherwise.
///
/// Character references would not do: renderers look for mentions and references after resolving them.
pub(super) fn markdown_sentence(data: &str) -> String {
    let inert = data.chars().all(|c| {
        c.is_alphanumeric()
            || matches!(
                c,
                ' ' | '.' | ',' | ';' | ':' | '\'' | '(' | ')' | '-' | '→' | '…'
            )
    });
    let acts = data.split([' ', ',', ';', '(', ')']).any(|word| {
        let word = word.trim_end_matches(['.', ':']);
        let lower = word.to_ascii_lowercase();
        lower.starts_with("www.")
            || lower.starts_with("gh-")
            || word.contains(':')
            || (word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit()))
    });
    let begins_a_list = data.starts_with(|c: char| !c.is_alphabetic());
    if inert && !acts && !begins_a_list && !data.contains("  ") {
        data.to_owned()
    } else {
        code_span(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(code_span("plain"), "`plain`");
        assert_eq!(code_span("a`b"), "``a`b``");
        assert_eq!(code_span("``"), "``` `` ```");
        assert_eq!(code_span(" x "), "`  x  `");
        assert_eq!(code_span(""), "` `");
    }

    #[test]
    fn sentences_that_act_become_code() {
        for sentence in [
            "two accounts share the address",
            "no department is known (other2 is empty)",
            "leaver since 2026-10-30",
        ] {
            assert_eq!(markdown_sentence(sentence), sentence);
        }
        for sentence in [
            "ask @everyone",
            "see #12",
            "see GH-12",
            "go to www.example.com now",
            "https://example.com",
            "a <b>c</b>",
            "*bold*",
            "1. one",
            "- item",
            "a|b",
            ":smile:",
            "commit 3f9a2c1b",
        ] {
            assert!(markdown_sentence(sentence).starts_with('`'), "{sentence}");
        }
    }
}
