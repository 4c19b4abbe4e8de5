//! What is refused in Clone, before a cent is spent: each with its own reason.

use crd::status::PhaseState::{Failed, Skipped};
use crd::{ClaudeTaskSpec, Reason};

use super::case::Case;
use super::site::git_secret;
use crate::model_server::Step;
use crate::parts;

super::scenarios!["refusal", twice:
    a_wrong_password_is_an_authentication_failure,
    a_read_only_account_may_not_push,
    a_missing_ref_is_named,
    a_missing_onto_branch_is_named,
    an_existing_foreign_branch_is_left_alone,
    a_branch_below_another_ref_is_refused,
    a_secret_for_another_url_is_not_sent,
    a_secret_without_url_is_not_sent,
    an_unreachable_server_is_a_clone_failure,
];

/// Runs a task with a Secret of its own, if `secret` is not empty, and expects Clone to end it.
async fn refused(
    case: &Case<'_>,
    secret: &[(&str, &str)],
    change: impl FnOnce(&mut ClaudeTaskSpec),
    reason: Reason,
) -> anyhow::Result<String> {
    case.script([Step::text("This costs money.")]).await?;
    if !secret.is_empty() {
        case.site.secret(&case.name, secret).await?;
    }
    let verdict = case
        .run(|spec| {
            if !secret.is_empty() {
                case.use_own_secret(spec);
            }
            change(spec);
        })
        .await?;
    verdict.expect(reason)?;
    verdict.expect_phases([Failed, Skipped, Skipped, Skipped, Skipped])?;
    case.expect_model_requests(0).await?;
    Ok(verdict.message().to_owned())
}

fn says(message: &str, words: &str) -> anyhow::Result<()> {
    anyhow::ensure!(message.contains(words), "{message:?} does not say {words:?}");
    Ok(())
}

async fn a_wrong_password_is_an_authentication_failure(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let url = case.site.git_url();
    let secret = git_secret(&url, (parts::WRITER.0, "wrong"));
    refused(&case, &secret, |_| (), Reason::AuthenticationFailed).await.map(drop)
}

async fn a_read_only_account_may_not_push(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let url = case.site.git_url();
    let secret = git_secret(&url, parts::READER);
    refused(&case, &secret, |_| (), Reason::PushForbidden).await.map(drop)
}

async fn a_missing_ref_is_named(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let change = |spec: &mut ClaudeTaskSpec| spec.repository.reference = Some("gone".to_owned());
    says(&refused(&case, &[], change, Reason::RefNotFound).await?, "gone")
}

async fn a_missing_onto_branch_is_named(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let change = |spec: &mut ClaudeTaskSpec| spec.rebase.onto = Some("gone".to_owned());
    says(&refused(&case, &[], change, Reason::RefNotFound).await?, "gone")
}

async fn an_existing_foreign_branch_is_left_alone(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    work.branch("taken", "main").await?;
    let theirs = work.commit_files("Theirs", &[("t.txt", "t\n")]).await?;
    work.push(&case.remote(), &["taken"]).await?;
    let change = |spec: &mut ClaudeTaskSpec| spec.push.branch = Some("taken".to_owned());
    says(&refused(&case, &[], change, Reason::BranchExists).await?, "taken")?;
    anyhow::ensure!(case.remote().branch("taken").await? == Some(theirs), "it has moved");
    Ok(())
}

async fn a_branch_below_another_ref_is_refused(case: Case<'_>) -> anyhow::Result<()> {
    let work = case.repository(&[("a.txt", "one\n")]).await?;
    work.push(&case.remote(), &["main:refs/heads/taken"]).await?;
    let change = |spec: &mut ClaudeTaskSpec| spec.push.branch = Some("taken/below".to_owned());
    says(&refused(&case, &[], change, Reason::BranchExists).await?, "taken")
}

async fn a_secret_for_another_url_is_not_sent(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let before = requests_for(&case).await?;
    let url = format!("{}/acm", case.site.git_url());
    let secret = git_secret(&url, parts::WRITER);
    refused(&case, &secret, |_| (), Reason::SecretMismatch).await?;
    let after = requests_for(&case).await?;
    anyhow::ensure!(after == before, "{} requests were made", after - before);
    Ok(())
}

async fn requests_for(case: &Case<'_>) -> anyhow::Result<usize> {
    let requests = case.site.git.requests().await?;
    Ok(requests.iter().filter(|entry| entry.repo.as_ref() == Some(&case.repo)).count())
}

async fn a_secret_without_url_is_not_sent(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let (user, password) = parts::WRITER;
    let secret = [("username", user), ("password", password)];
    says(&refused(&case, &secret, |_| (), Reason::SecretMismatch).await?, "url")
}

async fn an_unreachable_server_is_a_clone_failure(case: Case<'_>) -> anyhow::Result<()> {
    case.repository(&[("a.txt", "one\n")]).await?;
    let url = "http://no-such-server.claudetask-e2e.svc:8080/acme/shop.git";
    let secret = git_secret(url, parts::WRITER);
    let change = |spec: &mut ClaudeTaskSpec| url.clone_into(&mut spec.repository.url);
    refused(&case, &secret, change, Reason::CloneFailed).await.map(drop)
}
