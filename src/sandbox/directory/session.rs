//! One connection's conversation: who is bound, which searches are open, what each request is answered.
//!
//! Knows messages and the directory, and no sockets: bytes in, bytes out.

use std::sync::PoisonError;

use super::ber::Writer;
use super::core::{Directory, Principal};
use super::failure::Failure;
use super::faults::{OperationKind, Verdict};
use super::handle::{Shared, WriteRecord};
use super::message::{
    Authentication, Extra, Message, Operation, Request, STARTTLS, Scope, WHO_AM_I, write_result,
};
use super::peer::PeerNames;
use super::search::Cursors;
use super::value::{Kind, filetime, fold};
use super::view::Lens;
use super::write::{Edit, NewEntry};
use crate::model::Dn;

/// What the connection does after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Continue,
    /// Send what is written, then begin TLS.
    StartTls,
    /// Send what is written, then close.
    Close,
}

pub(crate) struct Session {
    pub(crate) who: Principal,
    pub(crate) sealed: bool,
    pub(crate) peer: Option<PeerNames>,
    /// On the port of the global catalog: the whole forest, a part of the attributes, nothing to write.
    pub(crate) catalog: bool,
    cursors: Cursors,
}

/// What a request came to.
struct Answer {
    outcome: Result<u32, Failure>,
    extra: Extra,
}

impl From<Result<(), Failure>> for Answer {
    fn from(result: Result<(), Failure>) -> Self {
        Self {
            outcome: result.map(|()| 0),
            extra: Extra::default(),
        }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::from(Err(failure))
    }
}

fn owned(values: &[&[u8]]) -> Vec<Vec<u8>> {
    values.iter().map(|value| value.to_vec()).collect()
}

fn entry_of(name: &str, attributes: &[(&str, Vec<&[u8]>)]) -> NewEntry {
    NewEntry {
        dn: name.to_owned(),
        attributes: attributes
            .iter()
            .map(|(attribute, values)| ((*attribute).to_owned(), owned(values)))
            .collect(),
    }
}

impl Session {
    pub(crate) fn new(sealed: bool, peer: Option<PeerNames>, catalog: bool) -> Self {
        Self {
            who: Principal::Anonymous,
            sealed,
            peer,
            catalog,
            cursors: Cursors::default(),
        }
    }

    /// What faults are in store for a request.
    pub(crate) fn judge(shared: &Shared, message: &Message<'_>) -> Verdict {
        let Some(kind) = OperationKind::of(&message.request) else {
            return Verdict::default();
        };
        let mut faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() {
            return Verdict::default();
        }
        let name = match &message.request {
            Request::Modify { name, .. }
            | Request::Add { name, .. }
            | Request::Delete { name }
            | Request::Rename { name, .. }
            | Request::Compare { name, .. }
            | Request::Bind { name, .. } => *name,
            Request::Search(search) => search.base,
            _ => "",
        };
        // Faults are aimed by name whatever form the client uses.
        let directory = shared.read();
        let target = directory
            .resolve(name, true)
            .map_or_else(|_| name.to_owned(), |id| directory.store.dn(id));
        drop(directory);
        faults.judge(kind, &target)
    }

    /// Answers one request.
    pub(crate) fn handle(
        &mut self,
        shared: &Shared,
        message: &Message<'_>,
        refuse: Option<Failure>,
        out: &mut Writer,
    ) -> Next {
        let id = message.id;
        let Some(response) = message.request.response() else {
            return match message.request {
                Request::Unbind => Next::Close,
                _ => Next::Continue,
            };
        };
        let mut next = Next::Continue;
        let answer = if let Some(failure) = refuse {
            failure.into()
        } else if message.controls.refused.is_some() {
            Failure::ldap(12, 0x2040, "Error processing control", "0").into()
        } else {
            self.answer(shared, message, out, &mut next)
        };
        if let Some(kind) = OperationKind::of(&message.request) {
            shared.count(kind, answer.outcome.is_ok());
        }
        write_result(
            out,
            id,
            response,
            answer.outcome.as_ref().map(|code| *code),
            &answer.extra,
        );
        next
    }

