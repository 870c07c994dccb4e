//! `kind: Project`.

use super::{Entry, Report};
use crate::config::diagnostic::{did_you_mean, quoted};
use crate::config::yaml::{Doc, join};
use crate::config::{codes, duration, kinds};

pub(super) fn check(project: &Entry<kinds::Project>, report: &mut Report) {
    let doc = &project.doc;
    let spec = &project.spec;
    time_zone(doc, "/spec/timeZone", &spec.time_zone, report);
    if let Err(error) = duration::parse_duration(&spec.plan.valid_for) {
        report.error(
            doc,
            "/spec/plan/validFor",
            codes::BAD_DURATION,
            error.to_string(),
            Some("write a number and a unit: `90m`, `24h`, `3d`, at most a year".to_owned()),
        );
    }
    if duration::parse_days(&spec.plan.calendar).map_or(true, |days| days > 366) {
        report.error(
            doc,
            "/spec/plan/calendar",
            codes::BAD_DURATION,
            "this is not a number of days, at most a year",
            Some("write days or weeks: `30d`, `4w`, or `0d` for no calendar".to_owned()),
        );
    }
    for (index, pattern) in spec.include.iter().enumerate() {
        let pointer = join("/spec/include", &index.to_string());
        if let Err(error) = globset::Glob::new(pattern) {
            report.error(
                doc,
                &pointer,
                codes::BAD_GLOB,
                format!("this is not a glob pattern: {}", error.kind()),
                Some("`*` matches within a folder, `**/` any folders, `{a,b}` either".to_owned()),
            );
        } else if leads_out(pattern) {
            report.error(
                doc,
                &pointer,
                codes::PATH_OUTSIDE_PROJECT,
                "a pattern cannot lead out of the project",
                Some("write it relative to this file, without `..`".to_owned()),
            );
        }
    }
    if let Some(passwords) = &spec.initial_passwords {
        let pointer = "/spec/initialPasswords/recipients";
        recipients(doc, pointer, &passwords.recipients, report);
    }
    if let Some(sealing) = &spec.sealing {
        recipients(doc, "/spec/sealing/recipients", &sealing.recipients, report);
    }
}

/// Checks public keys of those who can open a file.
fn recipients(doc: &Doc, pointer: &str, recipients: &[String], report: &mut Report) {
    for (index, recipient) in recipients.iter().enumerate() {
        if let Err(why) = recipient.parse::<age::x25519::Recipient>() {
            report.error(
                doc,
                &join(pointer, &index.to_string()),
                codes::BAD_RECIPIENT,
                format!("this is not an age recipient: {why}"),
                Some(
                    "write the public key that `age-keygen` prints; it begins with `age1`"
                        .to_owned(),
                ),
            );
        }
    }
}

/// Whether a pattern is for files that are not the project's.
pub(crate) fn leads_out(pattern: &str) -> bool {
    pattern.starts_with('/') || pattern.split('/').any(|part| part == "..")
}

/// Checks the name of a time zone.
pub(super) fn time_zone(doc: &Doc, pointer: &str, name: &str, report: &mut Report) {
    if jiff::tz::TimeZone::get(name).is_err() {
        let known: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.as_str().to_owned())
            .collect();
        report.error(
            doc,
            pointer,
            codes::BAD_TIME_ZONE,
            format!("{} is not a time zone", quoted(name)),
            did_you_mean(name, known.iter().map(String::as_str))
                .or_else(|| Some("write an IANA name such as `Europe/London`".to_owned())),
        );
    }
}
