//! What a command is given of the world: environment, clock, working directory and the terminal. Nothing else in the
//! crate reads any of them.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// A clock, passed in wherever time matters.
pub(crate) type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// The world, as far as commands may know it.
pub(crate) struct Context {
    /// Environment variables. Those that are not UTF-8 are left out.
    pub(crate) environment: HashMap<String, String>,
    /// The clock.
    pub(crate) clock: Clock,
    /// Directory the program was started in.
    pub(crate) current_dir: PathBuf,
    /// The file with the secret key that opens sealed files.
    pub(crate) identity: Option<String>,
    /// The terminal.
    pub(crate) printer: Printer,
}

impl Context {
    /// The real world.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the environment is read"
    )]
    pub(crate) fn real(printer: Printer) -> std::io::Result<Self> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            environment,
            clock: Arc::new(now),
            current_dir: std::env::current_dir().map_err(|error| {
                std::io::Error::new(
                    error.kind(),
                    format!(
                        "the folder the command was started in cannot be used ({error}): change into one that exists"
                    ),
                )
            })?,
            identity: None,
            printer,
        })
    }

    /// Takes the file named on the command line as identity, or the one the environment names.
    pub(crate) fn identify(&mut self, named: Option<String>) {
        let variable = self.environment.get(super::sealed::IDENTITY_VARIABLE);
        let variable = variable.filter(|name| !name.is_empty());
        self.identity = named.or_else(|| variable.cloned());
    }

    /// The time now.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }
}

/// The time to the millisecond: finer digits only make plans and journals harder to read.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the clock is read"
)]
fn now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}

/// The one way to the terminal: results to standard output, everything else to standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    /// Say only what went wrong.
    pub(crate) quiet: bool,
    /// Use colour on standard output.
    pub(crate) colour: bool,
    /// Use colour on standard error.
    pub(crate) colour_errors: bool,
    /// Standard error is a terminal somebody watches: progress may be drawn.
    pub(crate) interactive: bool,
}

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Printer {
    /// Decides from the flags and the terminal.
    pub(crate) fn new(quiet: bool, choice: ColourChoice) -> Self {
        let decide = |automatic: anstream::ColorChoice| match choice {
            ColourChoice::Auto => automatic != anstream::ColorChoice::Never,
            ColourChoice::Always => true,
            ColourChoice::Never => false,
        };
        Self {
            quiet,
            colour: decide(anstream::AutoStream::choice(&std::io::stdout())),
            colour_errors: decide(anstream::AutoStream::choice(&std::io::stderr())),
            interactive: !quiet && std::io::stderr().is_terminal(),
        }
    }

    /// Writes a result to standard output. A closed pipe (`| head`) is not an error.
    pub(crate) fn result(&self, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(std::io::Error::new(
                error.kind(),
                format!("cannot write to standard output: {error}"),
            )),
            Ok(()) => Ok(()),
        }
    }

    /// A line about what is going on, on standard error; silent with `-q`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// A line about what went wrong, on standard error.
    pub(crate) fn complain(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(err, "{text}");
    }
}
