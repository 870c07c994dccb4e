//! Plans that say of accounts whose they are, otherwise than any planner: what somebody made who can make digests, too.

use halosync::model::{Dn, Guid, PersonKey};
use halosync::plan::{Action, Change, ChangeId, ObjectRef, Plan, PlanValue, Risk};

use super::Desk;

/// One forgery: the golden folder whose plan is forged, what is done to it, and what must be said of it.
type Forgery = (&'static str, fn(&mut Plan), &'static str);

async fn all_refused(forgeries: &[Forgery]) {
    for (golden, forge, says) in forgeries {
        let desk = Desk(crate::explain::recorded(golden));
        let planned = desk.plan_with(&[]).await;
        assert!(
            matches!(planned.code, 0 | 3),
            "{golden}: {}",
            planned.stderr
        );
        desk.verify(0).await;
        desk.forge(forge);
        let told = desk.refused(6, &[]).await;
        assert!(told.contains(says), "{golden}: {says}\n---\n{told}");
    }
}

/// What would be done without the exceptions is not done with them, whoever wrote it into a plan.
#[tokio::test]
async fn exceptions_keep_what_a_plan_would_do() {
    let desk = Desk(crate::explain::recorded("exceptions"));
    let document = desk.path().join("exceptions.yaml");
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::remove_file(&document).unwrap();
    desk.plan_with(&[]).await;
    let without = desk.file().content;
    std::fs::write(&document, text).unwrap();
    desk.plan_with(&[]).await;
    desk.verify(0).await;
    desk.forge(|plan| {
        plan.changes = without.changes;
        let mut rules = without.rules;
        rules.extend(plan.rules.iter().skip(rules.len()).cloned());
        plan.rules = rules;
        for change in &mut plan.changes {
            // And the account that security shut is opened.
            if change.person.key.as_str() == "2004" {
                change.action = Action::Enable {
                    initial_password: None,
                };
            }
        }
    });
    let verified = desk.run(&["verify", "plan.json", "--format", "json"]).await;
    let told = verified.expect(6).stdout;
    for says in [
        "and an exception leaves the whole account alone (CHG0100)",
        "of title) is for",
        "and an exception leaves attributes alone (CHG0100)",
        "and an exception keeps an account from being made (CHG0100)",
    ] {
        assert!(told.contains(says), "{says}\n---\n{told}");
    }
    desk.run(&["apply", "plan.json"]).await.expect(6);
}

/// Every object a change writes or makes a member.
fn accounts(change: &mut Change) -> Vec<&mut ObjectRef> {
    match &mut change.action {
        Action::AddMember { member } | Action::RemoveMember { member } => vec![member],
        _ => vec![&mut change.object],
    }
}

fn of<'p>(plan: &'p mut Plan, kind: &str) -> &'p mut Change {
    let mut changes = plan.changes.iter_mut();
    let found = changes.find(|change| change.action.kind() == kind);
    found.expect("a change of the kind")
}

fn once_more(plan: &mut Plan, kind: &str, change: fn(&mut Change)) {
    let mut copy = of(plan, kind).clone();
    copy.id = ChangeId("c-forged".into());
    change(&mut copy);
    plan.changes.push(copy);
}

#[tokio::test]
async fn accounts_without_an_anchor_of_their_mapping_are_refused() {
    all_refused(&[
        (
            "leaver",
            |plan| {
                let changes = plan.changes.iter_mut().flat_map(accounts);
                changes.for_each(|account| account.anchor.clear());
            },
            "CN=Jane Doe,OU=Sales,OU=People,DC=corp,DC=example,DC=test, said to be the account of Jane Doe (1042), and the plan tells no anchor of it",
        ),
        (
            "leaver",
            |plan| {
                for account in plan.changes.iter_mut().flat_map(accounts) {
                    let value = account.anchor.remove("employeeID").unwrap();
                    account.anchor.insert("description".to_owned(), value);
                }
            },
            "says that description tells whose CN=Jane Doe,OU=Sales,OU=People,DC=corp,DC=example,DC=test is, which no mapping has as its anchor",
        ),
        // What is changed before it is adopted is nobody's.
        (
            "adoption",
            |plan| of(plan, "modify").depends_on.clear(),
            "said to be the account of Jane Doe (1042), and the plan tells no anchor of it",
        ),
        (
            "deletion",
            |plan| {
                if let Action::Delete { anchor, .. } = &mut of(plan, "delete").action {
                    *anchor = "cn".to_owned();
                }
            },
            "and does not tell its anchor as the mapping has it",
        ),
    ])
    .await;
}

