//! What the agent leaves behind in git: merges, resets, other branches, half a rebase, no `.git`.
//!
//! Not here: every other history (the runner's own test program `work`).

use anyhow::ensure;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::{Phase, Reason};

use super::case::Case;
use super::verdict::Verdict;
use crate::model_server::Step;
use crate::repo::Work;

super::scenarios!["histories", twice:
    a_merge_of_branches_is_one_change,
    a_reset_below_the_start_with_new_work_is_one_change,
    work_on_another_branch_is_taken_when_head_holds_none,
    work_on_a_branch_beside_the_change_is_named,
    a_detached_head_is_work_all_the_same,
    a_removed_git_directory_is_one_change,
    files_of_nested_repositories_are_part_of_the_change,
    a_rebase_left_open_is_finished_by_claude,
    a_rebase_that_is_never_finished_keeps_every_commit,
];

/// Adds a file and commits it.
const COMMIT: &str = "c() { echo \"${2:-$1}\" > $1; git add -A; git commit -qm \"Add $1\"; }; ";
/// Leaves a rebase that stands at a conflict.
const OPEN: &str = "c f one; git checkout -qb other HEAD~1; c f two; c g; \
    git rebase claude >/dev/null 2>&1 || true";

/// Runs the script as the only thing that Claude does.
async fn after<'a>(case: &Case<'a>, script: &str) -> anyhow::Result<Verdict<'a>> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let did = case.shell(&format!("{COMMIT}{script}"));
    case.script([did, Step::text("Done.")]).await?;
    case.run(|_| ()).await
}

/// Asserts that it was pushed for two requests, as these commits and files (besides `a.txt`), and
/// that no checkpoint is left.
async fn expect_change(
    case: &Case<'_>,
    verdict: &Verdict<'_>,
    subjects: &[&str],
    files: &[&str],
) -> anyhow::Result<Work> {
    verdict.expect(Reason::Pushed)?;
    let tip = format!("refs/remotes/origin/{}", case.branch());
    let pushed = case.pushed().await?;
    let log = pushed.log(&format!("refs/remotes/origin/main..{tip}")).await?;
    let found: Vec<&str> = log.iter().rev().map(|commit| commit.subject.as_str()).collect();
    ensure!(found == subjects, "{found:?} instead of {subjects:?}");
    let mut found = pushed.files(&tip).await?;
    found.retain(|file| file != "a.txt");
    ensure!(found == files, "{found:?} instead of {files:?}");
    let checkpoints = pushed.git(&["for-each-ref", "refs/claudetask"]).await?;
    ensure!(checkpoints.is_empty(), "a checkpoint is left: {checkpoints}");
    case.expect_model_requests(2).await?;
    Ok(pushed)
}

/// Asserts that Run's message says so.
fn expect_told(verdict: &Verdict<'_>, words: &str) -> anyhow::Result<()> {
    let run = verdict.status.phases.iter().find(|phase| phase.name == Phase::Run);
    let message = run.map(|phase| phase.message.as_str()).unwrap_or_default();
    ensure!(message.contains(words), "Run says {message:?}");
    Ok(())
}

async fn a_merge_of_branches_is_one_change(case: Case<'_>) -> anyhow::Result<()> {
    let script = "git checkout -qb p; c p; git checkout -qb q HEAD~1; c q; git checkout -q -; \
        git checkout -qb all HEAD~1; c x; git merge -q p q";
    let verdict = after(&case, script).await?;
    let title =
        format!("Change of ClaudeTask {}/{} (4 commits as one)", case.site.namespace, case.name);
    expect_change(&case, &verdict, &[&title], &["p", "q", "x"]).await.map(drop)
}

