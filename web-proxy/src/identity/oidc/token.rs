//! Whether an ID token is the provider's, for this client, and valid now (OpenID Connect Core
//! 3.1.3.7).
//!
//! Not here: where keys come from, and what the claims mean.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, NonceVerifier,
    SignatureVerificationError,
};
use serde_json::{Map, Value};

use super::claims::Claims;
use super::error::{Error, Upstream};
use super::settings::{ISSUER, Settings};

/// How far the provider's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// Signatures that only the provider can make: with HS256 whoever knows the client's secret could,
/// and with `none` anybody.
const ASYMMETRIC: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// An ID token as it was read, believed in nothing yet.
pub type IdToken = openidconnect::IdToken<
    Claims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type IdTokenClaims = openidconnect::IdTokenClaims<Claims, CoreGenderClaim>;
type IdTokenVerifier<'a> = openidconnect::IdTokenVerifier<'a, openidconnect::core::CoreJsonWebKey>;

/// What an ID token says that was verified.
pub struct Verified {
    /// All claims.
    pub claims: Map<String, Value>,
    /// When it expires.
    pub until: Timestamp,
}

/// What the token says, if these keys signed it for this client and it is valid now.
pub fn verified(
    settings: &Settings,
    keys: &CoreJsonWebKeySet,
    token: &IdToken,
    nonce: impl NonceVerifier,
    access: Option<&AccessToken>,
    now: Timestamp,
) -> Result<Verified, Error> {
    let verifier = verifier(settings, keys, now)?;
    let claims = token.claims(&verifier, nonce).map_err(|error| refused(&error))?;
    check_party(settings, claims)?;
    if let Some((access, hash)) = access.zip(claims.access_token_hash()) {
        check_hash(token, &verifier, access, hash)?;
    }
    let until = instant(claims.expiration().into())?;
    let issued = instant(claims.issue_time().into())?;
    let claims = match serde_json::to_value(claims) {
        Ok(Value::Object(claims)) => claims,
        Ok(_) => Map::new(),
        Err(error) => return Err(Error::Unreadable(Upstream::new(&error))),
    };
    // The crate knows no nbf, which RFC 7519 (4.1.5) lets any token have.
    let begins = claims.get("nbf").and_then(Value::as_f64).unwrap_or_default();
    if issued > now + AHEAD || begins > (now + AHEAD).as_duration().as_secs_f64() {
        return Err(Error::Future);
    }
    Ok(Verified { claims, until })
}

fn refused(error: &ClaimsVerificationError) -> Error {
    use SignatureVerificationError::{CryptoError, NoMatchingKey};
    match error {
        // A provider that gives its keys no ids changes them as well.
        ClaimsVerificationError::SignatureVerification(NoMatchingKey | CryptoError(_)) => {
            Error::Signature(Upstream::new(error))
        }
        _ => Error::Token(Upstream::new(error)),
    }
}

fn verifier<'a>(
    settings: &Settings,
    keys: &CoreJsonWebKeySet,
    now: Timestamp,
) -> Result<IdTokenVerifier<'a>, Error> {
    let issuer = IssuerUrl::new(settings.issuer.clone())
        .map_err(|source| Error::Address { what: ISSUER, source })?;
    let client = ClientId::new(settings.client_id.clone());
    let now = SystemTime::from(now);
    Ok(IdTokenVerifier::new_public_client(client, issuer, keys.clone())
        .set_allowed_algs(ASYMMETRIC)
        .set_time_fn(move || now.into())
        // The authorized party tells whom the token is for when there are several.
        .set_other_audience_verifier_fn(|_| true))
}

/// A token for several audiences names the one that it was made for, which must be us: the others
/// could bring it here.
fn check_party(settings: &Settings, claims: &IdTokenClaims) -> Result<(), Error> {
    match claims.authorized_party() {
        Some(party) if party.as_str() != settings.client_id => Err(Error::AuthorizedParty),
        None if claims.audiences().len() > 1 => Err(Error::AuthorizedParty),
        _ => Ok(()),
    }
}

fn check_hash(
    token: &IdToken,
    verifier: &IdTokenVerifier<'_>,
    access: &AccessToken,
    hash: &AccessTokenHash,
) -> Result<(), Error> {
    let failed = |error: &dyn std::error::Error| Error::Token(Upstream::new(error));
    let algorithm = token.signing_alg().map_err(|error| failed(&error))?;
    let key = token.signing_key(verifier).map_err(|error| failed(&error))?;
    let made =
        AccessTokenHash::from_token(access, algorithm, key).map_err(|error| failed(&error))?;
    if made == *hash { Ok(()) } else { Err(Error::AccessToken) }
}

fn instant(time: SystemTime) -> Result<Timestamp, Error> {
    Timestamp::try_from(time).map_err(|error| Error::Token(Upstream::new(&error)))
}
