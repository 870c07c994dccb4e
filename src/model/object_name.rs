//! The names configuration may call a directory object by.
//!
//! Holds the three forms and tells them apart by their look alone; knows nothing of a directory. Keeps that one text
//! has one form, whatever the directory holds.

use super::dn::{Dn, DnError};
use super::guid::Guid;

/// What somebody wrote to name an object of a directory.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectName {
    /// A distinguished name: whatever holds a `=`, which no other form can.
    Dn(Dn),
    /// An `objectGUID` in dashed text form.
    Guid(Guid),
    /// A `sAMAccountName`.
    Sam(String),
}

/// Why a text names no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectNameError {
    /// It looks like a distinguished name and is none.
    #[error(transparent)]
    Dn(#[from] DnError),
    /// It holds nothing, or a character no `sAMAccountName` has.
    #[error("neither a distinguished name, an objectGUID nor a sAMAccountName")]
    Unnamable,
}

/// Characters a `sAMAccountName` never has ([MS-SAMR] 3.1.1.6).
const NEVER: &[char] = &[
    '"', '/', '\\', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>',
];

/// The greatest length of a `sAMAccountName` in the schema ([MS-ADA3] 2.222).
const LONGEST: usize = 256;

impl ObjectName {
    /// Reads a name.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, ObjectNameError> {
        let text = text.trim();
        if text.contains('=') {
            return Ok(Self::Dn(Dn::parse(text)?));
        }
        if text.len() == 36
            && let Some(guid) = Guid::parse(text)
        {
            return Ok(Self::Guid(guid));
        }
        let fits = !text.is_empty()
            && text.chars().count() <= LONGEST
            && !text.chars().any(|c| c.is_control() || NEVER.contains(&c));
        if fits {
            Ok(Self::Sam(text.to_owned()))
        } else {
            Err(ObjectNameError::Unnamable)
        }
    }

    /// As it stands in a sentence.
    pub fn spoken(&self) -> String {
        super::spoken::object(&self.to_string())
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dn(dn) => f.write_str(dn.as_str()),
            Self::Guid(guid) => guid.fmt(f),
            Self::Sam(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectName, ObjectNameError};

    #[test]
    fn the_look_of_a_name_decides_its_form() {
        let parse = |text: &str| ObjectName::parse(text);
        assert!(matches!(parse("CN=Sales,DC=corp"), Ok(ObjectName::Dn(_))));
        assert!(matches!(
            parse(" 00112233-4455-6677-8899-AABBCCDDEEFF "),
            Ok(ObjectName::Guid(_))
        ));
        assert_eq!(
            parse("Sales Team"),
            Ok(ObjectName::Sam("Sales Team".to_owned()))
        );
        // The plain form could be somebody's logon name as well.
        assert!(matches!(
            parse("00112233445566778899aabbccddeeff"),
            Ok(ObjectName::Sam(_))
        ));
        assert!(matches!(parse("CN=a,b"), Err(ObjectNameError::Dn(_))));
        for wrong in ["", " ", "a,b", "a\\b", "a\nb", &"x".repeat(257)] {
            assert_eq!(parse(wrong), Err(ObjectNameError::Unnamable), "{wrong:?}");
        }
    }
}
