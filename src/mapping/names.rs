//! Names nobody else may have: what a format gives, made fit for its attribute, cut and numbered.
//!
//! Whether a name is free is not known here.

use compact_str::{CompactString, format_compact};

use super::value::{fold_text, is_unseen, length};
use crate::lang::{EvalError, PersonContext, Unmapped};
use crate::lifecycle::Formula;
use crate::model::{AttributeDef, AttributeId, Name};

/// What kind of name it is; each has its own alphabet and its own neighbourhood in which it must be alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flavour {
    /// `sAMAccountName`: alone in the domain ([MS-SAMR] 3.1.1.6).
    Sam,
    /// `userPrincipalName`: alone in the forest, also against the implied `sAMAccountName@domain`
    /// ([MS-ADTS] 3.1.1.5.1.3).
    Upn,
    /// `cn`: alone in its container.
    Cn,
    /// A mail address: alone among all addresses.
    Address,
    /// Any other attribute a `unique` rule is written for: alone among the directory's users.
    Plain,
}

impl Flavour {
    /// The kind of an attribute.
    pub fn of(attribute: &str) -> Self {
        if attribute.eq_ignore_ascii_case("sAMAccountName") {
            Self::Sam
        } else if attribute.eq_ignore_ascii_case("userPrincipalName") {
            Self::Upn
        } else if attribute.eq_ignore_ascii_case("cn") {
            Self::Cn
        } else if super::is_address(attribute) {
            Self::Address
        } else {
            Self::Plain
        }
    }
}

/// Ordered formats of a name.
#[derive(Debug)]
pub struct NameRule {
    /// Templates in the order they are tried.
    pub formats: Vec<Formula>,
    /// Whether the last is tried with 2, 3, 4 … when all are taken.
    pub numbered: bool,
    /// Longest name, in characters as the directory counts them.
    pub limit: usize,
    /// What kind of name.
    pub flavour: Flavour,
    /// The rule is a plain template: there is one right name, and being taken is a conflict.
    pub single: bool,
    /// Where else it must be the only one.
    pub reach: Reach,
}

/// Where a name must be the only one, beside its own attribute.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Further attributes.
    pub also_in: Vec<(AttributeId, AttributeDef)>,
    /// The attributes that hold addresses, when it is one.
    pub addresses: Vec<(AttributeId, AttributeDef)>,
    /// Objects of other domains count.
    pub forest: bool,
    /// Of the attributes it is compared with, those of which the read knows nothing of other domains.
    pub unproven: Vec<String>,
    /// The rule asks for the forest in so many words, and its own attribute or one of `alsoIn` is among `unproven`:
    /// no name is given.
    pub holds: bool,
    /// Table of names that are not given again.
    pub never_reuse: Option<Name>,
}

/// The names a person could have, in order, each fit for the attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// Names with the index of the format each comes from.
    pub names: Vec<(CompactString, usize)>,
    /// Fields the formats lacked, when they gave nothing.
    pub missing: Vec<Name>,
    /// The first format that failed or needs a row of a table that holds: whatever the others give, nobody knows
    /// which name is right.
    pub failed: Option<EvalError>,
    /// Keys without a row in tables that only report it, which leave their format out.
    pub unmapped: Vec<(Name, String)>,
}

impl NameRule {
    /// A rule with formats.
    pub fn new(
        formats: Vec<Formula>,
        numbered: bool,
        max_length: Option<u32>,
        flavour: Flavour,
        def: &AttributeDef,
    ) -> Self {
        let schema = def
            .range_upper
            .and_then(|upper| usize::try_from(upper).ok())
            .unwrap_or(usize::MAX);
        let known = match flavour {
            Flavour::Sam => 20,
            Flavour::Upn => 1024,
            Flavour::Cn => 64,
            Flavour::Plain | Flavour::Address => usize::MAX,
        };
        let asked = max_length.map_or(usize::MAX, |length| length as usize);
        Self {
            formats,
            numbered,
            limit: schema.min(known).min(asked).max(1),
            flavour,
            single: false,
            reach: Reach::default(),
        }
    }

    /// A rule with one right name.
    pub fn single(formula: Formula, flavour: Flavour, def: &AttributeDef) -> Self {
        Self {
            single: true,
            ..Self::new(vec![formula], false, None, flavour, def)
        }
    }

