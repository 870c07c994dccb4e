//! Compares an attribute as found with the plan's before and after, and says what to send.
//!
//! Pure: resolving references to names is the caller's. Invariant: a modification is made only when the values found
//! are exactly the plan's `before` (P5), it names the values it removes (so the server compares and sets in one
//! step), and it touches no value that stays.
//!
//! Values that are merged into those of others are compared as sets of their own: only what the plan adds must be
//! there, only what it takes out must be gone.
//!
//! Text is compared exactly, although the server matches it without regard to case: a case-only correction is a
//! change to the planner, and a case-only edit by somebody else is an edit.

use std::collections::HashSet;

use base64::Engine;

use super::outcome::Difference;
use crate::connector::Modification;
use crate::model::{Dn, Syntax, default_schema, folded};
use crate::plan::{AttributeChange, ObjectRef, Octets, PlanValue};

/// `accountExpires` that never comes; 0 means the same ([MS-ADA1] 2.1).
const NEVER: &str = "9223372036854775807";

/// What to do about one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The values are those wanted.
    AsDesired,
    /// The values are those the plan found: send this.
    Write(Vec<Modification>),
    /// The values are neither.
    Moved(Difference),
    /// A value refers to an object that does not exist any more.
    Gone(ObjectRef),
}

/// How values of one attribute compare.
fn syntax_of(change: &AttributeChange) -> Syntax {
    let refers = |values: &[PlanValue]| {
        values
            .iter()
            .any(|value| matches!(value, PlanValue::Object(_)))
    };
    if refers(&change.before) || refers(&change.after) {
        return Syntax::Dn;
    }
    if is_bytes(change) {
        return Syntax::Octets;
    }
    default_schema()
        .get(&change.name)
        .map_or(Syntax::Other, |definition| definition.syntax)
}

fn is_bytes(change: &AttributeChange) -> bool {
    change
        .before
        .iter()
        .chain(&change.after)
        .any(|value| matches!(value, PlanValue::Octets(_)))
}

/// The form in which equal values are equal.
fn canonical(attribute: &str, syntax: Syntax, value: &str) -> String {
    match syntax {
        Syntax::Dn => match Dn::parse(value) {
            Ok(dn) => dn.key().as_str().to_owned(),
            Err(_) => value.to_owned(),
        },
        Syntax::Integer | Syntax::LargeInteger => match value.trim().parse::<i64>() {
            Ok(0) if attribute.eq_ignore_ascii_case("accountExpires") => NEVER.to_owned(),
            Ok(number) => number.to_string(),
            Err(_) => value.to_owned(),
        },
        Syntax::Boolean => value.to_ascii_uppercase(),
        Syntax::Octets => match base64::engine::general_purpose::STANDARD.decode(value) {
            Ok(bytes) => hex::encode(bytes),
            Err(_) => value.to_owned(),
        },
        Syntax::Text | Syntax::CaseExactText | Syntax::Time | Syntax::Other => value.to_owned(),
    }
}

fn canonical_set(attribute: &str, syntax: Syntax, values: &[String]) -> HashSet<String> {
    let mut set: HashSet<String> = values
        .iter()
        .map(|value| canonical(attribute, syntax, value))
        .collect();
    // An account without an expiry never expires, which is what "never" says.
    if set.is_empty() && attribute.eq_ignore_ascii_case("accountExpires") {
        set.insert(NEVER.to_owned());
    }
    set
}

/// The text of plan values for people: names as the plan has them.
pub(super) fn shown(values: &[PlanValue]) -> Vec<String> {
    values
        .iter()
        .map(|value| match value {
            PlanValue::Text(text) => text.clone(),
            PlanValue::Octets(octets) => octets.to_string(),
            PlanValue::Object(object) => object.dn.as_str().to_owned(),
        })
        .collect()
}

