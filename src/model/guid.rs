//! `objectGUID`, the identity of a directory object.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An `objectGUID`: immutable identity of a directory object.
///
/// On the wire its first three groups are little-endian ([MS-DTYP] 2.3.4.2); as text it is the usual dashed form
/// in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(uuid::Uuid);

impl Guid {
    /// From the 16 bytes of an `objectGUID` value; `None` for any other length.
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        Some(Self(uuid::Uuid::from_bytes_le(bytes.try_into().ok()?)))
    }

    /// The 16 bytes as the directory stores them.
    pub fn to_wire(self) -> [u8; 16] {
        self.0.to_bytes_le()
    }

    /// An identity for an invented object: greater numbers give greater identities.
    pub fn numbered(number: u64) -> Self {
        Self(uuid::Uuid::from_u128(u128::from(number) + 1))
    }

    /// From the dashed or plain hexadecimal text.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::try_parse(text).ok().map(Self)
    }
}

impl std::fmt::Display for Guid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("not a GUID: {text:?}")))
    }
}

impl schemars::JsonSchema for Guid {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Guid".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "objectGUID in dashed lower-case text form",
            "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Guid;

    #[test]
    fn wire_form_is_little_endian_in_the_first_three_groups() {
        let guid = Guid::parse("00112233-4455-6677-8899-aabbccddeeff").expect("a guid");
        assert_eq!(
            guid.to_wire(),
            [
                0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
                0xee, 0xff
            ]
        );
        assert_eq!(Guid::from_wire(&guid.to_wire()), Some(guid));
        assert_eq!(Guid::from_wire(&[0; 15]), None);
    }
}
