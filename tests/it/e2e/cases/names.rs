//! Names: unique, kept, changed and hostile ones.

use super::super::lab::{Joiner, Lab};

/// A name is compared with addresses of groups, names of deleted accounts, and names in the list of used ones.
pub(in crate::e2e) async fn names_are_unique_among_all_addresses(mut lab: Lab) {
    lab.read_as_administrator();
    lab.map_names("name,person\niida,99\noott,4\n");
    lab.set_group(
        "Everyone",
        "proxyAddresses",
        &["SMTP:everyone@example.test", "smtp:Jane.Doe@example.test"],
    )
    .await;
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Max", "Gone"));
    lab.hire(Joiner::new(3, "Ida", "Ida"));
    lab.hire(Joiner::new(4, "Otto", "Ott"));
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("mail"), "jane.doe2@example.test");
    assert_eq!(jane.one("userPrincipalName"), "jane.doe2@corp.example.test");
    assert_eq!(
        jane.values("proxyAddresses"),
        ["SMTP:jane.doe2@example.test"]
    );
    let ida = lab.account("3").await.expect("an account");
    assert_eq!(
        ida.one("sAMAccountName"),
        "iida2",
        "given to somebody else before"
    );
    let otto = lab.account("4").await.expect("an account");
    assert_eq!(otto.one("sAMAccountName"), "oott", "given to him before");
    lab.assert_converged().await;

    // A deleted account may come back.
    lab.delete("2").await;
    lab.hire(Joiner::new(5, "Max", "Gone"));
    lab.edit(2, |person| person.inactive = true);
    lab.settle().await;
    let max = lab.account("5").await.expect("an account");
    assert_eq!(max.one("sAMAccountName"), "mgone2");
    lab.assert_converged().await;
}

