//! Every change stands under a heading that fits it, and beside the account and in the target it is about.

use halosync::model::{Guid, Name};
use halosync::plan::{
    Action, AttributeChange, Cause, Change, ChangeId, ObjectRef, PasswordPolicy, Plan, Risk, Undone,
};
use halosync::render::{MarkdownOptions, TextOptions, plan_markdown, plan_text};

use super::plans::{self, Someone};

fn adopt(of: &Someone, before: &[&str]) -> Change {
    let attribute = plans::attribute("employeeID", before, &["E1"], plans::ANCHOR, &[]);
    let action = Action::Adopt {
        attribute,
        evidence: "mail = jane.doe@example.com".into(),
        recognised: None,
    };
    plans::change(of, action, plans::because("recognised", plans::ANCHOR, &[]))
}

fn create(of: &Someone, attributes: Vec<AttributeChange>) -> Change {
    let mut of = of.clone();
    of.account.guid = None;
    let action = Action::Create {
        attributes,
        password: PasswordPolicy {
            length: 20,
            must_change: true,
        },
        enable: true,
        replaces: None,
    };
    plans::change(
        &of,
        action,
        plans::because("works here", plans::LEAVER, &[]),
    )
}

fn risky(change: Change) -> Change {
    Change {
        risk: Risk::High,
        ..change
    }
}

fn undo(mut plan: Plan) -> Plan {
    plan.inputs.undoes = Some(Undone {
        plan: "sha256:00".into(),
        as_of: plan.as_of,
        journal: "sha256:01".into(),
        redoes: false,
    });
    for change in &mut plan.changes {
        change.cause = Cause::Undo;
    }
    plan
}

fn text(plan: Plan) -> String {
    plan_text(&plans::file(plan), &TextOptions::default())
}

/// The headings of all sections that speak of changes, with how much is in them.
fn headings(text: &str) -> Vec<&str> {
    let heads = text.lines().filter_map(|line| line.strip_prefix("── "));
    let heads = heads.map(|line| line.trim_end_matches('─').trim_end());
    let ours = |line: &&str| {
        !["Held", "Guards", "Warnings", "Made from"]
            .iter()
            .any(|other| line.starts_with(other))
    };
    heads.filter(ours).collect()
}

/// What one change stands under.
fn heading_of(change: Change) -> String {
    let mut plan = plans::empty();
    plan.changes = vec![change];
    headings(&text(plan)).join(" + ")
}

#[test]
fn every_kind_of_change_has_a_heading_that_fits() {
    let jane = plans::someone(1, "Jane Doe", "Sales");
    let because = || plans::because("", plans::PLACEMENT, &[]);
    let of = |action: Action| plans::change(&jane, action, because());
    let to = |place: &str| Action::Move {
        before: plans::dn("OU=Sales,DC=example,DC=test"),
        after: plans::dn(place),
        rule: plans::PLACEMENT,
    };
    let modify = |name: &str, before: &[&str], after: &[&str]| {
        let attribute = plans::attribute(name, before, after, plans::PHONE, &[]);
        plans::modify(&jane, vec![attribute])
    };
    let (removals, others) = (
        "Removals and disables (1 person)",
        "Changes of existing accounts (1 person)",
    );
    let grave = "Changes of high risk (1 person)";
    for (change, wanted) in [
        (of(Action::Disable {}), removals),
        (of(Action::ResetPassword {}), removals),
        (
            plans::membership(&jane, "Staff", false, because()),
            removals,
        ),
        (risky(of(to("OU=Leavers,DC=example,DC=test"))), removals),
        (risky(modify("scriptPath", &["a.cmd"], &[])), removals),
        (risky(modify("scriptPath", &["a.cmd"], &["b.cmd"])), grave),
        (
            risky(modify("servicePrincipalName", &[], &["HTTP/a"])),
            grave,
        ),
        (
            risky(plans::membership(&jane, "Admins", true, because())),
            grave,
        ),
        (risky(adopt(&jane, &["E9"])), grave),
        (
            risky(of(Action::Enable {
                initial_password: None,
            })),
            grave,
        ),
        (of(Action::Restore { whole: true }), grave),
        (risky(create(&jane, Vec::new())), grave),
        (create(&jane, Vec::new()), "New accounts (1 person)"),
        (adopt(&jane, &[]), others),
        (
            of(Action::Enable {
                initial_password: None,
            }),
            others,
        ),
        (of(to("OU=Research,DC=example,DC=test")), others),
        (modify("mobile", &["1"], &[]), others),
        (plans::membership(&jane, "Staff", true, because()), others),
    ] {
        let kind = format!("{:?}", change.action);
        assert_eq!(heading_of(change), wanted, "{kind}");
    }
}

