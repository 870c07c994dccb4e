//! Whether an account is in a group, and what to send to put it in or to take it out.
//!
//! Reads only, as `look` does, which it belongs to. Invariant: neither a group nor a member that is privileged, protected or
//! somebody else's by now is touched; a group that the plan names as privileged is.

use std::collections::BTreeMap;

use super::bounds::Bounds;
use super::look::{ADMIN_COUNT, Eyes, Look, Operation, is_protected, write};
use super::outcome::ChangeOutcome;
use crate::connector::{ConnectorError, DirectoryWriter};
use crate::model::Guid;

impl<W: DirectoryWriter> Eyes<'_, W> {
    /// Whether somebody is in a group, and what to send so that they are or are not.
    pub(super) async fn member(
        &self,
        group: Guid,
        member: Guid,
        present: bool,
        privileged: bool,
    ) -> Result<Look, ConnectorError> {
        let fetched = if privileged {
            self.fetch_any(group, std::iter::empty()).await?
        } else {
            self.fetch_unprivileged(group, std::iter::empty()).await?
        };
        let entry = match fetched {
            Ok(entry) => entry,
            Err(settled) => return Ok(settled),
        };
        if self.writer.is_member(group, member).await? == present {
            return Ok(Look::AsDesired(group));
        }
        let forbidden = self.bounds;
        let forbidden = forbidden.and_then(|bounds| bounds.forbid_group(&entry.dn, privileged));
        if let Some(why) = forbidden {
            return Ok(Look::Settled(ChangeOutcome::conflict(why)));
        }
        if let Some(outcome) = self.no_member(member, privileged).await? {
            return Ok(Look::Settled(outcome));
        }
        let (operation, found) = if present {
            (Operation::AddMember(group, member), Vec::new())
        } else {
            (
                Operation::RemoveMember(group, member),
                vec![format!("<GUID={member}>")],
            )
        };
        let before = BTreeMap::from([("member".to_owned(), found)]);
        Ok(write(&entry, operation, before))
    }

    /// Why an account's memberships are left as they are. Of one that is gone the directory itself tells.
    async fn no_member(
        &self,
        member: Guid,
        privileged: bool,
    ) -> Result<Option<ChangeOutcome>, ConnectorError> {
        let mut asked = vec![ADMIN_COUNT.to_owned(), Bounds::ASKED.to_owned()];
        if let Some((expected, change)) = self.expected {
            expected.ask(change, member, &mut asked);
        }
        let Some(account) = self.writer.fetch(member, &asked).await? else {
            return Ok(None);
        };
        if !privileged && is_protected(&account) {
            return Ok(Some(ChangeOutcome::conflict(
                "the member is privileged (adminCount), which it was not when the plan was made",
            )));
        }
        let stranger = self.stranger(&account);
        Ok(stranger.or_else(|| self.forbidden(&account).map(ChangeOutcome::conflict)))
    }
}
