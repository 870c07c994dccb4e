//! Plans that do what no rule of the project does: what somebody made who can make digests, too.

use std::collections::BTreeMap;

use halosync::plan::{Action, AttributeChange, Cause, Plan, PlanValue, Risk, RuleIndex, Undone};

use super::Desk;

fn value(name: &str, after: &str) -> AttributeChange {
    AttributeChange {
        name: name.to_owned(),
        before: Vec::new(),
        after: vec![PlanValue::Text(after.to_owned())],
        merge: false,
        rule: RuleIndex(0),
        facts: BTreeMap::new(),
        cut_from: None,
        never_reuse: None,
    }
}

/// Puts an attribute into the first change that has some.
fn write(plan: &mut Plan, name: &str) {
    let attributes = plan
        .changes
        .iter_mut()
        .find_map(|change| match &mut change.action {
            Action::Modify { attributes } | Action::Create { attributes, .. } => Some(attributes),
            _ => None,
        });
    let attributes = attributes.expect("a change of attributes");
    attributes.push(value(name, "\\\\files.example.test\\start.cmd"));
    attributes.sort_by_key(|attribute| attribute.name.to_ascii_lowercase());
}

#[tokio::test]
async fn attributes_that_no_rule_of_the_project_writes_are_refused() {
    for golden in ["leaver", "joiner"] {
        let desk = Desk::new(golden, 0).await;
        let told = desk.verify(0).await;
        assert!(
            told.contains(
                "ok          reach         no attribute that no rule of the project writes"
            ),
            "{told}"
        );
        for name in [
            "scriptPath",
            "info",
            "TELEXNUMBER",
            "msDS-SupportedEncryptionTypes",
        ] {
            desk.plan(0).await;
            desk.forge(|plan| write(plan, name));
            let told = desk.refused(6, &[]).await;
            assert!(
                told.contains(
                    "REFUSED     reach         the plan writes what no rule of the project writes"
                ),
                "{told}"
            );
            assert!(
                told.contains(&format!(
                    "writes {name}, which no rule of this project writes in corp"
                )),
                "{told}"
            );
        }
    }
}

/// Limits on removals and the proof of reads go by the risk a move has, and reviewers by every other.
#[tokio::test]
async fn a_risk_said_to_be_less_than_it_is_is_refused() {
    let desk = Desk::new("leaver", 0).await;
    for (kind, says) in [
        (
            "move",
            "(move) says its risk is low, and it is high at least",
        ),
        (
            "disable",
            "(disable) says its risk is low, and it is high at least",
        ),
    ] {
        desk.plan(0).await;
        desk.forge(|plan| {
            let change = plan
                .changes
                .iter_mut()
                .find(|one| one.action.kind() == kind);
            change.expect("one of the kind").risk = halosync::plan::Risk::Low;
        });
        let told = desk.refused(6, &[]).await;
        assert!(told.contains(says), "{told}");
    }
}

/// A new account may run what somebody else wants, too, and one that is over before it begins is none.
#[tokio::test]
async fn what_a_new_account_is_given_counts_for_its_risk() {
    use halosync::plan::{Floors, Risk};
    let desk = Desk::new("joiner", 0).await;
    let config = crate::plan::config_of(desk.path());
    let risk = |name: &str, after: &str| {
        let mut plan = desk.file().content;
        let change = plan
            .changes
            .iter_mut()
            .find(|change| matches!(change.action, Action::Create { .. }));
        let mut change = change.expect("somebody is new").clone();
        if let Action::Create { attributes, .. } = &mut change.action {
            attributes.push(value(name, after));
        }
        (
            change.least_risk(),
            Floors::of(&config, &plan).risk(&change),
        )
    };
    assert_eq!(risk("title", "Lead"), (Risk::Medium, Risk::Medium));
    for name in ["scriptPath", "servicePrincipalName", "userAccountControl"] {
        assert_eq!(risk(name, "x"), (Risk::High, Risk::High), "{name}");
    }
    let past = risk("accountExpires", "130000000000000000");
    assert_eq!(past, (Risk::Medium, Risk::High));
    let never = risk("accountExpires", "9223372036854775807");
    assert_eq!(never, (Risk::Medium, Risk::Medium));
}

