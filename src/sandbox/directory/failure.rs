//! How Active Directory says no: LDAP result, eight hex digits, problem class.
//!
//! The digits are Win32 codes; clients decide on result and digits, never on the rest. `DSID` numbers name places in
//! Microsoft's source and are stand-ins here. The text ends in a NUL as AD's does.

/// An LDAP result other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// LDAP `resultCode`.
    pub code: u32,
    /// The eight hex digits, as a number.
    pub win32: u32,
    /// `matchedDN`.
    pub matched: String,
    /// `diagnosticMessage`.
    pub text: String,
    /// `referral`.
    pub referral: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ldap result {}: {}",
            self.code,
            self.text.trim_end_matches(['\0', '\n'])
        )
    }
}

impl std::error::Error for Failure {}

impl Failure {
    fn new(code: u32, win32: u32, rest: &str) -> Self {
        Self {
            code,
            win32,
            matched: String::new(),
            text: format!("{win32:08X}: {rest}\n\0"),
            referral: None,
        }
    }

    /// Any result with any text: for faults injected on purpose.
    pub fn raw(code: u32, text: &str) -> Self {
        Self {
            code,
            win32: u32::from_str_radix(text.get(..8).unwrap_or_default(), 16).unwrap_or_default(),
            matched: String::new(),
            text: text.to_owned(),
            referral: None,
        }
    }

    /// Problem with the service: 53 `WILL_NOT_PERFORM`.
    pub(crate) fn unwilling(win32: u32) -> Self {
        Self::new(
            53,
            win32,
            "SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0",
        )
    }

    /// 50 `INSUFF_ACCESS_RIGHTS`.
    pub(crate) fn denied(win32: u32) -> Self {
        Self::new(
            50,
            win32,
            "SecErr: DSID-03152E29, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
        )
    }

    /// 32 `NO_OBJECT`, with the nearest object that exists.
    pub(crate) fn no_object(win32: u32, matched: &str) -> Self {
        let mut failure = Self::new(
            32,
            win32,
            &format!(
                "NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{matched}'"
            ),
        );
        matched.clone_into(&mut failure.matched);
        failure
    }

    /// 34: not a name.
    pub(crate) fn bad_name(text: &str) -> Self {
        Self::new(
            34,
            0x208f,
            &format!(
                "NameErr: DSID-03100232, problem 2006 (BAD_NAME), data 8350, best match of:\n\t'{text}'"
            ),
        )
    }

    /// 64: this name cannot stand there.
    pub(crate) fn naming(win32: u32) -> Self {
        Self::new(
            64,
            win32,
            "NameErr: DSID-0315270C, problem 2005 (NAMING_VIOLATION), data 0, best match of:\n\t''",
        )
    }

    /// Problem of an update: object class, children, name taken.
    pub(crate) fn update(code: u32, win32: u32) -> Self {
        let problem = match code {
            65 => "6002 (OBJ_CLASS_VIOLATION)",
            66 => "6003 (CANT_ON_NON_LEAF)",
            67 => "6004 (CANT_ON_RDN)",
            68 => "6005 (ENTRY_EXISTS)",
            _ => "6001 (NAMING_VIOLATION)",
        };
        let text = if code == 67 {
            format!("UpdErr: DSID-03151D54, problem {problem}, data 0")
        } else {
            format!("UpdErr: DSID-031A11E5, problem {problem}, data 0")
        };
        Self::new(code, win32, &text)
    }

    /// Problem of an attribute: 16, 19, 20, 21.
    pub(crate) fn attribute(code: u32, win32: u32, name: &str) -> Self {
        let problem = match code {
            16 => "1001 (NO_ATTRIBUTE_OR_VAL)",
            20 => "1006 (ATT_OR_VALUE_EXISTS)",
            21 => "1002 (INVALID_ATT_SYNTAX)",
            _ => "1005 (CONSTRAINT_ATT_TYPE)",
        };
        // AD prints the internal number of the attribute; `9005a` is the one people know.
        let number = if name == "unicodePwd" { "9005a" } else { "0" };
        Self::new(
            code,
            win32,
            &format!(
                "AtrErr: DSID-03190F80, #1:\n\t0: {win32:08X}: DSID-03190F80, problem {problem}, data 0, Att {number} ({name})\n"
            ),
        )
    }

    /// 16: no such attribute in the schema.
    pub(crate) fn unknown_attribute() -> Self {
        Self::ldap(16, 0x57, "Error in attribute conversion operation", "0")
    }

    /// 80 with a Win32 code only.
    pub(crate) fn system(win32: u32) -> Self {
        Self::new(
            80,
            win32,
            "SysErr: DSID-031A1256, problem 22 (Invalid argument), data 0",
        )
    }

    /// Trouble with the protocol itself.
    pub(crate) fn ldap(code: u32, win32: u32, comment: &str, data: &str) -> Self {
        Self::new(
            code,
            win32,
            &format!("LdapErr: DSID-0C0909F2, comment: {comment}, data {data}, v4f7c"),
        )
    }

    /// 49 with the reason as `data` ({525, 52e, 530, 531, 532, 533, 701, 773, 775, 57}).
    pub(crate) fn bind(data: &str) -> Self {
        Self::ldap(49, 0x8009_0308, "AcceptSecurityContext error", data)
    }

    /// 10: somewhere else.
    pub(crate) fn referral(url: String, host: &str) -> Self {
        let mut failure = Self::new(
            10,
            0x202b,
            &format!("RefErr: DSID-0310084B, data 0, 1 access points\n\tref 1: '{host}'\n"),
        );
        failure.referral = Some(url);
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn the_digits_lead_the_text() {
        let failure = Failure::attribute(19, 0x52d, "unicodePwd");
        assert!(failure.text.starts_with("0000052D: AtrErr: DSID-"));
        assert!(failure.text.contains("Att 9005a (unicodePwd)"));
        assert!(Failure::bind("52e").text.contains("data 52e, v"));
        assert_eq!(Failure::raw(51, "0000200E: SvcErr: busy").win32, 0x200e);
    }
}
