//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::context::ColourChoice;
use crate::apply::ActionKind;
use crate::config::given;

/// Makes accounts in Active Directory follow the people in HaloITSM, through plans that are reviewed before they are
/// applied.
#[derive(Debug, Parser)]
#[command(
    name = "halosync",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    /// Print results and what went wrong, and no notes on the way.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Use colour.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColourChoice,
    /// The age secret key that opens sealed files, as `age-keygen` writes it. Default: HALOSYNC_IDENTITY_FILE, then
    /// `sealing.identity` of the project.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<String>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check every configuration file and report every problem at once.
    Validate(Validate),
    /// Check the mapping tests of the configuration, without network or secrets.
    Test(Test),
    /// Read people and directory, and write down what would change, for whom, and why.
    Plan(Plan),
    /// Say what differs between the directories and the approved configuration: edits in the directory, changes in
    /// HaloITSM, configuration not applied yet. Exits with 2 when there is drift.
    Drift(Drift),
    /// Say everything that is known of one person or account: facts, state, account, what every rule gives, and why.
    Explain(Explain),
    /// Show a plan to reviewers.
    Show(Show),
    /// Say whether a plan would be applied, or whether a journal is whole, without network and without changing anything.
    Verify(super::verify::args::Verify),
    /// Do exactly what a plan says, and nothing else.
    Apply(Apply),
    /// Sign a plan, so that it may be applied.
    Approve(Approve),
    /// Make a plan that brings back what was there before another was applied.
    Undo(Undo),
    /// Log in to a source as a person, and keep the login for later runs.
    Login(Login),
    /// Forget a login.
    Logout(Logout),
    /// Connect to a source or a directory and show what it holds: authorisation, limits, and every field found.
    Probe(super::probe::args::Probe),
    /// See it all work on embedded simulators, in a few seconds.
    Demo(Demo),
    /// Keep embedded HaloITSM and directory simulators running, to try things on.
    Sandbox(Sandbox),
    /// Print or write the JSON Schemas of configuration files, plans, reports and journals.
    Schema(Schema),
    /// Print completions for a shell.
    Completions(Completions),
}

/// Where the project is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectArgs {
    /// Directory of the project (the one with halosync.yaml). Without it, the current directory and those above are
    /// searched.
    #[arg(short = 'C', long = "project", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// How problems are written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ProblemFormat,
    /// Print, for each attribute, the rules of states, templates and mapping that can decide about it, the first to
    /// decide first. As text only.
    #[arg(long, conflicts_with = "format")]
    pub(crate) effective: bool,
}

/// How problems are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProblemFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub workflow annotations.
    Github,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Tests to run, by name (`*` stands for anything), file or folder. Without any: all.
    #[arg(value_name = "TEST")]
    pub(crate) tests: Vec<String>,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// How results are written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: TestFormat,
    /// Also list the rules that no test would miss.
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Write a test of this person instead: a key, SOURCE/KEY, or the value of a unique field. Both systems are read.
    #[arg(long, value_name = "PERSON", conflicts_with_all = ["tests", "coverage", "min_coverage", "format"])]
    pub(crate) record: Option<String>,
    /// Record from reads kept by `plan --record` instead of the network.
    #[arg(long, value_name = "DIR", requires = "record")]
    pub(crate) from: Option<PathBuf>,
    /// The moment of the recorded test: a date, or a moment as RFC 3339. Without it: now, or with --from the time of the
    /// recording.
    #[arg(long, value_name = "TIME", requires = "record", value_parser = as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Replace everything about the person by invented values of the same form.
    #[arg(long, requires = "record")]
    pub(crate) redact: bool,
    /// Write the recorded test to this file, which must not exist yet, instead of printing it.
    #[arg(short, long, value_name = "FILE", requires = "record")]
    pub(crate) out: Option<PathBuf>,
    /// Refuse to send more requests than this to all sources together, tokens and repetitions included. What is
    /// known to be needed is refused before it is begun.
    #[arg(long, value_name = "N", requires = "record", conflicts_with = "from", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) max_requests: Option<u64>,
    /// Use and keep answers about single people in this directory, as `plan --cache` does.
    #[arg(long, value_name = "DIR", requires = "record", conflicts_with = "from")]
    pub(crate) cache: Option<PathBuf>,
    /// Name of the recorded test. Default: the file's name, or `recorded-KEY`.
    #[arg(long, value_name = "NAME", requires = "record")]
    pub(crate) name: Option<String>,
    /// Fail when tests cover less than this share of the rules.
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_coverage: Option<u8>,
}

