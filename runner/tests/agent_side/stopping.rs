//! A request to stop while the agent side works: Claude ends its turn, and what there is is handed
//! over. And the money that earlier attempts spent.
//!
//! Not here: how a process is ended (`supervise`).

use crd::{Outcome, Reason, Usd};
use serde_json::json;

use crate::pod::{Pod, clean, flag, report};

/// Claude's shell asks the runner to stop, as the operator does through the kubelet.
const ASK: &str = "echo 'Cancelled 2026-01-01T00:00:00Z' > \"$HERE/pod/stop/stop\"";
/// The same from a command in the work tree.
const ASK_FROM_TREE: &str = "echo Cancelled > ../../stop/stop; sleep 1000";

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_claudes_turn_and_hands_over_work_and_cost() {
    let work = format!(
        "head -n 3 STREAMS/signal-int-bash.jsonl
        trap 'tail -n +4 STREAMS/signal-int-bash.jsonl; exit 0' INT
        echo x > x.txt; {ASK}; sleep 1000 & wait"
    );
    let streams = format!("{}/tests/claude-streams", env!("CARGO_MANIFEST_DIR"));
    let pod = Pod::new(&work.replace("STREAMS", &streams), json!({})).await;
    let (ended, result) = pod.run().await;
    let report = report(ended);
    assert_eq!((report.outcome, report.reason), (Outcome::Failed, Some(Reason::Cancelled)));
    assert_eq!(report.message, "The task was cancelled. Claude Code was stopped.");
    assert_eq!(report.usage.unwrap().cost_usd, Usd::from_micros(400), "it printed its result");
    assert_eq!((result.reason, result.usage), (report.reason, report.usage));
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_claude_waits_for_an_answer_tells_the_cost_of_its_turns() {
    // No result is printed: the transcript accounts for this process and, where one session goes
    // through several, for those before it.
    let work = format!(
        r#"account() {{
            echo '{{"type":"cost-state","modelUsage":{{"m":{{"costUSD":'$1',"inputTokens":50}}}}}}'
        }}
        if [ $n = 1 ]; then account 0.0025 >> "$transcript"; else
            head -n 3 STREAMS/signal-int-bash.jsonl
            trap 'account 0.0032 >> "$transcript"; exit 0' INT
            echo x > x.txt; {ASK}; sleep 1000 & wait
        fi"#
    );
    let streams = format!("{}/tests/claude-streams", env!("CARGO_MANIFEST_DIR"));
    let verify = json!({"verify": ["test -e x.txt"]});
    let pod = Pod::new(&work.replace("STREAMS", &streams), verify).await;
    let (ended, _) = pod.run().await;
    let report = report(ended);
    assert_eq!((report.reason, pod.starts()), (Some(Reason::Cancelled), 2));
    let usage = report.usage.unwrap();
    // The first process printed what it used, the second added 700 millionths.
    assert_eq!((usage.cost_usd, usage.turns), (Usd::from_micros(2490 + 700), 6 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_before_the_run_starts_nothing() {
    let pod = Pod::new("", json!({"setup": ["touch ../../seen"]})).await;
    std::fs::write(pod.dirs.stop.join(crd::names::STOP_FILE), "Cancelled now").unwrap();
    let (ended, result) = pod.run().await;
    assert_eq!((report(ended).reason, pod.starts()), (Some(Reason::Cancelled), 0));
    assert_eq!(result.commit, None);
    assert!(!pod.dirs.workspace.join("../seen").exists(), "not even the setup");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_setup_and_checks() {
    for (field, starts) in [("setup", 0), ("verify", 1)] {
        let pod = Pod::new("echo x > x.txt", json!({field: [ASK_FROM_TREE]})).await;
        let (ended, _) = pod.run().await;
        let report = report(ended);
        assert_eq!((report.reason, pod.starts()), (Some(Reason::Cancelled), starts), "{field}");
        assert!(report.message.contains("had not ended"), "{}", report.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_resolution_says_so() {
    let pod = Pod::new("", json!({"verify": [ASK_FROM_TREE]})).await;
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    assert_eq!(report(ended).reason, Some(Reason::Cancelled));
    assert_eq!((resolution.reason, pod.starts()), (Some(Reason::Cancelled), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_earlier_attempts_spent_is_not_spent_again() {
    let left = json!({"claude": {"maxBudgetUSD": "1.00"}, "spent": "0.75"});
    let pod = Pod::new("echo x > x.txt", left).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    assert_eq!(flag(&pod.note("args-1"), "--max-budget-usd").as_deref(), Some("0.25"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_earlier_attempts_used_up_starts_nothing() {
    let nothing_left = || json!({"claude": {"maxBudgetUSD": "1.00"}, "spent": "1.00"});
    let pod = Pod::new("", nothing_left()).await;
    let (ended, _) = pod.run().await;
    assert_eq!((report(ended).reason, pod.starts()), (Some(Reason::BudgetExceeded), 0));
    drop(pod);
    let mut task = nothing_left();
    task["verify"] = json!(["false"]);
    let pod = Pod::new("", task).await;
    let (ended, _) = pod.resolve(clean(&pod)).await;
    assert_eq!((report(ended).reason, pod.starts()), (Some(Reason::BudgetExceeded), 0));
}
