//! P5 and P6 on a network that fails as drawn: five hundred schedules from fixed seeds, between `apply` and Samba.
//!
//! Each schedule applies one plan through the proxy, which breaks connections before a request, behind it, and instead
//! of the answer to it, and lets requests and answers come late, also later than anybody waits. Then the plan is applied
//! again on a network that works, the directory is compared with that after an undisturbed run (after which planning
//! again found nothing), and an administrator sets it back for the next one. `HALOSYNC_SCHEDULES` says how many are run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use halosync::apply::{
    self, AgeFiles, ChangeOutcome, Journal, Options, Outcome, PasswordSink, Retry, Verdict,
};
use halosync::connector::ldap::{BindSettings, LdapWriter, Settings};
use halosync::model::{Dn, Name};
use halosync::plan::PlanFile;

use super::proxy::{Fate, Proxy, Request};
use super::scene::{self, Extent, PLAN};
use crate::e2e::lab::{BASE, Lab};
use crate::support::now;

/// As long as anybody waits for an answer here.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Of so many schedules one is met by the program itself, with its own patience; the others by the library, which
/// can be told not to wait long between attempts.
const BY_PROGRAM: u64 = 12;

/// Numbers from a seed (SplitMix64), the same everywhere and for good.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn fate(&mut self, one_in: u64, request: &Request) -> Fate {
        if self.below(one_in) > 0 {
            return Fate::Pass;
        }
        let short = Duration::from_millis(1 + self.below(25));
        match self.below(40) {
            0..10 => Fate::DropBefore,
            10..18 => Fate::DropSent,
            18..28 => Fate::DropAnswer,
            28..33 => Fate::Delay(short),
            33..38 => Fate::DelayAnswer(short),
            38 => Fate::DelayAnswer(PATIENCE.mul_f32(1.2)),
            // A password nobody waits for any more may be set after the one that was made instead, and even after the
            // account was finished with that: nothing tells, as `docs/apply.md` says.
            _ if request.sets_a_password() => Fate::DropSent,
            _ => Fate::Delay(PATIENCE.mul_f32(1.2)),
        }
    }
}

struct Run<'a> {
    lab: &'a Lab,
    proxy: &'a Proxy,
    plan: PlanFile,
}

impl Run<'_> {
    async fn writers(&self, connections: usize) -> BTreeMap<Name, LdapWriter> {
        let settings = Settings {
            name: Name::new("corp"),
            servers: vec![self.proxy.url.parse().expect("an address")],
            start_tls: false,
            ca_pem: Some(self.proxy.ca_pem.clone().into()),
            bind: BindSettings::Simple {
                user: self.lab.site.write.0.clone(),
                password: self.lab.site.write.1.clone().into(),
            },
            base: Dn::parse(BASE).expect("a name"),
            page_size: 500,
            catalogs: Vec::new(),
            bind_from: None,
            timeout: PATIENCE,
            pinned: None,
            now: None,
        };
        let writer = LdapWriter::connect(settings, connections)
            .await
            .expect("nothing is broken yet");
        BTreeMap::from([(Name::new("corp"), writer)])
    }

    /// Applies with the library; `disturb` begins once it is connected.
    async fn library(&self, journal: &Path, draw: &mut Draw, disturb: impl FnOnce()) -> Outcome {
        let connections = 1 + draw.below(4);
        let writers = self.writers(connections as usize).await;
        let journal =
            Journal::open(journal, &self.plan.digest, "0", now()).expect("a journal of this plan");
        let passwords = AgeFiles::for_plan(&self.plan, self.lab.dir.path())
            .expect("recipients")
            .map(|files| Arc::new(files) as Arc<dyn PasswordSink>);
        let mut options = Options::new(Arc::new(now));
        // One after the other up to as many as by default: then looks are asked for together.
        options.concurrency = [1, 2, 4, 16, 64][draw.below(5) as usize];
        options.retry = Retry {
            retries: 4,
            first_wait: Duration::from_millis(2),
            longest_wait: Duration::from_millis(20),
        };
        disturb();
        let outcome = apply::run(&self.plan, &writers, &journal, passwords, &options, &()).await;
        drop(writers);
        self.proxy.quiet().await;
        outcome.expect("the plan is accepted")
    }

    /// Applies with the program; its exit code.
    async fn program(&self, journal: &str) -> i32 {
        let authority = self.lab.dir.path().join("proxy.pem");
        std::fs::write(&authority, &self.proxy.ca_pem).expect("writable");
        let mut environment = self.lab.environment.clone();
        environment.insert("CORP_LDAP_SERVER".to_owned(), self.proxy.url.clone());
        environment.insert("CORP_CA_FILE".to_owned(), authority.display().to_string());
        let apply = ["apply", PLAN, "--journal", journal];
        let run = crate::support::halosync(self.lab.dir.path(), &environment, &apply).await;
        self.proxy.quiet().await;
        run.code
    }
}

