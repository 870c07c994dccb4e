//! What of a probe is worth a person's attention.
//!
//! Must not know how anything was read: works on the finished reports and a few facts beside them. Invariants: every
//! finding has a stable code of [`CODES`]; no value of a person stands in one.

use super::Guess;
use super::report::{
    DirectoryReport, FieldReport, Finding, ListReport, ScopeTold, SourceReport, Switch, Weight,
};
use super::usage::{Usage, covers};

/// Every code there is; docs/probe.md explains each.
pub const CODES: &[&str] = &[
    "probe-anchor-not-indexed",
    "probe-anchor-shared",
    "probe-anchor-sparse",
    "probe-attribute-confidential",
    "probe-attribute-missing",
    "probe-attribute-read-only",
    "probe-bind-privileged",
    "probe-budget-spent",
    "probe-certificate-ends",
    "probe-clock-offset",
    "probe-deleted-not-visible",
    "probe-detail-only",
    "probe-email-shared",
    "probe-empty-list",
    "probe-field-not-delivered",
    "probe-html",
    "probe-importer-active",
    "probe-importer-traces",
    "probe-importer-unknown",
    "probe-more-rights-than-needed",
    "probe-no-custom-fields",
    "probe-no-inactive",
    "probe-no-recycle-bin",
    "probe-no-total",
    "probe-not-unique",
    "probe-other-authorisation-server",
    "probe-other-tenant",
    "probe-page-capped",
    "probe-place-not-visible",
    "probe-required-empty",
    "probe-scope-not-granted",
    "probe-shifted-midnights",
    "probe-state-hidden",
    "probe-time-zones",
    "probe-write-short",
    "probe-write-too-much",
];

/// Rows below which nothing is concluded from what was not seen.
const ENOUGH_ROWS: u64 = 200;
/// Seconds two clocks may differ.
const CLOCK: i64 = 60;

fn warning(code: &str, message: impl Into<String>, help: &str) -> Finding {
    finding(Weight::Warning, code, message, help)
}

fn hint(code: &str, message: impl Into<String>, help: &str) -> Finding {
    finding(Weight::Hint, code, message, help)
}

fn finding(weight: Weight, code: &str, message: impl Into<String>, help: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        weight,
        message: message.into(),
        help: (!help.is_empty()).then(|| help.to_owned()),
    }
}

/// Whether one of HaloITSM's own importers is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Importer {
    /// It has this many connections.
    Connections(usize),
    /// It may not be looked at.
    NotVisible,
    /// There is no such thing, or nobody looked.
    None,
}

/// What is known beside the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside<'a> {
    /// Uses of members by the Source.
    pub uses: &'a [Usage],
    /// Whether the Source is HaloITSM.
    pub halo: bool,
    /// The authorisation server the Source names, for comparing; `None` where the instance itself is asked for it.
    pub authorisation_server: Option<&'a str>,
    /// HaloITSM's importer from Active Directory.
    pub directory_importer: Importer,
    /// HaloITSM's importer from Entra.
    pub entra_importer: Importer,
    /// Endpoint people come from.
    pub people: &'a str,
}

/// What of a probed source is worth attention, warnings first, then by code.
pub fn of_source(report: &SourceReport, beside: &Beside<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    authorisation(report, &mut found);
    system(report, beside, &mut found);
    let people = report
        .lists
        .iter()
        .find(|list| list.endpoint == beside.people);
    if let Some(list) = people {
        of_list(list, &mut found);
        of_members(list, beside, &mut found);
        declared(report, list, beside.uses, &mut found);
    }
    if beside.halo {
        importers(beside, &mut found);
        if let Some(list) = people {
            halo_members(report, list, beside, &mut found);
        }
    }
    sorted(found)
}

fn sorted(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|a, b| (a.weight, &a.code, &a.message).cmp(&(b.weight, &b.code, &b.message)));
    found
}

fn authorisation(report: &SourceReport, found: &mut Vec<Finding>) {
    let authorisation = &report.authorisation;
    if !authorisation.more_than_needed.is_empty() {
        found.push(warning(
            "probe-more-rights-than-needed",
            format!(
                "the application may do more than read people: {}",
                authorisation.more_than_needed.join(", ")
            ),
            "halosync only reads: ask for `read:customers` alone, and take the rest from the application in HaloITSM",
        ));
    }
    if authorisation.scope_told != ScopeTold::Nothing {
        let missing: Vec<&str> = authorisation
            .scope_asked
            .iter()
            .filter(|asked| !authorisation.scope_granted.contains(asked))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            found.push(warning(
                "probe-scope-not-granted",
                format!("asked for and not granted: {}", missing.join(", ")),
                "grant it to the application, or do not ask for it",
            ));
        }
    }
}

