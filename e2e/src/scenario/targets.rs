//! What is pushed: a new branch, the onto branch, or a whole branch that is rebased; and what
//! happens when it, or the onto branch, is not as it was.

use anyhow::ensure;
use crd::Reason;
use crd::spec::{ClaudeTaskSpec, Commits};
use crd::status::PhaseState::{Failed, Skipped, Succeeded};

use super::case::Case;
use super::meanwhile::{
    commits_of, expect_branches, expect_checkpoint, expect_no_checkpoint, meanwhile, own_commits,
};
use crate::git_server::Action;
use crate::model_server::Step;
use crate::repo::{Commit, Work};

super::scenarios!["target", twice:
    a_whole_branch_is_rebased_with_peoples_commits,
    a_whole_branch_is_rebased_though_claude_did_nothing,
    a_whole_branch_with_a_merge_costs_nothing,
    a_whole_branch_with_a_conflict_costs_nothing,
    a_whole_branch_with_a_merge_can_be_squashed,
    a_whole_branch_that_moved_is_rebased_by_a_second_attempt,
    a_squash_makes_one_commit_of_three,
    a_direct_landing_survives_a_lost_race,
    a_direct_landing_survives_two_lost_races,
    a_direct_landing_gives_up_after_six_lost_races,
    a_direct_landing_follows_a_branch_that_was_reset,
    a_branch_that_appeared_is_somebody_elses,
    an_onto_branch_that_was_deleted_is_named,
];

/// What people's commits are made by in tests.
const PEOPLE: &str = "Sample Author <author@example.com>";

/// `main` has `a.txt`; `feature` has two commits on top of where `main` was, and `main` one more.
async fn feature(case: &Case<'_>) -> anyhow::Result<Work> {
    let work = case.repository(&[("a.txt", "one\n"), ("z.txt", "z\n")]).await?;
    work.branch("feature", "main").await?;
    work.commit_files("First", &[("f.txt", "f\n")]).await?;
    work.commit_files("Second", &[("f.txt", "ff\n")]).await?;
    work.checkout("main").await?;
    work.commit_files("Elsewhere", &[("z.txt", "Z\n")]).await?;
    work.push(&case.remote(), &["main", "feature"]).await?;
    Ok(work)
}

/// The whole of `feature` onto `main`.
fn whole(spec: &mut ClaudeTaskSpec) {
    spec.repository.reference = Some("feature".to_owned());
    spec.rebase.onto = Some("main".to_owned());
    spec.push.branch = Some("feature".to_owned());
}

/// People merge `main` into `feature`, and then `main` moves on.
async fn merge_main(case: &Case<'_>, work: &Work) -> anyhow::Result<()> {
    work.checkout("feature").await?;
    work.git(&["merge", "--quiet", "--no-edit", "main"]).await?;
    work.checkout("main").await?;
    work.commit_files("Later", &[("later.txt", "later\n")]).await?;
    work.push(&case.remote(), &["main", "feature"]).await
}

fn subjects(commits: &[Commit]) -> Vec<&str> {
    commits.iter().map(|commit| commit.subject.as_str()).collect()
}

async fn a_whole_branch_is_rebased_with_peoples_commits(case: Case<'_>) -> anyhow::Result<()> {
    let work = feature(&case).await?;
    let commit = "echo b > b.txt && git add . && git commit -qm 'Add b'";
    case.script([case.shell(commit), Step::text("Added b.")]).await?;
    let verdict = case.run(whole).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Succeeded])?;
    let (pushed, commits) = commits_of(&case, "feature").await?;
    ensure!(subjects(&commits) == ["Add b", "Second", "First"], "{commits:?}");
    ensure!(commits[1..].iter().all(|commit| commit.author == PEOPLE), "{commits:?}");
    ensure!(commits[2].parents == [work.commit_of("main").await?], "not on main: {commits:?}");
    let uid = verdict.task.metadata.uid.clone().unwrap_or_default();
    let mark = format!("ClaudeTask: {uid}");
    ensure!(commits.iter().all(|commit| commit.body.contains(&mark)), "{commits:?}");
    ensure!(pushed.content("refs/remotes/origin/feature", "z.txt").await? == "Z\n", "old z.txt");
    let result = verdict.result();
    ensure!(result.branch.as_deref() == Some("feature"), "{result:?}");
    ensure!(result.commit.as_ref() == Some(&commits[0].sha), "{result:?}");
    expect_no_checkpoint(&case).await?;
    case.expect_model_requests(2).await
}

