//! What is there of a deleted account that is to come back, and what to send to bring it back.
//!
//! Reads only, as `look` does, which it belongs to. Invariant: no account comes back enabled, or over another object.

use std::collections::BTreeMap;

use super::control::{ACCOUNT_DISABLED, UAC, account_control};
use super::look::{Eyes, Look, Operation, moved, write};
use super::outcome::ChangeOutcome;
use crate::connector::{ConnectorError, DirectoryWriter};
use crate::model::{Dn, Guid};

impl<W: DirectoryWriter> Eyes<'_, W> {
    /// Whether the account is back already, and else whether it still can be brought back.
    pub(super) async fn restored(&self, guid: Guid, dn: &Dn) -> Result<Look, ConnectorError> {
        let nothing = [];
        if let Some(entry) = self.writer.fetch(guid, &nothing).await? {
            if entry.dn.key() == dn.key() {
                return Ok(Look::AsDesired(guid));
            }
            return Ok(moved(
                "distinguishedName",
                "",
                dn.as_str(),
                entry.dn.as_str(),
            ));
        }
        let keeps = |message: String| Ok(Look::Settled(ChangeOutcome::conflict(message)));
        let mut asked = vec![UAC.to_owned()];
        let target = self.expected.map(|(_, change)| &change.target);
        if let (Some(anchors), Some(target)) = (self.anchors, target) {
            asked.extend_from_slice(anchors.names(target));
        }
        let Some(deleted) = self.writer.fetch_deleted(guid, &asked).await? else {
            return keeps(
                "the deleted account is gone for good, or the right to see deleted objects is missing"
                    .to_owned(),
            );
        };
        // It would come back open, where no Recycle Bin is without a password.
        if account_control(&deleted).is_some_and(|flags| flags & ACCOUNT_DISABLED == 0) {
            return keeps("the deleted account is not disabled".to_owned());
        }
        if let Some(why) = self.bounds.and_then(|bounds| bounds.forbid_name(dn)) {
            return keeps(why);
        }
        if let Some(other) = self.writer.fetch_by_dn(dn, &nothing).await? {
            return keeps(format!(
                "another object stands at {} ({})",
                other.dn.spoken(),
                other.guid
            ));
        }
        if let (Some(anchors), Some(target)) = (self.anchors, target) {
            let taken = anchors
                .taken_from_deleted(self.writer, target, &deleted)
                .await?;
            if let Some(outcome) = taken {
                return Ok(Look::Settled(outcome));
            }
        }
        let before = BTreeMap::from([
            ("isDeleted".to_owned(), vec!["TRUE".to_owned()]),
            (
                "distinguishedName".to_owned(),
                vec![deleted.dn.as_str().to_owned()],
            ),
        ]);
        Ok(write(
            &deleted,
            Operation::Restore(guid, deleted.dn.clone(), dn.clone()),
            before,
        ))
    }
}
