//! When an attribute was last written, from an object's replication metadata.
//!
//! Must not know connections. Keeps: bytes that are not what the specification says give no moment, never a wrong one,
//! and never a panic.

use super::Guid;

/// `userAccountControl` among attributes: its object identifier, 1.2.840.113556.1.4.8, as the default prefix table
/// ([MS-DRSR] 5.12.4, `ATTRTYP`) shortens it. The base schema always has this one.
pub const USER_ACCOUNT_CONTROL: u32 = 0x0009_0008;

/// `unicodePwd` among attributes, likewise: 1.2.840.113556.1.4.90.
pub const UNICODE_PWD: u32 = 0x0009_005a;

/// `isDeleted` among attributes, likewise: 1.2.840.113556.1.2.48. An object has it while it is deleted; taking it off is
/// what brings an object back ([MS-ADTS] 3.1.1.5.3.7), and the metadata keep the moment of that write.
pub const IS_DELETED: u32 = 0x0002_0030;

/// Bytes before the first entry: version, reserved, number of entries, reserved, each of four bytes.
const HEAD: usize = 16;
/// Bytes of one entry: attribute and version (four each), originating time (eight), invocation (sixteen), originating
/// and local sequence number (eight each), all little-endian.
const ENTRY: usize = 48;
/// Seconds from 1601 to 1970, both in UTC: originating times count from 1601 (`DSTIME` of [MS-DRSR]).
const EPOCH: i64 = 11_644_473_600;

/// The moment of the last originating write of an attribute, by a `replPropertyMetaData` of version 1
/// (`PROPERTY_META_DATA_VECTOR` of [MS-DRSR]): when it was made, not when it arrived. `None` when it does not tell.
pub fn last_written(metadata: &[u8], attribute: u32) -> Option<jiff::Timestamp> {
    written(metadata, attribute).map(|written| written.at)
}

/// Since when an object that is there has been as its `userAccountControl` says, at the latest: that attribute's last
/// originating write, or the return of the object from among the deleted ones, whichever is later. What the Recycle Bin
/// brings back has the attributes and their moments from before the deletion, and nobody has disabled the account since.
pub fn as_it_is_since(metadata: &[u8]) -> Option<jiff::Timestamp> {
    let control = last_written(metadata, USER_ACCOUNT_CONTROL)?;
    if entries(metadata)?.all(|entry| number(entry, 0) != Some(IS_DELETED)) {
        return Some(control);
    }
    Some(control.max(last_written(metadata, IS_DELETED)?))
}

/// The last originating write of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// When it was made.
    pub at: jiff::Timestamp,
    /// The database it was made in: the invocation of a domain controller ([MS-ADTS] 3.1.1.1.9).
    pub invocation: Guid,
}

/// `name` among attributes (1.2.840.113556.1.4.1): written whenever an object is renamed or moved ([MS-ADTS]
/// 3.1.1.5.4.1).
pub const NAME: u32 = 0x0009_0001;

/// The number an attribute has in metadata, by its object identifier and `msDS-IntId` as its definition gives them: that
/// of [MS-DRSR] 5.16.4, for identifiers whose prefix every directory has in the same place. `None` for all others.
pub fn attribute_type(oid: &str, int_id: Option<i64>) -> Option<u32> {
    /// Places of the default prefix table ([MS-DRSR] 5.16.4, `NewPrefixTable`) with attributes of accounts.
    const PREFIXES: [(&str, u32); 5] = [
        ("2.5.4", 0),
        ("1.2.840.113556.1.2", 2),
        ("1.2.840.113556.1.4", 9),
        ("0.9.2342.19200300.100.1", 21),
        ("2.16.840.1.113730.3.1", 22),
    ];
    /// From here on the last part does not fit beside the prefix.
    const LARGEST: u32 = 16_384;
    // A number of 32 bits, written as a signed one.
    if let Some(id) = int_id {
        return u32::try_from(id).ok().or_else(|| {
            let signed = i32::try_from(id).ok()?;
            Some(u32::from_ne_bytes(signed.to_ne_bytes()))
        });
    }
    let (prefix, last) = oid.rsplit_once('.')?;
    let last: u32 = last.parse().ok().filter(|last| *last < LARGEST)?;
    let (_, place) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
    Some(place << 16 | last)
}

