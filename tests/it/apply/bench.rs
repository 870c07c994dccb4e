//! The bench the tests of apply stand on: a plan with every action, a journal in memory, a place for passwords.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use halosync::apply::{
    self, ApplyError, Cancel, ChangeOutcome, History, Journal, Medium, NewPassword, Options,
    Outcome, PasswordError, PasswordSink, Retry, Selection,
};
use halosync::model::{DeletionFacts, Dn, Name, PersonKey};
use halosync::plan::{
    self, Action, AttributeChange, Cause, Change, ChangeId, Counts, Inputs, ObjectRef,
    PasswordPolicy, PersonRef, Plan, PlanFile, PlanValue, Reason, Recovery, Risk, RuleIndex,
};
use secrecy::ExposeSecret;
use tokio::sync::Notify;

use super::world::{State, World, dn, guid, identity};

/// Stands for the digest of whatever the plan is when it is applied.
const OWN_DIGEST: &str = "";

pub(crate) fn text(name: &str, before: &[&str], after: &[&str]) -> AttributeChange {
    let values = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| PlanValue::Text((*text).to_owned()))
            .collect()
    };
    AttributeChange {
        name: name.to_owned(),
        before: values(before),
        after: values(after),
        merge: false,
        rule: RuleIndex(0),
        facts: BTreeMap::new(),
        cut_from: None,
        never_reuse: None,
    }
}

pub(crate) fn link(name: &str, before: &[ObjectRef], after: &[ObjectRef]) -> AttributeChange {
    let values = |objects: &[ObjectRef]| objects.iter().cloned().map(PlanValue::Object).collect();
    AttributeChange {
        before: values(before),
        after: values(after),
        ..text(name, &[], &[])
    }
}

pub(crate) fn existing(n: u8, name: &str) -> ObjectRef {
    ObjectRef::existing(guid(n), dn(name))
}

pub(crate) fn made_by(change: &str, name: &str) -> ObjectRef {
    ObjectRef::made_by(ChangeId(change.into()), dn(name))
}

pub(crate) fn new(name: &str) -> ObjectRef {
    ObjectRef {
        created_by: None,
        ..made_by("", name)
    }
}

pub(crate) fn change(id: &str, object: ObjectRef, action: Action) -> Change {
    Change {
        id: ChangeId(id.into()),
        person: PersonRef {
            source: Name::new("people"),
            key: PersonKey::new("1"),
            label: "Jane Doe".to_owned(),
        },
        target: Name::new("corp"),
        object,
        action,
        depends_on: Vec::new(),
        because: Reason {
            text: "a rule".to_owned(),
            rule: RuleIndex(0),
            facts: BTreeMap::new(),
        },
        cause: Cause::Source,
        risk: Risk::Low,
        recovery: Recovery::Full,
        privileged: false,
        unit: None,
    }
}

pub(crate) fn after(mut change: Change, needed: &[&str]) -> Change {
    change.depends_on = needed.iter().map(|id| ChangeId((*id).into())).collect();
    change
}

pub(crate) fn create(attributes: Vec<AttributeChange>, enable: bool) -> Action {
    Action::Create {
        attributes,
        password: PasswordPolicy {
            length: 20,
            must_change: true,
        },
        enable,
        replaces: None,
    }
}

pub(crate) fn plan(changes: Vec<Change>) -> PlanFile {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    PlanFile {
        format: plan::FORMAT.to_owned(),
        digest: OWN_DIGEST.to_owned(),
        content: Plan {
            tool_version: "0".to_owned(),
            project: Name::new("acme"),
            as_of: at(0),
            not_after: at(1_000_000),
            inputs: Inputs {
                undoes: None,
                last_good: None,
                commit: None,
                author: None,
                uncommitted: false,
                files: BTreeMap::new(),
                people: BTreeMap::new(),
                directories: BTreeMap::new(),
            },
            targets: BTreeMap::from([(Name::new("corp"), identity())]),
            password_recipients: Vec::new(),
            counts: Counts::default(),
            people_of_targets: BTreeMap::new(),
            removals_held: false,
            narrowed: None,
            base: None,
            since: None,
            rules: Vec::new(),
            guards: Vec::new(),
            waivers: Vec::new(),
            approvals: Vec::new(),
            changes,
            held: Vec::new(),
            exceptions: Vec::new(),
            warnings: Vec::new(),
            calendar: Vec::new(),
        },
    }
}

