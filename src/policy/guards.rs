//! How many accounts a limit allows, and what a waiver releases.
//!
//! Numbers only: what is counted, and what waits, is the planner's. Invariant: nothing but a waiver that still counts
//! lets more through than the limit says.

use crate::config::{Standing, kinds};
use crate::model::Name;

/// How many a limit allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    max: Option<u64>,
    /// Per cent.
    share: Option<u64>,
    floor: u64,
}

impl Allowance {
    /// Of a limit as it is written. A share nobody can read allows nothing; validation does not let one through.
    pub fn of(limit: &kinds::Limit) -> Self {
        let percent = |share: &kinds::Share| share.0.trim_end_matches('%').parse().unwrap_or(0);
        Self {
            max: limit.max,
            share: limit.max_share.as_ref().map(percent),
            floor: limit.floor,
        }
    }

    fn of_share(share: u64, base: u64) -> u64 {
        u64::try_from(u128::from(base) * u128::from(share) / 100).unwrap_or(u64::MAX)
    }

    /// How many of `base` are allowed: the smaller of number and share, rounded down, and never less than the floor.
    pub fn allowed(&self, base: u64) -> u64 {
        let share = self.share.map(|share| Self::of_share(share, base));
        let least = match (self.max, share) {
            (Some(max), Some(share)) => max.min(share),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 0,
        };
        least.max(self.floor)
    }

    /// Whether it depends on how many there are.
    pub fn is_share(&self) -> bool {
        self.share.is_some()
    }

    /// The limit in words, for example `at most 10% and 50, and always 2`.
    pub fn words(&self) -> String {
        let mut words = match (self.max, self.share) {
            (Some(max), Some(share)) => format!("at most {share}% and {max}"),
            (Some(max), None) => format!("at most {max}"),
            (None, Some(share)) => format!("at most {share}%"),
            (None, None) => "none".to_owned(),
        };
        if self.floor > 0 {
            words.push_str(&format!(", and always {}", self.floor));
        }
        words
    }
}

/// A waiver at the moment of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// Its name.
    pub name: Name,
    /// The limit it is for.
    pub guard: String,
    /// The part it is for, in the form parts are compared in; empty for everything together.
    pub part: String,
    /// Most accounts it lets through.
    pub maximum: u64,
    /// Whether it counts.
    pub standing: Standing,
}

impl Waived {
    /// Whether it lets this many through.
    pub fn releases(&self, guard: &str, part: &str, counted: u64) -> bool {
        self.standing != Standing::Expired
            && self.guard == guard
            && self.part == part
            && counted <= self.maximum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowance(max: Option<u64>, share: Option<u64>, floor: u64) -> Allowance {
        Allowance { max, share, floor }
    }

    #[test]
    fn shares_are_rounded_down_and_small_parts_are_not_exempt() {
        assert_eq!(allowance(None, Some(10), 0).allowed(9), 0);
        assert_eq!(allowance(None, Some(10), 0).allowed(19), 1);
        assert_eq!(allowance(None, Some(10), 2).allowed(3), 2);
        assert_eq!(allowance(Some(50), Some(10), 0).allowed(1_000), 50);
        assert_eq!(allowance(Some(50), Some(10), 0).allowed(100), 10);
        assert_eq!(allowance(Some(0), None, 0).allowed(100), 0);
        assert_eq!(allowance(None, Some(100), 0).allowed(u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn nothing_lets_more_through_than_number_share_and_floor(
            max in prop::option::of(0u64..200),
            share in prop::option::of(0u64..=100),
            floor in 0u64..20,
            base in 0u64..5_000,
        ) {
            let allowed = allowance(max, share, floor).allowed(base);
            prop_assert!(allowed >= floor);
            if allowed > floor {
                prop_assert!(max.is_none_or(|max| allowed <= max));
                prop_assert!(share.is_none_or(|share| allowed * 100 <= base * share));
            }
        }
    }
}
