//! Keys of the scripted provider, and tokens of any shape, since a library makes only good ones.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{self, digest};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use ring::{hmac, signature::RsaEncoding};
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// A key with its id, and how it signs.
pub struct Signer {
    pub algorithm: &'static str,
    pub id: Option<&'static str>,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
    Shared(hmac::Key),
    None,
}

/// Every algorithm by which a provider may sign.
pub const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Signer {
    /// The key is new, except an RSA one.
    pub fn new(algorithm: &'static str, id: &'static str) -> Self {
        let p256 = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let p384 = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let key = match algorithm {
            "RS256" => Key::Rsa(rsa(), &signature::RSA_PKCS1_SHA256),
            "RS384" => Key::Rsa(rsa(), &signature::RSA_PKCS1_SHA384),
            "RS512" => Key::Rsa(rsa(), &signature::RSA_PKCS1_SHA512),
            "PS256" => Key::Rsa(rsa(), &signature::RSA_PSS_SHA256),
            "PS384" => Key::Rsa(rsa(), &signature::RSA_PSS_SHA384),
            "PS512" => Key::Rsa(rsa(), &signature::RSA_PSS_SHA512),
            "ES256" => Key::Ec(ec(p256), "P-256"),
            "ES384" => Key::Ec(ec(p384), "P-384"),
            "EdDSA" => Key::Ed(ed()),
            "none" => Key::None,
            other => panic!("{other}"),
        };
        Self { algorithm, id: Some(id), key }
    }

    /// Signs with a secret that both sides know.
    pub fn shared(secret: &[u8], id: &'static str) -> Self {
        let key = Key::Shared(hmac::Key::new(hmac::HMAC_SHA256, secret));
        Self { algorithm: "HS256", id: Some(id), key }
    }

    /// The public key, as it is in a key set.
    pub fn public(&self) -> Value {
        let mut key = match &self.key {
            Key::Rsa(pair, _) => {
                let parts: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": encoded(&parts.n), "e": encoded(&parts.e)})
            }
            Key::Ec(pair, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y)})
            }
            Key::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref())})
            }
            Key::Shared(_) | Key::None => panic!("there is no public key"),
        };
        key["use"] = "sig".into();
        if let Some(id) = self.id {
            key["kid"] = id.into();
        }
        key
    }

    /// A token with these claims, and this header besides `alg` and `kid`.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let own = json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"});
        let part = |value: &Value| encoded(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&merged(own, header)), part(claims));
        format!("{signed}.{}", encoded(&self.sign(signed.as_bytes())))
    }

    /// What `at_hash` is for this access token.
    pub fn hash(&self, access: &str) -> String {
        let algorithm = match &self.algorithm[2..] {
            "384" => &digest::SHA384,
            "512" | "DSA" => &digest::SHA512,
            _ => &digest::SHA256,
        };
        let whole = digest(algorithm, access.as_bytes());
        encoded(&whole.as_ref()[..whole.as_ref().len() / 2])
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(pair, encoding) => {
                let mut made = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, message, &mut made).unwrap();
                made
            }
            Key::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Shared(key) => hmac::sign(key, message).as_ref().to_vec(),
            Key::None => Vec::new(),
        }
    }
}

/// The members of both; those of `over` win, and null removes.
pub fn merged(mut value: Value, over: &Value) -> Value {
    for (name, member) in over.as_object().into_iter().flatten() {
        value[name] = member.clone();
    }
    value.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    value
}

pub fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa() -> RsaKeyPair {
    let key = PrivatePkcs1KeyDer::from_pem_slice(include_bytes!("test-key.pem")).unwrap();
    RsaKeyPair::from_der(key.secret_pkcs1_der()).unwrap()
}

fn ec(algorithm: &'static signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap()
}

fn ed() -> Ed25519KeyPair {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap()
}
