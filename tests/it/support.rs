//! What several modules need: running the real binary, and holding JSON against the published schemas.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
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
