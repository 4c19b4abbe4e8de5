//! Login by OpenID Connect: the authorization code flow with PKCE, and ID tokens as bearer tokens.
//!
//! The way of a login: [`Provider::begin`] gives the address to send the browser to,
//! [`Provider::finish`] takes what the browser brings back. Not here: cookies, sessions
//! and routes, and refresh tokens, which are not asked for.

mod claims;
mod error;
mod http;
mod keys;
mod settings;
mod token;

#[cfg(test)]
pub(crate) mod tests;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, TokenUrl,
};
use url::Url;

use crate::caller::Secret;
use crate::identity::cookie::derived;
use crate::identity::refuse::Impersonated;
use claims::Claims;
use http::Http;
use keys::Keys;
use token::{IdToken, Verified};

pub use error::{Error, Upstream};
pub use settings::{Delegation, Settings};

/// How long somebody may take to log in at the provider.
pub const PENDING: SignedDuration = SignedDuration::from_mins(10);

/// An identity provider, and the proxy as its client.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    http: Http,
    client: Login,
    keys: Keys,
}

/// What is remembered of a login while the browser is at the provider. The provider is never told
/// what it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Comes back with the browser: the answer belongs to this login.
    pub state: Secret,
    /// Comes back in the ID token: the token was made for this login.
    pub nonce: Secret,
    /// Is told to the provider with the code: who brings the code began the login (RFC 7636).
    pub verifier: Secret,
    /// When it was begun.
    pub at: Timestamp,
}

/// A login that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who it is.
    pub user: Impersonated,
    /// The ID token, when the apiserver is asked with it.
    pub token: Option<Secret>,
    /// When the ID token expires.
    pub until: Timestamp,
}

impl Pending {
    /// The login that began then in the browser that holds this value, which nobody guesses.
    pub fn of(value: &str, at: Timestamp) -> Self {
        let secret = |usage| Secret::new(derived(value, usage));
        Self { state: secret("state"), nonce: secret("nonce"), verifier: secret("verifier"), at }
    }
}

impl Provider {
    /// Asks the provider for its endpoints and keys. Settings that cannot be right are an error
    /// before anything is asked.
    pub async fn discover(settings: Settings, now: Timestamp) -> Result<Self, Error> {
        let issuer = settings.check()?;
        let http = Http::new(&issuer, settings.ca_file.as_deref()).await?;
        let named = IssuerUrl::new(settings.issuer.clone())
            .map_err(|source| Error::Address { what: settings::ISSUER, source })?;
        let metadata = CoreProviderMetadata::discover_async(named, &http)
            .await
            .map_err(|error| Error::Discover(Upstream::new(&error)))?;
        let endpoint = metadata.token_endpoint().cloned().ok_or(Error::NoTokenEndpoint)?;
        for (what, url) in [
            ("authorization_endpoint", metadata.authorization_endpoint().url()),
            ("token_endpoint", endpoint.url()),
        ] {
            settings::secure(what, url)?;
        }
        let keys = Keys::new(metadata.jwks_uri().clone(), metadata.jwks().clone(), now);
        let client = login(&settings, metadata, endpoint);
        Ok(Self { settings, http, client, keys })
    }

    /// Where the browser goes now, to begin this login.
    pub fn begin(&self, pending: &Pending) -> Url {
        let [state, nonce, verifier] = [&pending.state, &pending.nonce, &pending.verifier]
            .map(|secret| secret.expose().to_owned());
        let verifier = PkceCodeVerifier::new(verifier);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid");
        let (url, _, _) = self
            .client
            .authorize_url(flow, || CsrfToken::new(state), || Nonce::new(nonce))
            .add_scopes(scopes.cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        url
    }

    /// Finishes a login with the `state` and `code` that the browser brought back.
    pub async fn finish(
        &self,
        pending: &Pending,
        state: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        if !same(state, pending.state.expose()) {
            return Err(Error::OtherState);
        }
        if now.duration_since(pending.at) > PENDING {
            return Err(Error::TooLate);
        }
        let answer = self
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.expose().to_owned()))
            .request_async(&self.http)
            .await
            .map_err(|error| Error::Exchange(Upstream::new(&error)))?;
        let token = answer.id_token().ok_or(Error::NoIdToken)?;
        let nonce = Nonce::new(pending.nonce.expose().to_owned());
        let verified = self
            .verified(token, &nonce, Some(OAuth2TokenResponse::access_token(&answer)), now)
            .await?;
        let user = claims::user(&self.settings, &verified.claims)?;
        let token = match self.settings.credential {
            Delegation::Passthrough => Some(Secret::new(token.to_string())),
            Delegation::Impersonate => None,
        };
        Ok(SignedIn { user, token, until: verified.until })
    }

    /// Who an ID token is about that came as a bearer token, and until when it holds. There was no
    /// login here, so there is no nonce to compare.
    pub async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(Impersonated, Timestamp), Error> {
        let token: IdToken =
            token.parse().map_err(|error| Error::Unreadable(Upstream::new(&error)))?;
        let verified = self.verified(&token, |_: Option<&Nonce>| Ok(()), None, now).await?;
        Ok((claims::user(&self.settings, &verified.claims)?, verified.until))
    }

    async fn verified(
        &self,
        token: &IdToken,
        nonce: impl openidconnect::NonceVerifier + Copy,
        access: Option<&openidconnect::AccessToken>,
        now: Timestamp,
    ) -> Result<Verified, Error> {
        let check = |keys: &_| token::verified(&self.settings, keys, token, nonce, access, now);
        match check(&*self.keys.current(&self.http, now).await) {
            Err(error) if error.is_of_keys() => check(&*self.keys.renewed(&self.http, now).await?),
            checked => checked,
        }
    }
}

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// The client of the crate, with our claims.
type Login<Token = EndpointSet> = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
    EndpointMaybeSet,
>;

fn login(settings: &Settings, metadata: CoreProviderMetadata, endpoint: TokenUrl) -> Login {
    let id = ClientId::new(settings.client_id.clone());
    let secret =
        settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
    let method = authentication(&metadata);
    Login::<EndpointMaybeSet>::from_provider_metadata(metadata, id, secret)
        .set_token_uri(endpoint)
        .set_redirect_uri(RedirectUrl::from_url(settings.redirect.clone()))
        .set_auth_type(method)
}

/// `client_secret_basic` is what a provider takes that says nothing (OpenID Connect Discovery 3).
fn authentication(metadata: &CoreProviderMetadata) -> AuthType {
    let basic = CoreClientAuthMethod::ClientSecretBasic;
    match metadata.token_endpoint_auth_methods_supported() {
        Some(methods) if !methods.contains(&basic) => AuthType::RequestBody,
        _ => AuthType::BasicAuth,
    }
}

/// Compares digests, so that the time it takes tells nothing.
fn same(one: &str, other: &str) -> bool {
    let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest(one).as_ref() == digest(other).as_ref()
}
