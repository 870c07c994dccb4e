//! `kind: Groups`.

use std::collections::HashMap;

use super::directory::{self, Use};
use super::{Context, Entry, Report};
use crate::config::codes;
use crate::config::duration::{DurationError, parse_days};
use crate::config::kinds::{DriftPolicy, GroupMode, GroupRule, Groups, LONGEST_OVERLAP, Overlap};
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

/// What stamps of people who have moved say, instead of a state's name.
const MOVED: &str = "moved";

pub(super) fn check(context: &Context<'_>, report: &mut Report) {
    let mut modes: HashMap<(&str, &str, Known), (GroupMode, Location)> = HashMap::new();
    for groups in &context.set.groups {
        let doc = &groups.doc;
        let people = context.people(&groups.spec.source);
        objects(doc, "/spec/privileged", &groups.spec.privileged, report);
        if let Some(overlap) = &groups.spec.overlap {
            check_overlap(groups, overlap, context, report);
        }
        for (index, rule) in groups.spec.rules.iter().enumerate() {
            let pointer = join("/spec/rules", &index.to_string());
            let at = join(&pointer, "group");
            objects(doc, &join(&pointer, "keep"), &rule.keep, report);
            check_drift(groups, rule, &join(&pointer, "drift"), report);
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

/// A group with power over the domain is never left as somebody made it.
fn check_drift(groups: &Entry<Groups>, rule: &GroupRule, pointer: &str, report: &mut Report) {
    let asked = rule
        .drift
        .is_some_and(|policy| policy != DriftPolicy::Revert);
    let name = |text: &String| ObjectName::parse(text).ok().map(Known::of);
    let Some(group) = name(&rule.group).filter(|_| asked) else {
        return;
    };
    if groups
        .spec
        .privileged
        .iter()
        .any(|one| name(one).as_ref() == Some(&group))
    {
        report.error_key(
            &groups.doc,
            pointer,
            codes::DRIFT_NEVER,
            "the group is privileged, and memberships of privileged groups are always written back",
            Some("leave `drift` out".to_owned()),
        );
    }
}

/// How long whoever moves stays: one way of saying it, and something to count from.
fn check_overlap(
    groups: &Entry<Groups>,
    overlap: &Overlap,
    context: &Context<'_>,
    report: &mut Report,
) {
    const AT: &str = "/spec/overlap";
    let doc = &groups.doc;
    let (days, until) = (join(AT, "for"), join(AT, "until"));
    if doc.is_incomplete(AT) {
        return;
    }
    if overlap.days.is_some() == overlap.until.is_some() {
        report.error_key(
            doc,
            AT,
            codes::ONE_OF,
            "an overlap needs either `for` or `until`",
            Some("`for: 14d` counts from the move, `until` takes a date of the person".to_owned()),
        );
        return;
    }
    if let Some(people) = context.people(&groups.spec.source)
        && overlap.until.is_some()
        && let Some(template) = people.template(doc, &until, report)
        && let Some(text) = template.literal()
        && text.trim().parse::<jiff::civil::Date>().is_err()
    {
        report.error(
            doc,
            &until,
            codes::INVALID_VALUE,
            "this is neither a date nor a template of one",
            Some("for example `{{ person.movedOn | plus_days(14) }}`".to_owned()),
        );
    }
    let Some(text) = &overlap.days else { return };
    let wrong = match parse_days(text) {
        Ok(0) => Some("this is no time at all; leave the overlap out"),
        Ok(number) if number > LONGEST_OVERLAP => Some("this is more than a year"),
        Err(DurationError::TooLong) => Some("this is more than a year"),
        Ok(_) => None,
        Err(_) => Some("this is not a number of days"),
    };
    if let Some(wrong) = wrong {
        let help = Some("write days or weeks: `14d`, `2w`".to_owned());
        report.error(doc, &days, codes::BAD_DURATION, wrong, help);
    }
    let stamped = context
        .directory(&groups.spec.target)
        .is_none_or(|directory| directory.spec.stamp.is_some());
    if !stamped {
        report.error(
            doc,
            &days,
            codes::UNDATED_OVERLAP,
            "nothing says since when somebody has moved, so the overlap would never end",
            Some("have the moment kept in an attribute (`stamp` of the target), or write `until` with a date of the person".to_owned()),
        );
    }
    for lifecycle in &context.set.lifecycles {
        if lifecycle.spec.target != groups.spec.target {
            continue;
        }
        let named = lifecycle
            .spec
            .states
            .iter()
            .position(|state| state.name == MOVED);
        if let Some(number) = named {
            report.error(
                &lifecycle.doc,
                &format!("/spec/states/{number}/name"),
                codes::DUPLICATE_STATE,
                "stamps of people who have moved say `moved`, so no state can be called that",
                Some("give this one another name".to_owned()),
            );
        }
    }
}

pub(super) fn objects(doc: &Doc, pointer: &str, names: &[String], report: &mut Report) {
    for (index, text) in names.iter().enumerate() {
        object(doc, &join(pointer, &index.to_string()), text, report);
    }
}

/// Whether a name of an object is none of the template somebody took it for: taken literally, it would be nobody's.
pub(super) fn is_name(doc: &Doc, pointer: &str, text: &str, report: &mut Report) -> bool {
    let Some(braces) = ["{{", "}}", "{%", "%}"]
        .iter()
        .find(|braces| text.contains(**braces))
    else {
        return true;
    };
    report.error(
        doc,
        pointer,
        codes::BAD_OBJECT_NAME,
        format!("a name stands here, and no template: `{braces}` would be taken literally"),
        Some("name each object by itself; there is no name for each person here".to_owned()),
    );
    false
}

/// Checks the name of one object, in any of its three forms.
fn object(doc: &Doc, pointer: &str, text: &str, report: &mut Report) {
    if !is_name(doc, pointer, text, report) {
        return;
    }
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
