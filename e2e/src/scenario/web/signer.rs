//! Tokens signed with the cluster's key for service accounts: some that end when a scenario wants it,
//! since the apiserver's own hold ten minutes at least, and those of an identity provider.
//!
//! The end is all that is wrong with the first. Not here: the apiserver's own
//! ([`super::people::token`]).

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::super::site::Site;
use crate::cluster::component::ISSUER;
use crate::cluster::layout::Layout;
use crate::cluster::pki::Pki;

/// How long after its end the apiserver still takes a token, for clocks that differ (the default of
/// its library, go-jose).
pub const LEEWAY: SignedDuration = SignedDuration::from_mins(1);

/// How the key signs.
pub const ALGORITHM: &str = "ES256";

/// An hour, which tokens hold here.
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A token of this service account in the site's namespace that ends so long from now.
pub async fn token_ending(site: &Site, name: &str, left: SignedDuration) -> anyhow::Result<String> {
    let namespace = &site.namespace;
    let get = ["get", "serviceaccount", name, "--namespace", namespace, "--output=json"];
    let account: Value = serde_json::from_str(&site.kubectl(&get).await?)?;
    let end = Timestamp::now() + left;
    let issuer = ISSUER;
    let claims = json!({
        "iss": issuer,
        "aud": [issuer],
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "iat": (end - HOUR).as_second(),
        "nbf": (end - HOUR).as_second(),
        "exp": end.as_second(),
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
        },
    });
    token_of(&json!({"alg": ALGORITHM}), &claims)
}

/// A token (JWS) that says this.
pub fn token_of(header: &Value, claims: &Value) -> anyhow::Result<String> {
    let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let said = format!("{}.{}", encoded(header), encoded(claims));
    let signature = signed(said.as_bytes())?;
    Ok(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn signed(text: &[u8]) -> anyhow::Result<Vec<u8>> {
    let file = Pki::of(&Layout::from_env()?).service_accounts();
    let key = PrivatePkcs8KeyDer::from_pem_file(&file)
        .map_err(|error| anyhow!("read the key for service accounts: {error}"))?;
    let random = SystemRandom::new();
    let way = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_pkcs8(way, key.secret_pkcs8_der(), &random)
        .map_err(|error| anyhow!("understand the key for service accounts: {error}"))?;
    let signature = pair.sign(&random, text).ok().context("sign a token")?;
    Ok(signature.as_ref().to_vec())
}
