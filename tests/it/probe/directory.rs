//! Probing a directory.

use super::*;

pub(super) async fn filled_directory(lab: &Lab) {
    for number in 0..6 {
        let dn = format!("CN=Person {number},{PEOPLE}");
        let entry = NewEntry::new(&dn, "user")
            .with("sAMAccountName", &format!("person{number}"))
            .with("givenName", "Zbigniewa")
            .with("sn", &format!("Quartermaine{number}"))
            .with("employeeID", &format!("E77{}", number / 2))
            .with(
                "userAccountControl",
                if number == 0 { "514" } else { "544" },
            );
        lab.directory.state().add(&entry).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_shown_as_text_and_json() {
    let lab = Lab::new(Vec::new()).await;
    filled_directory(&lab).await;
    let text = lab
        .run(&["probe", "directory", "corp", "--write-bind"])
        .await
        .expect(0);
    compare("directory.txt", &settled(&text.stdout));
    let json = lab
        .run(&[
            "-q",
            "probe",
            "directory",
            "corp",
            "--write-bind",
            "--format",
            "json",
        ])
        .await
        .expect(0);
    compare("directory.json", &settled(&json.stdout));
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_matches_schema("probe-directory", &report);
    let all = format!("{}{}{}", text.stdout, text.stderr, json.stdout);
    for canary in ["Zbig", "Quar", READER.1, WRITER.1] {
        assert!(!all.contains(canary), "{canary} in\n{all}");
    }
    let found = codes(&report);
    for code in ["probe-anchor-shared", "probe-place-not-visible"] {
        assert!(found.contains(code), "{code} is not among {found:?}");
    }
    let shown = lab
        .run(&[
            "probe",
            "directory",
            "corp",
            "--show-values",
            "--sample",
            "2",
        ])
        .await
        .expect(0);
    assert!(shown.stdout.contains("Zbigniewa"), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("Attributes of 2 managed users"),
        "{}",
        shown.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_a_directory_has_the_documented_codes() {
    let lab = Lab::new(Vec::new()).await;
    let probe = ["probe", "directory", "corp"];
    let mut wrong = lab.environment.clone();
    wrong.insert(
        "CORP_READ_PASSWORD".to_owned(),
        "wrong-canary-9f".to_owned(),
    );
    let run = halosync(lab.dir.path(), &wrong, &probe).await.expect(77);
    assert!(!run.stderr.contains("wrong-canary"), "{}", run.stderr);

    let mut nowhere = lab.environment.clone();
    nowhere.insert(
        "CORP_LDAP_SERVER".to_owned(),
        "ldaps://127.0.0.1:1".to_owned(),
    );
    let run = halosync(lab.dir.path(), &nowhere, &probe).await.expect(69);
    assert!(run.stderr.contains("127.0.0.1:1"), "{}", run.stderr);
    lab.run(&["probe", "directory", "corp2"]).await.expect(64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_directory_document_is_valid() {
    let lab = Lab::new(Vec::new()).await;
    filled_directory(&lab).await;
    let gone = "CN=Break Glass,OU=IT,OU=People,DC=corp,DC=example,DC=test";
    lab.edit(
        "targets/corp.yaml",
        gone,
        "OU=Elsewhere,DC=corp,DC=example,DC=test",
    );
    for place in ["OU=Leavers", "OU=Guests"] {
        let place = format!("{place},DC=corp,DC=example,DC=test");
        lab.directory.state().add_ou(&place).unwrap();
    }
    let guest = NewEntry::new("CN=Guest A,OU=Guests,DC=corp,DC=example,DC=test", "user")
        .with("sAMAccountName", "guesta");
    lab.directory.state().add(&guest).unwrap();
    let run = lab
        .run(&["probe", "directory", "corp", "--scaffold", "mapping"])
        .await
        .expect(0);
    compare("scaffold-directory.yaml", &settled(&run.stdout));
    lab.write("targets/corp.yaml", &run.stdout);
    lab.run(&["validate"]).await.expect(0);
    let probed = lab.run(&["probe", "directory", "corp"]).await.expect(0);
    assert!(
        !probed.stdout.contains("probe-place-not-visible"),
        "{}",
        probed.stdout
    );
}
