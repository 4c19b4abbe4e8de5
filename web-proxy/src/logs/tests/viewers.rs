//! Viewers come back, stall, leave and wait; tasks finish and are deleted.
//!
//! Not here: what becomes of memory ([`super::kept`]).

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use crd::{ClaudeTask, Phase};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{DEADLINE, RUN, Stage, all, events, ids, quick, seen, task, until, whole};
use crate::logs::script::{line, lines, step};
use crate::logs::{Limits, Logs};
use crate::patience::PatientListener;

#[tokio::test]
async fn a_viewer_goes_on_after_any_line_at_this_proxy_or_another() {
    let stage = Stage::new(quick());
    for (phase, count) in [(Phase::Clone, 4), (Phase::Run, 9), (Phase::Push, 3)] {
        stage.script.write(step(1, phase), &lines(1..=count));
        stage.script.end(step(1, phase));
    }
    stage.finish();
    let whole = stage.all(None).await;
    assert_eq!(whole.len(), 17);
    for (index, event) in whole.iter().enumerate() {
        let Some(id) = event.id.map(|id| id.to_string()) else { continue };
        assert_eq!(stage.all(Some(&id)).await, whole[index + 1..], "after {id}");
        assert_eq!(stage.restarted().all(Some(&id)).await, whole[index + 1..], "after {id}");
    }
}

#[tokio::test]
async fn a_viewer_who_comes_back_after_each_event_sees_every_line_once() {
    let stage = Stage::new(Limits { chunk: 1, ..quick() });
    let script = Arc::clone(&stage.script);
    tokio::spawn(async move {
        for seq in 1..=60 {
            script.write(RUN, &line(seq));
            if seq % 20 == 0 {
                script.break_off(RUN);
            }
            sleep(Duration::from_micros(300)).await;
        }
        script.end(RUN);
    });
    let mut got: Vec<String> = Vec::new();
    while got.len() < 60 {
        let mut viewer = pin!(stage.view(got.last().map(String::as_str)));
        let first = [viewer.next().await.unwrap(), viewer.next().await.unwrap()];
        got.extend(seen(&events(&first.concat())));
    }
    assert_eq!(got, ids("run", 1..=60));
}

#[tokio::test]
async fn a_slow_reader_is_cut_and_goes_on() {
    let limits = Limits { chunk: 1, patience: Duration::from_millis(20), ..quick() };
    let stage = Stage::over(limits, &lines(1..=9));
    let mut viewer = Box::pin(stage.view(None));
    let first = [viewer.next().await.unwrap(), viewer.next().await.unwrap()];
    let got = seen(&events(&first.concat()));
    sleep(limits.patience * 2).await;
    assert_eq!(viewer.next().await, None, "it took nothing for too long");
    let rest = seen(&stage.all(got.last().map(String::as_str)).await);
    assert_eq!([got, rest].concat(), whole(1..=9));
}

#[tokio::test]
async fn a_reader_who_has_everything_is_not_slow() {
    let limits = Limits { patience: Duration::from_millis(10), ..quick() };
    let stage = Stage::new(limits);
    stage.script.write(RUN, &line(1));
    let mut viewer = Box::pin(stage.view(None));
    let first = [viewer.next().await.unwrap(), viewer.next().await.unwrap()];
    assert_eq!(seen(&events(&first.concat())), ids("run", 1..=1));
    sleep(limits.patience * 2).await;
    assert!(timeout(limits.patience, viewer.next()).await.is_err(), "it waits");
    stage.script.write(RUN, &line(2));
    let second = timeout(DEADLINE, viewer.next()).await.unwrap().unwrap();
    assert!(second.starts_with(b"event: line\nid: 1.run.2\n"));
}

#[tokio::test]
async fn a_deleted_task_ends_the_stream_and_one_of_the_same_name_is_another() {
    for next in [None, Some(task("b", "Unknown"))] {
        let stage = Stage::new(quick());
        stage.script.write(RUN, &line(1));
        let viewer = tokio::spawn(all(stage.view(None)));
        until(|| stage.logs.memory() > 0).await;
        stage.task.send_replace(next);
        assert_eq!(seen(&viewer.await.unwrap()), ["1.run.1", "end {}"]);
        until(|| stage.logs.lock().is_empty()).await;
    }
    let stage = Stage::new(quick());
    stage.task.send_replace(None);
    assert_eq!(seen(&stage.all(None).await), ["end {}"]);
}

