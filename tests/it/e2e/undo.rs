//! Undoing with the real binary: what comes back, what others changed since, what was never done, and deletions.

use std::collections::BTreeMap;

use super::lab::{Account, Joiner, Lab};
use super::leaving;

/// Attributes that are otherwise after an apply and its undo, all of them kept by the directory itself.
const NEVER_AS_BEFORE: &[&str] = &["uSNChanged", "whenChanged", "dSCorePropagationData"];

/// Every kind of change of which an undo brings back what was there before.
pub(super) const REVERSIBLE_KINDS: &[&str] = &[
    "create",
    "adopt",
    "modify",
    "rename",
    "move",
    "enable",
    "disable",
    "addMember",
    "removeMember",
];

/// Every object in the managed places by its identity, whole.
async fn dump(lab: &Lab) -> BTreeMap<String, Account> {
    dump_of(&lab.admin, &["OU=People,DC=corp", "OU=Groups,DC=corp"]).await
}

/// Every object in these places by its identity, whole.
pub(super) async fn dump_of(admin: &ldap3::Ldap, places: &[&str]) -> BTreeMap<String, Account> {
    let mut all = BTreeMap::new();
    for mut object in super::admin::find(admin, "(objectClass=*)").await {
        if places.iter().any(|place| object.dn.contains(place)) {
            for name in NEVER_AS_BEFORE {
                object.attributes.remove(&name.to_lowercase());
            }
            let identity = object.attributes.keys();
            let identity = identity.clone().find(|name| name.starts_with("objectguid"));
            let identity = object.attributes[identity.expect("an identity")].concat();
            all.insert(identity, object);
        }
    }
    all
}

pub(super) fn differences(
    one: &BTreeMap<String, Account>,
    other: &BTreeMap<String, Account>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (identity, object) in one {
        match other.get(identity) {
            None => found.push(format!("{} is gone", object.dn)),
            Some(now) => {
                if now.dn != object.dn {
                    found.push(format!("{} is {}", object.dn, now.dn));
                }
                let names = object.attributes.keys().chain(now.attributes.keys());
                let names: std::collections::BTreeSet<_> = names.collect();
                for name in names {
                    let (was, is) = (object.values(name), now.values(name));
                    if was != is {
                        found.push(format!("{}: {name} was {was:?}, is {is:?}", object.dn));
                    }
                }
            }
        }
    }
    let new = other
        .iter()
        .filter(|(identity, _)| !one.contains_key(*identity));
    found.extend(new.map(|(_, object)| format!("{} is new", object.dn)));
    found
}

/// A company in which one plan does every kind of change but deletions.
async fn company(lab: &Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").phone("+44 20 7946 0001"));
    lab.hire(Joiner::new(2, "Otto", "Ott").manager(1));
    lab.hire(Joiner::new(3, "Ida", "Poe").manager(1));
    lab.hire(Joiner::new(4, "Mia", "Zed"));
    lab.settle().await;
    // Somebody who comes back, and an account that was there before.
    lab.edit(4, |person| person.inactive = true);
    lab.settle().await;
    lab.add_account(
        "Sam Patel",
        "OU=Sales,OU=People",
        &[
            ("sAMAccountName", "sam.patel"),
            ("userPrincipalName", "sam@corp.example.test"),
            ("mail", "sam.patel6@example.com"),
        ],
    )
    .await;
    lab.edit(1, |person| {
        person.surname = "Smith-Doe".into();
        person.department = "Research".into();
        person.phone = String::new();
    });
    lab.edit(2, |person| person.title = "Clerk".into());
    lab.edit(3, |person| person.inactive = true);
    lab.edit(4, |person| person.inactive = false);
    lab.hire(Joiner::new(5, "Kim", "Lee").manager(1));
    lab.hire(Joiner::new(6, "Sam", "Patel"));
}

