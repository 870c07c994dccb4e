//! The text functions behind the filters: total, bounded, and without knowledge of people or records.
//!
//! All of them count characters, not bytes.

use compact_str::CompactString;

/// Longest text an evaluation may hold, in bytes. No attribute of any target comes near it.
pub(super) const LONGEST: usize = 65_536;

/// A text grew beyond [`LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// A text under construction that refuses to grow without bound.
#[derive(Debug, Default)]
pub(super) struct Bounded(CompactString);

impl Bounded {
    pub(super) fn push(&mut self, text: &str) -> Result<(), TooLong> {
        if self.0.len() + text.len() > LONGEST {
            return Err(TooLong);
        }
        self.0.push_str(text);
        Ok(())
    }

    pub(super) fn into_text(self) -> CompactString {
        self.0
    }
}

pub(super) fn lower(text: &str) -> CompactString {
    if text.is_ascii() {
        let mut lower = CompactString::from(text);
        lower.make_ascii_lowercase();
        lower
    } else {
        CompactString::from(text.to_lowercase())
    }
}

pub(super) fn upper(text: &str) -> CompactString {
    if text.is_ascii() {
        let mut upper = CompactString::from(text);
        upper.make_ascii_uppercase();
        upper
    } else {
        CompactString::from(text.to_uppercase())
    }
}

/// Each word with a capital first and small letters after it. Words are parted by white space, hyphens, apostrophes
/// and opening brackets: `anne-marie o'brien` becomes `Anne-Marie O'Brien`.
pub(super) fn title(text: &str) -> CompactString {
    let mut titled = CompactString::with_capacity(text.len());
    for (index, word) in text
        .split_inclusive(|c: char| {
            c.is_whitespace() || matches!(c, '-' | '\'' | '’' | '(' | '{' | '[' | '<')
        })
        .enumerate()
    {
        let after_apostrophe = index > 0 && titled.ends_with(['\'', '’']);
        let letters = word.chars().filter(|c| c.is_alphanumeric()).count();
        if after_apostrophe && letters == 1 {
            // The s of `St John's` is no word.
            titled.push_str(&word.to_lowercase());
        } else {
            titled.push_str(&capitalize(word));
        }
    }
    titled
}

pub(super) fn capitalize(text: &str) -> CompactString {
    let mut letters = text.chars();
    let mut capitalized = CompactString::with_capacity(text.len());
    if let Some(first) = letters.next() {
        capitalized.extend(first.to_uppercase());
        capitalized.push_str(&lower(letters.as_str()));
    }
    capitalized
}

/// The byte at which the character with this number begins; the text's length when it has fewer.
fn offset(text: &str, characters: i64) -> usize {
    let Ok(characters) = usize::try_from(characters) else {
        return 0;
    };
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at)
}

pub(super) fn left(text: &str, characters: i64) -> &str {
    &text[..offset(text, characters)]
}

pub(super) fn right(text: &str, characters: i64) -> &str {
    let Ok(characters @ 1..) = usize::try_from(characters) else {
        return "";
    };
    let start = text
        .char_indices()
        .rev()
        .nth(characters - 1)
        .map_or(0, |(at, _)| at);
    &text[start..]
}

/// So many characters from the one with this number on, counting from 0.
pub(super) fn mid(text: &str, start: i64, characters: i64) -> &str {
    let rest = &text[offset(text, start)..];
    left(rest, characters)
}

/// The word with this number, counting from 1; from the end when negative; nothing when there is none.
pub(super) fn word(text: &str, number: i64) -> &str {
    let place = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
    let mut words = text.split_whitespace();
    if number >= 0 {
        place(number.unsigned_abs()).and_then(|at| words.nth(at))
    } else {
        place(number.unsigned_abs()).and_then(|at| words.nth_back(at))
    }
    .unwrap_or_default()
}

pub(super) fn replace(text: &str, from: &str, to: &str) -> Result<CompactString, TooLong> {
    let mut replaced = Bounded::default();
    // Between each two characters, as `str::replace` does, would be surprising: nothing has no place to be found.
    if from.is_empty() {
        replaced.push(text)?;
        return Ok(replaced.into_text());
    }
    let mut rest = 0;
    for (at, found) in text.match_indices(from) {
        replaced.push(&text[rest..at])?;
        replaced.push(to)?;
        rest = at + found.len();
    }
    replaced.push(&text[rest..])?;
    Ok(replaced.into_text())
}

