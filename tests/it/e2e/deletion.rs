//! Deleting accounts with the real binary.

use halosync::sandbox::directory::{Aim, FaultRule, OperationKind, Trouble};

use super::lab::{Joiner, Lab};
use super::leaving::{GUARDS, in_days, lifecycle};

pub(super) async fn three_leavers(lab: &Lab) {
    for (number, given) in [(1, "Jane"), (2, "Otto"), (3, "Ida")] {
        lab.hire(Joiner::new(number, given, "Doe").department("Sales"));
    }
    lab.hire(Joiner::new(4, "Mia", "Doe").department("Sales").manager(1));
    lab.settle().await;
    lab.write(
        "lifecycle.yaml",
        &lifecycle("groups: keep", Some("disabledFor: 30d")),
    );
    for number in 1..=3 {
        lab.edit(number, |person| person.ends_on = Some("2020-01-31".into()));
    }
    // Without a limit nothing that deletes is taken at all.
    let invalid = lab.validate().await.expect(65);
    assert!(
        invalid.stdout.contains("delete-unlimited"),
        "{}",
        invalid.stdout
    );
    lab.write("guards.yaml", GUARDS);
    lab.validate().await.expect(0);
}

/// Nobody is deleted in the plan that disables them, nor before the directory itself says that the days are over. What
/// would happen then is seen beforehand; Samba has no Recycle Bin that an administrator could switch on.
pub(super) async fn leavers_are_deleted_last_of_all_and_only_with_proof(lab: Lab) {
    three_leavers(&lab).await;
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("Disable 3"), "{}", plan.stdout);
    assert!(plan.stdout.contains("delete-too-early"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("DELETE"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    if lab.hands().is_some() {
        return;
    }
    // On a real controller they are disabled since just now.
    lab.assert_converged().await;
    let today = lab.plan().await.expect(0);
    assert!(
        today.stdout.contains("delete-too-early"),
        "{}",
        today.stdout
    );
    assert!(!today.stdout.contains("DELETE"), "{}", today.stdout);

    let later = lab.plan_ahead(&in_days(32)).await.expect(0);
    assert!(
        later.stdout.contains("delete-recycle-bin"),
        "{}",
        later.stdout
    );
    lab.write(
        "lifecycle.yaml",
        &lifecycle(
            "groups: keep",
            Some("disabledFor: 30d, withoutRecycleBin: true"),
        ),
    );
    // One more than the limit lets through: nobody is chosen.
    let later = lab.plan_ahead(&in_days(32)).await.expect(3);
    assert!(
        later
            .stdout
            .contains("deletions: 3, beside 1 enabled account, would be deleted, 2 allowed"),
        "{}",
        later.stdout
    );
    lab.add_below("2", "classStore", "Phone").await;
    let later = lab.plan_ahead(&in_days(32)).await.expect(0);
    later.assert_tells(&[
        "DELETE 2",
        "DELETES 2 ACCOUNTS: they cannot be brought back",
        "leaves 2 groups",
        "delete-children",
    ]);
    // A plan for a time to come is not applied.
    lab.apply().await.expect(6);
    assert!(lab.account("1").await.is_some());
}

/// The whole way: what is kept and why, conflicts at the last moment, lost answers, and nothing left to do.
pub(super) async fn leavers_are_deleted_when_disabled_long_enough(lab: Lab) {
    three_leavers(&lab).await;
    // The directory's clock is months behind: whoever is disabled now has been for long.
    lab.settle().await;
    let hands = lab.hands().expect("the embedded directory").clone();
    let jane = lab.account("1").await.expect("an account");
    let otto = lab.account("2").await.expect("an account");
    let ida = lab.account("3").await.expect("an account");
    hands.set_protected(&otto.dn, true).expect("an account");
    let phone = lab.add_below("3", "msExchActiveSyncDevices", "Phone").await;

    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&[
        "DELETE 1",
        "DELETES 1 ACCOUNT: the Recycle Bin keeps it for 180 days",
        "delete-protected",
        "delete-children",
        "CN=Phone",
    ]);
    let markdown = lab.show("markdown").await.expect(0);
    assert!(
        markdown.stdout.contains("ACCOUNTS TO BE DELETED"),
        "{}",
        markdown.stdout
    );
    let told = lab.explain("2").await.expect(0);
    assert!(told.stdout.contains("delete-protected"), "{}", told.stdout);
    let told = lab.explain("1").await.expect(0);
    assert!(
        told.stdout
            .contains("delete the account; it can be brought back for 180 days"),
        "{}",
        told.stdout
    );

    // Something comes to stand below between plan and apply.
    let late = lab.add_below("1", "msExchActiveSyncDevices", "Late").await;
    let applied = lab.apply().await.expect(5);
    assert!(
        applied.stdout.contains("objects stand below it"),
        "{}{}",
        applied.stdout,
        applied.stderr
    );
    assert!(lab.account("1").await.is_some());
    lab.delete_named(&late).await;

    // The answer is lost: looking tells that it happened.
    lab.plan().await.expect(0);
    hands.inject(FaultRule {
        aim: Aim::Only(OperationKind::Delete),
        target: None,
        skip: 0,
        times: 1,
        trouble: Trouble::DropAfter,
    });
    lab.apply().await.expect(0);
    assert!(lab.account("1").await.is_none());
    let groups = [lab.members("Sales").await, lab.members("Everyone").await];
    assert!(!groups.concat().contains(&jane.dn), "{groups:?}");
    let mia = lab.account("4").await.expect("an account");
    assert_eq!(mia.values("manager"), Vec::<String>::new());
    // Applied again, it is as desired; planned again, there is nothing to do, and nothing to announce.
    lab.apply_again().await;
    lab.assert_converged().await;
    let again = lab.plan().await.expect(0);
    assert!(!again.stdout.contains("Jane Doe"), "{}", again.stdout);

    // Before it takes effect: sent again.
    hands.set_protected(&otto.dn, false).expect("an account");
    lab.delete_named(&phone).await;
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("DELETE 2"), "{}", plan.stdout);
    // Somebody enables one of them at the last moment.
    lab.set("3", "userAccountControl", &["512"]).await;
    hands.inject(FaultRule {
        aim: Aim::Only(OperationKind::Delete),
        target: None,
        skip: 0,
        times: 1,
        trouble: Trouble::DropBefore,
    });
    let applied = lab.apply().await.expect(5);
    assert!(
        applied.stdout.contains("has been enabled since"),
        "{}",
        applied.stdout
    );
    assert!(lab.account("2").await.is_none());
    assert_eq!(lab.account("3").await.expect("an account").dn, ida.dn);
    // The leaver is disabled again, and by the clock of the directory that is just now.
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("Disable 1"), "{}", plan.stdout);
    for secret in lab.secrets() {
        lab.assert_no_file_contains(&secret);
    }
}