const PEOPLE: &str = "OU=People,DC=example,DC=test";
const LEAVERS: &str = "OU=Leavers,DC=example,DC=test";

pub(crate) fn person(name: &str) -> String {
    dn(PEOPLE).child("CN", name).as_str().to_owned()
}

pub(crate) fn leaver(name: &str) -> String {
    dn(LEAVERS).child("CN", name).as_str().to_owned()
}

/// Of a leaver who was disabled long ago.
pub(crate) fn disabled() -> DeletionFacts {
    DeletionFacts {
        control_changed: Some(jiff::Timestamp::UNIX_EPOCH),
        protected: Some(false),
        password_changed: None,
        last_written: Some(jiff::Timestamp::UNIX_EPOCH),
    }
}

/// The deletion of that leaver.
pub(crate) fn delete_old() -> Change {
    let value = |text: &str| vec![PlanValue::Text(text.to_owned())];
    change(
        "delete-old",
        existing(6, &leaver("Old")),
        Action::Delete {
            disabled_since: jiff::Timestamp::UNIX_EPOCH,
            anchor: "employeeID".to_owned(),
            last_written: Some(jiff::Timestamp::UNIX_EPOCH),
            restorable_days: Some(180),
            before: BTreeMap::from([
                ("employeeID".to_owned(), value("E9")),
                ("userAccountControl".to_owned(), value("66050")),
            ]),
        },
    )
}

/// A directory with a few people and two groups.
pub(crate) fn world() -> World {
    let mut state = State::default();
    let normal = ("userAccountControl", "66048");
    state.put(
        1,
        &person("Ann"),
        &[normal, ("title", "Clerk"), ("department", "R&D")],
    );
    state.put(2, &person("Bob"), &[("userAccountControl", "66050")]);
    state.put(3, &person("Cy, old"), &[normal]);
    state.put(4, &person("Dee"), &[normal, ("mail", "dee@example.com")]);
    state.put(5, &person("Eve"), &[normal, ("title", "Boss")]);
    state.put(21, "CN=Staff,OU=Groups,DC=example,DC=test", &[]);
    state.put(22, "CN=VPN,OU=Groups,DC=example,DC=test", &[]);
    state.put(
        6,
        &leaver("Old"),
        &[("userAccountControl", "66050"), ("employeeID", "E9")],
    );
    state.deletion.insert(guid(6), disabled());
    let vpn = state.objects.get_mut(&guid(22)).unwrap();
    vpn.members.extend([guid(3), guid(6)]);
    let ann = state.objects.get_mut(&guid(1)).unwrap();
    ann.links.insert("manager".to_owned(), guid(5));
    World::new(state)
}

pub(crate) fn ann() -> ObjectRef {
    existing(1, &person("Ann"))
}

pub(crate) fn bob() -> ObjectRef {
    existing(2, &person("Bob"))
}

pub(crate) fn cy() -> ObjectRef {
    existing(3, &person("Cy, old"))
}

pub(crate) fn eve() -> ObjectRef {
    existing(5, &person("Eve"))
}

pub(crate) fn staff() -> ObjectRef {
    existing(21, "CN=Staff,OU=Groups,DC=example,DC=test")
}

pub(crate) fn vpn() -> ObjectRef {
    existing(22, "CN=VPN,OU=Groups,DC=example,DC=test")
}

