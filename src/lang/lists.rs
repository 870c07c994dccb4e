//! The functions on lists behind the filters. None of them makes a list longer than the one it was given.

use compact_str::CompactString;

use super::filters::{Bounded, TooLong};

pub(super) fn join(items: &[CompactString], separator: &str) -> Result<CompactString, TooLong> {
    let mut joined = Bounded::default();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            joined.push(separator)?;
        }
        joined.push(item)?;
    }
    Ok(joined.into_text())
}

/// The item with this number, counting from 1; from the end when negative.
pub(super) fn item<T>(items: &[T], number: i64) -> Option<&T> {
    let place = usize::try_from(number.unsigned_abs())
        .ok()?
        .checked_sub(1)?;
    if number > 0 {
        items.get(place)
    } else {
        items.get(items.len().checked_sub(place + 1)?)
    }
}

/// Each item once, where it first stands.
pub(super) fn unique(items: &[CompactString]) -> Vec<CompactString> {
    let mut seen = hashbrown::HashSet::with_capacity_and_hasher(
        items.len(),
        foldhash::fast::RandomState::default(),
    );
    items
        .iter()
        .filter(|item| seen.insert(item.as_str()))
        .cloned()
        .collect()
}

/// By small letters first, so that capitals do not come before everything; the order depends on nothing else.
pub(super) fn sort(items: &[CompactString]) -> Vec<CompactString> {
    let mut sorted = items.to_vec();
    sorted.sort_by_cached_key(|item| (super::filters::lower(item), item.clone()));
    sorted
}

/// Without items that are empty or nothing but white space.
pub(super) fn compact(items: &[CompactString]) -> Vec<CompactString> {
    items
        .iter()
        .filter(|item| !item.trim().is_empty())
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Vec<CompactString> {
        items.iter().copied().map(CompactString::from).collect()
    }

    #[test]
    fn items_are_counted_from_either_end() {
        let items = [1, 2, 3];
        assert_eq!(item(&items, 1), Some(&1));
        assert_eq!(item(&items, -1), Some(&3));
        for none in [0, 4, -4, i64::MIN, i64::MAX] {
            assert_eq!(item(&items, none), None, "{none}");
        }
    }

    #[test]
    fn lists_are_cleaned_without_losing_their_order() {
        assert_eq!(unique(&list(&["b", "a", "b", "A"])), list(&["b", "a", "A"]));
        assert_eq!(
            sort(&list(&["b", "Z", "a", "A"])),
            list(&["A", "a", "b", "Z"])
        );
        assert_eq!(compact(&list(&["", "a", " "])), list(&["a"]));
    }
}
