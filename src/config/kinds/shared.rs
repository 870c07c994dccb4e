//! Values several kinds use.

use serde::{Deserialize, Serialize};

/// Where a secret is found when it is needed. A secret never stands in a configuration file itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretRef {
    /// Name of an environment variable.
    Env(#[schemars(length(min = 1))] String),
    /// Path of a regular file that holds nothing but the secret, in one line (private keys may have several) and UTF-8;
    /// the line break at its end is not part of it.
    File(#[schemars(length(min = 1))] String),
}

/// A value that is not secret: written here, or taken from an environment variable so that one repository serves
/// several environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Setting {
    /// The value itself.
    Literal(String),
    /// The value of an environment variable.
    Environment(FromEnvironment),
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromEnvironment {
    /// Name of the environment variable.
    #[schemars(length(min = 1))]
    pub env: String,
}

/// The id of a person, as a number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum PersonId {
    /// As HaloITSM numbers people.
    Number(u64),
    /// As other systems may.
    Text(#[schemars(length(min = 1, max = 256))] String),
}

impl std::fmt::Display for PersonId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text.trim()),
        }
    }
}
