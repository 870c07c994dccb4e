//! Plans that speak of one account and would write another, and objects that became somebody else's since the plan was made.

use halosync::model::Guid;
use halosync::plan::{Action, Change, ChangeId, ObjectRef, Plan, Risk};

use super::lab::{Joiner, Lab};

/// The account a change is for.
fn account(change: &mut Change) -> &mut ObjectRef {
    match &mut change.action {
        Action::AddMember { member } | Action::RemoveMember { member } => member,
        _ => &mut change.object,
    }
}

/// Makes a plan of what is otherwise and rewrites it, with a digest that is right.
async fn forged(lab: &Lab, change: impl FnOnce(&mut Plan)) {
    lab.plan().await.expect(0);
    let mut plan = lab.last_plan().content;
    change(&mut plan);
    lab.replace_plan(&halosync::plan::seal(plan));
}

/// The identity of somebody's account, as plans write it.
async fn guid(lab: &Lab, employee: &str) -> Guid {
    guid_of(&lab.account(employee).await.expect("an account"))
}

fn guid_of(account: &super::lab::Account) -> Guid {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(account.bytes("objectGUID"));
    Guid::from_wire(&bytes.expect("base64")).expect("sixteen bytes")
}

/// A rename and a move explain any name. The anchor is whose it is.
pub(super) async fn no_account_is_written_for_somebody_else(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.settle().await;
    lab.edit(1, |person| person.inactive = true);
    let otto = guid(&lab, "2").await;
    let before = lab.account("2").await.expect("an account");
    forged(&lab, |plan| {
        let mut rename = plan.changes[0].clone();
        for change in &mut plan.changes {
            let account = account(change);
            assert_eq!(account.anchor["employeeID"], "1");
            account.guid = Some(otto);
        }
        rename.id = ChangeId("c-forged".into());
        rename.object.guid = Some(otto);
        rename.depends_on.clear();
        rename.risk = Risk::Medium;
        rename.action = Action::Rename {
            before: "Jane Doe".to_owned(),
            after: "Otto Ott".to_owned(),
            rule: rename.because.rule,
        };
        plan.changes.push(rename);
    })
    .await;
    let file = lab.plan_file();
    lab.run(&["verify", &file]).await.expect(0);
    let told = lab.apply().await.expect(5);
    assert!(
        told.stdout.contains(
            "the plan says the account carries employeeID \"1\", and \"2\" stands there: it is somebody else's by now, or another account"
        ),
        "{}",
        told.stdout
    );
    assert_eq!(lab.account("2").await.expect("an account"), before);
    assert_eq!(lab.members("Sales").await.len(), 2);
    // As it was planned it is applied.
    lab.settle().await;
    assert!(!lab.account("1").await.expect("an account").enabled());
}

/// What became of an account or a group since the plan was made, whoever did it.
pub(super) async fn what_became_another_since_is_left_alone(lab: Lab) {
    for (number, given) in [(1, "Jane"), (2, "Otto"), (3, "Ida")] {
        lab.hire(Joiner::new(number, given, "Doe"));
    }
    lab.settle().await;
    let group = "apiVersion: halosync/v1\nkind: Groups\nmetadata: {name: more}\nspec:\n  source: people\n  target: corp\n  rules: [{group: Staff}]\n";
    lab.write("more.yaml", group);
    lab.add_group("Staff").await;
    for number in 1..=3 {
        lab.edit(number, |person| person.title = "Clerk".into());
    }
    lab.plan().await.expect(0);
    let planned = lab.last_plan().content;
    let staff = planned
        .changes
        .iter()
        .find_map(|change| change.object.account_name.clone());
    assert_eq!(staff.as_deref(), Some("Staff"));
    lab.set("1", "employeeID", &["77"]).await;
    lab.set("2", "employeeID", &[]).await;
    lab.set_group("Staff", "sAMAccountName", &["Admins"]).await;
    let told = lab.apply().await.expect(5);
    for line in [
        "carries employeeID \"1\", and \"77\" stands there",
        "carries employeeID \"2\", and nothing stands there",
        "the plan says the sAMAccountName of CN=Staff,OU=Groups,DC=corp,DC=example,DC=test is \"Staff\", and \"Admins\" stands there",
    ] {
        assert!(told.stdout.contains(line), "{line}\n---\n{}", told.stdout);
    }
    assert!(lab.members("Admins").await.is_empty());
    let title = async |number: &str| lab.account(number).await.expect("an account").one("title");
    assert_eq!(title("77").await, "Engineer");
    assert_eq!(title("3").await, "Clerk");
}

