//! Dates and moments: reading, writing and counting with them. Total: whatever is beyond the calendar is a reason,
//! never a panic.
//!
//! Knows neither people nor records; the time zone is handed in.

use std::fmt::Write as _;

use compact_str::CompactString;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit as JiffUnit};

use super::ir::{Part, Unit};

/// Why there is no such date, as a lowercase fragment.
pub(super) type Reason = String;

/// Seconds from 1601-01-01T00:00:00Z, where FILETIME counts from, to 1970-01-01T00:00:00Z ([MS-DTYP] 2.3.3).
const FILETIME_EPOCH: i64 = 11_644_473_600;
/// FILETIME counts intervals of 100 ns.
const INTERVALS: i64 = 10_000_000;
/// Why a day at the end of time has no moment, and the way out.
const BEYOND: &str = "is beyond the calendar; for an account that never expires, give accountExpires the date itself or `never`";
/// How much of a text that cannot be read is shown.
const SHOWN: usize = 80;

/// A date, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Date(Date),
    Moment(Timestamp),
}

impl When {
    /// The calendar date it is or falls on.
    pub(super) fn date(self, zone: &TimeZone) -> Date {
        match self {
            Self::Date(date) => date,
            Self::Moment(moment) => zone.to_datetime(moment).date(),
        }
    }

    /// The moment it is, or with which the day begins.
    pub(super) fn moment(self, zone: &TimeZone) -> Result<Timestamp, Reason> {
        match self {
            Self::Date(date) => at(date, Time::midnight(), zone),
            Self::Moment(moment) => Ok(moment),
        }
    }
}

/// The beginning of a text, in quotes, for messages.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} and so on", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Whether a format can be used for writing: tried once, since writing fails for reasons of the format only.
pub(super) fn can_write(format: &str, moment: bool) -> bool {
    let date = jiff::civil::date(2026, 1, 31);
    if moment {
        date.to_zoned(TimeZone::UTC)
            .is_ok_and(|moment| strtime::format(format, &moment).is_ok())
    } else {
        strtime::format(format, date).is_ok()
    }
}

/// Whether dates, or moments, written in a format can be read in it again. Formats without a year, a month or a day
/// cannot; those with hours are of use for both.
pub(super) fn can_read(format: &str, moment: bool) -> bool {
    let sample = jiff::civil::date(2026, 10, 31).at(23, 59, 58, 0);
    let Ok(zoned) = sample.to_zoned(TimeZone::UTC) else {
        return false;
    };
    let Ok(written) = strtime::format(format, &zoned) else {
        return false;
    };
    let Ok(read) = strtime::parse(format, &written) else {
        return false;
    };
    if moment {
        read.to_datetime()
            .is_ok_and(|read| read.date() == sample.date() && read.hour() == sample.hour())
    } else {
        read.to_date().is_ok_and(|read| read == sample.date())
    }
}

pub(super) fn write(when: When, format: &str, zone: &TimeZone) -> Result<CompactString, Reason> {
    let mut text = CompactString::default();
    let written = match when {
        When::Date(date) => write!(text, "{}", date.strftime(format)),
        When::Moment(moment) => {
            write!(text, "{}", moment.to_zoned(zone.clone()).strftime(format))
        }
    };
    written.map_err(|_| format!("the date does not fit the format {format:?}"))?;
    Ok(text)
}

/// A date written in a format; without one as `2026-01-31`, or as a moment, which counts as the date it falls on.
pub(super) fn read_date(text: &str, format: Option<&str>, zone: &TimeZone) -> Result<Date, Reason> {
    let text = text.trim();
    match format {
        Some(format) => strtime::parse(format, text)
            .and_then(|read| read.to_date())
            .map_err(|_| format!("{} is not a date in the format {format:?}", shown(text))),
        None => match iso_date(text) {
            Some(date) => Ok(date),
            None => text
                .parse::<Timestamp>()
                .map(|moment| When::Moment(moment).date(zone))
                .map_err(|_| format!("{} is not a date such as 2026-01-31", shown(text))),
        },
    }
}

/// `2026-01-31`, and nothing else that counts as ISO 8601.
pub(super) fn iso_date(text: &str) -> Option<Date> {
    (text.len() == 10 && text.is_ascii())
        .then(|| text.parse().ok())
        .flatten()
}

