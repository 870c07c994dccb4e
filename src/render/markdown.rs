//! Writes a report as GitHub-flavoured Markdown, within a limit.
//!
//! Knows nothing of plans. Data stands only in code spans, or as it is where it consists of nothing but words; no
//! HTML is used. Essential sections are never cut; the others share what room is left, smaller ones first, and every
//! cut is counted where it was made and once more at the top.

use super::escape;
use super::label::Label;
use super::report::{Item, Line, Piece, Report, Section, Sign, grouped, number};

/// Most bytes GitHub takes in a comment (65,536 characters of a four-byte encoding; bytes are the safe reading).
pub const GITHUB_COMMENT_BYTES: usize = 65_536;

/// How a report is written as Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkdownOptions {
    /// Most bytes to write. Only removals may make it longer.
    pub max_bytes: usize,
}

impl Default for MarkdownOptions {
    fn default() -> Self {
        Self {
            max_bytes: GITHUB_COMMENT_BYTES,
        }
    }
}

/// Room kept for headings' counts and the notice at the top.
const NOTICE: usize = 600;

/// The whole report, ending in a line break.
pub(super) fn write(report: &Report, options: &MarkdownOptions) -> String {
    let head = {
        let mut out = String::from("### ");
        pieces(&mut out, &report.title.pieces);
        out.push_str("\n\n");
        for line in &report.verdict {
            verdict_line(&mut out, line);
        }
        // Sections begin with an empty line of their own.
        if out.ends_with("\n\n") {
            out.pop();
        }
        out
    };
    let foot = {
        let mut out = format!("\n#### {}\n\n", report.footer_title);
        for line in &report.footer {
            list_line(&mut out, line);
        }
        out
    };
    let written: Vec<Written> = report.sections.iter().map(Written::new).collect();
    let essential: usize = written
        .iter()
        .filter(|section| section.essential)
        .map(Written::whole)
        .sum();
    let fixed = head.len() + foot.len() + NOTICE;
    let room = options.max_bytes.saturating_sub(fixed + essential);
    let too_long = fixed + essential > options.max_bytes;
    let shown = share(&written, room);

    let mut out = head;
    let mut left_out = Vec::new();
    for (section, shown) in written.iter().zip(&shown) {
        let left = section.items.len() - shown;
        if left > 0 {
            left_out.push(format!(
                "{} of {} {} ({})",
                grouped(number(left)),
                grouped(number(section.items.len())),
                section.items_are,
                section.title
            ));
        }
    }
    if too_long {
        out.push_str(&format!(
            "\n**⚠ TOO LONG FOR A COMMENT: what may not be left out takes {} bytes, more than the {} there is room for. \
             All of it stands below and nothing else does. Do not decide from a cut comment: read the file with \
             `halosync show`.**\n",
            grouped(number(essential)),
            grouped(number(options.max_bytes)),
        ));
    }
    if !left_out.is_empty() {
        out.push_str(&format!(
            "\n**Left out here for length: {}.** `halosync show --full` on the plan file shows them.\n",
            left_out.join("; ")
        ));
    }
    for (section, shown) in written.iter().zip(&shown) {
        section.write(&mut out, *shown);
    }
    out.push_str(&foot);
    out
}

/// One section with every item written.
struct Written<'a> {
    title: &'a str,
    size: &'a str,
    items_are: &'static str,
    essential: bool,
    items: Vec<String>,
}

impl<'a> Written<'a> {
    fn new(section: &'a Section) -> Self {
        Self {
            title: &section.title,
            size: &section.size,
            items_are: section.items_are,
            essential: section.essential,
            items: section.items.iter().map(item).collect(),
        }
    }

    fn heading(&self) -> String {
        format!("\n#### {} ({})\n\n", self.title, self.size)
    }

    /// Bytes of all of it.
    fn whole(&self) -> usize {
        self.heading().len() + self.items.iter().map(String::len).sum::<usize>()
    }

    fn write(&self, out: &mut String, shown: usize) {
        out.push_str(&self.heading());
        for item in &self.items[..shown] {
            out.push_str(item);
        }
        let left = self.items.len() - shown;
        if left > 0 {
            out.push_str(&format!(
                "- … **{} more left out**\n",
                grouped(number(left))
            ));
        }
    }
}