/// The exit code a verdict ends with (`docs/exit-codes.md`).
fn code(outcome: &Outcome) -> i32 {
    match outcome.verdict {
        Verdict::Applied => 0,
        Verdict::Partial => 4,
        Verdict::Conflicts => 5,
        Verdict::Unavailable => 69,
        Verdict::Denied => 77,
    }
}

/// The seeds asked for: so many from the first, or `212..213`.
fn schedules() -> std::ops::Range<u64> {
    let Some(asked) = std::env::var_os("HALOSYNC_SCHEDULES") else {
        return 0..30;
    };
    let asked = asked.to_str().expect("a number of schedules");
    let (first, end) = asked.split_once("..").unwrap_or(("0", asked));
    first.parse().expect("a seed")..end.parse().expect("a number of schedules")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_schedule_of_faults_between_apply_and_samba_loses_or_doubles_a_change() {
    let lab = Lab::samba().await;
    scene::set(&lab, Extent::Reversible).await;
    lab.plan().await.expect(0);
    scene::assert_kinds(&lab, Extent::Reversible);
    let (before, initial) = (scene::remember(&lab).await, scene::look(&lab).await);
    let proxy = Proxy::before(&lab.site).await;
    let run = Run {
        lab: &lab,
        proxy: &proxy,
        plan: halosync::plan::read(lab.read(PLAN).as_bytes()).expect("a plan"),
    };

    assert_eq!(run.program("undisturbed.jsonl").await, 0);
    lab.assert_converged().await;
    let undisturbed = scene::look(&lab).await;
    scene::set_back(&lab, &before).await;
    scene::assert_same(&scene::look(&lab).await, &initial, "set back");

    let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
    for seed in schedules() {
        let mut draw = Draw(seed);
        let one_in = 3 + draw.below(10);
        let mut of_network = Draw(seed ^ u64::MAX);
        let script = move |request: &Request| of_network.fate(one_in, request);
        let file = format!("{seed}.jsonl");
        let journal = lab.dir.path().join(&file);
        let by_program = seed % BY_PROGRAM == 0;
        let (ended, told) = if by_program {
            proxy.follow(script);
            (run.program(&file).await, String::new())
        } else {
            let outcome = run
                .library(&journal, &mut draw, || proxy.follow(script))
                .await;
            (code(&outcome), format!("{:#?}", outcome.changes))
        };
        *codes.entry(ended).or_default() += 1;
        let about = format!("seed {seed} ended with {ended}\n{told}");
        let found = scene::look(&lab).await;
        match ended {
            0 => scene::assert_same(&found, &undisturbed, &about),
            69 => scene::assert_same(&found, &initial, &about),
            4 => {}
            // Nobody else writes here, and the account may.
            _ => panic!("{about}"),
        }

        // The network works again.
        proxy.pass();
        if by_program {
            let again = run.program(&file).await;
            assert_eq!(again, if ended == 0 { 8 } else { 0 }, "{about}");
        } else if ended != 0 {
            let outcome = run.library(&journal, &mut draw, || {}).await;
            assert_eq!(code(&outcome), 0, "{about}{:#?}", outcome.changes);
        }
        scene::assert_same(&scene::look(&lab).await, &undisturbed, &about);
        let doubled = proxy.doubled();
        assert!(doubled.is_empty(), "{about}: twice: {doubled:?}");
        if by_program {
            lab.assert_converged().await;
        }
        // As on a machine that knows nothing of it: nothing is left, and nothing is written.
        let anew = lab.dir.path().join("anew.jsonl");
        let _ = std::fs::remove_file(&anew);
        proxy.pass();
        let outcome = run.library(&anew, &mut draw, || {}).await;
        for change in &outcome.changes {
            assert_eq!(
                change.outcome,
                ChangeOutcome::AlreadyAsDesired {},
                "{about}: {}",
                change.id.0
            );
        }
        assert_eq!(proxy.counts().1, 0, "{about}: written again");
        scene::set_back(&lab, &before).await;
        scene::assert_same(&scene::look(&lab).await, &initial, &about);
    }
    println!("schedules by exit code: {codes:?}");
    if schedules().end - schedules().start >= 30 {
        assert!(codes.len() > 1, "nothing was ever disturbed: {codes:?}");
    }
}
