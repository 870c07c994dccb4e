//! How the pages of an endpoint lead on: `repeat`, and its condition `until`.

use std::collections::BTreeSet;

use super::Report;
use super::endpoint::One;
use crate::config::codes;
use crate::config::diagnostic::{did_you_mean, list, quoted};
use crate::config::kinds::{Body, Endpoint, ParameterPlace, Repeat, RepeatBy};
use crate::config::yaml::join;
use crate::lang::{self, Scope};

/// Members of `page` in `until`.
const PAGE: &[&str] = &["body", "number", "rows", "total"];

impl One<'_> {
    pub(super) fn repeat(
        &self,
        pointer: &str,
        endpoint: &Endpoint,
        repeat: &Repeat,
        report: &mut Report,
    ) {
        let doc = self.doc;
        let mut wrong = |member: &str, message: String, help: &str| {
            report.error_key(
                doc,
                &if member.is_empty() {
                    pointer.to_owned()
                } else {
                    join(pointer, member)
                },
                codes::BAD_PAGING,
                message,
                Some(help.to_owned()),
            );
        };
        if endpoint.for_each.is_some() || endpoint.for_each_distinct.is_some() {
            wrong(
                "",
                "an endpoint asked for each record gives one page".to_owned(),
                "take `repeat` out; a list that belongs to people is joined with `join`",
            );
        }
        if repeat.by == RepeatBy::Cursor {
            if repeat.next.is_none() {
                wrong(
                    "",
                    "where the cursor stands in an answer is not said".to_owned(),
                    "for example `next: /nextCursor`, or `next: \"header:X-Next-Cursor\"`",
                );
            }
            if repeat.parameter.is_none() {
                wrong(
                    "",
                    "which parameter the cursor is sent in is not said".to_owned(),
                    "for example `parameter: cursor`",
                );
            }
        }
        let counts = matches!(repeat.by, RepeatBy::Counter | RepeatBy::Offset);
        if counts && repeat.next.is_some() {
            wrong(
                "next",
                "pages that are counted name no next one".to_owned(),
                "write `by: cursor` or `by: link`, or take it out",
            );
        }
        if !counts {
            for (member, given) in [
                ("start", repeat.start.is_some()),
                ("increment", repeat.increment.is_some()),
            ] {
                if given {
                    wrong(
                        member,
                        format!("{} counts pages, and these are not counted", quoted(member)),
                        "take it out",
                    );
                }
            }
        }
        if repeat.by == RepeatBy::Link && repeat.parameter.is_some() {
            wrong(
                "parameter",
                "the next page's address says everything".to_owned(),
                "take it out",
            );
        }
        if repeat.place == ParameterPlace::Body
            && !matches!(
                endpoint.body,
                Some(Body::Json(serde_json::Value::Object(_)) | Body::Form(_))
            )
        {
            wrong(
                "in",
                "there is no JSON object and no form to put parameters in".to_owned(),
                "add `body: {json: {}}` or `body: {form: {}}`",
            );
        }
        if let Some(next) = &repeat.next {
            self.place(&join(pointer, "next"), next, true, endpoint, report);
        }
        if let Some(until) = &repeat.until {
            let pointer = join(pointer, "until");
            let page = BTreeSet::from(["page".to_owned()]);
            let scope = Scope::Record { endpoints: &page };
            match lang::compile_condition(until, &scope) {
                Err(errors) => report.language(doc, &pointer, errors),
                Ok(condition) => {
                    let failures = condition.failures_in_records();
                    report.failures_in_records(doc, &pointer, until, &scope, failures);
                    for (_, member) in condition.members_used() {
                        let outer = member.split('.').next().unwrap_or(&member).to_owned();
                        if !PAGE.contains(&outer.as_str()) {
                            report.error(
                                doc,
                                &pointer,
                                codes::UNKNOWN_MEMBER,
                                format!("a page has no {}", quoted(&outer)),
                                did_you_mean(&outer, PAGE.iter().copied()).or_else(|| {
                                    Some(format!("it has {}", list(PAGE.iter().copied())))
                                }),
                            );
                        }
                    }
                }
            }
        }
    }
}
