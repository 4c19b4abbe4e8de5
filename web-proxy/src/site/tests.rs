//! Requests through the routes, with an apiserver that writes down who asked, and that can be away.
//!
//! Not here: what a real apiserver allows (e2e).

mod refusals;
mod signing_in;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tower::ServiceExt;
use url::Url;

use crate::access::Access;
use crate::apiserver::Apiserver;
use crate::app::App;
use crate::identity::login::Logins;
use crate::identity::oidc::Delegation;
use crate::identity::oidc::tests::scripted::Scripted;
use crate::identity::oidc::tests::settings;
use crate::identity::session::Sessions;
use crate::identity::{Gate, Way};
use crate::logs::ear::Ears;
use crate::logs::{Limits, Logs};
use crate::patience::Peer;
use crate::rate::Rate;
use crate::server::{Bounds, router};
use crate::streams::Streams;
use crate::tasks::Tasks;

/// What the apiserver was asked to create, and as whom.
type Writes = Arc<Mutex<Vec<BTreeMap<String, String>>>>;

/// An apiserver that allows everything but seeing events, takes every token but `bad`, and does not
/// answer whose `slow` is.
async fn apiserver(writes: Writes) -> Apiserver {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(any(answer)).with_state(writes);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Apiserver::new(kube::Config::new(url.parse().unwrap())).unwrap()
}

async fn answer(State(writes): State<Writes>, request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    if path.ends_with("/events") {
        let status = json!({"kind": "Status", "status": "Failure", "code": 403,
            "reason": "Forbidden", "message": "events are forbidden"});
        return (StatusCode::FORBIDDEN, axum::Json(status)).into_response();
    }
    allowed(writes, path, request).await.into_response()
}

async fn allowed(
    writes: Writes,
    path: String,
    request: Request<Body>,
) -> axum::Json<serde_json::Value> {
    if path.ends_with("/subjectaccessreviews") {
        return axum::Json(json!({"spec": {}, "status": {"allowed": true}}));
    }
    if path.ends_with("/tokenreviews") {
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let is = |token: &str| {
            String::from_utf8_lossy(&sent).contains(&format!("\"token\":\"{token}\""))
        };
        if is("slow") {
            std::future::pending::<()>().await;
        }
        let is_bad = is("bad");
        let user = json!({"username": "holder"});
        return axum::Json(json!({"spec": {}, "status": {"authenticated": !is_bad, "user": user}}));
    }
    if request.method() == Method::POST {
        let seen = request.headers().iter().filter(|(name, _)| {
            name.as_str().starts_with("impersonate") || *name == header::AUTHORIZATION
        });
        let seen = seen.map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        writes.lock().unwrap().push(seen.collect());
    }
    axum::Json(json!({"apiVersion": "claudetask.dev/v1alpha1", "kind": "ClaudeTask",
        "metadata": {"name": "new", "namespace": "team"}}))
}

struct Web {
    routes: Router,
    writes: Writes,
    tasks: Tasks,
}

impl Web {
    async fn start(way: Way) -> Self {
        Self::within(way, 1000, Duration::from_secs(30)).await
    }

    /// One where each user may make so many requests at once, and each has so much time.
    async fn within(way: Way, burst: u32, time: Duration) -> Self {
        let writes = Writes::default();
        let apiserver = apiserver(Arc::clone(&writes)).await;
        let own = apiserver.own();
        let sessions = Sessions::new(SignedDuration::from_hours(1), true, None);
        let [one, burst] = [1, burst].map(|count| NonZeroU32::new(count).unwrap());
        let tasks = Tasks::default();
        let logs = Logs::new(own.clone(), Limits::default());
        let app = App {
            apiserver,
            tasks: tasks.clone(),
            gate: Arc::new(Gate::new(own.clone(), way, sessions)),
            access: Arc::new(Access::new(own.clone())),
            ears: Ears::new(Arc::clone(&logs)),
            logs,
            streams: Arc::new(Streams::new(1)),
            rate: Arc::new(Rate::new(one, burst)),
        };
        let bounds = Bounds { body: 1 << 20, time };
        Self { routes: router(app, bounds), writes, tasks }
    }

    async fn oidc(idp: &Scripted, credential: Delegation) -> Self {
        let now = Timestamp::now().as_second();
        let claims = json!({"iss": idp.url, "iat": now, "exp": now + 3600});
        idp.script().claims = claims;
        let settings = crate::identity::oidc::Settings { credential, ..settings(idp) };
        Self::start(Way::Oidc(Arc::new(Logins::new(settings, true).unwrap()))).await
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        Answer { parts, text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Posts a body of so many bytes.
    async fn post(&self, path: &str, form: &str, size: usize) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, form)
            .header(header::AUTHORIZATION, "Bearer good");
        self.ask(request.body(Body::from("x".repeat(size))).unwrap()).await
    }

    /// Asks with this token, and these headers besides.
    async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, cookie);
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// Creates a task with this header; gives as whom.
    async fn create(
        &self,
        name: &str,
        value: &str,
        peer: Option<IpAddr>,
    ) -> Result<BTreeMap<String, String>, StatusCode> {
        let mut request = Request::post("/api/v1/namespaces/team/tasks")
            .header(name, value)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(peer) = peer {
            request = request.extension(ConnectInfo(Peer(peer)));
        }
        let body = json!({"metadata": {"name": "new"}, "spec": {"prompt": "Do."}}).to_string();
        let answer = self.ask(request.body(Body::from(body)).unwrap()).await;
        if answer.parts.status != StatusCode::CREATED {
            return Err(answer.parts.status);
        }
        Ok(self.writes.lock().unwrap().pop().unwrap())
    }
}

struct Answer {
    parts: http::response::Parts,
    text: String,
}

impl Answer {
    /// What a refusal says, and whether as JSON; anything else is neither JSON nor a page.
    fn told(&self) -> (StatusCode, bool, String) {
        let is_json = match self.parts.headers[header::CONTENT_TYPE].to_str().unwrap() {
            "application/json" => true,
            "text/html; charset=utf-8" => false,
            other => panic!("{other}: {}", self.text),
        };
        let told: Option<serde_json::Value> =
            is_json.then(|| serde_json::from_str(&self.text).unwrap());
        let text = told.map(|told| told["message"].as_str().unwrap().to_owned());
        (self.parts.status, is_json, text.unwrap_or_else(|| self.text.clone()))
    }

    /// The new value of the cookie of this kind, with its name.
    fn cookie(&self, kind: &str) -> Option<String> {
        let all = self.parts.headers.get_all(header::SET_COOKIE).iter();
        let pairs = all.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
        pairs.map(str::to_owned).find(|pair| pair.contains(kind) && !pair.ends_with('='))
    }
}
