//! The cases and situations of the table of decisions.

/// One person's case.
pub(super) struct Case {
    /// What it is called, and what it is like.
    pub(super) name: &'static str,
    pub(super) facts: &'static [(&'static str, &'static str)],
    /// The state the planner has to find; `None` when the person is nobody's subject.
    pub(super) state: Option<&'static str>,
    /// In the read, out of scope, or not in it.
    pub(super) seen: Seen,
    /// What stands in the attribute of stamps.
    pub(super) stamp: &'static str,
    /// What follows when the source calls the person inactive.
    pub(super) inactive: &'static str,
    /// Another policy for missing people.
    pub(super) absent: &'static str,
    /// What an exception says of the person.
    pub(super) exception: &'static str,
    /// What `returning` of the leaver's state says.
    pub(super) returning: &'static str,
    /// Facts of record 7, which is of the same person by `samePerson`.
    pub(super) record: &'static [(&'static str, &'static str)],
    /// The anchor the account carries.
    pub(super) anchor: &'static str,
    /// Where the site of a person has a group: what follows of a move.
    pub(super) moves: Option<Move>,
}

/// Groups by site.
#[derive(Clone, Copy)]
pub(super) struct Move {
    /// The document's `overlap`.
    pub(super) overlap: &'static str,
    /// Sites in whose groups the account is.
    pub(super) member_of: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Read,
    OutOfScope,
    Missing,
}

pub(super) const fn person(
    name: &'static str,
    state: &'static str,
    facts: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        facts,
        state: Some(state),
        seen: Seen::Read,
        stamp: "",
        inactive: "states",
        absent: "report",
        exception: "",
        returning: "",
        record: &[],
        anchor: "1",
        moves: None,
    }
}

pub(super) const fn missing(name: &'static str, absent: &'static str, stamp: &'static str) -> Case {
    Case {
        state: None,
        seen: Seen::Missing,
        stamp,
        absent,
        ..person(name, "", &[])
    }
}

pub(super) const ACTIVE: &[(&str, &str)] = &[("site", "London"), ("startsOn", "2025-01-06")];

pub(super) const LEAVER: &[(&str, &str)] = &[("site", "London"), ("endsOn", "2026-11-20")];

pub(super) const INACTIVE: &[(&str, &str)] = &[("site", "London"), ("inactive", "true")];

pub(super) const LEAVER_AFTER: &str = "{leaver: {after: 14d, state: leaver}}";

