//! Whether what an attribute holds is what is wanted.
//!
//! Knows values and definitions, not people. A difference is reported only when writing would change what the
//! directory stores, so that planning again after an apply finds nothing (P7).

use compact_str::CompactString;

use crate::mapping::equal;
use crate::model::AttributeDef;

/// True when the attribute holds exactly these values, in whatever order and encoding.
pub fn same(def: &AttributeDef, observed: &[CompactString], wanted: &[CompactString]) -> bool {
    if observed.len() != wanted.len() {
        return false;
    }
    if let ([observed], [wanted]) = (observed, wanted) {
        return equal(def, observed, wanted);
    }
    let (mut ours, mut theirs): (Vec<&CompactString>, Vec<&CompactString>) =
        (wanted.iter().collect(), observed.iter().collect());
    ours.sort_unstable();
    theirs.sort_unstable();
    if ours == theirs {
        return true;
    }
    // Different texts can be one value (numbers, times): each wanted one needs a partner of its own. Values whose
    // texts agree are paired first, so only what differs is compared pair by pair.
    theirs.retain(|value| match ours.binary_search(value) {
        Ok(at) => {
            ours.remove(at);
            false
        }
        Err(_) => true,
    });
    ours.iter().all(|wanted| {
        theirs
            .iter()
            .position(|value| equal(def, value, wanted))
            .map(|at| theirs.swap_remove(at))
            .is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::same;
    use crate::model::{AttributeDef, Syntax};
    use compact_str::CompactString;

    fn def(syntax: Syntax) -> AttributeDef {
        AttributeDef {
            name: "x".to_owned(),
            syntax,
            single_valued: false,
            range_lower: None,
            range_upper: None,
            read_only: false,
        }
    }

    fn texts(values: &[&str]) -> Vec<CompactString> {
        values.iter().map(CompactString::new).collect()
    }

    #[test]
    fn several_values_are_a_set() {
        let text = def(Syntax::Text);
        for (observed, wanted, expected) in [
            (&["a", "b"][..], &["b", "a"][..], true),
            (&["a", "b"], &["a"], false),
            (&["a"], &["a", "b"], false),
            (&["SMTP:a@x", "smtp:b@x"], &["smtp:a@x", "SMTP:b@x"], false),
            (&["A", "b"], &["a", "b"], false),
            (&[], &[], true),
        ] {
            let (observed, wanted) = (texts(observed), texts(wanted));
            assert_eq!(
                same(&text, &observed, &wanted),
                expected,
                "{observed:?} {wanted:?}"
            );
        }
        let number = def(Syntax::Integer);
        assert!(same(
            &number,
            &texts(&["01", "2", "3"]),
            &texts(&["3", "1", "02"])
        ));
        assert!(!same(
            &number,
            &texts(&["1", "1", "3"]),
            &texts(&["1", "3", "3"])
        ));
    }
}
