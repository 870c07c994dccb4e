//! The part of BER that LDAP uses (RFC 4511 section 5.1): definite lengths, single-byte tags.
//!
//! Reads borrowed slices without recursion, so that no input can exhaust the stack or allocate more than it brings.
//! Writes lengths in the five-byte form Active Directory itself uses, which needs no second pass.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Why bytes are not the BER expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BerError {
    #[error("element ends early")]
    Truncated,
    #[error("length form not allowed")]
    Length,
    #[error("message longer than allowed")]
    TooLong,
    #[error("unexpected tag {0:#04x}")]
    Tag(u8),
    #[error("value does not fit its type")]
    Value,
    #[error("nested too deeply")]
    Depth,
}

/// A position in a run of elements.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// Length of the element's header and content, `None` while more bytes are needed to know.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, BerError> {
    let Some(&first) = bytes.get(1) else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some((2, usize::from(first))));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 8 {
        return Err(BerError::Length);
    }
    let Some(digits) = bytes.get(2..2 + count) else {
        return Ok(None);
    };
    let mut length: u64 = 0;
    for &digit in digits {
        length = (length << 8) | u64::from(digit);
    }
    let length = usize::try_from(length).map_err(|_| BerError::TooLong)?;
    Ok(Some((2 + count, length)))
}

/// Length of the LDAP message at the start of `bytes`, `None` when it is not complete yet.
pub(crate) fn frame(bytes: &[u8], limit: usize) -> Result<Option<usize>, BerError> {
    match bytes.first() {
        None => return Ok(None),
        Some(&SEQUENCE) => {}
        Some(&other) => return Err(BerError::Tag(other)),
    }
    let Some((head, length)) = header(bytes)? else {
        return Ok(None);
    };
    if length > limit {
        return Err(BerError::TooLong);
    }
    let total = head + length;
    Ok((bytes.len() >= total).then_some(total))
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: tag and content.
    pub(crate) fn element(&mut self) -> Result<(u8, &'a [u8]), BerError> {
        let (head, length) = header(self.0)?.ok_or(BerError::Truncated)?;
        let tag = self.0[0];
        if tag & 0x1f == 0x1f {
            return Err(BerError::Tag(tag));
        }
        let end = head.checked_add(length).ok_or(BerError::Length)?;
        let content = self.0.get(head..end).ok_or(BerError::Truncated)?;
        self.0 = &self.0[end..];
        Ok((tag, content))
    }

    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            (found, _) => Err(BerError::Tag(found)),
        }
    }

    /// Into a constructed element.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Reader<'a>, BerError> {
        self.expect(tag).map(Reader)
    }

    /// The content of the next element when it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BerError> {
        if self.peek() == Some(tag) {
            self.expect(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn text(&mut self, tag: u8) -> Result<&'a str, BerError> {
        std::str::from_utf8(self.expect(tag)?).map_err(|_| BerError::Value)
    }

    pub(crate) fn integer(&mut self, tag: u8) -> Result<i64, BerError> {
        integer(self.expect(tag)?)
    }

    pub(crate) fn boolean(&mut self, tag: u8) -> Result<bool, BerError> {
        match self.expect(tag)? {
            [byte] => Ok(*byte != 0),
            _ => Err(BerError::Value),
        }
    }
}

/// A two's complement number.
pub(crate) fn integer(content: &[u8]) -> Result<i64, BerError> {
    if content.is_empty() || content.len() > 8 {
        return Err(BerError::Value);
    }
    let mut value: i64 = if content[0] & 0x80 == 0 { 0 } else { -1 };
    for &byte in content {
        value = (value << 8) | i64::from(byte);
    }
    Ok(value)
}

/// Elements being written one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Forgets everything written after `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    pub(crate) fn constructed(&mut self, tag: u8, content: impl FnOnce(&mut Self)) {
        self.bytes.push(tag);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0x84, 0, 0, 0, 0]);
        content(self);
        let length = u32::try_from(self.bytes.len() - at - 5).unwrap_or(u32::MAX);
        self.bytes[at + 1..at + 5].copy_from_slice(&length.to_be_bytes());
    }

    pub(crate) fn octets(&mut self, tag: u8, content: &[u8]) {
        self.bytes.push(tag);
        match u8::try_from(content.len()) {
            Ok(length) if length < 0x80 => self.bytes.push(length),
            _ => {
                let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
                self.bytes.push(0x84);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(content);
    }

    pub(crate) fn integer(&mut self, tag: u8, value: i64) {
        let bytes = value.to_be_bytes();
        // The shortest form that keeps the sign.
        let mut skip = 0;
        while skip < 7
            && ((bytes[skip] == 0 && bytes[skip + 1] & 0x80 == 0)
                || (bytes[skip] == 0xff && bytes[skip + 1] & 0x80 != 0))
        {
            skip += 1;
        }
        self.octets(tag, &bytes[skip..]);
    }
}

#[cfg(test)]
mod tests {
    use super::{BerError, OCTETS, Reader, SEQUENCE, Writer, frame, integer};
    use proptest::prelude::*;

    #[test]
    fn a_frame_is_known_only_when_complete() {
        let mut writer = Writer::new();
        writer.constructed(SEQUENCE, |w| w.octets(OCTETS, &[7; 300]));
        let bytes = writer.into_bytes();
        for end in 0..bytes.len() {
            assert_eq!(frame(&bytes[..end], 1 << 20), Ok(None), "{end} bytes");
        }
        assert_eq!(frame(&bytes, 1 << 20), Ok(Some(bytes.len())));
        assert_eq!(frame(&bytes, 100), Err(BerError::TooLong));
        assert_eq!(frame(b"GET / HTTP/1.1", 100), Err(BerError::Tag(b'G')));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        // Indefinite, nine length bytes, longer than what follows.
        for bytes in [
            &[0x30, 0x80, 0, 0][..],
            &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1][..],
            &[0x30, 0x05, 0x04][..],
            &[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
        ] {
            assert!(Reader::new(bytes).element().is_err(), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_survive(value: i64) {
            let mut writer = Writer::new();
            writer.integer(2, value);
            let bytes = writer.into_bytes();
            prop_assert_eq!(integer(&bytes[2..]), Ok(value));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = frame(&bytes, 1 << 16);
            let mut reader = Reader::new(&bytes);
            while reader.element().is_ok() {}
        }
    }
}
