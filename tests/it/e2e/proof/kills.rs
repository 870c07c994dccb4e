//! P6 with the real program: killed by SIGKILL at every boundary of the journal, and run again.
//!
//! A boundary is found without a hook in the program: of the requests of an undisturbed run the first is noted that
//! meets each length of the journal. The program is killed while the proxy holds that request, and once more for each
//! write while it holds the answer to it. So every state of the journal that a request can meet is met: after each line,
//! with the announced write not there yet, and there and unanswered. Between the journal's first two lines, and behind
//! its last, there is no request: the first are met by a limit to the size of files, on which the system itself kills,
//! the last by watching the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use secrecy::SecretString;

use super::proxy::{Fate, Proxy, Request};
use super::scene::{self, Extent, PLAN, UNDO, World};
use crate::e2e::lab::Lab;
use crate::e2e::leaving;
use crate::e2e::records::Records;

pub(super) const JOURNAL: &str = "journal.jsonl";
/// Makes the undo of the plan.
const UNDOING: [&str; 5] = ["undo", "--plan", PLAN, "--out", UNDO];

/// Where the program dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// With this request, counted from the start, on its way.
    Request(usize),
    /// After this request took effect, before it is answered.
    Answer(usize),
}

impl Point {
    fn fate(self, request: &Request) -> Fate {
        match self {
            Self::Request(number) if number == request.number => Fate::HoldRequest,
            Self::Answer(number) if number == request.number => Fate::HoldAnswer,
            _ => Fate::Pass,
        }
    }
}

/// What an undisturbed run is like.
struct Undisturbed {
    points: Vec<Point>,
    world: World,
    /// Lines of its journal.
    lines: usize,
}

pub(super) fn lines(journal: &Path) -> usize {
    let bytes = std::fs::read(journal).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

pub(super) fn through(lab: &Lab, proxy: &Proxy) -> BTreeMap<String, String> {
    let authority = lab.dir.path().join("proxy.pem");
    std::fs::write(&authority, &proxy.ca_pem).expect("writable");
    let mut environment = lab.environment.clone();
    environment.insert("CORP_LDAP_SERVER".to_owned(), proxy.url.clone());
    environment.insert("CORP_CA_FILE".to_owned(), authority.display().to_string());
    environment
}

/// The plan that is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Plan,
    /// The undo of it, once it has been applied.
    Undo,
}

impl What {
    fn file(self) -> &'static str {
        match self {
            Self::Plan => PLAN,
            Self::Undo => UNDO,
        }
    }

    pub(super) fn apply(self) -> [&'static str; 6] {
        [
            "apply",
            self.file(),
            "--journal",
            JOURNAL,
            "--concurrency",
            "1",
        ]
    }

    /// Nothing is left to do.
    async fn assert_settled(self, lab: &Lab) {
        match self {
            Self::Plan => lab.assert_converged().await,
            Self::Undo => {
                let again = ["undo", "--plan", PLAN, "--detailed-exitcode"];
                let again = lab.run(&again).await.expect(0);
                assert!(again.stdout.contains("undo-already"), "{}", again.stdout);
            }
        }
    }
}

async fn undisturbed(lab: &Lab, what: What) -> Undisturbed {
    let proxy = Proxy::before(&lab.site).await;
    let journal = lab.dir.path().join(JOURNAL);
    let seen: Arc<Mutex<Vec<(usize, bool)>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let file: PathBuf = journal.clone();
    proxy.follow(move |request| {
        noted
            .lock()
            .expect("not poisoned")
            .push((lines(&file), request.is_write()));
        Fate::Pass
    });
    let environment = through(lab, &proxy);
    crate::support::halosync(lab.dir.path(), &environment, &what.apply())
        .await
        .expect(0);
    let seen = std::mem::take(&mut *seen.lock().expect("not poisoned"));
    let mut points = Vec::new();
    let mut met = BTreeSet::from([0]);
    for (number, (length, write)) in seen.iter().enumerate() {
        if met.insert(*length) {
            points.push(Point::Request(number));
        }
        if *write {
            points.push(Point::Answer(number));
        }
    }
    let lines = lines(&journal);
    // The header and the run are written at once, and so is the end, after the last request.
    // Whether the first look meets those two on disk is a matter of time; other tests are killed right there.
    met.insert(2);
    let all: BTreeSet<usize> = std::iter::once(0).chain(2..lines).collect();
    assert_eq!(met, all, "a boundary no request meets");
    let world = scene::look(lab).await;
    what.assert_settled(lab).await;
    Undisturbed {
        points,
        world,
        lines,
    }
}

