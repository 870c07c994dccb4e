//! Request controls ([MS-ADTS] 3.1.1.3.4.1), decoded.

use super::ber::{BOOLEAN, BerError, INTEGER, OCTETS, Reader, SEQUENCE, Writer};

pub(crate) const PAGED: &str = "1.2.840.113556.1.4.319";
pub(crate) const SORT_RESPONSE: &str = "1.2.840.113556.1.4.474";

/// What rootDSE lists: exactly the controls that have an effect here (or rightly none).
pub(crate) const SUPPORTED: &[&str] = &[
    PAGED,
    "1.2.840.113556.1.4.801",
    "1.2.840.113556.1.4.473",
    "1.2.840.113556.1.4.417",
    "1.2.840.113556.1.4.619",
    "1.2.840.113556.1.4.529",
    "1.2.840.113556.1.4.805",
    "1.2.840.113556.1.4.1413",
    "1.2.840.113556.1.4.1338",
    "1.2.840.113556.1.4.1339",
    "1.2.840.113556.1.4.1340",
    "1.2.840.113556.1.4.1948",
    "1.2.840.113556.1.4.2064",
    "1.2.840.113556.1.4.2066",
    "1.2.840.113556.1.4.2239",
];

/// One page asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageRequest {
    pub(crate) size: u32,
    pub(crate) cookie: Vec<u8>,
}

/// How names are written under the extended DN control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtendedDn {
    Hex,
    Dashed,
}

/// The controls of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Controls {
    pub(crate) page: Option<PageRequest>,
    pub(crate) show_deleted: bool,
    pub(crate) show_recycled: bool,
    pub(crate) domain_scope: bool,
    pub(crate) permissive: bool,
    pub(crate) tree_delete: bool,
    pub(crate) policy_hints: bool,
    pub(crate) extended_dn: Option<ExtendedDn>,
    pub(crate) sd_flags: Option<u32>,
    /// First sort key: attribute, and whether backwards.
    pub(crate) sort: Option<(String, bool)>,
    /// A critical control that is not supported.
    pub(crate) refused: Option<String>,
}

impl Controls {
    pub(crate) fn decode(list: &[u8]) -> Result<Self, BerError> {
        let mut controls = Self::default();
        let mut list = Reader::new(list);
        while !list.is_empty() {
            let mut control = list.enter(SEQUENCE)?;
            let oid = control.text(OCTETS)?;
            let critical = match control.peek() {
                Some(BOOLEAN) => control.boolean(BOOLEAN)?,
                _ => false,
            };
            let value = control.optional(OCTETS)?.unwrap_or_default();
            controls.take(oid, critical, value)?;
        }
        Ok(controls)
    }

    fn take(&mut self, oid: &str, critical: bool, value: &[u8]) -> Result<(), BerError> {
        let number = |value: &[u8]| -> Result<i64, BerError> {
            Reader::new(value).enter(SEQUENCE)?.integer(INTEGER)
        };
        match oid.strip_prefix("1.2.840.113556.1.4.") {
            Some("319") => {
                let mut page = Reader::new(value).enter(SEQUENCE)?;
                let size = page.integer(INTEGER)?;
                self.page = Some(PageRequest {
                    size: u32::try_from(size).map_err(|_| BerError::Value)?,
                    cookie: page.expect(OCTETS)?.to_vec(),
                });
            }
            Some("417") => self.show_deleted = true,
            Some("2064") => {
                self.show_deleted = true;
                self.show_recycled = true;
            }
            Some("1339") => self.domain_scope = true,
            Some("1413") => self.permissive = true,
            Some("805") => self.tree_delete = true,
            Some("2066" | "2239") => self.policy_hints = number(value)? & 1 == 1,
            Some("529") => {
                let dashed = !value.is_empty() && number(value)? == 1;
                self.extended_dn = Some(if dashed {
                    ExtendedDn::Dashed
                } else {
                    ExtendedDn::Hex
                });
            }
            Some("801") => {
                self.sd_flags = Some(u32::try_from(number(value)?).map_err(|_| BerError::Value)?);
            }
            Some("473") => {
                let mut keys = Reader::new(value).enter(SEQUENCE)?;
                let mut key = keys.enter(SEQUENCE)?;
                let attribute = key.text(OCTETS)?.to_owned();
                key.optional(0x80)?;
                let reverse = key.optional(0x81)?.is_some_and(|byte| byte != [0]);
                self.sort = Some((attribute, reverse));
            }
            // Lazy commit, verify name, search options, ranges: accepted, nothing to do here.
            Some("619" | "1338" | "1340" | "1948") => {}
            _ if critical => self.refused = Some(oid.to_owned()),
            _ => {}
        }
        Ok(())
    }
}

/// The value of a paged results response.
pub(crate) fn page_response(cookie: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.constructed(SEQUENCE, |w| {
        // AD gives no estimate.
        w.integer(INTEGER, 0);
        w.octets(OCTETS, cookie);
    });
    writer.into_bytes()
}

/// The value of a sort response: success.
pub(crate) fn sort_response() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.constructed(SEQUENCE, |w| w.integer(0x0a, 0));
    writer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::ber::{BOOLEAN, OCTETS, SEQUENCE, Writer};
    use super::Controls;

    fn decode(oid: &str, critical: bool, value: Option<&[u8]>) -> Controls {
        let mut writer = Writer::new();
        writer.constructed(SEQUENCE, |w| {
            w.octets(OCTETS, oid.as_bytes());
            w.octets(BOOLEAN, &[if critical { 0xff } else { 0 }]);
            if let Some(value) = value {
                w.octets(OCTETS, value);
            }
        });
        Controls::decode(&writer.into_bytes()).expect("controls")
    }

    #[test]
    fn an_unknown_control_matters_only_when_critical() {
        let assertion = "1.3.6.1.1.12";
        assert_eq!(decode(assertion, false, None).refused, None);
        assert_eq!(
            decode(assertion, true, None).refused.as_deref(),
            Some(assertion)
        );
    }

    #[test]
    fn pages_carry_size_and_cookie() {
        let page = decode(super::PAGED, true, Some(&[0x30, 6, 2, 1, 100, 4, 1, b'x'])).page;
        let page = page.expect("a page");
        assert_eq!((page.size, page.cookie), (100, b"x".to_vec()));
    }
}