async fn a_reset_below_the_start_with_new_work_is_one_change(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    work.commit_files("Second", &[("second.txt", "2\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    let did = case.shell(&format!("{COMMIT}git reset -q --hard HEAD~1; c x"));
    case.script([did, Step::text("Done.")]).await?;
    let verdict = case.run(|_| ()).await?;
    // The tree that Claude left is the change, so the second commit is undone by it.
    expect_change(&case, &verdict, &["Add x"], &["x"]).await.map(drop)
}

async fn work_on_another_branch_is_taken_when_head_holds_none(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let verdict = after(&case, "git checkout -qb other; c x; c y; git checkout -q -").await?;
    expect_change(&case, &verdict, &["Add x", "Add y"], &["x", "y"]).await?;
    expect_told(&verdict, "the change is what other holds")
}

async fn work_on_a_branch_beside_the_change_is_named(case: Case<'_>) -> anyhow::Result<()> {
    let verdict = after(&case, "git checkout -qb other; c x; git checkout -q -; c y").await?;
    expect_change(&case, &verdict, &["Add y"], &["y"]).await?;
    expect_told(&verdict, "Not part of the change: the work on other.")
}

async fn a_detached_head_is_work_all_the_same(case: Case<'_>) -> anyhow::Result<()> {
    let verdict = after(&case, "git checkout -q --detach; c x; echo y > y").await?;
    expect_change(&case, &verdict, &["Add x", &subject(&case)], &["x", "y"]).await.map(drop)
}

async fn a_removed_git_directory_is_one_change(case: Case<'_>) -> anyhow::Result<()> {
    let verdict = after(&case, "c x; echo y > y; rm -rf .git").await?;
    expect_change(&case, &verdict, &[&subject(&case)], &["x", "y"]).await?;
    expect_told(&verdict, ".git directory was damaged or removed")
}

async fn files_of_nested_repositories_are_part_of_the_change(case: Case<'_>) -> anyhow::Result<()> {
    let script = "git init -q app; (cd app; git config user.name A; git config user.email a@b; c x); \
        git init -q lib; (cd lib; git config user.name A; git config user.email a@b; c y); \
        git -c protocol.file.allow=always submodule --quiet add ./lib; git commit -qm Sub";
    let verdict = after(&case, script).await?;
    let subjects = ["Sub", &subject(&case)];
    expect_change(&case, &verdict, &subjects, &[".gitmodules", "app/x", "lib/y"]).await?;
    expect_told(&verdict, "the files were taken, not the history")
}

async fn a_rebase_left_open_is_finished_by_claude(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let finish = "echo both > f && git add f && GIT_EDITOR=true git rebase --continue >/dev/null";
    case.script([
        case.shell(&format!("{COMMIT}git branch -m claude; {OPEN}")),
        Step::text("Done."),
        case.shell(finish),
        Step::text("Finished."),
    ])
    .await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    let pushed = case.pushed().await?;
    let tip = format!("refs/remotes/origin/{}", case.branch());
    ensure!(pushed.content(&tip, "f").await? == "both\n", "f");
    ensure!(pushed.content(&tip, "g").await? == "g\n", "g");
    let asked = case.site.model.requests(&case.part).await?;
    let told = asked.iter().flat_map(|request| &request.texts);
    ensure!(
        told.into_iter().any(|text| text.contains("a rebase in progress")),
        "Claude was not asked"
    );
    case.expect_model_requests(4).await
}

async fn a_rebase_that_is_never_finished_keeps_every_commit(case: Case<'_>) -> anyhow::Result<()> {
    let verdict = after(&case, &format!("git branch -m claude; {OPEN}")).await?;
    verdict.expect(Reason::AgentFailed)?;
    verdict.expect_phases([Succeeded, Failed, Skipped, Skipped, Skipped])?;
    ensure!(verdict.message().contains("a rebase in progress"), "{}", verdict.message());
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    let checkpoint = verdict.result().checkpoint.clone().unwrap_or_default();
    let log = case.pushed().await?.log(&checkpoint).await?;
    let adds = log.iter().filter(|commit| commit.subject.starts_with("Add ")).count();
    // `f` on both branches and `g`; the rebase had not applied any of them.
    ensure!(adds == 3, "{log:?}");
    // Run itself, then two requests to finish.
    case.expect_model_requests(4).await
}

/// Subject of the commit of what Claude left uncommitted.
fn subject(case: &Case<'_>) -> String {
    let whole = format!("Play your part. [scenario: {}]", case.part);
    if whole.len() <= 72 { whole } else { format!("{}…", &whole[..69]) }
}
