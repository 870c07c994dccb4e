//! Moves across groups: one unit, never half planned, with an overlap that ends.

use halosync::model::{Dn, Name, PersonKey};
use halosync::plan::{Action, Change, Only, Plan, lint, narrow};

use super::cases::Case;

const JANE: &str = "1042";
const OVERLAP: &str = "  overlap: {for: 14d}\n";

fn without_overlap() -> Case {
    Case::of("moves").file("groups.yaml", OVERLAP, "")
}

fn of<'p>(plan: &'p Plan, person: &str) -> Vec<&'p Change> {
    let changes = plan.changes.iter();
    changes
        .filter(|change| change.person.key.as_str() == person)
        .collect()
}

/// Groups a person enters and leaves.
fn groups(plan: &Plan, person: &str) -> (Vec<String>, Vec<String>) {
    let (mut enters, mut leaves) = (Vec::new(), Vec::new());
    for change in of(plan, person) {
        let group = change.object.dn.rdn().value;
        match change.action {
            Action::AddMember { .. } => enters.push(group),
            Action::RemoveMember { .. } => leaves.push(group),
            _ => {}
        }
    }
    (enters, leaves)
}

fn held<'p>(plan: &'p Plan, person: &str) -> Vec<&'p str> {
    let held = plan.held.iter().filter(|held| {
        let of = held.person.as_ref();
        of.is_some_and(|of| of.key.as_str() == person)
    });
    held.map(|held| held.code.as_str()).collect()
}

