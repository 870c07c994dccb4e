//! A desk: a project whose source is authorised to in one way, a HaloITSM, a directory, and somebody's browser.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use halosync::sandbox::directory::DirectorySim;
use halosync::sandbox::halo::{HaloPerson, HaloSim, SimConfig};
use reqwest::{Method, Response};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::directory::lab::embedded_directory;
use crate::samba;
use crate::support::{Run, halosync};

/// What must never be shown, whatever way is used.
pub(super) const CANARY: &str = "c4nary+s/cret=7f3a";

/// A project and what it talks to.
pub(super) struct Desk {
    dir: tempfile::TempDir,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) identity: age::x25519::Identity,
    _directory: DirectorySim,
}

/// HaloITSM with three people.
pub(super) async fn halo(change: impl FnOnce(&mut SimConfig)) -> HaloSim {
    let mut config = SimConfig {
        client_id: "halosync".to_owned(),
        client_secret: CANARY.to_owned(),
        tenant: None,
        limiter: None,
        general_users: false,
        users: vec![("agent".to_owned(), CANARY.to_owned())],
        people: (1..=3)
            .map(|id| HaloPerson {
                other1: Some(id.to_string()),
                other2: Some("Sales".to_owned()),
                emailaddress: Some(format!("jo.doe{id}@example.com")),
                ..HaloPerson::new(id, "Jo", &format!("Doe {id}"))
            })
            .collect(),
        ..SimConfig::default()
    };
    change(&mut config);
    HaloSim::start(config).await.expect("a port")
}

impl Desk {
    /// A project with these lines in its source's `spec`, besides the people.
    pub(super) async fn new(lines: &str) -> Self {
        let directory = embedded_directory().await;
        let identity = age::x25519::Identity::generate();
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("writable");
        };
        let source = include_str!("../e2e/project/source.yaml");
        let person = source.find("  person:").expect("the people");
        let head = source.find("  preset:").expect("the preset");
        write(
            "source.yaml",
            &format!("{}{lines}\n{}", &source[..head], &source[person..]),
        );
        write(
            "halosync.yaml",
            &include_str!("../e2e/project/halosync.yaml")
                .replace("RECIPIENT", &identity.to_public().to_string()),
        );
        write("target.yaml", include_str!("../e2e/project/target.yaml"));
        write(
            "employees.yaml",
            // The directory has no place for each department.
            &include_str!("../e2e/project/employees.yaml")
                .replace("OU={{ person.department }},OU=People", "OU=People"),
        );
        write(
            "lifecycle.yaml",
            include_str!("../e2e/project/lifecycle.yaml"),
        );
        write("ca.pem", directory.ca_pem());
        let key = secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let home = dir.path().join("home");
        std::fs::create_dir(&home).expect("writable");
        let environment = [
            ("CORP_LDAP_SERVER", directory.ldaps_url()),
            (
                "CORP_CA_FILE",
                dir.path().join("ca.pem").display().to_string(),
            ),
            ("CORP_READ_USER", samba::READER.0.to_owned()),
            ("CORP_READ_PASSWORD", samba::READER.1.to_owned()),
            ("CORP_WRITE_USER", samba::WRITER.0.to_owned()),
            ("CORP_WRITE_PASSWORD", samba::WRITER.1.to_owned()),
            ("CLIENT_ID", "halosync".to_owned()),
            ("SECRET", CANARY.to_owned()),
            ("USERNAME", "agent".to_owned()),
            ("AGE_KEY", key),
            ("HOME", home.display().to_string()),
        ];
        Self {
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            dir,
            identity,
            _directory: directory,
        }
    }

    /// The same with the addresses of a HaloITSM.
    pub(super) async fn at(sim: &HaloSim, lines: &str) -> Self {
        let mut desk = Self::new(lines).await;
        desk.set("HALO_RESOURCE_SERVER", sim.resource_server().as_str());
        desk.set(
            "HALO_AUTHORISATION_SERVER",
            sim.authorisation_server().as_str(),
        );
        desk.set("HALO_INSTANCE", sim.url().as_str());
        desk
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the binary; whatever it shows, it shows no secret.
    #[track_caller]
    pub(super) fn run(&self, arguments: &[&str]) -> impl Future<Output = Run> {
        let caller = std::panic::Location::caller();
        async move {
            let run = halosync(self.dir.path(), &self.environment, arguments).await;
            assert_silent(&run, &[CANARY], caller);
            run
        }
    }

    /// Plans, which reads both sides.
    #[track_caller]
    pub(super) fn plan(&self) -> impl Future<Output = Run> {
        self.run(&["plan", "-v", "-v"])
    }

    /// Begins `login` and gives the address it wants opened.
    pub(super) async fn begin_login(&self, arguments: &[&str]) -> LoginRun {
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_halosync"))
            .args(["login", "people", "-v", "-v"])
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary runs");
        let mut errors = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut stderr = String::new();
        let mut url = None;
        while url.is_none() {
            let line = tokio::time::timeout(Duration::from_secs(60), errors.next_line())
                .await
                .expect("a line in time")
                .expect("readable");
            let Some(line) = line else {
                panic!("login ended without an address:\n{stderr}");
            };
            stderr.push_str(&line);
            stderr.push('\n');
            let line = line.trim();
            if line.starts_with("http") {
                url = Some(url::Url::parse(line).expect("an address"));
            }
        }
        LoginRun {
            child,
            errors,
            stderr,
            url: url.expect("an address"),
        }
    }

    /// What is in the login's file, as whoever has the key sees it.
    pub(super) fn stored(&self, name: &str) -> serde_json::Value {
        let bytes = std::fs::read(self.path(name)).expect("a stored login");
        let plain = age::decrypt(&self.identity, &bytes).expect("our key opens it");
        serde_json::from_slice(&plain).expect("JSON")
    }

    pub(super) fn stored_token(&self, name: &str) -> String {
        self.stored(name)["refreshToken"]
            .as_str()
            .expect("a token")
            .to_owned()
    }
}

