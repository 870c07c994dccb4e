//! Writes a report for a terminal.
//!
//! Knows nothing of plans. Invariant: control characters in the output are line breaks and, with colour, this file's
//! own SGR sequences; the number of lines is the report's.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::difference::{Part, alone, difference};
use super::escape;
use super::label::Label;
use super::report::{Line, Piece, Report, Sign};

/// How a report is written for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextOptions {
    /// Whether to use colour and weight.
    pub colour: bool,
    /// Width of the terminal in columns, when it is one. Lines are not wrapped; headings are drawn to this width.
    pub width: Option<usize>,
    /// Whether to list everyone and show whole values.
    pub full: bool,
}

const LOSS: Style = AnsiColor::Red.on_default();
const GAIN: Style = AnsiColor::Green.on_default();
const CHANGE: Style = AnsiColor::Yellow.on_default();
const ALARM: Style = AnsiColor::Yellow.on_default().bold();
const STRONG: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const ONLY_BEFORE: Style = AnsiColor::Red.on_default().bold().underline();
const ONLY_AFTER: Style = AnsiColor::Green.on_default().bold().underline();

/// The whole report, ending in a line break.
pub(super) fn write(report: &Report, options: &TextOptions) -> String {
    let mut writer = Writer {
        out: String::new(),
        options,
    };
    writer.line(&report.title);
    for line in &report.verdict {
        writer.line(line);
    }
    for section in &report.sections {
        if section.size.is_empty() {
            writer.heading(&section.title);
        } else {
            writer.heading(&format!("{} ({})", section.title, section.size));
        }
        for item in &section.items {
            for line in &item.lines {
                writer.line(line);
            }
        }
    }
    if !report.footer.is_empty() {
        writer.heading(report.footer_title);
    }
    for line in &report.footer {
        writer.line(line);
    }
    writer.out
}

struct Writer<'a> {
    out: String,
    options: &'a TextOptions,
}

impl Writer<'_> {
    fn styled(&mut self, style: Style, text: &str) {
        if self.options.colour && !text.is_empty() {
            let _ = write!(self.out, "{style}{text}{style:#}");
        } else {
            self.out.push_str(text);
        }
    }

    fn heading(&mut self, title: &str) {
        let width = self.options.width.unwrap_or(80).clamp(40, 120);
        let used = title.chars().count() + 4;
        let rule = "─".repeat(width.saturating_sub(used).max(2));
        self.out.push('\n');
        self.styled(STRONG, &format!("── {title} {rule}"));
        self.out.push('\n');
    }

    fn line(&mut self, line: &Line) {
        self.out.push_str(&"  ".repeat(line.depth));
        let (mark, style) = match line.sign {
            Sign::None => ("", None),
            Sign::Loss => ("- ", Some(LOSS)),
            Sign::Gain => ("+ ", Some(GAIN)),
            Sign::Change => ("~ ", Some(CHANGE)),
            Sign::Alarm => ("! ", Some(ALARM)),
        };
        if let Some(style) = style {
            self.styled(style, mark);
        }
        for piece in &line.pieces {
            self.piece(piece, style);
        }
        if !line.origin.is_empty() {
            self.out.push_str("  ");
            // Written without styles of its own, then quietened as a whole.
            let mut plain = Writer {
                out: String::new(),
                options: &TextOptions {
                    colour: false,
                    ..*self.options
                },
            };
            for piece in &line.origin {
                plain.piece(piece, None);
            }
            self.styled(QUIET, &plain.out);
        }
        self.out.push('\n');
    }

    fn piece(&mut self, piece: &Piece, style: Option<Style>) {
        match piece {
            Piece::Own(words) => self.out.push_str(words),
            Piece::Strong(words) => {
                self.styled(style.map_or(STRONG, Style::bold), words);
            }
            Piece::Value(value) => {
                let parts = alone(value, self.options.full);
                self.parts(&parts, Style::new());
            }
            Piece::Name(label) => self.styled(STRONG, &name(label)),
            Piece::Code(data) | Piece::Sentence(data) => self.out.push_str(&escape::inline(data)),
            Piece::Fact { field, value } => {
                let _ = write!(
                    self.out,
                    "{}={}",
                    escape::inline(field),
                    escape::name(value)
                );
            }
            Piece::Becomes { before, after } => {
                let both = difference(before, after, self.options.full);
                self.parts(&both.before, ONLY_BEFORE);
                self.out.push_str(" → ");
                self.parts(&both.after, ONLY_AFTER);
            }
        }
    }

    /// Between quotes; what is not shown is counted outside them. Parts only one value has are marked when others
    /// are in both.
    fn parts(&mut self, parts: &[Part], only: Style) {
        let mark = parts.iter().any(|part| matches!(part, Part::Common(_)));
        let mut open = false;
        for part in parts {
            match part {
                Part::Cut(number) => {
                    if open {
                        self.out.push('"');
                        open = false;
                    }
                    let _ = write!(self.out, "[{number} characters]");
                }
                Part::Common(text) | Part::Only(text) => {
                    if !open {
                        self.out.push('"');
                        open = true;
                    }
                    let safe = escape::within_quotes(text);
                    if mark && matches!(part, Part::Only(_)) {
                        self.styled(only, &safe);
                    } else {
                        self.out.push_str(&safe);
                    }
                }
            }
        }
        if parts.is_empty() {
            self.out.push('"');
            open = true;
        }
        if open {
            self.out.push('"');
        }
    }
}

/// `Jane Doe (1042)`.
fn name(label: &Label) -> String {
    let name = escape::name(&label.name);
    match &label.key {
        Some(key) => format!("{name} ({})", escape::bare(key)),
        None => name,
    }
}