#[tokio::test]
async fn one_account_is_one_persons_and_one_person_has_one() {
    all_refused(&[
        (
            "leaver",
            |plan| {
                for account in plan.changes.iter_mut().flat_map(accounts) {
                    account
                        .anchor
                        .insert("employeeID".to_owned(), "e1042 ".to_owned());
                }
            },
            "on two accounts, of which",
        ),
        (
            "leaver",
            |plan| of(plan, "move").person.key = PersonKey::new("1043"),
            "(move) says CN=Jane Doe,OU=Sales,OU=People,DC=corp,DC=example,DC=test is the account of Jane Doe (1043), and another change says it is that of 1042 of people",
        ),
        (
            "leaver",
            |plan| {
                let jane = of(plan, "disable").object.clone();
                let change = of(plan, "move");
                change.object.guid = Some(Guid::numbered(77));
                assert_eq!(jane.dn, change.object.dn);
            },
            "and other changes are about another account of Jane Doe (1042)",
        ),
        (
            "leaver",
            |plan| of(plan, "removeMember").person.key = PersonKey::new("77"),
            "is the account of Jane Doe (77)",
        ),
        // A new account for somebody who has one, and for another than it is filled for.
        (
            "rehire-new",
            |plan| {
                if let Action::Create { replaces, .. } = &mut of(plan, "create").action {
                    *replaces = None;
                }
            },
            "and other changes are about another account of Jane Doe (1042)",
        ),
        (
            "groups",
            |plan| {
                for change in &mut plan.changes {
                    if change.action.kind() == "addMember" && change.object.dn.rdn().value == "Sales"
                    {
                        change.person.key = PersonKey::new("2");
                    }
                }
            },
            "and the account it speaks of is made for somebody else",
        ),
    ])
    .await;
}

#[tokio::test]
async fn anchors_that_are_not_the_persons_are_not_written() {
    fn give(action: &mut Action, anchor: &str) {
        let attributes = match action {
            Action::Create { attributes, .. } => attributes,
            Action::Adopt { attribute, .. } => std::slice::from_mut(attribute),
            _ => panic!("nothing is made"),
        };
        let attribute = attributes.iter_mut().find(|one| one.name == "employeeID");
        attribute.unwrap().after = vec![PlanValue::Text(anchor.to_owned())];
    }
    all_refused(&[
        (
            "joiner",
            |plan| {
                if let Action::Create { attributes, .. } = &mut of(plan, "create").action {
                    attributes.retain(|attribute| attribute.name != "employeeID");
                }
            },
            "makes an account without employeeID, so that nothing tells whose it is",
        ),
        (
            "joiner",
            |plan| give(&mut of(plan, "create").action, "E1"),
            "gives the account of Ann Lee (1044) employeeID \"E1\", and theirs is \"E1044\"",
        ),
        (
            "adoption",
            |plan| give(&mut of(plan, "adopt").action, "E1"),
            "gives the account of Jane Doe (1042) employeeID \"E1\", and theirs is \"E1042\"",
        ),
        // That of somebody else of the plan, with facts that fit.
        (
            "adoption",
            |plan| {
                let Action::Adopt { attribute, .. } = &mut of(plan, "adopt").action else {
                    panic!("an adoption");
                };
                attribute.after = vec![PlanValue::Text("E1043".to_owned())];
                let facts = &mut attribute.facts;
                facts.insert("number".to_owned(), "E1043".to_owned());
            },
            "leaves employeeID \"E1043\" on two accounts",
        ),
        (
            "conversion",
            |plan| of(plan, "adopt").risk = Risk::Medium,
            "(adopt) says its risk is medium, and it is high at least",
        ),
        (
            "conversion",
            |plan| {
                let Action::Adopt { attribute, .. } = &mut of(plan, "adopt").action else {
                    panic!("an adoption");
                };
                attribute.before.clear();
            },
            "both that it carries employeeID nothing and \"C1042\"",
        ),
        (
            "leaver",
            |plan| {
                let mut anchor = match &of(plan, "modify").action {
                    Action::Modify { attributes } => attributes[0].clone(),
                    _ => panic!("a modify"),
                };
                anchor.name = "employeeID".to_owned();
                anchor.before = vec![PlanValue::Text("E1042".to_owned())];
                anchor.after = vec![PlanValue::Text("E9".to_owned())];
                let change = of(plan, "modify");
                change.risk = Risk::High;
                if let Action::Modify { attributes } = &mut change.action {
                    attributes.push(anchor);
                    attributes.sort_by_key(|attribute| attribute.name.to_ascii_lowercase());
                }
            },
            "writes employeeID of CN=Jane Doe,OU=Sales,OU=People,DC=corp,DC=example,DC=test, which only an adoption does",
        ),
    ])
    .await;
}