/// P6: an apply and its undo leave everything as it was, but for what is named here; and the undo of the undo does it all
/// again.
pub(super) async fn everything_comes_back_but_what_is_named(lab: Lab) {
    company(&lab).await;
    let before = dump(&lab).await;
    let plan = lab.plan().await.expect(0);
    for kind in [
        "Disable 1",
        "Remove from groups",
        "Clear values",
        "Move",
        "Rename 1",
        "Create 1",
        "Enable 1",
        "Adopt 1",
        "Modify",
        "Add to groups",
    ] {
        assert!(plan.stdout.contains(kind), "{kind}: {}", plan.stdout);
    }
    lab.apply().await.expect(0);
    let applied = dump(&lab).await;
    assert!(differences(&before, &applied).len() > 20);

    let undo = lab.undo(&[]).await.expect(0);
    undo.assert_tells(&[
        "Undo of plan",
        "undo-comes-again",
        "undo-created",
        "Exceptions",
        "Kim Lee (5)",
    ]);
    assert!(!undo.stdout.contains("held"), "{}", undo.stdout);
    let file = lab.last_plan();
    assert!(file.content.inputs.undoes.is_some() && file.content.inputs.people.is_empty());
    let markdown = lab.show("markdown").await.expect(0);
    assert!(markdown.stdout.contains("Undo"), "{}", markdown.stdout);
    lab.apply().await.expect(0);
    let after = dump(&lab).await;
    let kim = lab.account("5").await.expect("an account");
    assert!(!kim.enabled(), "what was made is shut and not deleted");
    let left = differences(&before, &after);
    // The account that was made is the only thing that is not as before, and its manager's list of those they manage.
    let named = [
        format!("{} is new", kim.dn),
        format!(
            "{}: directreports was",
            lab.account("1").await.expect("an account").dn
        ),
    ];
    let unnamed: Vec<_> = left
        .iter()
        .filter(|one| !named.iter().any(|named| one.starts_with(named)))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    // Applied again, the undo finds everything done.
    lab.apply_with_another_journal(&[]).await.expect(0);

    // The undo of the undo: everything is as it was applied.
    let again = lab.undo(&[]).await.expect(0);
    assert!(again.stdout.contains("Undo of plan"), "{}", again.stdout);
    // It gives an account an anchor, so somebody has to answer for it.
    let refused = lab.apply().await.expect(6);
    let why = "back employeeID \"6\", by which it is the account of whoever has that";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    let digest = lab.last_plan().digest;
    lab.apply_with(&["--expect-digest", &digest])
        .await
        .expect(0);
    let found = differences(&applied, &dump(&lab).await);
    assert!(found.is_empty(), "{found:#?}");
    lab.assert_converged().await;
    // P8: the same inputs give the same bytes.
    lab.undo(&["--record", "reads"]).await.expect(0);
    let first = lab.read(&lab.plan_file());
    let undone = lab.run(&[
        "undo",
        "--plan",
        "plan-5.json",
        "--from",
        "reads",
        "--out",
        "same.json",
    ]);
    undone.await.expect(0);
    assert_eq!(lab.read("same.json"), first);
}

/// Whatever somebody else has changed since stays, is told with what was there, what was written and what is there, and
/// keeps nothing else from being undone.
pub(super) async fn what_others_changed_since_stays(lab: Lab) {
    company(&lab).await;
    lab.settle().await;
    lab.set("1", "department", &["Board"]).await;
    lab.set("2", "title", &["Engineer"]).await;
    let ida = lab.account("3").await.expect("an account");
    lab.set("3", "userAccountControl", &["512"]).await;
    let name = ida.one("sAMAccountName");
    lab.move_user(&name, "OU=Research,OU=People").await;
    lab.set_group("Research", "member", &[]).await;
    let undo = lab.undo(&[]).await.expect(0);
    undo.assert_tells(&[
        "undo-changed",
        "department: \"Sales\" before, the plan wrote \"Research\", and now it is \"Board\"",
        "place: ",
        "undo-already",
    ]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("department"), "Board");
    assert_eq!(jane.one("sn"), "Doe");
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    let ida = lab.account("3").await.expect("an account");
    assert_eq!(ida.dn, lab.dn("CN=Ida Poe,OU=Research,OU=People"));
    assert!(lab.members("Sales").await.contains(&jane.dn));
    assert!(lab.members("Research").await.is_empty());
}

