//! What an interrupted apply leaves: accounts half-made, and half a line at the beginning of a journal.

use super::super::lab::{Joiner, Lab};
use crate::support::rechained;

const FLAGS: &str = "userAccountControl";

/// What a create that was killed leaves is finished by the next plan; what the directory's owner has left open is told.
pub(in super::super) async fn an_account_left_half_made_is_finished_by_the_next_plan(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.hire(Joiner::new(2, "Otto", "Ott").department("Sales"));
    for (name, account, key) in [("Jane Doe", "jdoe", "1"), ("Otto Ott", "oott", "2")] {
        let attributes = [("sAMAccountName", account), ("employeeID", key)];
        lab.add_account(name, "OU=Sales,OU=People", &attributes)
            .await;
    }
    lab.set("1", FLAGS, &["546"]).await;

    // Without anybody who may open the file with initial passwords it stays as it is.
    let project = lab.read("halosync.yaml");
    let kept: Vec<&str> = project
        .lines()
        .filter(|line| !line.contains("initialPasswords"))
        .collect();
    lab.write("halosync.yaml", &kept.join("\n"));
    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&["no-password-recipients", "PASSWD_NOTREQD"]);
    lab.apply().await.expect(0);
    assert_eq!(
        lab.account("1").await.expect("an account").one(FLAGS),
        "546"
    );
    lab.write("halosync.yaml", &project);

    let plan = lab.plan().await.expect(0);
    plan.assert_tells(&["new initial password", "password-not-required", "Otto Ott"]);
    lab.apply().await.expect(0);
    let jane = lab.account("1").await.expect("an account");
    assert_eq!(jane.one(FLAGS), "512");
    assert_eq!(jane.one("pwdLastSet"), "0");
    assert_eq!(lab.members("Sales").await.len(), 2);
    let lines = lab.password_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("jdoe"), "{lines:?}");
    // Not ours to touch.
    assert_eq!(
        lab.account("2").await.expect("an account").one(FLAGS),
        "544"
    );
    lab.apply_again().await;
    lab.assert_converged().await;

    lab.undo(&["--only", "1"]).await.expect(0);
    lab.apply().await.expect(0);
    assert_eq!(
        lab.account("1").await.expect("an account").one(FLAGS),
        "514"
    );
}

/// Half-made, and its mark taken away by hand: what it lacks is said, and once it has it, the same plan is applied.
pub(in super::super) async fn an_account_that_never_got_a_password_is_refused_for_that(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    let attributes = [("sAMAccountName", "jdoe"), ("employeeID", "1")];
    lab.add_account("Jane Doe", "OU=Sales,OU=People", &attributes)
        .await;
    lab.set("1", FLAGS, &["514"]).await;
    lab.plan().await.expect(0);
    let refused = lab.apply().await.expect(4);
    for told in [
        "missing: a password that the domain's policy allows: the account has none, or one it does not allow. Set one by hand (a reset)",
        "create what is missing",
    ] {
        assert!(refused.stdout.contains(told), "{told}: {}", refused.stdout);
    }
    assert!(
        !refused.stdout.contains("never accept"),
        "{}",
        refused.stdout
    );
    assert!(!lab.account("1").await.expect("an account").enabled());
}

