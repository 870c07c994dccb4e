//! Values of attributes: merged, of templates, long and of bytes.

use super::super::lab::{Joiner, Lab};
use super::sorted;

const ROLES: &str = r#"apiVersion: halosync/v1
kind: Template
metadata: {name: everybody}
spec:
  mapping: employees
  attributes:
    proxyAddresses:
      values: ["SMTP:{{ person.number }}@mail.example.com", "smtp:{{ person.number }}@example.com"]
      when: merge
---
apiVersion: halosync/v1
kind: Template
metadata: {name: sales}
spec:
  mapping: employees
  when: person.department == 'Sales'
  attributes:
    physicalDeliveryOfficeName: Building 3
    otherTelephone: {values: ["+44 20 7946 0003"], when: merge}
  onLeave: clear
"#;

/// Values of a `merge` rule come beside those of others, also beside one that came after the plan was made; which
/// address people write from stays as others made it.
pub(in crate::e2e) async fn merged_values_stand_beside_those_of_others(lab: Lab) {
    lab.write("roles.yaml", ROLES);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Research"));
    lab.settle().await;
    let addresses = async || {
        let jane = lab.account("1").await.expect("an account");
        sorted(&jane.values("proxyAddresses"))
    };
    assert_eq!(
        addresses().await,
        ["SMTP:1@mail.example.com", "smtp:1@example.com"]
    );
    lab.assert_converged().await;

    // An administrator gives other addresses, one of them ours in another case.
    lab.set(
        "1",
        "proxyAddresses",
        &[
            "SMTP:jane@example.com",
            "X500:/o=Acme/cn=jane",
            "smtp:1@EXAMPLE.com",
        ],
    )
    .await;
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("smtp:1@mail.example.com") && plan.stdout.contains("beside 3 more"),
        "{}",
        plan.stdout
    );
    lab.set(
        "1",
        "proxyAddresses",
        &[
            "SMTP:jane@example.com",
            "X500:/o=Acme/cn=jane",
            "smtp:1@EXAMPLE.com",
            "smtp:later@example.com",
        ],
    )
    .await;
    lab.apply().await.expect(0);
    let all = [
        "SMTP:jane@example.com",
        "X500:/o=Acme/cn=jane",
        "smtp:1@EXAMPLE.com",
        "smtp:1@mail.example.com",
        "smtp:later@example.com",
    ];
    assert_eq!(addresses().await, all);
    lab.apply_again().await;
    assert_eq!(addresses().await, all);
    lab.assert_converged().await;
}

/// What a template gave goes with it, where it still is what the template gives; everything else stays.
pub(in crate::e2e) async fn a_template_gives_and_takes_back(lab: Lab) {
    lab.write("roles.yaml", ROLES);
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    lab.settle().await;
    for number in ["1", "2"] {
        let account = lab.account(number).await.expect("an account");
        assert_eq!(account.one("physicalDeliveryOfficeName"), "Building 3");
        assert_eq!(account.one("otherTelephone"), "+44 20 7946 0003");
    }
    lab.set(
        "1",
        "otherTelephone",
        &["+44 20 7946 0003", "+44 20 7946 0777"],
    )
    .await;
    lab.set("2", "physicalDeliveryOfficeName", &["The shed"])
        .await;
    lab.edit(1, |person| person.department = "Research".into());
    lab.edit(2, |person| person.department = "Research".into());
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("roles.yaml:"), "{}", plan.stdout);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(
        jane.values("physicalDeliveryOfficeName"),
        Vec::<String>::new()
    );
    assert_eq!(jane.one("otherTelephone"), "+44 20 7946 0777");
    let otto = lab.account("2").await.expect("an account");
    assert_eq!(otto.one("physicalDeliveryOfficeName"), "The shed");
    assert_eq!(otto.values("otherTelephone"), Vec::<String>::new());
    lab.assert_converged().await;
}

/// A text is cut where the mapping says so; a picture arrives byte by byte and is not printed.
pub(in crate::e2e) async fn long_texts_and_pictures_are_written_as_planned(lab: Lab) {
    let long = "Director of the Department of Departments and Directors in General";
    let picture = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD";
    lab.map_names("name,person\n");
    lab.hire(Joiner::new(1, "Jane", "Doe").phone(picture));
    lab.edit(1, |person| person.title = long.into());
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("24 bytes, sha256"), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("cut from 66 characters"),
        "{}",
        plan.stdout
    );
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("company"), &long[..64]);
    assert_eq!(jane.bytes("thumbnailPhoto"), picture);
    lab.assert_converged().await;

    // 20 characters of base64 less: another picture.
    lab.edit(1, |person| person.phone = picture[..12].into());
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.bytes("thumbnailPhoto"), &picture[..12]);
    lab.assert_converged().await;
}
