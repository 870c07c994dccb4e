//! Whether a read of people proves enough for anybody to lose something because of it.
//!
//! Every check that is made, or asked for and cannot be made, is told with its limit and with what was found. Knows the
//! read, the source's rules and what an earlier plan tells of the last good read; nothing is remembered here (there is
//! no state to lose), and a read that fell is never quietly taken for the new measure.

use std::collections::BTreeMap;

use compact_str::CompactString;
use hashbrown::HashMap;

use crate::config::kinds::{CompletenessRules, MaxFall, Parts};
use crate::model::{
    CheckOutcome, Completeness, CompletenessCheck, Fact, FieldIndex, Name, PeopleSnapshot, Verdict,
};

/// How many people have each value of a field, by field.
pub type PartCounts = BTreeMap<Name, BTreeMap<String, u64>>;

/// Most different values of one field that are counted and written into a plan: a field that tells everybody apart is
/// no part of the organisation.
const MOST_PARTS: usize = 2_000;

/// The last read that was proven whole, as an earlier plan tells of it.
#[derive(Debug, Clone, Copy)]
pub struct LastGoodRead<'a> {
    /// People in it.
    pub people: u64,
    /// How many of them had each value of the fields that are counted.
    pub parts: &'a PartCounts,
}

/// A read's proof with the project's checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The read's own proof; the verdict is that of all checks.
    pub completeness: Completeness,
    /// Each check.
    pub checks: Vec<CompletenessCheck>,
    /// What a later plan compares its read with.
    pub parts: PartCounts,
}

impl Proof {
    /// True when every check that could be made passed, and none that must be made could not.
    pub fn is_proven(&self) -> bool {
        self.completeness.is_proven()
    }

    /// Adds a check; one that failed makes the read unproven for the reasons given.
    pub fn add(&mut self, check: CompletenessCheck, reasons: impl IntoIterator<Item = String>) {
        self.checks.push(check);
        for reason in reasons {
            match &mut self.completeness.verdict {
                Verdict::Unproven { reasons } if reasons.contains(&reason) => {}
                Verdict::Unproven { reasons } => reasons.push(reason),
                verdict @ Verdict::Proven => {
                    *verdict = Verdict::Unproven {
                        reasons: vec![reason],
                    };
                }
            }
        }
    }
}

fn check(rule: impl Into<String>, limit: String, found: String, passed: bool) -> CompletenessCheck {
    CompletenessCheck {
        rule: rule.into(),
        limit,
        found,
        outcome: if passed {
            CheckOutcome::Passed
        } else {
            CheckOutcome::Failed
        },
    }
}

/// A read's own proof without what it lacked only by other rules than these: a plan is compared with the one that another
/// configuration would have made from the same read.
fn by_these_rules(own: &Completeness, rules: &CompletenessRules) -> Completeness {
    let mut own = own.clone();
    let Verdict::Unproven { reasons } = &mut own.verdict else {
        return own;
    };
    let distinct = own.distinct;
    reasons.retain(|reason| {
        let by_floor = Completeness::is_below_floor(reason, distinct) && distinct >= rules.floor;
        let by_sentinel = Completeness::unseen_by(reason)
            .is_some_and(|who| rules.sentinels.iter().all(|one| one.to_string() != who));
        !by_floor && !by_sentinel
    });
    if reasons.is_empty() {
        own.verdict = Verdict::Proven;
    }
    own
}

