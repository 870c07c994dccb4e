//! What a probe found out, for a terminal.
//!
//! Works from the report alone. Invariant: names of members, and whatever else comes from the other side, pass through
//! [`escape`]; a table row is one line whatever stands in it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::TextOptions;
use super::escape;
use crate::inventory::Guess;
use crate::inventory::report::{
    Cost, DirectoryReport, FieldReport, Finding, JsonType, ListReport, ScopeTold, Sentinel,
    SourceReport, Switch, Weight,
};

const STRONG: Style = Style::new().bold();
const ALARM: Style = AnsiColor::Yellow.on_default().bold();
/// Widest a column of data gets.
const WIDEST: usize = 60;

/// A probed source.
pub(super) fn source(report: &SourceReport, options: &TextOptions) -> String {
    let mut out = Page::new(options);
    let system = &report.system;
    out.strong(&format!(
        "Source {} at {}",
        report.source,
        escape::inline(&system.resource_server)
    ));
    findings(&mut out, &report.findings);

    out.heading("Authorisation");
    let authorisation = &report.authorisation;
    out.pair("kind", &authorisation.kind);
    if let Some(seconds) = authorisation.token_seconds {
        out.pair("token", &format!("good for {}", duration(seconds)));
    }
    if !authorisation.scope_asked.is_empty() {
        out.pair("asked for", &data(&authorisation.scope_asked));
    }
    let granted = data(&authorisation.scope_granted);
    match authorisation.scope_told {
        ScopeTold::Answer => out.pair("granted", &granted),
        ScopeTold::Token => out.pair("granted", &format!("{granted} (says the token itself)")),
        ScopeTold::Nothing if authorisation.scope_asked.is_empty() => {}
        ScopeTold::Nothing => out.pair("granted", "not told; usually what was asked for"),
    }

    out.heading("System");
    out.optional("tenant", system.tenant.as_deref());
    if system.tenant_told != system.tenant {
        out.optional("says it is", system.tenant_told.as_deref());
    }
    out.optional("version", system.version.as_deref());
    if let Some(offset) = system.clock_offset_seconds {
        out.pair("clock", &clock(offset));
    }
    let limits = &report.limits;
    out.pair(
        "own limit",
        &format!(
            "{} requests in {}",
            limits.requests,
            duration(u64::from(limits.per_seconds))
        ),
    );
    if limits.told.is_empty() {
        out.pair("its limit", "it says none");
    }
    for (name, value) in &limits.told {
        out.pair("its limit", &format!("{name}: {}", escape::inline(value)));
    }
    if let Some(requests) = limits.full_read_requests {
        let waits = match limits.full_read_waits_seconds {
            None | Some(0) => String::new(),
            Some(seconds) => format!(", waiting at least {}", duration(seconds)),
        };
        out.pair(
            "a read",
            &format!("of everyone takes {requests} requests{waits}"),
        );
    }
    out.pair("this probe", &cost(&report.cost));

    for list in &report.lists {
        of_list(&mut out, list, report.values_shown);
    }
    out.text
}