/// Whoever could have any account adopted for anybody would have it with the next plan.
#[tokio::test]
async fn adoptions_rest_on_what_the_configuration_recognises_accounts_by() {
    fn by(plan: &mut Plan) -> &mut Option<halosync::plan::RecognisedBy> {
        match &mut of(plan, "adopt").action {
            Action::Adopt { recognised, .. } => recognised,
            _ => panic!("an adoption"),
        }
    }
    all_refused(&[
        (
            "adoption",
            |plan| *by(plan) = None,
            "by no value, and no link names the account",
        ),
        (
            "adoption",
            |plan| by(plan).as_mut().unwrap().attribute = "description".to_owned(),
            "by description, by which no mapping of people to corp recognises an account",
        ),
        (
            "adoption",
            |plan| by(plan).as_mut().unwrap().value = "backup@example.test".to_owned(),
            "by mail \"backup@example.test\", which no mapping makes of the facts it names",
        ),
    ])
    .await;
}

/// A group that gives power is one that a document names, not one a plan calls so.
#[tokio::test]
async fn privileged_groups_are_those_the_configuration_names() {
    all_refused(&[(
        "groups-exclusive",
        |plan| {
            let mut changes = plan.changes.iter_mut();
            let all = changes.find(|one| one.object.account_name.as_deref() == Some("All"));
            let all = all.expect("everybody's group");
            all.privileged = true;
            all.risk = Risk::High;
        },
        "is about the group CN=All Staff,OU=Groups,DC=corp,DC=example,DC=test, said to be privileged and named",
    )])
    .await;
}

