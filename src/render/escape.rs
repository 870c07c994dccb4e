//! Makes data from other systems safe to show.
//!
//! Knows terminals, Unicode and Markdown; not plans. Whatever goes in, what comes out is one line, without control
//! characters, without characters that hide or reorder others, and in Markdown without anything that acts.

use unicode_normalization::char::is_combining_mark;

/// Most combining marks shown on one base character. Vietnamese and Arabic need two or three; more of them paint over
/// neighbouring lines.
const MOST_MARKS: usize = 4;

/// True for characters that are invisible, look like a plain space without being one, or change the order or
/// appearance of their neighbours.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            // Soft hyphen, grapheme joiner, Arabic letter mark.
            0xAD | 0x034F | 0x061C
            // Hangul fillers and Khmer inherent vowels: blank.
            | 0x115F | 0x1160 | 0x3164 | 0xFFA0 | 0x17B4 | 0x17B5
            // Spaces other than the plain and the ideographic one.
            | 0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F
            // Mongolian separators, blank Braille.
            | 0x180B..=0x180F | 0x2800
            // Zero width, directional marks, line and paragraph separator, embeddings, overrides and isolates.
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
            // Variation selectors, byte order mark, interlinear annotation, replacement and noncharacters.
            | 0xFE00..=0xFE0F | 0xFEFF | 0xFFF0..=0xFFFF
            // Musical controls, tags, further variation selectors, private use.
            | 0x1D159 | 0x1D173..=0x1D17A | 0xE000..=0xF8FF | 0xE0000..=0x10FFFF)
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.extend(c.escape_unicode()),
    }
}

/// One safe line. Deceptive characters become `\n`, `\t` or `\u{202e}`; everything else stays.
pub(super) fn bare(data: &str) -> String {
    escape(data, false)
}

/// One safe line between double quotes, so that its ends can be seen. Quotes and backslashes inside are escaped, so
/// that no two values look the same.
pub(super) fn quoted(data: &str) -> String {
    format!("\"{}\"", within_quotes(data))
}

/// The inside of [`quoted`].
pub(super) fn within_quotes(data: &str) -> String {
    escape(data, true)
}

fn escape(data: &str, in_quotes: bool) -> String {
    let mut out = String::with_capacity(data.len() + 8);
    // A mark at the very beginning would fall on our own text.
    let mut marks = MOST_MARKS;
    for c in data.chars() {
        if is_combining_mark(c) && !is_deceptive(c) {
            if marks >= MOST_MARKS {
                push_escaped(&mut out, c);
            } else {
                marks += 1;
                out.push(c);
            }
            continue;
        }
        marks = 0;
        match c {
            '"' | '\\' if in_quotes => {
                out.push('\\');
                out.push(c);
            }
            c if is_deceptive(c) => {
                push_escaped(&mut out, c);
                marks = MOST_MARKS;
            }
            c => out.push(c),
        }
    }
    out
}

/// A name as it is read in a sentence: bare when nothing about it can be mistaken for anything else, between quotes
/// otherwise, and cut when nobody would read on.
pub(super) fn name(data: &str) -> String {
    const LONGEST: usize = 80;
    let plain = !data.is_empty()
        && !data.starts_with(' ')
        && !data.ends_with(' ')
        && !data.contains("  ")
        && data.chars().all(|c| {
            c.is_alphanumeric()
                || is_combining_mark(c) && !is_deceptive(c)
                || matches!(c, ' ' | '\'' | '’' | '-' | '.' | '_' | '&' | '@' | '+')
        });
    let length = data.chars().count();
    if length > LONGEST {
        let head: String = data.chars().take(LONGEST).collect();
        return format!("{}… ({length} characters)", quoted(&head));
    }
    if plain { bare(data) } else { quoted(data) }
}

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
    fn what_hides_or_moves_text_is_spelt_out() {
        for (data, shown) in [
            ("a\nb", "a\\nb"),
            ("a\r\tb", "a\\r\\tb"),
            ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("ad\u{200b}min", "ad\\u{200b}min"),
            ("Jane\u{a0}Doe", "Jane\\u{a0}Doe"),
            ("\u{feff}x\u{2028}y", "\\u{feff}x\\u{2028}y"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(bare(data), shown);
        }
    }

    #[test]
    fn names_of_the_world_stay_readable() {
        for name_of_someone in [
            "Ðặng Thị Ánh",
            "Łukasz Nowak",
            "Ольга Петрова",
            "王小明",
            "محمد الأحمد",
            "O'Brien",
            "e\u{301}le\u{300}ve",
        ] {
            assert_eq!(name(name_of_someone), name_of_someone);
        }
    }

    #[test]
    fn names_that_could_be_mistaken_are_quoted() {
        assert_eq!(name("Łukasz #1"), "\"Łukasz #1\"");
        assert_eq!(
            name("Jane Doe (1042)  - disable"),
            "\"Jane Doe (1042)  - disable\""
        );
        assert_eq!(name("Ann \"A\" O\\B"), r#""Ann \"A\" O\\B""#);
        assert_eq!(name("Jane "), "\"Jane \"");
        assert_eq!(name(""), "\"\"");
        assert!(name(&"x".repeat(300)).ends_with("… (300 characters)"));
    }

    #[test]
    fn marks_neither_lead_nor_pile_up() {
        assert_eq!(bare("\u{301}a"), "\\u{301}a");
        let piled = format!("a{}", "\u{301}".repeat(9));
        assert_eq!(bare(&piled).matches("\\u{301}").count(), 5);
    }

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