/// One of every action, with references among them.
pub(crate) fn full_plan() -> PlanFile {
    let fay = || made_by("create-fay", &person("Fay \"F\" O'Hara, #1"));
    plan(vec![
        change(
            "create-fay",
            new(&person("Fay \"F\" O'Hara, #1")),
            create(
                vec![
                    text("cn", &[], &["Fay \"F\" O'Hara, #1"]),
                    text("employeeID", &[], &["E6"]),
                    link("manager", &[], &[eve()]),
                    text("sAMAccountName", &[], &["fay"]),
                ],
                true,
            ),
        ),
        change(
            "create-gus",
            new(&person("Gus")),
            create(
                vec![
                    text("employeeID", &[], &["E7"]),
                    link("manager", &[], &[fay()]),
                    text("otherTelephone", &[], &["1", "2"]),
                    text("sAMAccountName", &[], &["gus"]),
                ],
                true,
            ),
        ),
        change(
            "modify-ann",
            ann(),
            Action::Modify {
                attributes: vec![
                    text("department", &["R&D"], &["Research"]),
                    link("manager", &[eve()], &[fay()]),
                    text("title", &["Clerk"], &[]),
                ],
            },
        ),
        change(
            "adopt-dee",
            existing(4, &person("Dee")),
            Action::Adopt {
                attribute: text("employeeID", &[], &["E4"]),
                recognised: None,
                evidence: "mail = dee@example.com".to_owned(),
            },
        ),
        change(
            "enable-bob",
            bob(),
            Action::Enable {
                initial_password: None,
            },
        ),
        change("disable-cy", cy(), Action::Disable {}),
        change(
            "rename-cy",
            cy(),
            Action::Rename {
                before: "Cy, old".to_owned(),
                after: "Cy, new".to_owned(),
                rule: RuleIndex(0),
            },
        ),
        after(
            change(
                "move-cy",
                cy(),
                Action::Move {
                    before: dn(PEOPLE),
                    after: dn(LEAVERS),
                    rule: RuleIndex(0),
                },
            ),
            &["rename-cy"],
        ),
        change("staff-ann", staff(), Action::AddMember { member: ann() }),
        change("staff-fay", staff(), Action::AddMember { member: fay() }),
        change("vpn-cy", vpn(), Action::RemoveMember { member: cy() }),
        change(
            "rename-eve",
            eve(),
            Action::Rename {
                before: "Eve".to_owned(),
                after: "Eve Adams".to_owned(),
                rule: RuleIndex(0),
            },
        ),
        delete_old(),
    ])
}

/// Passwords as people who may open the file would see them.
#[derive(Default)]
pub(crate) struct Envelope {
    pub(crate) kept: Mutex<Vec<(Dn, jiff::Timestamp, String)>>,
    pub(crate) void: Mutex<Vec<String>>,
    pub(crate) fails: bool,
    /// True when it is known beforehand that nothing can be kept.
    pub(crate) unusable: bool,
}

impl Envelope {
    pub(crate) fn all(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        kept.iter()
            .map(|(_, _, password)| password.clone())
            .collect()
    }

    pub(crate) fn latest(&self, name: &str) -> Option<String> {
        let kept = self.kept.lock().unwrap();
        let void = self.void.lock().unwrap();
        let of = kept
            .iter()
            .filter(|one| one.0.key() == dn(name).key() && !void.contains(&one.2));
        of.max_by_key(|one| one.1).map(|one| one.2.clone())
    }
}

impl PasswordSink for Envelope {
    fn keep(&self, one: NewPassword) -> Result<(), PasswordError> {
        if self.fails {
            return Err(PasswordError::Encryption {
                message: "no disk".to_owned(),
            });
        }
        let secret = one.password.expose_secret().to_owned();
        self.kept
            .lock()
            .unwrap()
            .push((dn(&one.dn), one.at, secret));
        Ok(())
    }

    fn prepare(&self) -> Result<(), PasswordError> {
        if self.unusable {
            return Err(PasswordError::Folder {
                path: PathBuf::from("nowhere"),
                cause: std::io::ErrorKind::NotFound.into(),
            });
        }
        Ok(())
    }

