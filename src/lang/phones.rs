//! Telephone numbers, by the numbering plans of libphonenumber (ITU-T E.164).
//!
//! A number is taken when its country code exists and its length is one that country uses. A few digits without a
//! country code or a trunk prefix are an extension, or a number within a town, and no number. Whether somebody
//! could be reached under it is not asked: ranges are assigned faster than programs are updated, and numbers set
//! aside for examples (07700 900123) are as good as any other here.

use compact_str::CompactString;
use phonenumber::country::Id;
use phonenumber::metadata::{DATABASE, Metadata};

use super::dates::shown;
use super::ir::Phone;

/// Longer texts hold no telephone number.
const LONGEST: usize = 128;
/// Digits of a number without its country code, and with it (ITU-T E.164 section 6).
const MOST_DIGITS: usize = 15;
/// Digits of a national number below which it must be written with a prefix where there is one: some countries
/// (Germany, Austria) do have numbers as short as extensions.
const FEWEST_BARE_DIGITS: usize = 7;

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
    let national = number.national().to_string();
    let digits = national.len();
    let country = number.code().value();
    if digits < 3 || digits + country.to_string().len() > MOST_DIGITS {
        return None;
    }
    let plans = DATABASE.by_code(&country)?;
    let length = u16::try_from(digits).ok()?;
    let possible = plans
        .iter()
        .any(|plan| has_length(plan, length) && plan.descriptors().general().is_match(&national));
    (possible && !(digits < FEWEST_BARE_DIGITS && is_bare(text, region))).then_some(number)
}

/// Whether a country has numbers of so many digits, of any kind. The general description of a plan says nothing of
/// lengths; those of fixed lines, mobiles and the rest do. It says how numbers of some lengths begin, and is asked, too:
/// the United States have numbers of seven digits, all of them beginning with 3.
fn has_length(plan: &Metadata, length: u16) -> bool {
    let plan = plan.descriptors();
    [
        plan.fixed_line(),
        plan.mobile(),
        plan.toll_free(),
        plan.premium_rate(),
        plan.shared_cost(),
        plan.personal_number(),
        plan.voip(),
        plan.pager(),
        plan.uan(),
        plan.voicemail(),
    ]
    .into_iter()
    .flatten()
    .any(|kind| kind.possible_length().contains(&length))
}

/// Whether neither a country code nor the trunk prefix of the region, if it has one, is written.
fn is_bare(text: &str, region: Id) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let prefix = DATABASE
        .by_id(region.as_ref())
        .and_then(Metadata::national_prefix);
    !text.contains(['+', '＋'])
        && !digits.starts_with("00")
        && prefix.is_some_and(|prefix| !digits.starts_with(prefix))
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
            ("20 7946 0018", "GB", "+442079460018"),
            ("01 5880", "AT", "+4315880"),
            ("0800 1111", "GB", "+448001111"),
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
        for (text, region) in [
            ("1234", "GB"),
            ("ext 1234", "GB"),
            ("+44 1234", "GB"),
            ("999", "US"),
            ("555 1234", "US"),
            ("12345", "DE"),
            ("4711", "AT"),
        ] {
            assert_eq!(e164(text, region), None, "{text} in {region}");
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
