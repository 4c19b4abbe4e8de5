//! Plays the stories, on all cores, and counts what they reached.
//!
//! Not here: the world of one story ([`crate::world`]).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::fault::{FAULTS, Fault, Plan, SINGLE};
use crate::workload::{WORKLOADS, Workload};
use crate::world::World;

/// Stories with several faults.
const TANGLED: u64 = 400;
/// Failures that are printed.
const PRINTED: usize = 40;

#[derive(Default)]
struct Tally {
    struck: BTreeMap<(Workload, Fault), usize>,
    verdicts: BTreeMap<(Workload, String), usize>,
    passes: usize,
    failures: Vec<(u64, String)>,
}

fn one_more(next: &AtomicU64) -> Option<u64> {
    let seed = next.fetch_add(1, Ordering::Relaxed);
    (seed < SINGLE + TANGLED).then_some(seed)
}

/// Plays one story; what broke, if anything did.
fn play(seed: u64, trace: bool, tally: &Mutex<Tally>) {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plan = Plan::of(seed);
        runtime.block_on(async {
            let mut world = World::new(&plan, trace);
            let result = world.run().await;
            (world, plan, result)
        })
    }));
    let mut tally = tally.lock().unwrap();
    match played {
        Err(_) => tally.failures.push((seed, "a panic".to_owned())),
        Ok((world, plan, result)) => {
            for fault in &world.struck {
                *tally.struck.entry((plan.workload, *fault)).or_default() += 1;
            }
            let verdict = world.promises.verdict.as_ref().map(|(_, reason)| reason.clone());
            let verdict = (plan.workload, verdict.unwrap_or_default());
            *tally.verdicts.entry(verdict).or_default() += 1;
            tally.passes += world.promises.passes.values().sum::<usize>();
            if let Err(broken) = result {
                let story = format!("{:?} {:?}: {broken}", plan.workload, plan.faults);
                tally.failures.push((seed, story));
            }
        }
    }
}

/// All stories with this fault alone.
fn with(fault: Fault) -> impl Iterator<Item = u64> {
    (0..SINGLE).filter(move |seed| Plan::of(*seed).faults[0].1 == fault)
}

/// The Job controller may make two of a Job of one (kubernetes#130103): the remote is the fence.
#[test]
fn two_pods_of_one_task_push_once() {
    let tally = Mutex::new(Tally::default());
    with(Fault::SecondPod).for_each(|seed| play(seed, false, &tally));
    assert_eq!(tally.into_inner().unwrap().failures, []);
}

#[test]
fn whatever_goes_wrong_at_whatever_write_the_promises_hold() {
    let tally = Mutex::new(Tally::default());
    if let Ok(seed) = std::env::var("CONVERGENCE_SEED") {
        play(seed.parse().unwrap(), true, &tally);
        let tally = tally.into_inner().unwrap();
        assert!(tally.failures.is_empty(), "{:?}", tally.failures);
        return;
    }
    let (begin, next) = (Instant::now(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(seed) = one_more(&next) {
                    play(seed, false, &tally);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap();
    println!("{} stories in {:?}, {} passes", SINGLE + TANGLED, begin.elapsed(), tally.passes);
    println!("{:#?}", tally.verdicts);
    tally.failures.sort();
    for (seed, story) in tally.failures.iter().take(PRINTED) {
        println!("CONVERGENCE_SEED={seed}: {story}");
    }
    assert!(tally.failures.is_empty(), "{} stories failed", tally.failures.len());
    for workload in WORKLOADS {
        for fault in FAULTS {
            let count = tally.struck.get(&(workload, fault)).copied().unwrap_or_default();
            assert!(count > 0, "{fault:?} never struck {workload:?}");
        }
    }
}
