//! Dates and times as sources write them.
//!
//! Nothing is guessed: a text is a date in the usual way of writing it or in a declared format, whole and exact, or it
//! is none.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

/// What "no date" looks like in HaloITSM.
const NO_DATES: [Date; 3] = [
    jiff::civil::date(1899, 12, 30),
    jiff::civil::date(1900, 1, 1),
    jiff::civil::date(1, 1, 1),
];

/// How a field's dates are read.
#[derive(Debug, Clone)]
pub(super) struct Dating {
    /// Zone of what names none.
    pub(super) zone: TimeZone,
    /// Formats declared for the field; the usual way of writing when there are none.
    pub(super) formats: Vec<String>,
}

impl Dating {
    /// The day a text says, in `zone` when it is a moment: `Ok(None)` when it means "no date", `Err` when it is none.
    ///
    /// Midnight is how a date without a time is stored: that very day, in every zone.
    pub(super) fn day(&self, written: &str, zone: &TimeZone) -> Result<Option<Date>, ()> {
        let moment = self.moment(written).ok_or(())?;
        let local = moment.written();
        let day = if NO_DATES.contains(&local.date()) {
            return Ok(None);
        } else if local.time() == Time::midnight() {
            local.date()
        } else {
            let moment = moment.timestamp(&self.zone).ok_or(())?;
            moment.to_zoned(zone.clone()).date()
        };
        Ok((!NO_DATES.contains(&day)).then_some(day))
    }

    /// The moment a text says: `Ok(None)` when it means "no date", `Err` when it is none.
    pub(super) fn instant(&self, written: &str) -> Result<Option<Timestamp>, ()> {
        let moment = self.moment(written).ok_or(())?;
        if NO_DATES.contains(&moment.written().date()) {
            return Ok(None);
        }
        moment.timestamp(&self.zone).map(Some).ok_or(())
    }

    fn moment(&self, written: &str) -> Option<Moment> {
        if self.formats.is_empty() {
            return moment(written);
        }
        // HaloITSM's "no date" comes in its own way whatever people agreed on.
        self.formats
            .iter()
            .find_map(|format| formatted(format, written))
            .or_else(|| {
                moment(written).filter(|moment| NO_DATES.contains(&moment.written().date()))
            })
    }
}

/// A point in time as written: with a zone, or without.
enum Moment {
    Zoned(Timestamp, DateTime),
    Local(DateTime),
}

impl Moment {
    /// Date and time as they stand in the text.
    fn written(&self) -> DateTime {
        match self {
            Self::Zoned(_, written) | Self::Local(written) => *written,
        }
    }

    /// The moment; what names no zone is in this one. Of a time that comes twice when clocks go back the first is
    /// meant, one that is left out when they go forward is moved on by the gap (RFC 5545 section 3.3.5).
    fn timestamp(&self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Zoned(moment, _) => Some(*moment),
            Self::Local(local) => local
                .to_zoned(zone.clone())
                .ok()
                .map(|zoned| zoned.timestamp()),
        }
    }
}

/// A text in a declared format. What is parsed is written again and must give the same text, so that `%d` takes no
/// single digit and no space.
fn formatted(format: &str, written: &str) -> Option<Moment> {
    let parsed = BrokenDownTime::parse(format, written).ok()?;
    let again = parsed.to_string(format).ok()?;
    if !again.eq_ignore_ascii_case(written) {
        return None;
    }
    let local = match parsed.hour() {
        Some(_) => parsed.to_datetime().ok()?,
        None => parsed.to_date().ok()?.to_datetime(Time::midnight()),
    };
    if parsed.offset().is_some() {
        Some(Moment::Zoned(parsed.to_timestamp().ok()?, local))
    } else {
        Some(Moment::Local(local))
    }
}

/// `2026-01-31`, `2026-01-31T09:30:00`, with up to nine digits of fraction, with or without `Z` or an offset.
fn moment(written: &str) -> Option<Moment> {
    // Nothing shorter or longer is one of these; this also keeps week dates and the like out.
    let bytes = written.as_bytes();
    if !(10..=35).contains(&bytes.len())
        || !bytes.iter().take(4).all(u8::is_ascii_digit)
        || bytes.get(4) != Some(&b'-')
        || bytes.get(7) != Some(&b'-')
        || !matches!(bytes.get(10), None | Some(b'T' | b't' | b' '))
        || bytes.contains(&b'[')
    {
        return None;
    }
    let time = bytes.get(10..).unwrap_or_default();
    let zoned = time
        .iter()
        .any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    if zoned {
        let moment: Timestamp = written.parse().ok()?;
        let offset = written.rfind(['Z', 'z', '+', '-']).filter(|at| *at > 10)?;
        let local: DateTime = written.get(..offset)?.trim_end().parse().ok()?;
        Some(Moment::Zoned(moment, local))
    } else {
        written.parse().ok().map(Moment::Local)
    }
}

/// Whether a text is a date-time that means "no date".
pub(super) fn is_no_date(written: &str) -> bool {
    matches!(written.as_bytes().first(), Some(b'0' | b'1'))
        && moment(written).is_some_and(|moment| NO_DATES.contains(&moment.written().date()))
}
