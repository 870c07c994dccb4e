//! How dangerous a change is by what it does: an attribute, and the least an action can be.
//!
//! Attributes are known by name, not by schema: what an attribute decides stands in no definition of it. One that is not
//! known here is descriptive, so the lists name what is known to be more.

use super::{Action, AttributeChange, Change, Risk};
use crate::mapping::is_logon_name;

/// Attributes whose value is a right, a credential, a program or a way for mail: who can write one can become somebody,
/// or read what is somebody else's. Some of them no rule may write at all; they stand here for plans that no planner made.
const POWERFUL: [&str; 51] = [
    // Another way to sign in as the account: names of certificates and Kerberos principals, keys, former identifiers
    // (certificates and keys: RFC 4556; the attributes: [MS-ADA1] to [MS-ADA3]).
    "altSecurityIdentities",
    "msDS-KeyCredentialLink",
    "sIDHistory",
    // What others encrypt to, and whom they take a signature to be from.
    "userCertificate",
    "userPKCS12",
    "userSMIMECertificate",
    // Kept keys that are copied to every machine of the account: what is written there is unpacked there.
    "msPKIAccountCredentials",
    "msPKI-CredentialRoamingTokens",
    "msPKIDPAPIMasterKeys",
    "msPKIRoamingTimeStamp",
    // Tickets: an account with a principal name can be asked for by anybody, who then guesses its password; delegation
    // lets it be somebody else; weaker ciphers and policies make both easier ([MS-KILE] 2.2.7, [MS-SFU]).
    "dNSHostName",
    "msDS-AdditionalDnsHostName",
    "msDS-AllowedToActOnBehalfOfOtherIdentity",
    "msDS-AllowedToDelegateTo",
    "msDS-AssignedAuthNPolicy",
    "msDS-AssignedAuthNPolicySilo",
    "msDS-SupportedEncryptionTypes",
    "servicePrincipalName",
    // Rights and marks of the directory itself.
    "adminCount",
    "msDS-CreatorSID",
    "nTSecurityDescriptor",
    "primaryGroupID",
    "userAccountControl",
    // Who somebody is elsewhere: the identifier a cloud directory takes over an account by, and numbers that are the
    // identity on POSIX systems, where 0 may do everything (RFC 2307).
    "gidNumber",
    "mS-DS-ConsistencyGuid",
    "uidNumber",
    // What runs when the person signs in, or is loaded with the profile. `userParameters` holds the terminal server's
    // settings, a program to start among them ([MS-TSTS] 2.3.1).
    "loginShell",
    "msTSInitialProgram",
    "msTSProfilePath",
    "msTSWorkDirectory",
    "profilePath",
    "scriptPath",
    "unixHomeDirectory",
    "userParameters",
    // Whether and from where the network may be dialled into.
    "msNPAllowDialin",
    "msRADIUSCallbackNumber",
    "msRADIUSServiceType",
    // Where mail goes, who gets a copy, and who reads or sends as whom.
    "altRecipient",
    "deliverAndRedirect",
    "forwardingAddress",
    "homeMDB",
    "homeMTA",
    "msExchDelegateListLink",
    "msExchGenericForwardingAddress",
    "msExchHomeServerName",
    "msExchMailboxGuid",
    "msExchMailboxSecurityDescriptor",
    "msExchMasterAccountSid",
    "publicDelegates",
    "targetAddress",
    "legacyExchangeDN",
];

/// What somebody feels the same day: when and where they can sign in, with which files, and by which name they are reached.
/// Manager, telephone numbers and extension attributes stay descriptive although other systems may go by them: of those this
/// program knows nothing.
const FELT: [&str; 18] = [
    "accountExpires",
    // Filters of synchronisation to a cloud directory: an account that matches none is deleted there.
    "adminDescription",
    "authOrig",
    "dLMemRejectPerms",
    "dLMemSubmitPerms",
    "homeDirectory",
    "homeDrive",
    "logonHours",
    "mailNickname",
    "msDS-PrimaryComputer",
    "msExchRecipientTypeDetails",
    "msExchRemoteRecipientType",
    "msRTCSIP-PrimaryUserAddress",
    "msTSHomeDirectory",
    "msTSHomeDrive",
    "uid",
    "unauthOrig",
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
            // A new account may be made to run what somebody else wants, too.
            Action::Create { attributes, .. } => of_attributes(attributes).max(Risk::Medium),
            Action::Adopt { .. }
            | Action::Enable { .. }
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
            ("msds-keycredentiallink", Risk::High),
            ("publicDelegates", Risk::High),
            ("userParameters", Risk::High),
            ("homeDirectory", Risk::Medium),
        ] {
            assert_eq!(of_attribute(name), risk, "{name}");
        }
        assert_eq!(of_attributes(&[]), Risk::Low);
    }
}
