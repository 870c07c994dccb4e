//! Attributes as the read of a directory defines them, and the places of a mapping's document that speak of them.
//!
//! Keeps that of two definitions, the server's and the one everybody knows, the stricter one counts.

use crate::config::Positions;
use crate::lifecycle::NotCompiled;
use crate::model::{AttributeDef, AttributeId, DirectoryHeader, default_schema};

/// The definition of an attribute in the read; `None` when the directory does not have it.
pub(super) fn attribute(
    header: &DirectoryHeader,
    name: &str,
    positions: &Positions,
    pointer: &str,
) -> Result<Option<(AttributeId, AttributeDef)>, NotCompiled> {
    if let Some(id) = header.attribute(name) {
        let mut def = header.definition(id).clone();
        if let Some(known) = default_schema().get(name) {
            // The stricter of what the server says and what is known of it: SAM allows users 20 characters where
            // the schema says 256, and one description where it says several.
            def.single_valued |= known.single_valued;
            def.range_upper = match (def.range_upper, known.range_upper) {
                (Some(said), Some(known)) if def.name.eq_ignore_ascii_case("sAMAccountName") => {
                    Some(said.min(known))
                }
                (said, known) => said.or(known),
            };
            def.read_only |= known.read_only;
        }
        return Ok(Some((id, def)));
    }
    if header
        .unknown_attributes
        .iter()
        .any(|unknown| unknown.eq_ignore_ascii_case(name))
    {
        return Ok(None);
    }
    Err(NotCompiled {
        location: positions.value(pointer),
        message: format!(
            "the read of {} lacks attribute {name}; it was made for another configuration, read again",
            header.target
        ),
    })
}

/// Where a format of a unique name stands: in a bare list, or in the list of a longer form.
pub(super) fn format_pointer(positions: &Positions, unique: &str, at: usize) -> String {
    let bare = format!("{unique}/{at}");
    if positions.nodes.contains_key(&bare) {
        return bare;
    }
    format!("{unique}/formats/{at}")
}

/// A member's name inside a JSON pointer (RFC 6901 section 3).
pub(super) fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
