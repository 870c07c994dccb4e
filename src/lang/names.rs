//! Names for people to read: what was probably meant, and lists of them.

use crate::model::Name;

/// The candidate closest to what was written, when one is close enough to suggest.
pub fn closest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = written.to_lowercase();
    let allowed = match folded.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < candidate.chars().count()
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) that turn one text into the other.
fn distance(left: &str, right: &str) -> usize {
    // Names are short; whatever is not is no typing error.
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut before: Vec<usize> = vec![0; right.len() + 1];
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let mut best = (last[j] + usize::from(l != r))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[Name]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        [front @ .., last] => {
            let front: Vec<&str> = front.iter().map(Name::as_str).collect();
            format!("{} and {last}", front.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let fields = ["givenName", "surname", "department", "x"];
        assert_eq!(closest("givenname", fields), Some("givenName"));
        assert_eq!(closest("givneName", fields), Some("givenName"));
        assert_eq!(closest("departement", fields), Some("department"));
        assert_eq!(
            closest("y", fields),
            None,
            "one letter replaced is another name"
        );
        assert_eq!(closest("manager", fields), None);
        assert_eq!(closest("", fields), None);
    }
}
