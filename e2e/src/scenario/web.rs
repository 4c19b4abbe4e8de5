//! The web: what it lets whom do is what the apiserver would, and what it makes is what kubectl
//! makes.
//!
//! It runs as a process of this machine, but for what is [`installed`]. Not here: what the pages look like.

mod impersonated;
mod installed;
mod login;
mod named;
pub(super) mod people;
mod provider;
pub(super) mod proxy;
mod signer;
mod streams;
mod visitor;

use std::time::Duration;

use anyhow::{Context, ensure};
use axum::http::{Method, header};
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::case::Case;
use super::site::Site;
use crate::install::apply;
use crate::wait::until;
use installed::{
    nobody_names_somebody_else_as_who_asked,
    the_installed_web_has_only_the_rights_it_needs_and_serves_with_them,
};
use login::whom_the_identity_provider_names_acts_as_themselves;
use named::whom_the_proxy_in_front_names_acts_as_themselves;
use people::{EVERYBODY, token};
use proxy::Proxy;
use signer::{HOUR, token_ending};
use streams::an_open_stream_ends_with_the_token_and_with_the_right;
use visitor::{Answer, Proof, Visitor};

super::scenarios!["web":
    every_operation_is_allowed_exactly_where_kubectl_says_so,
    form_kubectl_and_api_make_the_same_object,
    an_open_stream_ends_with_the_token_and_with_the_right,
    signing_in_takes_a_token_that_holds_and_out_ends_it,
    the_installed_web_has_only_the_rights_it_needs_and_serves_with_them,
    nobody_names_somebody_else_as_who_asked,
    whom_the_proxy_in_front_names_acts_as_themselves,
    whom_the_identity_provider_names_acts_as_themselves,
];

/// How long the web's watch may take to bring a task.
const SEEN_LIMIT: Duration = Duration::from_secs(15);

/// An operation of the OpenAPI document.
struct Operation {
    method: Method,
    path: String,
    /// What RBAC must allow, as verbs and resources.
    requires: Vec<String>,
    /// Whether what is not allowed is left out instead of refused.
    filtered: bool,
}

async fn operations(visitor: &Visitor) -> anyhow::Result<Vec<Operation>> {
    let document: Value = serde_json::from_str(&visitor.get("/api/openapi.json").await?.text)?;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in item.as_object().context("no operations")? {
            let requires = serde_json::from_value(operation["x-requires"].clone())
                .with_context(|| format!("{method} {path} says not what it requires"))?;
            operations.push(Operation {
                method: method.to_uppercase().parse()?,
                path: path.clone(),
                requires,
                filtered: operation["x-filtered"] == true,
            });
        }
    }
    ensure!(operations.len() >= 8, "{} operations", operations.len());
    Ok(operations)
}

async fn every_operation_is_allowed_exactly_where_kubectl_says_so(
    case: Case<'_>,
) -> anyhow::Result<()> {
    let here = case.site.apart("web", &[]).await?;
    let elsewhere = case.site.apart("web-elsewhere", &[]).await?;
    let web = Proxy::start(&here).await?;
    let operations = operations(&Visitor::new(&web.base, None)).await?;
    for person in &EVERYBODY {
        person.arrive(&here, &elsewhere.namespace).await?;
    }
    let owner = web.bearer(token(&here, "owner", &[]).await?);
    let trial = Trial { case: &case, here: &here, owner };
    for person in &EVERYBODY {
        let visitor = web.bearer(token(&here, person.name, &[]).await?);
        for operation in &operations {
            let mut may = true;
            for deed in &operation.requires {
                may &= person.can_i(&here, deed).await?;
            }
            let (did, answer) = trial.perform(&visitor, operation).await?;
            let Operation { method, path, filtered, .. } = operation;
            let told = format!("{} {method} {path}: {} {}", person.name, answer.code, answer.text);
            ensure!(did == may, "kubectl says {may}: {told}");
            ensure!(did || *filtered || answer.code == 403, "{told}");
        }
    }
    nobody_does_anything(&trial, &web, &operations).await
}

