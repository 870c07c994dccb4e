//! What becomes of people who come back from a state.

use super::Report;
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::duration::parse_days;
use crate::config::kinds::{ReturningAccount, State};
use crate::config::yaml::{Doc, join};

/// What stamps say on accounts that new ones took the place of.
const REPLACED: &str = "replaced";

/// One state's. `stamped` says whether the target keeps stamps.
pub(super) fn check(state: &State, doc: &Doc, pointer: &str, stamped: bool, report: &mut Report) {
    let Some(returning) = &state.returning else {
        return;
    };
    let at = join(pointer, "returning");
    if let Some(after) = &returning.after
        && let Err(error) = parse_days(after)
    {
        report.error(
            doc,
            &join(&at, "after"),
            codes::BAD_DURATION,
            match error {
                crate::config::DurationError::TooLong => "this is more than ten years",
                _ => "this is not a number of days",
            },
            Some("write days or weeks: `90d`, `13w`".to_owned()),
        );
    }
    if returning.account == ReturningAccount::Same {
        return;
    }
    if state.ever().0 {
        report.error_key(
            doc,
            &at,
            codes::RETURNING_STATE,
            format!(
                "accounts are enabled in {}, so nobody comes back from it",
                quoted(&state.name)
            ),
            Some("say it in the state of people who have left".to_owned()),
        );
    }
    if !stamped {
        report.error_key(
            doc,
            &at,
            codes::RETURNING_STATE,
            "nothing tells of an account that its person has left",
            Some("have it kept in an attribute: `stamp` of the target".to_owned()),
        );
    }
}

/// The name no state has where accounts can be replaced.
pub(super) fn reserved(states: &[State], doc: &Doc, report: &mut Report) {
    let replaces = |state: &State| {
        let returning = state.returning.as_ref();
        returning.is_some_and(|returning| returning.account == ReturningAccount::New)
    };
    if let Some(number) = states.iter().position(|state| state.name == REPLACED)
        && states.iter().any(replaces)
    {
        report.error(
            doc,
            &format!("/spec/states/{number}/name"),
            codes::DUPLICATE_STATE,
            "stamps of accounts that new ones took the place of say `replaced`, so no state can be called that",
            Some("give this one another name".to_owned()),
        );
    }
}
