//! The command line: one file per verb. Ties readers, planner, apply and rendering together, and is the only room that
//! touches files, the environment, the clock and the terminal.

mod applied;
mod apply;
mod approvals;
mod approve;
mod args;
mod authorship;
mod base;
mod bounds;
mod carried;
mod changers;
mod check;
mod commits;
mod company;
mod completions;
mod context;
mod demo;
mod drift;
mod embedded;
mod exit;
mod explain;
mod failure;
mod files;
mod git;
mod lock;
mod login;
mod making;
mod names;
mod own_folder;
mod people;
mod places;
mod plan;
mod probe;
mod progress;
mod project;
mod reads;
mod record;
mod recording;
mod resolve;
mod sandbox;
pub mod schema;
mod sealed;
mod show;
mod sorts;
mod test;
mod undo;
mod undone;
pub mod validate;
mod vault;
mod verify;
mod walk;
mod whoami;
pub mod workspace;

use clap::Parser;

use args::{Arguments, Verb};
use context::{Context, Printer};
pub use exit::Exit;
use failure::Failure;

/// Parses the command line, runs the command, and gives the exit code.
pub fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, and are no mistakes.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
            return match error.print() {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Unexpected,
                _ => exit,
            }
            .into();
        }
    };
    let printer = Printer::new(arguments.quiet, arguments.color);
    start_logging(&arguments, printer);
    // One provider for HTTPS, LDAPS and the sandbox; a second installation is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = Context::real(printer)
        .map_err(Failure::from)
        .and_then(|mut context| {
            context.identify(arguments.identity.clone());
            let named = arguments.identity.is_some();
            if named || opens_sealed(&arguments.verb) {
                sealed::check_identity(&context)?;
            }
            run(&context, &arguments)
        });
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            for message in &failure.messages {
                printer.complain(&format!("error: {}", crate::render::plain(message)));
            }
            if let Some(help) = &failure.help {
                printer.complain(&format!("help: {help}"));
            }
            failure.exit.into()
        }
    }
}

fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.verb {
        Verb::Validate(verb) => check::run(context, verb),
        Verb::Test(verb) => match &verb.record {
            Some(person) => runtime()?.block_on(record::run(context, verb, person)),
            None => test::run(context, verb),
        },
        Verb::Plan(verb) => runtime()?.block_on(plan::run(context, verb)),
        Verb::Drift(verb) => runtime()?.block_on(drift::run(context, verb)),
        Verb::Explain(verb) => runtime()?.block_on(explain::run(context, verb)),
        Verb::Show(verb) => show::run(context, verb),
        Verb::Approve(verb) => runtime()?.block_on(approve::run(context, verb)),
        Verb::Verify(verb) => verify::run(context, verb),
        Verb::Apply(verb) => on_one_thread()?.block_on(apply::run(context, verb)),
        Verb::Undo(verb) => runtime()?.block_on(undo::run(context, verb)),
        Verb::Login(verb) => runtime()?.block_on(login::run(context, verb)),
        Verb::Logout(verb) => runtime()?.block_on(login::logout(context, verb)),
        Verb::Probe(verb) => runtime()?.block_on(probe::run(context, verb)),
        Verb::Demo(verb) => runtime()?.block_on(demo::run(context, verb)),
        Verb::Sandbox(verb) => runtime()?.block_on(sandbox::run(context, verb)),
        Verb::Schema(verb) => check::schemas(context, verb),
        Verb::Completions(verb) => completions::completions(context, verb),
    }
}

/// Whether a command may have to open sealed files, so that a wrong key in the environment is told before any work.
const fn opens_sealed(verb: &Verb) -> bool {
    match verb {
        Verb::Plan(_)
        | Verb::Drift(_)
        | Verb::Explain(_)
        | Verb::Show(_)
        | Verb::Verify(_)
        | Verb::Apply(_)
        | Verb::Approve(_)
        | Verb::Undo(_) => true,
        Verb::Test(verb) => verb.record.is_some(),
        Verb::Validate(_)
        | Verb::Login(_)
        | Verb::Logout(_)
        | Verb::Probe(_)
        | Verb::Demo(_)
        | Verb::Sandbox(_)
        | Verb::Schema(_)
        | Verb::Completions(_) => false,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// For a command that sends many small requests and computes little in between: most of what it used processors for was
/// threads waking each other.
fn on_one_thread() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

fn start_logging(arguments: &Arguments, printer: Printer) {
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => "error",
        (false, 0) => "warn,halosync=info",
        (false, 1) => "info,halosync=debug",
        (false, _) => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::new(level);
    // A second subscriber cannot be set; that only happens when the program is embedded.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(printer.colour_errors)
        .with_target(false)
        .without_time()
        .try_init();
}
