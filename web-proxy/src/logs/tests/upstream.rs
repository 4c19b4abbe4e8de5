//! The upstream breaks off, falls silent, rotates, or writes what is no JSON.
//!
//! Not here: what viewers do ([`super::viewers`]).

use std::time::Duration;

use crd::Phase;

use super::{RUN, Stage, all, ids, quick, seen, until, whole};
use crate::logs::Limits;
use crate::logs::script::{line, lines, step};

#[tokio::test]
async fn wherever_the_upstream_breaks_off_no_line_is_lost_or_repeated() {
    let text = lines(1..=3) + "panicked\n" + &lines(4..=5) + "no line feed";
    let mut expected = ids("run", 1..=3);
    expected.push("panicked".to_owned());
    expected.extend(ids("run", 4..=5));
    expected.extend(["no line feed".to_owned(), "end {}".to_owned()]);
    for cut in (0..text.len()).step_by(3) {
        let stage = Stage::over(quick(), &text);
        stage.script.cut(RUN, &[cut, text.len() - cut, cut / 2]);
        assert_eq!(seen(&stage.all(None).await), expected, "cut after {cut} bytes");
        assert!(stage.script.opened(RUN) > 1);
    }
}

#[tokio::test]
async fn fifty_viewers_are_one_read() {
    let stage = Stage::new(quick());
    stage.script.write(RUN, &lines(1..=5));
    let viewers: Vec<_> = (0..50).map(|_| tokio::spawn(all(stage.view(None)))).collect();
    until(|| stage.script.opened(RUN) > 0).await;
    stage.script.write(RUN, &lines(6..=500));
    stage.script.end(RUN);
    stage.finish();
    let expected = whole(1..=500);
    for viewer in viewers {
        assert_eq!(seen(&viewer.await.unwrap()), expected);
    }
    assert_eq!(stage.script.opened(RUN), 1);
}

#[tokio::test]
async fn an_upstream_that_ends_while_the_container_runs_is_opened_again() {
    let stage = Stage::new(quick());
    stage.script.write(RUN, &lines(1..=2));
    let viewer = tokio::spawn(all(stage.view(None)));
    until(|| stage.script.opened(RUN) == 1).await;
    stage.script.break_off(RUN);
    until(|| stage.script.opened(RUN) >= 2).await;
    stage.script.write(RUN, &lines(3..=4));
    stage.script.end(RUN);
    stage.finish();
    assert_eq!(seen(&viewer.await.unwrap()), whole(1..=4));
}

#[tokio::test]
async fn an_upstream_that_is_silent_though_there_is_more_is_opened_again() {
    let stage = Stage::new(Limits { silence: Duration::from_millis(20), ..quick() });
    stage.script.write(RUN, &lines(1..=2));
    let viewer = tokio::spawn(all(stage.view(None)));
    until(|| stage.script.opened(RUN) == 1).await;
    stage.script.hang(RUN, true);
    stage.script.write(RUN, &lines(3..=4));
    until(|| stage.script.opened(RUN) >= 2).await;
    stage.script.hang(RUN, false);
    stage.script.end(RUN);
    stage.finish();
    assert_eq!(seen(&viewer.await.unwrap()), whole(1..=4));
}

#[tokio::test]
async fn lines_that_were_rotated_away_are_a_gap() {
    let stage = Stage::new(quick());
    stage.script.write(RUN, &lines(1..=9));
    stage.script.rotate(RUN);
    stage.script.write(RUN, &lines(10..=12));
    stage.script.end(RUN);
    stage.finish();
    assert_eq!(seen(&stage.all(None).await)[..2], ["gap 10", "1.run.10"]);
    assert_eq!(seen(&stage.all(Some("1.run.4")).await)[..2], ["gap 10", "1.run.10"]);
    assert_eq!(seen(&stage.all(Some("1.run.9")).await)[0], "1.run.10");
}

#[tokio::test]
async fn lines_that_were_rotated_away_while_the_upstream_was_broken_are_a_gap() {
    let stage = Stage::new(quick());
    stage.script.write(RUN, &lines(1..=3));
    let viewer = tokio::spawn(all(stage.view(None)));
    until(|| stage.logs.memory() > 0).await;
    stage.script.hang(RUN, true);
    stage.script.write(RUN, &lines(4..=6));
    stage.script.rotate(RUN);
    stage.script.write(RUN, &lines(7..=8));
    stage.script.break_off(RUN);
    stage.script.hang(RUN, false);
    stage.script.end(RUN);
    stage.finish();
    let expected = ["1.run.1", "1.run.2", "1.run.3", "gap 7", "1.run.7", "1.run.8", "end {}"];
    assert_eq!(seen(&viewer.await.unwrap()), expected);
}

#[tokio::test]
async fn attempts_follow_each_other() {
    let stage = Stage::new(quick());
    let viewer = tokio::spawn(all(stage.view(None)));
    for attempt in [1, 2] {
        for phase in [Phase::Clone, Phase::Run] {
            stage.script.write(step(attempt, phase), &line(1));
            until(|| stage.script.opened(step(attempt, phase)) == 1).await;
            stage.script.write(step(attempt, phase), &line(2));
            stage.script.end(step(attempt, phase));
        }
    }
    stage.finish();
    let expected = [
        "1.clone.1",
        "1.clone.2",
        "1.run.1",
        "1.run.2",
        "2.clone.1",
        "2.clone.2",
        "2.run.1",
        "2.run.2",
        "end {}",
    ];
    assert_eq!(seen(&viewer.await.unwrap()), expected);
}

#[tokio::test]
async fn what_is_no_json_is_shown_as_it_is() {
    let long = "x".repeat(100_000);
    let stage = Stage::over(quick(), &format!("{}a\r\nid: 1.run.9\n{long}\n{}", line(1), line(2)));
    let events = stage.all(None).await;
    let shown = seen(&events);
    assert_eq!(shown[..3], ["1.run.1", "a", "id: 1.run.9"]);
    assert!(shown[3].ends_with("(the line was cut)") && shown[3].len() < 66_000);
    assert_eq!(shown[4..], ["1.run.2", "end {}"]);
    assert_eq!(events[1].data["kind"], "raw");
}
