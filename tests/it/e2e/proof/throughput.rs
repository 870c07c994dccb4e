//! How fast modifications are applied to Samba, journal and reading back included, beside `ldapmodify`.
//!
//! An ordinary run applies a few and holds that all of them took. `.ci/throughput` has it apply thousands with a release
//! build, and the same changes made by `ldapmodify` over eight connections; `docs/performance.md` keeps the figures.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine;
use halosync::model::Guid;
use ldap3::adapters::PagedResults;
use ldap3::{Scope, SearchEntry};

use super::scene::PLAN;
use crate::e2e::lab::{BASE, Joiner, Lab};

const CONNECTIONS: usize = 8;

/// How many people, when the comparison is asked for.
fn asked() -> Option<u32> {
    let asked = std::env::var_os("HALOSYNC_THROUGHPUT")?;
    let asked = asked.to_str().expect("a number of people");
    Some(asked.parse().expect("a number of people"))
}

/// The program to measure: a test's own is not optimised.
fn program() -> PathBuf {
    std::env::var_os("HALOSYNC_PROGRAM").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_halosync")),
        PathBuf::from,
    )
}

/// Processor time the server has used so far: how much of a round it was busy says whether there is anything to gain by
/// asking it faster. Linux only: `proc_pid_stat(5)`, in hundredths of a second.
fn server_time() -> Duration {
    let me = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").expect("Linux");
    let hundredths: u64 = processes
        .flatten()
        .filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok())
        .filter_map(|stat| {
            let (name, fields) = stat.rsplit_once(')')?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let ours = name.contains("samba") && fields[1] == me;
            let time = |at: usize| fields[at].parse::<u64>().ok();
            ours.then(|| Some(time(11)? + time(12)?)).flatten()
        })
        .sum();
    Duration::from_millis(hundredths * 10)
}

fn title(round: u32) -> String {
    format!("Title {round}")
}

/// Runs the program; how long it took.
async fn run(lab: &Lab, arguments: &[&str]) -> Duration {
    let started = Instant::now();
    let output = tokio::process::Command::new(program())
        .args(arguments)
        .current_dir(lab.dir.path())
        .env_clear()
        .envs(&lab.environment)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the program runs");
    let took = started.elapsed();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    took
}

