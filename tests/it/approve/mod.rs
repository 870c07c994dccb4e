//! Signatures of plans, through the binary, with OpenSSH's own programs at the other end.

mod commits;
mod people;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::explain::recorded;
use crate::support::{self, Run, any_ssh_key, halosync, ssh_key};

/// A project with a leaver (high risk) whose plan two people must approve, and its plan.
struct Desk {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

const GUARDS: &str = r#"apiVersion: halosync/v1
kind: Guards
metadata: {name: approvals}
spec:
  target: corp
  approvals:
    signers: allowed_signers
    low: {people: 1}
    high: {people: 2, from: ["*@identity.example.com", "jane@example.com"]}
"#;

const PEOPLE: [(&str, &str); 3] = [
    ("jane@example.com", "ed25519"),
    ("sam@identity.example.com", "ecdsa"),
    ("kim@example.com", "ed25519"),
];

impl Desk {
    async fn new() -> Self {
        let folder = recorded("leaver");
        let path = folder.path();
        std::fs::write(path.join("guards.yaml"), GUARDS).unwrap();
        let mut allowed = String::new();
        for (person, kind) in PEOPLE {
            let public = ssh_key(&path.join(short(person)), kind);
            allowed.push_str(&format!("{person} {public}"));
        }
        std::fs::write(path.join("allowed_signers"), allowed).unwrap();
        git(path, &["init", "-q"]);
        git(path, &["add", "-A"]);
        git(path, &["commit", "-q", "-m", "Ask for approvals"]);
        let desk = Self {
            folder,
            environment: BTreeMap::new(),
        };
        desk.run(&["plan", "--from", "reads", "--out", "plan.json"])
            .await
            .expect(0);
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        halosync(self.path(), &self.environment, arguments).await
    }

    async fn approve(&self, person: &str) -> Run {
        let key = short(person);
        self.run(&["approve", "plan.json", "--yes", "--key", key])
            .await
    }

    fn digest(&self) -> String {
        let plan = std::fs::read(self.path().join("plan.json")).unwrap();
        let plan: serde_json::Value = serde_json::from_slice(&plan).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    }
}

/// Git as somebody who is no signer.
fn git(folder: &Path, arguments: &[&str]) {
    let pat = [
        "-c",
        "user.name=Pat Poe",
        "-c",
        "user.email=pat@example.com",
    ];
    support::git(folder, &[&pat[..], arguments].concat());
}

fn short(person: &str) -> &str {
    person.split('@').next().unwrap()
}

/// Text handed to a program on its standard input; whether it liked it.
fn fed(command: &mut Command, text: &str) -> bool {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    child.wait().unwrap().success()
}

#[tokio::test]
async fn a_plan_is_applied_only_with_the_signatures_it_asks_for() {
    let desk = Desk::new().await;
    let refused = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        refused.stderr.contains("not approved"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("corp · high risk: 0 of 2 approved"),
        "{}",
        refused.stderr
    );
    desk.approve("jane@example.com").await.expect(0);
    // Kim may approve what is of low risk, and no more; signing twice is one person.
    desk.approve("kim@example.com").await.expect(0);
    desk.approve("jane@example.com").await.expect(0);
    let half = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        half.stderr
            .contains("1 of 2 approved of *@identity.example.com, jane@example.com (jane@example.com), 1 missing"),
        "{}",
        half.stderr
    );
    assert!(
        half.stderr.contains("low risk: 1 of 1 approved"),
        "{}",
        half.stderr
    );
    let done = desk.approve("sam@identity.example.com").await.expect(0);
    assert!(done.stdout.contains("2 of 2 approved"), "{}", done.stdout);
    let shown = desk.run(&["show", "plan.json"]).await.expect(0);
    assert!(
        shown.stdout.contains("signed by sam@identity.example.com"),
        "{}",
        shown.stdout
    );
    // What is left to refuse is the plan's age: these people were read long ago.
    let next = desk.run(&["apply", "plan.json"]).await;
    assert!(!next.stderr.contains("not approved"), "{}", next.stderr);
    // Whoever leaves the list has approved nothing any more.
    let allowed = std::fs::read_to_string(desk.path().join("allowed_signers")).unwrap();
    let kept: String = allowed
        .lines()
        .map(
            |line| match line.strip_prefix("sam@identity.example.com ") {
                Some(key) => format!("sam@identity.example.com valid-before=\"20260101\" {key}\n"),
                None => format!("{line}\n"),
            },
        )
        .collect();
    std::fs::write(desk.path().join("allowed_signers"), kept).unwrap();
    let left = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        left.stderr
            .contains("is not an allowed signer at this time"),
        "{}",
        left.stderr
    );
}