/// Replaces all matches; `$1` and `${name}` in `to` stand for groups.
pub(super) fn regex_replace(
    text: &str,
    pattern: &regex::Regex,
    to: &str,
) -> Result<CompactString, TooLong> {
    let mut replaced = Bounded::default();
    let mut rest = 0;
    let mut expanded = String::new();
    for captures in pattern.captures_iter(text) {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        replaced.push(&text[rest..whole.start()])?;
        expanded.clear();
        // Each group is at most the text itself, and `to` stands in a configuration file of bounded size.
        captures.expand(to, &mut expanded);
        replaced.push(&expanded)?;
        rest = whole.end();
    }
    replaced.push(&text[rest..])?;
    Ok(replaced.into_text())
}

pub(super) fn pad_left(text: &str, width: i64, with: &str) -> Result<CompactString, TooLong> {
    let width = usize::try_from(width).unwrap_or(0);
    let lacking = width.saturating_sub(text.chars().count());
    let mut padded = Bounded::default();
    if !with.is_empty() {
        for c in with.chars().cycle().take(lacking) {
            padded.push(c.encode_utf8(&mut [0; 4]))?;
        }
    }
    padded.push(text)?;
    Ok(padded.into_text())
}

pub(super) fn words(text: &str) -> Vec<CompactString> {
    text.split_whitespace().map(CompactString::from).collect()
}

/// The pieces between separators, trimmed, without empty ones.
pub(super) fn split(text: &str, separator: &str) -> Vec<CompactString> {
    if separator.is_empty() {
        return text
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| CompactString::from(c.encode_utf8(&mut [0; 4]) as &str))
            .collect();
    }
    text.split(separator)
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
        .map(CompactString::from)
        .collect()
}

pub(super) fn join(items: &[CompactString], separator: &str) -> Result<CompactString, TooLong> {
    let mut joined = Bounded::default();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            joined.push(separator)?;
        }
        joined.push(item)?;
    }
    Ok(joined.into_text())
}

#[cfg(test)]
mod tests {
    use super::{left, mid, pad_left, replace, right, title, word};

    #[test]
    fn cutting_counts_characters_and_never_fails() {
        assert_eq!(left("Þóra", 2), "Þó");
        assert_eq!(left("Þóra", 20), "Þóra");
        assert_eq!(left("Þóra", -1), "");
        assert_eq!(right("Þóra", 2), "ra");
        assert_eq!(right("Þóra", 9), "Þóra");
        assert_eq!(right("Þóra", 0), "");
        assert_eq!(mid("Þóra", 1, 2), "ór");
        assert_eq!(mid("Þóra", 9, 2), "");
        assert_eq!(mid("Þóra", i64::MAX, i64::MAX), "");
        assert_eq!(left("ab", i64::MAX), "ab");
    }

    #[test]
    fn words_are_counted_from_either_end() {
        assert_eq!(word("Ana María de la Cruz", 1), "Ana");
        assert_eq!(word("Ana María de la Cruz", -1), "Cruz");
        assert_eq!(word("Ana", 2), "");
        assert_eq!(word("Ana", 0), "");
        assert_eq!(word("Ana", i64::MIN), "");
    }

    #[test]
    fn titles_keep_names_whole() {
        assert_eq!(title("anne-marie o'brien"), "Anne-Marie O'Brien");
        assert_eq!(title("ST JOHN'S ROAD"), "St John's Road");
        assert_eq!(title("éMILE"), "Émile");
        assert_eq!(title(""), "");
    }

    #[test]
    fn growth_is_bounded() {
        assert_eq!(replace("a.b.c", ".", "-").unwrap(), "a-b-c");
        assert_eq!(replace("abc", "", "x").unwrap(), "abc");
        assert!(replace(&"a".repeat(60_000), "a", &"b".repeat(60_000)).is_err());
        assert_eq!(pad_left("7", 3, "0").unwrap(), "007");
        assert_eq!(pad_left("1234", 3, "0").unwrap(), "1234");
        assert!(pad_left("7", i64::MAX, "0").is_err());
    }
}
