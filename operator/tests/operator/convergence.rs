//! Stories in the toy cluster, driven to rest: events come late or not at all, the operator dies
//! between any two actions, a second one works on old plans, people and nodes interfere.
//!
//! What must hold always is asserted by the toy cluster itself.

use std::collections::BTreeMap;

use crd::Reason;
use serde_json::json;

use crate::toy::{ALL, Script, TIMEOUT, World};

/// Lets time pass until the verdict is there.
fn rest(world: &mut World, seed: u64) {
    let limit = world.now + 8 * TIMEOUT;
    while world.verdict.is_none() {
        assert!(world.now < limit, "seed {seed}: no verdict: {:?}", world.task.status);
        world.progress();
        let wake = world.pass(ALL);
        let waits = world.task.status.as_ref().and_then(|status| status.resume_at);
        match wake.filter(|_| waits.is_some()) {
            Some(_) => world.now += 60,
            None => world.now += 5,
        }
    }
}

fn attempts(world: &World) -> Option<u32> {
    world.task.status.as_ref().and_then(|status| status.attempt)
}

#[test]
fn an_undisturbed_task_is_pushed_with_eight_writes() {
    let mut world = World::new(1);
    while world.verdict.is_none() {
        world.pass(ALL);
        world.progress();
        world.now += 1;
        assert!(world.now < 60);
    }
    assert_eq!(world.ending(), "Pushed");
    assert_eq!(world.writes, 8, "one for the Job, one a phase, annotation and verdict");
}

#[test]
fn an_operator_that_dies_between_any_two_actions_changes_nothing_in_the_outcome() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        while world.verdict.is_none() {
            for _ in 0..world.dice.below(4) {
                world.progress();
            }
            let survives = usize::try_from(world.dice.below(4)).unwrap();
            world.pass(survives);
            world.now += i64::try_from(world.dice.below(9)).unwrap();
            assert!(world.now < TIMEOUT, "seed {seed}");
        }
        assert_eq!((world.ending().as_str(), attempts(&world)), ("Pushed", Some(1)), "seed {seed}");
    }
}

#[test]
fn whatever_interferes_there_is_one_verdict_in_time_and_it_stays() {
    let mut endings = BTreeMap::<String, u32>::new();
    let mut most = 0;
    for seed in 0..250 {
        let mut world = World::of(seed, &[], &json!({"retries": seed % 3}));
        world.deaf = seed % 5 == 0;
        let mut old = None;
        for _ in 0..80 {
            match world.dice.below(10) {
                0 => world.disturb(),
                1..5 => world.progress(),
                5 => world.now += 7,
                6 if !world.deleted => old = Some(world.plan()),
                // A second operator does what it decided a while ago.
                7 => {
                    if let Some(plan) = old.take() {
                        world.perform(plan, ALL);
                    }
                }
                8 => {
                    let survives = usize::try_from(world.dice.below(4)).unwrap();
                    world.pass(survives);
                }
                _ => {
                    world.pass(ALL);
                }
            }
        }
        rest(&mut world, seed);
        for _ in 0..5 {
            world.progress();
            world.pass(ALL);
        }
        assert!(world.pushes <= 1, "seed {seed}");
        most = most.max(attempts(&world).unwrap_or(1));
        *endings.entry(world.ending()).or_default() += 1;
    }
    for reason in ["Pushed", "Evicted", "Timeout", "NodeLost", "Cancelled"] {
        assert!(endings.contains_key(reason), "the stories are too tame: {endings:?}");
    }
    assert!(most == 4, "three disruptions, four attempts: {most}");
}

#[test]
fn a_race_is_followed_by_an_attempt_that_does_not_run_claude_again() {
    let mut world = World::of(1, &[Script::LosesRace, Script::LosesRace], &json!({}));
    rest(&mut world, 1);
    assert_eq!((world.ending().as_str(), attempts(&world)), ("Pushed", Some(3)));
    assert_eq!((world.runs, world.pushes), (1, 1));
    let mut world = World::of(1, &[Script::LosesRace; 9], &json!({}));
    rest(&mut world, 1);
    assert_eq!((world.ending().as_str(), attempts(&world)), ("PushRejected", Some(6)));
    assert_eq!(world.task.status.unwrap().attempts.len(), 5, "the last five");
}

