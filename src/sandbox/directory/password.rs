//! Passwords: how `unicodePwd` carries them, what the policy says, how they are kept.
//!
//! Only salted hashes are kept; nothing here can give a password back.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::config::PasswordPolicy;
use super::core::Directory;
use super::store::{ObjectId, PasswordHash};
use crate::model::Guid;

/// The text in a `unicodePwd` value: UTF-16LE between double quotes ([MS-ADTS] 3.1.1.3.1.5.1).
pub(crate) fn decode(value: &[u8]) -> Option<Zeroizing<String>> {
    let (pairs, rest) = value.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units = Zeroizing::new(
        pairs
            .iter()
            .map(|pair| u16::from_le_bytes(*pair))
            .collect::<Vec<u16>>(),
    );
    let text = Zeroizing::new(String::from_utf16(&units).ok()?);
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    Some(Zeroizing::new(inner.to_owned()))
}

/// The `unicodePwd` form of a password.
pub fn encode(password: &str) -> Zeroizing<Vec<u8>> {
    let quoted = Zeroizing::new(format!("\"{password}\""));
    Zeroizing::new(quoted.encode_utf16().flat_map(u16::to_le_bytes).collect())
}

/// Salted with the object's identity.
pub(crate) fn hash(guid: Guid, password: &str) -> PasswordHash {
    let mut digest = Sha256::new();
    digest.update(guid.to_wire());
    digest.update(password.as_bytes());
    PasswordHash(digest.finalize().into())
}

/// Whether a password is long and varied enough ([MS-SAMR] 3.1.1.7.1; "Passwords must meet complexity requirements").
pub(crate) fn acceptable(
    policy: &PasswordPolicy,
    password: &str,
    account: &str,
    display: &str,
) -> bool {
    if password.chars().count() < policy.min_length as usize {
        return false;
    }
    if !policy.complexity {
        return true;
    }
    let classes = [
        password.chars().any(|c| c.is_uppercase()),
        password.chars().any(|c| c.is_lowercase()),
        password.chars().any(|c| c.is_ascii_digit()),
        password.chars().any(|c| !c.is_alphanumeric()),
        password
            .chars()
            .any(|c| c.is_alphabetic() && !c.is_uppercase() && !c.is_lowercase()),
    ];
    if classes.iter().filter(|&&present| present).count() < 3 {
        return false;
    }
    let folded = password.to_lowercase();
    let inside = |part: &str| part.chars().count() >= 3 && folded.contains(&part.to_lowercase());
    !inside(account)
        && !display
            .split([',', '.', '-', '_', ' ', '#', '\t'])
            .any(inside)
}

impl Directory {
    /// Sets a password without asking the policy, for service accounts and tests.
    pub(crate) fn store_password(&mut self, id: ObjectId, password: &str) {
        let now = self.now();
        let object = self.store.object_mut(id);
        let hashed = hash(object.guid, password);
        object.passwords.insert(0, hashed);
        let usn = object.usn_changed;
        object.note_password(now, usn);
        let stamp = super::value::filetime(now).to_string().into_bytes();
        let mut attributes = self.store.attributes(id);
        attributes.insert(self.schema.known.pwd_last_set, vec![stamp.into()]);
        self.store.set_attributes(&self.schema, id, attributes);
    }

    pub(crate) fn password_matches(&self, id: ObjectId, password: &str) -> bool {
        let object = self.object(id);
        object.passwords.first() == Some(&hash(object.guid, password))
    }
}

#[cfg(test)]
mod tests {
    use super::{acceptable, decode, encode};
    use crate::sandbox::directory::config::PasswordPolicy;

    #[test]
    fn only_quoted_utf16_is_a_password() {
        assert_eq!(
            decode(&encode("Ünï 1!")).as_deref(),
            Some(&"Ünï 1!".to_owned())
        );
        assert!(decode(b"\"plain\"").is_none());
        assert!(decode(b"abc").is_none());
        let unquoted: Vec<u8> = "Secret1!"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(decode(&unquoted).is_none());
        assert!(decode(&[]).is_none());
        // A single quote is both prefix and suffix but not two quotes.
        assert!(decode(&[b'"', 0]).is_none());
    }

    #[test]
    fn the_policy_wants_length_variety_and_no_names() {
        let policy = PasswordPolicy::default();
        let fine = |password: &str| acceptable(&policy, password, "jdoe", "Jane Doe-Smith");
        assert!(fine("Abcdef1"));
        assert!(!fine("Abcde1"));
        assert!(!fine("abcdefgh1"));
        assert!(!fine("xJDOEx-99"));
        assert!(!fine("Smith-2026"));
        let loose = PasswordPolicy {
            complexity: false,
            ..policy
        };
        assert!(acceptable(&loose, "aaaaaaa", "aaa", ""));
    }
}
