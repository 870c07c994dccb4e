//! GitHub workflow commands: `::error file=…,line=…::message`, one line each.
//!
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>; the escaping is that of
//! `@actions/core`.

use super::severity_name;
use crate::config::diagnostic::Diagnostic;

pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str("::");
        out.push_str(severity_name(diagnostic.severity));
        out.push(' ');
        if let Some(location) = &diagnostic.location {
            out.push_str(&format!(
                "file={},line={},col={},endColumn={},",
                property(&location.file),
                location.line,
                location.column,
                // Inclusive, unlike SARIF's.
                location.column.saturating_add(diagnostic.length) - 1,
            ));
        }
        out.push_str("title=");
        out.push_str(&property(diagnostic.code));
        out.push_str("::");
        let text = match &diagnostic.help {
            Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        out.push_str(&data(&text));
        out.push('\n');
    }
    out
}

pub(in crate::render) fn data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

pub(in crate::render) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
