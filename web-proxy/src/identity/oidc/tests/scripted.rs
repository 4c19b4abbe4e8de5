//! An identity provider that a test scripts: it does everything right but for what the test
//! changes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use url::Url;

use super::signer::{Signer, encoded, merged};

pub const CLIENT: &str = "web";
pub const SECRET: &str = "a secret of the client: with +, % and /";
pub const REDIRECT: &str = "https://web.example.com/login/callback";
const ACCESS: &str = "an-access-token";
const CODE: &str = "a-code";

/// What the provider does, and what it saw.
pub struct Script {
    /// Over the discovery document.
    pub metadata: Value,
    /// The key set.
    pub keys: Vec<Value>,
    /// Signs ID tokens.
    pub signer: Signer,
    /// Over the token's header.
    pub header: Value,
    /// Over the token's claims.
    pub claims: Value,
    /// Over the answer of the token endpoint.
    pub tokens: Value,
    /// The token endpoint's answer instead of tokens.
    pub failure: Option<(StatusCode, String)>,
    /// How often the keys were fetched.
    pub fetched: usize,
    /// What went wrong with the request for tokens.
    pub complaint: Option<String>,
    begun: HashMap<String, String>,
}

pub struct Scripted {
    pub url: String,
    /// Certificate of a provider with TLS.
    pub certificate: Option<String>,
    script: Arc<Mutex<Script>>,
}

impl Scripted {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(listener, url, None)
    }

    pub async fn start_with_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        Self::serve(tls, url, Some(made.cert.pem()))
    }

    fn serve<L: Listener>(listener: L, url: String, certificate: Option<String>) -> Self
    where
        L::Addr: std::fmt::Debug,
    {
        let signer = Signer::new("ES256", "first");
        let script = Arc::new(Mutex::new(Script {
            metadata: metadata(&url),
            keys: vec![signer.public()],
            signer,
            header: json!({}),
            claims: json!({"iss": url}),
            tokens: json!({}),
            failure: None,
            fetched: 0,
            complaint: None,
            begun: HashMap::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, certificate, script }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// The person logs in; state and code come back with the browser.
    pub fn authorize(&self, url: &Url) -> (String, String) {
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(url[..url::Position::AfterPath], format!("{}/authorize", self.url));
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid email groups"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
        }
        let state = query["state"].clone();
        self.script().begun = query;
        (state, CODE.to_owned())
    }

    /// An ID token that no login asked for.
    pub fn token(&self) -> String {
        let mut script = self.script();
        script.begun.clear();
        script.id_token()
    }
}

impl Script {
    fn id_token(&self) -> String {
        let claims = json!({
            "aud": CLIENT,
            "sub": "7f3a",
            "exp": NOW + 3600,
            "iat": NOW,
            "nonce": self.begun.get("nonce"),
            "at_hash": self.signer.hash(ACCESS),
            "email": "ana@example.com",
            "email_verified": true,
            "preferred_username": "ana",
            "groups": ["team", "ops"],
        });
        self.signer.token(&self.header, &merged(claims, &self.claims))
    }

    fn check(&self, headers: &HeaderMap, form: &HashMap<String, String>) -> Result<(), String> {
        let verifier = form.get("code_verifier").ok_or("there is no code_verifier")?;
        let challenge = encoded(digest(&SHA256, verifier.as_bytes()).as_ref());
        if self.begun.get("code_challenge") != Some(&challenge) {
            return Err("the code_verifier is not that of the challenge".to_owned());
        }
        for (name, value) in
            [("grant_type", "authorization_code"), ("code", CODE), ("redirect_uri", REDIRECT)]
        {
            if form.get(name).map(String::as_str) != Some(value) {
                return Err(format!("{name} is {:?}", form.get(name)));
            }
        }
        let post = form.get("client_secret").is_some_and(|secret| secret == SECRET);
        let basic = headers.get(header::AUTHORIZATION).is_some_and(|sent| *sent == basic());
        let methods = &self.metadata["token_endpoint_auth_methods_supported"];
        match *methods == json!(["client_secret_post"]) {
            true if post && !basic => Ok(()),
            false if basic && !post => Ok(()),
            _ => Err("the client is not authenticated".to_owned()),
        }
    }
}

/// The time of every test.
pub const NOW: i64 = 1_767_225_600;

pub fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

type Shared = State<Arc<Mutex<Script>>>;

async fn discovery(State(script): Shared) -> Json<Value> {
    Json(script.lock().unwrap().metadata.clone())
}

async fn keys(State(script): Shared) -> Json<Value> {
    let mut script = script.lock().unwrap();
    script.fetched += 1;
    Json(json!({"keys": script.keys}))
}

async fn token(
    State(script): Shared,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut script = script.lock().unwrap();
    if let Some((status, body)) = &script.failure {
        let headers = [(header::LOCATION, "/keys"), (header::CONTENT_TYPE, "application/json")];
        return (*status, headers, body.clone()).into_response();
    }
    if let Err(complaint) = script.check(&headers, &form) {
        script.complaint = Some(complaint);
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    // A code counts once.
    script.begun.remove("code_challenge");
    let tokens = json!({
        "access_token": ACCESS,
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": script.id_token(),
    });
    Json(merged(tokens, &script.tokens)).into_response()
}

fn metadata(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    })
}

/// Id and secret are encoded as in a form (RFC 6749, 2.3.1).
fn basic() -> String {
    let secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:{secret}")))
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            // Who does not trust the certificate hangs up here.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
