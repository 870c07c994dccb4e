//! `kind: Lifecycle`.

use std::collections::HashSet;

use super::attributes::{self, Rules};
use super::directory::{self, Use};
use super::groups;
use super::{Context, Entry, People, Report, deletion, inactive, project};
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, list, quoted};
use crate::config::duration::parse_days;
use crate::config::kinds::{
    AbsentLeaver, AbsentPolicy, GroupsInState, Lifecycle, PasswordInState, State, Step,
};
use crate::config::yaml::{Doc, join};

pub(super) fn check(lifecycle: &Entry<Lifecycle>, context: &Context<'_>, report: &mut Report) {
    let doc = &lifecycle.doc;
    let spec = &lifecycle.spec;
    let people = context.people(&spec.source);
    let anchor = context
        .set
        .mappings
        .iter()
        .find(|mapping| mapping.spec.source == spec.source && mapping.spec.target == spec.target)
        .map(|mapping| mapping.spec.matching.anchor.attribute.as_str());
    if let Some(people) = people
        && spec.time_zone.is_some()
        && let Some(template) = people.template(doc, "/spec/timeZone", report)
        && let Some(zone) = template.literal()
    {
        project::time_zone(doc, "/spec/timeZone", zone, report);
    }
    if let Some(people) = people {
        inactive::check(lifecycle, people, report);
    }
    let mut names: HashSet<String> = HashSet::new();
    let mut catch_all: Option<&str> = None;
    for (index, state) in spec.states.iter().enumerate() {
        let pointer = join("/spec/states", &index.to_string());
        let name = join(&pointer, "name");
        if state.name.trim().is_empty() {
            report.error(doc, &name, codes::EMPTY_VALUE, "a state needs a name", None);
        } else if !once(state, &mut names) {
            report.error(
                doc,
                &name,
                codes::DUPLICATE_STATE,
                format!("a second state is called {}", quoted(&state.name)),
                Some("plans name the state; give this one another name".to_owned()),
            );
        }
        if let Some(first) = catch_all {
            report.error(
                doc,
                &name,
                codes::UNREACHABLE_STATE,
                format!(
                    "nobody reaches this state, for {} takes everyone",
                    quoted(first)
                ),
                Some(format!(
                    "put it before {}, or give that one a `when`",
                    quoted(first)
                )),
            );
        }
        let when = join(&pointer, "when");
        let always = state
            .when
            .as_deref()
            .is_none_or(|text| text.trim() == "true")
            && state.since.is_none();
        if always && !doc.is_incomplete(&when) && catch_all.is_none() {
            catch_all = Some(&state.name);
        }
        if let Some(people) = people {
            if state.when.is_some() {
                people.condition(doc, &when, report);
            }
            if state.reason.is_some() {
                people.template(doc, &join(&pointer, "reason"), report);
            }
            since(people, state, doc, &pointer, report);
        }
        let stamped = context
            .directory(&spec.target)
            .is_none_or(|directory| directory.spec.stamp.is_some());
        stages(state, doc, &pointer, stamped, report);
        deletion::check(state, doc, &pointer, &spec.target, context, report);
        let (mut enabled, mut groups) = (false, GroupsInState::Rules);
        for step in state.steps() {
            let account = format!("{pointer}{}", step.pointer);
            enabled = step.enabled.unwrap_or(enabled);
            groups = step.groups.unwrap_or(groups);
            end_state(&step, (enabled, groups), people, doc, &account, report);
            if let Some(people) = people {
                if step.after.is_some() && step.reason.is_some() {
                    let stage = account.trim_end_matches("/account");
                    people.template(doc, &join(stage, "reason"), report);
                }
                if step.placement.is_some() {
                    let at = join(&account, "placement");
                    let template = people.template(doc, &at, report);
                    directory::target_name(
                        doc,
                        &at,
                        template.as_ref(),
                        context.directory(&spec.target),
                        Use::Placement,
                        report,
                    );
                }
            }
            let rules = Rules {
                doc,
                pointer: &join(&account, "attributes"),
                people,
                source: context.source(&spec.source),
                anchor,
                target: context.directory(&spec.target),
            };
            attributes::check(&rules, step.attributes, report);
        }
    }
    if spec.states.is_empty() || doc.is_incomplete("/spec/states") {
        return;
    }
    if let AbsentPolicy::Leaver(leaver) = &spec.absent {
        absent(leaver, lifecycle, context, report);
    }
    if catch_all.is_none() {
        report.warn_key(
            doc,
            "/spec/states",
            codes::NO_CATCH_ALL,
            "a person whom no state fits is held",
            Some("leave `when` out of the last state to let it take everyone else".to_owned()),
        );
    }
    if !spec.states.iter().any(|state| state.ever().0) {
        report.error_key(
            doc,
            "/spec/states",
            codes::NO_ENABLED_STATE,
            "every account would be disabled, for no state has one enabled",
            Some("set `account.enabled: true` in the state of people who work here".to_owned()),
        );
    }
}

