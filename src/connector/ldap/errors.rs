//! What the server's refusals mean.
//!
//! Decides on the LDAP result code and the eight hex digits Active Directory puts in front of its text ([MS-ADTS]
//! 3.1.1.3.1.9), on words only where Samba sends no digits. Must not know who asked for what.

use ldap3::LdapResult;

use crate::connector::ConnectorError;

/// The exchange with the server broke off.
#[derive(Debug)]
pub(super) enum Broken {
    /// The request never left.
    NotSent(String),
    /// The request may have left; no (readable) answer came.
    NoAnswer(String),
}

impl Broken {
    /// As an error of something that changes nothing: can be asked again.
    pub(super) fn on_read(self, system: &str, what: &str) -> ConnectorError {
        let (Self::NotSent(why) | Self::NoAnswer(why)) = self;
        ConnectorError::Transient {
            system: system.to_owned(),
            message: format!("{what}: {why}"),
            retry_after: None,
        }
    }

    /// As an error of a write: once sent, nobody knows whether it happened.
    pub(super) fn on_write(self, system: &str, what: &str) -> ConnectorError {
        match self {
            Self::NotSent(_) => self.on_read(system, what),
            Self::NoAnswer(why) => ConnectorError::Unknown {
                system: system.to_owned(),
                message: format!("{what}: {why}"),
            },
        }
    }
}

