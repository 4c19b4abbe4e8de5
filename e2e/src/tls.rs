//! The https end of a test part: the same router behind a certificate.
//!
//! Not here: making the certificate ([`crate::keys`]).

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::serve::Listener;
use clap::Args;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where to listen, and as whom.
#[derive(Clone, Debug, Args)]
pub struct Tls {
    /// Address of the https end
    #[arg(long, requires_all = ["tls_certificate", "tls_key"])]
    pub tls_listen: Option<SocketAddr>,
    /// Its certificate in PEM format
    #[arg(long)]
    pub tls_certificate: Option<PathBuf>,
    /// Its key in PEM format
    #[arg(long)]
    pub tls_key: Option<PathBuf>,
}

impl Tls {
    /// Serves `router` in the background, when an address is given.
    pub async fn serve(&self, router: Router) -> Result<()> {
        let (Some(address), Some(certificate), Some(key)) =
            (self.tls_listen, &self.tls_certificate, &self.tls_key)
        else {
            return Ok(());
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("reading {}", certificate.display()))?;
        let key = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("reading {}", key.display()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let tcp =
            TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
        println!("listening on https://{}", tcp.local_addr()?);
        let listener = Handshakes::begin(tcp, TlsAcceptor::from(Arc::new(config)))?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(())
    }
}

/// Connections whose handshake is done; one that never ends holds no other up.
struct Handshakes {
    address: SocketAddr,
    done: Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Handshakes {
    fn begin(tcp: TcpListener, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = tcp.local_addr()?;
        let (send, done) = channel(16);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = tcp.accept().await {
                let (acceptor, send) = (acceptor.clone(), send.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate goes away here.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = send.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { address, done })
    }
}

impl Listener for Handshakes {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.done.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
