//! What of a probe is worth a person's attention.
//!
//! Must not know how anything was read: works on the finished reports and a few facts beside them. Invariants: every
//! finding has a stable code of [`CODES`]; no value of a person stands in one.

mod directory;
mod source;

use super::report::{Finding, Weight};
pub use directory::of_directory;
pub use source::{Beside, Importer, of_source};

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
    "probe-endpoint-failed",
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

fn sorted(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|a, b| (a.weight, &a.code, &a.message).cmp(&(b.weight, &b.code, &b.message)));
    found
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CODES;

    #[test]
    fn every_code_given_is_listed() {
        let source = concat!(
            include_str!("mod.rs"),
            include_str!("source.rs"),
            include_str!("directory.rs")
        );
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
