//! How raw values of a source become facts, for the whole source and for single fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How values are cleaned before anything looks at them. White space around a text is always removed and Unicode
/// always brought to NFC; everything else is said here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Normalise {
    /// What becomes of HTML entities such as `&#39;` and `&eacute;`. Default: `decode` with the HaloITSM preset, which
    /// stores text that way, else `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entities: Option<Entities>,
    /// What becomes of white space within a text. Default: `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whitespace: Option<Whitespace>,
    /// What becomes of control characters (line breaks and tabs among them), marks of writing direction and
    /// zero-width spaces. Default: `keep`; a directory attribute that cannot hold them then holds the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Controls>,
    /// Case of what stands before the `@` in fields of type `email`. The domain is always put in lower case.
    /// Default: `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_local_part: Option<LocalPart>,
    /// How dates and times are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<Dates>,
    /// Values that mean "none" in every field, besides empty ones. A field's own `none` adds to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<String>,
}

/// What becomes of HTML entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Entities {
    /// Each is decoded, once: `&amp;lt;` becomes `&lt;`.
    Decode,
    /// They stay as they are.
    Keep,
}

/// What becomes of white space within a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Whitespace {
    /// Every run of it, no-break spaces and line breaks included, becomes one space.
    Collapse,
    /// It stays as it is.
    Keep,
}

/// What becomes of characters nobody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Controls {
    /// They stay as they are.
    Keep,
    /// They are taken out.
    Remove,
    /// Every run of control characters becomes one space; the others are taken out.
    Space,
}

/// Case of the local part of an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LocalPart {
    /// As it was written.
    Keep,
    /// In lower case. RFC 5321 section 2.4 leaves its meaning to the receiving system; hardly any tells cases apart.
    Lower,
}

/// How dates and times are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dates {
    /// Zone of dates and times that name none: `utc` (the default, as HaloITSM stores them), `project` (the project's
    /// time zone), or an IANA name such as `Europe/London`.
    pub zone: String,
}

/// What a select field's raw values stand for.
pub(super) type SelectValues = BTreeMap<String, String>;

/// One format, or several tried in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum DateFormats {
    /// One format.
    One(String),
    /// Several, tried in this order.
    Several(#[schemars(length(min = 1))] Vec<String>),
}

impl DateFormats {
    /// All of them, in order.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(format) => std::slice::from_ref(format),
            Self::Several(formats) => formats,
        }
    }
}
