//! The end of a stream whose reader may not read it any more.
//!
//! Not here: what flows in it.

use std::time::Duration;

use anyhow::ensure;
use jiff::SignedDuration;
use kube::api::PostParams;

use super::super::case::Case;
use super::SEEN_LIMIT;
use super::people::{EVERYBODY, token};
use super::proxy::Proxy;
use super::signer::{LEEWAY, token_ending};
use crate::wait::until;

/// How long a stream may go on for whom it is not any more: the web looks every 10 s, and what the
/// apiserver has said holds as long.
const END_LIMIT: Duration = Duration::from_secs(25);

pub async fn an_open_stream_ends_with_the_token_and_with_the_right(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("web-streams", &[]).await?;
    let web = Proxy::start(&here).await?;
    for person in &EVERYBODY[..2] {
        person.arrive(&here, &here.namespace).await?;
    }
    let watch = "/api/v1/tasks/watch";
    let lasting = web.bearer(token(&here, EVERYBODY[1].name, &[]).await?);
    let task = case.task(|spec| spec.cancel = true)?;
    here.tasks().create(&PostParams::default(), &task).await?;
    // What the apiserver says to this holds long enough for the stream to begin.
    until("the web to see the task", SEEN_LIMIT, async || {
        Ok(lasting.get(watch).await?.text.contains(&case.name).then_some(()))
    })
    .await?;
    // It begins while the token holds.
    let left = SignedDuration::from_secs(5);
    let ending = web.bearer(token_ending(&here, EVERYBODY[0].name, left - LEEWAY).await?);
    let unbind = ["delete", "rolebinding", EVERYBODY[1].name, "--namespace", &here.namespace];
    let (ended, refused, _) = futures::try_join!(
        ending.until_the_end(watch, left.unsigned_abs() + END_LIMIT),
        lasting.until_the_end(watch, END_LIMIT),
        here.kubectl(&unbind)
    )?;
    for answer in [&ended, &refused] {
        ensure!(answer.text.contains(&case.name), "{} {}", answer.code, answer.text);
    }
    let after = ending.get(watch).await?;
    ensure!(after.code == 401, "the token holds on: {} {}", after.code, after.text);
    Ok(())
}
