//! What a change of the configuration brings about: the first thing a reviewer of a pull request wants to know.

use super::{Context, clip};
use crate::model::Location;
use crate::plan::{AgainstBase, BroughtAbout, Risk};
use crate::render::report::{Item, Line, Piece, Sign, count, grouped};

/// `140 of 155 changes come from the change of the configuration since 4f0c3a9d…`, and what that does not tell.
pub(super) fn lines(context: &Context<'_>, base: &AgainstBase) -> Vec<Line> {
    if let Some(why) = &base.not_planned {
        let line = Line::new(0, Sign::Alarm)
            .strong("Not compared")
            .own(": ")
            .code(short(base))
            .own(" cannot be planned from what was read (")
            .sentence(why.clone())
            .own("), so nothing here tells what the change of the configuration brings about");
        return vec![line];
    }
    let mut lines = Vec::new();
    for one in &base.not_compared {
        lines.push(
            Line::new(0, Sign::Alarm)
                .strong("Not told apart")
                .own(": the change of the configuration also changes how people are read, ")
                .sentence(one.what.clone())
                .own(" of source ")
                .code(one.source.to_string())
                .own(", and these people were read in the new way only: ")
                .own(match one.changes {
                    0 => "what comes of it is not known; no change here uses it".to_owned(),
                    1 => "1 change uses it, and may come of it".to_owned(),
                    more => format!("{} changes use it, and may come of it", grouped(more)),
                })
                .origin(vec![Piece::Code(one.location.to_string())]),
        );
    }
    lines.push(line(context, base));
    lines
}

fn line(context: &Context<'_>, base: &AgainstBase) -> Line {
    let all = context.plan.changes.len() as u64;
    let line = match (base.changes, base.not_compared.is_empty()) {
        (0, false) => Line::new(0, Sign::None)
            .own("nothing is known to come from what else differs in the configuration since "),
        (known, whole) => Line::new(0, Sign::None).strong(grouped(known)).own(format!(
            " of {} come from {} since ",
            count(all, "change", "changes"),
            if whole {
                "the change of the configuration"
            } else {
                "what else differs in the configuration"
            }
        )),
    };
    line.code(short(base))
        .own(match base.withdrawn.len() {
            0 => "",
            _ => "; some that commit would have made are not made any more",
        })
        .own(match base.held.len() {
            0 => "",
            _ => "; more would come from it, and guards hold it",
        })
}

fn short(base: &AgainstBase) -> String {
    base.commit.chars().take(12).collect()
}

/// Each line of the configuration with what it brings about.
pub(super) fn brought(base: &AgainstBase) -> Vec<Item> {
    by_line(&base.brought)
}

/// Each line of the earlier configuration with what does not happen any more.
pub(super) fn withdrawn(base: &AgainstBase) -> Vec<Item> {
    by_line(&base.withdrawn)
}

/// Each guard with what it holds of it, by line.
pub(super) fn held(base: &AgainstBase) -> Vec<Item> {
    let groups = base.held.chunk_by(|a, b| a.guard == b.guard);
    groups
        .map(|group| {
            let head = Line::new(0, Sign::Alarm)
                .own("held by guard ")
                .code(group[0].guard.clone());
            let lines = group.iter().map(|one| {
                kind(&one.would, false).origin(vec![Piece::Code(one.would.location.to_string())])
            });
            Item {
                lines: std::iter::once(head).chain(lines).collect(),
            }
        })
        .collect()
}

fn by_line(all: &[BroughtAbout]) -> Vec<Item> {
    let groups = all.chunk_by(|a, b| a.location == b.location && a.text == b.text);
    groups
        .map(|group| {
            let widest = group.iter().map(|one| one.people).max().unwrap_or_default();
            let mut lines = vec![head(&group[0].location, &group[0].text)];
            if !group[0].tables.is_empty() {
                let mut line = Line::new(1, Sign::None).own("it looks into ");
                for (at, table) in group[0].tables.iter().enumerate() {
                    line = line
                        .own(if at == 0 { "" } else { ", " })
                        .code(table.clone());
                }
                lines.push(line.own(", whose rows differ"));
            }
            // What few of many get is what nobody meant.
            lines.extend(group.iter().map(|one| kind(one, one.people * 10 < widest)));
            Item { lines }
        })
        .collect()
}

fn head(location: &Location, text: &str) -> Line {
    Line::new(0, Sign::None)
        .code(location.to_string())
        .origin(vec![Piece::Code(clip(text))])
}

fn kind(one: &BroughtAbout, outlier: bool) -> Line {
    let sign = if one.risk >= Risk::High {
        Sign::Alarm
    } else {
        Sign::None
    };
    let mut line = Line::new(1, sign)
        .strong(count(one.people, "person", "people"))
        .own(": ")
        .sentence(one.does.clone())
        .own(if outlier { " · few of many: " } else { " · " });
    let named = one.examples.len() as u64;
    for (at, example) in one.examples.iter().enumerate() {
        line = line
            .own(if at == 0 { "" } else { ", " })
            .sentence(example.clone());
    }
    if one.people > named {
        line = line.own(format!(" and {} more", grouped(one.people - named)));
    }
    line
}