#[test]
fn a_rate_limit_is_waited_out_and_its_clock_stands_still() {
    let limited = Script::ClaudeFails(Reason::RateLimited);
    let mut world = World::of(1, &[limited; 7], &json!({"timeout": "10m"}));
    rest(&mut world, 1);
    assert_eq!((world.ending().as_str(), attempts(&world)), ("Pushed", Some(8)));
    assert!(world.now > 60 * (1 + 2 + 4 + 8 + 16 + 30 + 30), "{}", world.now);
    let mut world = World::of(1, &[limited; 99], &json!({}));
    rest(&mut world, 1);
    assert_eq!(world.ending(), "RateLimited");
    assert!((5 * TIMEOUT..6 * TIMEOUT + 600).contains(&world.now), "{}", world.now);
}

#[test]
fn claude_may_fail_as_often_as_the_task_allows() {
    let fails = Script::ClaudeFails(Reason::AgentFailed);
    for (retries, ending) in [(0, "AgentFailed"), (1, "AgentFailed"), (2, "Pushed")] {
        let mut world = World::of(1, &[fails; 2], &json!({"retries": retries}));
        rest(&mut world, 1);
        assert_eq!(world.ending(), ending, "{retries}");
        assert_eq!(attempts(&world), Some(retries.min(2) + 1));
    }
}

#[test]
fn a_cancel_at_any_moment_ends_the_task_or_comes_after_the_push() {
    let mut endings = BTreeMap::<String, u32>::new();
    for (moment, deaf) in (0..30).flat_map(|moment| [(moment, false), (moment, true)]) {
        let mut world = World::new(1);
        world.deaf = deaf;
        for _ in 0..moment {
            world.pass(ALL);
            world.progress();
            world.now += 1;
        }
        world.cancel();
        let limit = world.now + 200;
        rest(&mut world, 1);
        assert!(world.now < limit, "moment {moment}");
        let ended = (world.ending(), world.pushes);
        assert!(["Cancelled", "Pushed"].contains(&ended.0.as_str()), "{moment}: {ended:?}");
        assert_eq!(ended.0 == "Pushed", ended.1 == 1, "{moment}: {ended:?}");
        *endings.entry(ended.0).or_default() += 1;
    }
    assert_eq!(endings.len(), 2, "{endings:?}");
}

#[test]
fn a_task_restored_without_its_status_has_its_verdict_and_does_not_run() {
    let mut world = World::new(1);
    rest(&mut world, 1);
    let mut restored = World::new(1);
    restored.task.metadata.annotations = world.task.metadata.annotations.clone();
    restored.task.metadata.uid = Some("11111111-6f0e-4f6e-9c62-1d6f3f0f7a11".into());
    restored.pushes = 1;
    restored.pass(ALL);
    assert_eq!(restored.ending(), "Pushed");
    let (old, new) = (world.task.status.unwrap(), restored.task.status.unwrap());
    assert_eq!((old.finished_at, old.result), (new.finished_at, new.result));
    assert!(restored.attempts.is_empty());
}

#[test]
fn a_finished_task_goes_after_its_jobs() {
    let mut world = World::new(1);
    rest(&mut world, 1);
    let finished = world.now;
    let (mut job_gone, mut task_gone) = (None, None);
    while task_gone.is_none() {
        world.pass(ALL);
        world.progress();
        if world.attempts[0].job.is_none() {
            job_gone.get_or_insert((world.now - finished) / 3600);
        }
        task_gone = world.deleted.then(|| (world.now - finished) / 3600);
        world.now += 3600;
    }
    assert_eq!((job_gone.unwrap(), task_gone.unwrap()), (25, 720), "24 h, and its Pod first");
}