/// What becomes of the password, of groups that are kept, and of services.
fn end_state(
    step: &Step<'_>,
    (enabled, in_groups): (bool, GroupsInState),
    people: Option<People<'_>>,
    doc: &Doc,
    account: &str,
    report: &mut Report,
) {
    if enabled && step.password == Some(PasswordInState::Reset) {
        report.error(
            doc,
            &join(account, "passwordAction"),
            codes::RESET_WHILE_ENABLED,
            "whoever works with an enabled account would be shut out",
            Some("set `enabled: false`, or leave `passwordAction` out".to_owned()),
        );
    }
    let kept = step.keep_groups.unwrap_or_default();
    let at = join(account, "keepGroups");
    groups::objects(doc, &at, kept, report);
    if !kept.is_empty() && in_groups != GroupsInState::Remove {
        report.error_key(
            doc,
            &at,
            codes::UNUSED_KEEP_GROUPS,
            "nobody is taken out of groups here, so there is nothing to keep",
            Some("say `groups: remove`, or leave `keepGroups` out".to_owned()),
        );
    }
    let Some(services) = step.services else {
        return;
    };
    let at = join(account, "services");
    if let Some(people) = people {
        for template in services.templates() {
            people.template(doc, &format!("{at}{template}"), report);
        }
    }
    for member in services.members() {
        report.warn_key(
            doc,
            &join(&at, member),
            codes::NOT_EXECUTED,
            format!("nothing acts on `{member}` yet: it is not done"),
            Some("plans say so as well; do it by hand until then".to_owned()),
        );
    }
}

/// The date a state is counted from.
fn since(people: People<'_>, state: &State, doc: &Doc, pointer: &str, report: &mut Report) {
    if state.since.is_none() {
        return;
    }
    let at = join(pointer, "since");
    if let Some(template) = people.template(doc, &at, report)
        && let Some(text) = template.literal()
        && text.trim().parse::<jiff::civil::Date>().is_err()
    {
        report.error(
            doc,
            &at,
            codes::INVALID_VALUE,
            "this is neither a date nor a template of one",
            Some("for example `{{ person.endsOn }}`".to_owned()),
        );
    }
}

