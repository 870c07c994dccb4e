//! The HaloITSM reader against the simulator, and the simulator against what is known of the product.
//!
//! Waiting happens on a clock that both share and that jumps, so minutes of patience take milliseconds.

mod anything;
mod reading;
mod robust;
mod simulator;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use halosync::connector::rest::{
    Authorisation, AuthorisationServer, EndpointSettings, Joining, OAuth, ReadFacts, RestReader,
    RowSink, RunSettings, Settings, Timekeeper,
};
use halosync::connector::{ConnectorError, PeopleReader as _};
use halosync::lang::Record;
use halosync::model::{JoinHold, Name, PeopleSnapshot, Person, PersonKey, Verdict};
use halosync::sandbox::halo::{HaloPerson, HaloSim, SimConfig};
use secrecy::SecretString;

/// A clock that jumps instead of waiting.
#[derive(Debug, Clone, Default)]
pub(crate) struct JumpingTime(Arc<AtomicU64>);

impl JumpingTime {
    fn nanos(length: Duration) -> u64 {
        u64::try_from(length.as_nanos()).unwrap()
    }
}

impl Timekeeper for JumpingTime {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        let until = Self::nanos(self.now() + length);
        let time = Arc::clone(&self.0);
        Box::pin(async move {
            // Others that wait at the same time do not make it later than their own end.
            time.fetch_max(until, Ordering::SeqCst);
            tokio::task::yield_now().await;
        })
    }
}

/// Keeps the ids of the rows that came.
#[derive(Default)]
pub(crate) struct Heap(BTreeSet<i64>);

impl RowSink for Heap {
    fn next_page(&mut self) {}

    fn push(&mut self, record: &Record<'_>) {
        self.0.insert(record.parts[0].1["id"].as_i64().unwrap());
    }

    fn hold(&mut self, _: &Record<'_>, reasons: Box<[JoinHold]>) {
        panic!("nothing is joined: {reasons:?}");
    }

    fn finish(self, facts: ReadFacts) -> PeopleSnapshot {
        let person = |id: i64| Person {
            key: PersonKey::new(id.to_string()),
            in_scope: true,
            facts: Box::default(),
            faults: Box::default(),
            held: Box::default(),
        };
        facts.snapshot(
            Vec::new(),
            self.0.into_iter().map(person).collect(),
            Vec::new(),
        )
    }
}

pub(super) type TestReader = RestReader<fn() -> Heap>;

/// A simulator and the clock it shares with readers.
pub(super) struct Stage {
    pub(super) sim: HaloSim,
    pub(super) time: JumpingTime,
}

/// The simulator's defaults with people 1 to `count`, on a jumping clock and without a limit.
pub(super) fn config(count: i64) -> (SimConfig, JumpingTime) {
    let time = JumpingTime::default();
    let clock = time.clone();
    let config = SimConfig {
        people: (1..=count)
            .map(|id| HaloPerson::new(id, "Jo", &format!("Doe {id}")))
            .collect(),
        limiter: None,
        clock: Arc::new(move || clock.now()),
        ..SimConfig::default()
    };
    (config, time)
}

impl Stage {
    pub(super) async fn with(count: i64, change: impl FnOnce(&mut SimConfig)) -> Self {
        let (mut config, time) = config(count);
        change(&mut config);
        Self {
            sim: HaloSim::start(config).await.unwrap(),
            time,
        }
    }

    pub(super) async fn of(count: i64) -> Self {
        Self::with(count, |_| {}).await
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            name: Name::new("people"),
            halo: true,
            resource_server: self.sim.resource_server(),
            authorisation: Authorisation::client_credentials(
                AuthorisationServer::Server {
                    address: self.sim.authorisation_server(),
                    tenant: Some("sandbox".to_owned()),
                },
                secret("sandbox-client"),
                secret("sandbox-secret"),
                vec!["read:customers".to_owned()],
            ),
            tenant: Some("sandbox".to_owned()),
            ca_pem: None,
            rate_requests: 100_000,
            rate_window: Duration::from_secs(300),
            endpoint: EndpointSettings::users(),
            joining: Joining::default(),
            run: RunSettings::default(),
            sentinels: Vec::new(),
            floor: 0,
            patience: Settings::PATIENCE,
            request_timeout: Duration::from_secs(20),
            clock: Arc::new(|| "2026-11-23T12:00:00Z".parse().unwrap()),
        }
    }

    pub(super) fn reader(&self, settings: Settings) -> TestReader {
        let sinks: fn() -> Heap = Heap::default;
        RestReader::new(settings, sinks)
            .unwrap()
            .with_time(Arc::new(self.time.clone()))
    }

    /// Reads with the usual settings.
    pub(super) async fn read(&self) -> Result<PeopleSnapshot, ConnectorError> {
        self.reader(self.settings()).read_people().await
    }
}

/// The settings of OAuth 2.0, to change.
pub(super) fn oauth(settings: &mut Settings) -> &mut OAuth {
    match &mut settings.authorisation {
        Authorisation::OAuth(oauth) => oauth,
        other => panic!("not OAuth but {other:?}"),
    }
}

/// Sets address and tenant of the authorisation server.
pub(super) fn set_server(settings: &mut Settings, address: url::Url, tenant: Option<&str>) {
    oauth(settings).server = AuthorisationServer::Server {
        address,
        tenant: tenant.map(str::to_owned),
    };
}

pub(super) fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

pub(crate) fn keys(snapshot: &PeopleSnapshot) -> Vec<i64> {
    snapshot
        .people
        .iter()
        .map(|person| person.key.as_str().parse().unwrap())
        .collect()
}

/// The reasons of an unproven read; empty for a proven one.
pub(crate) fn reasons(snapshot: &PeopleSnapshot) -> Vec<String> {
    match &snapshot.header.completeness.verdict {
        Verdict::Proven => Vec::new(),
        Verdict::Unproven { reasons } => {
            assert!(!reasons.is_empty(), "unproven without a reason");
            reasons.clone()
        }
    }
}

/// Everyone from 1 to `count` came, and the read is proven after `reads` reads.
#[track_caller]
pub(super) fn assert_whole(snapshot: &PeopleSnapshot, count: i64, reads: u32) {
    assert_eq!(keys(snapshot), (1..=count).collect::<Vec<_>>());
    let proof = &snapshot.header.completeness;
    assert!(proof.is_proven(), "{proof:?}");
    assert_eq!(proof.reads, reads, "{proof:?}");
    assert_eq!(proof.claimed_total, Some(proof.distinct));
}