/// Of an apply that was not made whole only what was done is undone; of that, only what was asked for.
pub(super) async fn only_what_was_done_is_undone(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.hire(Joiner::new(3, "Ida", "Poe"));
    lab.settle().await;
    for number in 1..=3 {
        lab.edit(number, |person| person.title = "Clerk".into());
    }
    lab.plan().await.expect(0);
    // Somebody has done a part of it already.
    lab.set("1", "title", &["Clerk"]).await;
    let file = lab.plan_file();
    let part = ["--only-class", "modify", "--max-changes", "2"];
    lab.apply_with(&part).await.expect(4);
    lab.apply().await.expect(0);
    let undo = lab.undo(&["--only", "2"]).await.expect(0);
    // What was not done of somebody else is none of its business.
    assert!(!undo.stdout.contains("undo-not-done"), "{}", undo.stdout);
    assert!(undo.stdout.contains("Narrowed"), "{}", undo.stdout);
    assert_eq!(lab.last_plan().content.changes.len(), 1);
    lab.apply().await.expect(0);
    let title = async |number: &str| lab.account(number).await.expect("an account").one("title");
    assert_eq!(title("1").await, "Clerk", "nobody's but the other's");
    assert_eq!(title("2").await, "Engineer");
    assert_eq!(title("3").await, "Clerk");
    // The rest, from the same journal.
    let rest = lab
        .run(&["undo", "--plan", &file, "--out", "rest.json"])
        .await
        .expect(0);
    rest.assert_tells(&["undo-already", "undo-not-done"]);
    lab.run(&["apply", "rest.json"]).await.expect(0);
    assert_eq!(title("1").await, "Clerk");
    assert_eq!(title("3").await, "Engineer");
    let unknown = lab
        .run(&["undo", "--plan", &file, "--only", "nobody"])
        .await
        .expect(64);
    assert!(
        unknown.stderr.contains("--only nobody"),
        "{}",
        unknown.stderr
    );
}

/// Guards judge the part that is undone, with what had been undone of the same apply before; what they hold of a person they
/// hold whole.
pub(super) async fn a_part_is_judged_by_itself_and_with_what_was_undone_before(lab: Lab) {
    lab.hire(Joiner::new(5, "Emma", "Taylor"));
    lab.settle().await;
    let limits = "apiVersion: halosync/v1\nkind: Guards\nmetadata: {name: corp}\nspec:\n  target: corp\n  limits:\n    - {name: disables, actions: [disable], max: 2, onBreach: holdRemovals}\n";
    lab.write("guards.yaml", limits);
    for (number, given) in [(1, "Jane"), (2, "Otto"), (3, "Ida"), (4, "Mia")] {
        lab.hire(Joiner::new(number, given, "Doe"));
    }
    lab.edit(5, |person| {
        person.surname = "Wright".into();
        person.phone = "+44 20 7946 0005".into();
    });
    lab.plan().await.expect(0);
    lab.apply().await.expect(0);
    let undone = lab.plan_file();
    let undo = async |more: &[&str]| {
        lab.run(&[&["undo", "--plan", &undone], more].concat())
            .await
    };

    let whole = undo(&[]).await.expect(3);
    whole.assert_tells(&["NOTHING IS UNDONE", "4 of 5", "--only"]);
    assert!(!whole.stdout.contains("held in part"), "{}", whole.stdout);
    // One person, whom no guard speaks of, whole.
    let emma = undo(&["--only", "Emma Wright", "--out", "emma.json"]);
    let emma = emma.await.expect(0);
    emma.assert_tells(&[
        "Rename 1",
        "clear telephoneNumber",
        "with what had been undone of the same apply",
    ]);
    assert!(!emma.stdout.contains("Jane Doe"), "{}", emma.stdout);
    lab.run(&["apply", "emma.json"]).await.expect(0);
    let back = lab.account("5").await.expect("an account");
    assert_eq!(
        (back.one("sn"), back.one("cn")),
        ("Taylor".into(), "Emma Taylor".into())
    );
    // As many as are allowed at once are so in parts, and no more.
    let two = undo(&["--only", "1", "--only", "2", "--out", "two.json"]);
    two.await.expect(0);
    let told = lab.run(&["apply", "two.json"]).await.expect(0);
    told.assert_tells(&[
        "Disabled by this undo",
        "(create) of plan",
        "do not plan and apply yet",
        "the rest can be undone from the same journal",
    ]);
    assert!(!told.stdout.contains("leaver"), "{}", told.stdout);
    assert!(!told.stdout.contains("nothing to do"), "{}", told.stdout);
    for only in [
        &["--only", "3"][..],
        &["--only", "CN=Mia Doe"],
        &["--only", "4", "--only", "5"],
    ] {
        let dn = lab.dn("CN=Mia Doe,OU=Sales,OU=People");
        let only: Vec<&str> = only
            .iter()
            .map(|word| {
                if *word == "CN=Mia Doe" {
                    dn.as_str()
                } else {
                    word
                }
            })
            .collect();
        let third = undo(&only).await.expect(3);
        third.assert_tells(&["3 of 5", "2 of them undone before", "maximum 3"]);
    }
    let nowhere = undo(&["--only", "CN=Nobody,DC=example,DC=test"])
        .await
        .expect(64);
    assert!(
        nowhere
            .stderr
            .contains("nothing in the plan was done to it"),
        "{}",
        nowhere.stderr
    );
    // A waiver is for that many of the whole.
    lab.write(
        "guards.yaml",
        &format!("{limits}---\napiVersion: halosync/v1\nkind: Waiver\nmetadata: {{name: undo}}\nspec:\n  target: corp\n  guard: disables\n  maximum: 3\n  reason: the rule was wrong\n  ticket: CHG-7\n  owner: sam@example.com\n  expires: 2099-12-31\n"),
    );
    undo(&["--only", "3", "--out", "third.json"])
        .await
        .expect(0);
    lab.run(&["apply", "third.json"]).await.expect(0);
    undo(&["--only", "4"]).await.expect(3);
    for number in ["1", "2", "3"] {
        assert!(!lab.account(number).await.expect("an account").enabled());
    }
    assert!(lab.account("4").await.expect("an account").enabled());
    // What the report says of the next plan is true.
    let next = lab.plan().await.expect(0);
    next.assert_tells(&["Enable 3", "Rename 1"]);
}