pub(super) const CASES: &[Case] = &[
    person(
        "waiting: starts on 25 December, more than fourteen days ahead",
        "waiting",
        &[("site", "London"), ("startsOn", "2026-12-25")],
    ),
    person(
        "pre-start: starts on 1 December",
        "pre-start",
        &[("site", "London"), ("startsOn", "2026-12-01")],
    ),
    person("active", "active", ACTIVE),
    person(
        "active: the last day will be 31 December",
        "active",
        &[("site", "London"), ("endsOn", "2026-12-31")],
    ),
    person(
        "active, and a value a rule needs is missing",
        "active",
        &[("startsOn", "2025-01-06")],
    ),
    person("leave", "leave", &[("site", "London"), ("status", "leave")]),
    person(
        "suspended",
        "suspended",
        &[("site", "London"), ("status", "suspended")],
    ),
    person(
        "leaver+0d: the last day was 20 November",
        "leaver+0d",
        LEAVER,
    ),
    person(
        "leaver+0d, and a value a rule needs is missing",
        "leaver+0d",
        &[("endsOn", "2026-11-20")],
    ),
    person(
        "leaver+7d: the last day was 10 November",
        "leaver+7d",
        &[("site", "London"), ("endsOn", "2026-11-10")],
    ),
    person(
        "leaver+30d: the last day was 10 October",
        "leaver+30d",
        &[("site", "London"), ("endsOn", "2026-10-10")],
    ),
    person(
        "leaver+90d: the last day was 1 June",
        "leaver+90d",
        &[("site", "London"), ("endsOn", "2026-06-01")],
    ),
    person(
        "leaver+365d: the last day was 1 October a year ago",
        "leaver+365d",
        &[("site", "London"), ("endsOn", "2025-10-01")],
    ),
    person("leaver+0d: only inactive, no date", "leaver+0d", INACTIVE),
    Case {
        stamp: "halosync: leaver since 2026-10-10T10:00:00Z",
        ..person(
            "leaver+30d: only inactive, and the stamp says since 10 October",
            "leaver+30d",
            INACTIVE,
        )
    },
    Case {
        stamp: "halosync: leaver since 10 October",
        ..person(
            "leaver+0d: only inactive, and the stamp cannot be read",
            "leaver+0d",
            INACTIVE,
        )
    },
    Case {
        inactive: "report",
        ..person("inactive, `inactive: {…, then: report}`", "", INACTIVE)
    },
    Case {
        inactive: "holdForReview",
        ..person(
            "inactive, `inactive: {…, then: holdForReview}`",
            "",
            INACTIVE,
        )
    },
    Case {
        stamp: "halosync: leaver since 2026-10-10T10:00:00Z",
        ..person(
            "active again: the stamp is that of a leaver",
            "active",
            ACTIVE,
        )
    },
    person(
        "archived",
        "archived",
        &[("site", "London"), ("status", "archived")],
    ),
    Case {
        exception: "stop: true",
        ..person("active, stopped by an exception", "active", ACTIVE)
    },
    Case {
        exception: "exempt: everything",
        ..person("leaver+0d, exempt from everything", "leaver+0d", LEAVER)
    },
    Case {
        seen: Seen::OutOfScope,
        state: None,
        ..person("out of scope", "", LEAVER)
    },
    missing("missing from the read, `absent: report`", "report", ""),
    missing(
        "missing from the read, `absent: holdForReview`",
        "holdForReview",
        "",
    ),
    missing(
        "missing from the read, `absent: {leaver: {after: 14d, …}}`, for the first time",
        LEAVER_AFTER,
        "",
    ),
    missing(
        "the same, for five days",
        LEAVER_AFTER,
        "halosync: absent since 2026-11-18T10:00:00Z",
    ),
    missing(
        "the same, for twenty days: leaver+0d",
        LEAVER_AFTER,
        "halosync: absent since 2026-11-03T10:00:00Z",
    ),
    missing(
        "the same, for thirty days: leaver+7d",
        LEAVER_AFTER,
        "halosync: absent since 2026-10-24T10:00:00Z",
    ),
    missing(
        "the same, for the first time, and the stamp says that they have left on 10 October",
        LEAVER_AFTER,
        "halosync: leaver since 2026-10-10T10:00:00Z",
    ),
    missing(
        "the same, for twenty days: leaver+30d, counted from 10 October",
        LEAVER_AFTER,
        "halosync: leaver since 2026-10-10T10:00:00Z, absent since 2026-11-03T10:00:00Z",
    ),
    Case {
        absent: LEAVER_AFTER,
        stamp: "halosync: absent since 2026-11-18T10:00:00Z",
        ..person(
            "active: in the read again after five days",
            "active",
            ACTIVE,
        )
    },
    Case {
        absent: LEAVER_AFTER,
        stamp: "halosync: absent since 2026-11-03T10:00:00Z",
        ..person(
            "active: in the read again after twenty days, a leaver by then",
            "active",
            ACTIVE,
        )
    },
];

pub(super) const EMPLOYEE: &[(&str, &str)] = &[
    ("site", "London"),
    ("startsOn", "2025-01-06"),
    ("nationalId", "QQ 12 34 56 C"),
    ("contract", "employee"),
];

pub(super) const EMPLOYEE_LEFT: &[(&str, &str)] = &[
    ("site", "London"),
    ("endsOn", "2026-11-20"),
    ("nationalId", "QQ 12 34 56 C"),
    ("contract", "employee"),
];

pub(super) const CONTRACTOR: &[(&str, &str)] = &[
    ("site", "London"),
    ("endsOn", "2026-10-10"),
    ("nationalId", "QQ 12 34 56 C"),
    ("contract", "contractor"),
];

/// People who come back, where the leaver's state says what becomes of them.
pub(super) const RETURNS: &[Case] = &[
    Case {
        stamp: "halosync: leaver since 2026-10-10T10:00:00Z",
        returning: "{account: new, after: 30d}",
        ..person(
            "active again after 44 days, `returning: {account: new, after: 30d}`",
            "active",
            ACTIVE,
        )
    },
    Case {
        stamp: "halosync: leaver since 2026-11-10T10:00:00Z",
        returning: "{account: new, after: 30d}",
        ..person(
            "active again after 13 days, `returning: {account: new, after: 30d}`",
            "active",
            ACTIVE,
        )
    },
    Case {
        stamp: "halosync: leaver since 2026-10-10T10:00:00Z",
        returning: "{account: hold}",
        ..person(
            "active again after 44 days, `returning: {account: hold}`",
            "active",
            ACTIVE,
        )
    },
];

