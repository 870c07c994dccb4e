//! Places (organizational units) a template names, each judged once.

use compact_str::CompactString;
use hashbrown::HashMap;

use super::draft::Draft;
use crate::matching::DirectoryIndex;
use crate::model::{Dn, EntryKind};
use crate::policy::{OutOfBounds, Scope, held};

/// Judged places of one task.
#[derive(Default)]
pub(super) struct Places {
    known: HashMap<CompactString, Result<u32, Draft>>,
}

impl Places {
    /// The container a rendered placement names.
    pub(super) fn find(
        &mut self,
        text: &CompactString,
        index: &DirectoryIndex<'_>,
        scope: &Scope,
    ) -> Result<u32, Draft> {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let judged = judge(text, index, scope);
        self.known.insert(text.clone(), judged.clone());
        judged
    }
}

fn judge(text: &str, index: &DirectoryIndex<'_>, scope: &Scope) -> Result<u32, Draft> {
    let dn = Dn::parse(text).map_err(|error| {
        Draft::new(
            held::BAD_VALUE,
            format!("the placement {text:?} is not a distinguished name: {error}"),
        )
    })?;
    let key = dn.key();
    match scope.place(&key) {
        Ok(()) => {}
        Err(OutOfBounds::Outside) => {
            return Err(Draft::new(
                held::OUTSIDE_SCOPE,
                format!("the place {} is outside the managed scope", dn.spoken()),
            ));
        }
        Err(OutOfBounds::Protected) => {
            return Err(Draft::new(
                held::OUTSIDE_SCOPE,
                format!("the place {} is protected", dn.spoken()),
            ));
        }
    }
    match index.by_key(&key) {
        Some(object) if index.entry(object).kind == EntryKind::Container => Ok(object),
        Some(_) => Err(Draft::new(
            held::PLACE_MISSING,
            format!("{} is not a place accounts can stand in", dn.spoken()),
        )),
        None => Err(Draft::new(
            held::PLACE_MISSING,
            format!("the place {} does not exist", dn.spoken()),
        )),
    }
}