fn system(report: &SourceReport, beside: &Beside<'_>, found: &mut Vec<Finding>) {
    let system = &report.system;
    if let Some(address) = beside.authorisation_server {
        let named = system.tenant.as_deref().unwrap_or_default();
        if let Some(told) = &system.tenant_told
            && !told.eq_ignore_ascii_case(named)
        {
            let named = if named.is_empty() { "none" } else { named };
            found.push(warning(
                "probe-other-tenant",
                format!("the system says its tenant is {told}, and the Source names {named}"),
                "compare with Configuration > Integrations > Halo API",
            ));
        }
        let plain = |address: &str| address.trim_end_matches('/').to_ascii_lowercase();
        if let Some(told) = &system.authorisation_server_told
            && plain(told) != plain(address)
        {
            found.push(hint(
                "probe-other-authorisation-server",
                format!(
                    "the system names {told} as its authorisation server, and the Source another"
                ),
                "both can be right; take the one under Configuration > Integrations > Halo API",
            ));
        }
    }
    clock(system.clock_offset_seconds, found);
}

fn clock(offset: Option<i64>, found: &mut Vec<Finding>) {
    if let Some(offset) = offset
        && offset.abs() > CLOCK
    {
        let direction = if offset > 0 { "ahead of" } else { "behind" };
        found.push(warning(
            "probe-clock-offset",
            format!("its clock is {} s {direction} this machine's", offset.abs()),
            "set both clocks by a time server; tokens, certificates, Kerberos and last days depend on them",
        ));
    }
}

fn of_list(list: &ListReport, found: &mut Vec<Finding>) {
    if let Some(why) = &list.stopped {
        found.push(hint(
            "probe-budget-spent",
            format!("{} was not looked at as far as asked: {why}", list.endpoint),
            "allow more with --max-requests",
        ));
    }
    if list.rows == 0 {
        found.push(warning(
            "probe-empty-list",
            format!("{} gave no rows", list.path),
            "the scope, or the rights of the agent the application acts as, may hide everyone: HaloITSM answers a lack of \
             rights with an empty list",
        ));
        return;
    }
    if list.claimed_total.is_none() {
        found.push(warning(
            "probe-no-total",
            format!("{} claims no total, so no read can be proven whole", list.path),
            "name where the total stands as `total` of the endpoint; without one nobody is ever removed",
        ));
    }
    let more = list
        .claimed_total
        .is_some_and(|total| total > list.rows_per_page);
    if more && list.rows_per_page < list.page_size {
        let why = if list.rows_per_page == 50 {
            "; 50 is what HaloITSM gives when it does not understand how it is paged"
        } else {
            ""
        };
        found.push(hint(
            "probe-page-capped",
            format!(
                "{} rows a page were asked for and {} come{why}",
                list.page_size, list.rows_per_page
            ),
            "halosync goes by what comes; only the number of requests grows",
        ));
    }
}

fn of_members(list: &ListReport, beside: &Beside<'_>, found: &mut Vec<Finding>) {
    for field in &list.fields {
        if field.guess == Guess::Email && field.unique == Some(false) && !is_within_list(field) {
            found.push(hint(
                "probe-email-shared",
                format!("{}: some people share an address", field.path),
                "such people cannot be told apart by it; do not adopt accounts by this address alone",
            ));
        }
        if let Some(hour) = field.shifted_midnights {
            found.push(warning(
                "probe-shifted-midnights",
                format!(
                    "{}: nearly all moments stand at {hour:02}:00: dates that were midnight in another zone",
                    field.path
                ),
                "give its field `type: date` and check the first people against HaloITSM: a last day must not be a day \
                 off",
            ));
        }
        if field.guess == Guess::Zone && field.distinct.count > 1 && !is_within_list(field) {
            found.push(hint(
                "probe-time-zones",
                format!(
                    "{}: people stand in {} time zones",
                    field.path, field.distinct.count
                ),
                "days begin and end in the project's `timeZone` for all of them",
            ));
        }
        if field.guess == Guess::Html && field.path.starts_with(beside.people) {
            found.push(hint(
                "probe-html",
                format!("{}: values hold HTML", field.path),
                "an attribute would get it as it stands",
            ));
        }
    }
}

fn is_within_list(field: &FieldReport) -> bool {
    field.path.contains("[]")
}

/// Fields of the Source against what rows hold.
fn declared(report: &SourceReport, list: &ListReport, uses: &[Usage], found: &mut Vec<Finding>) {
    if list.rows == 0 {
        return;
    }
    let all: Vec<&FieldReport> = report.lists.iter().flat_map(|list| &list.fields).collect();
    for one in uses {
        for path in &one.paths {
            if !all
                .iter()
                .any(|field| field.present > 0 && covers(path, &field.path))
            {
                found.push(warning(
                    "probe-field-not-delivered",
                    format!("{} reads {path}, which no row looked at has", one.by),
                    "a misspelt name, a custom field that `include_custom_fields` does not ask for, or a member only a \
                     person's detail has; HaloITSM also leaves out what is empty, so look at more rows",
                ));
            }
        }
        let Some(field) = one
            .plain
            .then(|| list.fields.iter().find(|field| one.paths[0] == field.path))
            .flatten()
        else {
            continue;
        };
        if one.required && field.filled < list.rows {
            found.push(hint(
                "probe-required-empty",
                format!(
                    "{} is required and {} of {} rows have no value in {}",
                    one.by,
                    list.rows - field.filled,
                    list.rows,
                    field.path
                ),
                "those people would be held, unless `include` leaves them out",
            ));
        }
        if one.unique && field.unique == Some(false) {
            found.push(hint(
                "probe-not-unique",
                format!(
                    "{} must be unique and some rows share a value in {}",
                    one.by, field.path
                ),
                "those people would be held, unless `include` leaves them out",
            ));
        }
    }
}