/// Attributes that the directory writes when somebody signs in or tries to (1.2.840.113556.1.4): `lockoutTime` (662),
/// `lastLogonTimestamp` (1696), and what is kept of interactive logons (1970 to 1973). They say nothing of a decision.
const LOGONS: [u32; 6] = [
    0x0009_0296,
    0x0009_06a0,
    0x0009_07b2,
    0x0009_07b3,
    0x0009_07b4,
    0x0009_07b5,
];

/// The last originating write of anything but [`LOGONS`]. Members of groups and other linked values are not in this
/// metadata. `None` when it does not tell.
pub fn last_written_at_all(metadata: &[u8]) -> Option<jiff::Timestamp> {
    let entries = entries(metadata)?;
    let of_decisions = entries
        .filter(|entry| number(entry, 0).is_none_or(|attribute| !LOGONS.contains(&attribute)));
    // One that cannot be read makes the whole unknown: it may be the last one.
    let moments: Option<Vec<_>> = of_decisions
        .map(|entry| moment(entry).filter(|_| number(entry, 0).is_some()))
        .collect();
    moments?.into_iter().max()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The entries of a `replPropertyMetaData` of version 1.
fn entries(metadata: &[u8]) -> Option<std::slice::ChunksExact<'_, u8>> {
    let (head, entries) = metadata.split_first_chunk::<HEAD>()?;
    let count = usize::try_from(number(head, 8)?).ok()?;
    (number(head, 0)? == 1 && entries.len() == count.checked_mul(ENTRY)?)
        .then(|| entries.chunks_exact(ENTRY))
}

/// When an entry was written.
fn moment(entry: &[u8]) -> Option<jiff::Timestamp> {
    let seconds = i64::from_le_bytes(entry.get(8..16)?.try_into().ok()?);
    if seconds <= 0 {
        return None;
    }
    jiff::Timestamp::from_second(seconds.checked_sub(EPOCH)?).ok()
}