/// A moment written in a format, or as in RFC 3339. What says no offset from UTC is in the zone.
pub(super) fn read_moment(
    text: &str,
    format: Option<&str>,
    zone: &TimeZone,
) -> Result<Timestamp, Reason> {
    let text = text.trim();
    let read = match format {
        Some(format) => strtime::parse(format, text).and_then(|read| match read.offset() {
            Some(_) => read.to_timestamp(),
            None => zone.to_timestamp(read.to_datetime()?),
        }),
        None => text.parse::<Timestamp>().or_else(|_| {
            let civil: DateTime = text.parse()?;
            zone.to_timestamp(civil)
        }),
    };
    read.map_err(|_| match format {
        Some(format) => format!("{} is not a moment in the format {format:?}", shown(text)),
        None => format!(
            "{} is not a moment such as 2026-01-31T09:00:00Z",
            shown(text)
        ),
    })
}

/// A time of a day in the zone. Where clocks are put forward over it, the moment after the gap; where they are put
/// back, the first of the two.
pub(super) fn at(date: Date, time: Time, zone: &TimeZone) -> Result<Timestamp, Reason> {
    zone.to_timestamp(date.to_datetime(time))
        .map_err(|_| format!("{date} {BEYOND}"))
}

pub(super) fn plus(date: Date, unit: Unit, count: i64) -> Result<Date, Reason> {
    let span = match unit {
        Unit::Years => Span::new().try_years(count),
        Unit::Months => Span::new().try_months(count),
        _ => Span::new().try_days(count),
    };
    let named = match unit {
        Unit::Years => "years",
        Unit::Months => "months",
        _ => "days",
    };
    span.and_then(|span| date.checked_add(span))
        .map_err(|_| format!("{date} and {count} {named} {BEYOND}"))
}

pub(super) fn plus_seconds(
    moment: Timestamp,
    count: i64,
    seconds: i64,
) -> Result<Timestamp, Reason> {
    count
        .checked_mul(seconds)
        .and_then(|seconds| moment.as_second().checked_add(seconds))
        .and_then(|seconds| Timestamp::new(seconds, moment.subsec_nanosecond()).ok())
        .ok_or_else(|| format!("{moment} and {count} more is beyond the calendar"))
}

/// Whole units from one to the other, negative when the other is earlier. Days, months and years are counted on the
/// calendar of the zone, hours and less in elapsed time.
pub(super) fn until(from: When, to: When, unit: Unit, zone: &TimeZone) -> Result<i64, Reason> {
    let failed = |error: jiff::Error| error.to_string();
    let calendar = |unit| {
        let (from, to) = (from.date(zone), to.date(zone));
        from.until((unit, to)).map_err(failed)
    };
    let elapsed = |seconds: i64| {
        let (from, to) = (from.moment(zone)?, to.moment(zone)?);
        Ok(to.duration_since(from).as_secs() / seconds)
    };
    match unit {
        Unit::Years => Ok(calendar(JiffUnit::Year)?.get_years().into()),
        Unit::Months => Ok(calendar(JiffUnit::Month)?.get_months().into()),
        Unit::Days => Ok(calendar(JiffUnit::Day)?.get_days().into()),
        Unit::Hours => elapsed(3_600),
        Unit::Minutes => elapsed(60),
        Unit::Seconds => elapsed(1),
    }
}

/// What a date has ([`Ok`]) or which date it belongs to ([`Err`]).
pub(super) fn part(date: Date, part: Part) -> Result<i64, Date> {
    match part {
        Part::Year => Ok(date.year().into()),
        Part::Month => Ok(date.month().into()),
        Part::Day => Ok(date.day().into()),
        Part::Weekday => Ok(date.weekday().to_monday_one_offset().into()),
        Part::StartOfMonth => Err(date.first_of_month()),
        Part::EndOfMonth => Err(date.last_of_month()),
        Part::StartOfYear => Err(date.first_of_year()),
        Part::EndOfYear => Err(date.last_of_year()),
    }
}

/// Intervals of 100 ns from 1601 to a moment or the beginning of a day. The last day of the calendar, which so many
/// systems take for `never`, has no moment of its own and is counted from the last but two.
pub(super) fn filetime_of(when: When, zone: &TimeZone) -> Result<i64, Reason> {
    const DAYS: i64 = 2;
    match (when.moment(zone), when) {
        (Ok(moment), _) => filetime(moment),
        (Err(reason), When::Date(date)) => {
            let earlier = plus(date, Unit::Days, -DAYS)?;
            let count = filetime(at(earlier, Time::midnight(), zone).map_err(|_| reason.clone())?)?;
            count.checked_add(DAYS * 86_400 * INTERVALS).ok_or(reason)
        }
        (Err(reason), When::Moment(_)) => Err(reason),
    }
}

