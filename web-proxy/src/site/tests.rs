//! Signing in through the routes, at a scripted identity provider and behind a proxy, with an
//! apiserver that writes down who asked.
//!
//! Not here: what a real apiserver allows (e2e).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
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
use crate::identity::refuse::Prefix;
use crate::identity::session::Sessions;
use crate::identity::{Gate, Way, header as named};
use crate::logs::ear::Ears;
use crate::logs::{Limits, Logs};
use crate::patience::Peer;
use crate::rate::Rate;
use crate::server::{Bounds, router};
use crate::streams::Streams;
use crate::tasks::Tasks;

/// What the apiserver was asked to create, and as whom.
type Writes = Arc<Mutex<Vec<BTreeMap<String, String>>>>;

/// An apiserver that allows everything and takes every token but `bad`.
async fn apiserver(writes: Writes) -> Apiserver {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(any(answer)).with_state(writes);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Apiserver::new(kube::Config::new(url.parse().unwrap())).unwrap()
}

async fn answer(
    State(writes): State<Writes>,
    request: Request<Body>,
) -> axum::Json<serde_json::Value> {
    let path = request.uri().path().to_owned();
    if path.ends_with("/subjectaccessreviews") {
        return axum::Json(json!({"spec": {}, "status": {"allowed": true}}));
    }
    if path.ends_with("/tokenreviews") {
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let is_bad = String::from_utf8_lossy(&sent).contains("\"token\":\"bad\"");
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
}

impl Web {
    async fn start(way: Way) -> Self {
        let writes = Writes::default();
        let apiserver = apiserver(Arc::clone(&writes)).await;
        let own = apiserver.own();
        let sessions = Sessions::new(SignedDuration::from_hours(1), true, None);
        let many = NonZeroU32::new(1000).unwrap();
        let logs = Logs::new(own.clone(), Limits::default());
        let app = App {
            apiserver,
            tasks: Tasks::default(),
            gate: Arc::new(Gate::new(own.clone(), way, sessions)),
            access: Arc::new(Access::new(own.clone())),
            ears: Ears::new(Arc::clone(&logs)),
            logs,
            streams: Arc::new(Streams::new(1)),
            rate: Arc::new(Rate::new(many, many)),
        };
        let bounds = Bounds { body: 1 << 20, time: Duration::from_secs(30) };
        Self { routes: router(app, bounds), writes }
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
    /// The new value of the cookie of this kind, with its name.
    fn cookie(&self, kind: &str) -> Option<String> {
        let all = self.parts.headers.get_all(header::SET_COOKIE).iter();
        let pairs = all.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
        pairs.map(str::to_owned).find(|pair| pair.contains(kind) && !pair.ends_with('='))
    }
}

/// Goes to the provider and back; gives the address back and the browser's cookie.
async fn at_the_provider(web: &Web, idp: &Scripted) -> (String, String) {
    let begun = web.get("/login/start", "").await;
    assert_eq!(begun.parts.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let cookie = begun.cookie("login").unwrap();
    let to: Url = begun.parts.headers[header::LOCATION].to_str().unwrap().parse().unwrap();
    let (state, code) = idp.authorize(&to);
    (format!("/login/callback?state={state}&code={code}"), cookie)
}

#[tokio::test]
async fn who_signs_in_at_the_provider_acts_in_their_own_name() {
    let idp = Scripted::start().await;
    let web = Web::oidc(&idp, Delegation::Impersonate).await;
    let list = web.get("/", "").await;
    assert_eq!(list.parts.headers[header::LOCATION], "/login");
    assert!(web.get("/login", "").await.text.contains("href=\"/login/start\""));
    let (back, cookie) = at_the_provider(&web, &idp).await;
    let signed_in = web.get(&back, &cookie).await;
    assert_eq!(signed_in.parts.status, StatusCode::OK, "{}", signed_in.text);
    // A redirect would be a part of the provider's navigation, which carries no strict cookie.
    assert!(signed_in.text.contains("http-equiv=\"refresh\""), "{}", signed_in.text);
    let session = signed_in.cookie("session").unwrap();
    let list = web.get("/", &session).await;
    assert!(list.text.contains("ana@example.com") && list.text.contains("Sign out"));
    let whom = web.create("cookie", &session, None).await.unwrap();
    assert_eq!(whom["impersonate-user"], "ana@example.com");
    assert!(!whom.contains_key("authorization"), "{whom:?}");
    let bearer = format!("Bearer {}", idp.token());
    let whom = web.create("authorization", &bearer, None).await.unwrap();
    assert_eq!(whom["impersonate-user"], "ana@example.com");
    assert_eq!(
        web.create("authorization", "Bearer bad", None).await,
        Err(StatusCode::UNAUTHORIZED)
    );
}

#[tokio::test]
async fn an_answer_counts_once_and_for_the_browser_that_asked() {
    let idp = Scripted::start().await;
    let web = Web::oidc(&idp, Delegation::Impersonate).await;
    let (back, cookie) = at_the_provider(&web, &idp).await;
    for stranger in ["", "__Host-claudetask-login=made-up"] {
        let refused = web.get(&back, stranger).await;
        assert_eq!(refused.parts.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.cookie("session"), None);
    }
    assert_eq!(web.get(&back, &cookie).await.parts.status, StatusCode::OK);
    assert_eq!(web.get(&back, &cookie).await.parts.status, StatusCode::UNAUTHORIZED);
    // Whoever says no has to begin anew.
    let (back, cookie) = at_the_provider(&web, &idp).await;
    let refused = web.get("/login/callback?error=access_denied", &cookie).await;
    assert_eq!(refused.parts.status, StatusCode::UNAUTHORIZED);
    assert_eq!(web.get(&back, &cookie).await.parts.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_that_is_passed_through_is_all_that_the_apiserver_gets() {
    let idp = Scripted::start().await;
    let web = Web::oidc(&idp, Delegation::Passthrough).await;
    let (back, cookie) = at_the_provider(&web, &idp).await;
    let session = web.get(&back, &cookie).await.cookie("session").unwrap();
    let list = web.get("/", &session).await;
    // Who it is says the apiserver, not the claims.
    assert!(list.text.contains("holder") && !list.text.contains("ana@"), "{}", list.text);
    let whom = web.create("cookie", &session, None).await.unwrap();
    assert!(whom["authorization"].starts_with("Bearer ey"), "{whom:?}");
    assert!(!whom.contains_key("impersonate-user"), "{whom:?}");
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_nobody_from_anything_else() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let idp = Scripted::start().await;
    let mut away = settings(&idp);
    away.issuer = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let web = Web::start(Way::Oidc(Arc::new(Logins::new(away, true).unwrap()))).await;
    for _ in 0..2 {
        let answer = web.get("/login/start", "").await;
        assert_eq!(answer.parts.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("cannot be used at the moment"), "{}", answer.text);
    }
    assert_eq!(web.get("/healthz", "").await.parts.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_too_large_is_told_with_the_limit_to_programs_and_people() {
    let web = Web::start(Way::Token).await;
    let size = (1 << 20) + 1;
    let form = "application/x-www-form-urlencoded";
    let answer = web.post("/login", form, size).await;
    assert_eq!(answer.parts.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text);
    assert!(answer.text.contains("<p>The request is larger than 1048576 bytes"), "{}", answer.text);
    for (size, code, reason) in [
        (size, StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        (1, StatusCode::BAD_REQUEST, "BadRequest"),
    ] {
        let answer = web.post("/api/v1/namespaces/team/tasks", "application/json", size).await;
        assert_eq!(answer.parts.status, code, "{}", answer.text);
        let told: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(told["reason"], reason, "{told}");
    }
}

#[tokio::test]
async fn a_proxy_in_front_names_people_and_nobody_else_does() {
    let way = Way::Header(named::Settings {
        user_header: http::HeaderName::from_static("x-remote-user"),
        groups_header: None,
        from: vec!["10.1.2.0/24".parse().unwrap()],
        prefix: Prefix::default(),
    });
    let web = Web::start(way).await;
    let peer = |text: &str| Some(text.parse().unwrap());
    let whom = web.create("x-remote-user", "Zoë", peer("10.1.2.3")).await.unwrap();
    assert_eq!(whom["impersonate-user"], "Zoë");
    for (header, value, peer) in [
        ("x-remote-user", "ana", peer("10.1.3.3")),
        ("x-remote-user", "ana", None),
        ("x-remote-user", "system:admin", peer("10.1.2.3")),
        ("authorization", "Bearer good", peer("10.1.2.3")),
    ] {
        let refused = web.create(header, value, peer).await;
        assert_eq!(refused, Err(StatusCode::UNAUTHORIZED), "{header}: {value} from {peer:?}");
    }
    let page = web.get("/login", "").await.text;
    assert!(page.contains("proxy in front") && !page.contains("<form"), "{page}");
}
