//! Asked to stop, with the real program: the first signal lets it finish what is under way, the second ends it at once.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::kills::{JOURNAL, What, lines, through};
use super::proxy::{Fate, Proxy};
use super::scene::{self, Extent, PLAN};
use crate::e2e::lab::Lab;
use crate::e2e::records::Records;

/// A plan of everything, and the program that applies it on its way.
async fn applying(proxy: &Proxy, lab: &Lab) -> (Child, BufReader<ChildStderr>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_halosync"))
        .args(What::Plan.apply())
        .current_dir(lab.dir.path())
        .env_clear()
        .envs(&through(lab, proxy))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs");
    let told = BufReader::new(child.stderr.take().expect("piped"));
    (child, told)
}

fn send(signal: &str, child: &Child) {
    let process = child.id().expect("it lives").to_string();
    let sent = std::process::Command::new("kill")
        .args([signal, &process])
        .status();
    assert!(sent.expect("kill is installed").success());
}

/// Waits until the program says that it was asked to stop.
async fn heard(told: &mut BufReader<ChildStderr>) {
    let mut line = String::new();
    loop {
        line.clear();
        let read = told.read_line(&mut line).await.expect("readable");
        assert!(read > 0, "it never said that it stops");
        if line.contains("stopping after the writes under way; once more stops at once") {
            return;
        }
    }
}

fn journal(lab: &Lab) -> Vec<Value> {
    let text = lab.read(JOURNAL);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("whole lines")
}

fn count(journal: &[Value], line: &str) -> usize {
    journal.iter().filter(|one| one["line"] == line).count()
}

/// The same plan is applied again, and nothing is left to do.
async fn goes_on(proxy: &Proxy, lab: &Lab) {
    let verify = ["verify", "journal", JOURNAL, "--plan", PLAN];
    lab.run(&verify).await.expect(4);
    proxy.quiet().await;
    proxy.pass();
    lab.run(&What::Plan.apply()).await.expect(0);
    lab.assert_converged().await;
    lab.run(&verify).await.expect(0);
    let doubled = proxy.doubled();
    assert!(doubled.is_empty(), "twice: {doubled:?}");
}

async fn scene() -> (Lab, Proxy) {
    let lab = Lab::embedded().await;
    scene::set(&lab, Extent::All).await;
    lab.plan().await.expect(0);
    let proxy = Proxy::before(&lab.site).await;
    (lab, proxy)
}

/// P6: what is under way is finished and recorded, the rest is said to be left, and the same plan goes on from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_stops_after_the_write_under_way() {
    for signal in ["-TERM", "-INT"] {
        let (lab, proxy) = scene().await;
        // Nobody waits so long for a write that a signal would not meet it.
        proxy.follow(|request| match request.is_write() {
            true => Fate::DelayAnswer(Duration::from_millis(400)),
            false => Fate::Pass,
        });
        let (mut child, mut told) = applying(&proxy, &lab).await;
        // The fourth write is under way.
        let path = lab.dir.path().join(JOURNAL);
        while lines(&path) < 9 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        send(signal, &child);
        heard(&mut told).await;
        let ended = child.wait().await.expect("it ends");
        assert_eq!(ended.code(), Some(4), "{signal}: {ended}");

        let journal = journal(&lab);
        let written = count(&journal, "intent");
        assert_eq!(written, count(&journal, "outcome"), "{signal}");
        assert_eq!(journal.last().expect("lines")["line"], "end");
        let records = Records::of(lab.dir.path());
        records.assert_as_the_schemas_say();
        let [report] = &records.reports[..] else {
            panic!("{signal}: {:#?}", records.reports);
        };
        assert_eq!(report["verdict"], "partial", "{signal}");
        assert_eq!(report["stopped"], serde_json::json!(["cancelled"]));
        let of = |what: &str| report["counts"][what].as_u64().expect("a count");
        assert!(of("done") > 0 && of("notReached") > 5, "{signal}: {report}");
        assert_eq!(of("failed") + of("conflicts") + of("skipped"), 0);
        goes_on(&proxy, &lab).await;
    }
}

/// P6: the second signal waits for nothing, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_signal_ends_at_once_and_the_plan_goes_on() {
    let (lab, proxy) = scene().await;
    let mut writes = 0;
    proxy.follow(move |request| {
        writes += usize::from(request.is_write());
        if writes == 3 {
            Fate::HoldAnswer
        } else {
            Fate::Pass
        }
    });
    let (mut child, mut told) = applying(&proxy, &lab).await;
    proxy.held().await;
    send("-TERM", &child);
    heard(&mut told).await;
    send("-TERM", &child);
    let ended = tokio::time::timeout(Duration::from_secs(2), child.wait()).await;
    let ended = ended.expect("at once").expect("it ends");
    assert_eq!(ended.code(), Some(4), "{ended}");
    let journal = journal(&lab);
    assert_eq!(journal.last().expect("lines")["line"], "intent");
    assert_eq!(Records::of(lab.dir.path()).reports, Vec::<Value>::new());
    goes_on(&proxy, &lab).await;
}