#[tokio::test]
async fn openssh_makes_and_checks_the_same_signatures() {
    let desk = Desk::new().await;
    let message = format!("{}\n", desk.digest());
    desk.approve("jane@example.com").await.expect(0);
    let checked = fed(
        Command::new("ssh-keygen")
            .args([
                "-Y",
                "verify",
                "-n",
                "halosync-plan",
                "-f",
                "allowed_signers",
            ])
            .args([
                "-I",
                "jane@example.com",
                "-s",
                "plan.json.jane@example.com.sig",
            ])
            .current_dir(desk.path()),
        &message,
    );
    assert!(checked, "ssh-keygen does not accept the signature");
    std::fs::write(desk.path().join("plan.json.sam"), &message).unwrap();
    let signed = Command::new("ssh-keygen")
        .args([
            "-Y",
            "sign",
            "-q",
            "-n",
            "halosync-plan",
            "-f",
            "sam",
            "plan.json.sam",
        ])
        .current_dir(desk.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(signed.success() && desk.path().join("plan.json.sam.sig").exists());
    let shown = desk.run(&["show", "plan.json"]).await.expect(0);
    assert!(
        shown.stdout.contains("high risk: 2 of 2 approved"),
        "{}",
        shown.stdout
    );
}

/// An agent of its own, ended with the test.
struct AgentProcess(std::process::Child);

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn an_agent_signs_without_handing_over_the_key() {
    let mut desk = Desk::new().await;
    let without = desk
        .run(&["approve", "plan.json", "--yes"])
        .await
        .expect(64);
    assert!(
        without.stderr.contains("SSH_AUTH_SOCK"),
        "{}",
        without.stderr
    );
    // Paths of sockets are short.
    let folder = tempfile::Builder::new()
        .prefix("hs")
        .tempdir_in("/tmp")
        .unwrap();
    let socket = folder.path().join("agent");
    let _agent = AgentProcess(
        Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let begun = std::time::Instant::now();
    while !socket.exists() {
        assert!(begun.elapsed().as_secs() < 20, "the agent does not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    desk.environment.insert(
        "SSH_AUTH_SOCK".to_owned(),
        socket.to_str().unwrap().to_owned(),
    );
    let empty = desk
        .run(&["approve", "plan.json", "--yes"])
        .await
        .expect(77);
    assert!(
        empty.stderr.contains("no key of an allowed signer"),
        "{}",
        empty.stderr
    );
    let add = |key: &str| {
        let added = Command::new("ssh-add")
            .args(["-q", key])
            .current_dir(desk.path())
            .env("SSH_AUTH_SOCK", &socket)
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(added.success());
    };
    add("sam");
    let done = desk.run(&["approve", "plan.json", "--yes"]).await.expect(0);
    assert!(
        done.stdout.contains("signed by sam@identity.example.com"),
        "{}",
        done.stdout
    );
    add("jane");
    let several = desk
        .run(&["approve", "plan.json", "--yes"])
        .await
        .expect(64);
    assert!(
        several.stderr.contains("several keys"),
        "{}",
        several.stderr
    );
    let named = desk
        .run(&["approve", "plan.json", "--yes", "--key", "jane.pub"])
        .await
        .expect(0);
    assert!(
        named.stdout.contains("high risk: 2 of 2 approved"),
        "{}",
        named.stdout
    );
    let absent = desk
        .run(&["approve", "plan.json", "--yes", "--key", "kim.pub"])
        .await
        .expect(77);
    assert!(absent.stderr.contains("refused"), "{}", absent.stderr);
}

#[tokio::test]
async fn nothing_is_signed_unasked_or_by_a_stranger() {
    let desk = Desk::new().await;
    let unasked = desk
        .run(&["approve", "plan.json", "--key", "jane"])
        .await
        .expect(64);
    assert!(
        unasked.stderr.contains("nobody is there to be asked"),
        "{}",
        unasked.stderr
    );
    ssh_key(&desk.path().join("stranger"), "ed25519");
    let stranger = desk
        .run(&["approve", "plan.json", "--yes", "--key", "stranger"])
        .await
        .expect(77);
    assert!(
        stranger.stderr.contains("not one of an allowed signer"),
        "{}",
        stranger.stderr
    );
    let signed = std::fs::read_dir(desk.path()).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .ends_with(".sig")
    });
    assert!(!signed);
}

#[tokio::test]
async fn signatures_of_another_plan_and_garbage_do_not_count() {
    let desk = Desk::new().await;
    desk.approve("jane@example.com").await.expect(0);
    desk.approve("sam@identity.example.com").await.expect(0);
    desk.run(&[
        "plan",
        "--from",
        "reads",
        "--out",
        "plan.json",
        "--as-of",
        "2026-11-24T00:00:00Z",
    ])
    .await
    .expect(0);
    std::fs::write(desk.path().join("plan.json.noise.sig"), [0xff; 40]).unwrap();
    std::fs::write(desk.path().join("plan.json.huge.sig"), vec![b'x'; 1 << 20]).unwrap();
    std::fs::create_dir(desk.path().join("plan.json.folder.sig")).unwrap();
    let refused = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        refused.stderr.contains("high risk: 0 of 2 approved"),
        "{}",
        refused.stderr
    );
    let told = refused.stderr.matches("does not count").count();
    assert_eq!(told, 5, "{}", refused.stderr);
}