/// What was found of an attribute, for people: of bytes how many there are and which.
pub(super) fn as_shown(change: &AttributeChange, found: &[String]) -> Vec<String> {
    if !is_bytes(change) {
        return found.to_vec();
    }
    let octets = found.iter().map(|value| Octets {
        base64: value.clone(),
    });
    octets.map(|octets| octets.to_string()).collect()
}

/// Values as the server would have them now; a reference to something gone is an error.
fn resolved(
    values: &[PlanValue],
    name_of: &dyn Fn(&ObjectRef) -> Option<Dn>,
) -> Result<Vec<String>, ObjectRef> {
    values
        .iter()
        .map(|value| match value {
            PlanValue::Text(text) => Ok(text.clone()),
            PlanValue::Octets(octets) => Ok(octets.base64.clone()),
            PlanValue::Object(object) => name_of(object)
                .map(|dn| dn.as_str().to_owned())
                .ok_or_else(|| object.clone()),
        })
        .collect()
}

/// Decides about one attribute. `name_of` gives an object's present name, `None` when it is gone.
pub(super) fn decide(
    change: &AttributeChange,
    found: &[String],
    name_of: &dyn Fn(&ObjectRef) -> Option<Dn>,
) -> Verdict {
    if change.merge {
        return merge(change, found);
    }
    let attribute = change.name.as_str();
    let syntax = syntax_of(change);
    let found_set = canonical_set(attribute, syntax, found);
    let wanted = match resolved(&change.after, name_of) {
        Ok(values) => values,
        Err(gone) => return Verdict::Gone(gone),
    };
    let wanted_set = canonical_set(attribute, syntax, &wanted);
    if found_set == wanted_set {
        return Verdict::AsDesired;
    }
    // A value that referred to an object now gone is gone with it, so it cannot equal anything found.
    let as_planned = resolved(&change.before, name_of)
        .is_ok_and(|before| canonical_set(attribute, syntax, &before) == found_set);
    if !as_planned {
        return Verdict::Moved(Difference {
            attribute: change.name.clone(),
            before: shown(&change.before),
            planned: shown(&change.after),
            found: as_shown(change, found),
        });
    }
    let removed: Vec<String> = found
        .iter()
        .filter(|value| !wanted_set.contains(&canonical(attribute, syntax, value)))
        .cloned()
        .collect();
    let mut added: Vec<String> = wanted
        .iter()
        .filter(|value| !found_set.contains(&canonical(attribute, syntax, value)))
        .cloned()
        .collect();
    // SAM refuses to be without this one (result 53): clearing it is writing "never".
    if wanted.is_empty() && attribute.eq_ignore_ascii_case("accountExpires") {
        added.push(NEVER.to_owned());
    }
    let mut modifications = Vec::with_capacity(2);
    if !removed.is_empty() {
        modifications.push(Modification::Delete(change.name.clone(), removed));
    }
    if !added.is_empty() {
        modifications.push(Modification::Add(change.name.clone(), added));
    }
    Verdict::Write(modifications)
}

/// Whether values may be what was found when `change` was about to be written: the plan's `before`, and of values merged into
/// those of others anything. What objects were called at that moment the plan does not say, only how many there were.
pub(super) fn is_as_found(change: &AttributeChange, found: &[String]) -> bool {
    if change.merge {
        return true;
    }
    let syntax = syntax_of(change);
    let found = canonical_set(&change.name, syntax, found);
    if syntax == Syntax::Dn {
        return found.len() == change.before.len();
    }
    let texts = change.before.iter().map(|value| match value {
        PlanValue::Text(text) => text.clone(),
        PlanValue::Octets(octets) => octets.base64.clone(),
        PlanValue::Object(object) => object.dn.as_str().to_owned(),
    });
    let planned: Vec<String> = texts.collect();
    canonical_set(&change.name, syntax, &planned) == found
}

/// Begins the address Exchange sends from: upper case is the primary one, and there is one at most.
const PRIMARY_ADDRESS: &str = "SMTP:";

