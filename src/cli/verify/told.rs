//! A verification as it is written: a line for each check, or one JSON object. Both say the same.

use serde::Serialize;

use super::args::VerifyFormat;
use super::checks::{Checks, Finding, Name};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::render;

/// Format version of the JSON.
const FORMAT: &str = "halosync/verification/v1";

/// Columns of verdict and name.
const VERDICT: usize = 12;
const NAME: usize = 14;

/// What `halosync verify --format json` says of a plan or a journal.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Verification")]
pub(crate) struct Told {
    /// `halosync/verification/v1`.
    format: &'static str,
    /// What was verified.
    of: Of,
    /// Digest of the plan; absent when the file is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// Whether nothing was refused.
    holds: bool,
    /// The exit code: 0 when nothing is refused; of a plan that of `apply`.
    exit_code: u8,
    /// Each check, in the order they are made.
    checks: Vec<One>,
    #[serde(skip)]
    sentence: String,
}

/// What is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Of {
    /// Whether `apply` would take a plan.
    Plan,
    /// Whether a journal is whole, and all of its plan done.
    Journal,
}

/// One check.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Check")]
struct One {
    /// Which one.
    check: Name,
    /// What came of it.
    verdict: Verdict,
    /// In words, a sentence each. For people; the words may change.
    says: Vec<String>,
    /// The way out, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    /// It holds.
    Ok,
    /// It does not.
    Refused,
    /// It could not be made, or was not asked for.
    NotChecked,
}

impl Told {
    pub(super) fn of_plan(checks: &Checks, digest: Option<&str>) -> Self {
        let refused = checks.refused().count();
        let sentence = match (refused, checks.exit()) {
            (0, _) => "nothing speaks against applying the plan; whether the directories are the plan's, and the objects as it found them, apply asks them".to_owned(),
            (_, Exit::AppliedAlready) => "the plan is applied already".to_owned(),
            (1, _) => "apply would refuse the plan for this reason".to_owned(),
            (some, _) => format!("apply would refuse the plan for these {some} reasons"),
        };
        Self::new(Of::Plan, checks, digest, sentence)
    }

    pub(super) fn new(of: Of, checks: &Checks, digest: Option<&str>, sentence: String) -> Self {
        Self {
            format: FORMAT,
            of,
            plan: digest.map(str::to_owned),
            holds: checks.refused().next().is_none(),
            exit_code: checks.exit() as u8,
            checks: checks
                .iter()
                .map(|(name, finding)| one(*name, finding))
                .collect(),
            sentence,
        }
    }

    pub(super) fn written(&self, format: VerifyFormat) -> Result<String, Failure> {
        match format {
            VerifyFormat::Text => Ok(self.text()),
            VerifyFormat::Json => {
                let mut json = serde_json::to_string_pretty(self)
                    .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?;
                json.push('\n');
                Ok(json)
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for one in &self.checks {
            let verdict = match one.verdict {
                Verdict::Ok => "ok",
                Verdict::Refused => "REFUSED",
                Verdict::NotChecked => "not checked",
            };
            let check = serde_json::to_value(one.check).unwrap_or_default();
            let check = check.as_str().unwrap_or_default();
            let mut lines = one.says.iter().map(|line| render::plain(line));
            let first = lines.next().unwrap_or_default();
            text.push_str(&format!("{verdict:VERDICT$}{:NAME$}{first}\n", check));
            let margin = VERDICT + NAME;
            for line in lines {
                text.push_str(&format!("{:margin$}{line}\n", ""));
            }
            if let Some(help) = &one.help {
                text.push_str(&format!("{:margin$}→ {help}\n", ""));
            }
        }
        text.push_str(&self.sentence);
        text.push('\n');
        text
    }
}

fn one(check: Name, finding: &Finding) -> One {
    let (verdict, says, help) = match finding {
        Finding::Holds(said) => (Verdict::Ok, vec![said.clone()], None),
        Finding::Refused(refusal) => (
            Verdict::Refused,
            refusal.messages.clone(),
            refusal.help.clone(),
        ),
        Finding::NotChecked(why) => (Verdict::NotChecked, vec![why.clone()], None),
    };
    One {
        check,
        verdict,
        says,
        help,
    }
}