/// Without a token, or with one that does not hold, every operation is refused in the same way.
async fn nobody_does_anything(
    trial: &Trial<'_>,
    web: &Proxy,
    operations: &[Operation],
) -> anyhow::Result<()> {
    let here = trial.here;
    let other_audience = token(here, "owner", &["--audience=https://other.example.com"]).await?;
    let gone = ["serviceaccount", "gone", "--namespace", &here.namespace];
    here.kubectl(&[&["create"], &gone[..]].concat()).await?;
    let revoked = token(here, "gone", &[]).await?;
    let expired = token_ending(here, "owner", -HOUR).await?;
    here.kubectl(&[&["delete"], &gone[..]].concat()).await?;
    for (who, visitor) in [
        ("nobody", Visitor::new(&web.base, None)),
        ("another audience", web.bearer(other_audience)),
        ("an expired token", web.bearer(expired)),
        ("a revoked token", web.bearer(revoked)),
        ("a made-up token", web.bearer("made-up".to_owned())),
    ] {
        for operation in operations {
            let (_, answer) = trial.perform(&visitor, operation).await?;
            let Operation { method, path, .. } = operation;
            ensure!(answer.code == 401, "{who} {method} {path}: {} {}", answer.code, answer.text);
        }
    }
    Ok(())
}

/// Where operations are tried.
struct Trial<'a> {
    case: &'a Case<'a>,
    here: &'a Site,
    /// Somebody who may do everything there.
    owner: Visitor,
}

impl Trial<'_> {
    /// Makes a task, which nothing comes of, and performs the operation on it; whether it was done.
    async fn perform(
        &self,
        visitor: &Visitor,
        operation: &Operation,
    ) -> anyhow::Result<(bool, Answer)> {
        let Operation { method, path, filtered, .. } = operation;
        let mut task = self.case.task(|spec| spec.cancel = true)?;
        task.metadata.name = None;
        task.metadata.generate_name = Some("cell-".to_owned());
        let tasks = self.here.tasks();
        let name = tasks.create(&PostParams::default(), &task).await?.name_any();
        let namespace = &self.here.namespace;
        let at = format!("/api/v1/namespaces/{namespace}/tasks/{name}");
        until("the web to see the task", SEEN_LIMIT, async || {
            Ok((self.owner.get(&at).await?.code == 200).then_some(()))
        })
        .await?;
        let create = method == Method::POST && path.ends_with("/tasks");
        let body =
            create.then(|| json!({"metadata": {"generateName": "made-"}, "spec": task.spec}));
        let path = path.replace("{namespace}", namespace).replace("{name}", &name);
        let answer = visitor.send(method.clone(), &path, body.as_ref()).await?;
        let shown = answer.text.contains(&format!("\"name\":\"{name}\""));
        Ok((if *filtered { shown } else { answer.code < 300 }, answer))
    }
}