/// What an apply leaves is written whether or not anybody hears of it, and names that were not kept are kept by the next
/// apply of the plan, which has nothing else to do.
#[cfg(unix)]
pub(in crate::e2e) async fn names_given_are_kept_when_nobody_listens(mut lab: Lab) {
    lab.read_as_administrator();
    lab.map_names("name,person\n");
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.plan().await.expect(0);
    let full = std::fs::File::options().write(true).open("/dev/full");
    let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_halosync"))
        .args(["apply", &lab.plan_file(), "--names", "used.csv"])
        .args(["--report", "told.json"])
        .current_dir(lab.dir())
        .env_clear()
        .envs(&lab.environment)
        .stdin(std::process::Stdio::null())
        .stdout(full.expect("a device"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts")
        .wait_with_output()
        .await
        .expect("the program runs");
    let told = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{told}");
    for word in [
        "cannot write to standard output",
        "the plan was applied completely, and all of it stands in the journal ",
    ] {
        assert!(told.contains(word), "{told}");
    }
    assert!(lab.read("told.json").contains("\"verdict\": \"applied\""));
    assert!(lab.read("used.csv").contains("jdoe,1"));

    lab.write("used.csv", "name,person\n");
    let again = lab.apply_and_keep_names("used.csv").await.expect(8);
    assert!(
        again.stderr.contains("added to used.csv"),
        "{}",
        again.stderr
    );
    assert!(lab.read("used.csv").contains("jdoe,1"));
}

/// With a global catalog the names of the forest are read as well, those of our own domain once.
pub(in crate::e2e) async fn names_of_the_forest_come_from_the_global_catalog(lab: Lab) {
    lab.map_names("name,person\n");
    lab.ask_global_catalog();
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Jane", "Doe"));
    lab.settle().await;
    let names: Vec<String> = [lab.account("1").await, lab.account("2").await]
        .into_iter()
        .map(|account| account.expect("an account").one("mail"))
        .collect();
    assert_eq!(names, ["jane.doe@example.test", "jane.doe2@example.test"]);
    lab.assert_converged().await;
}

/// What another domain of the forest has is taken, also for people and attributes asked of the forest by name; what the
/// catalog cannot tell is said, and where the rule insists, nobody is given a name.
pub(in crate::e2e) async fn names_of_another_domain_are_not_given(lab: Lab) {
    lab.map_names("name,person\n");
    lab.add_elsewhere("jdoe", &[("mail", "Jane.Doe@example.test")]);
    lab.add_elsewhere("x1", &[("proxyAddresses", "smtp:max.rich@example.test")]);
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Max", "Rich"));

    // Without a catalog nobody knows.
    let plan = lab.plan().await.expect(0);
    assert!(!plan.stdout.contains("jane.doe2@"), "{}", plan.stdout);

    lab.ask_global_catalog();
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one("mail"), "jane.doe2@example.test");
    assert_eq!(
        jane.one("sAMAccountName"),
        "jdoe",
        "logon names are the domain's"
    );
    let max = lab.account("2").await.expect("an account");
    assert_eq!(max.one("mail"), "max.rich2@example.test");
    lab.assert_converged().await;

    // Notes are not in the catalog.
    let rule = "    info:\n      unique: {formats: [\"{{ person.surname | login }}\"], within: forest, numbered: true}\n    givenName:";
    let names = include_str!("../project/names.yaml");
    lab.write("employees.yaml", &names.replace("    givenName:", rule));
    lab.hire(Joiner::new(3, "Ida", "Ida"));
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("not-in-catalog"), "{}", plan.stdout);
    assert!(plan.stdout.contains("name-unproven"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("ida.ida@"), "{}", plan.stdout);
    let proven = rule.replace("within: forest, ", "");
    lab.write("employees.yaml", &names.replace("    givenName:", &proven));
    let plan = lab.plan().await.expect(0);
    assert!(plan.stdout.contains("not-in-catalog"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("name-unproven"), "{}", plan.stdout);
    assert!(plan.stdout.contains("ida.ida@"), "{}", plan.stdout);
}

/// The list of names once given grows by those of each apply, and by each once.
pub(in crate::e2e) async fn names_given_are_kept(lab: Lab) {
    lab.map_names("name,note,person\nold,\"kept, as it is\",9\n");
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Max", "Rich"));
    lab.plan().await.expect(0);
    let apply = lab.apply_and_keep_names("used.csv").await.expect(0);
    assert!(apply.stdout.contains("Names given"), "{}", apply.stdout);
    assert!(apply.stderr.contains("2 added"), "{}", apply.stderr);
    let list = "name,note,person\nold,\"kept, as it is\",9\njdoe,,1\nmrich,,2\n";
    assert_eq!(lab.read("used.csv"), list);
    // Once more, as after an interruption.
    lab.apply_and_keep_names("used.csv").await.expect(8);
    // The table the plan was made from has more rows now, and that alone is no other configuration.
    lab.apply_with_another_journal(&["--names", "used.csv"])
        .await
        .expect(0);
    assert_eq!(lab.read("used.csv"), list);
    lab.apply_with_another_journal(&["--names", "another.csv"])
        .await
        .expect(0);
    assert_eq!(lab.read("another.csv"), "name,person\njdoe,1\nmrich,2\n");
    lab.assert_converged().await;

    // The list in use: somebody else does not get the name, even when the account is gone.
    lab.delete("2").await;
    lab.edit(2, |person| person.inactive = true);
    lab.hire(Joiner::new(3, "Mia", "Rich"));
    lab.settle().await;
    let mia = lab.account("3").await.expect("an account");
    assert_eq!(mia.one("sAMAccountName"), "mrich2");

    lab.write("wrong.csv", "a,b\n1,2\n");
    lab.hire(Joiner::new(4, "Ida", "Ida"));
    lab.plan().await.expect(0);
    let apply = lab.apply_and_keep_names("wrong.csv").await.expect(64);
    assert!(apply.stderr.contains("no column"), "{}", apply.stderr);
    assert!(lab.account("4").await.is_none(), "nothing was written");
}

/// Names follow a surname in one plan, every former address stays, and the way back is as good.
pub(in crate::e2e) async fn surnames_change_and_old_addresses_stay(lab: Lab) {
    lab.map_names("name,person\n");
    lab.hire(Joiner::new(1, "Jane", "Doe"));
    lab.hire(Joiner::new(2, "Jane", "Smith"));
    lab.settle().await;
    lab.assert_converged().await;

    lab.edit(1, |person| person.surname = "Smith".into());
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&[
        "smtp:jane.doe@example.test",
        "SMTP:jane.smith2@example.test",
    ]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.dn, lab.dn("CN=Jane Smith (1),OU=Sales,OU=People"));
    assert_eq!(jane.one("displayName"), "Jane Smith");
    assert_eq!(jane.one("mail"), "jane.smith2@example.test");
    assert_eq!(
        jane.one("userPrincipalName"),
        "jane.smith2@corp.example.test"
    );
    assert_eq!(jane.one("sAMAccountName"), "jdoe", "kept as declared");
    assert_eq!(
        jane.values("proxyAddresses"),
        [
            "SMTP:jane.smith2@example.test",
            "smtp:jane.doe@example.test"
        ]
    );
    // The same plan once more does nothing.
    lab.apply_again().await;
    lab.assert_converged().await;

    lab.edit(1, |person| person.surname = "Doe".into());
    lab.settle().await;
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.dn, lab.dn("CN=Jane Doe,OU=Sales,OU=People"));
    assert_eq!(jane.one("mail"), "jane.doe@example.test");
    assert_eq!(
        jane.values("proxyAddresses"),
        [
            "SMTP:jane.doe@example.test",
            "smtp:jane.smith2@example.test"
        ]
    );
    lab.assert_converged().await;
}

