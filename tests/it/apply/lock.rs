//! The lock in a directory: never two at a time, and a way past a dead one.

use std::time::Duration;

use halosync::apply::lock::{Held, Holder, LockError, Place, Timing, acquire, take_over};

use super::bench::world;
use super::world::{Fault, Kind, World, dn, guid};

const LOCK: &str = "CN=Lock,OU=Groups,DC=example,DC=test";

fn place() -> Place {
    Place {
        object: dn(LOCK),
        attribute: "info".to_owned(),
    }
}

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

fn holder(run: &str) -> Holder {
    Holder::new("ann on\u{7} ci", run.to_owned(), "sha256:a", at(0))
}

fn quick() -> Timing {
    Timing::dead_after(Duration::from_millis(300))
}

fn lab() -> World {
    let world = world();
    world.edit(|state| state.put(30, LOCK, &[]));
    world
}

fn value(world: &World) -> Vec<String> {
    world.edit(|state| state.get(guid(30), "info"))
}

async fn taken(world: &World, run: &str) -> Held {
    acquire(world, &place(), holder(run), quick())
        .await
        .expect("it is free")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

#[test]
fn whoever_comes_second_is_told_who_has_it() {
    runtime().block_on(async {
        let world = lab();
        let first = taken(&world, "one").await;
        let error = acquire(&world, &place(), holder("two"), quick())
            .await
            .expect_err("it is held");
        let told = error.to_string();
        assert!(
            told.contains("ann on ci, of plan sha256:a, since 1970-01-01"),
            "{told}"
        );
        first.release(&world).await.expect("given back");
        assert!(value(&world).is_empty());
        taken(&world, "two").await;
    });
}

#[test]
fn an_answer_that_is_lost_is_settled_by_looking() {
    runtime().block_on(async {
        for (fault, gets_it) in [
            (Fault::After(Kind::Unknown), true),
            (Fault::Before(Kind::Unknown), false),
            (Fault::Before(Kind::Denied), false),
        ] {
            let world = lab();
            world.edit(|state| state.faults.insert(0, fault.clone()));
            let got = acquire(&world, &place(), holder("one"), quick()).await;
            assert_eq!(got.is_ok(), gets_it, "{fault:?}: {got:?}");
            assert_eq!(!value(&world).is_empty(), gets_it, "{fault:?}");
        }
    });
}

#[test]
fn of_two_who_find_it_free_one_gets_it() {
    runtime().block_on(async {
        let world = lab();
        let other = serde_json::to_string(&holder("other")).unwrap();
        world.edit(|state| {
            let meddle = move |state: &mut super::world::State| state.set(30, "info", &other);
            state
                .faults
                .insert(0, Fault::Meddle(std::sync::Arc::new(meddle)))
        });
        let error = acquire(&world, &place(), holder("one"), quick())
            .await
            .expect_err("the other was faster");
        assert!(
            matches!(&error, LockError::Held(found) if found.holder.run == "other"),
            "{error}"
        );
    });
}

#[test]
fn what_is_no_lock_is_never_overwritten() {
    runtime().block_on(async {
        let world = lab();
        for text in ["keep out", "{\"format\":\"halosync/lock/v9\"}"] {
            world.edit(|state| state.set(30, "info", text));
            let error = acquire(&world, &place(), holder("one"), quick())
                .await
                .expect_err("not ours");
            assert!(matches!(error, LockError::Foreign { .. }), "{error}");
            assert_eq!(value(&world), [text]);
        }
        let nowhere = Place {
            object: dn("CN=Nowhere,DC=example,DC=test"),
            ..place()
        };
        let error = acquire(&world, &nowhere, holder("one"), quick()).await;
        assert!(
            matches!(error, Err(LockError::NoObject { .. })),
            "{error:?}"
        );
    });
}

#[test]
fn a_dead_lock_is_taken_over_and_a_living_one_is_not() {
    runtime().block_on(async {
        let world = lab();
        let dead = taken(&world, "dead").await;
        let Err(LockError::Held(found)) = acquire(&world, &place(), holder("two"), quick()).await
        else {
            panic!("it is held");
        };
        let begun = std::time::Instant::now();
        let mut two = take_over(&world, &place(), &found, holder("two"), quick())
            .await
            .expect("nobody renews it");
        assert!(begun.elapsed() >= quick().dead);
        // The dead one wakes up, and notices.
        let mut dead = dead;
        let why = dead.keep(&world, || at(9)).await;
        assert!(
            why.contains("taken over by ann on ci") || why.contains("could not be renewed"),
            "{why}"
        );
        dead.release(&world).await.expect("nothing to give back");
        assert!(
            !value(&world).is_empty(),
            "it is not the dead one's any more"
        );

        // The living one renews it.
        let Err(LockError::Held(found)) = acquire(&world, &place(), holder("three"), quick()).await
        else {
            panic!("it is held");
        };
        let keep = two.keep(&world, || at(10));
        let (place, three) = (place(), holder("three"));
        let error = tokio::select! {
            why = keep => panic!("{why}"),
            taken = take_over(&world, &place, &found, three, quick()) => {
                taken.expect_err("its owner lives")
            }
        };
        assert!(matches!(error, LockError::Alive(_)), "{error}");
        two.release(&world).await.expect("given back");
        assert!(value(&world).is_empty());
    });
}

#[test]
fn whoever_cannot_renew_stops_before_anybody_may_take_over() {
    runtime().block_on(async {
        for kind in [Kind::Unavailable, Kind::Transient] {
            let world = lab();
            let mut held = taken(&world, "one").await;
            world.edit(|state| {
                state.dead_from = Some(0);
                state.dies_as = Some(kind);
            });
            let begun = std::time::Instant::now();
            let why = held.keep(&world, || at(9)).await;
            assert!(why.contains("could not be renewed"), "{why}");
            let took = begun.elapsed();
            assert!(took < quick().dead, "{took:?}");
        }
    });
}

#[test]
fn a_lock_somebody_cleared_is_lost() {
    runtime().block_on(async {
        let world = lab();
        let mut held = taken(&world, "one").await;
        world.edit(|state| {
            let lock = state.objects.get_mut(&guid(30)).unwrap();
            lock.attributes.remove("info");
        });
        let why = held.keep(&world, || at(9)).await;
        assert!(why.contains("taken away"), "{why}");
    });
}