pub(super) const MOVED: &[(&str, &str)] = &[("site", "Leeds"), ("startsOn", "2025-01-06")];

pub(super) const MOVED_LEFT: &[(&str, &str)] = &[("site", "Leeds"), ("endsOn", "2026-11-20")];

pub(super) const fn moved(
    name: &'static str,
    overlap: &'static str,
    stamp: &'static str,
    member_of: &'static [&'static str],
) -> Case {
    Case {
        stamp,
        moves: Some(Move { overlap, member_of }),
        ..person(name, "active", MOVED)
    }
}

/// People who move from the site London to Leeds.
pub(super) const MOVES: &[Case] = &[
    moved("active: moved, without `overlap`", "", "", &["London"]),
    moved(
        "active: moved today, `overlap: {for: 14d}`",
        "  overlap: {for: 14d}\n",
        "",
        &["London"],
    ),
    moved(
        "active: moved five days ago, in both, `overlap: {for: 14d}`",
        "  overlap: {for: 14d}\n",
        "halosync: moved since 2026-11-18T10:00:00Z",
        &["London", "Leeds"],
    ),
    moved(
        "active: moved twenty days ago, in both, `overlap: {for: 14d}`",
        "  overlap: {for: 14d}\n",
        "halosync: moved since 2026-11-03T10:00:00Z",
        &["London", "Leeds"],
    ),
    moved(
        "active: moved, `overlap: {until: …}`, and the day is 1 December",
        "  overlap: {until: '2026-12-01'}\n",
        "",
        &["London"],
    ),
    moved(
        "active: moved, `overlap: {until: …}`, in both, and the day was 20 November",
        "  overlap: {until: '2026-11-20'}\n",
        "",
        &["London", "Leeds"],
    ),
    Case {
        moves: Some(Move {
            overlap: "  overlap: {for: 14d}\n",
            member_of: &["London", "Leeds"],
        }),
        stamp: "halosync: moved since 2026-11-18T10:00:00Z",
        ..person(
            "leaver+0d: moved five days ago, in both, `overlap: {for: 14d}`, and the last day was 20 November",
            "leaver+0d",
            MOVED_LEFT,
        )
    },
];

/// People of whom the source has two records.
pub(super) const CONVERSIONS: &[Case] = &[
    Case {
        record: CONTRACTOR,
        anchor: "7",
        ..person(
            "active: an employee, and the account is that of the contractor's record, which has ended",
            "active",
            EMPLOYEE,
        )
    },
    Case {
        record: CONTRACTOR,
        anchor: "7",
        stamp: "halosync: leaver since 2026-10-10T23:59:59Z",
        ..person(
            "active: the same, and the stamp says that the contractor has left",
            "active",
            EMPLOYEE,
        )
    },
    Case {
        record: CONTRACTOR,
        anchor: "7",
        stamp: "halosync: leaver since 2026-10-10T23:59:59Z",
        returning: "{account: hold}",
        ..person(
            "active: the same, and `returning: {account: hold}`",
            "active",
            EMPLOYEE,
        )
    },
    Case {
        record: CONTRACTOR,
        ..person(
            "active: an employee, and the account is theirs already",
            "active",
            EMPLOYEE,
        )
    },
    Case {
        record: CONTRACTOR,
        anchor: "7",
        ..person(
            "leaver+0d: both records have ended, and the account is that of the contractor's",
            "leaver+0d",
            EMPLOYEE_LEFT,
        )
    },
    Case {
        record: EMPLOYEE,
        anchor: "7",
        state: None,
        ..person(
            "two records of an employee, and nothing tells them apart",
            "",
            EMPLOYEE,
        )
    },
];

/// How the account stands.
pub(super) const SITUATIONS: &[&str] = &[
    "none",
    "enabled",
    "disabled",
    "expired",
    "in another OU",
    "closed as a leaver's",
    "outside the managed scope",
    "protected",
    "kept for emergencies",
    "two with the anchor",
];
