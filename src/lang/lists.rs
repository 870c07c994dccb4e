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

/// Whole numbers by their size when there is nothing else; texts by their small letters without marks, then by their
/// small letters, then as they stand, so that the order depends on nothing but the texts.
pub(super) fn sort(items: &[CompactString]) -> Vec<CompactString> {
    if let Some(mut numbers) = items.iter().map(whole).collect::<Option<Vec<_>>>() {
        numbers.sort_unstable();
        return numbers
            .into_iter()
            .map(|number| compact_str::format_compact!("{number}"))
            .collect();
    }
    let mut sorted = items.to_vec();
    sorted.sort_by_cached_key(|item| {
        let small = super::filters::lower(item);
        (
            super::filters::strip_diacritics(&small),
            small,
            item.clone(),
        )
    });
    sorted
}

/// The number an item is, written as numbers are: `007` and `+7` are texts.
fn whole(item: &CompactString) -> Option<i64> {
    let number: i64 = item.parse().ok()?;
    (compact_str::format_compact!("{number}") == *item).then_some(number)
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
        assert_eq!(
            sort(&list(&["b", "A", "ä", "z", "Ö"])),
            list(&["A", "ä", "b", "Ö", "z"])
        );
        assert_eq!(
            sort(&list(&["10", "9", "-1", "100"])),
            list(&["-1", "9", "10", "100"])
        );
        assert_eq!(sort(&list(&["10", "9", "007"])), list(&["007", "10", "9"]));
        assert_eq!(compact(&list(&["", "a", " "])), list(&["a"]));
    }
}