/// A browser with a form in front of it.
struct Desk {
    browser: Visitor,
    fields: Vec<(&'static str, String)>,
}

impl Desk {
    /// Sends the form under this name by pressing that button.
    async fn post(&self, path: &str, name: &str, button: &str) -> anyhow::Result<Answer> {
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        let fields: Vec<_> = fields.chain([("name", name), ("do", button)]).collect();
        self.browser.post_form(path, &fields).await
    }
}

async fn form_kubectl_and_api_make_the_same_object(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.apart("web-form", &[]).await?;
    let web = Proxy::start(&here).await?;
    EVERYBODY[2].arrive(&here, &here.namespace).await?;
    let token = token(&here, "owner", &[]).await?;
    let desk = Desk {
        browser: Visitor::new(&web.base, Some(Proof::Cookie(sign_in(&web.base, &token).await?))),
        fields: vec![
            ("namespace", here.namespace.clone()),
            ("repository.url", format!("{}/{}.git", here.git_url(), case.repo)),
            ("prompt", "Line one.\r\n<script>alert(1)</script>".to_owned()),
            ("verify", "true\r\ntest -e a.txt".to_owned()),
            ("claude.maxTurns", "7".to_owned()),
            ("timeout", "5m".to_owned()),
        ],
    };
    let checked = desk.post("/new", "by-form", "check").await?;
    ensure!(checked.code == 200, "check: {} {}", checked.code, checked.text);
    ensure!(here.task("by-form").await.is_err(), "a check creates nothing");
    let created = desk.post("/new", "by-form", "create").await?;
    ensure!(created.code == 303, "create: {} {}", created.code, created.text);
    let refused = desk.post("/new", "By Form", "create").await?;
    ensure!(refused.code == 422 && refused.text.contains("aria-invalid"), "{}", refused.text);
    a_long_prompt_is_refused_at_its_field(&here, &desk.browser).await?;
    make_otherwise(&here, &web.bearer(token), &desk).await?;
    let form = here.task("by-form").await?;
    for other in ["by-kubectl", "by-api"] {
        let other = here.task(other).await?;
        ensure!(form.spec == other.spec, "{:?} and {:?}", form.spec, other.spec);
        ensure!(form.metadata.labels == other.metadata.labels, "{:?}", other.metadata);
    }
    let asked = form.annotations().get(crd::names::ANNOTATION_REQUESTED_BY);
    let owner = format!("system:serviceaccount:{}:owner", here.namespace);
    ensure!(asked == Some(&owner), "requested by {asked:?}");
    let page = desk.browser.get(&format!("/ns/{}/tasks/by-form", here.namespace)).await?.text;
    ensure!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    Ok(())
}

async fn a_long_prompt_is_refused_at_its_field(
    here: &Site,
    browser: &Visitor,
) -> anyhow::Result<()> {
    let task = json!({"metadata": {"name": "long"}, "spec": {
        "repository": {"url": "https://git.example.com/a.git"}, "prompt": "x".repeat(100_001)}});
    let at = format!("/api/v1/namespaces/{}/tasks", here.namespace);
    let refused = browser.send(Method::POST, &at, Some(&task)).await?;
    let told: Value = serde_json::from_str(&refused.text)?;
    let field = &told["fields"][0]["field"];
    ensure!(refused.code == 422 && field == "spec.prompt", "{} {told}", refused.code);
    Ok(())
}

/// Makes the form's object by `kubectl apply` of the YAML beside it, and by the API.
async fn make_otherwise(here: &Site, program: &Visitor, desk: &Desk) -> anyhow::Result<()> {
    let yaml = desk.post("/new/yaml", "by-kubectl", "create").await?.text;
    let mut object: Value = serde_saphyr::from_str(&yaml).context("read the shown YAML")?;
    let kubectl = here.cluster.kubectl();
    tokio::task::spawn_blocking(move || apply(kubectl, &yaml)).await??;
    object["metadata"]["name"] = "by-api".into();
    let at = format!("/api/v1/namespaces/{}/tasks", here.namespace);
    let sent = program.send(Method::POST, &at, Some(&object)).await?;
    ensure!(sent.code == 201, "POST: {} {}", sent.code, sent.text);
    Ok(())
}

async fn signing_in_takes_a_token_that_holds_and_out_ends_it(case: Case<'_>) -> anyhow::Result<()> {
    let here = case.site.apart("web-entry", &[]).await?;
    let web = Proxy::start(&here).await?;
    EVERYBODY[0].arrive(&here, &here.namespace).await?;
    let stranger = Visitor::new(&web.base, None);
    let led = stranger.get("/").await?;
    ensure!(led.code == 303 && led.headers[header::LOCATION] == "/login", "{}", led.code);
    let refused = stranger.post_form("/login", &[("token", "made-up")]).await?;
    ensure!(refused.code == 401, "{}", refused.code);
    ensure!(!refused.headers.contains_key(header::SET_COOKIE), "a session for nobody");
    let cookie = sign_in(&web.base, &token(&here, "reader", &[]).await?).await?;
    let browser = Visitor::new(&web.base, Some(Proof::Cookie(cookie)));
    let list = browser.get("/").await?;
    ensure!(list.code == 200 && list.text.contains("reader"), "{} {}", list.code, list.text);
    let policy = list.headers[header::CONTENT_SECURITY_POLICY].to_str()?;
    ensure!(policy.starts_with("default-src 'none'"), "{policy}");
    browser.post_form("/logout", &[]).await?;
    let led = browser.get("/").await?;
    ensure!(led.code == 303, "the session goes on: {}", led.code);
    Ok(())
}

/// Signs in at the web of this address with a token; gives the cookie.
async fn sign_in(base: &str, token: &str) -> anyhow::Result<String> {
    let answer = Visitor::new(base, None).post_form("/login", &[("token", token)]).await?;
    ensure!(answer.code == 303, "signing in: {} {}", answer.code, answer.text);
    let cookie = answer.headers.get(header::SET_COOKIE).context("no cookie")?.to_str()?;
    ensure!(!cookie.contains(token), "the browser holds the token itself");
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}