async fn a_whole_branch_is_rebased_though_claude_did_nothing(case: Case<'_>) -> anyhow::Result<()> {
    feature(&case).await?;
    case.script([Step::text("Nothing to do.")]).await?;
    let verdict = case.run(whole).await?;
    verdict.expect(Reason::Pushed)?;
    let (_, commits) = commits_of(&case, "feature").await?;
    ensure!(subjects(&commits) == ["Second", "First"], "{commits:?}");
    case.expect_model_requests(1).await
}

/// A whole-branch rebase that Clone refuses.
async fn refused_in_clone(case: &Case<'_>, work: &Work, words: &str) -> anyhow::Result<()> {
    case.script([Step::text("This costs money.")]).await?;
    let verdict = case.run(whole).await?;
    verdict.expect(Reason::ConflictsUnresolved)?;
    verdict.expect_phases([Failed, Skipped, Skipped, Skipped, Skipped])?;
    ensure!(verdict.message().contains(words), "{}", verdict.message());
    let before = work.commit_of("feature").await?;
    expect_branches(case, &[("feature", Some(&before))]).await?;
    expect_no_checkpoint(case).await?;
    case.expect_model_requests(0).await
}

async fn a_whole_branch_with_a_merge_costs_nothing(case: Case<'_>) -> anyhow::Result<()> {
    let work = feature(&case).await?;
    merge_main(&case, &work).await?;
    refused_in_clone(&case, &work, "is a merge").await
}