/// Only the beginning of a journal's head is cut off and begun anew; whatever else was named by mistake stays as it is.
pub(in super::super) async fn no_file_but_a_journal_is_taken_for_one(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.plan().await.expect(0);
    let plan = lab.plan_file();
    let digest = lab.last_plan().digest;
    let other = r#"{"line":"header","format":"halosync/journal/v2","plan":"sha256:none"#;
    for (name, text) in [
        ("secret.json", r#"{"token":"my only copy of a secret"}"#),
        ("key.txt", "AGE-SECRET-KEY-1XXXX"),
        ("zeros", "\0\0\0\0"),
        ("list.csv", "name,phone\nJane,1"),
        ("other.jsonl", other),
    ] {
        lab.write(name, text);
        for arguments in [
            &["apply", &plan, "--journal", name][..],
            &["verify", &plan, "--journal", name],
            &[
                "undo",
                "--plan",
                &plan,
                "--journal",
                name,
                "--out",
                "undo.json",
            ],
            &["verify", "journal", name, "--plan", &plan],
        ] {
            let run = lab.run(arguments).await;
            let told = format!("{}{}", run.stdout, run.stderr);
            assert_ne!(run.code, 0, "{arguments:?}: {told}");
            let says = match name {
                "other.jsonl" => told.contains("another plan") || told.contains("no whole line"),
                _ => {
                    told.contains("exists and is something else")
                        || told.contains("this is no journal: ")
                }
            };
            assert!(says, "{arguments:?}: {told}");
            assert_eq!(lab.read(name), text, "{arguments:?}");
        }
    }
    #[cfg(unix)]
    {
        let dir = lab.dir();
        std::os::unix::fs::symlink(dir.join("nowhere"), dir.join("dangling")).expect("made");
        lab.run(&["apply", &plan, "--journal", "dangling"])
            .await
            .expect(64);
        assert!(!dir.join("nowhere").exists());
    }
    assert!(lab.account("1").await.is_none());

    // What a crash leaves of the first line is begun anew.
    let torn = format!(
        "{{\"line\":\"header\",\"format\":\"halosync/journal/v2\",\"plan\":\"{digest}\",\"tool"
    );
    lab.write("torn.jsonl", &torn);
    lab.run_apply(&[&plan, "--journal", "torn.jsonl"])
        .await
        .expect(0);
    assert!(lab.read("torn.jsonl").contains("\"torn\":true"));
    lab.assert_converged().await;
}

/// A journal in which somebody has edited what was found, its chain made anew, is refused wherever it is read: an undo would
/// give it back.
pub(in super::super) async fn an_edited_journal_is_refused_wherever_it_is_read(lab: Lab) {
    lab.hire(Joiner::new(1, "Jane", "Doe").department("Sales"));
    lab.settle().await;
    lab.edit(1, |person| person.phone = "+44 20 7946 0001".into());
    lab.settle().await;
    lab.edit(1, |person| person.phone = "+44 20 7946 0002".into());
    let (plan, journal) = ("last.json".to_owned(), "last.jsonl");
    let record = ["plan", "--out", &plan, "--record", "last"];
    lab.run(&record).await.expect(0);
    lab.run_apply(&[&plan, "--journal", journal])
        .await
        .expect(0);
    let honest = lab.read(journal);
    let (from, to) = ("[\"+44 20 7946 0001\"]", "[\"+44 20 7946 6666\"]");
    assert!(honest.contains(from), "{honest}");
    let forged = rechained(&honest.replace(from, to));
    lab.write("forged.jsonl", &forged);
    for (arguments, code) in [
        (
            &["verify", "journal", "forged.jsonl", "--plan", &plan][..],
            6,
        ),
        (&["verify", &plan, "--journal", "forged.jsonl"], 6),
        (
            &[
                "undo",
                "--plan",
                &plan,
                "--journal",
                "forged.jsonl",
                "--out",
                "undo.json",
            ],
            6,
        ),
        (&["apply", &plan, "--journal", "forged.jsonl"], 6),
        (
            &["drift", "--since", "last", "--last-apply", "forged.jsonl"],
            6,
        ),
    ] {
        let run = lab.run(arguments).await.expect(code);
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(
            told.contains("telephoneNumber is not what the plan found"),
            "{told}"
        );
        assert!(!told.contains("6666"), "{told}");
        assert_eq!(lab.read("forged.jsonl"), forged, "{arguments:?}");
    }
    lab.run(&["verify", "journal", journal, "--plan", &plan])
        .await
        .expect(0);
    lab.run(&["drift", "--since", "last", "--last-apply", journal])
        .await
        .expect(0);
    lab.run(&["undo", "--plan", &plan, "--journal", journal])
        .await
        .expect(0);
}
