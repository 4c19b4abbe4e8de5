//! How a change lands: on an onto branch that stood still, moved, or conflicts.

use anyhow::ensure;
use crd::spec::ClaudeTaskSpec;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::{Phase, Reason};

use super::case::Case;
use super::verdict::Verdict;
use crate::git_server::{Action, Call};
use crate::model_server::Step;
use crate::repo::{Commit, Work};

super::scenarios!["landing":
    onto_unmoved_pushes_a_new_branch,
    three_commits_stay_three_when_onto_moves_elsewhere,
    a_stop_in_a_middle_commit_makes_one_commit_without_a_model_call,
    a_conflict_in_two_files_takes_one_model_turn,
    a_rename_meets_an_edit,
    a_delete_meets_an_edit,
    a_change_already_upstream_has_nothing_to_push,
    a_binary_conflict_is_refused_before_a_turn_is_paid,
    a_resolution_with_markers_is_rejected,
    a_resolution_out_of_scope_is_rejected,
    verify_that_fails_only_after_the_rebase_is_repaired,
    a_direct_landing_survives_a_lost_race,
    a_push_that_the_server_denies_but_did_counts_as_pushed,
    a_task_already_pushed_is_not_run_again,
];

/// Starts the task, and while Claude waits at the gate moves `main` by these files.
async fn while_main_moves<'a>(
    case: &Case<'a>,
    work: &Work,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<Verdict<'a>> {
    case.start(change).await?;
    case.at_gate().await?;
    work.commit_files("Meanwhile", files).await?;
    work.push(&case.remote(), &["main"]).await?;
    case.open_gate().await?;
    case.verdict().await
}

/// The commits on the task's branch that are not on `main`, newest first.
async fn own_commits(case: &Case<'_>) -> anyhow::Result<(Work, Vec<Commit>)> {
    let pushed = case.pushed().await?;
    let range = format!("refs/remotes/origin/main..refs/remotes/origin/{}", case.branch());
    let commits = pushed.log(&range).await?;
    Ok((pushed, commits))
}

async fn expect_content(case: &Case<'_>, file: &str, content: &str) -> anyhow::Result<()> {
    let tip = format!("refs/remotes/origin/{}", case.branch());
    let found = case.pushed().await?.content(&tip, file).await?;
    ensure!(found == content, "{file} holds {found:?} instead of {content:?}");
    Ok(())
}

/// The branch is not there, `main` is where the test left it, the work is on the checkpoint.
async fn expect_only_a_checkpoint(
    case: &Case<'_>,
    work: &Work,
    verdict: &Verdict<'_>,
) -> anyhow::Result<()> {
    let refs = case.remote().refs().await?;
    let main = work.commit_of("main").await?;
    ensure!(refs.get("refs/heads/main") == Some(&main), "main has moved: {refs:?}");
    ensure!(!refs.contains_key(&format!("refs/heads/{}", case.branch())), "pushed: {refs:?}");
    let checkpoint = verdict.result().checkpoint.clone().unwrap_or_default();
    ensure!(refs.contains_key(&checkpoint), "no checkpoint {checkpoint:?}: {refs:?}");
    Ok(())
}

async fn onto_unmoved_pushes_a_new_branch(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([
        case.shell("printf 'two\\n' > b.txt && git add . && git commit -qm 'Add b'"),
        Step::text("Added b."),
    ])
    .await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    let (pushed, commits) = own_commits(&case).await?;
    ensure!(commits.len() == 1 && commits[0].subject == "Add b", "{commits:?}");
    ensure!(commits[0].parents == [work.commit_of("main").await?], "not on top of main");
    let uid = verdict.task.metadata.uid.clone().unwrap_or_default();
    ensure!(commits[0].body.contains(&format!("ClaudeTask: {uid}")), "{commits:?}");
    let result = verdict.result();
    ensure!(result.commit.as_ref() == Some(&commits[0].sha), "{result:?}");
    ensure!(result.branch.as_deref() == Some(&case.branch()), "{result:?}");
    ensure!(result.diff.is_some_and(|d| (d.files, d.insertions) == (1, 1)), "{result:?}");
    ensure!(result.summary.as_deref() == Some("Added b."), "{result:?}");
    let usage = verdict.status.usage.unwrap_or_default();
    ensure!(usage.cost_usd.micros() > 0 && usage.turns == 2, "{usage:?}");
    let checkpoints = pushed.git(&["for-each-ref", "refs/claudetask"]).await?;
    ensure!(checkpoints.is_empty(), "a checkpoint is left: {checkpoints}");
    case.expect_model_requests(2).await
}