/// Nobody whom an exception stops gets anything back by an undo of something else.
pub(super) async fn whom_an_exception_stops_gets_nothing_back(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott"));
    lab.hire(Joiner::new(3, "Ida", "Poe"));
    lab.settle().await;
    for number in [1, 2] {
        lab.edit(number, |person| person.inactive = true);
    }
    lab.edit(3, |person| person.department = "Research".into());
    lab.settle().await;
    let undone = lab.plan_file();
    let undo = async |more: &[&str]| {
        lab.run(&[&["undo", "--plan", &undone], more].concat())
            .await
    };
    lab.write("exceptions.yaml", "apiVersion: halosync/v1\nkind: Exceptions\nmetadata: {name: people}\nspec:\n  source: people\n  target: corp\n  exceptions:\n    - {person: 1, stop: true, owner: Sam, reason: abused, ticket: INC0042, expires: \"2099-12-31\"}\n");
    let told = undo(&["--out", "most.json"]).await.expect(0);
    told.assert_tells(&["undo-stopped", "INC0042", "Jane Doe (1) · held:"]);
    lab.run(&["apply", "most.json"]).await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert!(
        !jane.enabled() && jane.values("memberOf").is_empty(),
        "{}",
        jane.dn
    );
    assert!(lab.account("2").await.expect("an account").enabled());
    assert_eq!(
        lab.account("3")
            .await
            .expect("an account")
            .one("department"),
        "Sales"
    );
    undo(&["--only", "1"]).await.expect(3);
    // Once it is taken out.
    lab.write("exceptions.yaml", "");
    undo(&["--out", "rest.json"]).await.expect(0);
    lab.run(&["apply", "rest.json"]).await.expect(0);
    assert!(lab.account("1").await.expect("an account").enabled());
}

