//! What of a probed directory is worth attention.
//!
//! Must not know how it was read. Invariant: no value of a user stands in a finding.

use super::{clock, hint, sorted, warning};
use crate::inventory::report::{DirectoryReport, Finding, Switch};

/// What of a probed directory is worth attention, warnings first, then by code.
pub fn of_directory(report: &DirectoryReport) -> Vec<Finding> {
    let mut found = Vec::new();
    clock(report.server.clock_offset_seconds, &mut found);
    if !report.bind.privileged_groups.is_empty() {
        found.push(warning(
            "probe-bind-privileged",
            format!(
                "the reading account is privileged: {}",
                report.bind.privileged_groups.join(", ")
            ),
            "reading needs no membership at all; use an ordinary account",
        ));
    }
    if let Some(days) = report.tls.certificate_days
        && days < 30
    {
        found.push(warning(
            "probe-certificate-ends",
            format!("the server's certificate ends in {days} days"),
            "renew it; from then on neither plan nor apply can connect",
        ));
    }
    match report.recycle_bin {
        Switch::On => {}
        Switch::Off => found.push(warning(
            "probe-no-recycle-bin",
            "the recycle bin is off",
            "deleted accounts could not be brought back with their groups; turn it on before anything is deleted",
        )),
        Switch::NotVisible => found.push(hint(
            "probe-no-recycle-bin",
            "whether the recycle bin is on may not be seen with this account",
            "ask a domain administrator (`Get-ADOptionalFeature`)",
        )),
    }
    schema(report, &mut found);
    places(report, &mut found);
    anchors(report, &mut found);
    if let Some(write) = &report.write_bind {
        if !write.creates_no_users.is_empty() {
            found.push(warning(
                "probe-write-short",
                format!(
                    "the writing account may not create users in {}",
                    write.creates_no_users.join("; ")
                ),
                "delegate it there, unless no account is made or moved there",
            ));
        }
        if write.changes_permissions {
            found.push(warning(
                "probe-write-too-much",
                "the writing account may change permissions of users",
                "halosync never does: delegate single attributes instead of full control",
            ));
        }
        if !write.not_writable.is_empty() {
            found.push(warning(
                "probe-write-short",
                format!(
                    "the writing account may not write {}",
                    write.not_writable.join(", ")
                ),
                "delegate these attributes, or take them out of the mapping",
            ));
        }
    }
    sorted(found)
}

fn schema(report: &DirectoryReport, found: &mut Vec<Finding>) {
    for fact in &report.schema {
        let by = fact.used_by.join(", ");
        if !fact.exists {
            found.push(warning(
                "probe-attribute-missing",
                format!("{by} uses {}, which this directory does not have", fact.attribute),
                "take it out of the mapping, or extend the schema (Exchange's attributes come with Exchange)",
            ));
            continue;
        }
        if fact.read_only {
            found.push(hint(
                "probe-attribute-read-only",
                format!("{by} uses {}, which the server itself sets", fact.attribute),
                "it can be looked at, not written",
            ));
        }
        let filled = report
            .fields
            .iter()
            .any(|field| field.path.eq_ignore_ascii_case(&fact.attribute));
        if fact.confidential && !filled && report.sampled > 0 {
            found.push(warning(
                "probe-attribute-confidential",
                format!("{} is confidential and no user looked at shows a value", fact.attribute),
                "grant the reading account control access on it: unseen values would be written over and over",
            ));
        }
    }
}

fn places(report: &DirectoryReport, found: &mut Vec<Finding>) {
    for place in &report.scope {
        if !place.visible {
            found.push(warning(
                "probe-place-not-visible",
                format!(
                    "{} is not there, or not shown to the reading account",
                    place.under
                ),
                "correct `managed`, or grant reading there",
            ));
        }
        if place.state_hidden > 0 {
            found.push(warning(
                "probe-state-hidden",
                format!(
                    "{} users under {} do not show whether they are enabled",
                    place.state_hidden, place.under
                ),
                "grant reading of userAccountControl there",
            ));
        }
    }
    if !report.not_visible.is_empty() {
        found.push(hint(
            "probe-deleted-not-visible",
            format!(
                "the reading account is not shown {}",
                report.not_visible.join("; ")
            ),
            "names of deleted objects cannot be kept from being given again",
        ));
    }
}

fn anchors(report: &DirectoryReport, found: &mut Vec<Finding>) {
    for anchor in &report.anchors {
        if anchor.shared_values > 0 {
            found.push(warning(
                "probe-anchor-shared",
                format!(
                    "{} values of {}, the anchor of {}, stand on more than one account",
                    anchor.shared_values, anchor.attribute, anchor.mapping
                ),
                "those people are held until one account each is left with it",
            ));
        }
        if anchor.users > 0 && anchor.filled * 2 < anchor.users {
            found.push(hint(
                "probe-anchor-sparse",
                format!(
                    "{} of {} users carry {}, the anchor of {}",
                    anchor.filled, anchor.users, anchor.attribute, anchor.mapping
                ),
                "accounts without it must be adopted first: see `adopt` of the mapping",
            ));
        }
        let fact = report
            .schema
            .iter()
            .find(|fact| fact.attribute.eq_ignore_ascii_case(&anchor.attribute));
        if fact.is_some_and(|fact| fact.exists && !fact.indexed) {
            found.push(hint(
                "probe-anchor-not-indexed",
                format!(
                    "{}, the anchor of {}, is not indexed",
                    anchor.attribute, anchor.mapping
                ),
                "halosync reads all users and does not mind; searching by hand is slow",
            ));
        }
    }
}