async fn a_whole_branch_with_a_conflict_costs_nothing(case: Case<'_>) -> anyhow::Result<()> {
    let work = feature(&case).await?;
    work.commit_files("Other way", &[("f.txt", "of main\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    refused_in_clone(&case, &work, "(First) conflicts with the onto branch in f.txt").await
}

async fn a_whole_branch_with_a_merge_can_be_squashed(case: Case<'_>) -> anyhow::Result<()> {
    let work = feature(&case).await?;
    merge_main(&case, &work).await?;
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let squash = |spec: &mut ClaudeTaskSpec| {
        whole(spec);
        spec.rebase.commits = Commits::Squash;
    };
    let verdict = case.run(squash).await?;
    verdict.expect(Reason::Pushed)?;
    let (pushed, commits) = commits_of(&case, "feature").await?;
    ensure!(commits.len() == 1, "{commits:?}");
    ensure!(commits[0].parents == [work.commit_of("main").await?], "not on main: {commits:?}");
    for original in ["First", "Second", "Merge branch"] {
        ensure!(commits[0].body.contains(original), "{original} is not listed: {commits:?}");
    }
    let files = pushed.files("refs/remotes/origin/feature").await?;
    ensure!(files == ["a.txt", "b.txt", "f.txt", "later.txt", "z.txt"], "{files:?}");
    case.expect_model_requests(2).await
}

async fn a_whole_branch_that_moved_is_rebased_by_a_second_attempt(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let work = feature(&case).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    let moves = async || {
        work.checkout("feature").await?;
        work.commit_files("Third", &[("f.txt", "fff\n")]).await?;
        work.push(&case.remote(), &["feature"]).await
    };
    let verdict = meanwhile(&case, whole, moves).await?;
    verdict.expect(Reason::Pushed)?;
    verdict.expect_phases([Succeeded, Skipped, Succeeded, Skipped, Succeeded])?;
    let (_, commits) = commits_of(&case, "feature").await?;
    ensure!(subjects(&commits)[1..] == ["Third", "Second", "First"], "{commits:?}");
    ensure!(verdict.status.attempt == Some(2), "{:?}", verdict.status);
    expect_no_checkpoint(&case).await?;
    case.expect_model_requests(2).await
}

async fn a_squash_makes_one_commit_of_three(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let commits =
        "for i in 1 2 3; do echo $i > f$i.txt; git add .; git commit -qm \"Add f$i\"; done";
    case.script([case.shell(commits), Step::text("Done.")]).await?;
    let squash = |spec: &mut ClaudeTaskSpec| spec.rebase.commits = Commits::Squash;
    let verdict = case.run(squash).await?;
    verdict.expect(Reason::Pushed)?;
    let (pushed, commits) = own_commits(&case).await?;
    ensure!(commits.len() == 1, "{commits:?}");
    for original in ["Add f1", "Add f2", "Add f3"] {
        ensure!(commits[0].body.contains(original), "{original} is not listed: {commits:?}");
    }
    let files = pushed.files(&commits[0].sha).await?;
    ensure!(files == ["a.txt", "f1.txt", "f2.txt", "f3.txt"], "{files:?}");
    expect_no_checkpoint(&case).await?;
    case.expect_model_requests(2).await
}

fn direct(spec: &mut ClaudeTaskSpec) {
    spec.push.branch = Some("main".to_owned());
}

/// Starts a direct landing; a colleague is faster so many times. The colleague's commits.
async fn lose(case: &Case<'_>, work: &Work, races: usize) -> anyhow::Result<Vec<String>> {
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let mut rule = case.push_rule("refs/heads/main", Action::HoldRequest).await?;
    case.start(direct).await?;
    let mut theirs = Vec::new();
    for race in 1..=races {
        case.held(rule).await?;
        let file = format!("c{race}.txt");
        theirs.push(work.commit_files("Colleague", &[(&file, "c\n")]).await?);
        work.push(&case.remote(), &["main"]).await?;
        let before = rule;
        if race < races {
            // In force before the next push can come.
            rule = case.push_rule("refs/heads/main", Action::HoldRequest).await?;
        }
        case.site.git.release(before).await?;
    }
    Ok(theirs)
}

/// After so many lost races the change lies on top of the colleague's commits.
async fn lands_after(case: &Case<'_>, races: usize) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let theirs = lose(case, &work, races).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::Pushed)?;
    let log = case.pushed().await?.log("refs/remotes/origin/main").await?;
    ensure!(log.len() == races + 2 && Some(&log[1].sha) == theirs.last(), "{log:?}");
    ensure!(verdict.result().commit.as_ref() == Some(&log[0].sha), "{log:?}");
    expect_no_checkpoint(case).await?;
    case.expect_model_requests(2).await
}

async fn a_direct_landing_survives_a_lost_race(case: Case<'_>) -> anyhow::Result<()> {
    lands_after(&case, 1).await
}

async fn a_direct_landing_survives_two_lost_races(case: Case<'_>) -> anyhow::Result<()> {
    lands_after(&case, 2).await
}

async fn a_direct_landing_gives_up_after_six_lost_races(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let theirs = lose(&case, &work, 6).await?;
    let verdict = case.verdict().await?;
    verdict.expect(Reason::PushRejected)?;
    ensure!(verdict.message().contains("6 times"), "{}", verdict.message());
    let main = theirs.last().map(String::as_str);
    expect_checkpoint(&case, &verdict, &[("main", main)]).await?;
    case.expect_model_requests(2).await
}

async fn a_direct_landing_follows_a_branch_that_was_reset(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let before = work.commit_of("main").await?;
    work.commit_files("To be taken back", &[("wrong.txt", "wrong\n")]).await?;
    work.push(&case.remote(), &["main"]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    let reset = async || {
        let back = format!("+{before}:refs/heads/main");
        work.push(&case.remote(), &[&back]).await
    };
    let verdict = meanwhile(&case, direct, reset).await?;
    verdict.expect(Reason::Pushed)?;
    let pushed = case.pushed().await?;
    let log = pushed.log("refs/remotes/origin/main").await?;
    ensure!(log.len() == 2 && log[0].parents == [before], "{log:?}");
    let files = pushed.files(&log[0].sha).await?;
    ensure!(files == ["a.txt", "b.txt"], "{files:?}");
    case.expect_model_requests(2).await
}

async fn a_branch_that_appeared_is_somebody_elses(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    let appears = async || {
        work.branch("theirs", "main").await?;
        work.commit_files("Theirs", &[("t.txt", "t\n")]).await?;
        let name = format!("theirs:refs/heads/{}", case.branch());
        work.push(&case.remote(), &[&name]).await
    };
    let verdict = meanwhile(&case, |_| (), appears).await?;
    verdict.expect(Reason::BranchExists)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Failed])?;
    let theirs = work.commit_of("theirs").await?;
    expect_checkpoint(&case, &verdict, &[(&case.branch(), Some(&theirs))]).await?;
    case.expect_model_requests(2).await
}

async fn an_onto_branch_that_was_deleted_is_named(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    work.push(&case.remote(), &["main:refs/heads/release"]).await?;
    case.script([case.shell("echo b > b.txt"), case.gated(Step::text("Done."))]).await?;
    let deleted = async || work.push(&case.remote(), &[":refs/heads/release"]).await;
    let onto = |spec: &mut ClaudeTaskSpec| spec.rebase.onto = Some("release".to_owned());
    let verdict = meanwhile(&case, onto, deleted).await?;
    verdict.expect(Reason::RefNotFound)?;
    verdict.expect_phases([Succeeded, Succeeded, Failed, Skipped, Skipped])?;
    ensure!(verdict.message().contains("release"), "{}", verdict.message());
    expect_checkpoint(&case, &verdict, &[("release", None), (&case.branch(), None)]).await?;
    case.expect_model_requests(2).await
}