/// With the Recycle Bin an account comes back whole, without it with what the journal noted; disabled, and in its groups.
pub(super) async fn deleted_accounts_come_back(mut lab: Lab) {
    // Deleted objects are for those to see who were given the right.
    lab.sign_in_as_administrator();
    super::deletion::three_leavers(&lab).await;
    lab.edit(3, |person| person.ends_on = None);
    let whole = lab.hands().is_some();
    lab.settle().await;
    if !whole {
        let terms = Some("disabledFor: 30d, withoutRecycleBin: true");
        lab.write("lifecycle.yaml", &leaving::lifecycle("groups: keep", terms));
    }
    lab.set("1", "description", &["written by hand"]).await;
    let before = dump(&lab).await;
    let jane = lab.account("1").await.expect("an account");
    // A plan for the day the accounts have been disabled for long enough, applied now.
    leaving::plan_of_later(&lab).await;
    let plan = lab.last_plan().content;
    assert_eq!(plan.changes.len(), 2, "{:?}", plan.changes);
    if whole {
        lab.apply().await.expect(0);
    } else {
        leaving::apply_without_the_project(&lab).await;
    }
    assert!(lab.account("1").await.is_none() && lab.account("2").await.is_none());

    let undo = lab.undo(&[]).await.expect(0);
    let wanted: &[&str] = if whole {
        &["Bring back 2", "the Recycle Bin has kept it whole"]
    } else {
        &["Bring back 2", "only its tombstone is left", "undo-lost"]
    };
    undo.assert_tells(wanted);
    lab.apply().await.expect(0);
    let back = lab.account("1").await.expect("an account");
    assert_eq!(back.dn, jane.dn);
    assert!(!back.enabled());
    assert_eq!(back.one("description"), "written by hand");
    assert_eq!(back.values("memberOf"), jane.values("memberOf"));
    let after = dump(&lab).await;
    let lost: &[&str] = if whole {
        &["lastknownparent", "msds-lastknownrdn"]
    } else {
        // What the server keeps by itself: nobody else may write it. Mia's manager was Jane.
        &[
            "badpasswordtime",
            "badpwdcount",
            "codepage",
            "lastlogoff",
            "lastlogon",
            "logoncount",
            "pwdlastset",
            "lastknownparent",
            "msds-lastknownrdn",
            "operatorcount",
            "primarygroupid",
            "directreports",
            "manager",
            "countrycode",
            "admincount",
            "accountexpires",
        ]
    };
    let left = differences(&before, &after);
    let unnamed: Vec<_> = left
        .iter()
        .filter(|one| {
            !lost
                .iter()
                .any(|lost| one.contains(&format!(": {lost} was")))
        })
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    // Applied again it is as desired, and an undo of it deletes nobody.
    lab.apply_with_another_journal(&[]).await.expect(0);
    let again = lab.undo(&[]).await.expect(3);
    again.assert_tells(&["NOTHING IS UNDONE"]);
    assert!(again.stdout.contains("undo-impossible"), "{}", again.stdout);
    assert!(!again.stdout.contains("DELETE"), "{}", again.stdout);
}

/// Somebody who was deleted came back and has another account by now.
pub(super) async fn nobody_comes_back_beside_their_new_account(mut lab: Lab) {
    lab.sign_in_as_administrator();
    super::deletion::three_leavers(&lab).await;
    lab.edit(3, |person| person.ends_on = None);
    let whole = lab.hands().is_some();
    lab.settle().await;
    if !whole {
        let terms = Some("disabledFor: 30d, withoutRecycleBin: true");
        lab.write("lifecycle.yaml", &leaving::lifecycle("groups: keep", terms));
    }
    leaving::plan_of_later(&lab).await;
    if whole {
        lab.apply().await.expect(0);
    } else {
        leaving::apply_without_the_project(&lab).await;
    }
    // The undo is made before she is back.
    lab.undo(&[]).await.expect(0);
    let undo = lab.last_plan();
    lab.edit(1, |person| person.ends_on = None);
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    lab.replace_plan(&undo);
    let told = lab.apply().await.expect(5);
    told.assert_tells(&["another account carries employeeID \"1\" by now"]);
    assert_eq!(lab.account("1").await.expect("one account"), jane);
    assert_eq!(lab.find("(employeeID=1)").await.len(), 1);
    // Not without an anchor either.
    assert_eq!(lab.find("(cn=Jane Doe)").await.len(), 1);
    assert!(lab.account("2").await.is_some());
}