/// Adds what `after` has more than `before` and takes out what it has less, whatever else is there now.
fn merge(change: &AttributeChange, found: &[String]) -> Verdict {
    let syntax = syntax_of(change);
    // A value is there whatever its case: the server refuses a second that differs in nothing else.
    let key = |value: &str| same_to_server(syntax, &canonical(&change.name, syntax, value));
    let keys =
        |values: &[String]| -> HashSet<String> { values.iter().map(|one| key(one)).collect() };
    let (before, after) = (shown(&change.before), shown(&change.after));
    let (had, wanted, there) = (keys(&before), keys(&after), keys(found));
    let added: Vec<String> = after
        .iter()
        .filter(|value| !had.contains(&key(value)) && !there.contains(&key(value)))
        .cloned()
        .collect();
    let removed: Vec<String> = found
        .iter()
        .filter(|value| had.contains(&key(value)) && !wanted.contains(&key(value)))
        .cloned()
        .collect();
    let primary = |values: &[String]| values.iter().any(|one| one.starts_with(PRIMARY_ADDRESS));
    let addresses = change.name.eq_ignore_ascii_case("proxyAddresses");
    let taken: Vec<String> = before
        .iter()
        .filter(|value| !wanted.contains(&key(value)))
        .cloned()
        .collect();
    // Somebody has made another address the primary one since, or the very one to be taken out.
    if addresses && (primary(&added) && primary(found) || primary(&removed) && !primary(&taken)) {
        return Verdict::Moved(Difference {
            attribute: change.name.clone(),
            before,
            planned: after,
            found: found.to_vec(),
        });
    }
    let mut modifications = Vec::with_capacity(2);
    if !removed.is_empty() {
        modifications.push(Modification::Delete(change.name.clone(), removed));
    }
    if !added.is_empty() {
        modifications.push(Modification::Add(change.name.clone(), added));
    }
    if modifications.is_empty() {
        return Verdict::AsDesired;
    }
    Verdict::Write(modifications)
}

