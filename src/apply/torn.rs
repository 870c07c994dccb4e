//! Whether bytes without a line break are the beginning of a journal's first line.
//!
//! Pure. An apply that dies while it begins a journal leaves such bytes, and the next one cuts them off and begins anew. Any
//! other file without a line break (a key, a token, a list) must not be taken for that, or it would be overwritten.
//! Invariant: only what a header written by this program begins with counts.

use super::history::FORMAT;

/// What stands between the values of a header, in the order in which they are written. A test compares it with what is written.
const BETWEEN: [&str; 4] = [
    "\",\"plan\":\"",
    "\",\"toolVersion\":\"",
    "\",\"at\":\"",
    "\"}",
];
/// What stands before the first value.
const OPENING: &str = "{\"line\":\"header\",\"format\":\"";

/// The beginning of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TornHead<'a> {
    /// What is left of the plan's digest.
    plan: &'a str,
    /// True when all of it is.
    whole: bool,
}

impl<'a> TornHead<'a> {
    /// `None` when the bytes are anything else.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut head = Self {
            plan: "",
            whole: false,
        };
        let Some(mut rest) = text.strip_prefix(OPENING) else {
            return OPENING.starts_with(text).then_some(head);
        };
        for (at, after) in BETWEEN.into_iter().enumerate() {
            // No value of a header has a character that JSON escapes.
            let end = rest.find(['"', '\\']).unwrap_or(rest.len());
            let (value, left) = rest.split_at(end);
            let torn = left.is_empty();
            let fits = match at {
                0 => value == FORMAT || torn && FORMAT.starts_with(value),
                _ => !value.contains(char::is_control),
            };
            if !fits {
                return None;
            }
            if at == 1 {
                head = Self {
                    plan: value,
                    whole: !torn,
                };
            }
            match left.strip_prefix(after) {
                Some(next) => rest = next,
                None => return after.starts_with(left).then_some(head),
            }
        }
        rest.is_empty().then_some(head)
    }

    /// Whether it may be the beginning of the journal of the plan with this digest.
    pub(super) fn may_be_of(&self, digest: &str) -> bool {
        if self.whole {
            self.plan == digest
        } else {
            digest.starts_with(self.plan)
        }
    }

    /// What is left of the plan's digest.
    pub(super) fn plan(&self) -> &'a str {
        self.plan
    }
}

#[cfg(test)]
mod tests {
    use super::TornHead;
    use crate::apply::Line;

    fn head() -> Vec<u8> {
        let line = Line::Header {
            format: super::FORMAT.to_owned(),
            plan: "sha256:3e03034e".to_owned(),
            tool_version: "0.1.0-rc.1+build".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        serde_json::to_vec(&line).expect("serialises")
    }

    #[test]
    fn a_head_cut_at_any_byte_is_the_beginning_of_one() {
        let head = head();
        for cut in 0..=head.len() {
            let torn = TornHead::of(&head[..cut]).expect("is one");
            assert!(torn.may_be_of("sha256:3e03034e"), "cut at {cut}");
            let told = cut
                > head
                    .windows(7)
                    .position(|part| part == b"3e03034")
                    .expect("is there");
            assert_eq!(torn.may_be_of("sha256:77777777"), !told, "cut at {cut}");
        }
    }

    #[test]
    fn nothing_else_is() {
        let mut longer = head();
        longer.extend_from_slice(b"{}");
        let mut other_format = head();
        other_format[28] = b'X';
        let mut escaped = head();
        escaped[62] = b'\\';
        for bytes in [
            &b"{\"token\":\"my only copy of a secret\"}"[..],
            b"AGE-SECRET-KEY-1XXXX",
            b"\0\0\0\0",
            b"garbage",
            b"{}",
            b"{\"line\":\"intent\",\"change\":\"",
            b"{\"line\":\"header\",\"format\":\"halosync/journal/v1\",\"pl",
            b"\xff\xfe{\"line\":\"header\"",
            &longer,
            &other_format,
            &escaped,
        ] {
            assert_eq!(
                TornHead::of(bytes),
                None,
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }
}