#[test]
fn what_an_undo_gives_back_is_no_removal_whatever_its_risk() {
    let jane = plans::someone(1, "Jane Doe", "Sales");
    let because = || plans::because("", plans::PLACEMENT, &[]);
    let anchor = |before: &[&str], after: &[&str]| {
        let attribute = plans::attribute("employeeID", before, after, plans::ANCHOR, &[]);
        risky(plans::modify(&jane, vec![attribute]))
    };
    let back = "Brought back as it was before (1 person)";
    for (change, wanted) in [
        (
            risky(plans::change(
                &jane,
                Action::Enable {
                    initial_password: None,
                },
                because(),
            )),
            back,
        ),
        (
            risky(plans::membership(&jane, "Staff", true, because())),
            back,
        ),
        (
            plans::change(&jane, Action::Restore { whole: true }, because()),
            back,
        ),
        (anchor(&[], &["E1"]), back),
        (anchor(&["E1"], &[]), "Removals and disables (1 person)"),
    ] {
        let mut plan = plans::empty();
        plan.changes = vec![change];
        let mut plan = undo(plan);
        assert_eq!(
            headings(&text(plan.clone())),
            [wanted],
            "{:?}",
            plan.changes[0].action
        );
        // The undo of an undo does it again.
        plan.inputs.undoes.as_mut().expect("an undo").redoes = true;
        let again = text(plan);
        assert!(!again.contains("Brought back as it was before"), "{again}");
        assert!(
            !again.contains("the next plan does it all again"),
            "{again}"
        );
    }
}

#[test]
fn two_accounts_of_one_person_stand_by_themselves() {
    let jane = plans::someone(1, "Jane Doe", "Sales");
    let mut old = jane.clone();
    old.account = ObjectRef::existing(
        Guid::parse("00000000-0000-4000-8000-000000000099").unwrap(),
        plans::dn("CN=Jane Doe (old),OU=Leavers,DC=example,DC=test"),
    );
    let mut plan = plans::empty();
    let change = |of: &Someone, id: &str, name: &str, before: &[&str], after: &[&str]| Change {
        id: ChangeId(id.into()),
        ..plans::modify(
            of,
            vec![plans::attribute(name, before, after, plans::PHONE, &[])],
        )
    };
    plan.changes = vec![
        change(&jane, "a", "mobile", &[], &["1"]),
        change(&old, "b", "title", &["x"], &["y"]),
        risky(change(&old, "c", "employeeID", &["E1"], &[])),
        create(&jane, Vec::new()),
    ];
    let file = plans::file(plan);
    let full = TextOptions {
        full: true,
        ..TextOptions::default()
    };
    for shown in [
        plan_text(&file, &TextOptions::default()),
        plan_text(&file, &full),
        plan_markdown(&file, &MarkdownOptions::default()),
    ] {
        let place = |needle: &str| {
            shown
                .find(needle)
                .unwrap_or_else(|| panic!("{needle}: {shown}"))
        };
        assert!(shown.contains("(1 person, 2 accounts)"), "{shown}");
        // The nearest name above each attribute is that of its own account.
        for (attribute, account) in [
            ("mobile", "CN=Jane Doe,OU=Sales"),
            ("title", "CN=Jane Doe (old)"),
            ("employeeID", "CN=Jane Doe (old)"),
        ] {
            let above = &shown[..place(attribute)];
            let nearest = above.rfind("CN=Jane Doe").expect("a name");
            assert!(
                above[nearest..].starts_with(account),
                "{attribute}: {shown}"
            );
        }
    }
}

#[test]
fn where_there_are_several_targets_each_is_named() {
    let jane = plans::someone(1, "Jane Doe", "Sales");
    let mut plan = plans::everything();
    let identity = plan.targets.values().next().expect("a target").clone();
    plan.targets.insert(Name::new("branch"), identity);
    plan.people_of_targets = [(Name::new("branch"), 29), (Name::new("corp"), 30)].into();
    let title = plans::attribute("title", &["x"], &["y"], plans::TITLE, &[]);
    plan.changes.push(Change {
        target: Name::new("branch"),
        ..plans::modify(&jane, vec![title])
    });
    plan.held[0].target = Some(Name::new("branch"));
    let file = plans::file(plan);
    let text = plan_text(&file, &TextOptions::default());
    let markdown = plan_markdown(&file, &MarkdownOptions::default());
    for wanted in [
        "in 2 targets",
        "branch: 1 change for 1 of 29 people",
        "Jane Doe (1) in branch  CN=Jane Doe",
        "Maria Garcia (1024) in branch · held",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    for wanted in [
        "in 2 targets",
        "`branch`: 1 change for 1 of 29 people",
        // A list ends before what follows it.
        " people\n\nDisable ",
        "in `branch`  `CN=Jane Doe",
        "in `branch` · held",
    ] {
        assert!(markdown.contains(wanted), "{wanted}: {markdown}");
    }
    assert!(!text.contains(" of 59 people") && !markdown.contains(" of 59 people"));
}
