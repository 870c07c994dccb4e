//! Formats dates are declared to be written in (those of `strptime`).
//!
//! Knows only whether a format is of use; reading dates with it is for others.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// Why a format cannot say which day is meant; `None` when it can.
pub fn unusable_date_format(format: &str) -> Option<String> {
    // A day whose year, month, day and two-digit year all differ.
    let sample = jiff::civil::date(2026, 11, 23).at(10, 45, 30, 0);
    let zoned = sample.to_zoned(TimeZone::UTC).ok()?;
    let text = match strtime::BrokenDownTime::from(&zoned).to_string(format) {
        Ok(text) => text,
        Err(error) => return Some(error.to_string()),
    };
    match strtime::BrokenDownTime::parse(format, &text).and_then(|parsed| parsed.to_date()) {
        Ok(day) if day == sample.date() => None,
        Ok(_) => Some("it does not say which day is meant".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::unusable_date_format;

    #[test]
    fn a_format_says_which_day_is_meant_or_is_of_no_use() {
        for good in [
            "%d/%m/%Y",
            "%-d.%-m.%y",
            "%Y%m%d",
            "%d %b %Y",
            "%Y-%m-%dT%H:%M:%S%z",
            "%Y-%j",
        ] {
            assert_eq!(unusable_date_format(good), None, "{good}");
        }
        for bad in ["", "%d/%m", "%H:%M", "DD/MM/YYYY", "%d/%Q/%Y", "%m/%Y"] {
            assert!(unusable_date_format(bad).is_some(), "{bad}");
        }
    }
}