    fn answer(
        &mut self,
        shared: &Shared,
        message: &Message<'_>,
        out: &mut Writer,
        next: &mut Next,
    ) -> Answer {
        let controls = &message.controls;
        match &message.request {
            Request::Bind {
                version,
                name,
                authentication,
            } => {
                let result = self.bind(shared, *version, name, authentication);
                // A failed bind leaves the connection anonymous (RFC 4511 section 4.2.1).
                self.who = *result.as_ref().unwrap_or(&Principal::Anonymous);
                result.map(|_| ()).into()
            }
            Request::Search(search) if search.base.is_empty() && search.scope == Scope::Base => {
                shared.read().root_dse(search, out, message.id);
                Ok(()).into()
            }
            Request::Search(search) => {
                let directory = shared.read();
                let found = directory.search(
                    Lens {
                        catalog: self.catalog,
                        ..Lens::plain(self.who)
                    },
                    search,
                    controls,
                    &mut self.cursors,
                    out,
                    message.id,
                );
                drop(directory);
                shared.count_entries(found.entries);
                Answer {
                    outcome: found.outcome,
                    extra: found.extra,
                }
            }
            Request::Compare {
                name,
                attribute,
                value,
            } => {
                let outcome = self.compare(&shared.read(), name, attribute, value);
                Answer {
                    outcome,
                    extra: Extra::default(),
                }
            }
            Request::Extended { oid } => self.extended(shared, oid, next),
            Request::Add { .. }
            | Request::Modify { .. }
            | Request::Rename { .. }
            | Request::Delete { .. } => self.write(shared, message).into(),
            Request::Unbind | Request::Abandon => Ok(()).into(),
        }
    }

    fn extended(&self, shared: &Shared, oid: &str, next: &mut Next) -> Answer {
        match oid {
            STARTTLS => {
                let outcome = if self.sealed {
                    Err(Failure::ldap(1, 0, "TLS or SSL already in effect", "0"))
                } else {
                    *next = Next::StartTls;
                    Ok(0)
                };
                Answer {
                    outcome,
                    extra: Extra {
                        name: Some(STARTTLS),
                        ..Extra::default()
                    },
                }
            }
            WHO_AM_I => {
                let name = match self.who {
                    Principal::Account(id) => shared
                        .read()
                        .principal_name(id)
                        .map(|name| format!("u:{name}")),
                    _ => None,
                };
                Answer {
                    outcome: Ok(0),
                    extra: Extra {
                        value: Some(name.unwrap_or_default().into_bytes()),
                        ..Extra::default()
                    },
                }
            }
            _ => Failure::ldap(2, 0x57, "Unknown extended request OID", "0").into(),
        }
    }

    fn compare(
        &self,
        directory: &Directory,
        name: &str,
        attribute: &str,
        value: &[u8],
    ) -> Result<u32, Failure> {
        if self.who == Principal::Anonymous {
            return Err(not_bound());
        }
        let object = directory.resolve(name, false)?;
        let id = directory
            .schema
            .attribute(attribute)
            .ok_or_else(Failure::unknown_attribute)?;
        let def = directory.schema.def(id);
        let values = directory.values_of(object, id, Lens::plain(self.who));
        if values.is_empty() {
            return Err(Failure::attribute(16, 0x200a, &def.name));
        }
        let equal = if def.kind == Kind::Dn {
            let wanted = std::str::from_utf8(value)
                .ok()
                .and_then(|text| directory.resolve(text, false).ok())
                .map(|id| directory.store.dn(id));
            values
                .iter()
                .any(|value| Some(&**value) == wanted.as_deref().map(str::as_bytes))
        } else {
            let key = def.kind.key(value);
            values.iter().any(|value| def.kind.key(value) == key)
        };
        Ok(if equal { 6 } else { 5 })
    }

