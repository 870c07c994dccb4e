//! The shape of a value, without the value.
//!
//! Must not know what a value is for. Invariant: no four letters or digits of a value in a row come out, whatever goes
//! in, so no word, name, number or address can be read back.

/// Letters and digits of one run that are shown by their class; the rest of a run is `…`.
const RUN: usize = 3;
/// Longest shape, in characters.
const LONGEST: usize = 40;

/// `Jane Doe` is `Aaa… Aaa`, `+44 20 7946 0123` is `+99 99 999… 999…`: upper-case letters are `A`, others `a`, digits
/// `9`. A run longer than three is cut, so that a value that happens to look like a shape is not shown either.
pub fn shape(value: &str) -> String {
    let mut out = String::new();
    let mut run = 0;
    for (written, c) in value.chars().enumerate() {
        if out.chars().count() >= LONGEST || written >= 4 * LONGEST {
            out.push('…');
            break;
        }
        if c.is_alphanumeric() {
            run += 1;
            if run <= RUN {
                out.push(class(c));
            } else if run == RUN + 1 {
                out.push('…');
            }
        } else {
            run = 0;
            // What acts on a terminal is made harmless where it is shown; here it is part of the shape.
            out.push(if c.is_ascii() { c } else { '·' });
        }
    }
    out
}

fn class(c: char) -> char {
    if c.is_numeric() {
        '9'
    } else if c.is_uppercase() {
        'A'
    } else {
        'a'
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::shape;

    #[test]
    fn shapes_tell_the_form_only() {
        for (value, expected) in [
            ("Jane Doe", "Aaa… Aaa"),
            ("jane.doe@example.com", "aaa….aaa@aaa….aaa"),
            ("+44 20 7946 0123", "+99 99 999… 999…"),
            ("2026-01-31", "999…-99-99"),
            ("E1042", "A99…"),
            ("Łukasz O'Brien", "Aaa… A'Aaa…"),
            ("王小明", "aaa"),
            ("", ""),
            ("-1", "-9"),
        ] {
            assert_eq!(shape(value), expected);
        }
        assert!(shape(&"x ".repeat(1000)).chars().count() <= 41);
    }

    proptest! {
        #[test]
        fn no_run_of_four_comes_out(value in "\\PC{0,80}") {
            let shown: Vec<char> = shape(&value).chars().collect();
            prop_assert!(!shown.windows(4).any(|four| four.iter().all(|c| c.is_alphanumeric())));
        }
    }
}
