//! What the security accounts manager enforces on users and groups ([MS-SAMR] 3.1.1): control bits, names, scopes.

use super::core::{Directory, Principal};
use super::draft::{Draft, Terms};
use super::failure::Failure;
use super::message::Operation;
use super::password;
use super::schema::{AttrId, ClassId};
use super::store::{Link, ObjectId};
use super::value::{filetime, fold};

/// `userAccountControl` bits.
pub(crate) mod uac {
    pub(crate) const DISABLED: i64 = 0x2;
    pub(crate) const LOCKOUT: i64 = 0x10;
    pub(crate) const PASSWORD_NOT_REQUIRED: i64 = 0x20;
    pub(crate) const CANNOT_CHANGE: i64 = 0x40;
    pub(crate) const NORMAL: i64 = 0x200;
    pub(crate) const INTERDOMAIN_TRUST: i64 = 0x800;
    pub(crate) const WORKSTATION: i64 = 0x1000;
    pub(crate) const SERVER: i64 = 0x2000;
    pub(crate) const DELEGATION: i64 = 0x8_0000;
    pub(crate) const PASSWORD_EXPIRED: i64 = 0x80_0000;
    pub(crate) const TRUSTED_TO_AUTH: i64 = 0x100_0000;
    pub(crate) const TYPES: i64 = NORMAL | INTERDOMAIN_TRUST | WORKSTATION | SERVER;
    /// Everything that can be stored.
    pub(crate) const KNOWN: i64 = 0x57f_3bfb & !PASSWORD_EXPIRED;
}

/// `groupType` bits.
pub(crate) mod scope {
    pub(crate) const GLOBAL: i64 = 2;
    pub(crate) const DOMAIN_LOCAL: i64 = 4;
    pub(crate) const UNIVERSAL: i64 = 8;
    pub(crate) const SECURITY: i64 = 0x8000_0000;
    pub(crate) const BITS: i64 = GLOBAL | DOMAIN_LOCAL | UNIVERSAL;
}

/// `accountExpires` of an account that never does.
pub(crate) const NEVER: i64 = i64::MAX;

impl Directory {
    /// `sAMAccountType`, which follows from control bits or group type.
    pub(crate) fn account_type(&self, id: ObjectId) -> Option<i64> {
        let object = self.object(id);
        if let Some(bits) = object.number(self.schema.known.uac) {
            return Some(if bits & (uac::WORKSTATION | uac::SERVER) != 0 {
                805_306_369
            } else {
                805_306_368
            });
        }
        let kind = object.number(self.schema.known.group_type)?;
        let local = kind & scope::DOMAIN_LOCAL != 0;
        Some(match (kind & scope::SECURITY != 0, local) {
            (true, false) => 268_435_456,
            (false, false) => 268_435_457,
            (true, true) => 536_870_912,
            (false, true) => 536_870_913,
        })
    }

    /// The server's defaults for a new user or group.
    pub(crate) fn default_account(&mut self, draft: &mut Draft) {
        let known = self.schema.known.clone();
        if !self.is_principal_class(draft.class) {
            return;
        }
        if !draft.has(known.sam_account_name) {
            let random = self.random.next();
            let name = format!(
                "${:06X}-{:012X}",
                random >> 40,
                self.random.next() & 0xffff_ffff_ffff
            );
            draft.set(known.sam_account_name, name);
        }
        if self.schema.is_a(draft.class, "group") {
            draft.default(known.group_type, -2_147_483_646);
            return;
        }
        let computer = self.schema.is_a(draft.class, "computer");
        draft.default(known.uac, if computer { 4128 | 2 } else { 546 });
        draft.default(known.primary_group_id, if computer { 515 } else { 513 });
        draft.default(known.pwd_last_set, 0);
        draft.default(known.account_expires, NEVER);
        for attribute in [
            "badPasswordTime",
            "badPwdCount",
            "codePage",
            "countryCode",
            "lastLogoff",
            "lastLogon",
            "logonCount",
        ] {
            if let Some(id) = self.schema.attribute(attribute) {
                draft.default(id, 0);
            }
        }
    }

