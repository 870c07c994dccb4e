//! A laboratory: HaloITSM, a directory, a project, and the hands of an administrator.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use ldap3::Ldap;

use halosync::sandbox::directory::{DirectoryHandle, NewEntry};
use halosync::sandbox::halo::HaloPerson;

use super::admin::connect;
use super::records::Records;
use super::site;
use crate::samba::SambaDc;
use crate::support::{Run, halosync};

/// A person in HaloITSM, as the cases describe one.
#[derive(Debug, Clone)]
pub(super) struct Joiner {
    number: u32,
    given: String,
    pub(super) surname: String,
    pub(super) department: String,
    pub(super) title: String,
    pub(super) phone: String,
    manager: Option<u32>,
    pub(super) inactive: bool,
    pub(super) ends_on: Option<String>,
    /// Instead of an address of their own.
    pub(super) email: Option<String>,
    /// At a site of another client.
    pub(super) elsewhere: bool,
}

impl Joiner {
    pub(super) fn new(number: u32, given: &str, surname: &str) -> Self {
        Self {
            number,
            given: given.to_owned(),
            surname: surname.to_owned(),
            department: "Sales".to_owned(),
            title: "Engineer".to_owned(),
            phone: String::new(),
            manager: None,
            inactive: false,
            ends_on: None,
            email: None,
            elsewhere: false,
        }
    }

    pub(super) fn department(mut self, department: &str) -> Self {
        self.department = department.to_owned();
        self
    }

    pub(super) fn phone(mut self, phone: &str) -> Self {
        self.phone = phone.to_owned();
        self
    }

    pub(super) fn manager(mut self, number: u32) -> Self {
        self.manager = Some(number);
        self
    }

    /// The person as HaloITSM keeps them.
    fn record(&self) -> HaloPerson {
        let filled = |text: &str| Some(text.to_owned());
        HaloPerson {
            emailaddress: Some(self.email.clone().unwrap_or_else(|| {
                format!(
                    "{}.{}{}@example.com",
                    self.given.trim().to_lowercase(),
                    self.surname.trim().to_lowercase(),
                    self.number
                )
            })),
            site_id: if self.elsewhere { site::ELSEWHERE } else { 1 },
            other1: Some(self.number.to_string()),
            other2: filled(&self.department),
            other3: filled(&self.title),
            other4: self.manager.map(|number| number.to_string()),
            other5: self.ends_on.clone(),
            phonenumber: filled(&self.phone),
            inactive: self.inactive,
            ..HaloPerson::new(i64::from(self.number), &self.given, &self.surname)
        }
    }
}

/// An account as the directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) dn: String,
    pub(super) attributes: BTreeMap<String, Vec<String>>,
}

impl Account {
    /// The only value of an attribute.
    #[track_caller]
    pub(super) fn one(&self, attribute: &str) -> String {
        let values = self.values(attribute);
        assert_eq!(values.len(), 1, "{attribute} of {} is {values:?}", self.dn);
        values[0].clone()
    }

    pub(super) fn values(&self, attribute: &str) -> Vec<String> {
        self.attributes
            .get(&attribute.to_lowercase())
            .cloned()
            .unwrap_or_default()
    }

    /// The only value of an attribute that holds bytes, as base64.
    #[track_caller]
    pub(super) fn bytes(&self, attribute: &str) -> String {
        let values = self.values(&format!("{attribute};bytes"));
        assert_eq!(values.len(), 1, "{attribute} of {}", self.dn);
        values[0].clone()
    }

    pub(super) fn enabled(&self) -> bool {
        self.one("userAccountControl")
            .parse::<u32>()
            .expect("a number")
            & 2
            == 0
    }
}