/// Stages: in order, from the beginning, and counted from something.
fn stages(state: &State, doc: &Doc, pointer: &str, stamped: bool, report: &mut Report) {
    if doc.is_incomplete(&join(pointer, "stages")) || doc.is_incomplete(&join(pointer, "account")) {
        return;
    }
    if state.account.is_some() != state.stages.is_empty() {
        report.error(
            doc,
            &join(pointer, "name"),
            codes::ONE_OF,
            format!("{} needs either `account` or `stages`", quoted(&state.name)),
            Some(
                "`account` for what holds all the time, `stages` for what changes with it"
                    .to_owned(),
            ),
        );
        return;
    }
    let mut before: Option<u32> = None;
    for (number, stage) in state.stages.iter().enumerate() {
        let at = format!("{pointer}/stages/{number}");
        let after = join(&at, "after");
        let days = match parse_days(&stage.after) {
            Ok(days) => days,
            Err(error) => {
                report.error(
                    doc,
                    &after,
                    codes::BAD_DURATION,
                    match error {
                        crate::config::DurationError::TooLong => {
                            "this is more than ten years".to_owned()
                        }
                        _ => "this is not a number of days".to_owned(),
                    },
                    Some("write days or weeks: `0d`, `30d`, `4w`".to_owned()),
                );
                return;
            }
        };
        match before {
            None if days != 0 => report.error(
                doc,
                &after,
                codes::STAGE_ORDER,
                "the first stage begins with the state",
                Some("write `after: 0d`, and what is to come later in stages of their own".to_owned()),
            ),
            Some(before) if days <= before => report.error(
                doc,
                &after,
                codes::STAGE_ORDER,
                format!("this stage begins no later than the one before, which begins after {before} days"),
                Some("put the stages in the order in which they begin".to_owned()),
            ),
            _ => {}
        }
        before = Some(days);
        if number == 0 && stage.account.enabled.is_none() {
            report.error(
                doc,
                &after,
                codes::MISSING_FIELD,
                format!(
                    "the first stage of {} does not say whether the account is enabled",
                    quoted(&state.name)
                ),
                Some("add `account: {enabled: false}`, or true".to_owned()),
            );
        }
    }
    if state.stages.len() > 1 && state.since.is_none() && !stamped {
        report.error(
            doc,
            &join(pointer, "name"),
            codes::UNDATED_STAGES,
            format!(
                "nothing says since when somebody is in {}",
                quoted(&state.name)
            ),
            Some("add `since`, for example `{{ person.endsOn }}`, or have the moment kept in an attribute (`stamp` of the target)".to_owned()),
        );
    }
}

/// Whether no other state or stage is shown under a name of this one. Its stages are told apart elsewhere.
fn once(state: &State, names: &mut HashSet<String>) -> bool {
    let mut own: Vec<String> = state.steps().into_iter().map(|step| step.name).collect();
    own.push(state.name.clone());
    own.sort();
    own.dedup();
    // All of them are noted, also behind one that is known.
    let twice = own.into_iter().filter(|name| !names.insert(name.clone()));
    twice.count() == 0
}

/// What stamps of missing people say, instead of a state's name.
const ABSENT: &str = "absent";

/// Missing people who are leavers in the end: of which state, and counted where.
fn absent(
    leaver: &AbsentLeaver,
    lifecycle: &Entry<Lifecycle>,
    context: &Context<'_>,
    report: &mut Report,
) {
    const AT: &str = "/spec/absent/leaver";
    let doc = &lifecycle.doc;
    let states = &lifecycle.spec.states;
    let after = join(AT, "after");
    let wrong = match parse_days(&leaver.after) {
        Ok(0) => Some("this is no time at all, and one bad read would take accounts away"),
        Ok(_) => None,
        Err(crate::config::DurationError::TooLong) => Some("this is more than ten years"),
        Err(_) => Some("this is not a number of days"),
    };
    if let Some(wrong) = wrong {
        let help = Some("write days or weeks: `14d`, `2w`".to_owned());
        report.error(doc, &after, codes::BAD_DURATION, wrong, help);
    }
    let at = join(AT, "state");
    match states.iter().find(|state| state.name == leaver.state) {
        None => {
            let names = || states.iter().map(|state| state.name.as_str());
            report.error(
                doc,
                &at,
                codes::UNKNOWN_STATE,
                format!("there is no state {}", quoted(&leaver.state)),
                did_you_mean(&leaver.state, names())
                    .or_else(|| Some(format!("there is {}", list(names().take(10))))),
            );
        }
        Some(state) if state.ever().0 => report.error(
            doc,
            &at,
            codes::ABSENT_STATE,
            format!("accounts are enabled in {}", quoted(&state.name)),
            Some("choose a state in which they never are".to_owned()),
        ),
        Some(_) => {}
    }
    if let Some(number) = states.iter().position(|state| state.name == ABSENT) {
        report.error(
            doc,
            &format!("/spec/states/{number}/name"),
            codes::DUPLICATE_STATE,
            "stamps of missing people say `absent`, so no state can be called that",
            Some("give this one another name".to_owned()),
        );
    }
    let stamped = context
        .directory(&lifecycle.spec.target)
        .is_none_or(|directory| directory.spec.stamp.is_some());
    if !stamped {
        report.error_key(
            doc,
            AT,
            codes::UNDATED_STAGES,
            "nothing says since when somebody is missing",
            Some("have the moment kept in an attribute: `stamp` of the target".to_owned()),
        );
    }
}
