//! Sealing, the whole way: with it on, nobody is named in what is written or printed, and plans are reviewed, signed and
//! applied as ever.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::lab::{Joiner, Lab};
use crate::support::{Run, assert_as_the_schema_says, ssh_key};

const HEAD: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// What must not be found: parts of names, numbers, addresses, phone numbers, whole distinguished names.
const CANARIES: [&str; 13] = [
    "Quentina",
    "quentina",
    "Vanterpool",
    "vanterpool",
    "Ottoline",
    "ottoline",
    "Zwickelmann",
    "zwickelmann",
    "904217",
    "904218",
    "7946 0077",
    "@corp.example.test",
    "Falconry",
];

const GUARDS: &str = r"apiVersion: halosync/v1
kind: Guards
metadata: {name: approvals}
spec:
  target: corp
  approvals:
    signers: allowed_signers
    low: {people: 1, author: true}
";

fn names(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    CANARIES.into_iter().find(|canary| text.contains(canary))
}

#[track_caller]
fn silent(run: Run) -> Run {
    for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let found = names(text.as_bytes());
        assert_eq!(found, None, "on {stream}:\n{text}");
    }
    run
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for entry in std::fs::read_dir(dir).expect("lists") {
        let path = entry.expect("there").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path);
        }
    }
    all
}

fn digest(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
    value["digest"].as_str().expect("a digest").to_owned()
}

fn key_file(dir: &Path, name: &str, key: &age::x25519::Identity) {
    use age::secrecy::ExposeSecret as _;
    let secret = key.to_string();
    let text = format!("# a comment\n{}\n", secret.expose_secret());
    std::fs::write(dir.join(name), text).expect("writable");
}

