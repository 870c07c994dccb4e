//! A few people of whom each needs something else done, and what a directory looks like.

use std::collections::{BTreeMap, HashSet};

use ldap3::Mod;

use crate::e2e::lab::{Account, Joiner, Lab};
use crate::e2e::leaving;
use crate::e2e::undo::REVERSIBLE_KINDS;
use crate::support::now;

pub(super) const PLAN: &str = "plan-1.json";
pub(super) const UNDO: &str = "undo.json";

/// What differs between two runs that did the same: when, in which order, and what the directory makes up itself.
const VOLATILE: &[&str] = &[
    "usncreated",
    "usnchanged",
    "whencreated",
    "whenchanged",
    "dscorepropagationdata",
    "badpasswordtime",
    "lastlogon",
    "lastlogontimestamp",
    "logoncount",
];

/// Attributes an administrator sets back.
const SETTABLE: &[&str] = &[
    "employeeID",
    "givenName",
    "sn",
    "displayName",
    "department",
    "title",
    "telephoneNumber",
    "mail",
    "manager",
    "userAccountControl",
    "userPrincipalName",
    "member",
];

/// Everything managed, by name.
pub(super) type World = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every kind of change, the deletion of an account included.
    All,
    /// Nothing but the deletion of an account.
    Deletion,
    /// The same without a Recycle Bin.
    ForGood,
    /// Every kind but the deletion: a real controller has no clock to be told that months have passed.
    NoDeletion,
    /// What can be set back: no password is replaced either.
    Reversible,
}

fn lifecycle(extent: Extent) -> String {
    let first = match extent {
        Extent::Reversible => "groups: remove",
        _ => "groups: remove, passwordAction: reset",
    };
    let deleted = match extent {
        Extent::All | Extent::Deletion => Some("disabledFor: 30d"),
        Extent::ForGood => Some("disabledFor: 30d, withoutRecycleBin: true"),
        Extent::NoDeletion | Extent::Reversible => None,
    };
    leaving::lifecycle(first, deleted)
}

/// Somebody who is there already: number, name, place, flags.
const THERE: &[(u32, &str, &str, &str, &str)] = &[
    (1, "Ann", "Able", "OU=Sales,OU=People", "544"),
    (2, "Bob", "Baker", "OU=Sales,OU=People", "546"),
    (3, "Cy", "Cole", "OU=Sales,OU=People", "544"),
    (4, "Dee", "Dorn", "OU=Sales,OU=People", "544"),
    (5, "Eve", "Early", "OU=Sales,OU=People", "544"),
];

/// People and accounts before the plan.
pub(super) async fn set(lab: &Lab, extent: Extent) {
    lab.write("lifecycle.yaml", &lifecycle(extent));
    let only = matches!(extent, Extent::Deletion | Extent::ForGood);
    let deletes = only || extent == Extent::All;
    if deletes {
        lab.write("guards.yaml", leaving::GUARDS);
    }
    if only {
        old_otter(lab).await;
        let old = lab.dn("CN=Old Otter,OU=Leavers,OU=People");
        lab.set_group("Sales", "member", &[&old]).await;
        lab.set_group("Everyone", "member", &[&old]).await;
        return;
    }
    let mut members = Vec::new();
    for (number, given, surname, place, flags) in THERE {
        add(lab, *number, given, surname, place, flags).await;
        members.push(lab.dn(&format!("CN={given} {surname},{place}")));
    }
    if deletes {
        old_otter(lab).await;
    }
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    lab.set_group("Sales", "member", &members).await;
    lab.set_group("Everyone", "member", &members).await;

    let mut ann = Joiner::new(1, "Ann", "Able").manager(6).phone("+49 30 1");
    ann.title = "Chief".to_owned();
    lab.hire(ann);
    lab.hire(Joiner::new(2, "Bob", "Baker"));
    let mut cy = Joiner::new(3, "Cy", "Cole");
    let yesterday = now() - jiff::SignedDuration::from_hours(48);
    cy.ends_on = Some(yesterday.strftime("%Y-%m-%d").to_string());
    lab.hire(cy);
    lab.hire(Joiner::new(4, "Dee", "Dale").department("Research"));
    let mut eve = Joiner::new(5, "Eve", "Early");
    eve.email = Some(mail(5));
    lab.hire(eve);
    lab.hire(Joiner::new(6, "Fay", "New"));
    lab.hire(Joiner::new(7, "Gus", "New").manager(6));
}

/// Somebody who left long ago.
async fn old_otter(lab: &Lab) {
    add(lab, 8, "Old", "Otter", "OU=Leavers,OU=People", "546").await;
    let mut old = Joiner::new(8, "Old", "Otter");
    old.ends_on = Some("2020-01-31".to_owned());
    lab.hire(old);
}

fn mail(number: u32) -> String {
    format!("person{number}@example.com")
}