#[tokio::test]
async fn nobodys_accounts_are_changed_only_as_a_lifecycle_says() {
    fn of_nobody(plan: &mut Plan) {
        for change in &mut plan.changes {
            if change.person.key.as_str() == "1042" {
                change.person.key = PersonKey::new("absent:E1042");
            }
        }
    }
    all_refused(&[
        (
            "leaver",
            of_nobody,
            "(disable) is about the account of nobody, and no lifecycle says that somebody missing from people becomes a leaver",
        ),
        // Where one says so, it is for the account with the anchor that nobody has, and never opens it.
        (
            "deletion",
            |plan| of(plan, "delete").person.key = PersonKey::new("absent:E9"),
            "said to be the account of nobody, whose anchor was \"E9\", and it carries another",
        ),
        (
            "deletion",
            |plan| {
                let change = of(plan, "disable");
                change.person.key = PersonKey::new("absent:E2010");
                change.action = Action::Enable { initial_password: None };
            },
            "(enable) is about the account of nobody, for whom such a thing is never done",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_stands_twice_is_refused() {
    all_refused(&[
        (
            "leaver",
            |plan| once_more(plan, "disable", |_| {}),
            "(disable) and c-forged (disable) are both about whether it is enabled of CN=Jane Doe",
        ),
        (
            "leaver",
            |plan| {
                once_more(plan, "disable", |change| {
                    change.action = Action::Enable {
                        initial_password: None,
                    }
                });
            },
            "(disable) and c-forged (enable) are both about whether it is enabled",
        ),
        (
            "leaver",
            |plan| {
                once_more(plan, "modify", |change| {
                    if let Action::Modify { attributes } = &mut change.action {
                        attributes.truncate(1);
                        attributes[0].name = attributes[0].name.to_ascii_uppercase();
                    }
                });
            },
            "(modify) are both about the value of ",
        ),
        (
            "leaver",
            |plan| {
                once_more(plan, "removeMember", |change| {
                    if let Action::RemoveMember { member } = &change.action {
                        let member = member.clone();
                        change.action = Action::AddMember { member };
                    }
                });
            },
            "(removeMember) and c-forged (addMember) are both about one membership",
        ),
        (
            "leaver",
            |plan| {
                once_more(plan, "move", |change| {
                    if let Action::Move { after, .. } = &mut change.action {
                        *after = Dn::parse("OU=People,DC=corp,DC=example,DC=test").unwrap();
                    }
                });
            },
            "(move) and c-forged (move) are both about the place",
        ),
        (
            "joiner",
            |plan| {
                once_more(plan, "create", |change| {
                    change.object.created_by = Some(change.id.clone())
                })
            },
            "(create) and c-forged (create) are both about the creation",
        ),
        // Under two names.
        (
            "leaver",
            |plan| {
                let other = "CN=Jane Roe,OU=Sales,OU=People,DC=corp,DC=example,DC=test";
                of(plan, "move").object.dn = Dn::parse(other).unwrap();
            },
            "say different things of the object",
        ),
    ])
    .await;
}

#[tokio::test]
async fn places_out_of_reach_are_refused_without_asking_the_directory() {
    all_refused(&[
        (
            "joiner",
            |plan| {
                let there = "CN=Ann Lee,OU=Admins,DC=corp,DC=example,DC=test";
                of(plan, "create").object.dn = Dn::parse(there).unwrap();
            },
            "(create) is about CN=Ann Lee,OU=Admins,DC=corp,DC=example,DC=test, which is protected or outside of what is managed",
        ),
        (
            "leaver",
            |plan| {
                if let Action::Move { after, .. } = &mut of(plan, "move").action {
                    *after = Dn::parse("OU=Admins,DC=corp,DC=example,DC=test").unwrap();
                }
            },
            "moves CN=Jane Doe,OU=Sales,OU=People,DC=corp,DC=example,DC=test to OU=Admins,DC=corp,DC=example,DC=test, which is protected or outside",
        ),
        (
            "leaver",
            |plan| {
                let there = "CN=Jane Doe,CN=Users,DC=corp,DC=example,DC=test";
                let changes = plan.changes.iter_mut().flat_map(accounts);
                for account in changes.filter(|one| one.dn.rdn().value == "Jane Doe") {
                    account.dn = Dn::parse(there).unwrap();
                }
            },
            "(disable) is about CN=Jane Doe,CN=Users,DC=corp,DC=example,DC=test, which is protected or outside",
        ),
    ])
    .await;
}

/// A rule by account name, or one that computes the name, lets no other group pass.
#[tokio::test]
async fn groups_that_no_rule_comes_to_are_refused() {
    all_refused(&[
        (
            "groups-exclusive",
            |plan| {
                for change in &mut plan.changes {
                    let name = &mut change.object.account_name;
                    if name.as_deref() == Some("staff-sales") {
                        *name = Some("finance".to_owned());
                        let dn = "CN=Finance,OU=Groups,DC=corp,DC=example,DC=test";
                        change.object.dn = Dn::parse(dn).unwrap();
                    }
                }
            },
            "is about CN=Finance,OU=Groups,DC=corp,DC=example,DC=test, a group that no rule of this project names in corp",
        ),
        (
            "groups-exclusive",
            |plan| {
                let changes = plan.changes.iter_mut();
                changes.for_each(|change| change.object.account_name = None);
            },
            "a group that no rule of this project names in corp",
        ),
        // Their own facts come to another one.
        (
            "groups",
            |plan| {
                for change in &mut plan.changes {
                    if change.object.dn.rdn().value == "Dept Research" {
                        let dn = "CN=Dept Board,OU=Groups,DC=corp,DC=example,DC=test";
                        change.object.dn = Dn::parse(dn).unwrap();
                    }
                }
            },
            "(addMember) is about CN=Dept Board,OU=Groups,DC=corp,DC=example,DC=test, a group that no rule",
        ),
    ])
    .await;
}

#[tokio::test]
async fn reads_of_two_sizes_are_refused() {
    all_refused(&[
        (
            "leaver",
            |plan| {
                for read in plan.inputs.directories.values_mut() {
                    read.objects += 5000;
                }
            },
            "objects of corp were read, and",
        ),
        (
            "leaver",
            |plan| {
                for read in plan.inputs.people.values_mut() {
                    read.people += 5000;
                }
            },
            "people of people were read, and",
        ),
        (
            "leaver",
            |plan| {
                for read in plan.inputs.people.values_mut() {
                    read.completeness.claimed_total = Some(5000);
                    read.checks.retain(|check| check.rule != "total");
                }
            },
            "REFUSED     proof ",
        ),
    ])
    .await;
}
