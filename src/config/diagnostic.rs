//! Faults in the user's files: data only; [`crate::render`] draws them.

use crate::model::Location;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not mean this.
    Warning,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable kebab-case code, listed in `docs/diagnostics.md`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where it begins; `None` when it concerns the project as a whole.
    pub location: Option<Location>,
    /// Length of the marked text in characters, at least 1.
    pub length: u32,
    /// The way out.
    pub help: Option<String>,
}

/// A stretch of one line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it begins.
    pub(crate) location: Location,
    /// Its length in characters, at least 1.
    pub(crate) length: u32,
}

impl Diagnostic {
    pub(crate) fn error(code: &'static str, place: Option<Place>, message: String) -> Self {
        Self::new(Severity::Error, code, place, message)
    }

    pub(crate) fn warning(code: &'static str, place: Option<Place>, message: String) -> Self {
        Self::new(Severity::Warning, code, place, message)
    }

    fn new(severity: Severity, code: &'static str, place: Option<Place>, message: String) -> Self {
        let (location, length) = place.map_or((None, 1), |place| {
            (Some(place.location), place.length.max(1))
        });
        Self {
            code,
            severity,
            message,
            location,
            length,
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// Brings diagnostics into the order they are always given in, and drops repetitions.
pub(crate) fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (&a.location, a.code, &a.message, &a.help).cmp(&(&b.location, b.code, &b.message, &b.help))
    });
    diagnostics.dedup();
}

/// A name from a file, for use within a message: in backticks, and not longer than a line.
pub(crate) fn quoted(name: &str) -> String {
    const LONGEST: usize = 60;
    if name.chars().nth(LONGEST).is_some() {
        let start: String = name.chars().take(LONGEST).collect();
        format!("`{start}…`")
    } else {
        format!("`{name}`")
    }
}

/// Why a text is no date: written like one there is a day missing in the calendar.
pub(crate) fn no_date(text: &str) -> String {
    let like = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if like {
        format!("there is no day {}", quoted(text))
    } else {
        format!("{} is not a date", quoted(text))
    }
}

/// `a`, `b` and `c` for messages.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(quoted).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The candidate a misspelt word most probably stands for.
pub(crate) fn suggest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Comparing costs the product of the lengths, and nobody misspells a word this long.
    if word.len() > 100 {
        return None;
    }
    let lower = word.to_lowercase();
    let mut candidates: Vec<(String, &str)> = candidates
        .into_iter()
        .map(|candidate| (candidate.to_lowercase(), candidate))
        .collect();
    candidates.sort();
    candidates.dedup();
    let folded: Vec<&str> = candidates
        .iter()
        .map(|(folded, _)| folded.as_str())
        .collect();
    let close = similar::get_close_matches(lower.as_str(), &folded, 1, 0.6);
    let best = close.first()?;
    candidates
        .iter()
        .find(|(folded, _)| folded == best)
        .map(|(_, candidate)| *candidate)
}

/// `did you mean X?` when there is something close.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    suggest(word, candidates).map(|best| format!("did you mean {}?", quoted(best)))
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, list, quoted, suggest};

    #[test]
    fn close_words_are_suggested_and_distant_ones_not() {
        let words = ["sAMAccountName", "sn", "displayName", "department"];
        assert_eq!(suggest("samaccountname", words), Some("sAMAccountName"));
        assert_eq!(suggest("departement", words), Some("department"));
        assert_eq!(suggest("dispalyName", words), Some("displayName"));
        assert_eq!(suggest("zzz", words), None);
        assert_eq!(suggest("", words), None);
        assert_eq!(suggest(&"s".repeat(5_000_000), words), None);
        assert_eq!(
            did_you_mean("Sn", words).as_deref(),
            Some("did you mean `sn`?")
        );
    }

    #[test]
    fn names_in_messages_are_short_and_listed_readably() {
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(list([]), "");
    }
}