/// The program on its way.
fn start(lab: &Lab, environment: &BTreeMap<String, String>, what: What) -> tokio::process::Child {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_halosync"));
    command.args(what.apply());
    spawn(command, lab, environment)
}

fn spawn(
    mut command: tokio::process::Command,
    lab: &Lab,
    environment: &BTreeMap<String, String>,
) -> tokio::process::Child {
    command
        .current_dir(lab.dir.path())
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs")
}

/// Dies at a point, is run again, and ends where an undisturbed run ends.
async fn dies(lab: &Lab, proxy: &Proxy, point: Point, what: What, undisturbed: &Undisturbed) {
    let about = format!("{point:?}");
    proxy.follow(move |request| point.fate(request));
    let mut child = start(lab, &through(lab, proxy), what);
    tokio::select! {
        () = proxy.held() => {}
        ended = child.wait() => panic!("{about}: not reached, {ended:?}"),
    }
    // SIGKILL.
    child.kill().await.expect("it lives");
    proxy.quiet().await;
    proxy.pass();
    goes_on(lab, what, undisturbed, &about).await;
}

/// Is run again after it died, and ends where an undisturbed run ends.
async fn goes_on(lab: &Lab, what: What, undisturbed: &Undisturbed, about: &str) {
    let length = lines(&lab.dir.path().join(JOURNAL));
    let verify = ["verify", "journal", JOURNAL, "--plan", what.file()];
    let verified = lab.run(&verify).await;
    // A journal without a whole line proves nothing, and begins anew.
    let expected: &[i32] = if length == 0 { &[6] } else { &[0, 4] };
    assert!(
        expected.contains(&verified.code),
        "{about}: {}{}",
        verified.stdout,
        verified.stderr
    );
    let resumed = lab.run(&what.apply()).await;
    Records::of(lab.dir.path()).assert_as_the_schemas_say();
    // With the last outcome in the journal nothing is left but to say so.
    let complete = resumed.code == 8 && length + 1 >= undisturbed.lines;
    assert!(
        resumed.code == 0 || complete,
        "{about}: {}{}{}",
        resumed.code,
        resumed.stdout,
        resumed.stderr
    );
    scene::assert_same(&scene::look(lab).await, &undisturbed.world, about);
    what.assert_settled(lab).await;
    lab.run(&verify).await.expect(0);
    if let (Some(hands), What::Plan) = (lab.hands(), what) {
        // The password handed out for a new account is the one it has.
        for name in ["Fay", "Gus"] {
            let account = lab.dn(&format!("CN={name} New,OU=Sales,OU=People"));
            let last = lab.password_lines().into_iter().filter_map(|line| {
                let line: serde_json::Value = serde_json::from_str(&line).ok()?;
                let ours = line["dn"] == account.as_str() && line["void"] != true;
                ours.then(|| {
                    let at = line["at"].as_str().expect("a moment");
                    let at: jiff::Timestamp = at.parse().expect("a moment");
                    (at, line["password"].as_str().map(str::to_owned))
                })
            });
            let (_, password) = last.max().unwrap_or_else(|| panic!("{about}: {name}"));
            let password = SecretString::from(password.expect("a password"));
            if let Err(refused) = hands.try_password(&account, &password) {
                // 773: right, and to be changed at first logon ([MS-ERREF] 1907).
                let refused = format!("{refused:?}");
                assert!(refused.contains("773"), "{about}: {name}: {refused}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_boundary_of_the_journal() {
    let reference = Lab::embedded().await;
    scene::set(&reference, Extent::All).await;
    reference.plan().await.expect(0);
    scene::assert_kinds(&reference, Extent::All);
    let undisturbed = undisturbed(&reference, What::Plan).await;
    println!(
        "{} points, {} lines",
        undisturbed.points.len(),
        undisturbed.lines
    );
    let (reference, undisturbed) = (&reference, &undisturbed);
    futures::stream::iter(&undisturbed.points)
        .for_each_concurrent(2, |point| async move {
            // The same operations on the same seed give the same directory, identities included: the plan is its, too.
            let lab = again(reference, Extent::All).await;
            let proxy = Proxy::before(&lab.site).await;
            dies(&lab, &proxy, *point, What::Plan, undisturbed).await;
        })
        .await;
}

/// A sample: one point of each sort, spread over the plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_writing_to_samba() {
    let mut lab = Lab::samba().await;
    scene::set(&lab, Extent::NoDeletion).await;
    lab.plan().await.expect(0);
    scene::assert_kinds(&lab, Extent::NoDeletion);
    let undisturbed = undisturbed(&lab, What::Plan).await;
    let every = undisturbed.points.len() / 6;
    let proxy = Proxy::before(&lab.site).await;
    for point in undisturbed.points.iter().skip(every / 2).step_by(every) {
        lab.start_over().await;
        scene::set(&lab, Extent::NoDeletion).await;
        lab.run(&["plan", "--out", PLAN]).await.expect(0);
        let other = dies_elsewhere(&lab, &undisturbed).await;
        dies(&lab, &proxy, *point, What::Plan, &other).await;
    }
}

/// An undisturbed run of accounts that were made anew: all the same but who they are.
async fn dies_elsewhere(lab: &Lab, undisturbed: &Undisturbed) -> Undisturbed {
    let now: BTreeMap<String, (Vec<String>, Vec<String>)> = scene::remember(lab)
        .await
        .into_iter()
        .map(|account| {
            let name = account.values("sAMAccountName");
            let of = |what: &str| account.values(what);
            (
                name.concat(),
                (of("objectGUID;bytes"), of("objectSid;bytes")),
            )
        })
        .collect();
    let mut world = undisturbed.world.clone();
    for attributes in world.values_mut() {
        let Some(name) = attributes.get("samaccountname").map(|name| name.concat()) else {
            continue;
        };
        let Some((guid, sid)) = now.get(&name) else {
            continue;
        };
        for (attribute, value) in [("objectguid;bytes", guid), ("objectsid;bytes", sid)] {
            if let Some(slot) = attributes.get_mut(attribute) {
                slot.clone_from(value);
            }
        }
    }
    Undisturbed {
        points: Vec::new(),
        world,
        lines: undisturbed.lines,
    }
}

/// The same company once more, with the plan of the first.
async fn again(reference: &Lab, extent: Extent) -> Lab {
    let mut lab = Lab::embedded().await;
    lab.identity = reference.identity.clone();
    scene::set(&lab, extent).await;
    for file in ["halosync.yaml", PLAN] {
        lab.write(file, &reference.read(file));
    }
    lab
}

/// Dies in the middle of the write that takes a file beyond so many bytes: the system kills it (`RLIMIT_FSIZE`, SIGXFSZ).
#[cfg(target_os = "linux")]
async fn dies_beyond(lab: &Lab, bytes: usize) {
    use std::os::unix::process::ExitStatusExt as _;

    const SIGXFSZ: i32 = 25;
    let mut command = tokio::process::Command::new("prlimit");
    command
        .arg(format!("--fsize={bytes}"))
        .args(["--core=0", "--", env!("CARGO_BIN_EXE_halosync")])
        .args(What::Plan.apply());
    let mut environment = lab.environment.clone();
    let path = std::env::var_os("PATH").and_then(|path| path.into_string().ok());
    environment.extend(path.map(|path| ("PATH".to_owned(), path)));
    let ended = spawn(command, lab, &environment).wait().await;
    let ended = ended.expect("prlimit of util-linux is installed");
    assert_eq!(ended.signal(), Some(SIGXFSZ), "{bytes}: {ended}");
    let journal = std::fs::metadata(lab.dir.path().join(JOURNAL));
    assert_eq!(journal.expect("a journal").len(), bytes as u64);
}

/// Before the first line, in the middle of it, behind it, and in the middle of the second: nothing was sent yet.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_first_two_lines_of_the_journal() {
    let reference = Lab::embedded().await;
    scene::set(&reference, Extent::All).await;
    reference.plan().await.expect(0);
    let undisturbed = undisturbed(&reference, What::Plan).await;
    let first = reference.read(JOURNAL).find('\n').expect("a line") + 1;
    let lab = again(&reference, Extent::All).await;
    let before = scene::look(&lab).await;
    for (bytes, whole) in [
        (0, None),
        (first / 2, None),
        (first, Some(1)),
        (first + 60, None),
    ] {
        let about = format!("{bytes} bytes, {whole:?}");
        let (mut bytes, mut hit) = (bytes, false);
        // A moment is not always written in as many bytes.
        for _ in 0..50 {
            let _ = std::fs::remove_file(lab.dir.path().join(JOURNAL));
            dies_beyond(&lab, bytes).await;
            let left = lab.read(JOURNAL);
            hit = whole.is_none_or(|whole| left.ends_with('\n') && left.lines().count() == whole);
            if hit {
                break;
            }
            bytes = left.find('\n').map_or(bytes + 1, |at| at + 1);
        }
        assert!(hit, "{about}: never met");
        scene::assert_same(&scene::look(&lab).await, &before, &about);
        let other = again(&reference, Extent::All).await;
        other.write(JOURNAL, &lab.read(JOURNAL));
        goes_on(&other, What::Plan, &undisturbed, &about).await;
    }
}

/// With the last line in the journal, and no report yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_behind_the_last_line_of_the_journal() {
    let reference = Lab::embedded().await;
    scene::set(&reference, Extent::All).await;
    reference.plan().await.expect(0);
    let undisturbed = undisturbed(&reference, What::Plan).await;
    let report = |lab: &Lab| {
        let mut files = std::fs::read_dir(lab.dir.path()).expect("readable");
        files.any(|entry| {
            let name = entry.expect("readable").file_name();
            name.to_string_lossy().ends_with(".report.json")
        })
    };
    assert!(report(&reference));
    for _ in 0..50 {
        let lab = again(&reference, Extent::All).await;
        let journal = lab.dir.path().join(JOURNAL);
        let mut child = start(&lab, &lab.environment, What::Plan);
        let wanted = undisturbed.lines;
        let watched = tokio::task::spawn_blocking(move || {
            while lines(&journal) < wanted {
                std::hint::spin_loop();
            }
        });
        tokio::select! {
            watched = watched => watched.expect("it ends"),
            // On a busy machine it was quicker than we were.
            ended = child.wait() => {
                assert!(ended.expect("it ends").success());
                continue;
            }
        }
        child.kill().await.expect("it is there");
        if !report(&lab) && lines(&lab.dir.path().join(JOURNAL)) == wanted {
            goes_on(&lab, What::Plan, &undisturbed, "behind the last line").await;
            return;
        }
    }
    panic!("the moment behind the last line was never met");
}

/// An undo that brings a deleted account back, out of the Recycle Bin and into its groups.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_bringing_back() {
    async fn deleted(reference: Option<&Lab>) -> Lab {
        let mut lab = match reference {
            Some(reference) => again(reference, Extent::Deletion).await,
            None => {
                let lab = Lab::embedded().await;
                scene::set(&lab, Extent::Deletion).await;
                lab
            }
        };
        // Deleted objects are for those to see, and to bring back, who were given the right.
        lab.sign_in_as_administrator();
        if reference.is_none() {
            lab.run(&["plan", "--out", PLAN]).await.expect(0);
            scene::assert_kinds(&lab, Extent::Deletion);
        }
        let apply = ["apply", PLAN, "--concurrency", "1"];
        lab.run(&apply).await.expect(0);
        lab
    }
    let reference = deleted(None).await;
    let made = reference.run(&UNDOING).await.expect(0);
    assert!(made.stdout.contains("Bring back 1"), "{}", made.stdout);
    let undisturbed = undisturbed(&reference, What::Undo).await;
    // The Recycle Bin gives the groups back with the account: there is one write.
    assert!(undisturbed.points.len() > 3, "{:?}", undisturbed.points);
    let (reference, undisturbed) = (&reference, &undisturbed);
    futures::stream::iter(&undisturbed.points)
        .for_each_concurrent(2, |point| async move {
            let lab = deleted(Some(reference)).await;
            lab.run(&UNDOING).await.expect(0);
            let proxy = Proxy::before(&lab.site).await;
            dies(&lab, &proxy, *point, What::Undo, undisturbed).await;
        })
        .await;
}