/// What others gave an account the plan had made, a mailbox among them, is theirs: it stays on it.
pub(super) async fn what_others_gave_a_new_account_stays(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    lab.add_group("Legal hold").await;
    let jane = lab.account("1").await.expect("an account");
    lab.set_group("Legal hold", "member", &[&jane.dn]).await;
    let addresses = ["SMTP:jane.doe@example.com", "smtp:jane@example.com"];
    lab.set("1", "proxyAddresses", &addresses).await;
    lab.set("1", "targetAddress", &["SMTP:jane.doe@example.com"])
        .await;
    lab.set("1", "mail", &["jane.doe@example.com"]).await;
    lab.set("1", "description", &["keep: case 7"]).await;
    let before = dump(&lab).await;

    let undo = lab.undo(&[]).await.expect(0);
    undo.assert_tells(&[
        "undo-created",
        "accounts that were made stay",
        "Jane Doe (1)",
    ]);
    lab.apply().await.expect(0);
    let after = lab.account("1").await.expect("it stays");
    assert!(!after.enabled());
    // Out of the groups the plan had put it in, and of no other.
    assert_eq!(
        after.values("memberOf"),
        [lab.dn("CN=Legal hold,OU=Groups")]
    );
    for group in ["Sales", "Everyone"] {
        assert!(lab.members(group).await.is_empty(), "{group}");
    }
    let left = differences(&before, &dump(&lab).await);
    let others: Vec<_> = left
        .iter()
        .filter(|one| {
            !["useraccountcontrol", "memberof", "member"]
                .iter()
                .any(|name| one.contains(&format!(": {name} was")))
        })
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

/// An undo asks nobody's state, but exceptions hold.
pub(super) async fn exceptions_keep_what_an_undo_would_bring_back(lab: Lab) {
    for (number, given) in [(1, "Jane"), (2, "Otto"), (3, "Ida"), (4, "Kim")] {
        lab.hire(Joiner::new(number, given, "Doe"));
    }
    lab.settle().await;
    for number in 1..=3 {
        lab.edit(number, |person| person.inactive = true);
    }
    lab.edit(4, |person| {
        person.title = "Clerk".into();
        person.phone = "1234".into();
        person.department = "Research".into();
    });
    lab.settle().await;
    let otto = lab.account("2").await.expect("an account");
    let exception = |number: u32, what: &str| {
        format!(
            "    - {{person: {number}, {what}, owner: Iris Moss, reason: under investigation, ticket: INC0042, expires: \"2099-12-31\"}}\n"
        )
    };
    lab.write(
        "exceptions.yaml",
        &format!(
            "apiVersion: halosync/v1\nkind: Exceptions\nmetadata: {{name: people}}\nspec:\n  source: people\n  target: corp\n  exceptions:\n{}{}{}{}",
            exception(1, "stop: true"),
            exception(2, "exempt: everything"),
            exception(4, "exempt: [title]"),
            exception(4, "exempt: [Department]")
        ),
    );
    let told = lab.undo(&[]).await.expect(0);
    told.assert_tells(&[
        "undo-stopped",
        "an exception leaves the whole account alone",
        "title: an exception leaves attributes alone, until 2099-12-31: under investigation (Iris Moss, INC0042)",
        "department: an exception leaves attributes alone, until 2099-12-31: under investigation (Iris Moss, INC0042)",
    ]);
    lab.verify_plan().await.expect(0);
    lab.apply().await.expect(0);
    assert!(!lab.account("1").await.expect("an account").enabled());
    assert_eq!(lab.account("2").await.expect("an account"), otto);
    assert!(lab.account("3").await.expect("an account").enabled());
    let kim = lab.account("4").await.expect("an account");
    assert_eq!(kim.one("title"), "Clerk");
    assert_eq!(kim.one("department"), "Research");
    assert!(kim.values("telephoneNumber").is_empty());
}

/// A journal of another plan, none, a damaged one; another project; nothing written.
pub(super) async fn what_cannot_be_undone_is_refused(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.plan().await.expect(0);
    let missing = lab.undo(&[]).await.expect(64);
    assert!(missing.stderr.contains("--journal"), "{}", missing.stderr);
    lab.run(&["apply", "plan-1.json"]).await.expect(0);
    let journal = std::fs::read_dir(lab.dir.path())
        .expect("readable")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| name.ends_with(".journal.jsonl"))
        .expect("a journal");
    lab.run(&["undo", "--journal", &journal]).await.expect(0);
    lab.edit(1, |person| person.title = "Clerk".into());
    lab.run(&["plan", "--out", "other.json"]).await.expect(0);
    let other = lab
        .run(&["undo", "--plan", "other.json", "--journal", &journal])
        .await
        .expect(64);
    assert!(other.stderr.contains("plan"), "{}", other.stderr);
    let text = lab.read(&journal);
    let (head, last) = text.trim_end().rsplit_once('\n').expect("lines");
    lab.write(
        "damaged.jsonl",
        &format!("{head}\n{}\n", last.replace("\"line\"", "\"lime\"")),
    );
    let damaged = lab
        .run(&[
            "undo",
            "--plan",
            "plan-1.json",
            "--journal",
            "damaged.jsonl",
        ])
        .await
        .expect(64);
    assert!(
        damaged.stderr.contains("damaged.jsonl"),
        "{}",
        damaged.stderr
    );
    let none = lab.run(&["undo"]).await.expect(64);
    assert!(none.stderr.contains("--plan"), "{}", none.stderr);
    lab.write(
        "halosync.yaml",
        &lab.read("halosync.yaml").replace("name: ", "name: other-"),
    );
    let foreign = lab.run(&["undo", "--plan", "plan-1.json"]).await.expect(6);
    assert!(foreign.stderr.contains("project"), "{}", foreign.stderr);
}

