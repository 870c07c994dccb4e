//! Every exit code there is, in one place. `docs/exit-codes.md` is held to this list by a test.

/// How a command ended, as schedulers and CI jobs see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to do, or everything applied.
    Success = 0,
    /// Something nobody foresaw.
    Unexpected = 1,
    /// The plan has changes (only with `--detailed-exitcode`), or there is drift.
    Changes = 2,
    /// A guard or policy holds the plan.
    Held = 3,
    /// Applied in part.
    Partial = 4,
    /// Some objects were no longer as the plan found them.
    Conflict = 5,
    /// The plan or journal was refused: altered, expired, for another directory, unknown format.
    Rejected = 6,
    /// A mapping test failed, or the tests cover too little.
    TestsFailed = 7,
    /// The plan's journal says that all of it was applied.
    AppliedAlready = 8,
    /// The command line is wrong.
    Usage = 64,
    /// The configuration is invalid.
    InvalidConfiguration = 65,
    /// A system is unavailable, or its read is unproven.
    Unavailable = 69,
    /// A system denied access.
    Denied = 77,
}

impl Exit {
    /// All of them, in order of number, each with its meaning.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Success, "nothing to do, or everything applied"),
        (Self::Unexpected, "unexpected failure"),
        (
            Self::Changes,
            "the plan has changes (with --detailed-exitcode), or there is drift",
        ),
        (Self::Held, "a guard or policy holds the plan"),
        (Self::Partial, "applied in part"),
        (Self::Conflict, "stale or conflicting objects"),
        (Self::Rejected, "plan rejected"),
        (
            Self::TestsFailed,
            "a mapping test failed, or too little is covered",
        ),
        (Self::AppliedAlready, "the plan was applied already"),
        (Self::Usage, "wrong command line"),
        (Self::InvalidConfiguration, "invalid configuration"),
        (
            Self::Unavailable,
            "a system is unavailable or its read is unproven",
        ),
        (Self::Denied, "access denied"),
    ];
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