/// Judges a read by itself and against the last good one. `Err` says why no last good read can be compared with.
pub fn judge(
    people: &PeopleSnapshot,
    rules: &CompletenessRules,
    last_good: Result<LastGoodRead<'_>, &str>,
) -> Proof {
    let own = &by_these_rules(&people.header.completeness, rules);
    let mut proof = Proof {
        completeness: own.clone(),
        checks: Vec::new(),
        parts: PartCounts::new(),
    };
    walk(&mut proof, own);
    // The reader names a missing sentinel and a short read itself; said twice they would look like two things.
    let said = !own.is_proven();
    let count = people.people.len() as u64;
    if rules.floor > 0 {
        let passed = count >= rules.floor;
        let reason = format!(
            "{count} people were read, fewer than the floor of {}",
            rules.floor
        );
        proof.add(
            check(
                "floor",
                format!("at least {}", plural(rules.floor, "person", "people")),
                plural(count, "person", "people"),
                passed,
            ),
            (!passed && !said).then_some(reason),
        );
    }
    if !rules.sentinels.is_empty() {
        sentinels(&mut proof, people, rules, said);
    }
    for parts in &rules.parts {
        self::parts(&mut proof, people, parts, last_good);
    }
    if let Some(rules) = &rules.last_good {
        if let Some(fall) = &rules.max_fall {
            since_last_good(&mut proof, count, fall, last_good);
        }
        if rules.required
            && let Err(why) = last_good
        {
            proof.add(
                check(
                    "last-good",
                    "a last good read to compare with".to_owned(),
                    why.to_owned(),
                    false,
                ),
                [format!(
                    "the read must be compared with the last good one: {why}"
                )],
            );
        }
    }
    proof
}

/// Judges how many accounts lost their people.
///
/// `anchored` is the number of managed accounts that carry an anchor, `present` how many of those anchors somebody of
/// the read has, in scope or out. People who left stay in HaloITSM, so counting people would show no fall at all.
/// `None` when the directory's own read is not good enough to count.
pub fn judge_fall(proof: &mut Proof, target: &Name, fall: &MaxFall, counted: Option<(u64, u64)>) {
    let rule = format!("fall of accounts in {target}");
    let Some(percent) = percent(fall) else {
        return;
    };
    let Some((anchored, present)) = counted else {
        proof.checks.push(CompletenessCheck {
            rule,
            limit: format!("at most {percent}%"),
            found: "its own read is not proven complete".to_owned(),
            outcome: CheckOutcome::NotJudged,
        });
        return;
    };
    let gone = anchored.saturating_sub(present);
    let passed = !fell_too_far(gone, anchored, percent);
    let reason = format!(
        "nobody in the read has the anchor of {gone} of {anchored} accounts; that is a fall of more than {percent}%"
    );
    proof.add(
        check(
            rule,
            format!("at most {percent}% of {anchored}"),
            format!(
                "{}, {}",
                plural(gone, "account", "accounts"),
                share(gone, anchored)
            ),
            passed,
        ),
        (!passed).then_some(reason),
    );
}

/// What the reader saw: pages that agree, and the total the source claims.
fn walk(proof: &mut Proof, own: &Completeness) {
    let reasons = match &own.verdict {
        Verdict::Proven => None,
        Verdict::Unproven { reasons } => Some(reasons.join("; ")),
    };
    let counts = format!(
        "{}, {}, {}, {}",
        plural(own.pages, "page", "pages"),
        plural(own.rows, "row", "rows"),
        plural(own.distinct, "different id", "different ids"),
        plural(u64::from(own.reads), "read", "reads"),
    );
    proof.checks.push(match own.claimed_total {
        Some(total) => check(
            "total",
            format!("{total} claimed by the source"),
            plural(own.distinct, "different id", "different ids"),
            total == own.distinct,
        ),
        None => CompletenessCheck {
            rule: "total".to_owned(),
            limit: "what the source claims".to_owned(),
            found: "it claims none".to_owned(),
            outcome: CheckOutcome::NotJudged,
        },
    });
    let passed = reasons.is_none();
    let found = match reasons {
        None => counts,
        Some(reasons) => format!("{counts}: {reasons}"),
    };
    proof.checks.push(check(
        "reading",
        "without any doubt".to_owned(),
        found,
        passed,
    ));
}

fn sentinels(proof: &mut Proof, people: &PeopleSnapshot, rules: &CompletenessRules, said: bool) {
    let mut missing: Vec<String> = rules.sentinels.iter().map(ToString::to_string).collect();
    for person in &people.people {
        missing.retain(|sentinel| sentinel != person.key.as_str());
    }
    let visible = rules.sentinels.len() - missing.len();
    let reasons: Vec<String> = missing
        .iter()
        .filter(|_| !said)
        .map(|missing| format!("person {missing}, who must be visible, was not read"))
        .collect();
    let found = if missing.is_empty() {
        format!("{visible} visible")
    } else {
        format!("{visible} visible, not {}", missing.join(", "))
    };
    let all = format!("all {}", rules.sentinels.len());
    proof.add(check("sentinels", all, found, missing.is_empty()), reasons);
}

