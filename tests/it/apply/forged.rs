//! Journals in which something was edited: what they say they found must be what the plan had found.

use halosync::apply::contradictions;

use super::bench::Bench;
use super::world::guid;

/// What is told of the journal of the plan with every action, once these texts stand for those.
fn told(edits: &[(&str, &str)]) -> Vec<String> {
    let bench = Bench::full();
    bench.apply();
    let mut text = bench.journal_text();
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text = text.replace(from, to);
    }
    contradictions(text.as_bytes(), &bench.plan)
}

#[test]
fn an_honest_journal_contradicts_nothing() {
    assert_eq!(told(&[]), Vec::<String>::new());
}

#[test]
fn what_was_found_is_what_the_plan_had_found() {
    let ann = guid(1).to_string();
    let eve = guid(5).to_string();
    let about_ann = format!("\"object\":\"{ann}\"");
    let about_eve = format!("\"object\":\"{eve}\"");
    for (from, to, change, says) in [
        (
            "\"title\":[\"Clerk\"]",
            "\"title\":[\"CEO\"]",
            "modify-ann",
            "title",
        ),
        (
            "\"title\":[\"Clerk\"]",
            "\"title\":[]",
            "modify-ann",
            "title",
        ),
        (
            "\"title\":[\"Clerk\"]",
            "\"scriptPath\":[\"x\"]",
            "modify-ann",
            "scriptPath",
        ),
        (
            "\"employeeID\":[]",
            "\"employeeID\":[\"E1\"]",
            "adopt-dee",
            "employeeID",
        ),
        (
            "\"CN\":[\"Eve\"]",
            "\"CN\":[\"Mallory\"]",
            "rename-eve",
            "the name",
        ),
        (
            "\"parent\":[\"OU=People",
            "\"parent\":[\"OU=Admins",
            "move-cy",
            "the place",
        ),
        (
            "\"member\":[\"<GUID=",
            "\"member\":[\"<GUID=0",
            "vpn-cy",
            "the membership",
        ),
        (&about_ann, &about_eve, "modify-ann", "another object"),
        (
            "\"employeeID\":[\"E9\"]",
            "\"employeeID\":[\"E1\"]",
            "delete-old",
            "employeeID",
        ),
    ] {
        let told = told(&[(from, to)]);
        let of_it = told
            .iter()
            .any(|one| one.contains(&format!("change {change}: ")) && one.contains(says));
        assert!(of_it, "{from} → {to}: {told:#?}");
    }
}

#[test]
fn whether_an_account_was_open_is_bound_too() {
    for (from, to, change) in [
        (
            "\"before\":{\"userAccountControl\":[\"66050\"]}",
            "\"before\":{\"userAccountControl\":[\"66048\"]}",
            "enable-bob",
        ),
        (
            "\"before\":{\"userAccountControl\":[\"66048\"]}",
            "\"before\":{\"userAccountControl\":[\"66050\"]}",
            "disable-cy",
        ),
        (
            "\"before\":{\"userAccountControl\":[\"66048\"]}",
            "\"before\":{\"userAccountControl\":[]}",
            "disable-cy",
        ),
    ] {
        let told = told(&[(from, to)]);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(
            told[0].contains(change) && told[0].contains("userAccountControl"),
            "{told:#?}"
        );
    }
}