#[track_caller]
fn assert_silent(run: &Run, secrets: &[&str], caller: &std::panic::Location<'_>) {
    for secret in secrets {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [*secret, encoded.as_str(), "AGE-SECRET-KEY"] {
            for text in [&run.stdout, &run.stderr] {
                assert!(!text.contains(form), "{caller}: {form} shows in\n{text}");
            }
        }
    }
}

/// A login under way.
pub(super) struct LoginRun {
    child: tokio::process::Child,
    errors: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    stderr: String,
    /// The address to open.
    pub(super) url: url::Url,
}

impl LoginRun {
    /// A parameter of the address to open.
    pub(super) fn parameter(&self, name: &str) -> String {
        self.url
            .query_pairs()
            .find(|(found, _)| found == name)
            .unwrap_or_else(|| panic!("no {name} in {}", self.url))
            .1
            .into_owned()
    }

    /// Types a line.
    pub(super) async fn paste(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin
            .write_all(format!("{text}\n").as_bytes())
            .await
            .expect("writable");
    }

    /// Waits for the end. `secrets` are what must not have been shown.
    pub(super) async fn end(mut self, secrets: &[&str]) -> Run {
        let mut stdout = String::new();
        let mut out = self.child.stdout.take().expect("piped");
        let outcome = tokio::time::timeout(Duration::from_secs(60), async {
            out.read_to_string(&mut stdout).await.expect("UTF-8");
            while let Some(line) = self.errors.next_line().await.expect("UTF-8") {
                self.stderr.push_str(&line);
                self.stderr.push('\n');
            }
            self.child.wait().await.expect("it ends")
        })
        .await
        .expect("login ends in time");
        let run = Run {
            code: outcome.code().unwrap_or(-1),
            stdout,
            stderr: self.stderr,
        };
        let caller = std::panic::Location::caller();
        assert_silent(&run, &[CANARY], caller);
        assert_silent(&run, secrets, caller);
        run
    }
}

/// reqwest makes no client without, also where none is used.
pub(super) fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A browser as far as logging in needs one: it keeps cookies and follows nothing by itself.
pub(super) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn new() -> Self {
        install_tls();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    async fn send(&mut self, method: Method, url: &url::Url, form: &[(&str, &str)]) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self.http.request(method, url.clone());
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if !form.is_empty() {
            request = request.form(form);
        }
        let response = request.send().await.expect("an answer");
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (name, value) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a pair");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    pub(super) async fn get(&mut self, url: &url::Url) -> Response {
        self.send(Method::GET, url, &[]).await
    }

    pub(super) async fn post(&mut self, url: &url::Url, form: &[(&str, &str)]) -> Response {
        self.send(Method::POST, url, form).await
    }

    /// Opens the callback address and gives status and page.
    pub(super) async fn come_back(&mut self, url: &url::Url) -> (u16, String) {
        let response = self.get(url).await;
        let headers = response.headers();
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        let status = response.status().as_u16();
        (status, response.text().await.expect("a page"))
    }
}

/// Where a redirect leads.
#[track_caller]
pub(super) fn target(response: &Response) -> url::Url {
    let location = response
        .headers()
        .get("location")
        .unwrap_or_else(|| panic!("no redirect but {}", response.status()))
        .to_str()
        .expect("text");
    response.url().join(location).expect("an address")
}
