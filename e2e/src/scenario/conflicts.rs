//! What git cannot merge: what Claude resolves, and what nobody is asked.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::ensure;
use crd::Reason;
use crd::spec::ClaudeTaskSpec;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};

use super::case::Case;
use super::meanwhile::{
    expect_content, expect_only_a_checkpoint, meanwhile, own_commits, while_main_moves,
};
use super::verdict::Verdict;
use crate::model_server::Step;
use crate::repo::Work;

super::scenarios!["conflict", twice:
    a_conflict_in_two_files_takes_one_model_turn,
    a_conflict_in_files_with_odd_names_is_resolved,
    a_rename_meets_an_edit,
    a_delete_meets_an_edit,
    a_binary_conflict_is_refused_before_a_turn_is_paid,
    a_file_against_a_directory_is_refused_at_once,
    a_conflict_of_symbolic_links_is_refused_at_once,
    a_submodule_conflict_is_refused_at_once,
    a_resolution_with_markers_is_rejected,
    a_resolution_out_of_scope_is_rejected,
    verify_that_fails_only_after_the_rebase_is_repaired,
];

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

/// Plays a conflict that no text resolves: Claude runs `mine`, people meanwhile do `theirs`.
async fn refused_at_once(
    case: &Case<'_>,
    work: &Work,
    mine: &str,
    words: &str,
    theirs: impl AsyncFnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    case.script([case.shell(mine), case.gated(Step::text("Done."))]).await?;
    let moves = async || {
        theirs().await?;
        work.commit("Theirs").await?;
        work.push(&case.remote(), &["main"]).await
    };
    let verdict = meanwhile(case, |_| (), moves).await?;
    verdict.expect(Reason::ConflictsUnresolved)?;
    verdict.expect_phases([Succeeded, Succeeded, Failed, Skipped, Skipped])?;
    ensure!(verdict.message().contains(words), "{}", verdict.message());
    expect_only_a_checkpoint(case, work, &verdict).await?;
    case.expect_model_requests(2).await
}

async fn a_file_against_a_directory_is_refused_at_once(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let mine = "echo file > place && git add . && git commit -qm 'A file'";
    let theirs = async || work.write("place/inside.txt", "inside\n");
    refused_at_once(&case, &work, mine, "file/directory", theirs).await
}

async fn a_conflict_of_symbolic_links_is_refused_at_once(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n"), ("b.txt", "two\n")]).await?;
    let mine = "ln -s a.txt link && git add . && git commit -qm 'A link'";
    let theirs = async || Ok(symlink("b.txt", work.path().join("link"))?);
    refused_at_once(&case, &work, mine, "link: a conflict of symbolic links", theirs).await
}

async fn a_submodule_conflict_is_refused_at_once(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let entry = |digit: &str| format!("160000,{},library", digit.repeat(40));
    let take = async |digit: &str| {
        work.git(&["update-index", "--add", "--cacheinfo", &entry(digit)]).await.map(drop)
    };
    fs::create_dir(work.path().join("library"))?;
    take("1").await?;
    work.commit("A submodule").await?;
    work.push(&case.remote(), &["main"]).await?;
    let mine = format!("git update-index --cacheinfo {} && git commit -qm 'Newer'", entry("2"));
    let words = "library: a submodule conflict";
    refused_at_once(&case, &work, &mine, words, async || take("3").await).await
}

async fn a_conflict_in_files_with_odd_names_is_resolved(case: Case<'_>) -> anyhow::Result<()> {
    let names = ["-dash.txt", "e\u{301}.txt", "tab\there.txt", "say \"no\".txt", "end \\.txt"];
    let files = |text: &'static str| names.map(|name| (name, text));
    let work = case.repository(&files("one\r\ntwo\r\n")).await?;
    let put = |text: &str| format!("for f in ./*.txt; do printf '{text}' > \"$f\"; done");
    case.script([
        case.shell(&format!("{} && git commit -qam 'Agent'", put("agent\\r\\ntwo\\r\\n"))),
        case.gated(Step::text("Done.")),
        case.shell(&put("both\\r\\ntwo\\r\\n")),
        Step::text("Resolved."),
    ])
    .await?;
    let verdict = while_main_moves(&case, &work, &files("main\r\ntwo\r\n"), |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    for name in names {
        expect_content(&case, name, "both\r\ntwo\r\n").await?;
    }
    let conflicts = verdict.result().conflicts.clone().unwrap_or_default();
    ensure!(conflicts.count == 5, "{conflicts:?}");
    case.expect_model_requests(4).await
}
