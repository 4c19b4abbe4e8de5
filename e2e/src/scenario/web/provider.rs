//! An identity provider (OpenID Connect) that lets in whom a scenario names, without asking.
//!
//! Its tokens are signed with the cluster's key for service accounts, whose public half the apiserver
//! publishes. Not here: what may be wrong with a provider, which needs no cluster.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::super::site::Site;
use super::signer::{ALGORITHM, HOUR, token_of};

/// What the web is called by it.
pub const CLIENT: &str = "web";
/// What the browser brings to the web.
const CODE: &str = "code-1";

/// A provider; it ends when this is dropped.
pub struct Provider {
    /// Its address without a trailing slash.
    pub url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    url: String,
    /// What the apiserver publishes.
    keys: Value,
    login: Mutex<Login>,
}

#[derive(Default, Clone)]
struct Login {
    email: String,
    nonce: String,
}

impl Provider {
    /// Starts it.
    pub async fn start(site: &Site) -> anyhow::Result<Self> {
        let keys = site.kubectl(&["get", "--raw", "/openid/v1/jwks"]).await?;
        let keys = serde_json::from_str(&keys).context("read the apiserver's keys")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { url: url.clone(), keys, login: Mutex::default() });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys_of))
            .route("/authorize", get(authorize))
            .route("/token", post(tokens))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            // It ends with the scenario.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { url, shared, serving })
    }

    /// From now on this person is who comes.
    pub fn let_in(&self, email: &str) {
        self.shared.change(|login| email.clone_into(&mut login.email));
    }

    /// A token of who comes, as programs get it.
    pub fn token(&self) -> anyhow::Result<String> {
        self.shared.token()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Login)) {
        change(&mut self.login.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn token(&self) -> anyhow::Result<String> {
        let Login { email, nonce } =
            self.login.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = Timestamp::now();
        let claims = json!({
            "iss": self.url, "aud": CLIENT, "sub": email, "nonce": nonce,
            "email": email, "email_verified": true, "groups": [],
            "iat": now.as_second(), "exp": (now + HOUR).as_second(),
        });
        token_of(&json!({"alg": ALGORITHM, "kid": self.keys["keys"][0]["kid"]}), &claims)
    }
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let url = &shared.url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }))
}

async fn keys_of(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.keys.clone())
}

async fn authorize(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Redirect {
    let part = |name: &str| asked.get(name).cloned().unwrap_or_default();
    shared.change(|login| login.nonce = part("nonce"));
    Redirect::to(&format!("{}?state={}&code={CODE}", part("redirect_uri"), part("state")))
}

async fn tokens(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, StatusCode> {
    let token = shared.token().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({"access_token": "unused", "token_type": "Bearer", "id_token": token})))
}
