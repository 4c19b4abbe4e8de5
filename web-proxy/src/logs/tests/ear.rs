//! What lists hear of logs.

use super::*;
use crate::logs::ear::Ears;

const TOOL: &str = r#"{"seq":2,"time":"2026-01-01T00:00:00Z","phase":"run","kind":"tool","turn":3,"tool":"Bash","text":"cargo test"}"#;

const SAVED: &str = r#"{"seq":3,"time":"2026-01-01T00:00:00Z","phase":"run","kind":"phase","text":"Saved as 42cf"}"#;
const SHORT: &str = r#"{"seq":4,"time":"2026-01-01T00:00:00Z","phase":"run","kind":"warning","text":"Memory runs short"}"#;

#[tokio::test]
async fn saving_the_work_does_not_hide_what_the_model_does() {
    let stage = Stage::new(quick());
    let ears = Ears::new(Arc::clone(&stage.logs));
    let hear = || ears.activity("a", Some(stage.task.subscribe()));
    stage.script.write(RUN, &format!("{TOOL}\n"));
    until(|| hear().as_deref() == Some("turn 3 · Bash cargo test")).await;
    stage.script.write(RUN, &format!("{SAVED}\n"));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(hear().as_deref(), Some("turn 3 · Bash cargo test"));
    stage.script.write(RUN, &format!("{SHORT}\n"));
    until(|| hear().as_deref() == Some("run: Memory runs short")).await;
}

#[tokio::test]
async fn a_list_hears_the_newest_line_by_one_read_however_often_it_asks() {
    let stage = Stage::new(quick());
    stage.script.write(RUN, &crate::logs::script::line(1));
    let ears = Ears::new(Arc::clone(&stage.logs));
    let hear = || ears.activity("a", Some(stage.task.subscribe()));
    assert_eq!(hear(), None, "nothing was heard yet");
    until(|| hear().as_deref() == Some("run: line 1")).await;
    stage.script.write(RUN, &format!("{TOOL}\n"));
    until(|| hear().as_deref() == Some("turn 3 · Bash cargo test")).await;
    assert_eq!(stage.script.opened(RUN), 1);
    // A task that is over is listened to no longer, and forgotten.
    stage.script.end(RUN);
    stage.finish();
    until(|| ears.activity("a", None).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_no_list_asks_for_is_left() {
    let stage = Stage::new(Limits::default());
    stage.script.write(RUN, &crate::logs::script::line(1));
    let ears = Ears::new(Arc::clone(&stage.logs));
    ears.activity("a", Some(stage.task.subscribe()));
    until(|| ears.activity("a", None).is_some()).await;
    sleep(Duration::from_mins(2)).await;
    assert_eq!(ears.activity("a", None), None);
}