    fn withdraw(&self, one: NewPassword) -> Result<(), PasswordError> {
        let secret = one.password.expose_secret().to_owned();
        self.void.lock().unwrap().push(secret);
        Ok(())
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![PathBuf::from("passwords-1.age")]
    }
}

/// How much of a line reaches the medium when the program dies at it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    Nothing,
    Half,
    All,
}

struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
    dies_at: Option<(usize, Cut)>,
    appended: usize,
    killed: Arc<Notify>,
}

impl Medium for Memory {
    fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        let number = self.appended;
        self.appended += 1;
        if let Some((at, cut)) = self.dies_at
            && number >= at
        {
            if number == at {
                match cut {
                    Cut::Nothing => {}
                    Cut::Half => bytes.extend_from_slice(&line[..line.len() / 2]),
                    Cut::All => bytes.extend_from_slice(line),
                }
                self.killed.notify_one();
            }
            return Err(std::io::Error::other("killed"));
        }
        bytes.extend_from_slice(line);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything an apply needs, and what it leaves behind.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) others: BTreeMap<Name, World>,
    pub(crate) plan: PlanFile,
    pub(crate) journal: Arc<Mutex<Vec<u8>>>,
    pub(crate) envelope: Option<Arc<Envelope>>,
    pub(crate) concurrency: usize,
    pub(crate) cancel: Cancel,
    pub(crate) selection: Selection,
    pub(crate) bounds: BTreeMap<Name, apply::Bounds>,
    pub(crate) dies_at_line: Option<(usize, Cut)>,
    pub(crate) survives: bool,
    /// The plan the journal belongs to, when it is another one.
    pub(crate) journal_of: Option<String>,
    pub(crate) clock: Arc<AtomicI64>,
}

impl Bench {
    pub(crate) fn new(world: World, plan: PlanFile) -> Self {
        Self {
            world,
            others: BTreeMap::new(),
            plan,
            journal: Arc::default(),
            envelope: Some(Arc::default()),
            concurrency: 1,
            cancel: Cancel::never(),
            selection: Selection::default(),
            bounds: BTreeMap::new(),
            dies_at_line: None,
            survives: false,
            journal_of: None,
            clock: Arc::new(AtomicI64::new(1000)),
        }
    }

    pub(crate) fn full() -> Self {
        Self::new(world(), full_plan())
    }

    /// From now on this attribute tells whose an account is, and every account of the bench is managed.
    pub(crate) fn know_the_anchor(&mut self, attribute: &str) {
        let bounds = apply::Bounds {
            accounts: vec![dn(PEOPLE).key(), dn(LEAVERS).key()],
            groups: vec![dn("OU=Groups,DC=example,DC=test").key()],
            anchors: vec![attribute.to_owned()],
            ..apply::Bounds::default()
        };
        self.bounds.insert(Name::new("corp"), bounds);
    }

    pub(crate) fn options(&self) -> Options {
        let clock = self.clock.clone();
        Options {
            zone: jiff::tz::TimeZone::UTC,
            clock: Arc::new(move || {
                jiff::Timestamp::from_second(clock.fetch_add(1, Ordering::SeqCst)).unwrap()
            }),
            concurrency: self.concurrency,
            retry: Retry {
                retries: 3,
                first_wait: Duration::from_micros(10),
                longest_wait: Duration::from_micros(10),
            },
            cancel: self.cancel.clone(),
            selection: self.selection.clone(),
            bounds: self.bounds.clone(),
        }
    }