/// When a person leaves which groups by the calendar.
fn calendar(plan: &Plan, person: &str) -> Vec<(String, Vec<String>)> {
    let entries = plan.calendar.iter();
    entries
        .filter(|entry| entry.person.key.as_str() == person && !entry.groups.is_empty())
        .map(|entry| {
            let groups = entry.groups.iter().map(|group| group.dn.rdn().value);
            (entry.on.to_string(), groups.collect())
        })
        .collect()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_group_is_left_only_after_everything_is_entered() {
    let plan = without_overlap().plan();
    lint(&plan).unwrap();
    assert_eq!(
        groups(&plan, JANE),
        (words(&["Research"]), words(&["Sales"]))
    );
    let changes = of(&plan, JANE);
    let [enter, leave] = changes[..] else {
        panic!("{changes:#?}");
    };
    assert!(
        matches!(enter.action, Action::AddMember { .. }),
        "it comes first"
    );
    assert!(leave.depends_on.contains(&enter.id));
    assert!(enter.unit.is_some() && enter.unit == leave.unit);
    // The leaver of the same plan waits for nothing.
    let leaver = of(&plan, "1049");
    assert!(
        leaver
            .iter()
            .all(|change| change.depends_on.is_empty() && change.unit.is_none())
    );
    assert_eq!(groups(&plan, "1049").1, ["Sales"]);
}

#[test]
fn who_cannot_enter_everything_leaves_nothing() {
    let plan = without_overlap().plan();
    let eve = groups(&plan, "1048");
    assert_eq!(eve, (words(&["Archive"]), Vec::new()));
    assert_eq!(held(&plan, "1048"), ["move-incomplete"]);
    let missing = without_overlap().directory("CN=Research,OU=Groups", "CN=Search,OU=Groups");
    let plan = missing.plan();
    assert_eq!(groups(&plan, JANE), (Vec::new(), Vec::new()));
    assert_eq!(held(&plan, JANE), ["move-incomplete"]);
    let marked = without_overlap().directory(
        r#""dn":"CN=Research,OU=Groups,DC=corp,DC=example,DC=test","kind":"group","attributes":{"#,
        r#""dn":"CN=Research,OU=Groups,DC=corp,DC=example,DC=test","kind":"group","attributes":{"adminCount":"1","#,
    );
    let plan = marked.plan();
    assert_eq!(groups(&plan, JANE), (Vec::new(), Vec::new()));
    assert_eq!(held(&plan, JANE), ["move-incomplete"]);
}

/// Without a recording nobody can tell whether Jane moves to Research or was taken out of it by hand.
#[test]
fn who_may_have_been_taken_out_of_something_leaves_nothing() {
    let rule = "person.department }},OU=Groups,DC=corp,DC=example,DC=test\", mode: managed}";
    let asks = rule.replace("mode: managed", "mode: managed, drift: ask");
    let sales = "    - {group: \"CN=Sales,OU=Groups,DC=corp,DC=example,DC=test\", when: \"person.department == 'Sales'\", mode: managed, drift: revert}\n";
    for case in [without_overlap(), Case::of("moves")] {
        // The rule that takes her out of Sales says that edits are written back.
        let case = case.file("groups.yaml", rule, &asks);
        let plan = case
            .file("groups.yaml", "  rules:\n", &format!("  rules:\n{sales}"))
            .plan();
        lint(&plan).unwrap();
        assert_eq!(groups(&plan, JANE), (Vec::new(), Vec::new()));
        assert_eq!(held(&plan, JANE), ["drift-undetermined", "move-incomplete"]);
        assert_eq!(
            groups(&plan, "1049").1,
            ["Sales"],
            "a leaver leaves all the same"
        );
    }
}

#[test]
fn a_guard_that_holds_an_addition_holds_the_whole_move() {
    let guards = |action: &str| {
        format!(
            "apiVersion: halosync/v1\nkind: Guards\nmetadata: {{name: corp}}\nspec:\n  target: corp\n  limits:\n    - {{name: one, actions: [{action}], max: 0, onBreach: holdClass}}\n"
        )
    };
    for case in [without_overlap(), Case::of("moves")] {
        let plan = case.with("guards.yaml", &guards("addMember")).plan();
        lint(&plan).unwrap();
        assert_eq!(of(&plan, JANE), Vec::<&Change>::new());
        assert_eq!(calendar(&plan, JANE), []);
        assert_eq!(
            groups(&plan, "1049").1,
            ["Sales"],
            "a leaver leaves all the same"
        );
    }
    // Removals may wait without the additions.
    let plan = without_overlap()
        .with("guards.yaml", &guards("removeMember"))
        .plan();
    lint(&plan).unwrap();
    assert_eq!(groups(&plan, JANE), (words(&["Research"]), Vec::new()));
    // An overlap that cannot be stamped does not begin.
    let plan = Case::of("moves")
        .with("guards.yaml", &guards("modify"))
        .plan();
    lint(&plan).unwrap();
    assert_eq!(of(&plan, JANE), Vec::<&Change>::new());
}

#[test]
fn a_narrowed_plan_takes_a_move_whole() {
    let group = |name: &str| {
        Only::Object(Dn::parse(&format!("CN={name},OU=Groups,DC=corp,DC=example,DC=test")).unwrap())
    };
    let person = Only::Person {
        source: Name::new("people"),
        key: PersonKey::new(JANE),
    };
    for only in [group("Sales"), group("Research"), person] {
        let mut plan = without_overlap().plan();
        narrow(&mut plan, &[only], Vec::new());
        lint(&plan).unwrap();
        assert_eq!(
            groups(&plan, JANE),
            (words(&["Research"]), words(&["Sales"]))
        );
    }
}

#[test]
fn a_plan_with_half_a_move_is_refused() {
    let whole = without_overlap().plan();
    let at = |plan: &Plan, enters: bool| {
        let mut changes = plan.changes.iter();
        changes
            .position(|change| {
                change.person.key.as_str() == JANE
                    && matches!(change.action, Action::AddMember { .. }) == enters
            })
            .unwrap()
    };
    let mut hasty = whole.clone();
    let leave = at(&hasty, false);
    hasty.changes[leave].depends_on.clear();
    let problem = lint(&hasty).unwrap_err().to_string();
    assert!(problem.contains("does not wait"), "{problem}");
    let enter = at(&hasty, true);
    hasty.changes.swap(enter, leave);
    let problem = lint(&hasty).unwrap_err().to_string();
    assert!(problem.contains("left before"), "{problem}");
    let mut foreign = whole;
    let unit = foreign.changes[leave].unit.clone();
    let other = foreign
        .changes
        .iter_mut()
        .find(|change| change.person.key.as_str() == "1043");
    assert!(other.is_none());
    let other = foreign.changes.iter_mut().find(|change| {
        change.person.key.as_str() == "1048" && matches!(change.action, Action::AddMember { .. })
    });
    other.unwrap().unit = unit;
    let problem = lint(&foreign).unwrap_err().to_string();
    assert!(problem.contains("another account"), "{problem}");
}

/// The stamp is what the account carries when the plan of the first day was applied.
#[test]
fn an_overlap_ends_on_the_day_the_plan_says() {
    let first = Case::of("moves").plan();
    assert_eq!(groups(&first, JANE), (words(&["Research"]), Vec::new()));
    assert_eq!(
        calendar(&first, JANE),
        [("2026-12-08".to_owned(), words(&["Sales"]))]
    );
    let moved = Case::of("moves")
        .directory(
            r#""employeeID":"E1042""#,
            r#""employeeID":"E1042","extensionAttribute15":"halosync: moved since 2026-11-23T10:00:00Z""#,
        )
        .directory(
            r#""attributes":{"member":["CN=Ann Lee,OU=People,DC=corp,DC=example,DC=test""#,
            r#""attributes":{"member":["CN=Jane Doe,OU=People,DC=corp,DC=example,DC=test","CN=Ann Lee,OU=People,DC=corp,DC=example,DC=test""#,
        );
    let last = moved.plan_at("2026-12-07T23:59:59Z");
    assert_eq!(of(&last, JANE), Vec::<&Change>::new());
    assert_eq!(
        calendar(&last, JANE),
        [("2026-12-08".to_owned(), words(&["Sales"]))]
    );
    let over = moved.plan_at("2026-12-08T00:00:00Z");
    lint(&over).unwrap();
    assert_eq!(groups(&over, JANE), (Vec::new(), words(&["Sales"])));
    let cleared = of(&over, JANE).into_iter().find(|change| {
        matches!(&change.action, Action::Modify { attributes } if attributes[0].after.is_empty())
    });
    let leaves = of(&over, JANE)
        .into_iter()
        .find(|change| matches!(change.action, Action::RemoveMember { .. }));
    assert_eq!(cleared.unwrap().depends_on, [leaves.unwrap().id.clone()]);
    // A leaver's stamp and end are their own: everything is left at once.
    let left = moved.people(
        r#""department":"Research","inactive""#,
        r#""department":"Research","endsOn":"2026-11-22","inactive""#,
    );
    let plan = left.plan_at("2026-11-25T10:00:00Z");
    assert_eq!(groups(&plan, JANE).1, ["Research", "Sales"]);
    assert_eq!(calendar(&plan, JANE), []);
}

#[test]
fn an_overlap_without_an_end_is_none() {
    let stamped = |text: &str| {
        Case::of("moves").directory("halosync: moved since 2026-11-15T09:00:00Z", text)
    };
    let ann = "1044";
    for text in [
        "somebody else's",
        "halosync: moved since 2031-01-01T00:00:00Z",
    ] {
        let plan = stamped(text).plan();
        assert_eq!(groups(&plan, ann), (Vec::new(), Vec::new()), "{text}");
        assert!(held(&plan, ann).contains(&"stamp-unreadable"), "{text}");
        assert_eq!(calendar(&plan, ann), [], "{text}");
    }
    // What another state counted is no beginning of this one: nothing is entered, so there is no move.
    let plan = stamped("halosync: leaver since 2026-11-15T09:00:00Z").plan();
    assert_eq!(groups(&plan, ann), (Vec::new(), words(&["Sales"])));
}

#[test]
fn an_overlap_takes_the_place_of_another_states_stamp() {
    let plan = Case::of("moves")
        .directory(
            r#""employeeID":"E1042""#,
            r#""employeeID":"E1042","extensionAttribute15":"halosync: leaver since 2026-11-01T10:00:00Z""#,
        )
        .plan();
    lint(&plan).unwrap();
    let changes = of(&plan, JANE);
    let stamps: Vec<_> = changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::Modify { attributes } => Some(attributes),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(stamps.len(), 1, "{changes:#?}");
    assert_eq!(stamps[0].before.len(), 1);
    assert_eq!(stamps[0].after.len(), 1);
}

#[test]
fn a_date_ends_an_overlap_without_a_stamp() {
    let until = |date: &str| {
        Case::of("moves")
            .file(
                "groups.yaml",
                OVERLAP,
                "  overlap: {until: \"{{ person.email }}\"}\n",
            )
            .people("jane.doe@example.test", date)
            .people("ann.lee@example.test", "2026-11-22")
    };
    let plan = until("2026-11-23").plan();
    lint(&plan).unwrap();
    assert_eq!(groups(&plan, JANE), (words(&["Research"]), Vec::new()));
    assert!(
        of(&plan, JANE)
            .iter()
            .all(|change| !matches!(change.action, Action::Modify { .. }))
    );
    assert_eq!(
        calendar(&plan, JANE),
        [("2026-11-24".to_owned(), words(&["Sales"]))]
    );
    assert_eq!(groups(&plan, "1044").1, ["Sales"]);
    for date in ["soon", "2028-01-01", "2026-13-01"] {
        let plan = until(date).plan();
        assert_eq!(
            groups(&plan, JANE),
            (words(&["Research"]), Vec::new()),
            "{date}"
        );
        assert_eq!(held(&plan, JANE), ["overlap-unclear"], "{date}");
    }
}

#[test]
fn on_a_read_that_proves_nothing_the_overlap_begins_with_what_is_entered() {
    let plan = Case::of("moves").unproven().plan();
    lint(&plan).unwrap();
    assert_eq!(groups(&plan, JANE), (words(&["Research"]), Vec::new()));
    assert_eq!(of(&plan, JANE).len(), 2, "the stamp and the addition");
    assert!(
        plan.changes
            .iter()
            .all(|change| !matches!(change.action, Action::RemoveMember { .. }))
    );
}

const LEAVES: &str = "account: {enabled: false, groups: remove}";

#[test]
fn groups_a_state_keeps_are_not_left_and_a_slip_among_them_keeps_all() {
    let leaver = "1049";
    let keeping = |groups: &str| {
        let kept = format!("account: {{enabled: false, groups: remove, keepGroups: [{groups}]}}");
        Case::of("moves")
            .file("lifecycle.yaml", LEAVES, &kept)
            .plan()
    };
    let sales = "\"CN=Sales,OU=Groups,DC=corp,DC=example,DC=test\"";
    assert_eq!(groups(&keeping(sales), leaver).1, Vec::<String>::new());
    let research = sales.replace("Sales", "Research");
    assert_eq!(groups(&keeping(&research), leaver).1, ["Sales"]);
    let plan = keeping("Nobody Knows");
    assert_eq!(groups(&plan, leaver).1, Vec::<String>::new());
    assert!(plan.held.iter().any(|held| held.code == "keep-unknown"));
}

#[test]
fn a_password_is_replaced_with_the_disabling_or_when_it_is_older_than_the_state() {
    let reset = || {
        let with = "account: {enabled: false, groups: remove, passwordAction: reset, services: {photo: remove, lync: disable}}";
        Case::of("moves").file("lifecycle.yaml", LEAVES, with)
    };
    let resets = |plan: &Plan| -> Vec<String> {
        let changes = plan.changes.iter();
        changes
            .filter(|change| matches!(change.action, Action::ResetPassword {}))
            .map(|change| change.person.key.to_string())
            .collect()
    };
    let plan = reset().plan();
    assert_eq!(resets(&plan), ["1049"]);
    let changes = of(&plan, "1049");
    let disable = changes
        .iter()
        .find(|change| matches!(change.action, Action::Disable {}))
        .unwrap();
    let password = changes
        .iter()
        .find(|change| matches!(change.action, Action::ResetPassword {}))
        .unwrap();
    assert_eq!(password.depends_on, std::slice::from_ref(&disable.id));
    let told = plan
        .warnings
        .iter()
        .filter(|warning| warning.code == "not-executed");
    assert_eq!(
        told.map(|warning| warning.count).collect::<Vec<_>>(),
        [1, 1]
    );
    // Disabled already: the age of the password tells, and nothing does where it is not known.
    let shut = |set: &str| {
        reset()
            .directory(
                r#"{"name":"sAMAccountName""#,
                r#"{"name":"pwdLastSet","syntax":"largeInteger","singleValued":true},{"name":"sAMAccountName""#,
            )
            .directory(
                r#""employeeID":"E1049","primaryGroupID":"513","sAMAccountName":"fkim","userAccountControl":"512""#,
                &format!(r#""employeeID":"E1049","primaryGroupID":"513"{set},"sAMAccountName":"fkim","userAccountControl":"514""#),
            )
            .plan()
    };
    assert_eq!(resets(&shut("")), Vec::<String>::new());
    // 2026-11-19T12:00:00Z and 2026-11-21T12:00:00Z; the last day is the 20th.
    assert_eq!(
        resets(&shut(r#","pwdLastSet":"134395632000000000""#)),
        ["1049"]
    );
    assert_eq!(
        resets(&shut(r#","pwdLastSet":"134397360000000000""#)),
        Vec::<String>::new()
    );
}

/// A reset without Unexpire-Password leaves `pwdLastSet` at 0, and so does a first password nobody has changed.
#[test]
fn a_password_without_a_moment_is_not_replaced_in_every_plan() {
    let shut = |written: &str| {
        let with = "account: {enabled: false, groups: remove, passwordAction: reset}";
        let plan = Case::of("moves")
            .file("lifecycle.yaml", LEAVES, with)
            .directory(
                r#"{"name":"sAMAccountName""#,
                r#"{"name":"pwdLastSet","syntax":"largeInteger","singleValued":true},{"name":"sAMAccountName""#,
            )
            .directory(
                r#""employeeID":"E1049","primaryGroupID":"513","sAMAccountName":"fkim","userAccountControl":"512","userPrincipalName":"fkim@corp.example.test"}"#,
                &format!(r#""employeeID":"E1049","primaryGroupID":"513","pwdLastSet":"0","sAMAccountName":"fkim","userAccountControl":"514","userPrincipalName":"fkim@corp.example.test"}}{written}"#),
            )
            .plan();
        let warned = plan.warnings.iter();
        let warned = warned.filter(|one| one.code == "reset-undated").count();
        let resets = of(&plan, "1049");
        let resets = resets.iter();
        let resets = resets.filter(|one| matches!(one.action, Action::ResetPassword {}));
        (resets.count(), warned)
    };
    let at = |moment: &str| shut(&format!(r#","deletion":{{"passwordChanged":"{moment}"}}"#));
    assert_eq!(shut(""), (0, 1));
    assert_eq!(at("2026-11-19T12:00:00Z"), (1, 0));
    assert_eq!(at("2026-11-21T12:00:00Z"), (0, 0));
}