/// How results of tests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// JUnit XML, for CI services.
    Junit,
    /// GitHub workflow annotations.
    Github,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Write the plan to this file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What is printed of the plan.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: PlanFormat,
    /// Refuse to plan unless the project declares `sealing`, so that nobody turns it off unnoticed.
    #[arg(long)]
    pub(crate) seal: bool,
    /// Print names and values although the project declares `sealing`. Files are sealed all the same.
    #[arg(long)]
    pub(crate) clear: bool,
    /// Also record what was read in this directory, to plan from again. It is a new or an empty one, or holds an earlier
    /// recording, which is replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Plan from recorded reads instead of the network.
    #[arg(long, value_name = "DIR", conflicts_with = "record")]
    pub(crate) from: Option<PathBuf>,
    /// The moment conditions are judged at: a date (2026-12-01: its beginning in the project's time zone), or a moment
    /// (2026-11-23T08:00:00Z). A plan for a time to come shows the future and cannot be applied before. Without it:
    /// now, or with --from the time of the recording.
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// A plan made from reads that were proven complete, usually the last one applied: what `completeness` compares
    /// this read of people with.
    #[arg(long, value_name = "PLAN")]
    pub(crate) last_good: Option<PathBuf>,
    /// Keep only the changes for this person (key, SOURCE/KEY, unique value), or of this account, group or
    /// organizational unit (distinguished name) and what is below it, with whatever these depend on. May be given
    /// several times. Everything is planned and judged as a whole first.
    #[arg(long, value_name = "WHO")]
    pub(crate) only: Vec<String>,
    /// Compare with what this commit's configuration would plan from the same reads, and show first what the difference
    /// of the two brings about. On a pull request: the merge base.
    #[arg(long, value_name = "REV", conflicts_with = "only")]
    pub(crate) base: Option<String>,
    #[command(flatten)]
    pub(crate) since: SinceArgs,
    /// Exit with 2 when the plan has changes.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Refuse to send more requests than this to all sources together, tokens and repetitions included. What is
    /// known to be needed is refused before it is begun.
    #[arg(long, value_name = "N", conflicts_with = "from", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) max_requests: Option<u64>,
    /// Keep answers about single people in this directory, to be confirmed instead of sent again next time. They are
    /// personal data; the files are readable by their owner alone.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    pub(crate) cache: Option<PathBuf>,
}

/// What is known of the last apply.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SinceArgs {
    /// The recording (`plan --record`) of the last plan applied: tells edits in the directory from changes in HaloITSM
    /// and in the configuration since then.
    #[arg(long, value_name = "DIR")]
    pub(crate) since: Option<PathBuf>,
    /// The JSON report of that apply: tells what it did not achieve from what somebody changed back.
    #[arg(long, value_name = "REPORT", requires = "since")]
    pub(crate) last_apply: Option<PathBuf>,
}

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// The commit whose configuration is approved. Without it: the files as they are, or the commit checked out when
    /// some are not committed.
    #[arg(long, value_name = "REV")]
    pub(crate) approved: Option<String>,
    #[command(flatten)]
    pub(crate) since: SinceArgs,
    /// Compare recorded reads (`plan --record`) instead of reading.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: DriftFormat,
    /// List every difference of every person.
    #[arg(long)]
    pub(crate) full: bool,
    /// Refuse to send more requests than this to all sources together.
    #[arg(long, value_name = "N", conflicts_with = "from", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) max_requests: Option<u64>,
    /// Use and keep answers about single people in this directory, as `plan --cache` does.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    pub(crate) cache: Option<PathBuf>,
}

/// How drift is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum DriftFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For a comment or a job summary.
    Markdown,
    /// One JSON object, described by schemas/drift.schema.json.
    Json,
}

/// A date, or a moment; which moment a date is depends on the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AsOf(String);