/// A probed directory.
pub(super) fn directory(report: &DirectoryReport, options: &TextOptions) -> String {
    let mut out = Page::new(options);
    let server = &report.server;
    out.strong(&format!(
        "Directory {} at {}",
        report.directory,
        escape::inline(&server.host)
    ));
    findings(&mut out, &report.findings);

    out.heading("Server");
    out.pair("address", &escape::inline(&server.url));
    out.pair("domain", &escape::inline(&server.naming_context));
    out.optional("made by", server.vendor.as_deref());
    let level = |level: &Option<String>| level.as_deref().unwrap_or("not told").to_owned();
    out.pair(
        "levels",
        &format!(
            "domain {}, forest {}, controller {}",
            escape::inline(&level(&server.domain_level)),
            escape::inline(&level(&server.forest_level)),
            escape::inline(&level(&server.controller_level))
        ),
    );
    out.pair(
        "catalog",
        if server.global_catalog {
            "global catalog"
        } else {
            "no global catalog"
        },
    );
    if let Some(offset) = server.clock_offset_seconds {
        out.pair("clock", &clock(offset));
    }
    if let Some(version) = &report.tls.version {
        out.pair("TLS", version);
    }
    if let (Some(until), Some(days)) = (report.tls.certificate_until, report.tls.certificate_days) {
        out.pair("certificate", &format!("until {until} ({days} days)"));
    }
    out.pair("recycle bin", switch(report.recycle_bin));
    let exchange = &report.exchange;
    out.pair(
        "Exchange",
        &match (exchange.present.is_empty(), exchange.missing.is_empty()) {
            (true, _) => "its attributes are not in the schema".to_owned(),
            (false, true) => "its attributes are in the schema".to_owned(),
            (false, false) => format!("in the schema only {}", exchange.present.join(", ")),
        },
    );

    out.heading("Reading account");
    out.pair(
        "account",
        &report
            .bind
            .account
            .as_deref()
            .map_or_else(|| "cannot be found out".to_owned(), escape::inline),
    );
    out.pair(
        "privileges",
        &if !report.bind.groups_told {
            "its groups are not told".to_owned()
        } else if report.bind.privileged_groups.is_empty() {
            "in no privileged group".to_owned()
        } else {
            data(&report.bind.privileged_groups)
        },
    );
    for hidden in &report.not_visible {
        out.pair("not shown", &escape::inline(hidden));
    }

    out.heading("Managed scope");
    let mut rows = vec![row(&[
        "place",
        "enabled",
        "disabled",
        "privileged",
        "groups",
        "units",
    ])];
    for place in &report.scope {
        let shown = escape::inline(&place.under);
        if place.visible {
            rows.push(vec![
                shown,
                place.enabled.to_string(),
                place.disabled.to_string(),
                place.privileged.to_string(),
                place.groups.to_string(),
                place.units.to_string(),
            ]);
        } else {
            rows.push(vec![shown, "not shown".to_owned()]);
        }
    }
    out.table(&rows);
    for anchor in &report.anchors {
        out.line(&format!(
            "anchor {} of mapping {}: on {} of {} users, {}",
            escape::inline(&anchor.attribute),
            escape::inline(&anchor.mapping),
            anchor.filled,
            anchor.users,
            match anchor.shared_values {
                0 => "each value once".to_owned(),
                shared => format!("{shared} values on several"),
            }
        ));
    }

    if !report.schema.is_empty() {
        out.heading("Attributes in use, as the schema has them");
        let mut rows = vec![row(&[
            "attribute",
            "syntax",
            "longest",
            "values",
            "",
            "used by",
        ])];
        for fact in &report.schema {
            let mut marks = Vec::new();
            if !fact.exists {
                marks.push("missing");
            }
            for (is, mark) in [
                (fact.indexed, "indexed"),
                (fact.in_global_catalog, "in catalog"),
                (fact.confidential, "confidential"),
                (fact.read_only, "read-only"),
            ] {
                if is {
                    marks.push(mark);
                }
            }
            rows.push(vec![
                escape::bare(&fact.attribute),
                fact.syntax.clone().unwrap_or_default(),
                fact.range_upper
                    .map(|longest| longest.to_string())
                    .unwrap_or_default(),
                match (fact.exists, fact.single_valued) {
                    (false, _) => String::new(),
                    (true, true) => "one".to_owned(),
                    (true, false) => "many".to_owned(),
                },
                marks.join(", "),
                data(&fact.used_by),
            ]);
        }
        out.table(&rows);
    }

    if let Some(write) = &report.write_bind {
        out.heading("Writing account");
        out.optional("account", write.account.as_deref());
        if write.not_told {
            out.line("the server does not tell its rights");
        }
        for place in &write.creates_users {
            out.pair("may create", &format!("users in {}", escape::inline(place)));
        }
        for place in &write.creates_no_users {
            out.pair(
                "may not",
                &format!("create users in {}", escape::inline(place)),
            );
        }
        if write.looked_at > 0 && !write.not_told {
            out.pair(
                "writes",
                &if write.not_writable.is_empty() {
                    format!(
                        "every mapped attribute, on {} looked at",
                        counted(write.looked_at, "user")
                    )
                } else {
                    format!("all but {}", data(&write.not_writable))
                },
            );
        }
    }

    out.heading(&format!(
        "Attributes of {}",
        counted(report.sampled, "managed user")
    ));
    fields(&mut out, &report.fields, report.values_shown);
    out.text
}

fn switch(switch: Switch) -> &'static str {
    match switch {
        Switch::On => "on",
        Switch::Off => "off",
        Switch::NotVisible => "not shown to this account",
    }
}

fn findings(out: &mut Page<'_>, found: &[Finding]) {
    for finding in found {
        let message = escape::bare(&finding.message);
        match finding.weight {
            Weight::Warning => out.alarm(&format!("! {message}  [{}]", finding.code)),
            Weight::Hint => out.line(&format!("· {message}  [{}]", finding.code)),
        }
        if let Some(help) = &finding.help {
            out.line(&format!("    {}", escape::bare(help)));
        }
    }
}

fn of_list(out: &mut Page<'_>, list: &ListReport, values_shown: bool) {
    let of = match list.claimed_total {
        Some(total) => format!(" of {total}"),
        None => String::new(),
    };
    out.heading(&format!(
        "{} ({}): {}{of} rows, {}",
        escape::inline(&list.endpoint),
        escape::inline(&list.path),
        list.rows,
        counted(list.pages, "page"),
    ));
    if let Some(why) = &list.stopped {
        out.line(&format!("stopped: {}", escape::bare(why)));
    }
    if let Some(why) = &list.failed {
        out.alarm(&format!("failed: {}", escape::bare(why)));
        return;
    }
    match list.proven {
        Some(true) => out.line("proof: its end shows that the list is whole"),
        Some(false) => {
            for doubt in &list.doubts {
                out.line(&format!("not proven whole: {}", escape::bare(doubt)));
            }
        }
        None => {}
    }
    fields(out, &list.fields, values_shown);
    if list.left_out > 0 {
        out.line(&format!(
            "further members were not looked at ({} times one came)",
            list.left_out
        ));
    }
}