async fn three_commits_stay_three_when_onto_moves_elsewhere(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let commits =
        "for i in 1 2 3; do echo $i > f$i.txt; git add .; git commit -qm \"Add f$i\"; done";
    case.script([case.shell(commits), case.gated(Step::text("Done."))]).await?;
    let verdict = while_main_moves(&case, &work, &[("other.txt", "x\n")], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let (_, commits) = own_commits(&case).await?;
    let subjects: Vec<_> = commits.iter().map(|commit| commit.subject.as_str()).collect();
    ensure!(subjects == ["Add f3", "Add f2", "Add f1"], "{subjects:?}");
    ensure!(commits[2].parents == [work.commit_of("main").await?], "not on top of the new main");
    case.expect_model_requests(2).await
}

async fn a_stop_in_a_middle_commit_makes_one_commit_without_a_model_call(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\ntwo\nthree\n")]).await?;
    let there_and_back = "sed -i s/two/zwei/ a.txt && git commit -qam 'Try zwei' && \
        sed -i s/zwei/two/ a.txt && echo b > b.txt && git add . && git commit -qm 'Back, and b'";
    case.script([case.shell(there_and_back), case.gated(Step::text("Done."))]).await?;
    let verdict =
        while_main_moves(&case, &work, &[("a.txt", "one\ndeux\nthree\n")], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    ensure!(verdict.state(Phase::ConflictResolution) == Some(Skipped), "{:?}", verdict.status);
    let (_, commits) = own_commits(&case).await?;
    ensure!(commits.len() == 1, "{commits:?}");
    let told = format!("{}\n{}", commits[0].subject, commits[0].body);
    ensure!(told.contains("Try zwei") && told.contains("Back, and b"), "originals: {told}");
    expect_content(&case, "a.txt", "one\ndeux\nthree\n").await?;
    case.expect_model_requests(2).await
}

async fn a_conflict_in_two_files_takes_one_model_turn(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n"), ("b.txt", "one\n")]).await?;
    case.script([
        case.shell("echo agent > a.txt; echo agent > b.txt; git commit -qam 'Agent'"),
        case.gated(Step::text("Done.")),
        case.shell("echo both > a.txt; echo both > b.txt"),
        Step::text("Resolved."),
    ])
    .await?;
    let moved = [("a.txt", "main\n"), ("b.txt", "main\n")];
    let verdict = while_main_moves(&case, &work, &moved, |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded; 5])?;
    let conflicts = verdict.result().conflicts.clone().unwrap_or_default();
    ensure!((conflicts.count, conflicts.rounds) == (2, Some(1)), "{conflicts:?}");
    ensure!(conflicts.resolved_by.as_deref() == Some("Claude"), "{conflicts:?}");
    expect_content(&case, "a.txt", "both\n").await?;
    expect_content(&case, "b.txt", "both\n").await?;
    case.expect_model_requests(4).await
}

async fn a_rename_meets_an_edit(case: Case<'_>) -> anyhow::Result<()> {
    let text = "one\ntwo\nthree\nfour\nfive\n";
    let work = case.repository(&[("old.txt", text)]).await?;
    case.script([
        case.shell("git mv old.txt new.txt && git commit -qm 'Rename'"),
        case.gated(Step::text("Done.")),
    ])
    .await?;
    let edited = text.replace("five", "fünf");
    let verdict = while_main_moves(&case, &work, &[("old.txt", &edited)], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    expect_content(&case, "new.txt", &edited).await?;
    case.expect_model_requests(2).await
}

async fn a_delete_meets_an_edit(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n"), ("b.txt", "b\n")]).await?;
    case.script([
        case.shell("git rm -q a.txt && git commit -qm 'Remove a'"),
        case.gated(Step::text("Done.")),
        case.shell("rm a.txt"),
        Step::text("It stays removed."),
    ])
    .await?;
    let verdict = while_main_moves(&case, &work, &[("a.txt", "edited\n")], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let pushed = case.pushed().await?;
    let files = pushed.files(&format!("refs/remotes/origin/{}", case.branch())).await?;
    ensure!(files == ["b.txt"], "{files:?}");
    case.expect_model_requests(4).await
}

async fn a_change_already_upstream_has_nothing_to_push(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([
        case.shell("echo two > a.txt && git commit -qam 'Two'"),
        case.gated(Step::text("Done.")),
    ])
    .await?;
    let verdict = while_main_moves(&case, &work, &[("a.txt", "two\n")], |_| ()).await?;
    verdict.expect(Reason::NothingToPush)?;
    let branch = case.remote().branch(&case.branch()).await?;
    ensure!(branch.is_none(), "something was pushed: {branch:?}");
    case.expect_model_requests(2).await
}

async fn a_binary_conflict_is_refused_before_a_turn_is_paid(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.bin", "\0one")]).await?;
    case.script([
        case.shell("printf '\\0two' > a.bin && git commit -qam 'Two'"),
        case.gated(Step::text("Done.")),
    ])
    .await?;
    let verdict = while_main_moves(&case, &work, &[("a.bin", "\0three")], |_| ()).await?;
    verdict.expect(Reason::ConflictsUnresolved)?;
    verdict.expect_phases([Succeeded, Succeeded, Failed, Skipped, Skipped])?;
    ensure!(verdict.message().contains("a.bin"), "{}", verdict.message());
    expect_only_a_checkpoint(&case, &work, &verdict).await?;
    case.expect_model_requests(2).await
}

/// A conflict in `a.txt` to which Claude answers by running `resolution`, with one round only.
async fn conflict_answered_by<'a>(
    case: &Case<'a>,
    resolution: &str,
) -> anyhow::Result<(Work, Verdict<'a>)> {
    let work = case.repository(&[("a.txt", "one\n"), ("b.txt", "one\n")]).await?;
    case.script([
        case.shell("echo agent > a.txt && git commit -qam 'Agent'"),
        case.gated(Step::text("Done.")),
        case.shell(resolution),
        Step::text("Resolved."),
    ])
    .await?;
    let one_round = |spec: &mut ClaudeTaskSpec| spec.rebase.max_rounds = 1;
    let verdict = while_main_moves(case, &work, &[("a.txt", "main\n")], one_round).await?;
    Ok((work, verdict))
}

async fn a_resolution_with_markers_is_rejected(case: Case<'_>) -> anyhow::Result<()> {
    let (work, verdict) = conflict_answered_by(&case, "true").await?;
    verdict.expect(Reason::ResolutionRejected)?;
    ensure!(verdict.message().contains("a.txt"), "{}", verdict.message());
    expect_only_a_checkpoint(&case, &work, &verdict).await
}

async fn a_resolution_out_of_scope_is_rejected(case: Case<'_>) -> anyhow::Result<()> {
    let (work, verdict) = conflict_answered_by(&case, "echo both > a.txt; echo x > b.txt").await?;
    verdict.expect(Reason::ResolutionRejected)?;
    ensure!(verdict.message().contains("b.txt"), "{}", verdict.message());
    expect_only_a_checkpoint(&case, &work, &verdict).await
}

async fn verify_that_fails_only_after_the_rebase_is_repaired(case: Case<'_>) -> anyhow::Result<()> {
    let check = "test ! -e rule.txt || grep -q adapted b.txt\n";
    let work = case.repository(&[("check.sh", check)]).await?;
    case.script([
        case.shell("echo new > b.txt && git add . && git commit -qm 'Add b'"),
        case.gated(Step::text("Done.")),
        case.shell("echo adapted > b.txt"),
        Step::text("Adapted."),
    ])
    .await?;
    let verify = |spec: &mut ClaudeTaskSpec| spec.verify = vec!["sh check.sh".to_owned()];
    let verdict = while_main_moves(&case, &work, &[("rule.txt", "x\n")], verify).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded; 5])?;
    let (_, commits) = own_commits(&case).await?;
    ensure!(commits.len() == 2 && commits[1].subject == "Add b", "{commits:?}");
    expect_content(&case, "b.txt", "adapted\n").await?;
    case.expect_model_requests(4).await
}