    /// The names this person could have. A single right name is not cut: when it is too long it comes back as it is
    /// and the caller judges it.
    pub fn candidates(&self, context: &PersonContext<'_>) -> Candidates {
        let mut found = Candidates::default();
        for (at, format) in self.formats.iter().enumerate() {
            match format.text(context) {
                Ok(text) => {
                    let clean = if self.single {
                        text
                    } else {
                        cut(self.flavour, &clean(self.flavour, &text), self.limit, "")
                    };
                    if usable(self.flavour, &clean)
                        && !found.names.iter().any(|(name, _)| *name == clean)
                    {
                        found.names.push((clean, at));
                    }
                }
                Err(EvalError::Missing { fields }) => found.missing.extend(fields),
                Err(EvalError::Unmapped {
                    table,
                    key,
                    policy: Unmapped::Report,
                }) => found.unmapped.push((table, key)),
                Err(error) => found.failed = found.failed.or(Some(error)),
            }
        }
        found.missing.sort();
        found.missing.dedup();
        found
    }

    /// Whether every name is already in its attribute's alphabet.
    pub fn is_clean(&self, candidates: &Candidates) -> bool {
        candidates
            .names
            .iter()
            .all(|(name, _)| clean(self.flavour, name) == *name)
    }

    /// The name with a number, cut so that both fit.
    pub fn numbered(&self, name: &str, number: u64) -> CompactString {
        cut(self.flavour, name, self.limit, &number.to_string())
    }

    /// Whether `current` is one of the names this person could have been given.
    pub fn could_be(&self, candidates: &Candidates, current: &str) -> bool {
        if self.single {
            return candidates.names.iter().any(|(name, _)| name == current);
        }
        let folded = fold_text(current);
        if candidates
            .names
            .iter()
            .any(|(name, _)| fold_text(name) == folded)
        {
            return true;
        }
        let (true, Some((last, _))) = (self.numbered, candidates.names.last()) else {
            return false;
        };
        let head = match self.flavour {
            Flavour::Upn | Flavour::Address => folded.split('@').next().unwrap_or_default(),
            _ => folded.as_str(),
        };
        let digits = head.len() - head.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        // A name may itself end in a digit; every split of the tail is tried.
        (1..=digits.min(9)).any(|count| {
            head[head.len() - count..]
                .parse::<u64>()
                .is_ok_and(|number| {
                    number >= 2 && fold_text(&self.numbered(last, number)) == folded
                })
        })
    }
}

/// Characters Windows refuses in logon names ([MS-SAMR] 3.1.1.6).
const FORBIDDEN: &[char] = &[
    '"', '/', '\\', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>',
];

fn clean(flavour: Flavour, text: &str) -> CompactString {
    let kept: CompactString = match flavour {
        Flavour::Sam => text
            .chars()
            .filter(|c| !is_unseen(*c) && !matches!(c, '@' | '`') && !FORBIDDEN.contains(c))
            .collect(),
        // What Microsoft 365 accepts before the @ among ASCII; the rest would have to be renamed on the day of
        // synchronisation.
        Flavour::Upn => {
            let (local, suffix) = text.rsplit_once('@').unwrap_or((text, ""));
            let local: String = local
                .chars()
                .filter(|c| {
                    let plain = c.is_ascii_alphanumeric() || "'.-_!#^~".contains(*c);
                    plain || (!c.is_ascii() && !is_unseen(*c) && !c.is_whitespace())
                })
                .collect();
            let local = local.trim_matches('.');
            format_compact!("{local}@{}", suffix.trim())
        }
        Flavour::Address => {
            let address = super::bare(text);
            let prefix = &text[..text.len() - address.len()];
            format_compact!("{prefix}{}", clean(Flavour::Upn, address))
        }
        Flavour::Cn | Flavour::Plain => text.chars().filter(|c| !is_unseen(*c)).collect(),
    };
    let trimmed = match flavour {
        Flavour::Sam => kept.trim().trim_end_matches(['.', ' ']),
        _ => kept.trim(),
    };
    trimmed.into()
}

fn usable(flavour: Flavour, name: &str) -> bool {
    match flavour {
        Flavour::Upn | Flavour::Address => super::bare(name)
            .split_once('@')
            .is_some_and(|(local, suffix)| !local.is_empty() && !suffix.is_empty()),
        _ => !name.is_empty(),
    }
}