/// Intervals of 100 ns since 1601 ([MS-DTYP] 2.3.3).
pub(super) fn filetime(moment: Timestamp) -> Result<i64, Reason> {
    moment
        .as_second()
        .checked_add(FILETIME_EPOCH)
        .and_then(|seconds| seconds.checked_mul(INTERVALS))
        .and_then(|count| count.checked_add(i64::from(moment.subsec_nanosecond() / 100)))
        .filter(|count| *count >= 0)
        .ok_or_else(|| format!("{moment} is before 1601, where Windows begins to count"))
}

/// The moment a FILETIME is. 0 and the largest number mean `never` ([MS-ADA1] 2.1, accountExpires), which is none.
pub(super) fn from_filetime(count: i64) -> Result<Timestamp, Reason> {
    if count == 0 || count == i64::MAX {
        return Err(format!("{count} means never, which is no moment"));
    }
    if count < 0 {
        return Err(format!("{count} is not a Windows time"));
    }
    let nanoseconds = i32::try_from(count % INTERVALS * 100).unwrap_or_default();
    Timestamp::new(count / INTERVALS - FILETIME_EPOCH, nanoseconds)
        .map_err(|_| format!("{count} is beyond the calendar"))
}

pub(super) fn from_unix(seconds: i64) -> Result<Timestamp, Reason> {
    Timestamp::from_second(seconds).map_err(|_| format!("{seconds} is beyond the calendar"))
}

