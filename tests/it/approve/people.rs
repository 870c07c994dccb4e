//! Who is one person among signers and who is the author, which lines OpenSSH takes, and what stands beside a plan and is
//! no signature.

use std::process::{Command, Stdio};

use super::{Desk, fed, git};
use crate::support::Run;

const JANE: &str = "jane@example.com";
const SAM: &str = "sam@identity.example.com";

impl Desk {
    /// The public key of one of the desk's people, without its comment.
    fn key(&self, person: &str) -> String {
        let public = std::fs::read_to_string(self.path().join(person).with_extension("pub"));
        let public = public.unwrap();
        let mut words = public.split_whitespace();
        format!("{} {}", words.next().unwrap(), words.next().unwrap())
    }

    /// Writes the file of signers: names, and whose key.
    fn allow(&self, lines: &[(&str, &str)]) {
        let text: String = lines
            .iter()
            .map(|(names, person)| format!("{names} {}\n", self.key(person)))
            .collect();
        std::fs::write(self.path().join("allowed_signers"), text).unwrap();
    }

    /// Has OpenSSH sign the plan with somebody's key, whatever the file of signers says.
    fn sign(&self, key: &str) {
        let name = format!("plan.json.{key}");
        std::fs::write(self.path().join(&name), format!("{}\n", self.digest())).unwrap();
        let _ = std::fs::remove_file(self.path().join(format!("{name}.sig")));
        let signed = Command::new("ssh-keygen")
            .args(["-Y", "sign", "-q", "-n", "halosync-plan", "-f", key, &name])
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(signed.success(), "{key}");
        std::fs::remove_file(self.path().join(&name)).unwrap();
    }

    /// Commits everything but plans as this author, plans anew and has both keys sign; what apply says.
    async fn signed_by_both(&self, author: &str, keys: [&str; 2]) -> Run {
        std::fs::write(self.path().join(".gitignore"), "plan.json*\n").unwrap();
        git(self.path(), &["add", "-A"]);
        git(
            self.path(),
            &[
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                "Change something",
                "--author",
                &format!("Alex Author <{author}>"),
            ],
        );
        self.run(&["plan", "--from", "reads", "--out", "plan.json"])
            .await
            .expect(0);
        for key in keys {
            self.sign(key);
        }
        self.run(&["apply", "plan.json"]).await
    }

    /// Whether OpenSSH takes a line of the file for a signature of jane's.
    fn openssh_takes(&self) -> bool {
        fed(
            Command::new("ssh-keygen")
                .args(["-Y", "verify", "-n", "halosync-plan", "-I", JANE])
                .args(["-f", "allowed_signers", "-s", "plan.json.jane.sig"])
                .current_dir(self.path()),
            &format!("{}\n", self.digest()),
        )
    }
}

/// Two of those who may sign, whoever they are, for what is of high risk.
pub(super) const ANYBODY: &str = r#"apiVersion: halosync/v1
kind: Guards
metadata: {name: approvals}
spec:
  target: corp
  approvals:
    signers: allowed_signers
    high: {people: 2}
"#;

async fn desk() -> Desk {
    let desk = Desk::new().await;
    std::fs::write(desk.path().join("guards.yaml"), ANYBODY).unwrap();
    desk
}

#[tokio::test]
async fn the_author_does_not_count_under_any_name_of_the_person() {
    let desk = desk().await;
    for (lines, name) in [
        (
            vec![("robot@example.com,auth@example.com", "jane"), (SAM, "sam")],
            "robot@example.com",
        ),
        (
            vec![
                ("other@example.com", "jane"),
                ("Auth@Example.com", "jane"),
                (SAM, "sam"),
            ],
            "other@example.com",
        ),
        (
            // By way of a third line.
            vec![
                ("jane@example.com", "jane"),
                ("jane@example.com,j@example.com", "kim"),
                ("J@example.com,auth@example.com", "kim"),
                (SAM, "sam"),
            ],
            "jane@example.com",
        ),
        (
            // A pattern says that the key is of whoever fits it.
            vec![("*@example.com,robot@example.test", "jane"), (SAM, "sam")],
            "robot@example.test",
        ),
    ] {
        desk.allow(&lines);
        let refused = desk
            .signed_by_both("auth@EXAMPLE.com", ["jane", "sam"])
            .await
            .expect(6);
        let told = format!(
            "high risk: 1 of 2 approved ({SAM}), 1 missing; {name} is the author of the configuration and does not count"
        );
        assert!(
            refused.stderr.contains(&told),
            "{lines:?}: {}",
            refused.stderr
        );
    }
    // Somebody else's commit on top that changes nothing makes nobody else the author; one that changes something does.
    let refused = desk
        .signed_by_both("pat@example.org", ["jane", "sam"])
        .await
        .expect(6);
    assert!(
        refused
            .stderr
            .contains("is the author of the configuration"),
        "{}",
        refused.stderr
    );
    std::fs::write(desk.path().join("guards.yaml"), format!("{ANYBODY}# pat\n")).unwrap();
    let next = desk
        .signed_by_both("pat@example.org", ["jane", "sam"])
        .await;
    assert!(!next.stderr.contains("not approved"), "{}", next.stderr);
}

