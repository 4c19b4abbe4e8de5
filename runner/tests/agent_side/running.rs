//! Run and ConflictResolution from plan to hand-over.

use std::fs;

use crd::{Outcome, Phase, Reason, Usd};
use runner::handoff::{RESULT, newest_bundle};
use runner::plan::Skip;

use crate::pod::{KEY, Pod, clean, flag, quiet, report};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_hands_over_work_session_usage_and_summary() {
    let pod = Pod::new("echo x > x.txt", serde_json::json!({})).await;
    let (ended, result) = pod.run().await;
    let report = report(ended);
    assert_eq!((report.outcome, report.reason), (Outcome::Succeeded, None));
    assert_eq!(report.summary.as_deref(), Some("Created greeting.txt and NOTES.md."));
    assert_eq!(report.usage.unwrap().cost_usd, Usd::from_micros(2490));
    assert_eq!(report.session_id, result.session_id);
    assert_eq!(pod.files(), "a.txt\nx.txt");
    assert_eq!(result.commit.unwrap(), newest_bundle(&pod.dirs.handoff).unwrap().1.commit);
    assert!(pod.note("prompt-1").starts_with("This is your task:\n\nAdd a file"));
    let transcript = format!("{}.jsonl", report.session_id.unwrap());
    assert!(pod.dirs.session.join(transcript).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_is_repaired_in_the_same_session_and_a_fresh_home() {
    let verify = serde_json::json!({"verify": ["cat x.txt; touch left; grep -q yes x.txt"]});
    let work = "if [ $n = 1 ]; then echo no > x.txt; else ls > seen; echo yes > x.txt; fi";
    let pod = Pod::new(work, verify).await;
    let (ended, result) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    let id = flag(&pod.note("args-1"), "--session-id");
    assert_eq!(flag(&pod.note("args-2"), "--resume"), id);
    assert_eq!(pod.note("home-2"), ".claude\n", "nothing but the transcript");
    assert!(pod.note("prompt-2").contains("```\nno\n```"), "{}", pod.note("prompt-2"));
    assert_eq!(pod.files(), "a.txt\nseen\nx.txt", "what the check left is not the change");
    assert!(!fs::read_to_string(pod.dirs.worktree().join("seen")).unwrap().contains("left"));
    assert_eq!(result.usage.unwrap().cost_usd, Usd::from_micros(2 * 2490));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_passes_ends_after_two_repairs_with_the_work_handed_over() {
    let pod = Pod::new("echo $n > x.txt", serde_json::json!({"verify": ["false"]})).await;
    let (ended, result) = pod.run().await;
    assert_eq!(report(ended).reason, Some(Reason::VerificationFailed));
    assert_eq!(pod.starts(), 3);
    assert_eq!(result.outcome, Outcome::Failed);
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_gets_what_is_left_of_the_money_and_none_without() {
    let change = serde_json::json!({"verify": ["false"], "claude": {"maxBudgetUSD": "0.004"}});
    let pod = Pod::new("echo $n > x.txt", change).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).reason, Some(Reason::BudgetExceeded));
    assert_eq!(pod.starts(), 2);
    assert_eq!(flag(&pod.note("args-1"), "--max-budget-usd").unwrap(), "0.004");
    assert_eq!(flag(&pod.note("args-2"), "--max-budget-usd").unwrap(), "0.00151");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_hands_over_what_there_is() {
    let work = "echo x > x.txt; RECORDING=api-429-long-retry-after";
    let pod = Pod::new(work, serde_json::json!({})).await;
    let (ended, result) = pod.run().await;
    assert_eq!(report(ended).reason, Some(Reason::RateLimited));
    assert_eq!((result.outcome, result.reason), (Outcome::Failed, Some(Reason::RateLimited)));
    assert_eq!(pod.files(), "a.txt\nx.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_claudes_words_reaches_no_report() {
    let work = format!(
        "sed 's/Created greeting.txt/{KEY}/' \"{}/tests/claude-streams/success.jsonl\"; exit 0",
        env!("CARGO_MANIFEST_DIR")
    );
    let pod = Pod::new(&work, serde_json::json!({})).await;
    let (ended, _) = pod.run().await;
    assert_eq!(report(ended).summary.as_deref(), Some("[redacted] and NOTES.md."));
    let result = fs::read_to_string(pod.dirs.handoff.join(RESULT)).unwrap();
    assert!(!result.contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_done_already_starts_nothing() {
    let mut pod = Pod::new("", serde_json::json!({})).await;
    let skip = Skip { reason: Reason::AlreadyPushed, message: "It is there.".into() };
    pod.start.skip = Some(skip);
    pod.start.write(&pod.dirs).unwrap();
    let ended = runner::run::run(&pod.config, &pod.dirs, &quiet()).await;
    let report = report(ended);
    assert_eq!((report.outcome, report.reason), (Outcome::Skipped, Some(Reason::AlreadyPushed)));
    assert_eq!(pod.starts(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_that_is_near_starts_nothing() {
    let now = jiff::Timestamp::now();
    let pod = Pod::new("", serde_json::json!({"notAfter": now})).await;
    let (ended, _) = pod.run().await;
    assert_eq!((report(ended).reason, pod.starts()), (Some(Reason::Timeout), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_landing_without_checks_is_nothing_to_resolve() {
    let pod = Pod::new("", serde_json::json!({})).await;
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    let report = report(ended);
    assert_eq!((report.phase, report.outcome), (Phase::ConflictResolution, Outcome::Skipped));
    assert_eq!((resolution.outcome, pod.starts()), (Outcome::Skipped, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_after_a_rebase_pays_for_a_turn_only_when_it_fails() {
    let verify = serde_json::json!({"verify": ["grep -q fixed a.txt"]});
    let pod = Pod::new("echo fixed > a.txt", verify).await;
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    assert_eq!((report(ended).outcome, pod.starts()), (Outcome::Succeeded, 1));
    let [file] = &resolution.files[..] else { panic!("{resolution:?}") };
    let content = fs::read(pod.dirs.handoff.join(file.content.as_ref().unwrap())).unwrap();
    assert_eq!((file.path.as_str(), &content[..]), ("a.txt", &b"fixed\n"[..]));
    // Without a session of Run the task itself has to be told.
    assert!(pod.note("prompt-1").contains("```\nAdd a file\n```"));

    let pod = {
        drop(pod);
        Pod::new("", serde_json::json!({"verify": ["true"]})).await
    };
    let (ended, resolution) = pod.resolve(clean(&pod)).await;
    assert_eq!((report(ended).outcome, pod.starts()), (Outcome::Succeeded, 0));
    assert!(resolution.files.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_continued_is_replaced_by_one_that_is_told_the_task() {
    let verify = serde_json::json!({"verify": ["grep -q fixed a.txt"]});
    let pod = Pod::new("[ $n = 1 ] && echo fixed > a.txt", verify).await;
    let (ended, run) = pod.run().await;
    assert_eq!(report(ended).outcome, Outcome::Succeeded);
    for transcript in fs::read_dir(&pod.dirs.session).unwrap() {
        fs::remove_file(transcript.unwrap().path()).unwrap();
    }
    fs::write(pod.root.path().join("work"), "echo fixed > a.txt").unwrap();
    let (ended, _) = pod.resolve(clean(&pod)).await;
    let said = report(ended);
    assert_eq!(said.outcome, Outcome::Succeeded, "{}", said.message);
    assert_ne!(flag(&pod.note("args-2"), "--session-id"), run.session_id);
    assert!(pod.note("prompt-2").contains("```\nAdd a file\n```"));
}
