//! Who decides about each attribute, for the terminal.

use std::fmt::Write as _;

use super::escape::bare;
use crate::config::kinds::When;
use crate::config::{Claim, Effective};

/// Every mapping's attributes with the rules that can decide about them, the first to decide first.
pub fn text(mappings: &[Effective]) -> String {
    let mut out = String::new();
    for one in mappings {
        let _ = writeln!(out, "mapping {}", bare(one.mapping.as_str()));
        for (name, claims) in &one.attributes {
            let name = if name.is_empty() { "placement" } else { name };
            let _ = writeln!(out, "  {}", bare(name));
            for claim in claims {
                let _ = writeln!(out, "    {}", bare(&line(claim)));
            }
        }
    }
    out
}

fn line(claim: &Claim) -> String {
    let mut line = claim.owner.clone();
    if let Some(priority) = claim.priority {
        let _ = write!(line, " · priority {priority}");
    }
    let when = match claim.when {
        When::Always => "",
        When::OnCreate => " · onCreate",
        When::IfEmpty => " · ifEmpty",
        When::Merge => " · merge",
    };
    line.push_str(when);
    if !claim.conditions.is_empty() {
        let _ = write!(line, " · when {}", claim.conditions.join(" and "));
    }
    let _ = write!(
        line,
        " · {}:{} → {}",
        claim.location.file, claim.location.line, claim.gives
    );
    line
}