/// Two spellings that differ in case are one part; the first of them in the order of characters is shown.
fn count_parts(people: &PeopleSnapshot, field: FieldIndex) -> Option<BTreeMap<String, u64>> {
    let mut counts: HashMap<CompactString, (&CompactString, u64)> = HashMap::new();
    let mut others: BTreeMap<String, u64> = BTreeMap::new();
    for person in &people.people {
        match person.fact(field) {
            Some(Fact::Text(text)) => count(&mut counts, text),
            Some(Fact::List(items)) => items.iter().for_each(|item| count(&mut counts, item)),
            Some(other) => *others.entry(other.for_reviewers()).or_default() += 1,
            None => {}
        }
        if counts.len() + others.len() > MOST_PARTS {
            return None;
        }
    }
    let texts = counts
        .into_values()
        .map(|(text, count)| (text.to_string(), count));
    Some(texts.chain(others).collect())
}

fn count<'p>(
    counts: &mut HashMap<CompactString, (&'p CompactString, u64)>,
    text: &'p CompactString,
) {
    let known = counts.entry(text.to_lowercase()).or_insert((text, 0));
    known.0 = known.0.min(text);
    known.1 += 1;
}

fn parts(
    proof: &mut Proof,
    people: &PeopleSnapshot,
    rules: &Parts,
    last_good: Result<LastGoodRead<'_>, &str>,
) {
    let field = Name::new(&rules.field);
    let at = people
        .header
        .fields
        .iter()
        .position(|one| one.name == field);
    let rule = format!("parts by {field}");
    let Some(at) = at.and_then(|at| u16::try_from(at).ok()) else {
        proof.add(
            check(
                rule,
                "the field".to_owned(),
                "the read does not have it".to_owned(),
                false,
            ),
            [format!(
                "the read does not have {field}, by which parts must be there"
            )],
        );
        return;
    };
    let Some(counts) = count_parts(people, FieldIndex(at)) else {
        proof.add(
            check(
                rule,
                format!("at most {MOST_PARTS} different values"),
                "more".to_owned(),
                false,
            ),
            [format!("{field} has more than {MOST_PARTS} different values; that is no part of the organisation")],
        );
        return;
    };
    let now: HashMap<String, u64> = counts
        .iter()
        .map(|(value, count)| (value.to_lowercase(), *count))
        .collect();
    if !rules.present.is_empty() {
        let mut reasons = Vec::new();
        let mut short = Vec::new();
        for wanted in &rules.present {
            let found = now
                .get(&wanted.trim().to_lowercase())
                .copied()
                .unwrap_or_default();
            if found < rules.floor {
                short.push(format!("{wanted} has {found}"));
                reasons.push(format!(
                    "{} of {field} {wanted} were read, fewer than {}",
                    plural(found, "person", "people"),
                    rules.floor
                ));
            }
        }
        let found = if short.is_empty() {
            format!("all {}", rules.present.len())
        } else {
            short.join(", ")
        };
        let limit = format!(
            "{} with at least {} each",
            plural(rules.present.len() as u64, "value", "values"),
            plural(rules.floor, "person", "people")
        );
        proof.add(check(rule, limit, found, short.is_empty()), reasons);
    }
    if rules.as_last_good {
        gone_parts(proof, &field, &now, last_good);
    }
    proof.parts.insert(field, counts);
}