    /// Checks and settles a user or group once all attributes are in the draft. Gives the new password, if any.
    pub(crate) fn settle_account(
        &self,
        draft: &mut Draft,
        terms: Terms,
    ) -> Result<Option<zeroize::Zeroizing<String>>, Failure> {
        let known = &self.schema.known;
        if draft
            .attributes
            .get(&known.description)
            .is_some_and(|values| values.len() > 1)
        {
            return Err(Failure::attribute(20, 0x200d, "description"));
        }
        self.check_names(draft)?;
        if self.schema.is_a(draft.class, "group") {
            self.settle_group_type(draft)?;
            return Ok(None);
        }
        let password = self.settle_password(draft, terms)?;
        for id in [
            known.uac,
            known.primary_group_id,
            known.pwd_last_set,
            known.account_expires,
            known.country_code,
            known.code_page,
        ] {
            if !draft.has(id) {
                return Err(Failure::unwilling(0x2035));
            }
        }
        self.settle_control(draft, terms, password.is_some())?;
        self.settle_times(draft, terms, password.is_some())?;
        self.settle_primary_group(draft)?;
        Ok(password)
    }

    fn settle_password(
        &self,
        draft: &Draft,
        terms: Terms,
    ) -> Result<Option<zeroize::Zeroizing<String>>, Failure> {
        let edit = &draft.password;
        if edit.parts == 0 {
            return Ok(None);
        }
        let general = || Failure::unwilling(0x1f);
        let one = |values: &[Vec<u8>]| match values {
            [value] => password::decode(value).ok_or_else(general),
            _ => Err(general()),
        };
        if !terms.sealed {
            // Samba sets passwords over a plain connection; AD does not.
            return Err(general());
        }
        let (operation, values) = edit.new.as_ref().ok_or_else(general)?;
        let new = one(values)?;
        let known = &self.schema.known;
        let policy = &self.config.password_policy;
        let acceptable = password::acceptable(
            policy,
            &new,
            &draft.text(known.sam_account_name).unwrap_or_default(),
            &draft.text(known.display_name).unwrap_or_default(),
        );
        let reused = |count: u32| {
            draft.id.is_some_and(|id| {
                let object = self.object(id);
                let hashed = password::hash(object.guid, &new);
                object
                    .passwords
                    .iter()
                    .take(count as usize)
                    .any(|former| *former == hashed)
            })
        };
        match (&edit.old, operation, edit.parts) {
            (None, Operation::Replace, 1) => {}
            (None, Operation::Add, 1) if terms.adding => {}
            (Some(old), Operation::Add, 2) => {
                let old = one(old)?;
                let id = draft.id.ok_or_else(general)?;
                if draft.number(known.lockout_time).is_some_and(|t| t != 0) {
                    return Err(Failure::attribute(19, 0x775, "unicodePwd"));
                }
                if !self.password_matches(id, &old) {
                    return Err(Failure::attribute(19, 0x56, "unicodePwd"));
                }
                if !acceptable || reused(policy.history) {
                    return Err(Failure::attribute(19, 0x52d, "unicodePwd"));
                }
                return Ok(Some(new));
            }
            _ => return Err(general()),
        }
        // A reset: Samba answers 19 to a policy failure, AD 53.
        if !acceptable || (terms.policy_hints && reused(policy.history)) {
            return Err(Failure::unwilling(0x52d));
        }
        Ok(Some(new))
    }