/// Between plan and apply somebody else got the anchor: by another plan, or by hand.
pub(super) async fn nobody_gets_an_anchor_that_another_account_has_by_now(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.hire(Joiner::new(3, "Sam", "Patel"));
    let sales = "OU=Sales,OU=People";
    let mail = [
        ("sAMAccountName", "sam"),
        ("mail", "sam.patel3@example.com"),
    ];
    lab.add_account("Sam Patel", sales, &mail).await;
    lab.plan().await.expect(0);
    let kinds: Vec<&str> = ["create", "adopt"].into();
    let planned = lab.last_plan().content;
    for kind in kinds {
        let mut changes = planned.changes.iter();
        assert!(changes.any(|one| one.action.kind() == kind), "{kind}");
    }
    lab.add_account(
        "Old Otto",
        sales,
        &[("sAMAccountName", "otto"), ("employeeID", "2")],
    )
    .await;
    lab.add_account(
        "Old Sam",
        sales,
        &[("sAMAccountName", "old"), ("employeeID", "3")],
    )
    .await;
    let told = lab.apply().await.expect(5);
    for line in [
        "another account carries employeeID \"2\" by now: CN=Old Otto,OU=Sales,OU=People,DC=corp,DC=example,DC=test",
        "another account carries employeeID \"3\" by now: CN=Old Sam,",
    ] {
        assert!(told.stdout.contains(line), "{line}\n---\n{}", told.stdout);
    }
    assert_eq!(lab.find("(employeeID=2)").await.len(), 1);
    assert_eq!(lab.find("(employeeID=3)").await.len(), 1);
    // The next plan finds them, and nobody is held.
    lab.settle().await;
    assert!(lab.last_plan().content.held.is_empty());
}

/// Whoever could have any account adopted, or made anybody's manager, would need no name at all.
pub(super) async fn words_for_an_account_are_no_proof(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.hire(Joiner::new(3, "Kim", "Lee"));
    lab.settle().await;
    lab.hire(Joiner::new(6, "Sam", "Patel"));
    let sales = "OU=Sales,OU=People";
    let named = |name| [("sAMAccountName", name)];
    let mail = [named("sam")[0], ("mail", "sam.patel6@example.com")];
    lab.add_account("Sam Patel", sales, &mail).await;
    lab.add_account("Backup", sales, &named("backup")).await;
    let backup = lab.find("(sAMAccountName=backup)").await.remove(0);
    let identity = guid_of(&backup);
    let jane = guid(&lab, "1").await;
    lab.edit(3, |person| {
        *person = Joiner::new(3, "Kim", "Lee").manager(2)
    });
    forged(&lab, |plan| {
        for change in &mut plan.changes {
            if change.person.key.as_str() == "6" {
                let account = account(change);
                account.guid = Some(identity);
                account.dn = halosync::model::Dn::parse(&backup.dn).expect("a name");
            }
            if let Action::Modify { attributes } = &mut change.action {
                for value in attributes.iter_mut().flat_map(|one| &mut one.after) {
                    if let halosync::plan::PlanValue::Object(manager) = value {
                        assert_eq!(manager.anchor["employeeID"], "2");
                        manager.guid = Some(jane);
                    }
                }
            }
        }
    })
    .await;
    let file = lab.plan_file();
    lab.run(&["verify", &file]).await.expect(0);
    let told = lab.apply().await.expect(5);
    for line in [
        "the plan recognised the account by mail \"sam.patel6@example.com\", and nothing stands there",
        "manager is to be CN=Otto Ott,OU=Sales,OU=People,DC=corp,DC=example,DC=test, which does not exist any more or is somebody else's by now",
    ] {
        assert!(told.stdout.contains(line), "{line}\n---\n{}", told.stdout);
    }
    let now = lab.find("(sAMAccountName=backup)").await.remove(0);
    assert_eq!(now, backup);
    let kim = lab.account("3").await.expect("an account");
    assert!(kim.values("manager").is_empty());
    lab.settle().await;
    let kim = lab.account("3").await.expect("an account");
    assert_eq!(
        kim.one("manager"),
        lab.account("2").await.expect("an account").dn
    );
    assert!(lab.account("6").await.is_some());
}