/// The form in which values are equal that the server holds for one.
fn same_to_server(syntax: Syntax, value: &str) -> String {
    match syntax {
        Syntax::Text | Syntax::Dn | Syntax::Other => {
            value.trim().chars().flat_map(folded).collect()
        }
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Modification, Verdict, decide};
    use crate::model::{Dn, Guid};
    use crate::plan::{AttributeChange, ObjectRef, PlanValue, RuleIndex};

    fn change(name: &str, before: &[&str], after: &[&str]) -> AttributeChange {
        let values = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| PlanValue::Text((*text).to_owned()))
                .collect()
        };
        AttributeChange {
            name: name.to_owned(),
            before: values(before),
            after: values(after),
            merge: false,
            rule: RuleIndex(0),
            facts: Default::default(),
            cut_from: None,
            never_reuse: None,
        }
    }

    fn verdict(name: &str, before: &[&str], after: &[&str], found: &[&str]) -> Verdict {
        let found: Vec<String> = found.iter().map(|text| (*text).to_owned()).collect();
        decide(&change(name, before, after), &found, &|_| None)
    }

    fn write(parts: &[(bool, &str, &[&str])]) -> Verdict {
        Verdict::Write(
            parts
                .iter()
                .map(|(add, name, values)| {
                    let values = values.iter().map(|text| (*text).to_owned()).collect();
                    if *add {
                        Modification::Add((*name).to_owned(), values)
                    } else {
                        Modification::Delete((*name).to_owned(), values)
                    }
                })
                .collect(),
        )
    }

    #[test]
    fn p5_writes_only_over_what_the_plan_found() {
        assert_eq!(
            verdict("title", &["Clerk"], &["Manager"], &["Clerk"]),
            write(&[(false, "title", &["Clerk"]), (true, "title", &["Manager"])])
        );
        assert_eq!(
            verdict("title", &["Clerk"], &["Manager"], &["Manager"]),
            Verdict::AsDesired
        );
        assert!(matches!(
            verdict("title", &["Clerk"], &["Manager"], &["Director"]),
            Verdict::Moved(_)
        ));
        assert!(matches!(
            verdict("title", &[], &["Manager"], &["Director"]),
            Verdict::Moved(_)
        ));
        assert_eq!(
            verdict("title", &[], &["Manager"], &[]),
            write(&[(true, "title", &["Manager"])])
        );
        assert_eq!(
            verdict("title", &["Clerk"], &[], &["Clerk"]),
            write(&[(false, "title", &["Clerk"])])
        );
    }

    #[test]
    fn case_is_a_difference_and_is_replaced_by_value() {
        assert_eq!(
            verdict("sn", &["doe"], &["Doe"], &["doe"]),
            write(&[(false, "sn", &["doe"]), (true, "sn", &["Doe"])])
        );
        assert!(matches!(
            verdict("sn", &["doe"], &["Smith"], &["DOE"]),
            Verdict::Moved(_)
        ));
        assert_eq!(
            verdict(
                "proxyAddresses",
                &["SMTP:a@example.com", "smtp:b@example.com"],
                &["smtp:a@example.com", "SMTP:b@example.com"],
                &["smtp:b@example.com", "SMTP:a@example.com"],
            ),
            write(&[
                (
                    false,
                    "proxyAddresses",
                    &["smtp:b@example.com", "SMTP:a@example.com"]
                ),
                (
                    true,
                    "proxyAddresses",
                    &["smtp:a@example.com", "SMTP:b@example.com"]
                ),
            ])
        );
    }

    #[test]
    fn several_values_are_a_set_and_those_that_stay_are_not_touched() {
        assert_eq!(
            verdict("otherTelephone", &["1", "2"], &["2", "3"], &["2", "1"]),
            write(&[
                (false, "otherTelephone", &["1"]),
                (true, "otherTelephone", &["3"])
            ])
        );
        assert_eq!(
            verdict("otherTelephone", &[], &["2", "3"], &["3", "2"]),
            Verdict::AsDesired
        );
    }

    fn merged(name: &str, before: &[&str], after: &[&str], found: &[&str]) -> Verdict {
        let found: Vec<String> = found.iter().map(|text| (*text).to_owned()).collect();
        let change = AttributeChange {
            merge: true,
            ..change(name, before, after)
        };
        decide(&change, &found, &|_| None)
    }

    #[test]
    fn merged_values_are_added_and_taken_out_beside_whatever_is_there() {
        let name = "otherTelephone";
        for found in [&["1"][..], &[], &["1", "7", "8"], &["8"]] {
            assert_eq!(
                merged(name, &["1"], &["1", "2"], found),
                write(&[(true, name, &["2"])]),
                "{found:?}"
            );
        }
        assert_eq!(
            merged(name, &["1"], &["1", "2"], &["7", "2"]),
            Verdict::AsDesired
        );
        assert_eq!(
            merged(name, &["1", "2"], &["1", "3"], &["2", "7"]),
            write(&[(false, name, &["2"]), (true, name, &["3"])])
        );
        // Somebody else has taken it out, or put it in: nothing is left to do.
        assert_eq!(
            merged(name, &["1", "2"], &["1"], &["7"]),
            Verdict::AsDesired
        );
    }

    #[test]
    fn merged_addresses_are_known_whatever_their_case() {
        let name = "proxyAddresses";
        assert_eq!(
            merged(
                name,
                &[],
                &["smtp:a@example.test"],
                &["SMTP:A@example.test"]
            ),
            Verdict::AsDesired
        );
        assert_eq!(
            merged(name, &["smtp:a@x"], &[], &["smtp:A@x", "X500:/o=x"]),
            write(&[(false, name, &["smtp:A@x"])])
        );
        // Two primary addresses are none, and the one people write from is not taken out.
        assert!(matches!(
            merged(name, &[], &["SMTP:a@x"], &["SMTP:b@x"]),
            Verdict::Moved(_)
        ));
        assert!(matches!(
            merged(name, &["smtp:a@x"], &[], &["SMTP:a@x"]),
            Verdict::Moved(_)
        ));
        assert_eq!(
            merged(name, &[], &["SMTP:a@x"], &["smtp:b@x"]),
            write(&[(true, name, &["SMTP:a@x"])])
        );
    }

    #[test]
    fn all_spellings_of_never_are_one() {
        for found in [&["0"][..], &["9223372036854775807"], &[]] {
            for after in [&["0"][..], &["9223372036854775807"], &[]] {
                assert_eq!(
                    verdict("accountExpires", &["1"], after, found),
                    Verdict::AsDesired,
                    "{found:?} {after:?}"
                );
            }
        }
        assert_eq!(
            verdict("accountExpires", &["0"], &["5"], &["9223372036854775807"]),
            write(&[
                (false, "accountExpires", &["9223372036854775807"]),
                (true, "accountExpires", &["5"])
            ])
        );
        assert_eq!(
            verdict("AccountExpires", &["5"], &[], &["5"]),
            write(&[
                (false, "AccountExpires", &["5"]),
                (true, "AccountExpires", &["9223372036854775807"])
            ])
        );
    }

    #[test]
    fn numbers_booleans_and_octets_compare_by_value() {
        assert_eq!(
            verdict("countryCode", &[], &["044"], &["44"]),
            Verdict::AsDesired
        );
        assert_eq!(
            verdict("jpegPhoto", &[], &["AAEC"], &["AAEC"]),
            Verdict::AsDesired
        );
    }

    #[test]
    fn references_compare_by_what_the_object_is_called_now() {
        let guid = |n: u8| Guid::from_wire(&[n; 16]).expect("sixteen bytes");
        let object = |n: u8, dn: &str| ObjectRef::existing(guid(n), Dn::parse(dn).expect("a name"));
        let old = object(1, "CN=Old Boss,DC=example,DC=test");
        let new = object(2, "CN=New Boss,DC=example,DC=test");
        let change = AttributeChange {
            name: "manager".to_owned(),
            before: vec![PlanValue::Object(old)],
            after: vec![PlanValue::Object(new)],
            merge: false,
            rule: RuleIndex(0),
            facts: Default::default(),
            cut_from: None,
            never_reuse: None,
        };
        // Both were renamed since the plan was made.
        let names = |object: &ObjectRef| {
            let now = if object.guid == Some(guid(1)) {
                "CN=Old\\, Renamed,DC=example,DC=test"
            } else {
                "CN=New Renamed,DC=example,DC=test"
            };
            Dn::parse(now).ok()
        };
        let found = |text: &str| vec![text.to_owned()];
        assert_eq!(
            decide(
                &change,
                &found("cn=old\\2c renamed,dc=example,dc=test"),
                &names
            ),
            write(&[
                (false, "manager", &["cn=old\\2c renamed,dc=example,dc=test"]),
                (true, "manager", &["CN=New Renamed,DC=example,DC=test"])
            ])
        );
        assert_eq!(
            decide(&change, &found("cn=new renamed,dc=example,dc=test"), &names),
            Verdict::AsDesired
        );
        // Another object has taken the name the plan knew.
        assert!(matches!(
            decide(&change, &found("CN=Old Boss,DC=example,DC=test"), &names),
            Verdict::Moved(_)
        ));
        // The old one is gone, and its value with it: that is not what the plan found.
        let only_new =
            |object: &ObjectRef| (object.guid == Some(guid(2))).then(|| object.dn.clone());
        assert!(matches!(decide(&change, &[], &only_new), Verdict::Moved(_)));
        let only_old =
            |object: &ObjectRef| (object.guid == Some(guid(1))).then(|| object.dn.clone());
        assert!(matches!(
            decide(&change, &found("CN=Old Boss,DC=example,DC=test"), &only_old),
            Verdict::Gone(_)
        ));
    }
}