    fn write(&self, shared: &Shared, message: &Message<'_>) -> Result<(), Failure> {
        if self.who == Principal::Anonymous {
            return Err(not_bound());
        }
        if self.catalog {
            return Err(Failure::unwilling(0x2035));
        }
        let controls = &message.controls;
        let mut directory = shared.write();
        let mut record = WriteRecord::default();
        let result = match &message.request {
            Request::Add { name, attributes } => {
                record.attributes = attributes.iter().map(|(a, _)| (*a).to_owned()).collect();
                directory.add(self.who, self.sealed, &entry_of(name, attributes))
            }
            Request::Modify { name, changes } => {
                let edits: Vec<Edit> = changes
                    .iter()
                    .map(|change| {
                        let name = change.attribute.to_owned();
                        let values = owned(&change.values);
                        match change.operation {
                            Operation::Add => Edit::Add(name, values),
                            Operation::Delete => Edit::Delete(name, values),
                            Operation::Replace => Edit::Replace(name, values),
                        }
                    })
                    .collect();
                record.attributes = edits.iter().map(|e| e.attribute().to_owned()).collect();
                directory.modify(self.who, self.sealed, name, &edits, controls)
            }
            Request::Rename {
                name,
                new_rdn,
                delete_old,
                new_parent,
            } => directory.rename(self.who, name, new_rdn, *delete_old, *new_parent, controls),
            Request::Delete { name } => directory.delete(self.who, name, controls),
            _ => return Ok(()),
        };
        if directory.config.record_writes {
            let name = match &message.request {
                Request::Add { name, .. }
                | Request::Modify { name, .. }
                | Request::Rename { name, .. }
                | Request::Delete { name } => *name,
                _ => "",
            };
            record.dn = match &result {
                Ok(id) => directory.store.dn(*id),
                Err(_) => name.to_owned(),
            };
            record.kind = OperationKind::of(&message.request);
            record.code = result.as_ref().err().map_or(0, |failure| failure.code);
            record.by = match self.who {
                Principal::Account(id) => directory.principal_name(id).unwrap_or_default(),
                _ => String::new(),
            };
            shared.record(record);
        }
        result.map(|_| ())
    }

    fn bind(
        &self,
        shared: &Shared,
        version: i64,
        name: &str,
        authentication: &Authentication<'_>,
    ) -> Result<Principal, Failure> {
        if version != 3 && version != 2 {
            return Err(Failure::ldap(2, 0x57, "unsupported protocol version", "0"));
        }
        match authentication {
            Authentication::Sasl("EXTERNAL") => {
                let directory = shared.read();
                let peer = self.peer.as_ref().filter(|_| self.sealed);
                let id = peer
                    .and_then(|peer| directory.account_of_peer(peer))
                    .ok_or_else(|| Failure::bind("525"))?;
                directory.usable(id)?;
                Ok(Principal::Account(id))
            }
            Authentication::Sasl(_) => Err(Failure::ldap(
                7,
                0x2027,
                "Unsupported authentication mechanism",
                "0",
            )),
            // A name without a password is an anonymous bind, and succeeds: a trap clients must know (RFC 4513
            // section 5.1.2).
            Authentication::Simple([]) => Ok(Principal::Anonymous),
            Authentication::Simple(password) => {
                let mut directory = shared.write();
                if !self.sealed && !directory.config.plain_bind {
                    return Err(Failure::ldap(
                        8,
                        0x2028,
                        "The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection",
                        "0",
                    ));
                }
                let password = std::str::from_utf8(password).map_err(|_| Failure::bind("52e"))?;
                directory
                    .authenticate(name, password)
                    .map(Principal::Account)
            }
        }
    }
}

fn not_bound() -> Failure {
    Failure::ldap(
        1,
        0x4dc,
        "In order to perform this operation a successful bind must be completed on the connection.",
        "0",
    )
}