impl AsOf {
    /// The moment, with dates in this time zone.
    pub(crate) fn moment(&self, zone: &jiff::tz::TimeZone) -> Option<jiff::Timestamp> {
        given::as_of(&self.0, zone)
    }
}

/// Years a plan can be made for.
const EARLIEST: i16 = 2000;
const LATEST: i16 = 2200;

fn as_of(text: &str) -> Result<AsOf, String> {
    let far = |year: i16| !(EARLIEST..=LATEST).contains(&year);
    let years = || format!("a plan is made for a day of the years {EARLIEST} to {LATEST}");
    // The last days there are begin in no time zone, and are no less a date for that.
    let date: Option<jiff::civil::Date> = text.trim().parse().ok();
    if date.is_some_and(|date| far(date.year())) {
        return Err(years());
    }
    match given::as_of(text, &jiff::tz::TimeZone::UTC) {
        // Everything that is counted from it, and every zone's day of it, has to be a date as well.
        Some(moment) if far(moment.to_zoned(jiff::tz::TimeZone::UTC).year()) => Err(years()),
        Some(_) => Ok(AsOf(text.to_owned())),
        None => Err(
            "write a date such as 2026-12-01, or a moment such as 2026-11-23T08:00:00Z".to_owned(),
        ),
    }
}

/// A count of something that has to be there.
pub(crate) fn at_least_one(text: &str) -> Result<u64, String> {
    let wanted = "write a whole number of 1 or more";
    match text.trim().parse::<i128>() {
        Ok(0) => Err(format!("nothing is left with 0; {wanted}")),
        Ok(number) if number < 0 => Err(format!("it is below 1; {wanted}")),
        Ok(number) => u64::try_from(number).map_err(|_| format!("it is larger than {}", u64::MAX)),
        Err(_) => Err(wanted.to_owned()),
    }
}

