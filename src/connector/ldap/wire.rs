//! Requests and answers on one connection: searches page by page, entries decoded without a panic, controls.
//!
//! Must not know what an entry is for. Keeps: a search that did not end with success is an error, never a shorter
//! list.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use ldap3::asn1::{StructureTag, parse_tag};
use ldap3::controls::{PagedResults, RawControl};
use ldap3::{Ldap, LdapError, LdapResult, Scope};

use super::errors::{Broken, refused};
use crate::connector::ConnectorError;

/// RFC 2696.
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// LDAP_SERVER_DOMAIN_SCOPE_OID ([MS-ADTS] 3.1.1.3.4.1.4): no references to other naming contexts.
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// LDAP_SERVER_SHOW_DELETED_OID ([MS-ADTS] 3.1.1.3.4.1.14).
pub(super) const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
/// LDAP_SERVER_PERMISSIVE_MODIFY_OID ([MS-ADTS] 3.1.1.3.4.1.8).
pub(super) const PERMISSIVE_MODIFY: &str = "1.2.840.113556.1.4.1413";

/// One bound connection.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) ldap: Ldap,
    pub(super) timeout: Duration,
    /// `directory corp`.
    pub(super) system: String,
}

/// A search over many entries.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    pub(super) filter: &'a str,
    pub(super) attributes: &'a [String],
    pub(super) show_deleted: bool,
    /// Of security descriptors only the access list: reading more needs rights nobody should have.
    pub(super) access_lists: bool,
}

/// How a search over many entries went.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) pages: u64,
    pub(super) rows: u64,
    /// Answers that only point to another server.
    pub(super) references: u64,
    /// Entries that are not as RFC 4511 section 4.5.2 has them.
    pub(super) undecodable: u64,
}

/// One entry as it came.
#[derive(Debug, Default)]
pub(super) struct RawEntry {
    pub(super) dn: String,
    pub(super) attributes: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Pages {
    /// Counts another search.
    pub(super) fn add(&mut self, other: Self) {
        self.pages += other.pages;
        self.rows += other.rows;
        self.references += other.references;
        self.undecodable += other.undecodable;
    }
}

impl RawEntry {
    /// The values of an attribute whatever its case; empty when there are none.
    pub(super) fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map_or(&[], |(_, values)| values.as_slice())
    }

    /// The first value of an attribute as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.values(name).first()?).ok()
    }
}

/// Runs one exchange; what breaks it off, including a panic of the client library over an odd answer, becomes a value.
pub(super) async fn exchange<T>(
    future: impl Future<Output = Result<T, LdapError>>,
) -> Result<T, Broken> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(broken(&error)),
        Err(_) => Err(Broken::NoAnswer(
            "the server's answer could not be decoded".to_owned(),
        )),
    }
}

/// Never keeps the error itself: it can hold the request, and the request a password.
fn broken(error: &LdapError) -> Broken {
    match error {
        LdapError::OpSend { .. } => Broken::NotSent("the connection was closed".to_owned()),
        LdapError::FilterParsing | LdapError::AddNoValues => Broken::NotSent(error.to_string()),
        LdapError::Timeout { .. } => Broken::NoAnswer("no answer in time".to_owned()),
        LdapError::ResultRecv { .. } | LdapError::EndOfStream | LdapError::IdScrubSend { .. } => {
            Broken::NoAnswer("the connection was lost before the answer came".to_owned())
        }
        other => Broken::NoAnswer(other.to_string()),
    }
}

impl Session {
    /// A handle for one more operation on this connection, with the time limit set.
    pub(super) fn handle(&self) -> Ldap {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        ldap
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.ldap.clone().is_closed()
    }

    /// Reads one object; `None` when there is none of this name.
    pub(super) async fn object(
        &self,
        dn: &str,
        filter: &str,
        attributes: &[String],
    ) -> Result<Option<RawEntry>, ConnectorError> {
        let what = format!("reading {}", shown(dn));
        let (mut entries, result) = self
            .some(dn, Scope::Base, filter, attributes)
            .await
            .map_err(|broken| broken.on_read(&self.system, &what))?;
        match result.rc {
            0 => Ok(entries.pop()),
            32 => Ok(None),
            _ => Err(refused(&self.system, &what, &result, &[])),
        }
    }