    /// Applies in a runtime of its own. `None` when the program "died".
    pub(crate) fn try_apply(&self) -> Option<Result<Outcome, ApplyError>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(self.applying())
    }

    pub(crate) async fn applying(&self) -> Option<Result<Outcome, ApplyError>> {
        let digest = plan::digest(&self.plan.content);
        let mut file = self.plan.clone();
        if file.digest == OWN_DIGEST {
            file.digest = digest.clone();
        }
        let digest = self.journal_of.clone().unwrap_or(digest);
        let history = {
            let mut bytes = self.journal.lock().unwrap();
            let history = History::read(&bytes, &digest).unwrap();
            bytes.truncate(history.valid_bytes());
            history
        };
        let medium = Memory {
            bytes: self.journal.clone(),
            dies_at: self.dies_at_line,
            appended: 0,
            killed: if self.survives {
                Arc::default()
            } else {
                self.world.killed.clone()
            },
        };
        let now = jiff::Timestamp::from_second(1000).unwrap();
        let journal =
            Journal::start(Path::new("memory"), &digest, history, medium, "0", now).unwrap();
        let mut writers = self.others.clone();
        writers.insert(Name::new("corp"), self.world.clone());
        let sink = self
            .envelope
            .clone()
            .map(|envelope| envelope as Arc<dyn PasswordSink>);
        let options = self.options();
        let result = tokio::select! {
            biased;
            () = self.world.killed.notified() => None,
            result = apply::run(&file, &writers, &journal, sink, &options, &()) => Some(result),
        };
        drop(journal);
        // Whatever happens, nothing is written that an undo would have to refuse.
        let told = apply::contradictions(&self.journal.lock().unwrap(), &file);
        assert_eq!(told, Vec::<String>::new());
        // The journal's thread may have died so fast that the run saw its end first.
        let killed = self.world.killed.notified().now_or_never().is_some();
        result.filter(|_| !killed)
    }

    pub(crate) fn apply(&self) -> Outcome {
        self.try_apply()
            .expect("it lives")
            .expect("the plan is accepted")
    }

    /// Applies with a journal whose medium fails, as a full disk would, instead of the program dying with it.
    pub(crate) fn apply_despite_the_journal(&mut self) -> Outcome {
        self.survives = true;
        let outcome = self.apply();
        self.survives = false;
        outcome
    }

    pub(crate) fn refused(&self) -> ApplyError {
        let error = self
            .try_apply()
            .expect("it lives")
            .expect_err("the plan is refused");
        assert_eq!(self.world.edit(|state| state.writes), 0, "{error}");
        error
    }

    pub(crate) fn forget_the_journal(&self) {
        self.journal.lock().unwrap().clear();
    }

    pub(crate) fn journal_text(&self) -> String {
        String::from_utf8(self.journal.lock().unwrap().clone()).unwrap()
    }

    /// Applies again, with and without the journal: nothing is left to do, nothing is written, and the passwords in
    /// the envelope are those in force.
    pub(crate) fn assert_converged(&self, about: &str) {
        let (shape, writes) = (self.world.shape(), self.world.edit(|state| state.writes));
        for forget in [false, true] {
            if forget {
                self.forget_the_journal();
            }
            let outcome = self.apply();
            for report in &outcome.changes {
                assert_eq!(
                    report.outcome,
                    ChangeOutcome::AlreadyAsDesired {},
                    "{about}: {} (journal forgotten: {forget})",
                    report.id.0
                );
            }
            assert_eq!(outcome.verdict, apply::Verdict::Applied);
            assert_eq!(self.world.shape(), shape, "{about}");
            assert_eq!(self.world.edit(|state| state.writes), writes, "{about}");
        }
        let envelope = self.envelope.as_ref().unwrap();
        self.world.edit(|state| {
            for object in state.objects.values() {
                if object.password.as_deref() != Some("earlier") {
                    assert_eq!(
                        object.password,
                        envelope.latest(object.dn.as_str()),
                        "{about}: {}",
                        object.dn
                    );
                }
            }
        });
    }
}

pub(crate) fn outcome_of<'a>(outcome: &'a Outcome, id: &str) -> &'a ChangeOutcome {
    let found = outcome.changes.iter().find(|report| report.id.0 == id);
    &found.unwrap_or_else(|| panic!("no change {id}")).outcome
}
