//! Search filters as they come over the wire (RFC 4511 section 4.5.1.7).
//!
//! Only the shape; what a filter means for an object is decided in `matching`, with the schema at hand.

use super::ber::{BerError, OCTETS, Reader, SEQUENCE};

/// Deepest nesting accepted; beyond it a hostile filter could exhaust the stack.
const MAX_DEPTH: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter<'a> {
    And(Vec<Filter<'a>>),
    Or(Vec<Filter<'a>>),
    Not(Box<Filter<'a>>),
    Equal(&'a str, &'a [u8]),
    Substring {
        attribute: &'a str,
        initial: Option<&'a [u8]>,
        any: Vec<&'a [u8]>,
        last: Option<&'a [u8]>,
    },
    AtLeast(&'a str, &'a [u8]),
    AtMost(&'a str, &'a [u8]),
    Present(&'a str),
    Extensible {
        rule: Option<&'a str>,
        attribute: Option<&'a str>,
        value: &'a [u8],
    },
}

impl<'a> Filter<'a> {
    pub(crate) fn decode(reader: &mut Reader<'a>) -> Result<Self, BerError> {
        Self::decode_at(reader, 0)
    }

    fn decode_at(reader: &mut Reader<'a>, depth: usize) -> Result<Self, BerError> {
        if depth > MAX_DEPTH {
            return Err(BerError::Depth);
        }
        let (tag, content) = reader.element()?;
        let mut inner = Reader::new(content);
        Ok(match tag {
            0xa0 | 0xa1 => {
                let mut parts = Vec::new();
                while !inner.is_empty() {
                    parts.push(Self::decode_at(&mut inner, depth + 1)?);
                }
                if tag == 0xa0 {
                    Self::And(parts)
                } else {
                    Self::Or(parts)
                }
            }
            0xa2 => Self::Not(Box::new(Self::decode_at(&mut inner, depth + 1)?)),
            // Active Directory takes approxMatch as equality ([MS-ADTS] 3.1.1.3.1.3.1).
            0xa3 | 0xa8 => Self::Equal(inner.text(OCTETS)?, inner.expect(OCTETS)?),
            0xa5 => Self::AtLeast(inner.text(OCTETS)?, inner.expect(OCTETS)?),
            0xa6 => Self::AtMost(inner.text(OCTETS)?, inner.expect(OCTETS)?),
            0x87 => Self::Present(std::str::from_utf8(content).map_err(|_| BerError::Value)?),
            0xa4 => {
                let attribute = inner.text(OCTETS)?;
                let mut parts = inner.enter(SEQUENCE)?;
                let (mut initial, mut any, mut last) = (None, Vec::new(), None);
                while !parts.is_empty() {
                    match parts.element()? {
                        (0x80, part) => initial = Some(part),
                        (0x81, part) => any.push(part),
                        (0x82, part) => last = Some(part),
                        (other, _) => return Err(BerError::Tag(other)),
                    }
                }
                Self::Substring {
                    attribute,
                    initial,
                    any,
                    last,
                }
            }
            0xa9 => {
                let (mut rule, mut attribute, mut value) = (None, None, None);
                while !inner.is_empty() {
                    let (part, bytes) = inner.element()?;
                    let as_text = || std::str::from_utf8(bytes).map_err(|_| BerError::Value);
                    match part {
                        0x81 => rule = Some(as_text()?),
                        0x82 => attribute = Some(as_text()?),
                        0x83 => value = Some(bytes),
                        0x84 => {}
                        other => return Err(BerError::Tag(other)),
                    }
                }
                Self::Extensible {
                    rule,
                    attribute,
                    value: value.ok_or(BerError::Truncated)?,
                }
            }
            other => return Err(BerError::Tag(other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ber::{BerError, OCTETS, Reader, Writer};
    use super::Filter;

    #[test]
    fn values_are_bytes() {
        let mut writer = Writer::new();
        writer.constructed(0xa3, |w| {
            w.octets(OCTETS, b"objectGUID");
            w.octets(OCTETS, &[0xff, 0xfe, 0x00, 0x80]);
        });
        let bytes = writer.into_bytes();
        assert_eq!(
            Filter::decode(&mut Reader::new(&bytes)),
            Ok(Filter::Equal("objectGUID", &[0xff, 0xfe, 0x00, 0x80]))
        );
    }

    #[test]
    fn nesting_has_an_end() {
        fn nest(writer: &mut Writer, depth: usize) {
            if depth == 0 {
                writer.octets(0x87, b"cn");
            } else {
                writer.constructed(0xa2, |w| nest(w, depth - 1));
            }
        }
        for (depth, fine) in [(60, true), (500, false)] {
            let mut writer = Writer::new();
            nest(&mut writer, depth);
            let bytes = writer.into_bytes();
            let decoded = Filter::decode(&mut Reader::new(&bytes));
            assert_eq!(decoded.is_ok(), fine, "{depth}");
            if !fine {
                assert_eq!(decoded, Err(BerError::Depth));
            }
        }
    }
}
