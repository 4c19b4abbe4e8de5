//! Branches that move before the push in a way that only a new attempt can follow: it begins from
//! the saved work, and Run is not paid for again.
//!
//! Not here: races that one attempt follows by itself ([`super::targets`]).

use anyhow::ensure;
use crd::Reason;
use crd::spec::ClaudeTaskSpec;
use crd::status::PhaseState::{Skipped, Succeeded};

use super::case::Case;
use super::meanwhile::expect_no_checkpoint;
use super::verdict::Verdict;
use crate::git_server::Action;
use crate::model_server::Step;
use crate::repo::Commit;

super::scenarios!["race", twice:
    a_new_conflict_at_push_is_resolved_by_a_second_attempt_without_a_second_run,
    a_verified_change_that_lost_a_race_is_verified_again_by_a_second_attempt,
];

/// Lets a colleague be faster than the first push to `main`; `second` is what Claude does in the
/// second attempt, if it is asked. The verdict.
async fn overtaken<'a>(
    case: &Case<'a>,
    theirs: &[(&str, &str)],
    second: impl IntoIterator<Item = Step>,
    change: impl FnOnce(&mut ClaudeTaskSpec),
) -> anyhow::Result<Verdict<'a>> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    let rule = case.push_rule("refs/heads/main", Action::HoldRequest).await?;
    case.start(|spec| {
        spec.push.branch = Some("main".to_owned());
        change(spec);
    })
    .await?;
    case.held(rule).await?;
    work.commit_files("Colleague", theirs).await?;
    work.push(&case.remote(), &["main"]).await?;
    // The second attempt asks in a new session, which begins with the first step.
    case.script(second).await?;
    case.site.git.release(rule).await?;
    case.verdict().await
}

/// Asserts that the second attempt pushed `main`, and that the status tells of both.
async fn expect_second(case: &Case<'_>, verdict: &Verdict<'_>) -> anyhow::Result<Vec<Commit>> {
    verdict.expect(Reason::Pushed)?;
    let status = &verdict.status;
    ensure!(status.attempt == Some(2) && status.again.races == 1, "{status:?}");
    let earlier: Vec<_> = status.attempts.iter().map(|over| (over.number, over.reason)).collect();
    ensure!(earlier == [(1, Reason::PushRejected), (2, Reason::Pushed)], "{earlier:?}");
    expect_no_checkpoint(case).await?;
    case.pushed().await?.log("refs/remotes/origin/main").await
}

async fn a_new_conflict_at_push_is_resolved_by_a_second_attempt_without_a_second_run(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.script([case.shell("echo agent > a.txt; git commit -qam 'Agent'"), Step::text("Done.")])
        .await?;
    let resolves = [case.shell("echo both > a.txt"), Step::text("Resolved.")];
    let verdict = overtaken(&case, &[("a.txt", "main\n")], resolves, |_| ()).await?;
    let log = expect_second(&case, &verdict).await?;
    verdict.expect_phases([Succeeded, Skipped, Succeeded, Succeeded, Succeeded])?;
    ensure!(log.len() == 3 && log[1].subject == "Colleague", "{log:?}");
    let pushed = case.pushed().await?.content("refs/remotes/origin/main", "a.txt").await?;
    ensure!(pushed == "both\n", "{pushed}");
    case.expect_model_requests(4).await
}

async fn a_verified_change_that_lost_a_race_is_verified_again_by_a_second_attempt(
    case: Case<'_>,
) -> anyhow::Result<()> {
    case.script([case.shell("echo b > b.txt"), Step::text("Done.")]).await?;
    let verify = |spec: &mut ClaudeTaskSpec| spec.verify = vec!["test -f b.txt".to_owned()];
    let verdict = overtaken(&case, &[("c.txt", "c\n")], [], verify).await?;
    let log = expect_second(&case, &verdict).await?;
    verdict.expect_phases([Succeeded, Skipped, Succeeded, Succeeded, Succeeded])?;
    ensure!(log.len() == 3 && log[1].subject == "Colleague", "{log:?}");
    case.expect_model_requests(2).await
}
