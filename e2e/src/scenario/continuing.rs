//! A task that goes on from the checkpoint of another one.

use anyhow::{Context, ensure};
use crd::spec::ClaudeTaskSpec;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::{Reason, Usd};

use super::case::Case;
use super::verdict::Verdict;
use crate::git_server::Action;
use crate::model_server::{Step, Usage};

super::scenarios!["continuing", twice:
    partial_work_is_finished_by_another_task,
    a_refused_commit_is_landed_by_another_task,
    a_checkpoint_without_onto_is_refused_before_a_cent_is_spent,
    another_commit_under_the_prefix_is_no_checkpoint,
];

/// A second task on the same repository.
fn next<'a>(case: &Case<'a>) -> Case<'a> {
    Case {
        site: case.site,
        name: format!("{}-next", case.name),
        part: format!("{}-next", case.part),
        repo: case.repo.clone(),
    }
}

/// Makes the task go on from a checkpoint.
fn from(checkpoint: &str) -> impl FnOnce(&mut ClaudeTaskSpec) {
    let checkpoint = checkpoint.to_owned();
    |spec| {
        spec.repository.reference = Some(checkpoint);
        spec.rebase.onto = Some("main".to_owned());
    }
}

/// The checkpoint that the status names, which must be on the remote.
async fn checkpoint(case: &Case<'_>, verdict: &Verdict<'_>) -> anyhow::Result<String> {
    let name = verdict.result().checkpoint.clone().context("no checkpoint in the status")?;
    ensure!(case.remote().refs().await?.contains_key(&name), "{name} is not on the remote");
    Ok(name)
}

/// Asserts that the branch has these commits, oldest first, with this task's mark and no other.
async fn expect_commits(
    case: &Case<'_>,
    verdict: &Verdict<'_>,
    subjects: &[&str],
) -> anyhow::Result<()> {
    verdict.expect(Reason::Pushed)?;
    let range = format!("refs/remotes/origin/main..refs/remotes/origin/{}", case.branch());
    let log = case.pushed().await?.log(&range).await?;
    let found: Vec<&str> = log.iter().rev().map(|commit| commit.subject.as_str()).collect();
    ensure!(found == subjects, "{found:?} instead of {subjects:?}");
    let mark = format!("ClaudeTask: {}", verdict.task.metadata.uid.clone().unwrap_or_default());
    let marked = |body: &str| body.ends_with(&mark) && body.matches("ClaudeTask:").count() == 1;
    ensure!(log.iter().all(|commit| marked(&commit.body)), "{log:?}");
    Ok(())
}

async fn partial_work_is_finished_by_another_task(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let dear = Usage { output_tokens: 1_000_000, ..Default::default() };
    let early =
        "echo early > early.txt && git add . && git commit -qm Early && echo half > half.txt";
    case.script([case.shell(early), case.shell("true").using(dear), Step::text("Done.")]).await?;
    let verdict =
        case.run(|spec| spec.claude.max_budget_usd = Some(Usd::from_micros(1_000_000))).await?;
    verdict.expect(Reason::BudgetExceeded)?;
    let name = checkpoint(&case, &verdict).await?;
    // Both tasks count from here, not from the newest state of the branch.
    work.commit_files("Meanwhile", &[("b.txt", "b\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;

    let next = next(&case);
    let late = "test \"$(cat early.txt half.txt)\" = \"$(printf 'early\\nhalf')\" && \
        echo whole > half.txt && git add . && git commit -qm Late";
    next.script([next.shell(late), Step::text("Done.")]).await?;
    let second = next.run(from(&name)).await?;
    let uncommitted = format!("Play your part. [scenario: {}]", case.part);
    let log = case.pushed().await?.log(&format!("{name}^")).await?;
    ensure!(uncommitted.starts_with(log[0].subject.trim_end_matches('…')), "{log:?}");
    expect_commits(&next, &second, &["Early", &log[0].subject, "Late"]).await?;
    ensure!(second.result().start_commit == verdict.result().start_commit, "another start");
    let asked = next.site.model.requests(&next.part).await?;
    let mut told = asked.iter().flat_map(|request| &request.texts);
    ensure!(told.any(|text| text.contains("holds the work of an earlier task")), "not told");
    // The first task's checkpoint stays until somebody deletes it; the second needs none.
    let refs = case.remote().refs().await?;
    let left: Vec<_> = refs.keys().filter(|name| name.starts_with("refs/claudetask/")).collect();
    ensure!(left == [&name], "{left:?}");
    next.expect_model_requests(2).await
}

async fn a_refused_commit_is_landed_by_another_task(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let add = "echo b > b.txt && git add . && git commit -qm 'Add b'";
    case.script([case.shell(add), Step::text("Done.")]).await?;
    let refuse = Action::Refuse { message: "not today".to_owned() };
    case.push_rule(&format!("refs/heads/{}", case.branch()), refuse).await?;
    let verdict = case.run(|_| ()).await?;
    verdict.expect(Reason::PushRejected)?;
    let name = checkpoint(&case, &verdict).await?;
    work.commit_files("Meanwhile", &[("c.txt", "c\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;

    let next = next(&case);
    next.script([Step::text("Nothing is left to do.")]).await?;
    let second = next.run(from(&name)).await?;
    expect_commits(&next, &second, &["Add b"]).await?;
    second.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    next.expect_model_requests(1).await
}

async fn a_checkpoint_without_onto_is_refused_before_a_cent_is_spent(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let name = "refs/claudetask/7c0de000-1111-4222-8333-444455556666";
    work.push(&case.remote(), &[&format!("main:{name}")]).await?;
    let verdict = case.run(|spec| spec.repository.reference = Some(name.to_owned())).await?;
    verdict.expect(Reason::RefNotFound)?;
    verdict.expect_phases([Failed, Skipped, Skipped, Skipped, Skipped])?;
    ensure!(verdict.message().contains("spec.rebase.onto must name"), "{}", verdict.message());
    ensure!(verdict.result().checkpoint.is_none(), "{:?}", verdict.result());
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    case.expect_model_requests(0).await
}

async fn another_commit_under_the_prefix_is_no_checkpoint(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let name = "refs/claudetask/7c0de000-1111-4222-8333-444455556666";
    work.push(&case.remote(), &[&format!("main:{name}")]).await?;
    let verdict = case.run(from(name)).await?;
    verdict.expect(Reason::RefNotFound)?;
    ensure!(verdict.message().contains("is no checkpoint of a task"), "{}", verdict.message());
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    case.expect_model_requests(0).await
}
