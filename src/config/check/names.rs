//! Documents as a whole: names used twice, exactly one project.

use std::collections::HashMap;

use super::{Entry, Report, Set};
use crate::config::codes;
use crate::config::diagnostic::{Diagnostic, quoted};

pub(super) fn check(set: &Set, report: &mut Report) {
    unique("Source", &set.sources, report);
    unique("ActiveDirectory", &set.directories, report);
    unique("Mapping", &set.mappings, report);
    unique("Template", &set.templates, report);
    unique("Table", &set.tables, report);
    unique("Groups", &set.groups, report);
    unique("Lifecycle", &set.lifecycles, report);
    unique("Guards", &set.guards, report);
    unique("Waiver", &set.waivers, report);
    unique("Links", &set.links, report);
    unique("Exceptions", &set.exceptions, report);
    unique("MappingTest", &set.tests, report);
    // Files are read in the order of their names, which says nothing of which one is meant: all of them are named.
    if let [first, second, ..] = set.projects.as_slice() {
        for project in &set.projects {
            let other = if std::ptr::eq(project, first) {
                second
            } else {
                first
            };
            report.error(
                &project.doc,
                "/kind",
                codes::SEVERAL_PROJECTS,
                format!("this is one of {} Projects", set.projects.len()),
                Some(format!(
                    "a repository has exactly one; another is at {}: keep the one that is meant",
                    other.doc.key_place("/kind").location
                )),
            );
        }
    } else if set.projects.is_empty() && !set.incomplete {
        report.diagnostics.push(
            Diagnostic::error(
                codes::NO_PROJECT,
                None,
                "there is no Project document".to_owned(),
            )
            .help("write one into halosync.yaml, next to which all paths are found"),
        );
    }
}

fn unique<T>(kind: &str, entries: &[Entry<T>], report: &mut Report) {
    let mut seen: HashMap<&str, &Entry<T>> = HashMap::new();
    for entry in entries {
        if entry.name.as_str().is_empty() {
            continue;
        }
        if let Some(first) = seen.get(entry.name.as_str()) {
            let at = first.doc.value_place("/metadata/name").location;
            report.error(
                &entry.doc,
                "/metadata/name",
                codes::DUPLICATE_NAME,
                format!("a second {kind} is called {}", quoted(entry.name.as_str())),
                Some(format!(
                    "the first one is at {at}; give this one another name"
                )),
            );
        } else {
            seen.insert(entry.name.as_str(), entry);
        }
    }
}
