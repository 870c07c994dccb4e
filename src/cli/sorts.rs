//! What a file is that a command was given in place of another: ours, and which command takes it, or nobody's.
//!
//! Looks at the beginning of a file only, and is asked when it could not be read as what was wanted. Must not judge: a file
//! that says it is a plan may be none.

/// How much of a file tells what it is, in bytes.
const HEAD: usize = 512;

/// Sorts of files a command may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Plan,
    Journal,
    Report,
}

impl Sort {
    const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Journal => "journal",
            Self::Report => "report of an apply",
        }
    }

    /// Where one comes from.
    pub(crate) const fn wanted(self) -> &'static str {
        match self {
            Self::Plan => "name the file that `halosync plan --out` wrote",
            Self::Journal => {
                "name the journal of an apply, which is kept beside the plan, as plan.3f9a2c1b7d50.journal.jsonl for plan.json"
            }
            Self::Report => {
                "name the JSON file `apply` wrote, for example plan.3f9a2c1b7d50.report.json"
            }
        }
    }
}

/// What a file is instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Other {
    wanted: Sort,
    what: &'static str,
    command: &'static str,
}

impl Other {
    /// That it is not what was wanted, and what it is.
    pub(crate) fn message(self) -> String {
        format!("this is no {}: {}", self.wanted.name(), self.what)
    }

    /// What to name, and which command takes this one.
    pub(crate) fn help(self) -> String {
        match self.command {
            "" => self.wanted.wanted().to_owned(),
            command => format!("{}; {command}", self.wanted.wanted()),
        }
    }
}

/// Our formats by name, what their files are, and who takes them.
const FORMATS: &[(&str, &str, &str)] = &[
    (
        "plan",
        "it is a plan",
        "`halosync show` shows a plan, `halosync apply` does what stands in it",
    ),
    (
        "redacted-plan",
        "it is what `halosync show --redacted` prints of a plan, which names nobody and cannot be applied",
        "the plan it was made from has the digest that stands in it",
    ),
    (
        "journal",
        "it is the journal of an apply",
        "`halosync verify journal` judges a journal, `halosync undo --journal` undoes what stands in it",
    ),
    (
        "outcome",
        "it is the report of an apply",
        "the Markdown file beside a report is for reading; `--last-apply` and `verify journal --report` take the report",
    ),
    (
        "people",
        "it is a read of people from a recording",
        "`halosync plan --from DIR` takes the directory of a recording",
    ),
    (
        "directory",
        "it is a read of a directory from a recording",
        "`halosync plan --from DIR` takes the directory of a recording",
    ),
    (
        "configuration",
        "it is the configuration in a recording",
        "`halosync plan --since DIR` takes the directory of a recording",
    ),
    (
        "carried",
        "it is what a recording carries on from those before it",
        "`halosync plan --since DIR` takes the directory of a recording",
    ),
    (
        "drift",
        "it is what `halosync drift --format json` wrote, which is for reading",
        "",
    ),
    (
        "verification",
        "it is what `halosync verify --format json` wrote, which is for reading",
        "",
    ),
    (
        "probe-source",
        "it is what `halosync probe` wrote, which is for reading",
        "",
    ),
    (
        "probe-directory",
        "it is what `halosync probe` wrote, which is for reading",
        "",
    ),
    (
        "answers",
        "it holds answers that `--cache` keeps",
        "`halosync plan --cache DIR` takes its directory",
    ),
];

/// What a file is that could not be read as what was wanted; `None` when it says that it is that, or nothing.
pub(crate) fn other_than(wanted: Sort, bytes: &[u8]) -> Option<Other> {
    let other = |what, command| {
        Some(Other {
            wanted,
            what,
            command,
        })
    };
    let head = &bytes[..bytes.len().min(HEAD)];
    // Half a character may stand at the end of the head.
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return other("it is no text", ""),
    };
    let text = head.trim_start_matches('\u{feff}').trim_start();
    let line = text.lines().next().unwrap_or_default();
    if text.starts_with('{') {
        let format = format_of(text)?;
        if format == own_format(wanted) {
            return None;
        }
        let (_, what, command) = FORMATS.iter().find(|(name, ..)| *name == format)?;
        return other(what, command);
    }
    let rendered = line.trim_start_matches(['#', ' ']);
    match text.chars().next() {
        None => other("it is empty", ""),
        Some('<') => other("it is a web page or another document in XML", ""),
        Some(_)
            if line.starts_with("-----BEGIN AGE") || line.starts_with("age-encryption.org/") =>
        {
            other(
                "it is encrypted with age",
                "--identity names the key that opens sealed files",
            )
        }
        Some(_) if line.starts_with("-----BEGIN SSH SIGNATURE") => other(
            "it is a signature",
            "`halosync show` says who signed a plan; signatures stand beside it",
        ),
        Some(_) if rendered.starts_with("halosync plan") => other(
            "it is a plan as it is shown to people",
            "`halosync show` makes it from the plan",
        ),
        Some(_) if rendered.starts_with("halosync apply") => other(
            "it is the report of an apply as it is shown to people",
            "the JSON file of the same name stands beside it",
        ),
        Some(_) if line.contains(':') => other("it looks like YAML, and is no JSON", ""),
        Some(_) => other("it is no JSON", ""),
    }
}

const fn own_format(sort: Sort) -> &'static str {
    match sort {
        Sort::Plan => "plan",
        Sort::Journal => "journal",
        Sort::Report => "outcome",
    }
}

/// The name of the format a JSON object says it has, at its beginning.
fn format_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("\"format\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let (name, _) = rest.strip_prefix("\"halosync/")?.split_once('/')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::{Sort, other_than};

    fn told(wanted: Sort, text: &str) -> Option<String> {
        other_than(wanted, text.as_bytes()).map(|other| other.message())
    }

    #[test]
    fn a_file_is_called_what_it_says_it_is() {
        let plan = "{\n  \"format\": \"halosync/plan/v1\",\n";
        assert_eq!(told(Sort::Plan, plan), None);
        assert_eq!(
            told(Sort::Journal, plan).as_deref(),
            Some("this is no journal: it is a plan")
        );
        // Of a version that is not known yet, it still is what it is.
        assert_eq!(
            told(
                Sort::Plan,
                "{\"kind\":\"header\",\"format\":\"halosync/journal/v9\"}"
            )
            .as_deref(),
            Some("this is no plan: it is the journal of an apply")
        );
        // What is damaged or somebody else's is not guessed at.
        for text in [
            "{\"a\": 1}",
            "{\"format\": 7}",
            "{\"format\": \"halosync/other/v1\"}",
            "{",
        ] {
            assert_eq!(told(Sort::Plan, text), None, "{text}");
        }
    }

    #[test]
    fn half_a_character_at_the_end_of_the_head_is_no_reason_to_call_it_no_text() {
        let text = format!("{}é", "x".repeat(511));
        assert_eq!(
            told(Sort::Plan, &text).as_deref(),
            Some("this is no plan: it is no JSON")
        );
        assert_eq!(
            other_than(Sort::Plan, &[0xff, 0xfe, 0x7b])
                .map(|other| other.message())
                .as_deref(),
            Some("this is no plan: it is no text")
        );
    }
}