/// The Win32 code at the beginning of a diagnostic text, `None` when there is none.
pub(super) fn code(text: &str) -> Option<u32> {
    let digits = text.get(..8)?;
    if text.as_bytes().get(8) != Some(&b':') {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// What a result other than success means for `what` (an operation on a named object), which touched these
/// attributes.
pub(super) fn refused(
    system: &str,
    what: &str,
    result: &LdapResult,
    touched: &[&str],
) -> ConnectorError {
    let system = system.to_owned();
    let code = code(&result.text).unwrap_or_default();
    let words = |meaning: &str| format!("{what}: {meaning} ({})", answer(result));
    let invalid = |meaning: &str, field: Option<&str>| ConnectorError::Invalid {
        system: system.clone(),
        field: field.map_or_else(
            || field_named(&result.text, touched),
            |f| Some(f.to_owned()),
        ),
        message: words(meaning),
    };
    let conflict = |meaning: &str| ConnectorError::Conflict {
        system: system.clone(),
        message: words(meaning),
    };
    // Samba says it with result 19, Active Directory with 53; the code is the same.
    if code == 0x52d {
        return invalid(
            "the password does not fulfil the domain's policy",
            Some("unicodePwd"),
        );
    }
    match result.rc {
        3 | 51 | 52 => ConnectorError::Transient {
            message: words("the server is busy or shutting down"),
            system,
            retry_after: None,
        },
        8 | 13 => ConnectorError::Unavailable {
            message: words(
                "the server wants a protected connection and does not see one; look at `tls`",
            ),
            system,
        },
        49 => ConnectorError::Denied {
            message: words(logon_failure(&result.text)),
            system,
        },
        1 if code == 0x4dc || result.text.contains("without authentication") => {
            ConnectorError::Denied {
                message: words("the server takes this connection for an anonymous one"),
                system,
            }
        }
        50 => ConnectorError::Denied {
            message: words("the account may not do this here"),
            system,
        },
        32 => ConnectorError::NotFound {
            message: words("no such object"),
            system,
        },
        80 if code == 0x2095 => ConnectorError::NotFound {
            message: words("no such parent"),
            system,
        },
        16 if code == 0x57 || result.text.contains("not found in the schema") => {
            invalid("the directory's schema has no such attribute", None)
        }
        16 => conflict("the value to take away is not there any more"),
        19 if matches!(code, 0x21c7 | 0x21c8) => conflict("a name is already in use in the forest"),
        // Samba has one code for every objection of its SAM checks.
        19 if code == 0x202f && result.text.contains("in use") => {
            conflict("a name is already in use in the domain")
        }
        // Samba says the same of two values sent and of one sent to an attribute that has one by now. The second is
        // what a compare-and-set meets; whoever sent two knows it.
        20 => conflict("a value is already there"),
        68 if matches!(code, 0x524 | 0x526) => {
            conflict("the logon name is already in use in the domain")
        }
        68 => conflict("the name is already taken"),
        19 if matches!(code, 0x2082 | 0x200b) => {
            invalid("the value is too long or too short", None)
        }
        19 | 21 => invalid("the value is not allowed", None),
        17 => invalid("the directory's schema has no such attribute", None),
        34 | 64 => invalid("the name is not possible there", None),
        65 => invalid(
            "the object may not have this attribute, or lacks one it must have",
            None,
        ),
        66 => conflict("objects stand below it, and nothing is deleted together with others"),
        67 => invalid("the name changes only by renaming", None),
        1 | 11 | 53 | 69 | 71 | 80 => invalid("the server will not do it", None),
        _ => ConnectorError::Unavailable {
            message: words("the server cannot answer this"),
            system,
        },
    }
}

/// Result code with its name, and the server's text made safe to print.
fn answer(result: &LdapResult) -> String {
    let text: String = result
        .text
        .trim_matches(|c: char| c.is_control() || c.is_whitespace())
        .chars()
        .take(300)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let name = match result.rc {
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        19 => "constraintViolation",
        20 => "attributeOrValueExists",
        21 => "invalidAttributeSyntax",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        64 => "namingViolation",
        65 => "objectClassViolation",
        66 => "notAllowedOnNonLeaf",
        67 => "notAllowedOnRDN",
        68 => "entryAlreadyExists",
        69 => "objectClassModsProhibited",
        71 => "affectsMultipleDSAs",
        80 => "other",
        _ => "LDAP result",
    };
    if text.is_empty() {
        format!("{name}, {}", result.rc)
    } else {
        format!("{name}, {}: {text}", result.rc)
    }
}

/// The attribute a refusal is about: the server's word for it, else the only one touched.
fn field_named(text: &str, touched: &[&str]) -> Option<String> {
    // Active Directory: `… Att 9005a (unicodePwd)`. Samba: `attribute 'mail' …`.
    let quoted = text
        .split_once("Att ")
        .and_then(|(_, rest)| rest.split_once('('))
        .and_then(|(_, rest)| rest.split_once(')'))
        .or_else(|| {
            text.split_once("attribute '")
                .and_then(|(_, rest)| rest.split_once('\''))
        })
        .map(|(name, _)| name);
    let of_ours = |name: &str| touched.iter().find(|one| one.eq_ignore_ascii_case(name));
    let named = quoted.and_then(of_ours).or_else(|| {
        // Samba's SAM checks begin with the attribute's name.
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .find_map(of_ours)
    });
    match (named, touched) {
        (Some(name), _) => Some((*name).to_owned()),
        (None, [only]) => Some((*only).to_owned()),
        _ => None,
    }
}

/// What the `data` code of a failed bind means.
fn logon_failure(text: &str) -> &'static str {
    let data = text
        .split_once("data ")
        .map(|(_, rest)| rest.split(',').next().unwrap_or_default().trim());
    match data {
        Some("525") => "no such user",
        Some("52e") => "wrong user name or password",
        Some("530") => "the account may not sign in at this hour",
        Some("531") => "the account may not sign in from here",
        Some("532") => "the account's password has expired",
        Some("533") => "the account is disabled",
        Some("701") => "the account has expired",
        Some("773") => "the account must change its password first",
        Some("775") => "the account is locked out",
        Some("57") => "the user name is longer than 255 characters",
        _ => "the server does not accept who we say we are",
    }
}

#[cfg(test)]
mod tests {
    use ldap3::LdapResult;

    use super::{Broken, code, refused};
    use crate::connector::ConnectorError;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult {
            rc,
            matched: String::new(),
            text: text.to_owned(),
            refs: Vec::new(),
            ctrls: Vec::new(),
        }
    }

    #[test]
    fn leading_digits_are_read_and_nothing_else() {
        assert_eq!(
            code("0000052D: SvcErr: DSID-031A0FC0, problem 5003"),
            Some(0x52d)
        );
        assert_eq!(code("Attribute member already exists"), None);
        assert_eq!(code("80090308: LdapErr"), Some(0x8009_0308));
        assert_eq!(code("0000Łódź"), None);
        assert_eq!(code(""), None);
    }

    #[test]
    fn refusals_of_both_servers_mean_the_same() {
        type Check = fn(&ConnectorError) -> bool;
        let denied: Check = |e| matches!(e, ConnectorError::Denied { .. });
        let conflict: Check = |e| matches!(e, ConnectorError::Conflict { .. });
        let invalid: Check = |e| matches!(e, ConnectorError::Invalid { .. });
        let missing: Check = |e| matches!(e, ConnectorError::NotFound { .. });
        let transient: Check = |e| matches!(e, ConnectorError::Transient { .. });
        let unavailable: Check = |e| matches!(e, ConnectorError::Unavailable { .. });
        let cases: &[(u32, &str, Check)] = &[
            (
                19,
                "0000052D: Constraint violation - check_password_restrictions: the password is too short",
                invalid,
            ),
            (
                53,
                "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
                invalid,
            ),
            (68, "Entry CN=a,DC=example,DC=test already exists", conflict),
            (
                68,
                "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0",
                conflict,
            ),
            (
                68,
                "00002071: samldb: samAccountName 'U1' already in use!",
                conflict,
            ),
            (
                19,
                "0000202F: samldb: userPrincipalName 'a@example.test' is already in use",
                conflict,
            ),
            (
                19,
                "0000202F: samldb: sAMAccountName contains invalid '/' character",
                invalid,
            ),
            (
                19,
                "000021C8: AtrErr: DSID-03200BBA, #1: 0: 000021C8: DSID-03200BBA, problem 1005",
                conflict,
            ),
            (
                16,
                "attribute 'mail': no matching attribute value while deleting",
                conflict,
            ),
            (
                16,
                "00002085: AtrErr: DSID-03151904, #1: problem 1001 (NO_ATTRIBUTE_OR_VAL)",
                conflict,
            ),
            (
                16,
                "objectclass_attrs: attribute 'nope' on entry 'CN=a' was not found in the schema!",
                invalid,
            ),
            (
                16,
                "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation",
                invalid,
            ),
            (
                20,
                "00002083: AtrErr: DSID-03151830, #1: problem 1006 (ATT_OR_VALUE_EXISTS)",
                conflict,
            ),
            (
                20,
                "0000200D: SINGLE-VALUE attribute mail on CN=a specified more than once",
                conflict,
            ),
            (
                1,
                "00002020: Operation unavailable without authentication",
                denied,
            ),
            (1, "00002020: operations error", invalid),
            (
                21,
                "0000200B: objectclass_attrs: attribute 'mail' on entry 'CN=a' contains at least one invalid value!",
                invalid,
            ),
            (
                19,
                "00002082: AtrErr: DSID-03151D51, #1: problem 1005, Att 9090000 (displayName)",
                invalid,
            ),
            (
                32,
                "0000208D: NameErr: DSID-03100238, problem 2001 (NO_OBJECT)",
                missing,
            ),
            (80, "00002095: newparent not found", missing),
            (80, "00000057: something", invalid),
            (
                50,
                "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS)",
                denied,
            ),
            (
                49,
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1",
                denied,
            ),
            (8, "BindSimple: Transport encryption required.", unavailable),
            (51, "", transient),
            (3, "", transient),
            (4, "", unavailable),
            (10, "0000202B: RefErr: DSID-031007F9", unavailable),
        ];
        for (rc, text, is) in cases {
            let error = refused(
                "directory corp",
                "modify CN=a",
                &result(*rc, text),
                &["mail", "cn"],
            );
            assert!(is(&error), "{rc} {text}: {error:?}");
        }
    }

    #[test]
    fn the_field_is_named_when_it_can_be() {
        let field = |rc, text: &str, touched: &[&str]| match refused(
            "d",
            "modify",
            &result(rc, text),
            touched,
        ) {
            ConnectorError::Invalid { field, .. } => field,
            other => panic!("{other:?}"),
        };
        let two = &["displayName", "mail"][..];
        let ad = "00002082: AtrErr: DSID-03151D51, #1:\n0: problem 1005, data 0, Att d (displayName):len 514";
        assert_eq!(field(19, ad, two).as_deref(), Some("displayName"));
        let samba = "0000200B: objectclass_attrs: attribute 'mail' on entry 'CN=x' contains at least one invalid value!";
        assert_eq!(field(21, samba, two).as_deref(), Some("mail"));
        assert_eq!(field(21, "", &["mail"]).as_deref(), Some("mail"));
        assert_eq!(field(21, "", two), None);
        assert_eq!(
            field(53, "0000052D: SvcErr", two).as_deref(),
            Some("unicodePwd")
        );
    }

    #[test]
    fn a_write_that_was_sent_may_have_happened() {
        let lost = Broken::NoAnswer("the connection was lost".to_owned());
        assert!(matches!(
            lost.on_write("d", "add"),
            ConnectorError::Unknown { .. }
        ));
        let kept = Broken::NotSent("the connection was closed".to_owned());
        assert!(matches!(
            kept.on_write("d", "add"),
            ConnectorError::Transient { .. }
        ));
        let read = Broken::NoAnswer("the connection was lost".to_owned());
        assert!(matches!(
            read.on_read("d", "search"),
            ConnectorError::Transient { .. }
        ));
    }

    #[test]
    fn server_text_cannot_break_a_terminal_or_a_log() {
        let text = format!("00000057: a\u{1b}[31m\nb{}\0", "x".repeat(1000));
        let shown = refused("d", "add", &result(53, &text), &[]).to_string();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.len() < 500);
    }
}