/// Values the last good read had and this one has not.
fn gone_parts(
    proof: &mut Proof,
    field: &Name,
    now: &HashMap<String, u64>,
    last_good: Result<LastGoodRead<'_>, &str>,
) {
    let rule = format!("parts by {field} as last good");
    let known = match last_good {
        Ok(last) => last.parts.get(field).ok_or("it did not count them"),
        Err(why) => Err(why),
    };
    let known = match known {
        Ok(known) => known,
        Err(why) => {
            proof.checks.push(CompletenessCheck {
                rule,
                limit: "each value the last good read had".to_owned(),
                found: why.to_owned(),
                outcome: CheckOutcome::NotJudged,
            });
            return;
        }
    };
    let gone: Vec<(&String, &u64)> = known
        .iter()
        .filter(|(value, _)| !now.contains_key(&value.to_lowercase()))
        .collect();
    let found = if gone.is_empty() {
        "all there".to_owned()
    } else {
        let names: Vec<&str> = gone.iter().map(|(value, _)| value.as_str()).collect();
        format!("{} missing", names.join(", "))
    };
    let limit = format!("each of {}", plural(known.len() as u64, "value", "values"));
    proof.add(
        check(rule, limit, found, gone.is_empty()),
        gone.iter().map(|(value, count)| {
            let had = plural(**count, "person", "people");
            format!("nobody of {field} {value} was read, the last good read had {had}")
        }),
    );
}

fn since_last_good(
    proof: &mut Proof,
    count: u64,
    fall: &MaxFall,
    last_good: Result<LastGoodRead<'_>, &str>,
) {
    let Some(percent) = percent(fall) else {
        return;
    };
    let rule = "fall since the last good read";
    match last_good {
        Err(why) => proof.checks.push(CompletenessCheck {
            rule: rule.to_owned(),
            limit: format!("at most {percent}%"),
            found: why.to_owned(),
            outcome: CheckOutcome::NotJudged,
        }),
        Ok(last) => {
            let gone = last.people.saturating_sub(count);
            let passed = !fell_too_far(gone, last.people, percent);
            let reason = format!(
                "{count} people were read, {gone} fewer than the {} of the last good read; that is a fall of more than {percent}%",
                last.people
            );
            proof.add(
                check(
                    rule,
                    format!("at most {percent}% of {}", last.people),
                    format!("{} fewer, {}", gone, share(gone, last.people)),
                    passed,
                ),
                (!passed).then_some(reason),
            );
        }
    }
}

fn percent(fall: &MaxFall) -> Option<u64> {
    fall.0.trim_end_matches('%').parse().ok()
}

fn fell_too_far(gone: u64, of: u64, percent: u64) -> bool {
    u128::from(gone) * 100 > u128::from(of) * u128::from(percent)
}

/// `1.2%`, rounded down: what is within a limit never looks beyond it.
fn share(part: u64, of: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(of.max(1));
    format!("{}.{}%", tenths / 10, tenths % 10)
}

fn plural(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kinds::PersonId;

    #[test]
    fn a_read_lacks_only_what_the_rules_at_hand_ask_for() {
        let own = Completeness {
            pages: 1,
            rows: 4,
            distinct: 4,
            claimed_total: Some(4),
            reads: 1,
            verdict: Verdict::Unproven {
                reasons: vec![
                    Completeness::unseen("1042", "rights may have been cut"),
                    Completeness::below_floor(4, 9),
                ],
            },
        };
        let left = |floor: u64, sentinels: &[u64]| {
            let rules = CompletenessRules {
                floor,
                sentinels: sentinels.iter().map(|one| PersonId::Number(*one)).collect(),
                ..CompletenessRules::default()
            };
            match by_these_rules(&own, &rules).verdict {
                Verdict::Unproven { reasons } => reasons.len(),
                Verdict::Proven => 0,
            }
        };
        assert_eq!(left(9, &[1042]), 2);
        assert_eq!(left(5, &[7]), 1);
        assert_eq!(left(4, &[1042]), 1);
        assert_eq!(left(0, &[]), 0);
    }

    #[test]
    fn what_else_a_read_lacks_stays() {
        let own = Completeness {
            pages: 1,
            rows: 0,
            distinct: 0,
            claimed_total: None,
            reads: 1,
            verdict: Verdict::Unproven {
                reasons: vec![
                    "the list is empty".to_owned(),
                    Completeness::below_floor(1, 9),
                ],
            },
        };
        let judged = by_these_rules(&own, &CompletenessRules::default());
        assert_eq!(judged.verdict, own.verdict);
    }
}
