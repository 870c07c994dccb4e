//! A directory of rows by hash: a fraction of a hash map's memory and time to build, never changed.

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
    /// From (hash, row), rows rising.
    pub fn new(given: Vec<(u64, u32)>) -> Self {
        let bits = given.len().max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut starts = vec![0u32; (1 << bits) + 1];
        for (hash, _) in &given {
            starts[(hash >> shift) as usize + 1] += 1;
        }
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }
        let mut next = starts.clone();
        let mut rows = vec![(0, 0); given.len()];
        for row in given {
            let place = &mut next[(row.0 >> shift) as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        for bucket in starts.windows(2) {
            if let [from, to] = bucket
                && to - from > 1
            {
                rows[*from as usize..*to as usize].sort_unstable();
            }
        }
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

    /// Puts rows of groups with more than `limit` rows in the order of `key`. A row that stands in a group twice still
    /// stands there in one place.
    pub fn arrange<K: Ord>(&mut self, limit: usize, key: impl Fn(u32) -> K + Sync) {
        self.rows
            .chunk_by_mut(|one, next| one.0 == next.0)
            .filter(|group| group.len() > limit)
            .for_each(|group| group.sort_by_cached_key(|(_, row)| key(*row)));
    }

    /// How many rows have this hash, without looking at each.
    pub fn count(&self, hash: u64) -> usize {
        let from = self.rows.partition_point(|(other, _)| *other < hash);
        self.rows[from..].partition_point(|(other, _)| *other == hash)
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
