//! Progress of an apply: a bar on a terminal somebody watches, a line now and then in a log.
//!
//! Names of people stay out of it: logs are kept and read by others.

use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::context::Printer;
use crate::apply::{ChangeOutcome, Events};
use crate::plan::Change;

/// Draws or writes progress.
pub(crate) struct Progress {
    printer: Printer,
    redacted: bool,
    bar: Option<ProgressBar>,
    total: usize,
    finished: AtomicUsize,
    troubled: AtomicUsize,
}

impl Progress {
    /// For a plan with this many changes.
    pub(crate) fn new(printer: Printer, total: usize) -> Self {
        let bar = printer.interactive.then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} changes {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            printer,
            redacted: false,
            bar,
            total,
            finished: AtomicUsize::new(0),
            troubled: AtomicUsize::new(0),
        }
    }

    /// Without what systems say of single changes, which may name somebody.
    pub(crate) fn redacted(mut self, redacted: bool) -> Self {
        self.redacted = redacted;
        self
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Events for Progress {
    fn retrying(&self, change: &Change, why: &str) {
        if self.redacted {
            tracing::info!("trying a change again");
            return;
        }
        tracing::info!(change = %change.id.0, why = %crate::render::plain(why), "trying again");
    }

    fn finished(&self, _change: &Change, outcome: &ChangeOutcome) {
        let finished = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        if !outcome.is_achieved() {
            self.troubled.fetch_add(1, Ordering::Relaxed);
        }
        let troubled = self.troubled.load(Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.set_position(finished as u64);
            if troubled > 0 {
                bar.set_message(format!("({troubled} not applied)"));
            }
            return;
        }
        // Ten lines whatever the size, and the last.
        let step = self.total.div_ceil(10).max(1);
        if finished.is_multiple_of(step) || finished == self.total {
            let trouble = if troubled > 0 {
                format!(", {troubled} not applied")
            } else {
                String::new()
            };
            self.printer
                .note(&format!("{finished} of {} changes{trouble}", self.total));
        }
    }

    fn verifying(&self, objects: usize) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("reading back {objects} objects")),
            None => self
                .printer
                .note(&format!("reading back {objects} objects")),
        }
    }
}
