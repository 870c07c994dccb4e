//! Texts as bytes written in letters, and back.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use compact_str::CompactString;
use sha2::Digest as _;

use super::dates::shown;
use super::filters::{LONGEST, TooLong};
use super::ir::Unicode;

/// Base64 (RFC 4648 section 4), read with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn base64(text: &str, encoding: Unicode) -> Result<CompactString, TooLong> {
    if text.len() > LONGEST / 2 {
        return Err(TooLong);
    }
    Ok(match encoding {
        Unicode::Utf8 => BASE64.encode(text),
        Unicode::Utf16 => {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            BASE64.encode(bytes)
        }
    }
    .into())
}

pub(super) fn from_base64(text: &str) -> Result<CompactString, String> {
    if text.len() > LONGEST {
        return Err(format!("the text grew beyond {LONGEST} bytes"));
    }
    let compact: String = text.split_ascii_whitespace().collect();
    let bytes = BASE64
        .decode(compact)
        .map_err(|_| format!("{} is not base64", shown(text)))?;
    String::from_utf8(bytes)
        .map(CompactString::from)
        .map_err(|_| format!("the bytes behind {} are not text", shown(text)))
}

/// The bytes of the text in UTF-8, as large hexadecimal digits.
pub(super) fn hex(text: &str) -> Result<CompactString, TooLong> {
    if text.len() > LONGEST / 2 {
        return Err(TooLong);
    }
    Ok(::hex::encode_upper(text).into())
}

/// A UUID made of nothing but the text: version 8 (RFC 9562 section 5.8) over its SHA-256.
pub(super) fn uuid(text: &str) -> CompactString {
    let digest = sha2::Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest) {
        *byte = from;
    }
    let uuid = ::uuid::Builder::from_custom_bytes(bytes).into_uuid();
    compact_str::format_compact!("{uuid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_whole() {
        assert_eq!(base64("Jörg", Unicode::Utf8).unwrap(), "SsO2cmc=");
        assert_eq!(from_base64("SsO2cmc=").unwrap(), "Jörg");
        assert_eq!(from_base64("SsO2\n cmc").unwrap(), "Jörg");
        assert_eq!(
            base64("Hello world!", Unicode::Utf16).unwrap(),
            "SABlAGwAbABvACAAdwBvAHIAbABkACEA"
        );
        assert_eq!(hex("Hello world!").unwrap(), "48656C6C6F20776F726C6421");
        for wrong in ["?", "SsO", "/w=="] {
            assert!(from_base64(wrong).is_err(), "{wrong}");
        }
        assert_eq!(hex(&"a".repeat(LONGEST)), Err(TooLong));
        assert_eq!(base64(&"a".repeat(LONGEST), Unicode::Utf8), Err(TooLong));
        assert!(from_base64(&"a".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn the_same_text_has_the_same_uuid() {
        let one = uuid("1042");
        assert_eq!(one, uuid("1042"));
        assert_ne!(one, uuid("1043"));
        let parsed = ::uuid::Uuid::parse_str(&one).unwrap();
        assert_eq!(parsed.get_version_num(), 8);
        assert_eq!(parsed.get_variant(), ::uuid::Variant::RFC4122);
    }
}