async fn add(lab: &Lab, number: u32, given: &str, surname: &str, place: &str, flags: &str) {
    let name = format!("{given} {surname}");
    let account = given.to_lowercase();
    let principal = format!("{account}@corp.example.test");
    let (mail, number) = (mail(number), number.to_string());
    let mut attributes = vec![
        ("sAMAccountName", account.as_str()),
        ("userPrincipalName", principal.as_str()),
        ("mail", mail.as_str()),
        ("givenName", given),
        ("sn", surname),
        ("displayName", name.as_str()),
        ("department", "Sales"),
        ("title", "Engineer"),
    ];
    // One of them is known by the address only.
    if number != "5" {
        attributes.push(("employeeID", number.as_str()));
    }
    lab.add_account(&name, place, &attributes).await;
    if flags != "544" {
        lab.set_user(&account, "userAccountControl", flags).await;
    }
}

/// Every kind of change the plan is to have.
pub(super) fn assert_kinds(lab: &Lab, extent: Extent) {
    let plan = halosync::plan::read(lab.read(PLAN).as_bytes()).expect("a plan");
    let found: HashSet<&str> = plan
        .content
        .changes
        .iter()
        .map(|change| change.action.kind())
        .collect();
    if matches!(extent, Extent::Deletion | Extent::ForGood) {
        assert!(found.contains("delete"), "{found:?}");
        return;
    }
    let mut wanted = REVERSIBLE_KINDS.to_vec();
    if extent != Extent::Reversible {
        wanted.push("resetPassword");
    }
    if extent == Extent::All {
        wanted.push("delete");
    }
    assert_eq!(found, wanted.into_iter().collect());
}

async fn objects(lab: &Lab) -> Vec<Account> {
    let all = lab
        .find("(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit))")
        .await;
    let places = [lab.dn("OU=People"), lab.dn("OU=Groups")];
    all.into_iter()
        .filter(|object| places.iter().any(|place| object.dn.ends_with(place)))
        .collect()
}

fn identity(object: &Account) -> Vec<String> {
    let bytes = object.values("objectGUID;bytes");
    if bytes.is_empty() {
        object.values("objectGUID")
    } else {
        bytes
    }
}

/// Everything managed, but for what no two runs have in common.
pub(super) async fn look(lab: &Lab) -> World {
    let objects = objects(lab).await;
    objects
        .into_iter()
        .map(|object| {
            let made = object.dn.contains(" New,");
            let attributes = object.attributes.into_iter();
            let kept = attributes
                .filter(|(name, _)| {
                    let name = name.trim_end_matches(";bytes");
                    let identity = matches!(name, "objectguid" | "objectsid");
                    !(VOLATILE.contains(&name) || made && identity)
                })
                .map(|(name, mut values)| {
                    // When a password was set is another moment each time; that one was set is not.
                    if name == "pwdlastset" && values != ["0"] {
                        values = vec!["set".to_owned()];
                    }
                    (name, values)
                })
                .collect();
            (object.dn, kept)
        })
        .collect()
}

/// As it was, by an administrator's hand: identities included, except that of what was made since.
pub(super) async fn set_back(lab: &Lab, before: &[Account]) {
    let mut ldap = lab.admin.clone();
    for object in objects(lab).await {
        let known = before
            .iter()
            .find(|known| identity(known) == identity(&object));
        let Some(known) = known else {
            lab.delete_named(&object.dn).await;
            continue;
        };
        if known.dn != object.dn {
            let (rdn, parent) = known.dn.split_once(',').expect("a parent");
            ldap.modifydn(&object.dn, rdn, true, Some(parent))
                .await
                .and_then(ldap3::LdapResult::success)
                .expect("the administrator may");
        }
    }
    let moved = objects(lab).await;
    for object in &moved {
        let known = before.iter().find(|known| known.dn == object.dn);
        let known = known.expect("only what was there before");
        let edits: Vec<Mod<&str>> = SETTABLE
            .iter()
            .filter(|name| {
                known.attributes.get(&name.to_lowercase())
                    != object.attributes.get(&name.to_lowercase())
            })
            .map(|name| {
                let values = known.attributes.get(&name.to_lowercase());
                Mod::Replace(
                    *name,
                    values.into_iter().flatten().map(String::as_str).collect(),
                )
            })
            .collect();
        if !edits.is_empty() {
            ldap.modify(&object.dn, edits)
                .await
                .and_then(ldap3::LdapResult::success)
                .expect("the administrator may");
        }
    }
}

/// What [`set_back`] sets back to.
pub(super) async fn remember(lab: &Lab) -> Vec<Account> {
    objects(lab).await
}

/// Names what differs, instead of printing two directories.
#[track_caller]
pub(super) fn assert_same(found: &World, wanted: &World, about: &str) {
    let names: HashSet<&String> = found.keys().chain(wanted.keys()).collect();
    let mut wrong = Vec::new();
    for name in names {
        let (is, should) = (found.get(name), wanted.get(name));
        let (Some(is), Some(should)) = (is, should) else {
            wrong.push(format!(
                "{name}: there {}, wanted {}",
                is.is_some(),
                should.is_some()
            ));
            continue;
        };
        let attributes: HashSet<&String> = is.keys().chain(should.keys()).collect();
        for attribute in attributes {
            if is.get(attribute) != should.get(attribute) {
                wrong.push(format!(
                    "{name}: {attribute} is {:?}, not {:?}",
                    is.get(attribute),
                    should.get(attribute)
                ));
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{about}:\n{}", wrong.join("\n"));
}