fn action_kind(text: &str) -> Result<ActionKind, String> {
    use serde::Deserialize as _;
    use serde::de::IntoDeserializer as _;
    let text = text.trim();
    let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        text.into_deserializer();
    // The message lists the kinds there are.
    ActionKind::deserialize(deserializer).map_err(|error| error.to_string())
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For a pull-request comment.
    Markdown,
    /// The plan file itself.
    Json,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A person (key, SOURCE/KEY, or the value of a unique field or the label) or an account (distinguished name,
    /// objectGUID, sAMAccountName, userPrincipalName, mail).
    #[arg(value_name = "WHO")]
    pub(crate) who: String,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// How it is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ExplainFormat,
    /// Explain from reads kept by `plan --record` instead of the network.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// The moment conditions are judged at: a date (its beginning in the project's time zone) or a moment as RFC 3339.
    /// Without it: now, or with --from the time of the recording.
    #[arg(long, value_name = "TIME", value_parser = as_of)]
    pub(crate) as_of: Option<AsOf>,
    /// Refuse to send more requests than this to all sources together.
    #[arg(long, value_name = "N", conflicts_with = "from", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) max_requests: Option<u64>,
    /// Use and keep answers about single people in this directory, as `plan --cache` does.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    pub(crate) cache: Option<PathBuf>,
}

/// How an explanation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For a terminal.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The plan file.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: PlanFormat,
    /// List every change of every person, however many have the same.
    #[arg(long)]
    pub(crate) full: bool,
    /// Leave out everything personal: people, accounts, groups and places are numbered, values are left out. The digest
    /// is the plan's.
    #[arg(long)]
    pub(crate) redacted: bool,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The plan file.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Refuse unless the plan has this digest: the one that was approved.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) expect_digest: Option<String>,
    /// The journal: what makes an interrupted apply go on where it stopped. Default: the plan's name with the
    /// first digits of its digest and `.journal.jsonl`.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Write a report of every change as JSON, and beside it as Markdown. Default: the plan's name with the
    /// first digits of its digest and `.report.json`; an earlier report stays.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Add the names given to this CSV file: that of the Table a rule names in `neverReuse`, or one like it.
    #[arg(long, value_name = "FILE")]
    pub(crate) names: Option<PathBuf>,
    /// Directory for the encrypted file of initial passwords. Default: beside the plan.
    #[arg(long, value_name = "DIR")]
    pub(crate) passwords: Option<PathBuf>,
    /// Changes under way at the same time. There is a connection for every eight of them, at most eight: so many writes
    /// are sent at once, and those that wait are looked at together.
    #[arg(long, default_value_t = 128, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    /// Only changes of this kind, as the plan names them: disable, removeMember … Several with commas. The rest is
    /// left for another apply of the same plan.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = action_kind)]
    pub(crate) only_class: Vec<ActionKind>,
    /// At most so many changes of those that are not done yet: the first ones in the plan's order.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) max_changes: Option<u64>,
    /// So many people first. Everybody else only once everything about these has been written and read back as
    /// planned; if anything is amiss, nobody else is begun.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) wave: Option<u64>,
    /// Take over the lock of an apply that is dead: it is watched first for longer than a living one would go on
    /// without renewing it.
    #[arg(long)]
    pub(crate) take_over_lock: bool,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The plan file.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// The key: an OpenSSH private key without a passphrase, or the public key of one the SSH agent has. Without it, the
    /// agent's only key of an allowed signer.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Where the signature is written. Default: the plan's name with yours and `.sig`; only files named so count.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Sign without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The plan that was applied. Default: the one beside the journal.
    #[arg(long, value_name = "PLAN", required_unless_present = "journal")]
    pub(crate) plan: Option<PathBuf>,
    /// The journal of its apply. Default: the one `apply` keeps beside the plan.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Write the plan that undoes it to this file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What is printed of the plan.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: PlanFormat,
    /// Print names and values although the project declares `sealing`. Files are sealed all the same.
    #[arg(long)]
    pub(crate) clear: bool,
    /// Undo only what was done for this person (key, SOURCE/KEY, or name in the plan), or to this account, group or
    /// organizational unit (distinguished name) and what is below it, with whatever these depend on. May be given
    /// several times.
    #[arg(long, value_name = "WHO")]
    pub(crate) only: Vec<String>,
    /// Also record what was read in this directory, a new or an empty one.
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Compare with a recorded read of the directory instead of the directory itself.
    #[arg(long, value_name = "DIR", conflicts_with = "record")]
    pub(crate) from: Option<PathBuf>,
    /// Exit with 2 when the plan has changes.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// Arguments of `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Name of the source.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Log nobody in: try whether authorisation works, and say what it allows.
    #[arg(long, conflicts_with_all = ["no_browser", "paste"])]
    pub(crate) check: bool,
    /// Print the address to open instead of opening a browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Log in with a browser elsewhere, and paste the address it comes back to.
    #[arg(long)]
    pub(crate) paste: bool,
    /// Longest wait for the browser, in seconds.
    #[arg(long, default_value_t = 300, value_name = "SECONDS", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// Arguments of `logout`.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Name of the source.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Directory to leave the artifacts in.
    #[arg(long, value_name = "DIR", default_value = "halosync-demo")]
    pub(crate) dir: PathBuf,
}

/// Arguments of `sandbox`.
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Number of invented people, instead of those of the example.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(0..=2_000_000))]
    pub(crate) people: Option<u32>,
    /// Seed of the invented people: the same seed gives the same people.
    #[arg(
        long,
        value_name = "S",
        default_value_t = 1,
        requires = "people",
        allow_negative_numbers = true
    )]
    pub(crate) seed: u64,
    /// Directory to put the example configuration and the certificate in.
    #[arg(long, value_name = "DIR", default_value = "halosync-sandbox")]
    pub(crate) dir: PathBuf,
    /// Port of the HaloITSM simulator; 0 takes a free one.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) halo_port: u16,
    /// Port of the directory simulator (LDAPS); 0 takes a free one.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) ldap_port: u16,
    /// Port of the directory simulator's global catalog (LDAPS); 0 takes a free one.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) catalog_port: u16,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Write all schemas into this directory instead of printing one.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "kind",
        required_unless_present = "kind"
    )]
    pub(crate) out: Option<PathBuf>,
    /// The schema to print: a kind such as Mapping, or plan, report, journal, verification, drift.
    #[arg(value_name = "KIND")]
    pub(crate) kind: Option<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn grammar_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