/// A directory to work on, with the accounts to do it.
pub(super) struct Site {
    pub(super) url: String,
    pub(super) ca_pem: String,
    /// User and password of the account that reads, of the one that writes, and of an administrator.
    pub(super) read: (String, String),
    pub(super) write: (String, String),
    pub(super) admin: (String, String),
    /// Where its global catalog is, when not on the port such catalogs have.
    pub(super) catalog: Option<String>,
    /// The embedded directory, whose forest has a domain `sales` more.
    pub(super) forest: Option<DirectoryHandle>,
    /// Ends the directory when dropped.
    pub(super) keep: Box<dyn Any + Send + Sync>,
}

pub(super) struct Lab {
    pub(super) halo: site::Halo,
    pub(super) people: Mutex<BTreeMap<u32, Joiner>>,
    pub(super) site: Site,
    pub(super) admin: Ldap,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) identity: age::x25519::Identity,
    pub(super) dir: tempfile::TempDir,
    plans: Mutex<u32>,
}

pub(super) const BASE: &str = "DC=corp,DC=example,DC=test";
const CLIENT_SECRET: &str = "canary-halo-client-secret-7f3a";

impl Lab {
    pub(super) async fn embedded() -> Self {
        Self::new(site::embedded().await).await
    }

    pub(super) async fn samba() -> Self {
        Self::new(site::samba().await).await
    }

    async fn new(site: Site) -> Self {
        let halo = site::Halo::start(CLIENT_SECRET).await;
        let identity = age::x25519::Identity::generate();
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("ca.pem"), &site.ca_pem).expect("writable");
        write_project(dir.path(), &identity.to_public().to_string());
        let environment = [
            ("HALO_RESOURCE_SERVER", halo.resource_server()),
            ("HALO_AUTHORISATION_SERVER", halo.authorisation_server()),
            ("HALO_CLIENT_ID", "halosync".to_owned()),
            ("HALO_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("CORP_LDAP_SERVER", site.url.clone()),
            (
                "CORP_CA_FILE",
                dir.path().join("ca.pem").display().to_string(),
            ),
            ("CORP_READ_USER", site.read.0.clone()),
            ("CORP_READ_PASSWORD", site.read.1.clone()),
            ("CORP_WRITE_USER", site.write.0.clone()),
            ("CORP_WRITE_PASSWORD", site.write.1.clone()),
        ];
        let environment = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let admin = connect(&site).await;
        let lab = Self {
            halo,
            people: Mutex::default(),
            site,
            admin,
            environment,
            identity,
            dir,
            plans: Mutex::new(0),
        };
        for place in [
            "OU=People",
            "OU=Groups",
            "OU=Sales,OU=People",
            "OU=Research,OU=People",
            "OU=Leavers,OU=People",
            "OU=Elsewhere",
        ] {
            lab.add_place(place).await;
        }
        for group in ["Sales", "Research", "Everyone"] {
            lab.add_group(group).await;
        }
        lab
    }

    // -- HaloITSM --------------------------------------------------------------------------------------------------

    pub(super) fn hire(&self, person: Joiner) {
        self.halo.put(person.record());
        self.people
            .lock()
            .expect("not poisoned")
            .insert(person.number, person);
    }

    pub(super) fn edit(&self, number: u32, change: impl FnOnce(&mut Joiner)) {
        let mut people = self.people.lock().expect("not poisoned");
        let person = people.get_mut(&number).expect("a known person");
        change(person);
        self.halo.put(person.record());
    }

    /// Deletes somebody's record.
    pub(super) fn fire(&self, number: u32) {
        self.halo.remove(number);
    }

    /// From this page on every answer is an error.
    pub(super) fn fail_from_page(&self, page: u64) {
        self.halo.fail_from(page);
    }

    /// The agent does not see the people of the other client any more, or sees them again.
    pub(super) fn hide_the_other_client(&self, hidden: bool) {
        self.halo.hide(hidden);
    }

    /// From now on HaloITSM claims more people than it shows.
    pub(super) fn claim_too_many(&self) {
        self.halo.claim(5);
    }

    pub(super) fn claim_honestly(&self) {
        self.halo.claim(0);
    }