    fn settle_control(
        &self,
        draft: &mut Draft,
        terms: Terms,
        new_password: bool,
    ) -> Result<(), Failure> {
        let known = &self.schema.known;
        if draft.id.is_some() && !draft.touched.contains(&known.uac) {
            return Ok(());
        }
        let before = draft
            .id
            .and_then(|id| self.object(id).number(known.uac))
            .unwrap_or_default();
        let mut bits = draft.number(known.uac).unwrap_or_default();
        // Computed and unknown bits have no effect.
        bits &= uac::KNOWN & !(uac::LOCKOUT | uac::CANNOT_CHANGE);
        if bits & uac::TYPES == 0 {
            bits |= uac::NORMAL;
        }
        let computer = self.schema.is_a(draft.class, "computer");
        let trusted = uac::DELEGATION | uac::TRUSTED_TO_AUTH | uac::SERVER | uac::INTERDOMAIN_TRUST;
        if (bits & !before) & trusted != 0 && !self.is_administrator(terms.who) {
            return Err(Failure::denied(0x2098));
        }
        if (bits & uac::TYPES).count_ones() != 1 || (!computer && bits & uac::NORMAL == 0) {
            return Err(Failure::unwilling(0x209a));
        }
        let has_password = new_password
            || draft
                .id
                .is_some_and(|id| !self.object(id).passwords.is_empty());
        // Samba enables accounts without a password; AD asks its policy.
        if bits & (uac::DISABLED | uac::PASSWORD_NOT_REQUIRED) == 0
            && bits & uac::NORMAL != 0
            && !has_password
            && (self.config.password_policy.min_length > 0)
        {
            return Err(Failure::unwilling(0x52d));
        }
        draft.set(known.uac, bits);
        Ok(())
    }

    fn settle_times(
        &self,
        draft: &mut Draft,
        terms: Terms,
        new_password: bool,
    ) -> Result<(), Failure> {
        let known = &self.schema.known;
        let now = filetime(self.now());
        let object = draft.id;
        let before = |id: AttrId| object.and_then(|object| self.object(object).number(id));
        let written = draft.number(known.pwd_last_set);
        if draft.touched.contains(&known.pwd_last_set) && written != before(known.pwd_last_set) {
            match written {
                Some(0) => {}
                Some(-1) => draft.set(known.pwd_last_set, now),
                _ => return Err(Failure::system(0x57)),
            }
        } else if new_password && !draft.touched.contains(&known.pwd_last_set) {
            // Whoever changes their own password, knowing the old one, needs no right.
            let unexpired = draft.password.old.is_some() || self.may_unexpire(terms.who);
            draft.set(known.pwd_last_set, if unexpired { now } else { 0 });
        }
        if draft.touched.contains(&known.lockout_time) {
            let written = draft.number(known.lockout_time).unwrap_or_default();
            if written != 0 && Some(written) != before(known.lockout_time) {
                return Err(Failure::system(0x57));
            }
            if written == 0 {
                draft.set(known.bad_pwd_count, 0);
            }
        }
        Ok(())
    }

    /// `primaryGroupID` may name only a group the account is in; the two groups change places.
    fn settle_primary_group(&self, draft: &mut Draft) -> Result<(), Failure> {
        let known = &self.schema.known;
        if !draft.touched.contains(&known.primary_group_id) {
            return Ok(());
        }
        let rid = draft.number(known.primary_group_id).unwrap_or_default();
        let group = u32::try_from(rid)
            .ok()
            .and_then(|rid| self.store.by_sid(&self.domain_sid.child(rid)))
            .filter(|&group| self.is_a(group, "group"))
            .ok_or_else(|| Failure::unwilling(0x2035))?;
        let Some(id) = draft.id else {
            // A new account is in no group yet but the default one.
            return if rid == 513 || rid == 515 {
                Ok(())
            } else {
                Err(Failure::unwilling(0x561))
            };
        };
        if self.primary_group(id) == Some(group) {
            return Ok(());
        }
        let is_member = self.store.has_link(Link {
            source: group,
            attribute: known.member,
            target: id,
        });
        let local = self.object(group).number(known.group_type).unwrap_or(0) & scope::DOMAIN_LOCAL;
        if !is_member || local != 0 {
            return Err(Failure::unwilling(0x561));
        }
        Ok(())
    }