fn importers(beside: &Beside<'_>, found: &mut Vec<Finding>) {
    for (importer, what) in [
        (&beside.directory_importer, "Active Directory"),
        (&beside.entra_importer, "Entra ID"),
    ] {
        match importer {
            Importer::Connections(0) | Importer::None => {}
            Importer::Connections(number) => found.push(warning(
                "probe-importer-active",
                format!("HaloITSM itself imports people from {what} ({number} connections)"),
                "accounts made from people who are made from accounts are a loop: let one direction own each person",
            )),
            Importer::NotVisible => found.push(hint(
                "probe-importer-unknown",
                format!("whether HaloITSM imports people from {what} may not be seen with these rights"),
                "look in HaloITSM under Configuration > Integrations",
            )),
        }
    }
}

fn halo_members(
    report: &SourceReport,
    list: &ListReport,
    beside: &Beside<'_>,
    found: &mut Vec<Finding>,
) {
    let people = beside.people;
    let member = |name: &str| {
        let path = format!("{people}.{name}");
        list.fields.iter().find(|field| field.path == path)
    };
    let filled = |name: &str| member(name).filter(|field| field.filled > 0);
    let traces: Vec<String> = [
        "activedirectory_dn",
        "onpremise_activedirectory_dn",
        "azureoid",
    ]
    .iter()
    .filter_map(|name| {
        let field = filled(name)?;
        Some(format!(
            "{} in {} of {} rows",
            field.path, field.filled, list.rows
        ))
    })
    .collect();
    if !traces.is_empty() {
        found.push(hint(
            "probe-importer-traces",
            format!(
                "people were imported from a directory once: {}",
                traces.join(", ")
            ),
            "if that importer still runs on the people halosync manages, they form a loop",
        ));
    }
    let looked_enough = list.whole || list.rows >= ENOUGH_ROWS;
    if looked_enough
        && list.rows > 0
        && let Some(inactive) = member("inactive")
        && !inactive.examples.iter().any(|example| example == "true")
    {
        found.push(warning(
            "probe-no-inactive",
            format!("none of {} rows is inactive", list.rows),
            "either nobody was ever made inactive, or rights hide those who were; leavers could not be told from people \
             who vanished",
        ));
    }
    let custom = |list: &ListReport| {
        list.fields
            .iter()
            .any(|field| field.path.starts_with("customField("))
    };
    if list.rows > 0 && !custom(list) {
        let ids: Vec<String> = report
            .lists
            .iter()
            .filter(|other| other.endpoint != list.endpoint)
            .flat_map(|other| &other.fields)
            .filter_map(|field| field.custom_field_id)
            .map(|id| id.to_string())
            .collect();
        let help = if ids.is_empty() {
            "lists carry custom fields only when asked: put their ids into `query: {include_custom_fields: \"…\"}`"
                .to_owned()
        } else {
            format!(
                "put `query: {{include_custom_fields: \"{}\"}}` into the endpoint",
                ids.join(",")
            )
        };
        found.push(hint(
            "probe-no-custom-fields",
            "no row of the list has custom fields",
            &help,
        ));
    }
    for detail in report.lists.iter().filter(|other| other.endpoint != people) {
        let only: Vec<&str> = detail
            .fields
            .iter()
            .filter(|field| field.filled > 0 && !field.path.contains("[]"))
            .filter_map(|field| field.path.strip_prefix(&format!("{}.", detail.endpoint)))
            .filter(|name| !name.contains(['.', '[']) && member(name).is_none())
            .collect();
        if detail.endpoint == "detail" && !only.is_empty() {
            found.push(hint(
                "probe-detail-only",
                format!("only a person's detail has {}", only.join(", ")),
                "each such member would cost one request per person",
            ));
        }
    }
}

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CODES;

    #[test]
    fn every_code_given_is_listed() {
        let source = include_str!("findings.rs");
        let code = regex::Regex::new(r#"\s"(probe-[a-z-]+)",\n"#).unwrap();
        let given: BTreeSet<&str> = code
            .captures_iter(source)
            .map(|found| found.get(1).unwrap().as_str())
            .collect();
        let listed: BTreeSet<&str> = CODES.iter().copied().collect();
        assert_eq!(given, listed);
        assert_eq!(listed.len(), CODES.len());
        assert!(CODES.is_sorted());
        // Listed twice over: once here, at least once given.
        for code in CODES {
            assert!(
                source.matches(&format!("\"{code}\"")).count() >= 2,
                "{code} is never given"
            );
        }
    }
}