async fn a_direct_landing_survives_a_lost_race(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let rule = case.push_rule("refs/heads/main", Action::HoldRequest).await?;
    case.start(|spec| spec.push.branch = Some("main".to_owned())).await?;
    case.held(rule).await?;
    let colleague = work.commit_files("Colleague", &[("c.txt", "c\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    case.site.git.release(rule).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    let log = case.pushed().await?.log("refs/remotes/origin/main").await?;
    ensure!(log.len() == 3 && log[1].sha == colleague, "{log:?}");
    ensure!(verdict.result().commit.as_ref() == Some(&log[0].sha), "{log:?}");
    case.expect_model_requests(2).await
}

async fn a_push_that_the_server_denies_but_did_counts_as_pushed(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let target = format!("refs/heads/{}", case.branch());
    case.push_rule(&target, Action::AnswerAfter { status: 500 }).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    case.expect_pushed_once(&target).await
}

async fn a_task_already_pushed_is_not_run_again(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    // The clone is held until the branch carries this task's mark, as after a lost status.
    let rule = case.rule(Call::ListForFetch, Action::HoldRequest).await?;
    case.start(|_| ()).await?;
    case.held(rule).await?;
    let uid = case.current().await?.metadata.uid.unwrap_or_default();
    work.branch(&case.branch(), "main").await?;
    work.commit_files(&format!("Add b\n\nClaudeTask: {uid}"), &[("b.txt", "b\n")]).await?;
    work.push(&case.remote(), &[&case.branch()]).await?;
    case.site.git.release(rule).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::AlreadyPushed)?;
    verdict.expect_phases([Succeeded, Skipped, Skipped, Skipped, Skipped])?;
    case.expect_model_requests(0).await
}