/// The same changes, as compare-and-set as well, over eight connections at once; how long it took. `names` are names or
/// `<GUID=…>`.
async fn ldapmodify(lab: &Lab, names: &[String], from: &str, to: &str) -> Duration {
    let share = names.len().div_ceil(CONNECTIONS);
    let mut files = Vec::new();
    for (number, part) in names.chunks(share).enumerate() {
        let changes: String = part
            .iter()
            .map(|dn| {
                let dn = base64::engine::general_purpose::STANDARD.encode(dn);
                format!(
                    "dn:: {dn}\nchangetype: modify\ndelete: title\ntitle: {from}\n-\nadd: title\ntitle: {to}\n-\n\n"
                )
            })
            .collect();
        let file = format!("{number}.ldif");
        lab.write(&file, &changes);
        files.push(file);
    }
    let started = Instant::now();
    let all = files.iter().map(|file| {
        tokio::process::Command::new("ldapmodify")
            .args(["-x", "-H", &lab.site.url, "-D", &lab.site.write.0])
            .args(["-w", &lab.site.write.1, "-f", file])
            .current_dir(lab.dir.path())
            .env("LDAPTLS_CACERT", lab.dir.path().join("ca.pem"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
    });
    for status in futures::future::join_all(all).await {
        assert!(status.expect("ldapmodify is installed").success());
    }
    started.elapsed()
}

/// Names and identities of the accounts with a title, in pages: a controller gives no more than a thousand at once.
async fn accounts(lab: &Lab, title: &str) -> Vec<(String, String)> {
    let mut ldap = lab.admin.clone();
    let filter = format!("(&(objectClass=user)(title={title}))");
    let paged = PagedResults::new(500);
    let mut pages = ldap
        .streaming_search_with(paged, BASE, Scope::Subtree, &filter, vec!["objectGUID"])
        .await
        .expect("an answer");
    let mut found = Vec::new();
    while let Some(entry) = pages.next().await.expect("an answer") {
        if !entry.is_ref() {
            let entry = SearchEntry::construct(entry);
            let guid = Guid::from_wire(&entry.bin_attrs["objectGUID"][0]).expect("an identity");
            found.push((entry.dn, format!("<GUID={guid}>")));
        }
    }
    found
}

/// What the time went into, as the journal has it: the writes, and reading everything back.
fn phases(lab: &Lab, journal: &str) -> String {
    let lines = std::fs::read_to_string(lab.dir.path().join(journal)).expect("a journal");
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let at = |line: &serde_json::Value| -> jiff::Timestamp {
        let at = line["at"].as_str().expect("a time");
        at.parse().expect("a time")
    };
    let last = |kind: &str| {
        let line = lines.iter().rfind(|line| line["line"] == kind);
        at(line.expect("such a line"))
    };
    let begun = at(lines.first().expect("a line"));
    format!(
        "writes {:#}, reading back {:#}",
        last("outcome") - begun,
        last("end") - last("outcome")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modifications_of_many_are_applied_to_samba() {
    let lab = Lab::samba().await;
    let people = asked().unwrap_or(40);
    for number in 1..=people {
        let (given, surname) = (format!("Given{number}"), format!("Name{number}"));
        let mut person = Joiner::new(number, &given, &surname);
        person.title = title(1);
        let (mail, key) = (format!("p{number}@example.com"), number.to_string());
        person.email = Some(mail.clone());
        lab.hire(person);
        let (display, account) = (format!("{given} {surname}"), format!("p{number}"));
        lab.add_account(
            &display,
            "OU=Sales,OU=People",
            &[
                ("sAMAccountName", &account),
                ("mail", &mail),
                ("employeeID", &key),
                ("givenName", &given),
                ("sn", &surname),
                ("displayName", &display),
                ("department", "Sales"),
                ("title", &title(0)),
            ],
        )
        .await;
    }
    // Titles only.
    std::fs::remove_file(lab.dir.path().join("groups.yaml")).expect("removable");
    run(&lab, &["plan", "--out", PLAN]).await;
    let accounts = accounts(&lab, &title(0)).await;
    assert_eq!(accounts.len(), people as usize);
    for round in 0..3 {
        let journal = format!("{round}.jsonl");
        let before = server_time();
        let applied = run(&lab, &["apply", PLAN, "--journal", &journal]).await;
        let busy = server_time() - before;
        assert_eq!(self::accounts(&lab, &title(1)).await.len(), accounts.len());
        if asked().is_none() {
            break;
        }
        let phases = phases(&lab, &journal);
        // And back, and there and back once more by identity, as apply has it.
        let (names, identities): (Vec<String>, Vec<String>) = accounts.iter().cloned().unzip();
        let before = server_time();
        let by_name = ldapmodify(&lab, &names, &title(1), &title(0)).await;
        let busy_by_name = server_time() - before;
        ldapmodify(&lab, &identities, &title(0), &title(1)).await;
        let before = server_time();
        let by_identity = ldapmodify(&lab, &identities, &title(1), &title(0)).await;
        let busy_by_identity = server_time() - before;
        let rate = |took: Duration| f64::from(people) / took.as_secs_f64();
        let share = |other: Duration| 100.0 * rate(applied) / rate(other);
        println!("the server was busy for {busy:?}; {busy_by_name:?}; {busy_by_identity:?}");
        println!(
            "apply {:.0}/s ({phases}); ldapmodify by name {:.0}/s: {:.0} %, by identity {:.0}/s: {:.0} %",
            rate(applied),
            rate(by_name),
            share(by_name),
            rate(by_identity),
            share(by_identity)
        );
    }
}