    /// Reads a few objects, without paging.
    pub(super) async fn some(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[String],
    ) -> Result<(Vec<RawEntry>, LdapResult), Broken> {
        self.some_with(base, scope, filter, attributes, Vec::new())
            .await
    }

    /// As [`Session::some`], with controls.
    pub(super) async fn some_with(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[String],
        controls: Vec<RawControl>,
    ) -> Result<(Vec<RawEntry>, LdapResult), Broken> {
        let mut ldap = self.handle();
        if !controls.is_empty() {
            ldap.with_controls(controls);
        }
        let mut entries = Vec::new();
        let result = exchange(async {
            let mut stream = ldap
                .streaming_search(base, scope, filter, attributes)
                .await?;
            while let Some(item) = stream.next().await? {
                entries.extend(decode_item(item.0).ok().flatten());
            }
            Ok(stream.finish().await)
        })
        .await?;
        Ok((entries, result))
    }

    /// Reads all entries a search finds, `page_size` at a time, handing each on as it comes.
    ///
    /// # Errors
    /// Whatever ends the search other than success; what was handed on until then is not the whole.
    pub(super) async fn all(
        &self,
        search: &Search<'_>,
        page_size: u32,
        each: impl FnMut(RawEntry) + Send,
    ) -> Result<Pages, ConnectorError> {
        self.at_least(search, page_size, u64::MAX, each).await
    }

    /// As [`Session::all`], but ends after the page that brings the number of entries to `most`.
    pub(super) async fn at_least(
        &self,
        search: &Search<'_>,
        page_size: u32,
        most: u64,
        mut each: impl FnMut(RawEntry) + Send,
    ) -> Result<Pages, ConnectorError> {
        let what = format!("searching {} for {}", shown(search.base), search.filter);
        let mut pages = Pages::default();
        let mut cookie = Vec::new();
        loop {
            let mut controls = vec![paged_results(page_size, cookie), domain_scope()];
            if search.show_deleted {
                controls.push(RawControl {
                    ctype: SHOW_DELETED.to_owned(),
                    crit: true,
                    val: None,
                });
            }
            if search.access_lists {
                controls.push(access_list_only());
            }
            let mut ldap = self.handle();
            ldap.with_controls(controls);
            let result = exchange(async {
                let mut stream = ldap
                    .streaming_search(search.base, search.scope, search.filter, search.attributes)
                    .await?;
                while let Some(item) = stream.next().await? {
                    match decode_item(item.0) {
                        Ok(Some(entry)) => {
                            pages.rows += 1;
                            each(entry);
                        }
                        Ok(None) => pages.references += 1,
                        Err(Undecodable) => pages.undecodable += 1,
                    }
                }
                Ok(stream.finish().await)
            })
            .await
            .map_err(|broken| broken.on_read(&self.system, &what))?;
            if result.rc != 0 {
                return Err(refused(&self.system, &what, &result, &[]));
            }
            pages.pages += 1;
            cookie = next_cookie(&result).ok_or_else(|| ConnectorError::Unavailable {
                system: self.system.clone(),
                message: format!("{what}: the server's paging answer cannot be read"),
            })?;
            if cookie.is_empty() || pages.rows >= most {
                return Ok(pages);
            }
        }
    }
}

