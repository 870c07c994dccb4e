//! The grammar of `halosync probe`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::args::{ProjectArgs, at_least_one};

/// Arguments of `probe`.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    #[command(subcommand)]
    pub(crate) what: Probed,
}

/// What to probe.
#[derive(Debug, Subcommand)]
pub(crate) enum Probed {
    /// A source of people. Values are shown by their shape only, unless asked for.
    Source(ProbeSource),
    /// A directory, with the account that reads. Values are shown by their shape only, unless asked for.
    Directory(ProbeDirectory),
}

/// Arguments both probes have.
#[derive(Debug, Args)]
pub(crate) struct ProbeCommon {
    /// Name of the document.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Show real values as examples: personal data, on your terminal and wherever its output goes.
    #[arg(long)]
    pub(crate) show_values: bool,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ProbeFormat,
    /// Write a first configuration, made from what was found, instead of the report.
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with_all = ["format", "show_values"])]
    pub(crate) scaffold: Option<Scaffold>,
    /// Write to this file instead of printing. A scaffold never replaces a file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `probe source`.
#[derive(Debug, Args)]
pub(crate) struct ProbeSource {
    #[command(flatten)]
    pub(crate) common: ProbeCommon,
    /// People to look at. A page of HaloITSM has 100.
    #[arg(long, value_name = "N", default_value_t = 200, allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) sample: u64,
    /// Look at everyone.
    #[arg(long, conflicts_with = "sample")]
    pub(crate) all: bool,
    /// Requests to spend at most. A retry of one under way may exceed it.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) max_requests: Option<u64>,
    /// With --scaffold: the ActiveDirectory document to map to. Default: the first by name.
    #[arg(long, value_name = "NAME", requires = "scaffold")]
    pub(crate) target: Option<String>,
}

/// Arguments of `probe directory`.
#[derive(Debug, Args)]
pub(crate) struct ProbeDirectory {
    #[command(flatten)]
    pub(crate) common: ProbeCommon,
    /// Managed users whose attributes are looked at.
    #[arg(long, value_name = "N", default_value_t = 500, allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) sample: u64,
    /// Look at all of them.
    #[arg(long, conflicts_with = "sample")]
    pub(crate) all: bool,
    /// Also connect with the account that writes, and ask what it may write. Nothing is written.
    #[arg(long)]
    pub(crate) write_bind: bool,
}

/// How a probe's report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProbeFormat {
    /// For a terminal.
    #[default]
    Text,
    /// JSON, as `halosync schema probe-source` and `halosync schema probe-directory` describe it.
    Json,
    /// The same as YAML.
    Yaml,
}

/// What to make of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scaffold {
    /// Of a source: its fields and a mapping. Of a directory: its document, with scope and anchor.
    Mapping,
}
