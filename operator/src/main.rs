//! The operator's program: settings, log, endpoints, signals, or a file and the clock for a Job that
//! is only shown; the rest is the library.
//!
//! Not here: anything about tasks.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crd::errors::chain;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use jiff::Timestamp;
use kube::Client;
use operator::config::{Invocation, LogFormat, Settings};
use operator::leader::Candidacy;
use operator::server::{Readiness, router};
use operator::{controller, render};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Why the operator could not work, or show a Job.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("finding the apiserver: set KUBECONFIG, or run in a Pod with a service account")]
    Client(#[source] kube::Error),
    #[error("listening on {0}")]
    Listen(std::net::SocketAddr, #[source] std::io::Error),
    #[error("watching for signals")]
    Signals(#[source] std::io::Error),
    #[error("asking for the Lease {0}")]
    Lease(String, #[source] kube_lease_manager::LeaseManagerError),
    #[error("the Lease is held by another operator now; this one starts anew")]
    Deposed,
    #[error("reading {0}")]
    Read(String, #[source] std::io::Error),
    #[error("{0}")]
    Render(String, #[source] render::Error),
    #[error("writing the Job")]
    Write(#[source] std::io::Error),
}

/// The exit code for a task that the operator would make no Job of.
const REFUSED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let Invocation { settings, render } = Invocation::parse();
    if let Some(file) = render {
        return show_job(&file, &settings);
    }
    log(&settings);
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&error), "the operator cannot work");
            ExitCode::FAILURE
        }
    }
}

fn show_job(file: &Path, settings: &Settings) -> ExitCode {
    let Err(error) = try_show_job(file, settings) else { return ExitCode::SUCCESS };
    eprintln!("{}", chain(&error));
    match error {
        Error::Render(_, render::Error::Refused(_)) => ExitCode::from(REFUSED),
        _ => ExitCode::FAILURE,
    }
}

fn try_show_job(file: &Path, settings: &Settings) -> Result<(), Error> {
    let (name, text) = if file == Path::new("-") {
        ("standard input".to_owned(), std::io::read_to_string(std::io::stdin()))
    } else {
        (file.display().to_string(), std::fs::read_to_string(file))
    };
    let text = text.map_err(|error| Error::Read(name.clone(), error))?;
    let job = render::render(&text, settings, Timestamp::now())
        .map_err(|error| Error::Render(name, error))?;
    std::io::stdout().write_all(job.as_bytes()).map_err(Error::Write)
}

/// Resolves when the process is asked to end.
type Stop = Shared<BoxFuture<'static, ()>>;

async fn run(settings: Settings) -> Result<(), Error> {
    let stop = stop()?;
    let client = Client::try_default().await.map_err(Error::Client)?;
    let readiness = Readiness::default();
    let address = settings.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|error| Error::Listen(address, error))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "operator starts");
    let endpoints =
        axum::serve(listener, router(readiness.clone())).with_graceful_shutdown(stop.clone());
    let endpoints = tokio::spawn(endpoints.into_future());
    let done = if let Some(lease) = settings.lease.clone() {
        work_as_leader(client, settings, lease, readiness, stop).await
    } else {
        controller::run(client, settings, readiness, stop).await;
        Ok(())
    };
    endpoints.abort();
    done
}

async fn work_as_leader(
    client: Client,
    settings: Settings,
    lease: String,
    readiness: Readiness,
    stop: Stop,
) -> Result<(), Error> {
    let seconds = settings.lease_duration.as_secs().unsigned_abs();
    let candidacy = Candidacy::stand(client.clone(), &lease, &settings.identity, seconds)
        .await
        .map_err(|error| Error::Lease(lease, error))?;
    readiness.set_standing_by();
    tracing::info!("stands by");
    let won = tokio::select! {
        won = candidacy.won() => won,
        () = stop.clone() => {
            candidacy.resign().await;
            return Ok(());
        }
    };
    if !won {
        return Err(Error::Deposed);
    }
    readiness.set_starting();
    let ended = futures::future::select(stop.clone(), candidacy.lost().boxed()).map(drop);
    controller::run(client, settings, readiness, ended).await;
    candidacy.resign().await;
    // A process that was asked to end has ended well; one that lost the Lease has caches that
    // nobody needs.
    if stop.now_or_never().is_some() { Ok(()) } else { Err(Error::Deposed) }
}

fn stop() -> Result<Stop, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: passes under way are finished");
    };
    Ok(stop.boxed().shared())
}

fn log(settings: &Settings) {
    let filter = EnvFilter::new(&settings.log);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