/// How many items of each section are shown. Sections take turns from the smallest, each getting at most an equal
/// part of what is left, so that a long one cannot push a short one out.
fn share(sections: &[Written<'_>], mut room: usize) -> Vec<usize> {
    /// Bytes of the line that counts what is left out.
    const CUT_LINE: usize = 48;
    let mut shown: Vec<usize> = sections
        .iter()
        .map(|section| {
            if section.essential {
                section.items.len()
            } else {
                0
            }
        })
        .collect();
    let mut waiting: Vec<usize> = (0..sections.len())
        .filter(|&at| !sections[at].essential)
        .collect();
    waiting.sort_by_key(|&at| sections[at].whole());
    for (turn, &at) in waiting.iter().enumerate() {
        let part = room / (waiting.len() - turn);
        let section = &sections[at];
        if section.whole() <= part {
            shown[at] = section.items.len();
            room -= section.whole();
            continue;
        }
        let mut used = section.heading().len() + CUT_LINE;
        for item in &section.items {
            if used + item.len() > part {
                break;
            }
            used += item.len();
            shown[at] += 1;
        }
        room = room.saturating_sub(used);
    }
    shown
}

fn item(item: &Item) -> String {
    let mut out = String::new();
    for line in &item.lines {
        list_line(&mut out, line);
    }
    out
}

fn verdict_line(out: &mut String, line: &Line) {
    if line.depth > 0 {
        out.push_str("- ");
        pieces(out, &line.pieces);
        out.push('\n');
        return;
    }
    // What follows a list without an empty line would be a part of its last item.
    if out.ends_with('\n') && !out.ends_with("\n\n") {
        out.push('\n');
    }
    if line.sign == Sign::Alarm {
        out.push_str("⚠ ");
    }
    pieces(out, &line.pieces);
    out.push_str("\n\n");
}

fn list_line(out: &mut String, line: &Line) {
    out.push_str(&"  ".repeat(line.depth));
    out.push_str("- ");
    out.push_str(match line.sign {
        Sign::None => "",
        Sign::Loss => "➖ ",
        Sign::Gain => "➕ ",
        Sign::Change => "✏ ",
        Sign::Alarm => "⚠ ",
    });
    pieces(out, &line.pieces);
    if !line.origin.is_empty() {
        out.push_str(" — ");
        pieces(out, &line.origin);
    }
    out.push('\n');
}

fn pieces(out: &mut String, pieces: &[Piece]) {
    for piece in pieces {
        match piece {
            Piece::Own(words) => out.push_str(words),
            Piece::Strong(words) => {
                let words: &str = words;
                let inner = words.trim();
                let lead = words.len() - words.trim_start().len();
                let trail = words.trim_start().len() - inner.len();
                out.push_str(&words[..lead]);
                out.push_str("**");
                out.push_str(inner);
                out.push_str("**");
                out.push_str(&words[words.len() - trail..]);
            }
            Piece::Value(value) => out.push_str(&escape::code_span(&shortened(value))),
            Piece::Name(label) => name(out, label),
            Piece::Code(data) => out.push_str(&escape::code_span(&escape::inline(data))),
            Piece::Fact { field, value } => out.push_str(&escape::code_span(&format!(
                "{}={}",
                escape::inline(field),
                escape::name(value)
            ))),
            Piece::Sentence(data) => out.push_str(&escape::markdown_sentence(data)),
            Piece::Becomes { before, after } => {
                let both = super::difference::difference(before, after, false);
                out.push_str(&escape::code_span(&parts(&both.before)));
                out.push_str(" → ");
                out.push_str(&escape::code_span(&parts(&both.after)));
            }
        }
    }
}

fn shortened(value: &str) -> String {
    parts(&super::difference::alone(value, false))
}

fn parts(parts: &[super::difference::Part]) -> String {
    use super::difference::Part;
    if parts.is_empty() {
        return "\"\"".to_owned();
    }
    let mut out = String::new();
    let mut open = false;
    for part in parts {
        match part {
            Part::Cut(number) => {
                if std::mem::take(&mut open) {
                    out.push('"');
                }
                out.push_str(&format!("[{number} characters]"));
            }
            Part::Common(text) | Part::Only(text) => {
                if !std::mem::replace(&mut open, true) {
                    out.push('"');
                }
                out.push_str(&escape::within_quotes(text));
            }
        }
    }
    if open {
        out.push('"');
    }
    out
}

fn name(out: &mut String, label: &Label) {
    out.push_str(&escape::code_span(&escape::name(&label.name)));
    if let Some(key) = &label.key {
        out.push(' ');
        out.push_str(&escape::code_span(key));
    }
}
