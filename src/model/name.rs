//! Short identifiers that must not be mixed up.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(transparent)]
        pub struct $name(#[schemars(with = "String")] CompactString);

        impl $name {
            /// Wraps a text that the caller has already checked.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(CompactString::from(text.as_ref()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// `metadata.name` of a configuration document: a source, a target, a table, a mapping.
    Name
}
text_id! {
    /// What identifies a person within one source: the HaloITSM id as decimal text (`"1042"`).
    PersonKey
}

impl PersonKey {
    /// The order people are listed and served in: numeric keys first, by number, then the others by text.
    pub fn natural_cmp(&self, other: &Self) -> std::cmp::Ordering {
        let number = |key: &Self| {
            let digits = !key.0.is_empty() && key.0.bytes().all(|byte| byte.is_ascii_digit());
            let shortest = key.0.trim_start_matches('0').len();
            (!digits, if digits { shortest } else { 0 })
        };
        number(self)
            .cmp(&number(other))
            .then_with(|| {
                self.0
                    .trim_start_matches('0')
                    .cmp(other.0.trim_start_matches('0'))
            })
            .then_with(|| self.0.cmp(&other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::PersonKey;

    #[test]
    fn keys_are_ordered_by_number() {
        let mut keys = ["10", "b", "9", "09", "", "a1", "100", "0"].map(PersonKey::new);
        keys.sort_by(PersonKey::natural_cmp);
        assert_eq!(
            keys.each_ref().map(PersonKey::as_str),
            ["0", "09", "9", "10", "100", "", "a1", "b"]
        );
    }
}