    /// After a commit: the former primary group shows its member, the new one hides it.
    pub(crate) fn swap_primary_group(&mut self, id: ObjectId, before: Option<ObjectId>) {
        let after = self.primary_group(id);
        if before == after {
            return;
        }
        let attribute = self.schema.known.member;
        if let Some(source) = before {
            self.store.add_link(Link {
                source,
                attribute,
                target: id,
            });
        }
        if let Some(source) = after {
            self.store.remove_link(Link {
                source,
                attribute,
                target: id,
            });
        }
    }

    fn check_names(&self, draft: &Draft) -> Result<(), Failure> {
        let known = &self.schema.known;
        let group = self.schema.is_a(draft.class, "group");
        let taken = |attribute: AttrId, value: &str| {
            let folded = self
                .schema
                .def(attribute)
                .kind
                .key(value.as_bytes())
                .into_owned();
            self.store
                .indexed(attribute, &folded)
                .any(|other| Some(other) != draft.id)
        };
        let changed = |attribute: AttrId| draft.id.is_none() || draft.touched.contains(&attribute);
        let name = draft
            .text(known.sam_account_name)
            .ok_or_else(|| Failure::unwilling(0x2035))?;
        if changed(known.sam_account_name) {
            let user = !group && !self.schema.is_a(draft.class, "computer");
            let forbidden = |c: char| c.is_control() || "\"/\\[]:;|=,+*?<>".contains(c);
            // Samba takes longer names; AD holds users to 20 characters.
            if (user && name.encode_utf16().count() > 20)
                || name.contains(forbidden)
                || name.trim_matches(' ').is_empty()
                || name.ends_with('.')
            {
                return Err(Failure::system(0x523));
            }
            if taken(known.sam_account_name, &name) {
                return Err(Failure::update(68, if group { 0x526 } else { 0x524 }));
            }
        }
        let suffix = format!("@{}", self.config.domain);
        let upn = draft.text(known.upn);
        let duplicate = || Failure::attribute(19, 0x21c8, "userPrincipalName");
        if let Some(upn) = upn.as_ref().filter(|_| changed(known.upn)) {
            if taken(known.upn, upn) {
                return Err(duplicate());
            }
            // `name@domain` belongs to the account of that name even when nobody wrote it down.
            let folded = fold(upn);
            if let Some(implied) = folded.strip_suffix(&*fold(&suffix))
                && self.implied_upn_taken(implied, draft.id)
            {
                return Err(duplicate());
            }
        }
        if !group
            && upn.is_none()
            && changed(known.sam_account_name)
            && taken(known.upn, &format!("{name}{suffix}"))
        {
            return Err(duplicate());
        }
        if changed(known.service_principal_name) {
            for value in draft
                .attributes
                .get(&known.service_principal_name)
                .into_iter()
                .flatten()
            {
                if taken(
                    known.service_principal_name,
                    &String::from_utf8_lossy(value),
                ) {
                    return Err(Failure::attribute(19, 0x21c7, "servicePrincipalName"));
                }
            }
        }
        Ok(())
    }

    fn implied_upn_taken(&self, name: &str, except: Option<ObjectId>) -> bool {
        let known = &self.schema.known;
        self.store
            .indexed(known.sam_account_name, name.as_bytes())
            .any(|other| {
                Some(other) != except
                    && self.is_a(other, "user")
                    && self.object(other).values(known.upn).is_empty()
            })
    }