/// `name` (its local part, for a UPN) cut so that it fits `limit` with `tail` after it.
fn cut(flavour: Flavour, name: &str, limit: usize, tail: &str) -> CompactString {
    let (head, suffix) = match (flavour, name.split_once('@')) {
        (Flavour::Upn | Flavour::Address, Some((head, suffix))) => (head, format!("@{suffix}")),
        _ => (name, String::new()),
    };
    let room = limit.saturating_sub(length(tail) + length(&suffix));
    let mut used = 0;
    let kept: CompactString = head
        .chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= room
        })
        .collect();
    let kept = match (flavour, tail.is_empty()) {
        (Flavour::Sam | Flavour::Upn | Flavour::Address, true) => kept.trim_end_matches(['.', ' ']),
        _ => kept.trim_end(),
    };
    match flavour {
        // A full name and a number are two words.
        Flavour::Cn if !tail.is_empty() => {
            let spaced = format_compact!("{kept} {tail}");
            if length(&spaced) <= limit {
                spaced
            } else {
                let mut shorter = CompactString::from(kept);
                shorter.pop();
                format_compact!("{} {tail}", shorter.trim_end())
            }
        }
        _ => format_compact!("{kept}{tail}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(flavour: Flavour, limit: usize) -> NameRule {
        NameRule {
            formats: Vec::new(),
            numbered: true,
            limit,
            flavour,
            single: false,
            reach: Reach::default(),
        }
    }

    #[test]
    fn addresses_are_numbered_before_the_domain() {
        let mail = rule(Flavour::Address, 256);
        assert_eq!(mail.numbered("jane@example.test", 2), "jane2@example.test");
        assert_eq!(
            clean(Flavour::Address, "SMTP:.jane doe@example.test"),
            "SMTP:janedoe@example.test"
        );
        assert!(!usable(Flavour::Address, "smtp:@example.test"));
        assert!(!usable(Flavour::Address, "jane"));
    }

    #[test]
    fn logon_names_lose_what_windows_refuses() {
        assert_eq!(clean(Flavour::Sam, "o\"b:r|i=e,n*.. "), "obrien");
        assert_eq!(clean(Flavour::Sam, "=cmd|'/c calc'!A0"), "cmd'c calc'!A0");
        assert_eq!(clean(Flavour::Sam, "..."), "");
        assert_eq!(
            clean(Flavour::Upn, ".jane doe.@example.test"),
            "janedoe@example.test"
        );
        assert!(!usable(Flavour::Upn, &clean(Flavour::Upn, "@example.test")));
        assert!(!usable(Flavour::Upn, "jane"));
        assert_eq!(clean(Flavour::Cn, "Doe,\tJane\n"), "Doe,Jane");
    }

    #[test]
    fn numbers_fit_within_the_limit() {
        let sam = rule(Flavour::Sam, 8);
        assert_eq!(sam.numbered("longname", 2), "longnam2");
        assert_eq!(sam.numbered("longname", 10), "longna10");
        assert_eq!(sam.numbered("abc", 3), "abc3");
        let upn = rule(Flavour::Upn, 1024);
        assert_eq!(upn.numbered("jane@example.test", 2), "jane2@example.test");
        let cn = rule(Flavour::Cn, 10);
        assert_eq!(cn.numbered("Jane Doe", 2), "Jane Doe 2");
        assert_eq!(cn.numbered("Jane Doerr", 2), "Jane Doe 2");
        assert_eq!(cn.numbered("Jane Doerr", 10), "Jane Do 10");
        assert_eq!(cut(Flavour::Sam, "ab.cd", 3, ""), "ab");
        assert_eq!(cut(Flavour::Plain, "a😀b", 2, ""), "a");
    }

    #[test]
    fn a_numbered_name_is_recognised_as_given() {
        let sam = rule(Flavour::Sam, 8);
        let candidates = Candidates {
            names: vec![("jdoe".into(), 0), ("longname1".into(), 1)],
            ..Candidates::default()
        };
        assert!(sam.could_be(&candidates, "JDoe"));
        assert!(sam.could_be(&candidates, "longnam2"));
        assert!(sam.could_be(&candidates, "longna12"));
        assert!(!sam.could_be(&candidates, "longnam1"));
        assert!(
            !sam.could_be(&candidates, "jdoe2"),
            "only the last format is numbered"
        );
        assert!(!sam.could_be(&candidates, "other"));
        let upn = rule(Flavour::Upn, 100);
        let candidates = Candidates {
            names: vec![("jane@example.test".into(), 0)],
            ..Candidates::default()
        };
        assert!(upn.could_be(&candidates, "jane12@example.test"));
        assert!(!upn.could_be(&candidates, "jane12@example.org"));
    }
}
