//! Bytes that come as text: base64, bare or as a data URL.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes; `None` when there are none.
///
/// # Errors
/// Why not, as the end of a sentence that begins with the field's name. The text itself is never shown.
pub(super) fn bytes(written: &str, most: usize) -> Result<Option<Box<[u8]>>, String> {
    let body = match written.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("data:") => {
            // RFC 2397 section 2: `data:[<mediatype>][;base64],<data>`.
            let (head, body) = written
                .split_once(',')
                .ok_or("it is a data URL without data")?;
            if !head.to_ascii_lowercase().ends_with(";base64") {
                return Err("it is a data URL, and not in base64".to_owned());
            }
            body
        }
        _ => written,
    };
    let compact: String = body.split_ascii_whitespace().collect();
    // Before a huge text becomes a second huge thing.
    let size = compact.trim_end_matches('=').len() / 4 * 3;
    if size > most {
        return Err(format!("it has about {size} bytes, more than {most}"));
    }
    let bytes = BASE64.decode(&compact).map_err(|_| {
        format!(
            "a text of {} characters is not base64",
            written.chars().count()
        )
    })?;
    if bytes.len() > most {
        return Err(format!("it has {} bytes, more than {most}", bytes.len()));
    }
    Ok((!bytes.is_empty()).then(|| bytes.into_boxed_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_bare_and_as_a_data_url() {
        for (written, expected) in [
            ("aGk=", &b"hi"[..]),
            ("aGk", b"hi"),
            (" aG\r\nk= ", b"hi"),
            ("data:image/jpeg;base64,aGk=", b"hi"),
            ("DATA:;BASE64,aGk", b"hi"),
        ] {
            assert_eq!(
                bytes(written, 10).unwrap().as_deref(),
                Some(expected),
                "{written}"
            );
        }
        assert_eq!(bytes("data:;base64,", 10), Ok(None));
        for (written, reason) in [
            ("a photo", "is not base64"),
            ("data:text/plain,hi", "not in base64"),
            ("data:hi", "without data"),
            ("aGVsbG8gd29ybGQh", "more than 10"),
            ("aGVsbG8gd29yZA==", "more than 9"),
        ] {
            let most = if written.ends_with("ZA==") { 9 } else { 10 };
            let found = bytes(written, most).unwrap_err();
            assert!(
                found.contains(reason) && !found.contains(written),
                "{found}"
            );
        }
    }
}