    /// From now on plans are made with the administrator's eyes, who sees deleted objects.
    pub(super) fn read_as_administrator(&mut self) {
        let (user, password) = self.site.admin.clone();
        self.environment.insert("CORP_READ_USER".to_owned(), user);
        self.environment
            .insert("CORP_READ_PASSWORD".to_owned(), password);
    }

    /// From now on the global catalog is asked.
    pub(super) fn ask_global_catalog(&self) {
        let catalog = match &self.site.catalog {
            Some(url) => format!("  globalCatalog: {{servers: [\"{url}\"]}}\n  base:"),
            None => "  globalCatalog: {}\n  base:".to_owned(),
        };
        let target = include_str!("project/target.yaml").replace("  base:", &catalog);
        std::fs::write(self.dir.path().join("target.yaml"), target).expect("writable");
    }

    /// Adds a user to the other domain of the forest.
    pub(super) fn add_elsewhere(&self, name: &str, attributes: &[(&str, &str)]) {
        let dn = format!("CN={name},CN=Users,DC=sales,{BASE}");
        let mut entry = NewEntry::new(&dn, "user").with("sAMAccountName", name);
        for (attribute, value) in attributes {
            entry = entry.with(attribute, value);
        }
        let forest = self.site.forest.as_ref().expect("the embedded directory");
        forest.add_elsewhere(&entry).expect("added");
    }

