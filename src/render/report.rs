//! A report before it is written: sections of items of lines of pieces.
//!
//! Knows nothing of plans, terminals or Markdown. Invariant: a piece that is not [`Piece::Own`] or [`Piece::Strong`]
//! is data, and only the writers turn it into characters.

use std::borrow::Cow;

use super::label::Label;

/// A report.
pub(super) struct Report {
    /// What it is about, in one line.
    pub title: Line,
    /// The lines a tired reader must not miss, directly below the title.
    pub verdict: Vec<Line>,
    /// The body.
    pub sections: Vec<Section>,
    /// Heading of the footer.
    pub footer_title: &'static str,
    /// Where it comes from; never left out.
    pub footer: Vec<Line>,
}

/// Items under one heading.
pub(super) struct Section {
    /// Heading, our own words.
    pub title: Cow<'static, str>,
    /// How many people or things it is about, our own words.
    pub size: String,
    /// What an item is called when some are left out (`people`, `new accounts`).
    pub items_are: &'static str,
    /// True when nothing of it may be left out.
    pub essential: bool,
    /// Its items.
    pub items: Vec<Item>,
}

/// Lines that belong together and are shown or left out together.
#[derive(Default)]
pub(super) struct Item {
    /// Its lines; the first is its head.
    pub lines: Vec<Line>,
}

/// What a line means for the person concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A head or a remark.
    None,
    /// Something is taken away.
    Loss,
    /// Something is given.
    Gain,
    /// Something becomes something else.
    Change,
    /// Something asks for attention.
    Alarm,
}

/// One line.
pub(super) struct Line {
    /// 0 for heads, 1 for what belongs to them, 2 below that.
    pub depth: usize,
    /// Its meaning.
    pub sign: Sign,
    /// What it says.
    pub pieces: Vec<Piece>,
    /// Where it comes from: shown after the rest, quietly.
    pub origin: Vec<Piece>,
}

/// A part of a line.
pub(super) enum Piece {
    /// Our own words. Never data.
    Own(Cow<'static, str>),
    /// Our own words, to be noticed.
    Strong(Cow<'static, str>),
    /// An attribute value; its ends matter.
    Value(String),
    /// Something with a name: a person, a group.
    Name(Label),
    /// A distinguished name, a path, a digest.
    Code(String),
    /// A sentence from the plan, possibly with data in it.
    Sentence(String),
    /// A fact something was computed from.
    Fact {
        /// The field.
        field: String,
        /// Its value as text.
        value: String,
    },
    /// A value that becomes another one.
    Becomes {
        /// Before.
        before: String,
        /// After.
        after: String,
    },
}

impl Line {
    pub(super) fn new(depth: usize, sign: Sign) -> Self {
        Self {
            depth,
            sign,
            pieces: Vec::new(),
            origin: Vec::new(),
        }
    }

    pub(super) fn head() -> Self {
        Self::new(0, Sign::None)
    }

    pub(super) fn own(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        self.pieces.push(Piece::Own(words.into()));
        self
    }

    pub(super) fn strong(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        self.pieces.push(Piece::Strong(words.into()));
        self
    }

    pub(super) fn name(mut self, label: Label) -> Self {
        self.pieces.push(Piece::Name(label));
        self
    }

    pub(super) fn code(mut self, code: impl Into<String>) -> Self {
        self.pieces.push(Piece::Code(code.into()));
        self
    }

    pub(super) fn sentence(mut self, sentence: impl Into<String>) -> Self {
        self.pieces.push(Piece::Sentence(sentence.into()));
        self
    }

    pub(super) fn pieces(mut self, pieces: Vec<Piece>) -> Self {
        self.pieces.extend(pieces);
        self
    }

    pub(super) fn origin(mut self, origin: Vec<Piece>) -> Self {
        self.origin = origin;
        self
    }
}

/// `1 account`, `2 accounts`, `1,234 accounts`: our own words.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A length as a number to show.
pub(super) fn number(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

/// A number with thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{count, grouped};

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(count(1, "person", "people"), "1 person");
    }
}
