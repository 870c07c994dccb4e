//! For people at a terminal.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{Sources, harmless};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::model::Location;

/// Lines shown longer than this are cut around what is marked.
const WIDTH: usize = 140;

pub(super) fn render(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
    .term_width(WIDTH);
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&one(diagnostic, sources, &renderer));
        out.push_str("\n\n");
    }
    out
}

fn one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = line(&diagnostic.message);
    let help = diagnostic.help.as_deref().map(line);
    let mut group = level
        .primary_title(message)
        .id(diagnostic.code)
        .elements(std::iter::empty::<
            Snippet<'_, annotate_snippets::Annotation<'_>>,
        >());
    if let Some(location) = &diagnostic.location {
        let path = harmless(&location.file).into_owned();
        let text = sources
            .get(&location.file)
            .and_then(|text| source_line(text, location));
        // Only the line itself: what stands around it is not the fault, and long files stay cheap.
        let shown = harmless(text.unwrap_or_default()).into_owned();
        let start = byte_of(&shown, location.column);
        let end = byte_of(&shown, location.column.saturating_add(diagnostic.length)).max(start);
        let snippet = Snippet::source(shown)
            .line_start(usize::try_from(location.line).unwrap_or(1))
            .path(path)
            .fold(true)
            .annotation(AnnotationKind::Primary.span(start..end));
        group = group.element(snippet);
    }
    if let Some(help) = help {
        group = group.element(Level::HELP.message(help));
    }
    renderer.render(&[group])
}

/// One line, harmless.
fn line(text: &str) -> String {
    harmless(&text.replace('\t', " ")).into_owned()
}

fn source_line<'a>(text: &'a str, location: &Location) -> Option<&'a str> {
    let index = usize::try_from(location.line).ok()?.checked_sub(1)?;
    text.split('\n')
        .nth(index)
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
}

fn byte_of(text: &str, column: u32) -> usize {
    let skip = usize::try_from(column).unwrap_or(usize::MAX).max(1) - 1;
    text.char_indices()
        .nth(skip)
        .map_or(text.len(), |(at, _)| at)
}
