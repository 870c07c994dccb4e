//! The text functions behind the filters: total, bounded, and without knowledge of people or records.
//!
//! All of them count characters, not bytes.

use compact_str::CompactString;
use unicode_normalization::UnicodeNormalization;

use super::ir::Letters;

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

/// Small letters. In Turkish, I and İ are capitals of two letters, ı and i.
pub(super) fn lower_as(text: &str, letters: Letters) -> CompactString {
    match letters {
        Letters::Common => lower(text),
        Letters::Turkish => lower(&text.replace('I', "ı").replace('İ', "i")),
    }
}

/// Capital letters.
pub(super) fn upper_as(text: &str, letters: Letters) -> CompactString {
    match letters {
        Letters::Common => upper(text),
        Letters::Turkish => upper(&text.replace('i', "İ").replace('ı', "I")),
    }
}

/// Titles in which some words, given by their small letters, are spelled as said.
pub(super) fn title_except(
    text: &str,
    spellings: &[(CompactString, CompactString)],
) -> CompactString {
    let mut titled = CompactString::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| c.is_whitespace() || c == '-') {
        let word = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let small = lower(word);
        match spellings.iter().find(|(known, _)| *known == small) {
            Some((_, spelling)) if !word.is_empty() => {
                let at = piece.find(word).unwrap_or_default();
                titled.push_str(&piece[..at]);
                titled.push_str(spelling);
                titled.push_str(&piece[at + word.len()..]);
            }
            _ => titled.push_str(&title(piece)),
        }
    }
    titled
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
        // Of a letter that is two when large only the first stays large: `ß` begins as `Ss`.
        let mut large = first.to_uppercase();
        capitalized.extend(large.next());
        capitalized.extend(large.flat_map(char::to_lowercase));
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
    nth(text.split_whitespace(), number)
}

/// The word with this number, where words are parted by any of these characters.
pub(super) fn word_between<'a>(text: &'a str, number: i64, between: &str) -> &'a str {
    let pieces = text
        .split(|c: char| between.contains(c))
        .filter(|piece| !piece.is_empty());
    nth(pieces, number)
}

fn nth<'a>(mut words: impl DoubleEndedIterator<Item = &'a str>, number: i64) -> &'a str {
    let place = usize::try_from(number.unsigned_abs())
        .ok()
        .and_then(|number| number.checked_sub(1));
    match place {
        Some(place) if number > 0 => words.nth(place),
        Some(place) => words.nth_back(place),
        None => None,
    }
    .unwrap_or_default()
}

/// What stands before the first occurrence; everything when there is none.
pub(super) fn before<'a>(text: &'a str, mark: &str) -> &'a str {
    text.find(mark)
        .filter(|_| !mark.is_empty())
        .map_or(text, |at| &text[..at])
}

/// What stands after the first occurrence; nothing when there is none.
pub(super) fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.find(mark)
        .filter(|_| !mark.is_empty())
        .map_or("", |at| &text[at + mark.len()..])
}

/// How many characters stand before the first occurrence; -1 when there is none.
pub(super) fn index_of(text: &str, part: &str) -> i64 {
    text.find(part).map_or(-1, |at| {
        i64::try_from(text[..at].chars().count()).unwrap_or(i64::MAX)
    })
}

/// One space for each run of white space, and none at the ends.
pub(super) fn squeeze(text: &str) -> CompactString {
    let mut squeezed = CompactString::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !squeezed.is_empty() {
            squeezed.push(' ');
        }
        squeezed.push_str(word);
    }
    squeezed
}

pub(super) fn strip_spaces(text: &str) -> CompactString {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Letters without the marks above, below and through that Unicode can take from them. Letters that only look as if
/// they had one (ø, ł, đ) and ligatures stay: spelling them in other letters is what `latin` is for.
pub(super) fn strip_diacritics(text: &str) -> CompactString {
    if text.is_ascii() {
        return text.into();
    }
    // The blocks of combining marks that belong to alphabets. Marks of other scripts are vowels, not ornament.
    let is_mark = |c: &char| matches!(*c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}');
    text.nfd().filter(|c| !is_mark(c)).nfc().collect()
}

/// The ASCII digits of the text.
pub(super) fn digits(text: &str) -> CompactString {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The first letter of each word, large. Words are parted by white space, hyphens and full stops.
pub(super) fn initials(text: &str) -> CompactString {
    text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '.'))
        .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()))
        .flat_map(char::to_uppercase)
        .collect()
}

/// The flag a text says, in the words of forms and spreadsheets.
pub(super) fn flag(text: &str) -> Option<bool> {
    let says = |words: &[&str]| {
        words
            .iter()
            .any(|word| text.trim().eq_ignore_ascii_case(word))
    };
    if says(&["true", "yes", "y", "1", "on"]) {
        Some(true)
    } else if says(&["false", "no", "n", "0", "off"]) {
        Some(false)
    } else {
        None
    }
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

/// The first group in a replacement that a pattern does not have: it would stand for nothing.
pub(super) fn unknown_group(pattern: &regex::Regex, to: &str) -> Option<String> {
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        let name = match rest.strip_prefix('{') {
            Some(braced) => match braced.find('}') {
                Some(end) => &braced[..end],
                None => continue,
            },
            None => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(rest.len());
                &rest[..end]
            }
        };
        if name.is_empty() {
            continue;
        }
        let known = match name.parse::<usize>() {
            Ok(number) => number < pattern.captures_len(),
            Err(_) => pattern.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Some(name.to_owned());
        }
    }
    None
}