/// The same on Samba, which has no Recycle Bin: out of a tombstone, with all that the journal noted, in several writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_bringing_back_on_samba() {
    let mut lab = Lab::samba().await;
    lab.sign_in_as_administrator();
    scene::set(&lab, Extent::ForGood).await;
    leaving::plan_of_later(&lab).await;
    scene::assert_kinds(&lab, Extent::ForGood);
    leaving::apply_without_the_project(&lab).await;
    let old = lab.dn("CN=Old Otter,OU=Leavers,OU=People");
    assert_eq!(lab.account("8").await, None);
    let made = lab.run(&UNDOING).await.expect(0);
    let tombstone = "only its tombstone is left";
    assert!(made.stdout.contains(tombstone), "{}", made.stdout);
    let undisturbed = undisturbed(&lab, What::Undo).await;
    let writes = undisturbed.points.iter();
    let writes = writes.filter(|point| matches!(point, Point::Answer(_)));
    // The account, its attributes, two groups.
    assert_eq!(writes.count(), 4, "{:?}", undisturbed.points);
    let proxy = Proxy::before(&lab.site).await;
    for point in &undisturbed.points {
        // An administrator deletes it once more, and the same apply is undone again.
        lab.delete_named(&old).await;
        std::fs::remove_file(lab.dir.path().join(JOURNAL)).expect("a journal");
        lab.run(&UNDOING).await.expect(0);
        dies(&lab, &proxy, *point, What::Undo, &undisturbed).await;
    }
}
