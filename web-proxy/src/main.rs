//! The program: settings, log, listener, signals; the rest is the library.
//!
//! Not here: anything about tasks.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use crd::errors::chain;
use kube::Config;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use web_proxy::access::Access;
use web_proxy::apiserver::Apiserver;
use web_proxy::app::App;
use web_proxy::config::{LogFormat, Settings, Unclear};
use web_proxy::identity::session::{Sessions, Store};
use web_proxy::identity::{Gate, Way};
use web_proxy::logs::ear::Ears;
use web_proxy::logs::{Limits, Logs};
use web_proxy::patience::{PatientListener, Peer};
use web_proxy::rate::Rate;
use web_proxy::server::router;
use web_proxy::streams::Streams;
use web_proxy::tasks::{self, Tasks};

/// Why there are no pages.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("finding the apiserver: set KUBECONFIG, or run in a Pod with a service account")]
    Config(#[from] kube::config::InferConfigError),
    #[error("reaching the apiserver")]
    Client(#[source] kube::Error),
    #[error("listening on {0}")]
    Listen(std::net::SocketAddr, #[source] std::io::Error),
    #[error("who people are is not clear")]
    Unclear(#[from] Unclear),
    #[error("watching for signals")]
    Signals(#[source] std::io::Error),
    #[error("serving")]
    Serve(#[source] std::io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::from(std::env::args_os()).unwrap_or_else(|error| error.exit());
    log(&settings);
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&error), "the web cannot work");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), Error> {
    let apiserver = Apiserver::new(Config::infer().await?).map_err(Error::Client)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let way = settings.identities.way(&settings.public_url)?;
    let app = app(apiserver, way, &settings);
    let address = settings.listen;
    let listener =
        TcpListener::bind(address).await.map_err(|error| Error::Listen(address, error))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "web starts");
    let watch = tasks::keep(app.apiserver.own(), app.tasks.clone());
    let gate = Arc::clone(&app.gate);
    let routes = router(app, settings.bounds()).into_make_service_with_connect_info::<Peer>();
    let listener = PatientListener::new(listener, Limits::default().patience);
    let serve = axum::serve(listener, routes);
    tokio::select! {
        served = serve.into_future() => served.map_err(Error::Serve),
        () = watch => Ok(()),
        () = gate.sessions.keep() => Ok(()),
        // Open streams would keep it for ever; browsers come back to the next one.
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn app(apiserver: Apiserver, way: Way, settings: &Settings) -> App {
    let own = apiserver.own();
    let store = settings.sessions_secret.as_ref().zip(settings.namespace.as_ref());
    let store = store.map(|(secret, namespace)| Store::new(own.clone(), namespace, secret));
    let sessions = Sessions::new(settings.session_lifetime, settings.secure(), store);
    let gate = Gate::new(own.clone(), way, sessions);
    let logs = Logs::new(own.clone(), Limits::default());
    App {
        apiserver,
        tasks: Tasks::default(),
        gate: Arc::new(gate),
        ears: Ears::new(Arc::clone(&logs)),
        logs,
        access: Arc::new(Access::new(own)),
        streams: Arc::new(Streams::new(settings.streams_per_user)),
        rate: Arc::new(Rate::new(settings.requests_per_second, settings.request_burst)),
    }
}

fn log(settings: &Settings) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&settings.log))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
