//! How dangerous a change is by what it does: an attribute, and the least an action can be.
//!
//! Attributes are known by name, not by schema: what an attribute decides stands in no definition of it.

use super::{Action, AttributeChange, Change, Risk};
use crate::mapping::is_logon_name;

/// Who may sign in as whom, which program runs for them, and where their mail goes ([MS-ADA1] to [MS-ADA3]).
const POWERFUL: [&str; 7] = [
    "altRecipient",
    "altSecurityIdentities",
    "msExchGenericForwardingAddress",
    "msTSInitialProgram",
    "scriptPath",
    "servicePrincipalName",
    "targetAddress",
];

/// When and where somebody can sign in, and with which files.
const FELT: [&str; 7] = [
    "accountExpires",
    "homeDirectory",
    "logonHours",
    "msTSHomeDirectory",
    "msTSProfilePath",
    "profilePath",
    "userWorkstations",
];

impl Change {
    /// The least risk of such a change, whoever made the plan: what takes something away is never less than `high`.
    pub fn least_risk(&self) -> Risk {
        let by_action = match &self.action {
            Action::Delete { .. } => Risk::Irreversible,
            Action::Disable {}
            | Action::RemoveMember { .. }
            | Action::ResetPassword {}
            | Action::Restore { .. } => Risk::High,
            Action::Modify { attributes } => of_attributes(attributes),
            Action::Create { .. }
            | Action::Adopt { .. }
            | Action::Enable {}
            | Action::Rename { .. }
            | Action::Move { .. }
            | Action::AddMember { .. } => Risk::Medium,
        };
        if self.privileged {
            by_action.max(Risk::High)
        } else {
            by_action
        }
    }
}

/// The highest risk any of the attributes has.
pub(super) fn of_attributes(changes: &[AttributeChange]) -> Risk {
    changes
        .iter()
        .map(|change| of_attribute(&change.name))
        .max()
        .unwrap_or(Risk::Low)
}

fn of_attribute(name: &str) -> Risk {
    let among = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if among(&POWERFUL) {
        Risk::High
    } else if among(&FELT) || is_logon_name(name) {
        Risk::Medium
    } else {
        Risk::Low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_who_signs_in_is_not_descriptive() {
        for (name, risk) in [
            ("title", Risk::Low),
            ("ACCOUNTEXPIRES", Risk::Medium),
            ("userPrincipalName", Risk::Medium),
            ("scriptpath", Risk::High),
            ("servicePrincipalName", Risk::High),
        ] {
            assert_eq!(of_attribute(name), risk, "{name}");
        }
        assert_eq!(of_attributes(&[]), Risk::Low);
    }
}