/// GeneralizedTime as Active Directory writes it: UTC, whole seconds, `.0Z` (RFC 4517 section 3.3.13).
pub(super) fn generalised_time(moment: Timestamp) -> Result<CompactString, Reason> {
    let civil = TimeZone::UTC.to_datetime(moment);
    if civil.year() < 0 {
        return Err(format!("{moment} is before the year 0"));
    }
    Ok(compact_str::format_compact!(
        "{:04}{:02}{:02}{:02}{:02}{:02}.0Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    ))
}

/// Reads any GeneralizedTime of RFC 4517 section 3.3.13: minutes, seconds and a fraction of the last of them may be
/// left out; the zone may not. A leap second counts as the one before.
pub(super) fn from_generalised_time(text: &str) -> Result<Timestamp, Reason> {
    read_generalised_time(text.trim()).ok_or_else(|| {
        format!(
            "{} is not a generalised time such as 20260131090000.0Z",
            shown(text)
        )
    })
}

fn read_generalised_time(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !matches!(digits, 10 | 12 | 14) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let (minute, second) = (
        if digits >= 12 { number(10, 12)? } else { 0 },
        if digits == 14 { number(12, 14)? } else { 0 },
    );
    let civil = DateTime::new(
        text.get(0..4)?.parse().ok()?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        minute,
        second.min(if second == 60 { 59 } else { second }),
        0,
    )
    .ok()?;
    let rest = text.get(digits..)?;
    // Seconds a fraction of the last element amounts to.
    let whole: i64 = match digits {
        10 => 3_600,
        12 => 60,
        _ => 1,
    };
    let (fraction, zone) = match rest.strip_prefix(['.', ',']) {
        None => (0, rest),
        Some(rest) => {
            let places = rest.bytes().take_while(u8::is_ascii_digit).count();
            if places == 0 {
                return None;
            }
            let kept = rest.get(..places.min(9))?;
            let scale = 10_i64.pow(u32::try_from(kept.len()).ok()?);
            (
                kept.parse::<i64>().ok()? * whole * 1_000_000_000 / scale,
                rest.get(places..)?,
            )
        }
    };
    let offset = match (zone.get(..1)?, zone.get(1..)?) {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), at) if matches!(at.len(), 2 | 4) => {
            let hours: i64 = at.get(..2)?.parse().ok()?;
            let minutes: i64 = match at.get(2..)? {
                "" => 0,
                minutes => minutes.parse().ok()?,
            };
            if hours > 23 || minutes > 59 || !at.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let seconds = hours * 3_600 + minutes * 60;
            if sign == "-" { -seconds } else { seconds }
        }
        _ => return None,
    };
    let moment = TimeZone::UTC.to_timestamp(civil).ok()?;
    let moment = Timestamp::from_second(moment.as_second().checked_sub(offset)?).ok()?;
    moment.checked_add(Span::new().nanoseconds(fraction)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn formats_are_tried_before_anybody_is_looked_at() {
        assert!(can_write("%Y-%m-%d", false));
        assert!(!can_write("%H:%M", false));
        assert!(can_write("%H:%M", true));
        assert!(!can_write("%", true));
        assert!(can_read("%d.%m.%Y", false));
        assert!(can_read("%m/%d/%Y %I:%M %p", true));
        assert!(!can_read("%d.%m.", false));
        assert!(!can_read("%d.%m.%Y", true));
        assert!(!can_read("%Q", false));
    }

    #[test]
    fn filetime_and_back() {
        // [MS-DTYP] counts from 1601; 2012-01-01T23:00:00Z is an example of Microsoft's.
        let moment: Timestamp = "2012-01-01T23:00:00Z".parse().unwrap();
        assert_eq!(filetime(moment), Ok(129_699_324_000_000_000));
        assert_eq!(from_filetime(129_699_324_000_000_000), Ok(moment));
        assert_eq!(
            from_filetime(1).unwrap().to_string(),
            "1601-01-01T00:00:00.0000001Z"
        );
        for never in [0, i64::MAX, -1, i64::MIN, i64::MAX - 1] {
            assert!(
                from_filetime(never).is_err() || never == i64::MAX - 1,
                "{never}"
            );
        }
        // 2650467744000000000 is the count of 10000-01-01T00:00:00Z.
        let last = When::Date(date(9999, 12, 31));
        assert_eq!(
            filetime_of(last, &TimeZone::UTC),
            Ok(2_650_467_744_000_000_000 - 86_400 * INTERVALS)
        );
        let ended = plus(date(9999, 12, 31), Unit::Days, 1).unwrap_err();
        assert!(ended.contains("`never`"), "{ended}");
        assert!(filetime(Timestamp::MIN).is_err());
        assert!(filetime(Timestamp::MAX).is_ok());
    }

    #[test]
    fn generalised_time_and_back() {
        let read = |text| from_generalised_time(text).map(|moment| moment.to_string());
        assert_eq!(
            read("20260131090507.0Z").as_deref(),
            Ok("2026-01-31T09:05:07Z")
        );
        assert_eq!(read("2026013109Z").as_deref(), Ok("2026-01-31T09:00:00Z"));
        assert_eq!(read("2026013109.5Z").as_deref(), Ok("2026-01-31T09:30:00Z"));
        assert_eq!(
            read("202601310905,25+0130").as_deref(),
            Ok("2026-01-31T07:35:15Z")
        );
        assert_eq!(
            read("20260131090507-08").as_deref(),
            Ok("2026-01-31T17:05:07Z")
        );
        assert_eq!(
            read("20161231235960Z").as_deref(),
            Ok("2016-12-31T23:59:59Z")
        );
        for wrong in [
            "",
            "20260131",
            "2026013109",
            "20260231090000Z",
            "20260131250000Z",
            "20260131090000.Z",
            "20260131090000+1",
            "20260131090000+2400",
            "20260131090000++1",
            "２０２６0131090000Z",
            "20260131090000Z ",
        ] {
            assert!(read(wrong).is_err() || wrong.ends_with(' '), "{wrong}");
        }
        let moment = "2026-01-31T09:05:07Z".parse().unwrap();
        assert_eq!(generalised_time(moment).as_deref(), Ok("20260131090507.0Z"));
        assert!(generalised_time(Timestamp::MIN).is_err());
    }

    #[test]
    fn the_ends_of_months_and_of_the_calendar() {
        let january = date(2026, 1, 31);
        assert_eq!(plus(january, Unit::Months, 1), Ok(date(2026, 2, 28)));
        assert_eq!(
            plus(date(2024, 2, 29), Unit::Years, 1),
            Ok(date(2025, 2, 28))
        );
        assert!(plus(january, Unit::Years, i64::MAX).is_err());
        assert!(plus(Date::MAX, Unit::Days, 1).is_err());
        assert!(plus_seconds(Timestamp::MAX, i64::MAX, 3_600).is_err());
        let utc = TimeZone::UTC;
        let days = |from: Date, to: Date| {
            until(When::Date(from), When::Date(to), Unit::Days, &utc).unwrap()
        };
        assert_eq!(days(january, date(2026, 2, 28)), 28);
        assert_eq!(days(date(2026, 2, 28), january), -28);
        assert_eq!(days(Date::MIN, Date::MAX), 7_304_483);
        let months = until(
            When::Date(january),
            When::Date(date(2026, 2, 28)),
            Unit::Months,
            &utc,
        );
        assert_eq!(months, Ok(0), "not a whole month");
        assert!(
            at(
                Date::MAX,
                Time::MAX,
                &TimeZone::fixed(jiff::tz::offset(-20))
            )
            .is_err()
        );
    }

    #[test]
    fn clocks_that_are_put_forward_and_back() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let half_past_one = Time::constant(1, 30, 0, 0);
        let moment = |date| at(date, half_past_one, &zone).unwrap().to_string();
        assert_eq!(moment(date(2026, 3, 29)), "2026-03-29T01:30:00Z");
        assert_eq!(moment(date(2026, 10, 25)), "2026-10-25T00:30:00Z");
    }
}