    /// The project's mapping becomes the one about names.
    pub(super) fn map_names(&self, used: &str) {
        let write = |name: &str, text: &str| {
            std::fs::write(self.dir.path().join(name), text).expect("writable");
        };
        write("employees.yaml", include_str!("project/names.yaml"));
        write("used.csv", used);
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    // -- halosync --------------------------------------------------------------------------------------------------

    pub(super) async fn run(&self, arguments: &[&str]) -> Run {
        halosync(self.dir.path(), &self.environment, arguments).await
    }

    /// Runs `apply`, and looks at what it leaves.
    pub(super) async fn run_apply(&self, arguments: &[&str]) -> Run {
        let run = self.run(&[&["apply"], arguments].concat()).await;
        Records::of(self.dir.path()).assert_as_the_schemas_say();
        run
    }

    /// Probes the directory, with both accounts; gives what was found, and everything that was printed.
    pub(super) async fn probe(&self) -> (serde_json::Value, String) {
        let probe = ["probe", "directory", "corp", "--write-bind", "--format"];
        let json = self.run(&[&probe[..], &["json"]].concat()).await.expect(0);
        let text = self.run(&[&probe[..], &["text"]].concat()).await.expect(0);
        let found = serde_json::from_str(&json.stdout).expect("JSON");
        let printed = [json.stdout, json.stderr, text.stdout, text.stderr].concat();
        (found, printed)
    }

    pub(super) fn plan_file(&self) -> String {
        format!("plan-{}.json", self.plans.lock().expect("not poisoned"))
    }

    pub(super) async fn validate(&self) -> Run {
        self.run(&["validate"]).await
    }

    /// What `apply` would say of the last plan.
    pub(super) async fn verify_plan(&self) -> Run {
        self.run(&["verify", &self.plan_file()]).await
    }

    /// Puts one more file into the project.
    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).expect("writable");
    }

    /// Plans into a new file.
    pub(super) async fn plan(&self) -> Run {
        *self.plans.lock().expect("not poisoned") += 1;
        let file = self.plan_file();
        self.run(&["plan", "--out", &file]).await
    }

    /// Looks at the plan of another moment.
    pub(super) async fn plan_as_of(&self, moment: &str) -> Run {
        self.run(&["plan", "--as-of", moment]).await
    }

    /// Plans for another moment into a new file.
    pub(super) async fn plan_ahead(&self, day: &str) -> Run {
        *self.plans.lock().expect("not poisoned") += 1;
        let file = self.plan_file();
        self.run(&["plan", "--out", &file, "--as-of", day]).await
    }

    pub(super) async fn explain(&self, person: &str) -> Run {
        self.run(&["explain", person]).await
    }

    pub(super) async fn show(&self, format: &str) -> Run {
        let file = self.plan_file();
        self.run(&["show", &file, "--format", format]).await
    }

    /// Applies, and keeps the list of names given.
    pub(super) async fn apply_and_keep_names(&self, list: &str) -> Run {
        let file = self.plan_file();
        self.run_apply(&[&file, "--names", list]).await
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).expect("readable")
    }

    pub(super) async fn apply(&self) -> Run {
        let file = self.plan_file();
        self.run_apply(&[&file]).await
    }

    /// Undoes the plan that was applied last, into a new file.
    pub(super) async fn undo(&self, more: &[&str]) -> Run {
        let undone = self.plan_file();
        *self.plans.lock().expect("not poisoned") += 1;
        let file = self.plan_file();
        let arguments = ["undo", "--plan", &undone, "--out", &file];
        self.run(&[&arguments, more].concat()).await
    }

    /// The plan made last.
    pub(super) fn last_plan(&self) -> halosync::plan::PlanFile {
        halosync::plan::read(self.read(&self.plan_file()).as_bytes()).expect("a plan")
    }

    /// Puts another plan in the place of the one made last.
    pub(super) fn replace_plan(&self, plan: &halosync::plan::PlanFile) {
        let text = String::from_utf8(halosync::plan::to_bytes(plan)).expect("UTF-8");
        self.write(&self.plan_file(), &text);
    }

    /// The journal of the last plan.
    pub(super) fn journal_file(&self) -> String {
        let digest = self.last_plan().digest;
        let short = &digest["sha256:".len()..][..12];
        let plan = self.plan_file();
        format!("{}.{short}.journal.jsonl", plan.trim_end_matches(".json"))
    }

    /// Applies the last plan once more: refused while its journal is there, and without it nothing is done twice.
    pub(super) async fn apply_again(&self) {
        let again = self.apply().await.expect(8);
        assert!(
            again.stderr.contains("applied completely"),
            "{}",
            again.stderr
        );
        let file = self.plan_file();
        self.run(&["verify", &file]).await.expect(8);
        self.verify_journal().await;
        self.apply_with_another_journal(&[]).await.expect(0);
    }

    /// The journal of the last apply is what its plan and its report say, and its end cannot be cut off unnoticed.
    async fn verify_journal(&self) {
        let file = self.plan_file();
        let bytes = std::fs::read(self.dir.path().join(&file)).expect("readable");
        let plan = halosync::plan::read(&bytes).expect("a plan");
        let beside = |suffix: &str| {
            let short = &plan.digest["sha256:".len()..][..12];
            format!("{}.{short}.{suffix}", file.trim_end_matches(".json"))
        };
        let (journal, report) = (beside("journal.jsonl"), beside("report.json"));
        let verify = [
            "verify", "journal", &journal, "--plan", &file, "--report", &report,
        ];
        let verified = self.run(&verify).await.expect(0);
        assert!(
            !verified.stdout.contains("not checked"),
            "{}",
            verified.stdout
        );
        let path = self.dir.path().join(&journal);
        let whole = std::fs::read_to_string(&path).expect("readable");
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        std::fs::write(&path, lines[..lines.len() - 1].concat()).expect("writable");
        let cut = self.run(&verify).await.expect(6);
        assert!(cut.stdout.contains("the end was cut off"), "{}", cut.stdout);
        std::fs::write(&path, whole.replace("\"counts\"", "\"counts\" ")).expect("writable");
        let edited = self.run(&verify).await.expect(6);
        assert!(
            edited.stdout.contains("is not the one"),
            "{}",
            edited.stdout
        );
        std::fs::write(&path, whole).expect("writable");
    }

    /// The plan of the last `plan`, for a directory that has the same objects and is another one.
    pub(super) async fn apply_to_another_domain(&self) -> Run {
        let file = self.plan_file();
        let path = self.dir.path().join(&file);
        let bytes = std::fs::read(&path).expect("readable");
        let mut plan = halosync::plan::read(&bytes).expect("a plan").content;
        for identity in plan.targets.values_mut() {
            identity.domain_guid = halosync::model::Guid::numbered(77);
        }
        let forged = halosync::plan::to_bytes(&halosync::plan::seal(plan));
        std::fs::write(&path, forged).expect("writable");
        let run = self.apply().await;
        std::fs::write(&path, bytes).expect("writable");
        run
    }

    /// Applies as on a machine that has no journal of what was applied before.
    pub(super) async fn apply_with_another_journal(&self, more: &[&str]) -> Run {
        let file = self.plan_file();
        let journal = self.dir.path().join(format!("{file}.another.jsonl"));
        let _ = std::fs::remove_file(&journal);
        let journal = journal.display().to_string();
        let apply = [&file, "--journal", &journal];
        self.run_apply(&[&apply[..], more].concat()).await
    }

    pub(super) async fn apply_with(&self, more: &[&str]) -> Run {
        let file = self.plan_file();
        self.run_apply(&[&[&file[..]], more].concat()).await
    }

    /// Plans and applies, whatever there is.
    pub(super) async fn settle(&self) {
        self.plan().await.expect(0);
        self.apply().await.expect(0);
    }

    /// P7: planning again finds nothing.
    #[track_caller]
    pub(super) fn assert_converged(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let again = self.run(&["plan", "--detailed-exitcode"]).await;
            assert_eq!(
                again.code, 0,
                "{caller}: the plan is not empty\n{}{}",
                again.stdout, again.stderr
            );
        }
    }

    // -- secrets ---------------------------------------------------------------------------------------------------

    pub(super) fn secrets(&self) -> Vec<String> {
        vec![
            CLIENT_SECRET.to_owned(),
            self.site.read.1.clone(),
            self.site.write.1.clone(),
        ]
    }

    /// The decrypted lines of all files of initial passwords.
    pub(super) fn password_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in std::fs::read_dir(self.dir.path()).expect("readable") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|extension| extension == "age") {
                let bytes = std::fs::read(&path).expect("readable");
                let plain = age::decrypt(&self.identity, &bytes).expect("our key opens it");
                let plain = String::from_utf8(plain).expect("UTF-8");
                lines.extend(
                    plain
                        .lines()
                        .filter(|line| line.contains('{'))
                        .map(str::to_owned),
                );
            }
        }
        lines
    }

    pub(super) fn passwords(&self) -> Vec<String> {
        let passwords: Vec<String> = self
            .password_lines()
            .iter()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
                line["password"].as_str().expect("a password").to_owned()
            })
            .collect();
        assert!(!passwords.is_empty());
        passwords
    }

    #[track_caller]
    pub(super) fn assert_no_file_contains(&self, secret: &str) {
        for entry in std::fs::read_dir(self.dir.path()).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_file() {
                let bytes = std::fs::read(&path).expect("readable");
                let found = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "{} holds a secret", path.display());
            }
        }
    }

    /// The domain controller itself, where it is a real one.
    pub(super) fn controller(&self) -> &SambaDc {
        self.site.keep.downcast_ref().expect("a real one")
    }

    /// The embedded directory's own hands; `None` for a real one.
    pub(super) fn hands(&self) -> Option<&DirectoryHandle> {
        self.site.forest.as_ref()
    }
}

/// A project of the usual shape.
pub(super) fn write_project(dir: &Path, recipient: &str) {
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).expect("writable");
    write(
        "halosync.yaml",
        &include_str!("project/halosync.yaml").replace("RECIPIENT", recipient),
    );
    write("source.yaml", include_str!("project/source.yaml"));
    write("target.yaml", include_str!("project/target.yaml"));
    write("employees.yaml", include_str!("project/employees.yaml"));
    write("lifecycle.yaml", include_str!("project/lifecycle.yaml"));
    write("groups.yaml", include_str!("project/groups.yaml"));
}
