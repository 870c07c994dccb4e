//! Telephone numbers, by the numbering plans of libphonenumber (ITU-T E.164).
//!
//! A number is taken when its country code exists and its length is one that country uses. Whether somebody
//! could be reached under it is not asked: ranges are assigned faster than programs are updated, and numbers set
//! aside for examples (07700 900123) are as good as any other here.

use compact_str::CompactString;
use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;

use super::dates::shown;
use super::ir::Phone;

/// Longer texts hold no telephone number.
const LONGEST: usize = 128;
/// Digits of a number without its country code, and with it (ITU-T E.164 section 6).
const MOST_DIGITS: usize = 15;

/// A region by its ISO 3166 code.
pub(super) fn region(code: &str) -> Option<Id> {
    let known: Id = code.parse().ok()?;
    DATABASE.by_id(code).map(|_| known)
}

pub(super) fn is_number(text: &str, region: Id) -> bool {
    read(text, region).is_some()
}

pub(super) fn write(text: &str, phone: Phone) -> Result<CompactString, String> {
    let number = read(text, phone.region).ok_or_else(|| {
        format!(
            "{} is not a telephone number of {} or of the world",
            shown(text),
            phone.region.as_ref()
        )
    })?;
    Ok(number.format().mode(phone.mode).to_string().into())
}

fn read(text: &str, region: Id) -> Option<phonenumber::PhoneNumber> {
    let text = text.trim();
    if text.len() > LONGEST || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = phonenumber::parse(Some(region), text).ok()?;
    let digits = number.national().to_string().len();
    let country = number.code().value();
    if digits < 3 || digits + country.to_string().len() > MOST_DIGITS {
        return None;
    }
    let plans = DATABASE.by_code(&country)?;
    let length = u16::try_from(digits).ok()?;
    let possible = plans.iter().any(|plan| {
        let lengths = plan.descriptors().general().possible_length();
        lengths.is_empty() || lengths.contains(&length)
    });
    possible.then_some(number)
}

#[cfg(test)]
mod tests {
    use phonenumber::Mode;
    use proptest::prelude::*;

    use super::*;

    fn e164(text: &str, code: &str) -> Option<String> {
        let phone = Phone {
            region: region(code).unwrap(),
            mode: Mode::E164,
        };
        write(text, phone).ok().map(String::from)
    }

    #[test]
    fn numbers_are_written_as_the_world_dials_them() {
        for (text, region, expected) in [
            ("020 7946 0018", "GB", "+442079460018"),
            ("(020) 7946-0018", "GB", "+442079460018"),
            ("+44 (0)20 7946 0018", "GB", "+442079460018"),
            ("0044 20 7946 0018", "GB", "+442079460018"),
            // Set aside for plays and examples, and as good as any other.
            ("07700 900123", "GB", "+447700900123"),
            ("+49 30 23125 123", "GB", "+493023125123"),
            ("030 23125 123", "DE", "+493023125123"),
            ("202-555-0143", "US", "+12025550143"),
            // A leading zero that is part of the number.
            ("06 698 12345", "IT", "+390669812345"),
        ] {
            assert_eq!(e164(text, region).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "unknown",
            "12",
            "ext 12",
            "+999 1234567",
            "020 7946 00181234",
            "0",
        ] {
            assert_eq!(e164(text, "GB"), None, "{text}");
        }
        assert_eq!(e164(&"1".repeat(100_000), "GB"), None);
        assert_eq!(region("XX"), None);
        assert_eq!(region("gb"), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_in_it_is_a_number_or_none(
            text in "\\PC{0,24}|[0-9 +()/.x-]{0,24}|(\\+|00)?[0-9]{1,20}( ?(ext|x|;ext=)[0-9]{1,9})?",
            code in prop::sample::select(vec!["GB", "DE", "US", "IT", "IN", "AR", "MX", "BR"]),
        ) {
            if let Some(number) = e164(&text, code) {
                prop_assert!(number.starts_with('+') && number.len() <= 16, "{number}");
                prop_assert!(number[1..].bytes().all(|byte| byte.is_ascii_digit()), "{number}");
            }
        }
    }
}
