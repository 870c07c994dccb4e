//! States that take people out of groups, where no rule says of which.

use std::collections::HashSet;

use super::{Context, Report};
use crate::config::codes;
use crate::config::diagnostic::quoted;
use crate::config::kinds::{GroupsInState, State};
use crate::config::yaml::join;

/// Only groups that rules name are ever touched, so without rules `groups: remove` leaves everybody where they are.
pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    if context.set.incomplete {
        return;
    }
    let ruled: HashSet<(&str, &str)> = context
        .set
        .groups
        .iter()
        .map(|groups| (groups.spec.source.as_str(), groups.spec.target.as_str()))
        .collect();
    for lifecycle in &context.set.lifecycles {
        let (source, target) = (&lifecycle.spec.source, &lifecycle.spec.target);
        if ruled.contains(&(source.as_str(), target.as_str())) {
            continue;
        }
        for (index, state) in lifecycle.spec.states.iter().enumerate() {
            let pointer = join("/spec/states", &index.to_string());
            for at in places(state) {
                report.warn(
                    &lifecycle.doc,
                    &format!("{pointer}{at}/groups"),
                    codes::NO_GROUP_RULES,
                    format!(
                        "nobody is taken out of any group, for no rule names one for people of {} in {}",
                        quoted(source),
                        quoted(target)
                    ),
                    Some(
                        "write a `Groups` document for both; if there is one, see that `include` of the project matches its file"
                            .to_owned(),
                    ),
                );
            }
        }
    }
}

/// Where a state says so, as pointers within it.
fn places(state: &State) -> Vec<String> {
    let account = state
        .account
        .iter()
        .map(|account| (Some(account.groups), "/account".to_owned()));
    let stages = state
        .stages
        .iter()
        .enumerate()
        .map(|(number, stage)| (stage.account.groups, format!("/stages/{number}/account")));
    account
        .chain(stages)
        .filter(|(groups, _)| *groups == Some(GroupsInState::Remove))
        .map(|(_, at)| at)
        .collect()
}
