//! What is kept of logs, and for how long.
//!
//! Not here: what viewers do ([`super::viewers`]).

use std::time::Duration;

use crd::Phase;
use futures::StreamExt;
use tokio::time::timeout;

use super::{DEADLINE, RUN, Stage, events, ids, quick, seen, until, whole};
use crate::logs::Limits;
use crate::logs::script::{line, lines, step};

#[tokio::test]
async fn one_viewer_sees_the_whole_of_a_log_that_is_longer_than_the_buffer() {
    let limits = Limits { container: 4000, chunk: 500, ..quick() };
    let stage = Stage::over(limits, &lines(1..=1000));
    let mut viewer = Box::pin(stage.view(None));
    let mut got = Vec::new();
    while let Some(bytes) = timeout(DEADLINE, viewer.next()).await.expect("an end") {
        got.push(bytes);
        assert!(stage.logs.memory() < 8000, "{}", stage.logs.memory());
        tokio::task::yield_now().await;
    }
    assert_eq!(seen(&events(&got.concat())), whole(1..=1000));
    // Whoever comes now is told that it missed something.
    assert!(seen(&stage.all(None).await)[0].starts_with("gap "));
}

#[tokio::test]
async fn what_nobody_views_goes_away_and_is_read_again_when_it_is_wanted() {
    let stage = Stage::over(quick(), &lines(1..=100));
    let whole = stage.all(None).await;
    until(|| stage.logs.lock().is_empty() && stage.logs.memory() == 0).await;
    assert_eq!(stage.all(None).await, whole);
    assert_eq!(stage.script.opened(RUN), 2);
}

#[tokio::test]
async fn a_container_that_nobody_views_goes_away_before_its_task() {
    let stage = Stage::new(quick());
    stage.script.write(step(1, Phase::Clone), &lines(1..=1000));
    stage.script.end(step(1, Phase::Clone));
    stage.script.write(RUN, &line(1));
    let mut viewer = Box::pin(stage.view(None));
    while !viewer.next().await.unwrap().starts_with(b"event: line\nid: 1.run.1\n") {}
    assert!(stage.logs.memory() > 100_000);
    until(|| stage.logs.memory() < 1000).await;
    stage.script.write(RUN, &line(2));
    assert!(viewer.next().await.unwrap().starts_with(b"event: line\nid: 1.run.2\n"));
}

#[tokio::test]
async fn too_much_memory_takes_the_logs_that_nobody_views() {
    let grace = Duration::from_mins(1);
    let stage = Stage::new(Limits { total: 50_000, grace, chunk: 1000, ..quick() });
    for phase in [Phase::Clone, Phase::Run] {
        stage.script.write(step(1, phase), &lines(1..=200));
        stage.script.end(step(1, phase));
    }
    stage.finish();
    let mut expected = [ids("clone", 1..=200), ids("run", 1..=200)].concat();
    expected.push("end {}".to_owned());
    assert_eq!(seen(&stage.all(None).await), expected);
    assert!(stage.logs.memory() <= 50_000, "{}", stage.logs.memory());
}