/// A name for messages, without control characters and not endless.
pub(super) fn shown(dn: &str) -> String {
    if dn.is_empty() {
        return "the root entry".to_owned();
    }
    dn.chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// No references to other naming contexts, from servers that know this.
pub(super) fn domain_scope() -> RawControl {
    RawControl {
        ctype: DOMAIN_SCOPE.to_owned(),
        crit: false,
        val: None,
    }
}

struct Undecodable;

/// An entry, `None` for a reference or an intermediate message.
fn decode_item(tag: StructureTag) -> Result<Option<RawEntry>, Undecodable> {
    if tag.id == 4 {
        decode_entry(tag).map(Some).ok_or(Undecodable)
    } else {
        Ok(None)
    }
}

fn decode_entry(tag: StructureTag) -> Option<RawEntry> {
    let mut parts = tag.expect_constructed()?.into_iter();
    let dn = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
    let attributes = parts
        .next()?
        .expect_constructed()?
        .into_iter()
        .map(|attribute| {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = parts.next()?.expect_primitive()?;
            let values = parts
                .next()?
                .expect_constructed()?
                .into_iter()
                .map(StructureTag::expect_primitive)
                .collect::<Option<Vec<_>>>()?;
            Some((name, values))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(RawEntry { dn, attributes })
}

/// LDAP_SERVER_SD_FLAGS_OID with DACL_SECURITY_INFORMATION ([MS-ADTS] 3.1.1.3.4.1.11): a sequence of one integer, 4.
pub(super) fn access_list_only() -> RawControl {
    RawControl {
        ctype: "1.2.840.113556.1.4.801".to_owned(),
        crit: true,
        val: Some(vec![0x30, 0x03, 0x02, 0x01, 0x04]),
    }
}

fn paged_results(size: u32, cookie: Vec<u8>) -> RawControl {
    let mut control = RawControl::from(PagedResults {
        size: i32::try_from(size).unwrap_or(i32::MAX),
        cookie,
    });
    control.crit = true;
    control
}

/// The cookie of the page after this one; empty at the end, `None` when it cannot be read.
fn next_cookie(result: &LdapResult) -> Option<Vec<u8>> {
    let Some(control) = result
        .ctrls
        .iter()
        .map(|control| &control.1)
        .find(|control| control.ctype == PAGED_RESULTS)
    else {
        // A server that does not page has given everything at once: the result was success.
        return Some(Vec::new());
    };
    let (_, tag) = parse_tag(control.val.as_deref()?).ok()?;
    let mut parts = tag.expect_constructed()?.into_iter();
    parts.next()?;
    parts.next()?.expect_primitive()
}

#[cfg(test)]
mod tests {
    use ldap3::LdapResult;
    use ldap3::asn1::{PL, StructureTag, TagClass};
    use ldap3::controls::Control;

    use super::{decode_item, next_cookie, paged_results};

    fn primitive(bytes: &[u8]) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id: 4,
            payload: PL::P(bytes.to_vec()),
        }
    }

    fn constructed(id: u64, parts: Vec<StructureTag>) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id,
            payload: PL::C(parts),
        }
    }

    #[test]
    fn an_entry_keeps_its_bytes() {
        let attribute = constructed(
            16,
            vec![
                primitive(b"objectGUID"),
                constructed(17, vec![primitive(&[0xff; 16])]),
            ],
        );
        let entry = constructed(
            4,
            vec![primitive(b"CN=a"), constructed(16, vec![attribute])],
        );
        let entry = decode_item(entry).ok().flatten().expect("an entry");
        assert_eq!(entry.dn, "CN=a");
        assert_eq!(entry.values("OBJECTguid"), [vec![0xff; 16]]);
        assert_eq!(entry.text("objectGUID"), None);
        assert!(entry.values("cn").is_empty());
    }

    #[test]
    fn what_is_no_entry_is_said_so_and_does_not_panic() {
        assert!(matches!(decode_item(constructed(19, Vec::new())), Ok(None)));
        for odd in [
            constructed(4, Vec::new()),
            primitive(b"x"),
            constructed(4, vec![primitive(&[0xff]), constructed(16, Vec::new())]),
            constructed(4, vec![primitive(b"CN=a"), primitive(b"x")]),
            constructed(
                4,
                vec![primitive(b"CN=a"), constructed(16, vec![primitive(b"x")])],
            ),
        ] {
            assert!(decode_item(odd).is_err());
        }
    }

    #[test]
    fn a_cookie_comes_back_as_it_was_given() {
        let answer = |control: Option<Vec<u8>>| {
            let mut raw = paged_results(1, Vec::new());
            raw.val = control;
            LdapResult {
                rc: 0,
                matched: String::new(),
                text: String::new(),
                refs: Vec::new(),
                ctrls: vec![Control(None, raw)],
            }
        };
        for cookie in [Vec::new(), vec![1, 2, 3], vec![7; 300]] {
            let sent = paged_results(500, cookie.clone()).val;
            assert_eq!(next_cookie(&answer(sent)), Some(cookie));
        }
        assert_eq!(next_cookie(&answer(None)), None);
        assert_eq!(next_cookie(&answer(Some(vec![0x30]))), None);
        assert_eq!(next_cookie(&answer(Some(vec![0x04, 0x01, 0x41]))), None);
    }
}