fn fields(out: &mut Page<'_>, fields: &[FieldReport], values_shown: bool) {
    let mut rows = vec![row(&[
        "member",
        "filled",
        "distinct",
        "length",
        "looks like",
        if values_shown { "values" } else { "shapes" },
        "used by",
    ])];
    let mut never = Vec::new();
    for field in fields {
        if field.filled == 0 {
            never.push(escape::bare(&field.path));
            continue;
        }
        rows.push(vec![
            match &field.label {
                Some(label) => format!("{} ({})", escape::bare(&field.path), escape::name(label)),
                None => escape::bare(&field.path),
            },
            filled(field),
            distinct(field),
            length(field),
            looks_like(field),
            field
                .examples
                .iter()
                .map(|example| escape::quoted(example))
                .collect::<Vec<_>>()
                .join(" "),
            data(&field.used_by),
        ]);
    }
    if rows.len() > 1 {
        out.table(&rows);
    }
    if !never.is_empty() {
        out.line(&format!("never filled: {}", never.join(", ")));
    }
}

fn filled(field: &FieldReport) -> String {
    let mut text = percent(field.fill_rate);
    let zero = field.sentinels.get(&Sentinel::Zero).copied().unwrap_or(0);
    let minus = field
        .sentinels
        .get(&Sentinel::MinusOne)
        .copied()
        .unwrap_or(0);
    let none = field.sentinels.get(&Sentinel::NoDate).copied().unwrap_or(0);
    for (count, what) in [(zero, "0"), (minus, "-1"), (none, "no date")] {
        if count > 0 {
            let _ = write!(text, ", {count}× {what}");
        }
    }
    text
}

pub(super) fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    if rate > 0.0 && percent < 0.1 {
        "<0.1%".to_owned()
    } else if rate < 1.0 && percent > 99.9 {
        ">99.9%".to_owned()
    } else if percent.fract() == 0.0 {
        format!("{percent:.0}%")
    } else {
        format!("{percent:.1}%")
    }
}

fn distinct(field: &FieldReport) -> String {
    if field.distinct.exact && field.distinct.count == 0 {
        return String::new();
    }
    let mut text = if field.distinct.exact {
        field.distinct.count.to_string()
    } else {
        format!("more than {}", field.distinct.count)
    };
    if field.unique == Some(true) && (field.distinct.count > 1 || !field.distinct.exact) {
        text.push_str(", unique");
    }
    text
}

fn length(field: &FieldReport) -> String {
    let range = |min: u64, max: u64| {
        if min == max {
            min.to_string()
        } else {
            format!("{min}-{max}")
        }
    };
    match (field.length, field.items) {
        (_, Some(items)) => format!("{} items", range(items.min, items.max)),
        (Some(length), None) => range(length.min, length.max),
        (None, None) => String::new(),
    }
}

fn looks_like(field: &FieldReport) -> String {
    if field.guess != Guess::Nothing {
        return field.guess.word().to_owned();
    }
    let types: Vec<&str> = field
        .types
        .keys()
        .filter_map(|json| match json {
            JsonType::List => Some("list"),
            JsonType::Object => Some("object"),
            _ => None,
        })
        .collect();
    types.join(", ")
}

fn data(items: &[String]) -> String {
    items
        .iter()
        .map(|item| escape::inline(item))
        .collect::<Vec<_>>()
        .join(", ")
}

fn clock(offset: i64) -> String {
    match offset {
        -2..=2 => "agrees with this machine's".to_owned(),
        ahead @ 3.. => format!("{ahead} s ahead of this machine's"),
        behind => format!("{} s behind this machine's", -behind),
    }
}

fn cost(cost: &Cost) -> String {
    let mut text = format!("took {}", counted(cost.requests, "request"));
    if cost.waited_seconds > 0 {
        let _ = write!(text, " and waited {}", duration(cost.waited_seconds));
    }
    if cost.retries > 0 {
        let _ = write!(text, ", {} of them again", cost.retries);
    }
    text
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

struct Page<'a> {
    text: String,
    options: &'a TextOptions,
}

impl<'a> Page<'a> {
    fn new(options: &'a TextOptions) -> Self {
        Self {
            text: String::new(),
            options,
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        if self.options.colour {
            let _ = writeln!(self.text, "{style}{text}{style:#}");
        } else {
            let _ = writeln!(self.text, "{text}");
        }
    }

    fn strong(&mut self, text: &str) {
        self.styled(STRONG, text);
    }

    fn alarm(&mut self, text: &str) {
        self.styled(ALARM, text);
    }

    fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.styled(STRONG, &format!("── {title} ──"));
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    fn pair(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name:<12} {value}");
    }

    /// A pair whose value is data, when there is one.
    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.pair(name, &escape::inline(value));
        }
    }

    /// Rows below each other, columns as wide as they need; the first row is the head.
    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count().min(WIDEST))
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, cells) in rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            let line = line.trim_end();
            if index == 0 {
                self.strong(line);
            } else {
                self.line(line);
            }
        }
    }
}
