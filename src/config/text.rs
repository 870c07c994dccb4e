//! A source text and where in it things stand.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::Place;
use crate::model::Location;

/// A file's text with an index of its lines.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path relative to the project.
    pub(crate) file: Arc<str>,
    /// Its text, without a byte order mark.
    pub(crate) text: Arc<str>,
    line_starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(file: Arc<str>, text: Arc<str>) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            file,
            text,
            line_starts,
        }
    }

    /// The start of the file.
    pub(crate) fn start(&self) -> Place {
        self.place(0..0)
    }

    /// The bytes of the line a byte stands in, line break excluded.
    pub(crate) fn line_of(&self, byte: usize) -> Range<usize> {
        let byte = byte.min(self.text.len());
        let index = self.line_starts.partition_point(|start| *start <= byte) - 1;
        self.line(index)
    }

    fn line(&self, index: usize) -> Range<usize> {
        let start = self.line_starts[index];
        let end = self
            .line_starts
            .get(index + 1)
            .map_or(self.text.len(), |next| next - 1);
        let end = if self.text[start..end].ends_with('\r') {
            end - 1
        } else {
            end
        };
        start..end
    }

    /// The place of a range of bytes; of its first line when it has several.
    pub(crate) fn place(&self, range: Range<usize>) -> Place {
        let start = self.floor(range.start);
        let index = self.line_starts.partition_point(|begin| *begin <= start) - 1;
        let line = self.line(index);
        let end = self.floor(range.end.min(line.end)).max(start);
        let column = self.text[line.start..start].chars().count() + 1;
        let length = self.text[start..end].chars().count().max(1);
        Place {
            location: Location {
                file: self.file.clone(),
                line: number(index + 1),
                column: number(column),
            },
            length: number(length),
        }
    }

    /// The byte a 1-based line and column (in characters) stand for.
    pub(crate) fn byte_at(&self, line: u64, column: u64) -> usize {
        let Some(index) = usize::try_from(line)
            .ok()
            .and_then(|line| line.checked_sub(1))
            .filter(|index| *index < self.line_starts.len())
        else {
            return self.text.len();
        };
        let range = self.line(index);
        let skip = usize::try_from(column).unwrap_or(usize::MAX).max(1) - 1;
        self.text[range.clone()]
            .char_indices()
            .nth(skip)
            .map_or(range.end, |(at, _)| range.start + at)
    }

    fn floor(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn at(text: &str, range: std::ops::Range<usize>) -> (u32, u32, u32) {
        let place = Source::new("a.yaml".into(), text.into()).place(range);
        (place.location.line, place.location.column, place.length)
    }

    #[test]
    fn columns_and_lengths_count_characters() {
        assert_eq!(at("é: ü\nb: cd\n", 4..6), (1, 4, 1));
        assert_eq!(at("é: ü\nb: cd\n", 10..12), (2, 4, 2));
        assert_eq!(at("a: b\r\nc: d\r\n", 6..7), (2, 1, 1));
        assert_eq!(at("a", 99..120), (1, 2, 1));
        assert_eq!(at("", 0..0), (1, 1, 1));
    }

    #[test]
    fn what_spans_lines_is_marked_to_the_end_of_its_first() {
        assert_eq!(at("ab cd\r\nef\n", 3..9), (1, 4, 2));
    }

    #[test]
    fn byte_at_inverts_place() {
        let source = Source::new("a.yaml".into(), "é: ü\nb: cd".into());
        assert_eq!(source.byte_at(2, 4), 10);
        assert_eq!(source.byte_at(1, 99), 6);
        assert_eq!(source.byte_at(9, 1), 12);
        assert_eq!(source.byte_at(0, 0), 12);
    }
}
