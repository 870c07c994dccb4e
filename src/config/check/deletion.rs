//! Stages that delete: only at the end of a state nobody works in, and never without a limit.

use super::{Context, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::duration::parse_days;
use crate::config::kinds::{ActionClass, Per, StageAccount, State};
use crate::config::yaml::{Doc, join};

pub(super) fn check(
    state: &State,
    doc: &Doc,
    pointer: &str,
    target: &str,
    context: &Context<'_>,
    report: &mut Report,
) {
    if doc.is_incomplete(&join(pointer, "stages")) {
        return;
    }
    for (number, stage) in state.stages.iter().enumerate() {
        let Some(deletion) = &stage.account.delete else {
            continue;
        };
        let at = format!("{pointer}/stages/{number}/account/delete");
        let mut misplaced = |message: String, help: &str| {
            report.error_key(
                doc,
                &at,
                codes::DELETE_STAGE,
                message,
                Some(help.to_owned()),
            );
        };
        if number == 0 {
            misplaced(
                "an account cannot be deleted in the stage in which somebody leaves".to_owned(),
                "disable it in the stage `0d`, and delete it in a later one",
            );
        }
        if number + 1 < state.stages.len() {
            misplaced(
                format!(
                    "{} has stages after its accounts are deleted",
                    quoted(&state.name)
                ),
                "let this stage be the last: there is nothing left that could change",
            );
        }
        let (enabled, create) = state.ever();
        if enabled || create {
            let what = if enabled { "enabled" } else { "made" };
            misplaced(
                format!("accounts are {what} in a stage of {}", quoted(&state.name)),
                "delete in a state whose stages all say `enabled: false` and make no accounts",
            );
        }
        if says_more(&stage.account) {
            misplaced(
                "this stage deletes accounts and says something else about them as well".to_owned(),
                "say it in the stage before: an account that may not be deleted yet stays as it is there",
            );
        }
        let wrong = match parse_days(&deletion.disabled_for) {
            Ok(0) => Some("this is no time at all"),
            Ok(_) => None,
            Err(crate::config::DurationError::TooLong) => Some("this is more than ten years"),
            Err(_) => Some("this is not a number of days"),
        };
        if let Some(wrong) = wrong {
            let help = Some("write days or weeks: `30d`, `4w`".to_owned());
            let at = join(&at, "disabledFor");
            report.error(doc, &at, codes::BAD_DURATION, wrong, help);
        }
        if !context.set.incomplete && !is_limited(target, context) {
            report.error_key(
                doc,
                &at,
                codes::DELETE_UNLIMITED,
                format!(
                    "nothing limits how many accounts one plan may delete in {}",
                    quoted(target)
                ),
                Some("add a limit to a Guards document of the target: `{name: deletions, actions: [delete], max: 10, onBreach: holdClass}`".to_owned()),
            );
        }
    }
}

fn says_more(account: &StageAccount) -> bool {
    account.placement.is_some()
        || account.groups.is_some()
        || account.keep_groups.is_some()
        || account.password.is_some()
        || account.services.is_some()
        || !account.attributes.is_empty()
}

/// Whether a limit counts every account of the target that is deleted: one for each part allows as many as there are
/// parts.
fn is_limited(target: &str, context: &Context<'_>) -> bool {
    let counts = |class: &ActionClass| {
        matches!(
            class,
            ActionClass::Delete | ActionClass::Removals | ActionClass::Any
        )
    };
    context
        .set
        .guards
        .iter()
        .filter(|guards| guards.spec.target == target)
        .flat_map(|guards| &guards.spec.limits)
        .any(|limit| limit.actions.iter().any(counts) && limit.per == Per::All)
}
