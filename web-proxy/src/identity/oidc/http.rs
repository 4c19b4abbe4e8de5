//! How the identity provider is asked: in bounded time, for bounded answers, and nobody else.
//!
//! Redirects are not followed, since with them a secret would go where the settings never said.
//! Not here: a proxy on the way out.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::error::{Error, Upstream};
use super::settings;

/// Time for one exchange.
const LONGEST: Duration = Duration::from_secs(10);

/// Bytes of an answer at most: key sets have a few kilobytes.
const LARGEST: usize = 512 * 1024;

/// A client for the identity provider.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    longest: Duration,
}

impl Http {
    /// A client that trusts the system's authorities and those in the file. It speaks plain HTTP
    /// only when the issuer does.
    pub async fn new(issuer: &Url, authorities: Option<&Path>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(Upstream::new(&error)))?
            .with_root_certificates(roots(authorities).await?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        let connector = match issuer.scheme() {
            "http" => connector.https_or_http(),
            _ => connector.https_only(),
        };
        let client = Client::builder(TokioExecutor::new()).build(connector.enable_http1().build());
        Ok(Self { client, longest: LONGEST })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        // The key set's address comes with the same document that is still being judged.
        if !Url::parse(&request.uri().to_string()).is_ok_and(|url| settings::is_secure(&url)) {
            return Err(Failed::Insecure);
        }
        let answer = self.client.request(request.map(Body::from)).await?;
        let (head, body) = answer.into_parts();
        let body = axum::body::to_bytes(Body::new(body), LARGEST).await.map_err(Failed::Read)?;
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            tokio::time::timeout(self.longest, self.exchange(request))
                .await
                .unwrap_or(Err(Failed::Timeout(self.longest)))
        })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Anybody on the way could answer.
    #[error("the address must be https, except on a loopback host")]
    Insecure,
    /// It could not be asked.
    #[error("asking")]
    Ask(#[from] hyper_util::client::legacy::Error),
    /// The answer broke off, or was too large.
    #[error("reading the answer")]
    Read(#[source] axum::Error),
    /// It took too long.
    #[error("no answer in {0:?}")]
    Timeout(Duration),
}

async fn roots(authorities: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    // An image may have no authorities, and a system bad ones: those that can be used are.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(file) = authorities else { return Ok(roots) };
    let failed = |error: &dyn std::error::Error| Error::Authorities {
        file: file.to_owned(),
        source: Upstream::new(error),
    };
    let pem = tokio::fs::read(file).await.map_err(|error| failed(&error))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
        found += 1;
    }
    match found {
        0 => Err(failed(&rustls::pki_types::pem::Error::NoItemsFound)),
        _ => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn client(issuer: &str) -> Http {
        Http::new(&Url::parse(issuer).unwrap(), None).await.unwrap()
    }

    fn request(uri: &str) -> HttpRequest {
        ::http::Request::get(uri).body(Vec::new()).unwrap()
    }

    #[tokio::test]
    async fn a_provider_that_says_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", silent.local_addr().unwrap());
        let longest = Duration::from_millis(20);
        let http = Http { longest, ..client(&uri).await };
        let failed = http.call(request(&uri)).await.unwrap_err();
        assert!(matches!(failed, Failed::Timeout(_)), "{failed}");
    }

    #[tokio::test]
    async fn with_an_https_issuer_nothing_is_sent_in_the_clear() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let failed = client("https://idp.example.com").await.call(request(&uri)).await.unwrap_err();
        assert!(
            Upstream::new(&failed).to_string().contains("unsupported scheme http"),
            "{failed:?}"
        );
    }

    #[tokio::test]
    async fn authorities_that_cannot_be_read_are_an_error() {
        let missing = roots(Some(Path::new("/nowhere/ca.pem"))).await.unwrap_err();
        assert_eq!(missing.to_string(), "reading the authorities in /nowhere/ca.pem");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(roots(Some(&manifest)).await.is_err());
    }
}