#[tokio::test]
async fn accounts_made_otherwise_than_the_configuration_says_are_refused() {
    let desk = Desk::new("joiner", 0).await;
    type Forgery = (&'static str, fn(&mut Action));
    let forgeries: &[Forgery] = &[
        (
            "makes an account whose first password has 12 characters and must be changed at the first logon, and no mapping of people to corp asks for that",
            |action| {
                if let Action::Create { password, .. } = action {
                    password.length = 12;
                }
            },
        ),
        (
            "makes an account whose first password has 24 characters and need not be changed at the first logon",
            |action| {
                if let Action::Create { password, .. } = action {
                    password.must_change = false;
                }
            },
        ),
        (
            "makes an account that ends disabled, and no state of people of people makes one so",
            |action| {
                if let Action::Create { enable, .. } = action {
                    *enable = false;
                }
            },
        ),
    ];
    for (says, forge) in forgeries {
        desk.plan(0).await;
        desk.forge(|plan| {
            plan.changes
                .iter_mut()
                .for_each(|change| forge(&mut change.action))
        });
        let told = desk.refused(6, &[]).await;
        assert!(told.contains(says), "{says}\n---\n{told}");
    }
}

/// The way an undo looks, made by somebody else.
fn call_it_an_undo(plan: &mut Plan) {
    plan.inputs.undoes = Some(Undone {
        redoes: false,
        plan: format!("sha256:{}", "0".repeat(64)),
        as_of: plan.as_of,
        journal: format!("sha256:{}", "1".repeat(64)),
    });
    for change in &mut plan.changes {
        change.cause = Cause::Undo;
    }
}

#[tokio::test]
async fn what_an_undo_never_does_is_refused() {
    let desk = Desk::new("joiner", 0).await;
    desk.forge(call_it_an_undo);
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("is a create, which an undo never does"),
        "{told}"
    );
    // Half of it is not enough.
    desk.plan(0).await;
    desk.forge(|plan| {
        call_it_an_undo(plan);
        plan.inputs.undoes = None;
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("is the undo of one, and the plan is none"),
        "{told}"
    );
    desk.plan(0).await;
    desk.forge(|plan| {
        let causes: Vec<Cause> = plan.changes.iter().map(|change| change.cause).collect();
        call_it_an_undo(plan);
        for (change, cause) in plan.changes.iter_mut().zip(causes) {
            change.cause = cause;
        }
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("is not the undo of one, and the plan is one"),
        "{told}"
    );
    // Nothing else brings anybody back.
    desk.plan(0).await;
    desk.forge(|plan| {
        let change = plan.changes.last_mut().expect("a change");
        change.object.guid = halosync::model::Guid::parse("00000000-0000-0000-0000-00000000beef");
        change.object.created_by = None;
        change.action = Action::Restore { whole: true };
        change.risk = halosync::plan::Risk::High;
    });
    let told = desk.run(&["verify", "plan.json"]).await.expect(6).stdout;
    assert!(
        told.contains("is a restore, which nothing but an undo does"),
        "{told}"
    );
}

/// Whoever gives an account an anchor gives the account away.
#[tokio::test]
async fn an_undo_that_gives_anchors_needs_somebody_who_answers() {
    let desk = Desk::new("leaver", 0).await;
    let file = desk.forge(|plan| {
        let mut changes = plan.changes.iter();
        let change = changes.find(|change| matches!(change.action, Action::Modify { .. }));
        let mut change = change.expect("a change of attributes").clone();
        let Action::Modify { attributes } = &mut change.action else {
            unreachable!()
        };
        attributes.truncate(1);
        attributes[0].name = "employeeID".to_owned();
        let carried = change.object.anchor["employeeID"].clone();
        attributes[0].before = vec![PlanValue::Text(carried)];
        attributes[0].after = vec![PlanValue::Text("E7".to_owned())];
        attributes[0].facts.clear();
        change.depends_on.clear();
        change.risk = Risk::High;
        plan.changes = vec![change];
        call_it_an_undo(plan);
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("back employeeID \"E7\", by which it is the account of whoever has that"),
        "{told}"
    );
    let expected = ["verify", "plan.json", "--expect-digest", &file.digest];
    desk.run(&expected).await.expect(0);
}

/// Anybody can call a plan an undo. What an undo gives back may have been written under other rules, so somebody must
/// answer for it.
#[tokio::test]
async fn what_an_undo_gives_back_beyond_the_rules_needs_somebody_who_answers() {
    let desk = Desk::new("leaver", 0).await;
    let undo = |plan: &mut Plan| {
        write(plan, "info");
        call_it_an_undo(plan);
    };
    let file = desk.forge(undo);
    let told = desk.refused(6, &[]).await;
    for line in [
        "REFUSED     reach         the plan gives back what no rule writes any more, and nobody answers for it",
        "gives back info, which no rule of corp writes",
        "--expect-digest and the digest that was reviewed",
    ] {
        assert!(told.contains(line), "{line}\n---\n{told}");
    }
    let expected = ["verify", "plan.json", "--expect-digest", &file.digest];
    let told = desk.run(&expected).await.expect(0).stdout;
    assert!(
        told.contains("ok          reach         1 value or membership comes back that no rule gives any more; the digest is the one expected"),
        "{told}"
    );
    // Rights are not given back at all.
    let file = desk.forge(|plan| write(plan, "sIDHistory"));
    let expected = ["--expect-digest", &file.digest];
    let told = desk.refused(6, &expected).await;
    assert!(
        told.contains("writes sIDHistory, which no rule ever writes"),
        "{told}"
    );
}

/// Where signatures are asked for, they are what answers for it: those of the highest class.
#[tokio::test]
async fn what_an_undo_gives_back_beyond_the_rules_is_of_the_highest_risk() {
    let desk = Desk(crate::explain::recorded("leaver"));
    let guards = "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  approvals:\n    signers: allowed\n    irreversible: {people: 1}\n";
    std::fs::write(desk.path().join("guards.yaml"), guards).unwrap();
    let key = "sam@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPQh0sTXQJwOBGRtPwxJUdU7DqMlXOUfQhGRWFTwOK3K\n";
    std::fs::write(desk.path().join("allowed"), key).unwrap();
    desk.plan(0).await;
    desk.verify(0).await;
    desk.forge(|plan| {
        write(plan, "info");
        call_it_an_undo(plan);
    });
    let told = desk.refused(6, &[]).await;
    assert!(
        told.contains("they need the signatures of irreversible changes"),
        "{told}"
    );
    assert!(
        told.contains("REFUSED     approvals     the plan is not approved"),
        "{told}"
    );
}

/// One more change of somebody the plan speaks of.
fn also(plan: &mut Plan, action: Action, risk: halosync::plan::Risk) {
    let model = plan.changes.iter().find(|one| one.object.guid.is_some());
    let mut change = model.expect("somebody has an account").clone();
    change.id = halosync::plan::ChangeId("forged".into());
    change.depends_on.clear();
    change.risk = risk;
    if let Action::AddMember { .. } | Action::RemoveMember { .. } = action {
        change.object.guid = halosync::model::Guid::parse("00000000-0000-0000-0000-00000000beef");
        let vpn = "CN=VPN Users,OU=Elsewhere,DC=corp,DC=example,DC=test";
        change.object.dn = halosync::model::Dn::parse(vpn).unwrap();
    }
    change.action = action;
    plan.changes.push(change);
}

#[tokio::test]
async fn groups_passwords_and_anchors_no_rule_is_about_are_refused() {
    use halosync::plan::Risk;
    let desk = Desk::new("leaver", 0).await;
    let config = crate::plan::config_of(desk.path());
    let mapping = config.mappings.values().next().expect("a mapping");
    let anchor = mapping.spec.matching.anchor.attribute.clone();
    let somebody = desk.file().content.changes[0].object.clone();
    let enter = Action::AddMember {
        member: somebody.clone(),
    };
    let leave = Action::RemoveMember { member: somebody };
    let anchored = Action::Modify {
        attributes: vec![AttributeChange {
            before: value(&anchor, "E1022").after,
            ..value(&anchor, "E9999")
        }],
    };
    for (action, risk, says) in [
        (
            enter,
            Risk::Medium,
            "(addMember) is about CN=VPN Users,OU=Elsewhere,DC=corp,DC=example,DC=test, a group that no rule of this project names in corp",
        ),
        (
            leave,
            Risk::High,
            "(removeMember) is about CN=VPN Users,OU=Elsewhere,DC=corp,DC=example,DC=test, a group that no rule",
        ),
        (
            Action::ResetPassword {},
            Risk::High,
            "replaces a password, and no state of the configuration has passwordAction: reset",
        ),
        (
            anchored,
            Risk::Low,
            "(modify) says its risk is low, and it is high at least",
        ),
    ] {
        desk.plan(0).await;
        desk.forge(|plan| also(plan, action, risk));
        let told = desk.run(&["verify", "plan.json"]).await.expect(6).stdout;
        assert!(told.contains(says), "{says}\n---\n{told}");
    }
}

/// A verdict is no proof where what stands beside it says otherwise.
#[tokio::test]
async fn a_proof_that_its_own_checks_contradict_is_none() {
    let desk = Desk::new("leaver", 0).await;
    let forgeries: [fn(&mut Plan); 2] = [
        |plan| {
            let read = plan.inputs.people.values_mut().next().expect("a read");
            read.checks.push(halosync::model::CompletenessCheck {
                rule: "floor".to_owned(),
                limit: "at least 50 people".to_owned(),
                found: "5 people".to_owned(),
                outcome: halosync::model::CheckOutcome::Failed,
            });
        },
        |plan| plan.removals_held = true,
    ];
    for forge in forgeries {
        desk.plan(0).await;
        desk.forge(forge);
        let told = desk.refused(6, &[]).await;
        assert!(told.contains("REFUSED     proof "), "{told}");
    }
}
