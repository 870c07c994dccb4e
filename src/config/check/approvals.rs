//! `approvals` of `Guards`: whether the people it asks for exist.

use std::collections::BTreeMap;

use super::tables::stays_inside;
use super::{Entry, Report, Set};
use crate::config::diagnostic::{list, quoted};
use crate::config::kinds::{Approvals, Guards};
use crate::config::signers::{
    AllowedSigner, AllowedSigners, PersonIndex, SignerPeople, SignersFault, matches_pattern,
};
use crate::config::yaml::join;
use crate::config::{DataError, codes};

/// Names of one person that are told; of more, how many.
const SHOWN: usize = 8;

/// Files of allowed signers, by the path they are named by.
pub(crate) type SignerFiles =
    BTreeMap<String, Result<Result<AllowedSigners, Vec<SignersFault>>, DataError>>;

pub(super) fn check(set: &Set, files: &SignerFiles, report: &mut Report) {
    for guards in &set.guards {
        if let Some(approvals) = &guards.spec.approvals {
            one(guards, approvals, files, report);
        }
    }
}

fn one(guards: &Entry<Guards>, approvals: &Approvals, files: &SignerFiles, report: &mut Report) {
    const AT: &str = "/spec/approvals";
    let doc = &guards.doc;
    fall(guards, approvals, report);
    let pointer = join(AT, "signers");
    if !stays_inside(&approvals.signers) {
        report.error(
            doc,
            &pointer,
            codes::PATH_OUTSIDE_PROJECT,
            "this is not a file within the project",
            Some(
                "write a path from the folder of halosync.yaml, with `/` and without `..`"
                    .to_owned(),
            ),
        );
        return;
    }
    let help = "one line for each key: `jane@example.com ssh-ed25519 AAAA…`, as in ssh-keygen(1) under ALLOWED SIGNERS";
    let signers = match files.get(&approvals.signers) {
        Some(Ok(Ok(signers))) => signers,
        Some(Ok(Err(faults))) => {
            for fault in faults {
                report.error(
                    doc,
                    &pointer,
                    codes::SIGNERS_FILE,
                    format!("{}, {fault}", quoted(&approvals.signers)),
                    Some(help.to_owned()),
                );
            }
            return;
        }
        found => {
            let why = match found {
                Some(Err(DataError::TooLarge(bytes))) => format!("is too large ({bytes} bytes)"),
                Some(Err(DataError::Unreadable(why))) => format!("cannot be read: {why}"),
                _ => "does not exist".to_owned(),
            };
            report.error(
                doc,
                &pointer,
                codes::SIGNERS_FILE,
                format!("{} {why}", quoted(&approvals.signers)),
                Some(help.to_owned()),
            );
            return;
        }
    };
    for signer in signers.signers.iter().filter(|signer| !signer.is_usable()) {
        report.warn(
            doc,
            &pointer,
            codes::SIGNER_UNUSABLE,
            format!(
                "{}, line {}: signatures with {} keys are not accepted",
                quoted(&approvals.signers),
                signer.line,
                signer.key.algorithm()
            ),
            Some(
                "Ed25519 and ECDSA over P-256 are, also where the key stays in hardware".to_owned(),
            ),
        );
    }
    let whole = SignerPeople::of(files.values().flatten().flatten());
    let mut people: BTreeMap<PersonIndex, Vec<&AllowedSigner>> = BTreeMap::new();
    for signer in &signers.signers {
        if let Some(person) = whole.person(&signer.person) {
            people.entry(person).or_default().push(signer);
        }
    }
    for lines in people.values() {
        several_names(guards, &approvals.signers, lines, report);
    }
    let written = [
        ("low", &approvals.low),
        ("medium", &approvals.medium),
        ("high", &approvals.high),
        ("irreversible", &approvals.irreversible),
    ];
    for (class, rule) in written {
        let Some(rule) = rule else { continue };
        let named = |name: &str| {
            rule.from.is_empty()
                || rule
                    .from
                    .iter()
                    .any(|pattern| matches_pattern(pattern, name))
        };
        let can: Vec<&str> = people
            .values()
            .filter_map(|lines| {
                let mut lines = lines.iter().filter(|line| {
                    line.is_usable() && line.signs_in(crate::config::PLAN_NAMESPACE)
                });
                let line = lines.find(|line| named(&line.person))?;
                Some(line.person.as_str())
            })
            .collect();
        if can.len() < rule.people as usize {
            let has = if can.is_empty() {
                "no key of anybody who can".to_owned()
            } else {
                format!("keys of {} only", list(can.iter().copied()))
            };
            report.error(
                doc,
                &join(AT, class),
                codes::APPROVALS_OUT_OF_REACH,
                format!(
                    "{} must approve, and {} has {has}",
                    match rule.people {
                        1 => "1 person".to_owned(),
                        people => format!("{people} people"),
                    },
                    quoted(&approvals.signers)
                ),
                Some(
                    "no plan of this risk could ever be applied: add keys, or ask fewer people"
                        .to_owned(),
                ),
            );
        }
    }
}

/// Lines that go by several names and are one person's all the same: whoever counts names counts too many people.
fn several_names(
    guards: &Entry<Guards>,
    path: &str,
    lines: &[&AllowedSigner],
    report: &mut Report,
) {
    let mut named: BTreeMap<&str, &AllowedSigner> = BTreeMap::new();
    for line in lines {
        named.entry(&line.person).or_insert(line);
    }
    if named.len() < 2 {
        return;
    }
    let mut named: Vec<&AllowedSigner> = named.into_values().collect();
    named.sort_by_key(|line| line.line);
    let shared = if named.iter().any(|line| line.key != named[0].key) {
        "the lines share a name or a key, also by way of others"
    } else {
        "the key is the same"
    };
    let mut told: Vec<String> = named
        .iter()
        .take(SHOWN)
        .map(|line| format!("{} (line {})", quoted(&line.person), line.line))
        .collect();
    match named.len() - told.len() {
        0 => {}
        more => told.push(format!("{more} more")),
    }
    let told = told.join(", ");
    report.warn(
        &guards.doc,
        &join("/spec/approvals", "signers"),
        codes::SIGNERS_ARE_ONE,
        format!("{}: {told} are one person: {shared}", quoted(path)),
        Some(
            "one signature of theirs is all that counts; give each person a key and an address of their own, or write one name on all of their lines"
                .to_owned(),
        ),
    );
}

/// The more dangerous, the more people: anything else is a slip.
fn fall(guards: &Entry<Guards>, approvals: &Approvals, report: &mut Report) {
    let mut most = 0;
    for (class, rule) in approvals.classes() {
        let people = rule.map_or(0, |rule| rule.people);
        if people < most {
            report.warn(
                &guards.doc,
                &join(&join("/spec/approvals", class), "people"),
                codes::APPROVALS_FALL,
                format!("{class} asks fewer people than the class below it"),
                Some(format!("ask at least {most}")),
            );
        }
        most = most.max(people);
    }
}