/// A group of the first match; nothing when there is no match, or the group takes no part in it.
pub(super) fn regex_extract<'a>(text: &'a str, pattern: &regex::Regex, group: usize) -> &'a str {
    let found = if group == 0 {
        pattern.find(text)
    } else {
        pattern
            .captures(text)
            .and_then(|captures| captures.get(group))
    };
    found.map_or("", |found| found.as_str())
}

pub(super) fn pad_left(text: &str, width: i64, with: &str) -> Result<CompactString, TooLong> {
    let mut padded = filling(text, width, with)?;
    padded.push(text)?;
    Ok(padded.into_text())
}

pub(super) fn pad_right(text: &str, width: i64, with: &str) -> Result<CompactString, TooLong> {
    let mut padded = Bounded::default();
    padded.push(text)?;
    padded.push(&filling(text, width, with)?.into_text())?;
    Ok(padded.into_text())
}

/// What a text lacks of a width.
fn filling(text: &str, width: i64, with: &str) -> Result<Bounded, TooLong> {
    let width = usize::try_from(width).unwrap_or(0);
    let lacking = width.saturating_sub(text.chars().count());
    let mut filling = Bounded::default();
    if !with.is_empty() {
        for c in with.chars().cycle().take(lacking) {
            filling.push(c.encode_utf8(&mut [0; 4]))?;
        }
    }
    Ok(filling)
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((title("ß").as_str(), title("ﬁNN").as_str()), ("Ss", "Finn"));
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

    #[test]
    fn parts_before_and_after_a_mark() {
        assert_eq!(before("ana@example.com", "@"), "ana");
        assert_eq!(before("ana", "@"), "ana");
        assert_eq!(after("ana@example.com", "@"), "example.com");
        assert_eq!(after("ana", "@"), "");
        assert_eq!((before("a", ""), after("a", "")), ("a", ""));
        assert_eq!(index_of("Þóra", "ra"), 2);
        assert_eq!(index_of("Þóra", "x"), -1);
        assert_eq!(word_between("Leeds/North;3", 2, "/;"), "North");
        assert_eq!(word_between("Leeds/North;3", -1, "/;"), "3");
        assert_eq!(word_between("Leeds", 1, ""), "Leeds");
    }

    #[test]
    fn marks_are_taken_off_and_vowels_left() {
        assert_eq!(strip_diacritics("Zoë Þórsdóttir Łuč"), "Zoe Þorsdottir Łuc");
        assert_eq!(strip_diacritics("Ἀθήνα Йод"), "Αθηνα Иод");
        assert_eq!(strip_diacritics("हिन्दी 한국"), "हिन्दी 한국");
        assert_eq!(initials("anne-marie o'brien p. smith"), "AMOPS");
        assert_eq!(squeeze("  a\t b\n"), "a b");
        assert_eq!(strip_spaces(" a\u{a0}b "), "ab");
        assert_eq!(digits("+44 (0)20-7"), "440207");
    }

    #[test]
    fn letters_of_turkish() {
        assert_eq!(lower_as("IŞIK İz", Letters::Turkish), "ışık iz");
        assert_eq!(upper_as("ışık iz", Letters::Turkish), "IŞIK İZ");
        assert_eq!(lower_as("IZ", Letters::Common), "iz");
    }

    #[test]
    fn some_words_have_a_spelling_of_their_own() {
        let spellings = ["of", "McDonald", "IT"].map(|word| (lower(word), word.into()));
        assert_eq!(
            title_except("HEAD OF it (MCDONALD-O'BRIEN)", &spellings),
            "Head of IT (McDonald-O'Brien)"
        );
        assert_eq!(title_except("", &spellings), "");
        assert_eq!(title_except("- — -", &[("".into(), "x".into())]), "- — -");
    }

    #[test]
    fn groups_a_pattern_lacks_are_noticed() {
        let pattern = regex::Regex::new("(a)(?<b>c)?").unwrap();
        for (to, unknown) in [
            ("$1 $2 $b ${b}x $0 $$ $", None),
            ("$3", Some("3")),
            ("$1a", Some("1a")),
            ("${x}", Some("x")),
            ("$$x $bc", Some("bc")),
        ] {
            assert_eq!(unknown_group(&pattern, to).as_deref(), unknown, "{to}");
        }
        assert_eq!(regex_extract("xac", &pattern, 2), "c");
        assert_eq!(regex_extract("xa", &pattern, 2), "");
        assert_eq!(regex_extract("x", &pattern, 0), "");
    }

    #[test]
    fn flags_are_read_in_the_words_of_forms() {
        assert_eq!(flag(" Yes "), Some(true));
        assert_eq!(flag("OFF"), Some(false));
        assert_eq!(flag("maybe"), None);
    }
}
