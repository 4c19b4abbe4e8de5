//! What Claude does: nothing, something untidy, something wrong, or not at all.

use anyhow::ensure;
use crd::status::PhaseState::{Failed, Skipped, Succeeded};
use crd::{Phase, Reason};

use super::case::Case;
use super::verdict::Verdict;
use crate::model_server::{Fault, FaultKind, Step};

super::scenarios!["agent", twice:
    doing_nothing_has_nothing_to_push,
    uncommitted_files_are_committed,
    commits_of_its_own_are_kept,
    a_refused_request_fails_the_task,
    a_silent_model_is_a_hung_agent,
    a_rate_limit_with_subtype_success_is_no_success,
    an_overloaded_api_is_told_apart,
    a_refused_credential_is_told_apart,
    the_turn_limit_keeps_the_work,
    the_budget_keeps_the_work,
    verify_that_fails_once_is_repaired,
    verify_that_never_passes_fails_the_task,
];

const ADD_B: &str = "echo b > b.txt && git add . && git commit -qm 'Add b'";

async fn with_script<'a>(
    case: &Case<'a>,
    steps: impl IntoIterator<Item = Step>,
    change: impl FnOnce(&mut crd::ClaudeTaskSpec),
) -> anyhow::Result<Verdict<'a>> {
    case.repository(&[("a.txt", "one\n")]).await?;
    case.script(steps).await?;
    case.run(change).await
}

/// Run failed, Rebase saved: the branch is not there and the checkpoint holds `file`.
async fn expect_saved(case: &Case<'_>, verdict: &Verdict<'_>, file: &str) -> anyhow::Result<()> {
    verdict.expect_phases([Succeeded, Failed, Skipped, Skipped, Skipped])?;
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "it was pushed");
    let checkpoint = verdict.result().checkpoint.clone().unwrap_or_default();
    let files = case.pushed().await?.files(&checkpoint).await?;
    ensure!(files.iter().any(|found| found == file), "{checkpoint} holds {files:?}");
    Ok(())
}

async fn doing_nothing_has_nothing_to_push(case: Case<'_>) -> anyhow::Result<()> {
    let verdict = with_script(&case, [Step::text("Nothing to do.")], |_| ()).await?;
    verdict.expect(Reason::NothingToPush)?;
    verdict.expect_phases([Succeeded, Succeeded, Succeeded, Skipped, Skipped])?;
    ensure!(case.remote().branch(&case.branch()).await?.is_none(), "something was pushed");
    case.expect_model_requests(1).await
}

async fn uncommitted_files_are_committed(case: Case<'_>) -> anyhow::Result<()> {
    let leave = case.shell("echo two > a.txt; mkdir 'ü d'; echo new > 'ü d/b c.txt'");
    let author = |spec: &mut crd::ClaudeTaskSpec| "Shop Bot".clone_into(&mut spec.push.author.name);
    let verdict = with_script(&case, [leave, Step::text("Done.")], author).await?;
    verdict.expect(Reason::Pushed)?;
    let pushed = case.pushed().await?;
    let tip = format!("refs/remotes/origin/{}", case.branch());
    let log = pushed.log(&format!("refs/remotes/origin/main..{tip}")).await?;
    ensure!(log.len() == 1, "{log:?}");
    ensure!(log[0].author == "Shop Bot <noreply@anthropic.com>", "{log:?}");
    ensure!(pushed.content(&tip, "a.txt").await? == "two\n", "a.txt");
    ensure!(pushed.content(&tip, "ü d/b c.txt").await? == "new\n", "ü d/b c.txt");
    Ok(())
}

async fn commits_of_its_own_are_kept(case: Case<'_>) -> anyhow::Result<()> {
    let command = "git -c user.name=Ana -c user.email=ana@example.com commit -q --allow-empty-message \
        -am 'Two\n\nWith a body.' --author 'Bo <bo@example.com>'";
    let commit = case.shell(&format!("echo two > a.txt && {command}"));
    let verdict = with_script(&case, [commit, Step::text("Done.")], |_| ()).await?;
    verdict.expect(Reason::Pushed)?;
    let range = format!("refs/remotes/origin/main..refs/remotes/origin/{}", case.branch());
    let log = case.pushed().await?.log(&range).await?;
    ensure!(log.len() == 1 && log[0].author == "Bo <bo@example.com>", "{log:?}");
    ensure!(log[0].body.starts_with("With a body."), "{log:?}");
    Ok(())
}

