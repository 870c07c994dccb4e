//! Sources and targets: named rightly, and every pair with one mapping and one lifecycle.

use std::collections::{HashMap, HashSet};

use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, quoted};

/// One reference to a source and a target, and where it is made.
struct Pair<'a> {
    source: &'a str,
    target: &'a str,
    doc: &'a crate::config::yaml::Doc,
}

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let set = context.set;
    let mappings: Vec<Pair<'_>> = pairs(&set.mappings, |spec| (&spec.source, &spec.target));
    let lifecycles: Vec<Pair<'_>> = pairs(&set.lifecycles, |spec| (&spec.source, &spec.target));
    let groups: Vec<Pair<'_>> = pairs(&set.groups, |spec| (&spec.source, &spec.target));
    let links: Vec<Pair<'_>> = pairs(&set.links, |spec| (&spec.source, &spec.target));
    let exceptions: Vec<Pair<'_>> = pairs(&set.exceptions, |spec| (&spec.source, &spec.target));
    let all = || {
        let policies = lifecycles.iter().chain(&groups);
        policies.chain(&links).chain(&exceptions)
    };
    for pair in mappings.iter().chain(all()) {
        references(pair, context, report);
    }
    twice(&mappings, codes::DUPLICATE_MAPPING, "mapping", report);
    twice(&lifecycles, codes::DUPLICATE_LIFECYCLE, "lifecycle", report);
    if set.incomplete {
        return;
    }
    let mapped: HashSet<(&str, &str)> = keys(&mappings);
    let living: HashSet<(&str, &str)> = keys(&lifecycles);
    for pair in &mappings {
        if !living.contains(&(pair.source, pair.target)) && known(pair, context) {
            report.error(
                pair.doc,
                "/spec/target",
                codes::NO_LIFECYCLE,
                format!("no Lifecycle says who of {} has an account in {}", quoted(pair.source), quoted(pair.target)),
                Some("write one with the same source and target; what inactive, absent and out of scope mean has no default".to_owned()),
            );
        }
    }
    for pair in all() {
        if !mapped.contains(&(pair.source, pair.target)) && known(pair, context) {
            report.error(
                pair.doc,
                "/spec/target",
                codes::NO_MAPPING,
                format!(
                    "no Mapping ties people of {} to accounts in {}",
                    quoted(pair.source),
                    quoted(pair.target)
                ),
                Some("write one with the same source and target".to_owned()),
            );
        }
    }
    let used_sources: HashSet<&str> = mapped.iter().map(|(source, _)| *source).collect();
    let used_targets: HashSet<&str> = mapped.iter().map(|(_, target)| *target).collect();
    unused(&set.sources, &used_sources, report);
    unused(&set.directories, &used_targets, report);
}

fn pairs<'a, T>(
    entries: &'a [Entry<T>],
    names: impl Fn(&'a T) -> (&'a String, &'a String),
) -> Vec<Pair<'a>> {
    entries
        .iter()
        .map(|entry| {
            let (source, target) = names(&entry.spec);
            Pair {
                source,
                target,
                doc: &entry.doc,
            }
        })
        .collect()
}

fn keys<'a>(pairs: &[Pair<'a>]) -> HashSet<(&'a str, &'a str)> {
    pairs
        .iter()
        .map(|pair| (pair.source, pair.target))
        .collect()
}

fn known(pair: &Pair<'_>, context: &Context<'_>) -> bool {
    context.source(pair.source).is_some() && context.directory(pair.target).is_some()
}

fn references(pair: &Pair<'_>, context: &Context<'_>, report: &mut Report) {
    if context.set.incomplete {
        return;
    }
    let set = context.set;
    let sources = || set.sources.iter().map(|source| source.name.as_str());
    let targets = || {
        set.directories
            .iter()
            .map(|directory| directory.name.as_str())
    };
    if context.source(pair.source).is_none() {
        report.error(
            pair.doc,
            "/spec/source",
            codes::UNKNOWN_SOURCE,
            format!("there is no Source {}", quoted(pair.source)),
            did_you_mean(pair.source, sources()).or_else(|| known_names(sources())),
        );
    }
    if context.directory(pair.target).is_none() {
        report.error(
            pair.doc,
            "/spec/target",
            codes::UNKNOWN_TARGET,
            format!("there is no ActiveDirectory {}", quoted(pair.target)),
            did_you_mean(pair.target, targets()).or_else(|| known_names(targets())),
        );
    }
}

fn known_names<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.take(10).collect();
    (!names.is_empty()).then(|| format!("there is {}", crate::config::diagnostic::list(names)))
}

fn twice(pairs: &[Pair<'_>], code: &'static str, what: &str, report: &mut Report) {
    let mut seen: HashMap<(&str, &str), &Pair<'_>> = HashMap::new();
    for pair in pairs {
        if let Some(first) = seen.get(&(pair.source, pair.target)) {
            let at = first.doc.key_place("/spec").location;
            report.error(
                pair.doc,
                "/spec/target",
                code,
                format!(
                    "a second {what} of {} to {}",
                    quoted(pair.source),
                    quoted(pair.target)
                ),
                Some(format!(
                    "the first one is at {at}; merge them, with conditions where people differ"
                )),
            );
        } else {
            seen.insert((pair.source, pair.target), pair);
        }
    }
}

fn unused<T>(entries: &[Entry<T>], used: &HashSet<&str>, report: &mut Report) {
    for entry in entries {
        let name = entry.name.as_str();
        if !name.is_empty() && !used.contains(name) {
            report.warn(
                &entry.doc,
                "/metadata/name",
                codes::UNUSED,
                format!("no mapping uses {}", quoted(name)),
                None,
            );
        }
    }
}
