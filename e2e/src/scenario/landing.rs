//! How a change lands that git can land by itself: on an onto branch that stood still or moved.

use anyhow::ensure;
use crd::status::PhaseState::{Skipped, Succeeded};
use crd::{Phase, Reason};

use super::case::Case;
use super::meanwhile::{expect_content, own_commits, while_main_moves};
use crate::git_server::{Action, Call};
use crate::model_server::Step;

super::scenarios!["landing", twice:
    onto_unmoved_pushes_a_new_branch,
    three_commits_stay_three_when_onto_moves_elsewhere,
    a_stop_in_a_middle_commit_makes_one_commit_without_a_model_call,
    odd_names_and_line_ends_arrive_as_they_are,
    a_change_already_upstream_has_nothing_to_push,
    a_push_that_the_server_denies_but_did_counts_as_pushed,
    a_task_already_pushed_is_not_run_again,
];

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
    verdict.expect_paid(2)?;
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

async fn odd_names_and_line_ends_arrive_as_they_are(case: Case<'_>) -> anyhow::Result<()> {
    let content = "one\r\ntwo";
    let work = case.repository(&[("e\u{301}.txt", content), ("crlf.txt", content)]).await?;
    let put = "put() { printf 'one\\r\\nzwei' > \"$(printf \"$1\")\"; }";
    let committed =
        "put ./-dash; put e\u{301}.txt; put \u{e9}.txt; git add . && git commit -qm 'Odd names'";
    let left = "put 'tab\\there'; put 'line\\nbreak'; put 'a \\042quote\\042'; put 'back\\134slash'; \
        put 'blank '; put 'return\\r'; put crlf.txt";
    case.script([
        case.shell(&format!("{put}; {committed}; {left}")),
        case.gated(Step::text("Done.")),
    ])
    .await?;
    let verdict = while_main_moves(&case, &work, &[("z\u{308}.txt", content)], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let (pushed, commits) = own_commits(&case).await?;
    let mut changed =
        ["-dash", "e\u{301}.txt", "\u{e9}.txt", "tab\there", "line\nbreak", "a \"quote\""]
            .into_iter()
            .chain(["back\\slash", "blank ", "return\r", "crlf.txt"])
            .collect::<Vec<_>>();
    for name in &changed {
        let found = pushed.content(&commits[0].sha, name).await?;
        ensure!(found == "one\r\nzwei", "{name:?} holds {found:?}");
    }
    changed.push("z\u{308}.txt");
    changed.sort_unstable();
    let files = pushed.files(&commits[0].sha).await?;
    ensure!(files == changed, "{files:?}");
    case.expect_model_requests(2).await
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
