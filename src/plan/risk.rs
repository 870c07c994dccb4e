//! How dangerous it is to write an attribute.
//!
//! Known by name, not by schema: what an attribute decides stands in no definition of it.

use super::{AttributeChange, Risk};
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