    fn settle_group_type(&self, draft: &mut Draft) -> Result<(), Failure> {
        let known = &self.schema.known;
        let bad = || Failure::unwilling(0x2141);
        let kind = draft.number(known.group_type).ok_or_else(bad)?;
        if (kind & scope::BITS).count_ones() != 1 || kind & 1 != 0 {
            // A built-in group keeps its type; nobody makes one.
            return match draft.id {
                Some(id) if self.object(id).number(known.group_type) == Some(kind) => Ok(()),
                _ => Err(bad()),
            };
        }
        let Some(id) = draft.id else {
            return Ok(());
        };
        let before = self.object(id).number(known.group_type).unwrap_or(kind);
        if before & scope::BITS == kind & scope::BITS {
            return Ok(());
        }
        let direct = (before | kind) & scope::BITS == scope::GLOBAL | scope::DOMAIN_LOCAL;
        if direct || before & 1 != 0 {
            return Err(bad());
        }
        // The new scope must suit the members it has and the groups it is in.
        for target in self.draft_targets(draft, known.member) {
            self.check_scope(kind, target)?;
        }
        for group in self.store.sources(id, known.member) {
            let above = self.object(group).number(known.group_type).unwrap_or(0);
            if !scope_allows(above, Some(kind)) {
                return Err(bad());
            }
        }
        Ok(())
    }

    /// May `target` become a member of the group being drafted?
    pub(crate) fn check_member(&self, draft: &Draft, target: ObjectId) -> Result<(), Failure> {
        let known = &self.schema.known;
        if draft.id == Some(target) {
            // A group in itself: Samba takes it, AD does not.
            return Err(Failure::unwilling(0x2035));
        }
        if draft.id.is_some() && self.primary_group(target) == draft.id {
            return Err(Failure::update(68, 0x562));
        }
        let kind = draft.number(known.group_type).unwrap_or(scope::GLOBAL);
        self.check_scope(kind, target)
    }

    fn check_scope(&self, kind: i64, target: ObjectId) -> Result<(), Failure> {
        let member = self.object(target).number(self.schema.known.group_type);
        if scope_allows(kind, member) {
            return Ok(());
        }
        let member = member.unwrap_or_default();
        Err(Failure::unwilling(if kind & scope::GLOBAL != 0 {
            if member & scope::UNIVERSAL != 0 {
                0x2145
            } else {
                0x2144
            }
        } else {
            0x2146
        }))
    }

    /// May this account reset passwords of, or change its own password on, the object?
    pub(crate) fn may_set_password(&self, who: Principal, id: ObjectId, change: bool) -> bool {
        // Who knows the old password may change it.
        change || self.may_write(who, id)
    }

    pub(crate) fn is_account(&self, class: ClassId) -> bool {
        self.schema.is_a(class, "user")
    }
}

/// Whether a group of one type may hold a member: another group of a type, or something that is no group.
fn scope_allows(group: i64, member: Option<i64>) -> bool {
    let Some(member) = member else {
        return true;
    };
    if group & (scope::DOMAIN_LOCAL | 1) != 0 {
        return true;
    }
    if group & scope::UNIVERSAL != 0 {
        return member & scope::DOMAIN_LOCAL == 0;
    }
    member & scope::GLOBAL != 0
}

#[cfg(test)]
mod tests {
    use super::{scope_allows, uac};

    #[test]
    fn group_scopes_nest_as_documented() {
        let (global, local, universal) = (Some(2), Some(4), Some(8));
        assert!(scope_allows(2, None) && scope_allows(2, global));
        assert!(!scope_allows(2, universal) && !scope_allows(2, local));
        assert!(scope_allows(8, global) && scope_allows(8, universal));
        assert!(!scope_allows(8, local));
        assert!(scope_allows(4, local) && scope_allows(4, universal));
    }

    #[test]
    fn computed_bits_are_not_stored() {
        assert_eq!(uac::KNOWN & uac::PASSWORD_EXPIRED, 0);
        for bit in [0x200, 0x2, 0x10000, 0x40000, 0x100_0000, 0x400_0000] {
            assert_eq!(uac::KNOWN & bit, bit, "{bit:#x}");
        }
        assert_eq!(uac::KNOWN & 0x4, 0);
    }
}