/// Names that try to be syntax stay names.
pub(in crate::e2e) async fn hostile_names_survive_the_whole_way(lab: Lab) {
    let names = [
        (r#"Anne-Marie "Ann""#, "O'Brien, PhD"),
        ("=cmd|'/c calc'!A0", "Formula"),
        ("<script>alert(1)</script>", "Markup"),
        ("{{ 7*7 }}", "Template"),
        ("Ánh", "Ðặng Thị"),
        ("Łukasz #1", "Żółć"),
        ("  Spaces  ", "  Around  "),
        ("Дмитрий", "Иванов"),
        ("小明", "王"),
        ("محمد", "علي"),
        ("../../etc", "passwd"),
    ];
    for (index, (given, surname)) in names.iter().enumerate() {
        let number = u32::try_from(index).expect("few people") + 1;
        lab.hire(Joiner::new(number, given, surname).department("Sales"));
    }
    lab.hire(Joiner::new(99, &"x".repeat(300), "Long").department("Sales"));
    let plan = lab.plan().await.expect(0);
    assert!(
        plan.stdout.contains("givenName"),
        "the person with 300 characters is not reported\n{}",
        plan.stdout
    );
    assert!(!plan.stdout.contains('\u{1b}'));
    let markdown = lab.show("markdown").await.expect(0).stdout;
    // Inside a code span markup is text; outside there must be none.
    let outside: String = markdown.split('`').step_by(2).collect();
    assert!(!outside.contains("<script>"), "{markdown}");
    lab.apply().await.expect(0);
    for (index, (given, surname)) in names.iter().enumerate() {
        let account = lab
            .account(&(index + 1).to_string())
            .await
            .expect("an account");
        assert_eq!(account.one("givenName"), given.trim());
        assert_eq!(account.one("sn"), surname.trim());
        assert!(
            account.one("sAMAccountName").is_ascii(),
            "{}",
            account.one("sAMAccountName")
        );
    }
    assert!(lab.account("99").await.is_none());
    lab.assert_converged().await;
}
