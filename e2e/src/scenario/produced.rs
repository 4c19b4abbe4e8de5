//! For every reason of the list a scenario that produces it: a reason without one does not compile
//! here, and one whose scenario is gone or does not expect it any more fails the test.

use std::fs;
use std::path::Path;

use crd::Reason;

use super::{on_the_second_node, one_by_one, side_by_side};

/// The scenario in which a task, or an attempt of it, ends for this reason.
const fn by(reason: Reason) -> &'static str {
    match reason {
        Reason::Pushed => "landing::onto_unmoved_pushes_a_new_branch",
        Reason::NothingToPush => "agent::doing_nothing_has_nothing_to_push",
        Reason::AlreadyPushed => "landing::a_task_already_pushed_is_not_run_again",
        Reason::CloneFailed => "refusal::an_unreachable_server_is_a_clone_failure",
        Reason::AuthenticationFailed => "refusal::a_wrong_password_is_an_authentication_failure",
        Reason::SecretMismatch => "refusal::a_secret_for_another_url_is_not_sent",
        Reason::RefNotFound => "refusal::a_missing_ref_is_named",
        Reason::BranchExists => "refusal::an_existing_foreign_branch_is_left_alone",
        Reason::PushForbidden => "refusal::a_read_only_account_may_not_push",
        Reason::SetupFailed => "setup::one_that_fails_asks_no_model",
        Reason::AgentFailed => "agent::a_refused_request_fails_the_task",
        Reason::AgentHung => "agent::a_silent_model_is_a_hung_agent",
        Reason::VerificationFailed => "agent::verify_that_never_passes_fails_the_task",
        Reason::BudgetExceeded => "agent::the_budget_keeps_the_work",
        Reason::TurnLimit => "agent::the_turn_limit_keeps_the_work",
        Reason::RateLimited => "agent::a_rate_limit_with_subtype_success_is_no_success",
        Reason::Overloaded => "agent::an_overloaded_api_is_told_apart",
        Reason::CredentialsRejected => "agent::a_refused_credential_is_told_apart",
        Reason::ConflictsUnresolved => {
            "conflict::a_binary_conflict_is_refused_before_a_turn_is_paid"
        }
        Reason::ResolutionRejected => "conflict::a_resolution_with_markers_is_rejected",
        Reason::PushRejected => "continuing::a_refused_commit_is_landed_by_another_task",
        Reason::Timeout => "lifecycle::a_timeout_while_claude_works_saves_the_work",
        Reason::Cancelled => "lifecycle::a_cancel_while_claude_works_saves_the_work_and_names_it",
        Reason::ImagePullFailed => "operator::an_unknown_image_is_told_and_ends_the_task",
        Reason::SecretMissing => "pod::a_missing_git_secret_is_named",
        Reason::OutOfMemory => {
            "guards::commands_that_eat_again_and_again_end_the_task_with_the_work_saved"
        }
        Reason::DiskFull => "nodes::more_than_the_ephemeral_storage_limit_is_a_full_disk",
        Reason::Evicted => "nodes::a_node_that_runs_short_evicts_and_the_work_is_saved",
        Reason::Unschedulable => "pod::a_pod_that_no_node_takes_is_unschedulable",
        Reason::PodRejected => "admission::a_quota_for_pods_is_told_and_ends_the_task",
        Reason::NodeLost => "nodes::a_silent_node_is_lost_after_the_last_moment",
        Reason::Lost => "nodes::a_container_killed_without_a_word_is_lost",
        Reason::InvalidSpec => "operator::an_unreadable_object_stops_no_other",
    }
}

/// Everything that a scenario and the functions of its file say.
fn sources() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scenario");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.is_file() && !file.ends_with("produced.rs"));
    files.map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// The text of a function, from its name to the brace that closes it.
fn body<'a>(sources: &'a str, function: &str) -> &'a str {
    let begin = sources.find(&format!("\nasync fn {function}(")).unwrap_or(sources.len());
    let rest = &sources[begin..];
    &rest[..rest.find("\n}\n").unwrap_or(rest.len())]
}

#[test]
fn every_reason_is_produced_by_a_scenario() {
    let registered: Vec<_> = [side_by_side(), on_the_second_node(), one_by_one()]
        .concat()
        .iter()
        .map(|s| s.name)
        .collect();
    let sources = sources();
    for reason in Reason::ALL {
        let scenario = by(*reason);
        assert!(registered.contains(&scenario), "{reason}: {scenario} is not played");
        let (_, function) = scenario.split_once("::").unwrap();
        // Those whose file has only one reason to expect name it in a function that they share.
        let expected = format!("Reason::{reason}");
        let said = body(&sources, function);
        let shared = said.contains("rejected(") && *reason == Reason::PodRejected;
        assert!(shared || said.contains(&expected), "{scenario} does not expect {reason}: {said}");
    }
}