pub(super) async fn nobody_is_named_and_everything_works(mut lab: Lab) {
    let dir = lab.dir.path().to_owned();
    let keys = tempfile::tempdir().expect("a folder");
    let recipient = lab.identity.to_public();
    key_file(keys.path(), "key", &lab.identity);
    let stranger = age::x25519::Identity::generate();
    key_file(keys.path(), "stranger", &stranger);
    let at = |name: &str| keys.path().join(name).display().to_string();
    let (key, foreign) = (at("key"), at("stranger"));

    let unsealed = lab.run(&["plan", "--seal"]).await.expect(65);
    assert!(
        unsealed.stderr.contains("docs/sealing.md"),
        "{}",
        unsealed.stderr
    );

    let sealing = format!("  sealing: {{recipients: [\"{recipient}\"]}}\n");
    lab.write("halosync.yaml", &(lab.read("halosync.yaml") + &sealing));
    lab.write("guards.yaml", GUARDS);
    let public = ssh_key(&keys.path().join("ssh"), "ed25519");
    lab.write(
        "allowed_signers",
        &format!("sam@identity.example.com {public}"),
    );
    lab.hire(
        Joiner::new(904_217, "Quentina", "Vanterpool")
            .department("Sales")
            .phone("+44 20 7946 0077"),
    );
    lab.hire(
        Joiner::new(904_218, "Ottoline", "Zwickelmann")
            .department("Falconry")
            .manager(904_217),
    );
    lab.hire(Joiner::new(904_219, "Ottoline", "Vanterpool").department("Sales"));

    // -- plan
    let before = files(&dir);
    let plan = [
        "plan",
        "--seal",
        "--out",
        "plan.json.age",
        "--record",
        "reads",
    ];
    let planned = silent(lab.run(&plan).await.expect(0));
    for part in [
        "person 1",
        "account 1",
        "group",
        "sealed to 1 recipient",
        "employees.yaml:",
    ] {
        assert!(
            planned.stdout.contains(part) || planned.stderr.contains(part),
            "{part}: {}",
            planned.stdout
        );
    }
    let written: BTreeSet<_> = files(&dir).difference(&before).cloned().collect();
    assert_eq!(written.len(), 5, "{written:?}");
    for path in &written {
        let bytes = std::fs::read(path).expect("reads");
        assert!(bytes.starts_with(HEAD), "{}", path.display());
    }
    let named = lab
        .run(&["plan", "--clear", "--identity", &key])
        .await
        .expect(0);
    assert!(
        named.stdout.contains("Quentina Vanterpool"),
        "{}",
        named.stdout
    );

    // -- whoever has no key, another key, or another file
    let closed = lab.run(&["show", "plan.json.age"]).await.expect(64);
    for part in [
        "no secret key",
        "--identity",
        "HALOSYNC_IDENTITY_FILE",
        "sealing.recipients",
    ] {
        assert!(closed.stderr.contains(part), "{part}: {}", closed.stderr);
    }
    let other = lab
        .run(&["show", "plan.json.age", "--identity", &foreign])
        .await
        .expect(77);
    assert!(
        other.stderr.contains(&stranger.to_public().to_string()),
        "{}",
        other.stderr
    );
    assert!(!other.stderr.contains("SECRET"), "{}", other.stderr);
    lab.write("notes", "no key at all, hunter2");
    let wrong = lab
        .run(&["show", "plan.json.age", "--identity", "notes"])
        .await
        .expect(64);
    assert!(!wrong.stderr.contains("hunter2"), "{}", wrong.stderr);
    let bytes = std::fs::read(dir.join("plan.json.age")).expect("reads");
    for cut in [40, 120, bytes.len() / 2, bytes.len() - 60] {
        std::fs::write(dir.join("cut.age"), &bytes[..cut]).expect("writable");
        let cut = lab
            .run(&["show", "cut.age", "--identity", &key])
            .await
            .expect(6);
        assert!(
            cut.stderr.contains("not as it was written"),
            "{}",
            cut.stderr
        );
    }
    for at in [60, 150, bytes.len() / 2, bytes.len() - 100] {
        let mut altered = bytes.clone();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(dir.join("altered.age"), &altered).expect("writable");
        let run = lab.run(&["apply", "altered.age", "--identity", &key]).await;
        assert!(
            [6, 77].contains(&run.code),
            "{at}: {} {}",
            run.code,
            run.stderr
        );
        assert!(run.stderr.contains("sealed"), "{}", run.stderr);
    }
    std::fs::remove_file(dir.join("cut.age")).expect("there");
    std::fs::remove_file(dir.join("altered.age")).expect("there");
    std::fs::remove_file(dir.join("notes")).expect("there");

    // -- show
    lab.environment
        .insert("HALOSYNC_IDENTITY_FILE".to_owned(), key);
    let clear = lab
        .run(&["show", "plan.json.age", "--format", "json"])
        .await
        .expect(0);
    let sum = digest(&clear.stdout);
    assert!(clear.stdout.contains("Quentina Vanterpool"));
    for format in ["text", "markdown", "json"] {
        let show = [
            "show",
            "plan.json.age",
            "--redacted",
            "--full",
            "--format",
            format,
        ];
        let shown = silent(lab.run(&show).await.expect(0));
        shown.assert_tells(&[sum.as_str(), "person 2", "displayName", "employees.yaml"]);
        if format == "json" {
            let json = serde_json::from_str(&shown.stdout).expect("JSON");
            assert_as_the_schema_says("redacted-plan", &json);
        }
    }

    // -- plan again: other bytes, the same digest; what is in the way and may be passwords is not replaced
    let again = [
        "plan",
        "--from",
        "reads",
        "--out",
        "again.age",
        "--last-good",
        "plan.json.age",
    ];
    silent(lab.run(&again).await.expect(0));
    let replanned = lab
        .run(&["plan", "--from", "reads", "--out", "same.age"])
        .await
        .expect(0);
    silent(replanned);
    let same = lab
        .run(&["show", "same.age", "--format", "json"])
        .await
        .expect(0);
    assert_eq!(digest(&same.stdout), sum);
    assert_ne!(std::fs::read(dir.join("same.age")).expect("reads"), bytes);
    let replaced = lab
        .run(&["plan", "--from", "reads", "--out", "same.age"])
        .await;
    silent(replaced.expect(0));

    // -- sign and apply
    let refused = silent(lab.run(&["apply", "plan.json.age"]).await.expect(6));
    assert!(
        refused.stderr.contains("not approved"),
        "{}",
        refused.stderr
    );
    let ssh = at("ssh");
    lab.run(&["approve", "plan.json.age", "--yes", "--key", &ssh])
        .await
        .expect(0);
    silent(
        lab.run(&["verify", "plan.json.age", "--expect-digest", &sum])
            .await
            .expect(0),
    );
    let nowhere = ["apply", "plan.json.age", "--passwords", "nowhere"];
    let nowhere = silent(lab.run(&nowhere).await.expect(64));
    assert!(
        nowhere
            .stderr
            .contains("--passwords: nowhere does not exist"),
        "{}",
        nowhere.stderr
    );
    let apply = [
        "apply",
        "plan.json.age",
        "--expect-digest",
        &sum,
        "--report",
        "report.json",
    ];
    let applied = silent(lab.run(&apply).await.expect(0));
    assert!(applied.stdout.contains("applied"), "{}", applied.stdout);
    assert!(applied.stderr.contains("not sealed"), "{}", applied.stderr);
    let quentina = lab.account("904217").await.expect("an account");
    assert_eq!(quentina.one("displayName"), "Quentina Vanterpool");

    // The journal is the one file that names anybody.
    let naming: Vec<_> = files(&dir)
        .into_iter()
        .filter(|path| {
            !before.contains(path) && names(&std::fs::read(path).expect("reads")).is_some()
        })
        .collect();
    let [journal] = naming.as_slice() else {
        panic!("{naming:?}");
    };
    let journal = journal.display().to_string();
    assert!(journal.ends_with(".journal.jsonl"), "{journal}");
    let verify = [
        "verify",
        "journal",
        &journal,
        "--plan",
        "plan.json.age",
        "--report",
        "report.json",
    ];
    silent(lab.run(&verify).await.expect(0));
    assert!(dir.join("report.md").exists());
    // A password file is none of halosync's plans, though as encrypted.
    let passwords = files(&dir)
        .into_iter()
        .find(|path| path.to_string_lossy().contains("passwords-"));
    let passwords = passwords.expect("a file").display().to_string();
    let kept = lab.run(&["plan", "--out", &passwords]).await.expect(64);
    assert!(kept.stderr.contains("not overwritten"), "{}", kept.stderr);

    // -- plan again with what is known of the apply
    let since = [
        "plan",
        "--since",
        "reads",
        "--last-apply",
        "report.json",
        "--out",
        "next.age",
    ];
    let next = silent(lab.run(&since).await.expect(0));
    assert!(next.stdout.contains("0 changes"), "{}", next.stdout);

    // -- undo, from the sealed plan and its journal
    let undo = ["undo", "--plan", "plan.json.age", "--out", "undo.age"];
    let other = [&undo[..], &["--identity", &foreign]].concat();
    lab.run(&other).await.expect(77);
    // A word that names nobody may be a name.
    for word in ["Quentina Vanterpool II", "CN=Nobody"] {
        let only = [&undo[..], &["--only", word]].concat();
        let unknown = silent(lab.run(&only).await);
        assert!(!unknown.stderr.contains(word), "{}", unknown.stderr);
    }
    let undone = [&undo[..], &["--record", "undone"]].concat();
    let undone = silent(lab.run(&undone).await.expect(0));
    undone.assert_tells(&[
        "undoes the apply of",
        "undo-created",
        "disable · high risk · cause undo",
    ]);
    let sealed = files(&dir.join("undone"))
        .into_iter()
        .chain([dir.join("undo.age")]);
    for path in sealed {
        let bytes = std::fs::read(&path).expect("reads");
        assert!(bytes.starts_with(HEAD), "{}", path.display());
    }
    // The same reads give the same content, sealed or not.
    let again = ["undo", "--plan", "plan.json.age", "--from", "undone"];
    let again = [&again[..], &["--out", "undo-again.age"]].concat();
    silent(lab.run(&again).await.expect(0));
    let mut digests = Vec::new();
    for file in ["undo.age", "undo-again.age"] {
        let shown = lab.run(&["show", file, "--format", "json"]).await.expect(0);
        digests.push(digest(&shown.stdout));
    }
    assert_eq!(digests[0], digests[1]);
    // A journal that was sealed afterwards is as good.
    let clear = std::fs::read(dir.join(&journal)).expect("reads");
    let armoured = age::encrypt_and_armor(&recipient, &clear).expect("encrypts");
    lab.write("sealed.journal.jsonl.age", &armoured);
    let verify = [
        "verify",
        "journal",
        "sealed.journal.jsonl.age",
        "--plan",
        "plan.json.age",
        "--report",
        "report.json",
    ];
    silent(lab.run(&verify).await.expect(0));
    lab.run(&[&verify[..], &["--identity", &foreign]].concat())
        .await
        .expect(77);
    let sealed = [
        "undo",
        "--plan",
        "plan.json.age",
        "--journal",
        "sealed.journal.jsonl.age",
        "--from",
        "undone",
        "--out",
        "undo-sealed.age",
    ];
    silent(lab.run(&sealed).await.expect(0));
    let shown = ["show", "undo-sealed.age", "--format", "json"];
    assert_eq!(digest(&lab.run(&shown).await.expect(0).stdout), digests[0]);
    // A part of it, of one person: nobody else is concerned, and nobody is named.
    let part = ["undo", "--plan", "plan.json.age", "--only", "904219"];
    let part = [&part[..], &["--out", "part.age"]].concat();
    let told = silent(lab.run(&part).await.expect(0));
    told.assert_tells(&["undo-created", "left out"]);
    let clear = lab.run(&["show", "part.age"]).await.expect(0);
    assert!(clear.stdout.contains("Ottoline Vanterpool"));
    assert!(!clear.stdout.contains("Quentina"), "{}", clear.stdout);
    lab.run(&["approve", "part.age", "--yes", "--key", &ssh])
        .await
        .expect(0);
    silent(lab.run(&["apply", "part.age"]).await.expect(0));
    assert!(!lab.account("904219").await.expect("an account").enabled());
    assert!(lab.account("904217").await.expect("an account").enabled());
    let refused = silent(lab.run(&["apply", "undo.age"]).await.expect(6));
    assert!(
        refused.stderr.contains("not approved"),
        "{}",
        refused.stderr
    );
    lab.run(&["approve", "undo.age", "--yes", "--key", &ssh])
        .await
        .expect(0);
    silent(lab.run(&["apply", "undo.age"]).await.expect(0));
    let quentina = lab.account("904217").await.expect("an account");
    assert!(!quentina.enabled());
}
