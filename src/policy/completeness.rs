//! Whether a read of people proves enough for anybody to lose something because of it.

use crate::config::kinds;
use crate::model::{Completeness, PeopleSnapshot, Verdict};

/// The read's own proof with the project's checks added: the floor, the sentinels, and the fall against accounts.
///
/// `in_scope` is the number of people in scope, `anchored` that of managed accounts that carry an anchor.
pub fn judge(
    people: &PeopleSnapshot,
    rules: &kinds::CompletenessRules,
    in_scope: u64,
    anchored: u64,
) -> Completeness {
    let proof = &people.header.completeness;
    let mut reasons = match &proof.verdict {
        Verdict::Unproven { reasons } => reasons.clone(),
        Verdict::Proven => {
            let mut reasons = Vec::new();
            let count = people.people.len() as u64;
            if count < rules.floor {
                reasons.push(format!(
                    "{count} people were read, fewer than the floor of {}",
                    rules.floor
                ));
            }
            let mut sentinels = rules.sentinels.clone();
            if !sentinels.is_empty() {
                for person in &people.people {
                    if let Ok(key) = person.key.as_str().parse::<u64>() {
                        sentinels.retain(|sentinel| *sentinel != key);
                    }
                }
            }
            for missing in sentinels {
                reasons.push(format!(
                    "person {missing}, who must be visible, was not read"
                ));
            }
            reasons
        }
    };
    let percent = rules
        .max_fall
        .as_ref()
        .and_then(|fall| fall.0.trim_end_matches('%').parse::<u64>().ok());
    if let Some(percent) = percent
        && in_scope < anchored
        && (anchored - in_scope) * 100 > anchored * percent
    {
        reasons.push(format!(
            "{in_scope} people in scope stand against {anchored} accounts; that is a fall of more than {percent}%"
        ));
    }
    Completeness {
        verdict: if reasons.is_empty() {
            Verdict::Proven
        } else {
            Verdict::Unproven { reasons }
        },
        ..proof.clone()
    }
}
