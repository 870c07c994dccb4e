//! Objects that are used as maps: their keys are data and may be about somebody, so they are not named.
//!
//! Must not know rows. Invariant: of an object whose keys differ from record to record no key comes out; what they hold
//! is counted together, under `*`.

use std::collections::BTreeSet;

use compact_str::CompactString;
use hashbrown::HashMap;

use super::field::Field;

/// Fewer different keys may be optional members of a record.
const MANY: usize = 8;
/// A map has at least this many times as many different keys as one of its objects has.
const SPREAD: u64 = 4;
/// Deeper paths are not looked into, so maps are not nested deeper.
const ROUNDS: usize = 8;

/// Puts the members of maps together. `objects` says how many objects stood at a path.
pub(super) fn folded(
    mut fields: Vec<(CompactString, Field)>,
    objects: &HashMap<CompactString, u64>,
) -> Vec<(CompactString, Field)> {
    let mut objects = objects.clone();
    // What lies within a map is compared anew once its keys are one.
    for _ in 0..ROUNDS {
        let maps = maps(&fields, &objects);
        if maps.is_empty() {
            break;
        }
        let mut by_path: HashMap<CompactString, Field> = HashMap::with_capacity(fields.len());
        for (path, field) in fields {
            let path = renamed(&path, &maps);
            match by_path.get_mut(&path) {
                Some(known) => known.absorb(field),
                None => {
                    by_path.insert(path, field);
                }
            }
        }
        fields = by_path.into_iter().collect();
        let mut counted: HashMap<CompactString, u64> = HashMap::new();
        for (path, count) in objects {
            *counted.entry(renamed(&path, &maps)).or_default() += count;
        }
        objects = counted;
    }
    fields
}

/// The paths of objects that are maps and have keys that are named still.
fn maps(
    fields: &[(CompactString, Field)],
    objects: &HashMap<CompactString, u64>,
) -> BTreeSet<CompactString> {
    #[derive(Default)]
    struct Keys {
        different: usize,
        all: u64,
        most: u64,
        is_map: bool,
    }
    let mut keys: HashMap<&str, Keys> = HashMap::new();
    for (path, field) in fields {
        let ends = ends(path);
        let [.., parent, _] = ends.as_slice() else {
            continue;
        };
        let (parent, key) = path.split_at(*parent);
        if !objects.contains_key(parent) || key == "[]" {
            continue;
        }
        let known = keys.entry(parent).or_default();
        if key == ".*" {
            known.is_map = true;
            continue;
        }
        let count = field.occurrences();
        known.different += 1;
        known.all += count;
        known.most = known.most.max(count);
    }
    keys.into_iter()
        .filter(|(parent, keys)| {
            let objects = objects.get(*parent).copied().unwrap_or_default();
            let no_common = objects > 1 && keys.different > 1 && keys.most * 2 <= objects;
            let spread = keys.different >= MANY
                && keys.all.saturating_mul(SPREAD) <= objects.saturating_mul(keys.different as u64);
            keys.different > 0 && (keys.is_map || no_common || spread)
        })
        .map(|(parent, _)| parent.into())
        .collect()
}

/// A path with `*` for the keys of maps.
fn renamed(path: &str, maps: &BTreeSet<CompactString>) -> CompactString {
    let mut out = String::with_capacity(path.len());
    let mut from = 0;
    for end in ends(path) {
        let segment = &path[from..end];
        let keyed = segment.starts_with(['.', '[']) && segment != "[]";
        if keyed && from > 0 && maps.contains(&path[..from]) {
            out.push_str(".*");
        } else {
            out.push_str(segment);
        }
        from = end;
    }
    out.into()
}

/// The segments of a path.
pub(super) fn segments(path: &str) -> Vec<&str> {
    let mut from = 0;
    ends(path)
        .into_iter()
        .map(|end| &path[std::mem::replace(&mut from, end)..end])
        .collect()
}

/// Where the segments of a path end: `users`, `.site`, `['odd name']`, `[]`, `customField('CFx')`.
fn ends(path: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in path.char_indices() {
        if quoted {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => quoted = false,
                _ => {}
            }
        } else if c == '\'' {
            quoted = true;
        } else if matches!(c, '.' | '[') && at > 0 {
            ends.push(at);
        }
    }
    ends.push(path.len());
    ends
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn paths_are_taken_apart_as_they_were_put_together() {
        for (path, parts) in [
            ("users", vec!["users"]),
            ("users.a[].b", vec!["users", ".a", "[]", ".b"]),
            (
                r"users['o\'d.d[x'].y.*",
                vec!["users", r"['o\'d.d[x']", ".y", ".*"],
            ),
            (
                "customField('CF.x')[].name",
                vec!["customField('CF.x')", "[]", ".name"],
            ),
        ] {
            assert_eq!(segments(path), parts);
        }
    }
}
