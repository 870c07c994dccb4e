//! P6 with the real program: killed by SIGKILL at every boundary of the journal, and run again.
//!
//! A boundary is found without a hook in the program: of the requests of an undisturbed run the first is noted that
//! meets each length of the journal. The program is killed while the proxy holds that request, and once more for each
//! write while it holds the answer to it. So every state of the journal that a request can meet is met: after each line,
//! with the announced write not there yet, and there and unanswered. (Between the journal's first two lines and
//! before its last there is no request; `apply::interruptions` cuts there, and in the middle of each line.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use secrecy::SecretString;

use super::proxy::{Fate, Proxy, Request};
use super::scene::{self, Extent, PLAN, World};
use crate::e2e::lab::Lab;

const JOURNAL: &str = "journal.jsonl";

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

fn lines(journal: &Path) -> usize {
    let bytes = std::fs::read(journal).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn through(lab: &Lab, proxy: &Proxy) -> BTreeMap<String, String> {
    let authority = lab.dir.path().join("proxy.pem");
    std::fs::write(&authority, &proxy.ca_pem).expect("writable");
    let mut environment = lab.environment.clone();
    environment.insert("CORP_LDAP_SERVER".to_owned(), proxy.url.clone());
    environment.insert("CORP_CA_FILE".to_owned(), authority.display().to_string());
    environment
}

const APPLY: &[&str] = &["apply", PLAN, "--journal", JOURNAL, "--concurrency", "1"];

async fn undisturbed(lab: &Lab) -> Undisturbed {
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
    crate::support::halosync(lab.dir.path(), &environment, APPLY)
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
    let all: BTreeSet<usize> = std::iter::once(0).chain(2..lines).collect();
    assert_eq!(met, all, "a boundary no request meets");
    let world = scene::look(lab).await;
    lab.assert_converged().await;
    Undisturbed {
        points,
        world,
        lines,
    }
}

/// Dies at a point, is run again, and ends where an undisturbed run ends.
async fn dies(lab: &Lab, proxy: &Proxy, point: Point, undisturbed: &Undisturbed) {
    let about = format!("{point:?}");
    proxy.follow(move |request| point.fate(request));
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_halosync"))
        .args(APPLY)
        .current_dir(lab.dir.path())
        .env_clear()
        .envs(through(lab, proxy))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs");
    tokio::select! {
        () = proxy.held() => {}
        ended = child.wait() => panic!("{about}: not reached, {ended:?}"),
    }
    // SIGKILL.
    child.kill().await.expect("it lives");
    proxy.quiet().await;
    proxy.pass();

    let length = lines(&lab.dir.path().join(JOURNAL));
    let verify = ["verify", "journal", JOURNAL, "--plan", PLAN];
    let verified = lab.run(&verify).await;
    assert!(
        matches!(verified.code, 0 | 4),
        "{about}: {}{}",
        verified.stdout,
        verified.stderr
    );
    let resumed = lab.run(APPLY).await;
    // With the last outcome in the journal nothing is left but to say so.
    let complete = resumed.code == 8 && length + 1 == undisturbed.lines;
    assert!(
        resumed.code == 0 || complete,
        "{about}: {}{}{}",
        resumed.code,
        resumed.stdout,
        resumed.stderr
    );
    scene::assert_same(&scene::look(lab).await, &undisturbed.world, &about);
    lab.assert_converged().await;
    lab.run(&verify).await.expect(0);
    if let Some(hands) = lab.hands() {
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
    let undisturbed = undisturbed(&reference).await;
    println!(
        "{} points, {} lines",
        undisturbed.points.len(),
        undisturbed.lines
    );
    let (reference, undisturbed) = (&reference, &undisturbed);
    futures::stream::iter(&undisturbed.points)
        .for_each_concurrent(2, |point| async move {
            // The same operations on the same seed give the same directory, identities included: the plan is its, too.
            let mut lab = Lab::embedded().await;
            lab.identity = reference.identity.clone();
            scene::set(&lab, Extent::All).await;
            for file in ["halosync.yaml", PLAN] {
                lab.write(file, &reference.read(file));
            }
            let proxy = Proxy::before(&lab.site).await;
            dies(&lab, &proxy, *point, undisturbed).await;
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
    let undisturbed = undisturbed(&lab).await;
    let every = undisturbed.points.len() / 6;
    let proxy = Proxy::before(&lab.site).await;
    for point in undisturbed.points.iter().skip(every / 2).step_by(every) {
        lab.start_over().await;
        scene::set(&lab, Extent::NoDeletion).await;
        lab.run(&["plan", "--out", PLAN]).await.expect(0);
        let other = dies_elsewhere(&lab, &undisturbed).await;
        dies(&lab, &proxy, *point, &other).await;
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
