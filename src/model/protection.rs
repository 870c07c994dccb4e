//! Whether an object is protected from accidental deletion, from its access list.
//!
//! Must not know connections. Keeps: bytes that are no security descriptor give no answer, and never a panic.

/// Rights whose denial keeps an object: DELETE and DELETE_TREE ([MS-ADTS] 5.1.3.2).
const DELETION: u32 = 0x0001_0000 | 0x40;
/// ACCESS_DENIED_ACE_TYPE ([MS-DTYP] 2.4.4.1).
const DENIED: u8 = 1;
/// INHERIT_ONLY_ACE: the entry is for what stands below only.
const INHERIT_ONLY: u8 = 0x08;
/// SE_DACL_PRESENT ([MS-DTYP] 2.4.6).
const DACL_PRESENT: u16 = 0x4;
/// Everyone, S-1-1-0, and Authenticated Users, S-1-5-11.
const EVERYBODY: [[u8; 12]; 2] = [
    [1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    [1, 1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0],
];

/// Whether the access list of a self-relative security descriptor ([MS-DTYP] 2.4.6) denies everybody the deletion, as
/// the box "protect object from accidental deletion" has it. `None` when it cannot be read.
pub fn denies_deletion(descriptor: &[u8]) -> Option<bool> {
    let short = |at: usize| {
        let bytes = descriptor.get(at..at.checked_add(2)?)?;
        Some(u16::from_le_bytes(bytes.try_into().ok()?))
    };
    let long = |at: usize| {
        let bytes = descriptor.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    if *descriptor.first()? != 1 {
        return None;
    }
    let start = usize::try_from(long(16)?).ok()?;
    if short(2)? & DACL_PRESENT == 0 || start == 0 {
        // Without a list everybody may do everything; but who was not given it to read sees the same.
        return None;
    }
    let count = short(start.checked_add(4)?)?;
    let mut at = start.checked_add(8)?;
    for _ in 0..count {
        let (kind, flags) = (*descriptor.get(at)?, *descriptor.get(at + 1)?);
        let size = usize::from(short(at + 2)?);
        let entry = descriptor.get(at..at.checked_add(size)?)?;
        if size < 8 {
            return None;
        }
        if kind == DENIED && flags & INHERIT_ONLY == 0 && long(at + 4)? & DELETION != 0 {
            let who = entry.get(8..)?;
            if EVERYBODY.iter().any(|everybody| who == everybody) {
                return Some(true);
            }
        }
        at += size;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of entries: kind, flags, mask and whom they are for.
    fn descriptor(entries: &[(u8, u8, u32, [u8; 12])]) -> Vec<u8> {
        let mut bytes = vec![1, 0, 0x04, 0x80];
        for at in [0u32, 0, 0, 20] {
            bytes.extend(at.to_le_bytes());
        }
        bytes.extend([4, 0]);
        bytes.extend((8 + 20 * entries.len() as u16).to_le_bytes());
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        for (kind, flags, mask, who) in entries {
            bytes.extend([*kind, *flags, 20, 0]);
            bytes.extend(mask.to_le_bytes());
            bytes.extend(who);
        }
        bytes
    }

    #[test]
    fn a_denial_to_everybody_protects() {
        let [everyone, signed_in] = EVERYBODY;
        let somebody = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        let is = |entry| denies_deletion(&descriptor(&[(0, 0, 0xf01ff, somebody), entry]));
        assert_eq!(is((1, 0, 0x10040, everyone)), Some(true));
        assert_eq!(is((1, 0, 0x10000, signed_in)), Some(true));
        assert_eq!(is((1, 0x10, 0x40, everyone)), Some(true));
        // For what stands below, for somebody else, of another right, and allowed.
        assert_eq!(is((1, 0x0a, 0x10040, everyone)), Some(false));
        assert_eq!(is((1, 0, 0x10040, somebody)), Some(false));
        assert_eq!(is((1, 0, 0x10, everyone)), Some(false));
        assert_eq!(is((0, 0, 0x10040, everyone)), Some(false));
        assert_eq!(denies_deletion(&descriptor(&[])), Some(false));
    }

    #[test]
    fn what_is_no_list_tells_nothing() {
        let good = descriptor(&[(0, 0, 0xf01ff, EVERYBODY[0])]);
        for cut in 0..good.len() {
            assert_eq!(denies_deletion(&good[..cut]), None, "{cut}");
        }
        let with = |at: usize, byte: u8| {
            let mut odd = good.clone();
            odd[at] = byte;
            denies_deletion(&odd)
        };
        assert_eq!(with(0, 2), None);
        assert_eq!(with(2, 0), None);
        assert_eq!(with(16, 0xff), None);
        assert_eq!(with(24, 9), None);
        assert_eq!(with(30, 0), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = denies_deletion(&bytes);
            if bytes.len() > 20 {
                bytes[0] = 1;
                bytes[2] |= 4;
                bytes[16..20].copy_from_slice(&20u32.to_le_bytes());
                let _ = denies_deletion(&bytes);
            }
        }
    }
}
