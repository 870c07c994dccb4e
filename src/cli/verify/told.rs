//! A verification as it is written: a line for each check, or one JSON object. Both say the same.

use serde::Serialize;

use super::args::VerifyFormat;
use super::checks::{Checks, Finding};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::render;

/// Format version of the JSON.
const FORMAT: &str = "halosync/verification/v1";

/// Columns of verdict and name.
const VERDICT: usize = 12;
const NAME: usize = 14;

/// Everything that is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// `halosync/verification/v1`.
    format: &'static str,
    /// What was verified: `plan` or `journal`.
    of: &'static str,
    /// Digest of the plan; absent when the file is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// Whether nothing was refused.
    holds: bool,
    /// The exit code.
    exit_code: u8,
    /// Each check.
    checks: Vec<One>,
    #[serde(skip)]
    sentence: String,
}

/// One check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    check: String,
    verdict: Verdict,
    says: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Ok,
    Refused,
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
        Self::new("plan", checks, digest, sentence)
    }

    pub(super) fn new(
        of: &'static str,
        checks: &Checks,
        digest: Option<&str>,
        sentence: String,
    ) -> Self {
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
            let mut lines = one.says.iter().map(|line| render::plain(line));
            let first = lines.next().unwrap_or_default();
            text.push_str(&format!("{verdict:VERDICT$}{:NAME$}{first}\n", one.check));
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

fn one(name: super::checks::Name, finding: &Finding) -> One {
    let check = serde_json::to_value(name)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default();
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