/// The last originating write of an attribute, by a `replPropertyMetaData` of version 1. `None` when it does not tell.
pub fn written(metadata: &[u8], attribute: u32) -> Option<Written> {
    let mut found = entries(metadata)?.filter(|entry| number(entry, 0) == Some(attribute));
    let entry = found.next()?;
    // Each attribute stands there once; where it does not, nobody can say which counts.
    if found.next().is_some() {
        return None;
    }
    Some(Written {
        at: moment(entry)?,
        invocation: Guid::from_wire(entry.get(16..32)?)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(attribute: u32, seconds: i64) -> Vec<u8> {
        let mut bytes = attribute.to_le_bytes().to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend(seconds.to_le_bytes());
        bytes.extend([7; 16]);
        bytes.extend(4711u64.to_le_bytes());
        bytes.extend(4712u64.to_le_bytes());
        bytes
    }

    fn vector(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = 1u64.to_le_bytes().to_vec();
        bytes.extend((entries.len() as u64).to_le_bytes());
        bytes.extend(entries.concat());
        bytes
    }

    #[test]
    fn the_last_write_is_told_by_the_attributes_own_entry() {
        // 2026-10-01T08:00:00Z.
        let good = vector(&[entry(0, 1), entry(USER_ACCOUNT_CONTROL, 13_435_315_200)]);
        assert_eq!(
            last_written(&good, USER_ACCOUNT_CONTROL),
            Some("2026-10-01T08:00:00Z".parse().unwrap())
        );
        assert_eq!(last_written(&good, 0x0009_0290), None);
    }

    #[test]
    fn the_last_write_of_all_is_that_of_no_logon() {
        let at = |seconds: i64| jiff::Timestamp::from_second(seconds - EPOCH).ok();
        let (first, second) = (13_435_315_200, 13_435_315_300);
        let metadata = vector(&[
            entry(0, first),
            entry(13, second),
            entry(0x0009_06a0, second + 60),
        ]);
        assert_eq!(last_written_at_all(&metadata), at(second));
        let unreadable = vector(&[entry(0, first), entry(13, 0)]);
        assert_eq!(last_written_at_all(&unreadable), None);
        assert_eq!(last_written_at_all(&metadata[1..]), None);
        assert_eq!(last_written_at_all(&[]), None);
    }

    #[test]
    fn whoever_was_brought_back_is_disabled_since_then() {
        let at = |seconds: i64| jiff::Timestamp::from_second(seconds - EPOCH).ok();
        let (first, second) = (13_435_315_200, 13_435_315_300);
        let control = |seconds| entry(USER_ACCOUNT_CONTROL, seconds);
        let back = |seconds| entry(IS_DELETED, seconds);
        for (written, expected) in [
            (vec![control(first)], at(first)),
            (vec![control(first), back(second)], at(second)),
            (vec![back(first), control(second)], at(second)),
            (vec![back(first)], None),
            (vec![control(first), back(0)], None),
            (vec![control(first), back(first), back(second)], None),
        ] {
            assert_eq!(as_it_is_since(&vector(&written)), expected, "{written:?}");
        }
        assert_eq!(
            attribute_type("1.2.840.113556.1.2.48", None),
            Some(IS_DELETED)
        );
    }

    #[test]
    fn attributes_have_the_numbers_of_the_default_prefixes() {
        for (oid, int_id, expected) in [
            ("1.2.840.113556.1.4.8", None, Some(USER_ACCOUNT_CONTROL)),
            ("1.2.840.113556.1.4.1", None, Some(NAME)),
            ("2.5.4.12", None, Some(12)),
            ("1.2.840.113556.1.2.141", None, Some(0x0002_008d)),
            ("0.9.2342.19200300.100.1.3", None, Some(0x0015_0003)),
            ("2.16.840.1.113730.3.1.35", None, Some(0x0016_0023)),
            (
                "1.2.840.113556.1.8000.2554.7",
                Some(-1_500_000_000),
                Some(2_794_967_296),
            ),
            ("1.2.840.113556.1.8000.2554.7", None, None),
            ("1.2.840.113556.1.4.16384", None, None),
            ("", None, None),
            ("1.2.840.113556.1.4.-1", None, None),
        ] {
            assert_eq!(attribute_type(oid, int_id), expected, "{oid}");
        }
        let good = vector(&[entry(12, 13_435_315_200)]);
        let written = written(&good, 12).expect("written");
        assert_eq!(
            written.invocation,
            Guid::from_wire(&[7; 16]).expect("a GUID")
        );
    }

    #[test]
    fn what_is_not_as_specified_tells_nothing() {
        let good = vector(&[entry(USER_ACCOUNT_CONTROL, 13_435_315_200)]);
        for cut in 0..good.len() {
            assert_eq!(last_written(&good[..cut], USER_ACCOUNT_CONTROL), None);
        }
        let mut longer = good.clone();
        longer.push(0);
        let mut other_version = good.clone();
        other_version[0] = 2;
        let mut endless = good.clone();
        endless[8..12].copy_from_slice(&[0xff; 4]);
        let twice = vector(&[
            entry(USER_ACCOUNT_CONTROL, 13_435_315_200),
            entry(USER_ACCOUNT_CONTROL, 13_000_000_000),
        ]);
        for odd in [longer, other_version, endless, twice] {
            assert_eq!(last_written(&odd, USER_ACCOUNT_CONTROL), None);
        }
        for never in [0, -1, i64::MIN, i64::MAX] {
            let odd = vector(&[entry(USER_ACCOUNT_CONTROL, never)]);
            assert_eq!(last_written(&odd, USER_ACCOUNT_CONTROL), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), attribute: u32) {
            let _ = last_written(&bytes, attribute);
            if bytes.len() >= 16 {
                bytes[..8].copy_from_slice(&1u64.to_le_bytes());
                let count = ((bytes.len() - 16) / 48) as u64;
                bytes[8..16].copy_from_slice(&count.to_le_bytes());
                let _ = last_written(&bytes, attribute);
            }
        }
    }
}
