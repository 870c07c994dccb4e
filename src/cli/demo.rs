//! `halosync demo`: the whole way once, on the embedded simulators.

use std::path::Path;

use super::args::{
    Apply, Demo, Plan, PlanFormat, ProblemFormat, ProjectArgs, Show, SinceArgs, Validate,
};
use super::context::{Context, Printer};
use super::embedded::{Embedded, Population, Ports, write_project};
use super::exit::Exit;
use super::failure::Failure;
use super::own_folder::OwnFolder;
use super::{apply, check, plan, show};
use crate::plan::HeldCounts;
use crate::render;

/// Marks a folder as ours to replace.
const MARKER: &str = ".halosync-demo";

/// Runs the command.
pub(crate) async fn run(context: &Context, verb: &Demo) -> Result<Exit, Failure> {
    let started = std::time::Instant::now();
    let dir = context.current_dir.join(&verb.dir);
    let folder = OwnFolder::open(&dir, MARKER)?;
    let project = dir.join("acme");
    write_project(&project)?;
    let embedded = Embedded::start(context, &Population::Example, Ports::default()).await?;
    let ca = dir.join("ca.pem");
    std::fs::write(&ca, embedded.directory.ca_pem())
        .map_err(|error| Failure::file("write", &ca, &error))?;

    let steps = Steps {
        context: inner(context, &embedded, &ca),
        dir: &dir,
        project: ProjectArgs {
            dir: Some(project.clone()),
        },
    };
    let outcome = steps.run().await;
    embedded.stop().await;
    folder.seal()?;
    let summary = outcome?;

    let shown = verb.dir.display();
    context.printer.result(&format!(
        "\n{} people and {} accounts met: {} changes were planned, shown and applied, {} for somebody to decide.\n\
         Planning again found nothing to do. All of it took {:.1} s.\n\
         Look at {shown}/plan.md (what a reviewer sees), report.md (what happened), journal.jsonl (each write, before and after).\n\
         The new accounts' initial passwords are in {shown}/passwords-*.age, encrypted to the key named in acme/halosync.yaml.\n\
         Next: `halosync sandbox` keeps the simulators running; change a rule in its folder and run `halosync plan`.\n",
        summary.people,
        summary.accounts,
        summary.changes,
        render::held_words(summary.held),
        started.elapsed().as_secs_f64(),
    ))?;
    Ok(Exit::Success)
}

/// The same world, with the simulators in the environment.
fn inner(context: &Context, embedded: &Embedded, ca: &Path) -> Context {
    let mut environment = context.environment.clone();
    for (name, value) in embedded.environment(ca) {
        environment.insert(name.to_owned(), value);
    }
    Context {
        environment,
        clock: context.clock.clone(),
        current_dir: context.current_dir.clone(),
        identity: None,
        printer: context.printer,
    }
}

struct Steps<'a> {
    context: Context,
    dir: &'a Path,
    project: ProjectArgs,
}

struct Summary {
    people: u64,
    accounts: u64,
    changes: usize,
    held: HeldCounts,
}

impl Steps<'_> {
    async fn run(&self) -> Result<Summary, Failure> {
        let context = &self.context;
        let plan_file = self.dir.join("plan.json");

        self.say("halosync validate");
        self.expect(check::run(
            context,
            &Validate {
                project: self.project.clone(),
                format: ProblemFormat::Text,
                effective: false,
            },
        )?)?;

        self.say("halosync plan --out plan.json");
        let quiet = Context {
            printer: Printer {
                quiet: true,
                ..context.printer
            },
            ..self.silent()
        };
        let first = self.plan(Some(plan_file.clone()));
        self.expect(plan::run(&quiet, &first).await?)?;
        let file = show::read(context, &self.project, &plan_file)?;

        self.say("halosync show plan.json");
        self.expect(show::run(
            context,
            &Show {
                plan: plan_file.clone(),
                project: self.project.clone(),
                format: PlanFormat::Text,
                full: false,
                redacted: false,
            },
        )?)?;
        let markdown = render::plan_markdown(&file, &render::MarkdownOptions::default());
        super::files::write_new(&self.dir.join("plan.md"), markdown.as_bytes())?;

        self.say("halosync apply plan.json");
        let applied = apply::run(
            context,
            &Apply {
                plan: plan_file.clone(),
                project: self.project.clone(),
                expect_digest: Some(file.digest.clone()),
                journal: Some(self.dir.join("journal.jsonl")),
                report: Some(self.dir.join("report.json")),
                passwords: Some(self.dir.to_owned()),
                names: None,
                concurrency: 4,
                only_class: Vec::new(),
                max_changes: None,
                wave: None,
                take_over_lock: false,
            },
        )
        .await?;
        self.expect(applied)?;

        self.say("halosync plan");
        let again = self.dir.join("plan-again.json");
        self.expect(plan::run(&quiet, &self.plan(Some(again.clone()))).await?)?;
        let left = show::read(context, &self.project, &again)?
            .content
            .changes
            .len();
        if left > 0 {
            return Err(Failure::new(
                Exit::Unexpected,
                format!("planning again found {left} changes"),
            ));
        }
        context.printer.result("nothing to change\n")?;

        let content = &file.content;
        Ok(Summary {
            people: content.counts.people,
            accounts: content.counts.managed_accounts,
            changes: content.changes.len(),
            held: content.held_counts(),
        })
    }

    fn silent(&self) -> Context {
        Context {
            environment: self.context.environment.clone(),
            clock: self.context.clock.clone(),
            current_dir: self.context.current_dir.clone(),
            identity: None,
            printer: self.context.printer,
        }
    }

    fn plan(&self, out: Option<std::path::PathBuf>) -> Plan {
        Plan {
            only: Vec::new(),
            base: None,
            since: SinceArgs::default(),
            last_good: None,
            project: self.project.clone(),
            out,
            format: PlanFormat::Json,
            seal: false,
            clear: false,
            record: None,
            from: None,
            as_of: None,
            detailed_exitcode: false,
            max_requests: None,
            cache: None,
        }
    }

    fn say(&self, command: &str) {
        self.context.printer.note(&format!("\n$ {command}"));
    }

    fn expect(&self, exit: Exit) -> Result<(), Failure> {
        match exit {
            Exit::Success => Ok(()),
            other => Err(Failure::shown(other)),
        }
    }
}
