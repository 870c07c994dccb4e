//! Arguments of `verify`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::args::{ProjectArgs, SinceArgs};

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Verify {
    #[command(subcommand)]
    pub(crate) what: Option<Verified>,
    /// The plan file.
    #[arg(value_name = "PLAN", required = true)]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Also check that the plan has this digest: the one that was approved.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// Also plan once more from this recording (`plan --record`), as the plan says it was made, and compare all of it.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// The plan that was named with --last-good, when the plan was made with one.
    #[arg(long, value_name = "PLAN", requires = "from")]
    pub(crate) last_good: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) since: SinceArgs,
    /// The journal `apply` would go on with. Default: the plan's name with the first digits of its digest and
    /// `.journal.jsonl`.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: VerifyFormat,
}

/// What else there is to verify.
#[derive(Debug, Subcommand)]
pub(crate) enum Verified {
    /// Check a journal: its chain, the plan it belongs to, and whether all of the plan was done.
    Journal(VerifyJournal),
}

/// Arguments of `verify journal`.
#[derive(Debug, Args)]
pub(crate) struct VerifyJournal {
    /// The journal.
    #[arg(value_name = "FILE")]
    pub(crate) journal: PathBuf,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// The plan it belongs to: without it nobody knows which changes there were to make.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// A report (JSON) of an apply: without it nobody knows whether the journal's end was cut off.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Print names although the project declares `sealing`, or one of the files is sealed.
    #[arg(long)]
    pub(crate) clear: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: VerifyFormat,
}

/// How a verification is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum VerifyFormat {
    /// For people: a line for each check.
    #[default]
    Text,
    /// One JSON object.
    Json,
}
