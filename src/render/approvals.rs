//! Who approved a plan, and who is missing, a line each.

use super::escape;
use crate::approval::{Approval, Requirement};
use crate::plan::Risk;

/// The lines, each ending in a line break; none where nobody is asked and nobody signed.
pub fn approvals_text(signatures: &[Approval], requirements: &[Requirement]) -> String {
    let mut text = String::new();
    for requirement in requirements {
        text.push_str(&requirement_line(requirement));
        text.push('\n');
    }
    for approval in signatures {
        text.push_str(&signature_line(approval));
        text.push('\n');
    }
    text
}

fn requirement_line(requirement: &Requirement) -> String {
    let risk = match requirement.risk {
        Risk::Low => "low risk",
        Risk::Medium => "medium risk",
        Risk::High => "high risk",
        Risk::Irreversible => "changes that cannot be undone",
    };
    let from = if requirement.from.is_empty() {
        String::new()
    } else {
        format!(" of {}", requirement.from.join(", "))
    };
    let mut line = format!(
        "{} · {}: {} of {} approved{from}",
        requirement.target,
        risk,
        requirement.by.len().min(requirement.people as usize),
        requirement.people
    );
    if !requirement.by.is_empty() {
        line.push_str(&format!(" ({})", requirement.by.join(", ")));
    }
    match requirement.missing() {
        0 => {}
        missing => line.push_str(&format!(", {missing} missing")),
    }
    if let Some(author) = &requirement.author {
        line.push_str(&format!(
            "; {author} is the author of the configuration and does not count"
        ));
    }
    if let Some(why) = &requirement.unknown_author {
        line.push_str(&format!(
            "; {why}, so nobody knows who its author is, and one more must approve"
        ));
    }
    escape::bare(&line)
}

fn signature_line(approval: &Approval) -> String {
    let key = approval
        .key
        .as_ref()
        .map_or_else(String::new, |key| format!(" ({key})"));
    escape::bare(&match &approval.verdict {
        Ok(person) => format!("signed by {person}{key}: {}", approval.file),
        Err(refusal) => format!("does not count: {}: {refusal}{key}", approval.file),
    })
}
