//! Whether a read of people proves enough for anybody to lose something because of it.

use crate::config::kinds;
use crate::model::{Completeness, PeopleSnapshot, Verdict};

/// The read's own proof with the project's checks added: the floor, the sentinels, and the fall against accounts.
///
/// `anchored` is the number of managed accounts that carry an anchor, `present` how many of those anchors somebody of
/// the read has, in scope or out. People who left stay in HaloITSM, so counting people would show no fall at all.
pub fn judge(
    people: &PeopleSnapshot,
    rules: &kinds::CompletenessRules,
    present: u64,
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
    let gone = anchored.saturating_sub(present);
    if let Some(percent) = percent
        && u128::from(gone) * 100 > u128::from(anchored) * u128::from(percent)
    {
        reasons.push(format!(
            "nobody in the read has the anchor of {gone} of {anchored} accounts; that is a fall of more than {percent}%"
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
