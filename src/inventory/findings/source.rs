//! What of a probed source is worth attention.
//!
//! Must not know how it was read. Invariant: no value of a person stands in a finding.

use super::{clock, hint, sorted, warning};
use crate::inventory::Guess;
use crate::inventory::report::{FieldReport, Finding, ListReport, ScopeTold, SourceReport};
use crate::inventory::usage::{Usage, covers};

/// Rows below which nothing is concluded from what was not seen.
const ENOUGH_ROWS: u64 = 200;
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
    if let Some(list) = people.filter(|list| list.failed.is_none()) {
        of_list(list, &mut found);
        of_members(list, beside, &mut found);
        declared(report, list, beside.uses, &mut found);
    }
    for list in &report.lists {
        let is_people = list.endpoint == beside.people;
        if let Some(why) = &list.failed {
            found.push(warning(
                "probe-endpoint-failed",
                format!("{} ({}) cannot be read: {why}", list.endpoint, list.path),
                if is_people {
                    "nobody can be planned for until it can; what the other endpoints give is shown below"
                } else {
                    "every plan fails until it can, since it is joined to people; what the others give is shown below"
                },
            ));
        } else if let Some(why) = list.stopped.as_ref().filter(|_| !is_people) {
            found.push(hint(
                "probe-budget-spent",
                format!("{} was not looked at as far as asked: {why}", list.endpoint),
                "allow more with --max-requests",
            ));
        }
    }
    if beside.halo {
        importers(beside, &mut found);
        if let Some(list) = people.filter(|list| list.failed.is_none()) {
            halo_members(report, list, beside, &mut found);
        }
    }
    sorted(found)
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

fn of_list(list: &ListReport, found: &mut Vec<Finding>) {
    if let Some(why) = &list.stopped {
        found.push(hint(
            "probe-budget-spent",
            format!("{} was not looked at as far as asked: {why}", list.endpoint),
            "allow more with --max-requests",
        ));
        // Nobody asked, so nothing is known of what it gives.
        if list.pages == 0 {
            return;
        }
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
            // Of an endpoint that could not be looked at nobody knows.
            let end = path.find(['.', '[']).unwrap_or(path.len());
            let unseen = report
                .lists
                .iter()
                .any(|list| list.rows == 0 && list.endpoint == path[..end]);
            if !unseen
                && !all
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