impl Directory {
    /// The account a client certificate stands for.
    fn account_of_peer(&self, peer: &PeerNames) -> Option<super::store::ObjectId> {
        let by_upn = peer.upn.iter().chain(&peer.mail);
        by_upn
            .filter_map(|upn| self.account_named(upn))
            .chain(
                peer.common_name
                    .iter()
                    .filter_map(|name| self.by_account_name(name)),
            )
            .next()
    }

    fn by_account_name(&self, name: &str) -> Option<super::store::ObjectId> {
        let attribute = self.schema.known.sam_account_name;
        let folded = fold(name);
        let found = self.store.indexed(attribute, folded.as_bytes()).next();
        found.filter(|&id| self.is_a(id, "user"))
    }

    /// The account with a bind name: a DN, `user@domain` or `DOMAIN\user`. A bare account name is none of these.
    fn account_named(&self, name: &str) -> Option<super::store::ObjectId> {
        if let Some((domain, account)) = name.split_once('\\') {
            return domain
                .eq_ignore_ascii_case(&self.config.netbios())
                .then(|| self.by_account_name(account))
                .flatten();
        }
        if let Ok(dn) = Dn::parse(name) {
            let id = self.resolve_dn(&dn).ok()?;
            return (!self.object(id).deleted && self.is_a(id, "user")).then_some(id);
        }
        let (account, suffix) = name.rsplit_once('@')?;
        let folded = fold(name);
        if let Some(id) = self
            .store
            .indexed(self.schema.known.upn, folded.as_bytes())
            .next()
        {
            return Some(id);
        }
        let ours = suffix.eq_ignore_ascii_case(&self.config.domain)
            || suffix.eq_ignore_ascii_case(&self.config.netbios());
        ours.then(|| self.by_account_name(account)).flatten()
    }

    /// A simple bind. The order of the checks decides which reason is told.
    pub(crate) fn authenticate(
        &mut self,
        name: &str,
        password: &str,
    ) -> Result<super::store::ObjectId, Failure> {
        if name.len() > 255 {
            return Err(Failure::bind("57"));
        }
        // Samba tells unknown names by the same code as wrong passwords; AD by another.
        let id = self
            .account_named(name)
            .ok_or_else(|| Failure::bind("525"))?;
        let known = self.schema.known.clone();
        let locked = |this: &Self| this.object(id).number(known.lockout_time).unwrap_or(0) != 0;
        if locked(self) {
            return Err(Failure::bind("775"));
        }
        if !self.password_matches(id, password) {
            let threshold = i64::from(self.config.password_policy.lockout_threshold);
            if threshold > 0 {
                let wrong = self.object(id).number(known.bad_pwd_count).unwrap_or(0) + 1;
                let now = filetime(self.now());
                let mut draft = self.draft_of(id);
                draft.set(known.bad_pwd_count, wrong);
                if wrong >= threshold {
                    draft.set(known.lockout_time, now);
                }
                let attributes = draft.attributes;
                self.store.set_attributes(&self.schema, id, attributes);
            }
            return Err(Failure::bind("52e"));
        }
        self.usable(id)?;
        if self.object(id).number(known.bad_pwd_count).unwrap_or(0) != 0 {
            let mut draft = self.draft_of(id);
            draft.set(known.bad_pwd_count, 0);
            let attributes = draft.attributes;
            self.store.set_attributes(&self.schema, id, attributes);
        }
        Ok(id)
    }

    /// Whether an account that proved who it is may sign in.
    fn usable(&self, id: super::store::ObjectId) -> Result<(), Failure> {
        let known = &self.schema.known;
        let object = self.object(id);
        let bits = object.number(known.uac).unwrap_or(0);
        if bits & super::accounts::uac::DISABLED != 0 {
            return Err(Failure::bind("533"));
        }
        if self.expired(id) {
            return Err(Failure::bind("701"));
        }
        // DONT_EXPIRE_PASSWD also spares from having to change it.
        if object.number(known.pwd_last_set) == Some(0) && bits & 0x1_0000 == 0 {
            return Err(Failure::bind("773"));
        }
        Ok(())
    }
}
