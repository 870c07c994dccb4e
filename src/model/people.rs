//! People as read from a source: the desired side's raw material.

use serde::{Deserialize, Serialize};

use super::{Fact, FactType, Name, PersonKey};

/// Position of a field in [`PeopleHeader::fields`] and in [`Person::facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldIndex(pub u16);

/// A declared field of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// Name used as `person.NAME`.
    pub name: Name,
    /// Its type.
    #[serde(rename = "type")]
    pub fact_type: FactType,
    /// Whether the member this field comes from stood in at least one row of the read. When no row has it, nobody
    /// knows whether people have no value or the view leaves it out, and nothing may be concluded from it.
    pub delivered: bool,
}

/// One person: a key and one optional fact per declared field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Identity within the source.
    pub key: PersonKey,
    /// False when the source's `include` condition leaves this person out. Known, but not ours to manage.
    pub in_scope: bool,
    /// One slot per [`PeopleHeader::fields`] entry.
    pub facts: Box<[Option<Fact>]>,
    /// Values that are not of their field's type, in the order of fields; each has no fact. Nearly always empty.
    pub faults: Box<[Fault]>,
    /// Why nothing may be done for this person, on account of what should be joined to them. Fields that come from
    /// there have a fault. Nearly always empty.
    pub held: Box<[JoinHold]>,
}

/// Why nothing may be done for somebody whose record of another endpoint is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinHold {
    /// What is wrong.
    pub why: JoinWhy,
    /// The endpoint.
    pub endpoint: String,
    /// In words, for a person to read.
    pub reason: String,
}

/// What is wrong with somebody's record of another endpoint.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum JoinWhy {
    /// What came is not shown to be the record asked for, so not even that there is none is known.
    Unknown,
    /// No record is the person's.
    Unmatched,
    /// Several are.
    Duplicate,
}

/// A value that is not of its field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field.
    pub field: FieldIndex,
    /// Why not, to stand after the field's name and a colon.
    pub reason: String,
}

impl Person {
    /// Somebody no field is known of: for rules that speak of nobody in particular.
    pub fn nobody() -> Self {
        Self {
            key: PersonKey::new(""),
            in_scope: true,
            facts: Box::default(),
            faults: Box::default(),
            held: Box::default(),
        }
    }

    /// The fact in a field's slot.
    pub fn fact(&self, field: FieldIndex) -> Option<&Fact> {
        self.facts.get(usize::from(field.0))?.as_ref()
    }
}

/// A row that could not become a person; it holds nobody else back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RejectedRow {
    /// The row's id as far as it could be read, else its place (`page 3, row 17`).
    pub row: String,
    /// Why, for a person to read.
    pub reason: String,
}

/// Whether a read is known to be whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Verdict {
    /// Every check passed.
    Proven,
    /// At least one check failed: no removal may be concluded from this read (P2).
    Unproven {
        /// Each failed check, for a person to read.
        reasons: Vec<String>,
    },
}

/// The proof that a read is complete: its inputs and the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Completeness {
    /// Pages fetched in the read that counts.
    pub pages: u64,
    /// Rows received, duplicates included.
    pub rows: u64,
    /// Distinct ids among them.
    pub distinct: u64,
    /// The total the system claimed (`record_count`), when it did.
    pub claimed_total: Option<u64>,
    /// How many times the whole read was made until it agreed with itself.
    pub reads: u32,
    /// The verdict.
    pub verdict: Verdict,
}

impl Completeness {
    /// True when the read is proven whole.
    pub fn is_proven(&self) -> bool {
        matches!(self.verdict, Verdict::Proven)
    }

    /// Why a read of fewer people than its reader was to expect is not proven.
    pub fn below_floor(distinct: u64, floor: u64) -> String {
        format!("{distinct}{BELOW_FLOOR}{floor}")
    }

    /// Whether that is the reason.
    pub fn is_below_floor(reason: &str, distinct: u64) -> bool {
        let rest = reason.strip_prefix(&distinct.to_string());
        rest.is_some_and(|rest| rest.starts_with(BELOW_FLOOR))
    }

    /// Why a read is not proven in which a sentinel did not come.
    pub fn unseen(sentinel: &str, why: &str) -> String {
        format!("{SENTINEL}{sentinel}{UNSEEN}{why}")
    }

    /// Which sentinel it was, where that is the reason.
    pub fn unseen_by(reason: &str) -> Option<&str> {
        let rest = reason.strip_prefix(SENTINEL)?;
        rest.split_once(UNSEEN).map(|(who, _)| who)
    }
}

// Whoever judges a read by other rules than it was made by has to find the reasons that come of those rules.
const BELOW_FLOOR: &str = " people came, fewer than the floor of ";
const SENTINEL: &str = "person ";
const UNSEEN: &str = ", a sentinel, is not visible: ";

/// How many of something odd there are, and some of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinFinding {
    /// How many.
    pub count: u64,
    /// Up to twenty of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl JoinFinding {
    /// Whether there is nothing odd.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What reading and joining another endpoint came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinedRead {
    /// The endpoint.
    pub endpoint: String,
    /// Different records that came.
    pub records: u64,
    /// The total the system claimed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_total: Option<u64>,
    /// Why what came is not known to be whole; then none of its fields counts as delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// People whose key no record has.
    #[serde(default, skip_serializing_if = "JoinFinding::is_empty")]
    pub unmatched: JoinFinding,
    /// People whose key several records have.
    #[serde(default, skip_serializing_if = "JoinFinding::is_empty")]
    pub ambiguous: JoinFinding,
    /// Keys that several records have.
    #[serde(default, skip_serializing_if = "JoinFinding::is_empty")]
    pub duplicates: JoinFinding,
    /// Records that belong to nobody.
    #[serde(default, skip_serializing_if = "JoinFinding::is_empty")]
    pub unused: JoinFinding,
}

/// One thing a read must show, and whether it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompletenessCheck {
    /// What is checked, for example `floor` or `fall of accounts in corp`.
    pub rule: String,
    /// What is asked for, for example `at least 50 people`.
    pub limit: String,
    /// What was found, for example `1203 people`.
    pub found: String,
    /// Whether that is enough.
    pub outcome: CheckOutcome,
}

/// Whether a check passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckOutcome {
    /// It did.
    Passed,
    /// It did not: the read is unproven.
    Failed,
    /// What it compares with is not there. By itself it makes no read unproven.
    NotJudged,
}

/// First line of a recorded people snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeopleHeader {
    /// `halosync/people/v1`.
    pub format: String,
    /// The `Source` document's name.
    pub source: Name,
    /// Address of the resource server, without credentials.
    pub instance: String,
    /// Tenant, when one is used.
    pub tenant: Option<String>,
    /// When the read began.
    #[schemars(with = "String")]
    pub read_at: jiff::Timestamp,
    /// The declared fields, in the order of each person's facts.
    pub fields: Vec<Field>,
    /// Proof of completeness.
    pub completeness: Completeness,
    /// Rows that could not become people.
    pub rejected: Vec<RejectedRow>,
    /// Other endpoints joined to people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<JoinedRead>,
}

/// Everyone a source knows, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleSnapshot {
    /// What was read, when, and how well.
    pub header: PeopleHeader,
    /// Sorted by key (numeric keys by number), each key once.
    pub people: Vec<Person>,
}