async fn a_refused_request_fails_the_task(case: Case<'_>) -> anyhow::Result<()> {
    let refused = Fault::status(400, "invalid_request_error", "scripted refusal");
    let verdict = with_script(&case, [Step::text("x").failing(refused)], |_| ()).await?;
    verdict.expect(Reason::AgentFailed)?;
    ensure!(verdict.message().contains("scripted refusal"), "{}", verdict.message());
    ensure!(verdict.state(Phase::Run) == Some(Failed), "{:?}", verdict.status.phases);
    Ok(())
}

async fn a_silent_model_is_a_hung_agent(case: Case<'_>) -> anyhow::Result<()> {
    let silent = Step::text("x").failing(FaultKind::Silence.into());
    let verdict = with_script(&case, [case.shell(ADD_B), silent], |_| ()).await?;
    verdict.expect(Reason::AgentHung)?;
    verdict.expect_paid(1)?;
    expect_saved(&case, &verdict, "b.txt").await
}

async fn a_rate_limit_with_subtype_success_is_no_success(case: Case<'_>) -> anyhow::Result<()> {
    let limited = Fault::status(429, "rate_limit_error", "slow down").header("retry-after", "3600");
    let steps = [case.shell(ADD_B), Step::text("x").failing(limited)];
    let verdict = with_script(&case, steps, |_| ()).await?;
    verdict.expect(Reason::RateLimited)?;
    expect_saved(&case, &verdict, "b.txt").await
}

async fn an_overloaded_api_is_told_apart(case: Case<'_>) -> anyhow::Result<()> {
    let overloaded =
        Fault::status(529, "overloaded_error", "Overloaded").header("x-should-retry", "false");
    let verdict = with_script(&case, [Step::text("x").failing(overloaded)], |_| ()).await?;
    verdict.expect(Reason::Overloaded)
}

async fn a_refused_credential_is_told_apart(case: Case<'_>) -> anyhow::Result<()> {
    let refused = Fault::status(403, "permission_error", "not for you");
    let verdict = with_script(&case, [Step::text("x").failing(refused)], |_| ()).await?;
    verdict.expect(Reason::CredentialsRejected)
}

async fn the_turn_limit_keeps_the_work(case: Case<'_>) -> anyhow::Result<()> {
    let steps = [case.shell(ADD_B), case.shell("true"), case.shell("true"), Step::text("Done.")];
    let verdict = with_script(&case, steps, |spec| spec.claude.max_turns = Some(2)).await?;
    verdict.expect(Reason::TurnLimit)?;
    expect_saved(&case, &verdict, "b.txt").await?;
    case.expect_model_requests(2).await
}

async fn the_budget_keeps_the_work(case: Case<'_>) -> anyhow::Result<()> {
    let dear = crate::model_server::Usage { output_tokens: 1_000_000, ..Default::default() };
    let steps = [case.shell(ADD_B), case.shell("true").using(dear), Step::text("Done.")];
    let one_dollar = |spec: &mut crd::ClaudeTaskSpec| {
        spec.claude.max_budget_usd = Some(crd::Usd::from_micros(1_000_000));
    };
    let verdict = with_script(&case, steps, one_dollar).await?;
    verdict.expect(Reason::BudgetExceeded)?;
    expect_saved(&case, &verdict, "b.txt").await
}

async fn verify_that_fails_once_is_repaired(case: Case<'_>) -> anyhow::Result<()> {
    let steps = [
        case.shell(ADD_B),
        Step::text("Done."),
        case.shell("echo good > c.txt"),
        Step::text("Repaired."),
    ];
    let verify = |spec: &mut crd::ClaudeTaskSpec| spec.verify = vec!["grep good c.txt".to_owned()];
    let verdict = with_script(&case, steps, verify).await?;
    verdict.expect(Reason::Pushed)?;
    case.expect_model_requests(4).await
}

async fn verify_that_never_passes_fails_the_task(case: Case<'_>) -> anyhow::Result<()> {
    let verify =
        |spec: &mut crd::ClaudeTaskSpec| spec.verify = vec!["echo no luck; false".to_owned()];
    let verdict = with_script(&case, [case.shell(ADD_B), Step::text("Done.")], verify).await?;
    verdict.expect(Reason::VerificationFailed)?;
    expect_saved(&case, &verdict, "b.txt").await?;
    // Run itself, then two repairs.
    case.expect_model_requests(4).await
}
