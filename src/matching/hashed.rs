//! A directory of rows by hash: built by sorting on all cores, a tenth of a hash map's memory, never changed.

use rayon::prelude::*;
use std::hash::{BuildHasher, Hasher};

/// Hash of a text, the same in every run.
pub fn hash(text: &str) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Rows by hash. Two texts may share a hash: who asks compares.
#[derive(Debug, Default)]
pub struct Hashed {
    rows: Vec<(u64, u32)>,
    /// Where the rows begin whose hash begins with these bits.
    starts: Vec<u32>,
    shift: u32,
}

impl Hashed {
    /// From (hash, row) in any order.
    pub fn new(mut rows: Vec<(u64, u32)>) -> Self {
        rows.par_sort_unstable();
        let bits = rows.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (at, (hash, _)) in rows.iter().enumerate() {
            let bucket = (hash >> shift) as usize;
            while starts.len() <= bucket {
                starts.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        let end = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        starts.resize((1 << bits) + 1, end);
        Self {
            rows,
            starts,
            shift,
        }
    }

    /// Rows with this hash, rising.
    pub fn get(&self, hash: u64) -> impl Iterator<Item = u32> {
        let bucket = (hash >> self.shift.min(u64::BITS - 1)) as usize;
        let from = self.starts.get(bucket).copied().unwrap_or_default() as usize;
        let to = self.starts.get(bucket + 1).copied().unwrap_or_default() as usize;
        self.rows
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .filter(move |(other, _)| *other == hash)
            .map(|(_, row)| *row)
    }

    /// Groups of rows that share a hash, where there are several.
    pub fn repeated(&self) -> impl Iterator<Item = Vec<u32>> {
        self.rows
            .chunk_by(|one, next| one.0 == next.0)
            .filter(|group| group.len() > 1)
            .map(|group| group.iter().map(|(_, row)| *row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Hashed, hash};

    #[test]
    fn every_row_is_found_under_its_hash_and_under_no_other() {
        for count in [0u32, 1, 2, 3, 100, 5000] {
            let rows: Vec<(u64, u32)> = (0..count)
                .rev()
                .map(|row| (hash(&format!("row {}", row / 2)), row))
                .collect();
            let index = Hashed::new(rows);
            for row in 0..count {
                let found: Vec<u32> = index.get(hash(&format!("row {}", row / 2))).collect();
                let pair: Vec<u32> = [row / 2 * 2, row / 2 * 2 + 1]
                    .into_iter()
                    .filter(|row| *row < count)
                    .collect();
                assert_eq!(found, pair);
            }
            assert_eq!(index.get(hash("nothing")).count(), 0);
            assert_eq!(index.repeated().count(), count as usize / 2);
        }
        assert_eq!(Hashed::default().get(5).count(), 0);
    }
}
