//! `halosync completions`: what a shell wants to know of the grammar.

use clap::CommandFactory;

use super::args::{Arguments, Completions};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;

/// Prints completions.
pub(crate) fn completions(context: &Context, verb: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        verb.shell,
        &mut Arguments::command(),
        "halosync",
        &mut script,
    );
    context.printer.result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