#[tokio::test]
async fn two_keys_and_two_names_of_one_person_are_one() {
    let desk = desk().await;
    for lines in [
        [(JANE, "jane"), ("Jane@Example.com", "kim")],
        [
            ("jane@example.com,j.doe@example.com", "jane"),
            ("J.Doe@example.com", "kim"),
        ],
        [
            ("j.doe@example.com", "kim"),
            ("jane@example.com,j.doe@example.com", "jane"),
        ],
    ] {
        desk.allow(&[&lines[..], &[(SAM, "sam")]].concat());
        let refused = desk
            .signed_by_both("pat@example.com", ["jane", "kim"])
            .await
            .expect(6);
        assert!(
            refused.stderr.contains("high risk: 1 of 2 approved"),
            "{lines:?}: {}",
            refused.stderr
        );
        // With one person in the file, two can never sign.
        desk.allow(&lines);
        let checked = desk.run(&["validate"]).await.expect(65);
        assert!(
            checked.stdout.contains("approvals-out-of-reach")
                && checked.stdout.contains("are one person"),
            "{}",
            checked.stdout
        );
    }
}

#[tokio::test]
async fn no_line_counts_that_openssh_refuses() {
    let desk = desk().await;
    let mut taken = 0;
    for options in [
        "",
        "namespaces=\"*,!halosync-plan\"",
        "namespaces=\"!halosync-plan,*\"",
        "namespaces=\"!git,*\"",
        "namespaces=\"!git\"",
        "namespaces=\"\"",
        "namespaces=\"git, halosync-plan\"",
        "namespaces=\"h*sync-pl?n\"",
        "namespaces=\"HALOSYNC-plan\"",
        "Namespaces=\"halosync-plan\"",
        "namespaces=halosync-plan",
        "namespaces=\"git\",namespaces=\"halosync-plan\"",
        "namespaces=\"halosync-plan\" valid-before=\"20300101\"",
        "valid-before=\"20200101\",valid-before=\"20300101\"",
        "valid-after=\"20200101\",valid-after=\"20200102\"",
        "valid-after=\"20300101\",valid-before=\"20200101\"",
        "valid-after=\"20200101\",valid-before=\"29990101\"",
        "valid-before=29990101",
        "valid-before=\"\"",
        "valid-before",
        "namespaces=\"halosync-plan\",",
        "namespaces=\"halosync\\-plan\"",
        "no-touch-required",
        "cert-authority",
        "unknown",
    ] {
        let line = format!("{JANE} {options}");
        desk.allow(&[(line.trim_end(), "jane"), (SAM, "sam")]);
        desk.sign("jane");
        let shown = desk.run(&["show", "plan.json"]).await.expect(0);
        let counts = shown.stdout.contains("signed by jane@example.com");
        assert_eq!(counts, desk.openssh_takes(), "{options}: {}", shown.stdout);
        taken += usize::from(counts);
    }
    assert_eq!(taken, 5);
}

#[tokio::test]
async fn a_signature_is_not_written_under_a_name_that_never_counts() {
    let desk = Desk::new().await;
    let sign = async |name: &str| {
        desk.run(&[
            "approve",
            "plan.json",
            "--yes",
            "--key",
            "jane",
            "--signature",
            name,
        ])
        .await
    };
    for name in ["other.sig", "plan.json.jane", "plan.jsonx.sig", "plan.json"] {
        let refused = sign(name).await.expect(64);
        assert!(
            refused
                .stderr
                .contains("only plan.json.sig and plan.json.….sig do"),
            "{}",
            refused.stderr
        );
    }
    assert!(!desk.path().join("other.sig").exists());
    std::fs::create_dir(desk.path().join("away")).unwrap();
    let away = sign("away/plan.json.jane.sig").await.expect(0);
    assert!(
        away.stderr
            .contains("it counts once it stands in the folder of plan.json"),
        "{}",
        away.stderr
    );
    let here = sign("./plan.json.sig").await.expect(0);
    assert!(!here.stderr.contains("it counts once"), "{}", here.stderr);
    assert!(here.stdout.contains("1 of 2 approved"), "{}", here.stdout);
}

#[cfg(unix)]
#[tokio::test]
async fn what_stands_beside_a_plan_and_is_no_signature_is_called_what_it_is() {
    let desk = Desk::new().await;
    let path = |name: &str| desk.path().join(format!("plan.json.{name}.sig"));
    let made = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
    assert!(made.success());
    std::fs::create_dir(path("folder")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", path("link")).unwrap();
    std::fs::write(path("large"), vec![b'x'; 1 << 20]).unwrap();
    // A certificate of kim's for jane's key.
    let certified = Command::new("ssh-keygen")
        .args(["-q", "-s", "kim", "-I", "jane", "-n", JANE, "jane.pub"])
        .current_dir(desk.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(certified.success());
    desk.sign("jane-cert.pub");
    let shown = desk.run(&["show", "plan.json"]).await.expect(0);
    for told in [
        "plan.json.pipe.sig: it is no file",
        "plan.json.folder.sig: it is a folder",
        "plan.json.link.sig: it is a link that leads to nothing",
        "plan.json.large.sig: it is larger (1048576 bytes) than any signature",
        "plan.json.jane-cert.pub.sig: it was made with an SSH certificate, and those are not taken",
    ] {
        assert!(shown.stdout.contains(told), "{told}: {}", shown.stdout);
    }
}
