//! What several modules need: running the real binary, git and OpenSSH, comparing with what is kept, holding JSON against the
//! published schemas, and writing a journal's chain anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// Folder of the package.
pub(crate) fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How a run of the binary ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Asserts the exit code, showing everything when it is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "wrong exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Asserts that all of this is on standard output, showing everything when something is not.
    #[track_caller]
    pub(crate) fn assert_tells(&self, parts: &[&str]) {
        for part in parts {
            assert!(
                self.stdout.contains(part),
                "{part:?} is not in\n{}",
                self.stdout
            );
        }
    }
}

/// Runs the real binary in a directory, with exactly the given environment (and `PATH`, for git).
pub(crate) async fn halosync(
    dir: &Path,
    environment: &BTreeMap<String, String>,
    arguments: &[&str],
) -> Run {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_halosync"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("the binary runs");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
    }
}

/// What is wrong with JSON by `schemas/NAME.schema.json`; nothing when it is valid.
pub(crate) fn schema_errors(name: &str, json: &serde_json::Value) -> Vec<String> {
    static KNOWN: Mutex<BTreeMap<String, Arc<jsonschema::Validator>>> = Mutex::new(BTreeMap::new());
    let validator = {
        let mut known = KNOWN.lock().expect("not poisoned");
        let validator = known.entry(name.to_owned()).or_insert_with(|| {
            let path = format!("schemas/{name}.schema.json");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            let schema = std::fs::read(path).expect("a published schema");
            let schema = serde_json::from_slice(&schema).expect("JSON");
            Arc::new(jsonschema::validator_for(&schema).expect("a schema"))
        });
        Arc::clone(validator)
    };
    let errors = validator.iter_errors(json);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// JSON is as `schemas/NAME.schema.json` says.
#[track_caller]
pub(crate) fn assert_as_the_schema_says(name: &str, json: &serde_json::Value) {
    let errors = schema_errors(name, json);
    assert_eq!(errors, Vec::<String>::new(), "{name}: {json:#}");
}

/// Git in a folder, as Jane, who signs nothing; what it says.
#[track_caller]
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .args(["-c", "user.name=Jane", "-c", "user.email=jane@example.com"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("git is installed");
    assert!(done.status.success(), "{arguments:?}");
    let said = String::from_utf8(done.stdout).expect("git says UTF-8");
    said.trim().to_owned()
}

/// A new pair of SSH keys of this kind, the secret one in this file and the public one beside it; that one's line.
///
/// One in 256 ECDSA keys cannot be read from its file, which `approve` tells; another is made then.
#[track_caller]
pub(crate) fn ssh_key(secret: &Path, kind: &str) -> String {
    loop {
        let public = any_ssh_key(secret, &["-t", kind]);
        if ssh_key::PrivateKey::read_openssh_file(secret).is_ok() {
            return public;
        }
    }
}

/// The same whether or not it can be read.
#[track_caller]
pub(crate) fn any_ssh_key(secret: &Path, what: &[&str]) -> String {
    drop(std::fs::remove_file(secret));
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", "", "-f"])
        .arg(secret)
        .args(what)
        .stdin(Stdio::null())
        .status()
        .expect("OpenSSH is installed");
    assert!(made.success());
    std::fs::read_to_string(secret.with_extension("pub")).expect("made")
}

/// Compares with a file below `tests`, which `BLESS=1` writes anew.
#[track_caller]
pub(crate) fn assert_golden(name: &str, found: &str) {
    let path = root().join("tests").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, found).expect("writable");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{name} differs (BLESS=1 writes it anew):\n{}",
        similar::TextDiff::from_lines(expected.as_str(), found).unified_diff()
    );
}

/// Gives every line of a journal the hash of the one before it.
pub(crate) fn rechained(journal: &str) -> String {
    use sha2::Digest as _;
    let mut last: Option<String> = None;
    let mut all = String::new();
    for line in journal.lines() {
        let line = match &last {
            None => format!("{line}\n"),
            Some(hash) => format!(
                "{{\"previous\":\"{hash}{}\n",
                &line["{\"previous\":\"".len() + 64..]
            ),
        };
        last = Some(hex::encode(sha2::Sha256::digest(line.as_bytes())));
        all.push_str(&line);
    }
    all
}

/// The time: programs and real controllers look at the clock, too.
#[expect(
    clippy::disallowed_methods,
    reason = "what is compared with it is the clock of another process"
)]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