#[tokio::test]
async fn a_plan_rewritten_to_ask_for_nothing_is_refused() {
    use halosync::plan;
    let desk = Desk::new().await;
    let path = desk.path().join("plan.json");
    let mut content = plan::read(&std::fs::read(&path).unwrap()).unwrap().content;
    content.approvals.clear();
    for change in &mut content.changes {
        change.risk = plan::Risk::Low;
    }
    std::fs::write(&path, plan::to_bytes(&plan::seal(content))).unwrap();
    // One person would do for what is of low risk, and nobody for what asks for nothing.
    desk.approve("jane@example.com").await.expect(0);
    let refused = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        refused.stderr.contains("high risk: 1 of 2 approved"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn where_nobody_knows_the_author_one_more_must_approve() {
    let desk = Desk::new().await;
    // Somebody's edit that is in no commit: who made it, nobody can say.
    let guards = desk.path().join("guards.yaml");
    std::fs::write(&guards, format!("{GUARDS}    medium: {{people: 1}}\n")).unwrap();
    desk.run(&["plan", "--from", "reads", "--out", "plan.json"])
        .await
        .expect(0);
    for person in ["jane@example.com", "sam@identity.example.com"] {
        desk.approve(person).await.expect(0);
    }
    let refused = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        refused.stderr.contains("high risk: 2 of 3 approved")
            && refused.stderr.contains("not made from a clean commit"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn a_plan_rewritten_to_do_what_no_rule_does_is_refused() {
    use halosync::plan::{self, Action, PlanValue, Risk};
    let desk = Desk::new().await;
    let path = desk.path().join("plan.json");
    let honest = plan::read(&std::fs::read(&path).unwrap()).unwrap().content;
    let text = |value: &str| vec![PlanValue::Text(value.to_owned())];
    let model = honest
        .changes
        .iter()
        .find_map(|change| match &change.action {
            Action::Modify { attributes } => attributes.first().cloned(),
            _ => None,
        });
    let mut model = model.unwrap_or_else(|| plan::AttributeChange {
        name: String::new(),
        before: Vec::new(),
        after: Vec::new(),
        merge: false,
        rule: plan::RuleIndex(0),
        facts: BTreeMap::new(),
        cut_from: None,
        never_reuse: None,
    });
    for (name, asks) in [
        ("userAccountControl", "which no rule ever writes"),
        ("member", "which no rule ever writes"),
        ("msDS-KeyCredentialLink", "which no rule ever writes"),
        (
            "employeeID",
            "changes that cannot be undone: 0 of 2 approved",
        ),
    ] {
        model.name = name.to_owned();
        (model.before, model.after) = (text("1"), text("2"));
        let mut content = honest.clone();
        content.approvals.clear();
        content.changes.truncate(1);
        content.changes[0].depends_on.clear();
        content.changes[0].unit = None;
        content.changes[0].risk = Risk::Low;
        content.changes[0].action = Action::Modify {
            attributes: vec![model.clone()],
        };
        std::fs::write(&path, plan::to_bytes(&plan::seal(content))).unwrap();
        let refused = desk.run(&["apply", "plan.json"]).await.expect(6);
        assert!(refused.stderr.contains(asks), "{name}: {}", refused.stderr);
    }
}

/// Anybody can write a plan: one more than the largest number is no fewer.
#[tokio::test]
async fn a_plan_that_asks_for_everybody_there_could_be_is_not_approved() {
    let desk = Desk::new().await;
    let bytes = std::fs::read(desk.path().join("plan.json")).unwrap();
    let mut plan = halosync::plan::read(&bytes).unwrap().content;
    // Nobody knows the author then, so one more has to sign.
    plan.inputs.commit = None;
    for asked in &mut plan.approvals {
        asked.people = u32::MAX;
    }
    let forged = halosync::plan::to_bytes(&halosync::plan::seal(plan));
    std::fs::write(desk.path().join("plan.json"), forged).unwrap();
    let refused = desk.run(&["apply", "plan.json"]).await.expect(6);
    assert!(
        refused.stderr.contains("0 of 4294967295 approved"),
        "{}",
        refused.stderr
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_has_no_end_is_not_read_to_it() {
    let desk = Desk::new().await;
    let refused = desk
        .run(&["approve", "plan.json", "--yes", "--key", "/dev/zero"])
        .await
        .expect(64);
    assert!(
        refused.stderr.contains("larger than any key"),
        "{}",
        refused.stderr
    );
}

/// Every second key of 521 bits is written shorter than it is read.
#[tokio::test]
async fn a_key_that_cannot_be_read_is_the_agents_business() {
    let desk = Desk::new().await;
    desk.run(&["plan", "--from", "reads", "--out", "plan.json"])
        .await
        .expect(0);
    let path = desk.path().join("long");
    let short = (0..64).any(|_| {
        any_ssh_key(&path, &["-t", "ecdsa", "-b", "521"]);
        ssh_key::PrivateKey::read_openssh_file(&path).is_err()
    });
    assert!(short);
    let run = desk
        .run(&["approve", "plan.json", "--key", "long", "--yes"])
        .await
        .expect(64);
    for word in [
        "this key cannot be read from its file",
        "help: add it to the agent",
    ] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
}
