//! `kind: Groups`.

use std::collections::HashMap;

use super::directory::{self, Use};
use super::{Context, Report};
use crate::config::codes;
use crate::config::kinds::GroupMode;
use crate::config::yaml::{Doc, join};
use crate::model::{DnKey, Guid, Location, ObjectName, ObjectNameError};

/// A group as far as configuration alone can tell it from others.
#[derive(PartialEq, Eq, Hash)]
enum Known {
    Dn(DnKey),
    Guid(Guid),
    Sam(String),
}

impl Known {
    fn of(name: ObjectName) -> Self {
        match name {
            ObjectName::Dn(dn) => Self::Dn(dn.key()),
            ObjectName::Guid(guid) => Self::Guid(guid),
            ObjectName::Sam(name) => Self::Sam(name.to_lowercase()),
        }
    }
}

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let mut modes: HashMap<(&str, &str, Known), (GroupMode, Location)> = HashMap::new();
    for groups in &context.set.groups {
        let doc = &groups.doc;
        let people = context.people(&groups.spec.source);
        objects(doc, "/spec/privileged", &groups.spec.privileged, report);
        for (index, rule) in groups.spec.rules.iter().enumerate() {
            let pointer = join("/spec/rules", &index.to_string());
            let at = join(&pointer, "group");
            objects(doc, &join(&pointer, "keep"), &rule.keep, report);
            if let Some(people) = people {
                let template = people.template(doc, &at, report);
                let literal = template.as_ref().and_then(|template| template.literal());
                if literal.is_none_or(|text| text.contains('=')) {
                    directory::target_name(
                        doc,
                        &at,
                        template.as_ref(),
                        context.directory(&groups.spec.target),
                        Use::Group,
                        report,
                    );
                } else {
                    object(doc, &at, &rule.group, report);
                }
                if rule.when.is_some() {
                    people.condition(doc, &join(&pointer, "when"), report);
                }
            }
            if rule.group.contains("{{") || rule.group.contains("{%") {
                continue;
            }
            let Ok(name) = ObjectName::parse(&rule.group) else {
                continue;
            };
            // Rules for people of one source say nothing of those of another.
            let key = (
                groups.spec.source.as_str(),
                groups.spec.target.as_str(),
                Known::of(name),
            );
            let here = doc.value_place(&at).location;
            match modes.get(&key) {
                Some((mode, first)) if *mode != rule.mode => report.warn(
                    doc,
                    &at,
                    codes::CONFLICTING_GROUP_MODES,
                    format!(
                        "this group is `{}` by this rule and `{}` by another",
                        rule.mode.word(),
                        mode.word()
                    ),
                    Some(format!(
                        "`{}` wins: people whom neither rule names are taken out; the other rule is at {first}, say the same in both",
                        mode.stronger(rule.mode).word()
                    )),
                ),
                Some(_) => {}
                None => {
                    modes.insert(key, (rule.mode, here));
                }
            }
        }
    }
}

fn objects(doc: &Doc, pointer: &str, names: &[String], report: &mut Report) {
    for (index, text) in names.iter().enumerate() {
        object(doc, &join(pointer, &index.to_string()), text, report);
    }
}

/// Checks the name of one object, in any of its three forms.
fn object(doc: &Doc, pointer: &str, text: &str, report: &mut Report) {
    let Err(error) = ObjectName::parse(text) else {
        return;
    };
    let (code, message) = match error {
        ObjectNameError::Dn(error) => (
            codes::BAD_DN,
            format!("this is not a distinguished name: {error}"),
        ),
        ObjectNameError::Unnamable => (
            codes::BAD_OBJECT_NAME,
            "this names no object of a directory".to_owned(),
        ),
    };
    let help =
        "write its distinguished name, its `objectGUID` with dashes, or its `sAMAccountName`";
    report.error(doc, pointer, code, message, Some(help.to_owned()));
}
