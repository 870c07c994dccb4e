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
    unique("MappingTest", &set.tests, report);
    if let [first, others @ ..] = set.projects.as_slice() {
        let first = first.doc.key_place("/kind").location;
        for other in others {
            report.error(
                &other.doc,
                "/kind",
                codes::SEVERAL_PROJECTS,
                "this is a second Project",
                Some(format!(
                    "the first one is at {first}; a repository has exactly one"
                )),
            );
        }
    } else if !set.incomplete {
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