#[tokio::test]
async fn a_viewer_who_leaves_takes_nothing_from_those_who_stay() {
    let stage = Stage::new(quick());
    let own = watch::Sender::new(Some(task("a", "Unknown")));
    let mut first = Box::pin(stage.logs.follow(own.subscribe(), None));
    stage.script.write(step(1, Phase::Clone), &line(1));
    stage.script.end(step(1, Phase::Clone));
    while !first.next().await.unwrap().starts_with(b"event: line") {}
    let second = tokio::spawn(all(stage.view(None)));
    until(|| stage.logs.lock().values().all(|task| task.audience().count() == 2)).await;
    drop((first, own));
    stage.script.write(RUN, &line(1));
    stage.script.end(RUN);
    stage.finish();
    assert_eq!(seen(&second.await.unwrap()), ["1.clone.1", "1.run.1", "end {}"]);
}

#[tokio::test]
async fn a_task_that_waits_for_a_container_is_ended_by_its_verdict() {
    let stage = Stage::new(quick());
    stage.script.write(step(1, Phase::Clone), &line(1));
    stage.script.end(step(1, Phase::Clone));
    let viewer = tokio::spawn(all(stage.view(None)));
    until(|| stage.script.opened(step(1, Phase::Clone)) == 1).await;
    stage.finish();
    assert_eq!(seen(&viewer.await.unwrap()), ["1.clone.1", "end {}"]);
}

#[tokio::test]
async fn a_finished_task_without_a_pod_has_no_log_any_more() {
    let stage = Stage::over(quick(), &line(1));
    assert_eq!(seen(&stage.all(None).await), ["1.run.1", "end {}"]);
    stage.script.remove_pods();
    assert_eq!(seen(&stage.restarted().all(None).await), [r#"end {"gone":true}"#]);
    // Somebody keeps what is known of the Pods alive, but not the log.
    let task = stage.logs.lock().values().next().map(Arc::clone).unwrap();
    task.audience().enter();
    until(|| stage.logs.memory() == 0).await;
    assert_eq!(seen(&stage.all(None).await), [r#"end {"gone":true}"#]);
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_is_alive() {
    let stage = Stage::new(Limits { beat: Duration::from_millis(10), ..quick() });
    let mut viewer = Box::pin(stage.view(None));
    let mut next = async || timeout(DEADLINE, viewer.next()).await.unwrap().unwrap();
    assert_eq!(next().await, "retry: 1000\n\n");
    assert_eq!([next().await, next().await], [": \n\n"; 2], "no Pod yet");
    stage.script.write(RUN, &line(1));
    while next().await == ": \n\n" {}
    assert_eq!([next().await, next().await], [": \n\n"; 2], "no more lines yet");
}

#[tokio::test]
async fn a_reader_whose_socket_takes_nothing_is_cut_though_nobody_asks_for_more() {
    let limits = Limits { container: 1 << 20, patience: Duration::from_millis(300), ..quick() };
    // More than all the buffers of a connection hold.
    let stage = Stage::over(limits, &format!("{}\n", "x".repeat(60_000)).repeat(300));
    let (logs, task) = (Arc::clone(&stage.logs), stage.task.clone());
    let router = Router::new().route("/", get(async move || events_of(&logs, &task)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = PatientListener::new(listener, limits.patience);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut socket = socket.connect(address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    let viewers = || stage.logs.lock().values().map(|task| task.audience().count()).sum::<usize>();
    until(|| viewers() == 1).await;
    until(|| viewers() == 0).await;
    assert!(stage.logs.memory() < 3 << 20, "{}", stage.logs.memory());
    let mut got = Vec::new();
    // What was under way still comes; whether the end is a clean one is for the kernel to say.
    let _ = timeout(DEADLINE, socket.read_to_end(&mut got)).await.expect("an end");
    assert!(!got.is_empty() && !got.windows(10).any(|part| part == b"event: end"));
    server.abort();
}

fn events_of(logs: &Arc<Logs>, task: &watch::Sender<Option<Arc<ClaudeTask>>>) -> Body {
    Body::from_stream(logs.follow(task.subscribe(), None).map(Ok::<_, Infallible>))
}
