//! How names from other systems stand in a sentence of ours.
//!
//! Whoever reads `the group To Add (Tier Zero, Keys) is held` cannot tell where the name ends; a name can be chosen so
//! that nobody can. One rule holds for every name of a person, a group, an account, a place or a state, in whatever is told:
//! it stands bare when nothing in it could be taken for a part of the sentence, and between quotes otherwise. Values of
//! attributes and facts are no names: they always stand between quotes, since their ends matter. Names that configuration
//! may only make of letters, digits and hyphens (documents, fields, limits) need none of this.
//!
//! Keeps that what comes out is one line without characters that act, hide or move others, and that no two names look the
//! same. Knows neither terminals nor Markdown.

use unicode_normalization::char::is_combining_mark;

/// Most combining marks shown on one base character. Vietnamese and Arabic need two or three; more of them paint over
/// neighbouring lines.
const MOST_MARKS: usize = 4;

/// Characters of a name that are shown; longer ones are cut, since nobody would read on.
const LONGEST: usize = 80;

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
pub fn bare(data: &str) -> String {
    escape(data, false)
}

/// One safe line between double quotes, so that its ends can be seen. Quotes and backslashes inside are escaped, so
/// that no two values look the same.
pub fn quoted(data: &str) -> String {
    format!("\"{}\"", within_quotes(data))
}

/// The inside of [`quoted`].
pub fn within_quotes(data: &str) -> String {
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

/// Whether nothing in a text can be taken for anything but a part of a name; `beside` are characters that are no harm in
/// this kind of it.
fn is_plain(data: &str, beside: &[char]) -> bool {
    !data.is_empty()
        && !data.starts_with(' ')
        && !data.ends_with(' ')
        && !data.contains("  ")
        && data.chars().all(|c| {
            c.is_alphanumeric()
                || is_combining_mark(c) && !is_deceptive(c)
                || matches!(c, ' ' | '\'' | '’' | '-' | '.' | '_' | '&' | '@' | '+')
                || beside.contains(&c)
        })
}

/// A name as it is read in a sentence: bare when nothing about it can be mistaken for anything else, between quotes
/// otherwise, and cut when nobody would read on.
pub fn name(data: &str) -> String {
    called(data, &[])
}

fn called(data: &str, beside: &[char]) -> String {
    let length = data.chars().count();
    if length > LONGEST {
        let head: String = data.chars().take(LONGEST).collect();
        return format!("{}… ({length} characters)", quoted(&head));
    }
    if is_plain(data, beside) {
        bare(data)
    } else {
        quoted(data)
    }
}

/// A distinguished name in a sentence, whole, by the same rule: what separates its parts is no harm. Between quotes it is
/// as it is written, because it escapes what has to be, and can be copied (RFC 4514 section 2.4).
pub fn dn(data: &str) -> String {
    if is_plain(data, &['=', ',']) && !data.contains(", ") {
        bare(data)
    } else if data.contains('"') {
        quoted(data)
    } else {
        format!("\"{}\"", bare(data))
    }
}

/// An object in a sentence, by whatever configuration calls it: only a distinguished name has a `=`.
pub fn object(data: &str) -> String {
    if data.contains('=') {
        dn(data)
    } else {
        name(data)
    }
}

/// Names one after the other: `Sales, "To Add (Tier Zero, Keys)" and Everyone`.
pub fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> String {
    let all: Vec<String> = all.into_iter().map(name).collect();
    match all.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

/// Somebody in a sentence: `Jane Doe (1042)`, and the key alone where nobody knows more.
pub fn person(label: &str, key: &str) -> String {
    // Within brackets what parts a key is no harm: `absent:1042`, `people/1042`.
    let spoken = called(key, &[':', '/']);
    if label == key {
        return spoken;
    }
    format!("{} ({spoken})", name(label))
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
    fn distinguished_names_keep_their_own_escapes() {
        for plain in [
            "CN=Jane Doe,OU=R&D,DC=example,DC=test",
            "CN=Ðặng Thị Ánh,DC=example,DC=test",
        ] {
            assert_eq!(dn(plain), plain);
        }
        for (data, shown) in [
            (
                "CN=To Add (Tier Zero\\, Keys),OU=Groups,DC=example,DC=test",
                "\"CN=To Add (Tier Zero\\, Keys),OU=Groups,DC=example,DC=test\"",
            ),
            ("CN=a, DC=test", "\"CN=a, DC=test\""),
            ("CN=a; held,DC=test", "\"CN=a; held,DC=test\""),
            ("CN=\"a, b\",DC=test", r#""CN=\"a, b\",DC=test""#),
            (
                "CN=a\u{202e}b,DC=example,DC=test",
                "\"CN=a\\u{202e}b,DC=example,DC=test\"",
            ),
        ] {
            assert_eq!(dn(data), shown);
            assert_eq!(object(data), shown);
        }
        assert_eq!(object("Tier Zero, Keys"), "\"Tier Zero, Keys\"");
        assert_eq!(object("jdoe"), "jdoe");
    }

    #[test]
    fn people_and_lists_are_told_by_the_same_rule() {
        assert_eq!(person("Jane Doe", "1042"), "Jane Doe (1042)");
        assert_eq!(person("1042", "1042"), "1042");
        assert_eq!(person("Jane Doe", "absent:1042"), "Jane Doe (absent:1042)");
        assert_eq!(
            person("Doe, Jane", "1) is fine ("),
            "\"Doe, Jane\" (\"1) is fine (\")"
        );
        let groups = ["Sales", "To Add (Tier Zero, Keys)", "Everyone"];
        assert_eq!(
            names(groups),
            "Sales, \"To Add (Tier Zero, Keys)\" and Everyone"
        );
        assert_eq!(names(groups.into_iter().take(1)), "Sales");
        assert_eq!(names([]), "");
    }

    #[test]
    fn marks_neither_lead_nor_pile_up() {
        assert_eq!(bare("\u{301}a"), "\\u{301}a");
        let piled = format!("a{}", "\u{301}".repeat(9));
        assert_eq!(bare(&piled).matches("\\u{301}").count(), 5);
    }
}
