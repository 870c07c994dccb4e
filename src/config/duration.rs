//! Durations as people write them: `90m`, `24h`, `3d`, `1d12h`.

use jiff::SignedDuration;

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form number, unit, number, unit.
    #[error("this is not a duration")]
    Form,
    /// No time at all.
    #[error("this is no time at all")]
    Zero,
    /// More than a year.
    #[error("this is more than a year")]
    TooLong,
}

/// Reads whole numbers each followed by one of `w`, `d` (24 hours), `h`, `m`, `s`, largest unit first.
///
/// # Errors
/// See [`DurationError`].
pub fn parse_duration(text: &str) -> Result<SignedDuration, DurationError> {
    const UNITS: [(u8, i64); 5] = [
        (b'w', 7 * 86_400),
        (b'd', 86_400),
        (b'h', 3_600),
        (b'm', 60),
        (b's', 1),
    ];
    let mut seconds: i64 = 0;
    let mut number: Option<i64> = None;
    let mut next_unit = 0;
    for byte in text.bytes() {
        if byte.is_ascii_digit() {
            let digit = i64::from(byte - b'0');
            number = Some(
                number
                    .unwrap_or_default()
                    .checked_mul(10)
                    .and_then(|number| number.checked_add(digit))
                    .ok_or(DurationError::TooLong)?,
            );
            continue;
        }
        let count = number.take().ok_or(DurationError::Form)?;
        let at = UNITS
            .iter()
            .skip(next_unit)
            .position(|(unit, _)| *unit == byte)
            .ok_or(DurationError::Form)?
            + next_unit;
        next_unit = at + 1;
        seconds = count
            .checked_mul(UNITS[at].1)
            .and_then(|more| seconds.checked_add(more))
            .ok_or(DurationError::TooLong)?;
    }
    if number.is_some() || text.is_empty() {
        Err(DurationError::Form)
    } else if seconds == 0 {
        Err(DurationError::Zero)
    } else if seconds > 366 * 86_400 {
        Err(DurationError::TooLong)
    } else {
        Ok(SignedDuration::from_secs(seconds))
    }
}

/// The longest time a stage can be after its state's beginning: ten years.
pub const LONGEST_DAYS: u32 = 3660;

/// Reads whole days (`0d`, `30d`) or weeks (`4w`); calendar days, however many hours they have.
///
/// # Errors
/// See [`DurationError`]; [`DurationError::TooLong`] beyond [`LONGEST_DAYS`].
pub fn parse_days(text: &str) -> Result<u32, DurationError> {
    let (number, days) = match text.as_bytes() {
        [number @ .., b'd'] => (number, 1),
        [number @ .., b'w'] => (number, 7),
        _ => return Err(DurationError::Form),
    };
    if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
        return Err(DurationError::Form);
    }
    text[..number.len()]
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(days))
        .filter(|days| *days <= LONGEST_DAYS)
        .ok_or(DurationError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::{DurationError, parse_days, parse_duration};

    #[test]
    fn days() {
        for (text, days) in [
            ("0d", 0),
            ("30d", 30),
            ("4w", 28),
            ("007d", 7),
            ("3660d", 3660),
        ] {
            assert_eq!(parse_days(text), Ok(days), "{text}");
        }
        for text in ["", "d", "30", "-1d", "1d12h", "30D", "1.5d", "٣d", " 3d"] {
            assert_eq!(parse_days(text), Err(DurationError::Form), "{text}");
        }
        for text in ["3661d", "99999999999999d", "4294967295w"] {
            assert_eq!(parse_days(text), Err(DurationError::TooLong), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("24h", 86_400),
            ("3d", 259_200),
            ("1d12h", 129_600),
            ("90m", 5_400),
            ("1w", 604_800),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds);
        }
        for text in [
            "", "h", "24", "3 d", "-1h", "1h1d", "1h1h", "24H", "1.5h", "٣d",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError::Form), "{text}");
        }
        assert_eq!(parse_duration("0h"), Err(DurationError::Zero));
        for text in ["367d", "99999999999999999999h", "9223372036854775807w"] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong), "{text}");
        }
    }
}
