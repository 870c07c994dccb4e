//! Mail addresses as directories keep them: with or without a prefix, in several attributes that are one name space.
//!
//! Knows texts, no accounts. Keeps that an address somebody has had is never dropped: it is demoted, not removed.

use compact_str::{CompactString, format_compact};

use super::value::fold_text;

/// Attributes that hold addresses. Exchange and Microsoft 365 refuse an address that another recipient has in any of
/// them.
pub const ADDRESSES: &[&str] = &[
    "mail",
    "proxyAddresses",
    "targetAddress",
    "userPrincipalName",
];

/// Whether an attribute holds addresses.
pub fn is_address(attribute: &str) -> bool {
    ADDRESSES
        .iter()
        .any(|name| attribute.eq_ignore_ascii_case(name))
}

/// How `proxyAddresses` marks a mail address; in capitals it is the one mail is sent from.
const PREFIX: &str = "smtp:";

/// The address without `SMTP:` or `smtp:`. Other prefixes (`sip:`, `x500:`) are part of what they mark.
pub fn bare(value: &str) -> &str {
    match value.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &value[PREFIX.len()..],
        _ => value,
    }
}

fn is_primary(value: &str) -> bool {
    value.starts_with("SMTP:")
}

/// A `mail` that becomes another.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// What it was.
    pub from: &'a str,
    /// What it will be.
    pub to: &'a str,
}

/// Proxy addresses of an account: those wanted, and all it has had. When another address becomes the primary one, the
/// former stays as an alias; so does a former `mail`.
pub fn kept(
    observed: &[CompactString],
    wanted: Vec<CompactString>,
    mail: Option<Moved<'_>>,
) -> Vec<CompactString> {
    let mut kept = wanted;
    let has = |kept: &[CompactString], value: &str| {
        let folded = fold_text(value);
        kept.iter().any(|one| fold_text(one) == folded)
    };
    let mut primary = kept.iter().any(|value| is_primary(value));
    if let Some(Moved { from, to }) = mail
        && !primary
        && observed
            .iter()
            .any(|value| is_primary(value) && fold_text(bare(value)) == fold_text(from))
    {
        // Mail was sent from the address of `mail`, and will be.
        let first = format_compact!("SMTP:{to}");
        let folded = fold_text(&first);
        kept.retain(|one| fold_text(one) != folded);
        kept.push(first);
        primary = true;
    }
    for value in observed {
        if has(&kept, value) {
            continue;
        }
        if primary && is_primary(value) {
            kept.push(format_compact!("{PREFIX}{}", bare(value)));
        } else {
            kept.push(value.clone());
        }
    }
    if !kept.iter().any(|value| is_primary(value))
        && let Some(first) = observed.iter().find(|value| is_primary(value))
    {
        // A rule that names it as an alias makes no other the primary one, and mail is sent from somewhere.
        let folded = fold_text(first);
        if let Some(same) = kept.iter_mut().find(|one| fold_text(one) == folded) {
            *same = format_compact!("SMTP:{}", bare(same));
        }
    }
    if let Some(Moved { from, .. }) = mail {
        let former = format_compact!("{PREFIX}{from}");
        if !has(&kept, &former) {
            kept.push(former);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<CompactString> {
        values.iter().map(CompactString::new).collect()
    }

    fn sorted(mut values: Vec<CompactString>) -> Vec<CompactString> {
        values.sort();
        values
    }

    #[test]
    fn prefixes_of_mail_are_no_part_of_an_address() {
        assert_eq!(bare("SMTP:a@example.test"), "a@example.test");
        assert_eq!(bare("smtp:a@example.test"), "a@example.test");
        assert_eq!(bare("sip:a@example.test"), "sip:a@example.test");
        assert_eq!(bare("é"), "é");
        assert_eq!(bare("smtpé"), "smtpé");
    }

    #[test]
    fn a_new_primary_address_demotes_the_former() {
        let moved = Moved {
            from: "doe@example.test",
            to: "smith@example.test",
        };
        let observed = texts(&["SMTP:doe@example.test", "sip:doe@example.test"]);
        let wanted = texts(&["SMTP:smith@example.test"]);
        let expected = texts(&[
            "SMTP:smith@example.test",
            "sip:doe@example.test",
            "smtp:doe@example.test",
        ]);
        let after = kept(&observed, wanted.clone(), Some(moved));
        assert_eq!(sorted(after.clone()), expected);
        // Planning again, and the way back.
        assert_eq!(sorted(kept(&after, wanted, None)), expected);
        let back = Moved {
            from: moved.to,
            to: moved.from,
        };
        assert_eq!(
            sorted(kept(&after, texts(&["SMTP:doe@example.test"]), Some(back))),
            texts(&[
                "SMTP:doe@example.test",
                "sip:doe@example.test",
                "smtp:smith@example.test"
            ])
        );
        // Without a rule for the addresses the primary one follows `mail` where it was the same.
        assert_eq!(sorted(kept(&observed, Vec::new(), Some(moved))), expected);
    }

    #[test]
    fn what_a_rule_does_not_name_stays() {
        let moved = Moved {
            from: "doe@example.test",
            to: "smith@example.test",
        };
        assert_eq!(
            kept(&[], Vec::new(), Some(moved)),
            texts(&["smtp:doe@example.test"])
        );
        let other = texts(&["SMTP:office@example.test"]);
        assert_eq!(
            sorted(kept(&other, Vec::new(), Some(moved))),
            texts(&["SMTP:office@example.test", "smtp:doe@example.test"])
        );
        assert_eq!(kept(&other, Vec::new(), None), other);
        // A rule that gives no primary address takes none away.
        assert_eq!(
            kept(&other, texts(&["smtp:office@example.test"]), None),
            other
        );
        // The rule's spelling wins, and an address stands once.
        assert_eq!(
            kept(
                &texts(&["smtp:Doe@example.test"]),
                texts(&["SMTP:doe@example.test"]),
                None
            ),
            texts(&["SMTP:doe@example.test"])
        );
    }
}