/// What an undo needs is not written over with it.
pub(super) async fn the_plan_undone_is_not_overwritten(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.run(&["plan", "--out", "p.json"]).await.expect(0);
    lab.run(&["apply", "p.json", "--journal", "j.jsonl"])
        .await
        .expect(0);
    let (plan, journal) = (lab.read("p.json"), lab.read("j.jsonl"));
    for (out, told) in [
        ("p.json", "p.json is the plan that is undone"),
        ("./p.json", "p.json is the plan that is undone"),
        ("j.jsonl", "j.jsonl is the journal of its apply"),
    ] {
        let undo = [
            "undo",
            "--plan",
            "p.json",
            "--journal",
            "j.jsonl",
            "--out",
            out,
        ];
        let refused = lab.run(&undo).await.expect(64);
        assert!(refused.stderr.contains(told), "{out}: {}", refused.stderr);
        assert_eq!(lab.read("p.json"), plan);
        assert_eq!(lab.read("j.jsonl"), journal);
    }
}

/// What was written by rules that are gone since comes back for whoever answers for it, memberships as well as attributes.
pub(super) async fn what_no_rule_names_any_more_comes_back_for_whoever_answers(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Research"));
    lab.settle().await;
    let before = dump(&lab).await;
    lab.edit(1, |person| person.department = "Research".into());
    lab.settle().await;
    let applied = dump(&lab).await;
    let members = async |group: &str| lab.members(group).await.len();
    assert_eq!((members("Sales").await, members("Research").await), (0, 2));

    // Nobody is put into either group by a rule from now on.
    let rules = lab.read("groups.yaml");
    let left = rules.lines().filter(|line| !line.contains("mode: managed"));
    lab.write("groups.yaml", &left.collect::<Vec<_>>().join("\n"));
    lab.validate().await.expect(0);
    lab.undo(&[]).await.expect(0);
    let plan = lab.last_plan();
    let of_group = |name: &str| lab.dn(&format!("CN={name},OU=Groups"));
    for apply in [lab.apply().await, lab.verify_plan().await] {
        let said = [apply.stdout, apply.stderr].concat();
        assert_eq!(apply.code, 6, "{said}");
        for part in [
            "gives back what no rule writes any more, and nobody answers for it",
            &format!(
                "a membership of {}, a group that no rule of corp names",
                of_group("Sales")
            ),
            &format!(
                "a membership of {}, a group that no rule of corp names",
                of_group("Research")
            ),
            "--expect-digest",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert!(differences(&applied, &dump(&lab).await).is_empty());

    let digest = ["--expect-digest", &plan.digest];
    lab.apply_with(&digest).await.expect(0);
    let left = differences(&before, &dump(&lab).await);
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!((members("Sales").await, members("Research").await), (1, 1));
    lab.apply_with_another_journal(&digest).await.expect(0);
}

/// Samba's Recycle Bin, switched on by hand, keeps accounts and gives none back: that is told, and nothing is half done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samba_gives_nothing_back_out_of_its_recycle_bin() {
    let mut lab = Lab::samba().await;
    lab.controller().switch_on_the_recycle_bin();
    lab.sign_in_as_administrator();
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.settle().await;
    lab.write("guards.yaml", leaving::GUARDS);
    let terms = Some("disabledFor: 30d");
    lab.write("lifecycle.yaml", &leaving::lifecycle("groups: keep", terms));
    lab.edit(1, |person| person.ends_on = Some("2020-01-31".into()));
    lab.settle().await;
    leaving::plan_of_later(&lab).await;
    leaving::apply_without_the_project(&lab).await;
    let deleted = dump(&lab).await;
    let undo = lab.undo(&[]).await.expect(0);
    let whole = "the Recycle Bin has kept it whole";
    assert!(undo.stdout.contains(whole), "{}", undo.stdout);
    let applied = lab.apply().await.expect(5);
    // Its server deletes `isRecycled` along, which an account in the Recycle Bin does not have.
    let told = "noSuchAttribute, 16: attribute 'isRecycled'";
    assert!(applied.stdout.contains(told), "{}", applied.stdout);
    assert!(differences(&deleted, &dump(&lab).await).is_empty());
    assert_eq!(lab.account("1").await, None);
}
