//! The scripted Messages API as a program; `e2e::model_server` is all of it.

use std::net::SocketAddr;

use clap::Parser;
use e2e::listen;
use e2e::model_server::{Settings, router};
use e2e::tls::Tls;

/// Serves a scripted Messages API for tests.
#[derive(Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, env = "MODEL_SERVER_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Password of the admin interface, whose user is `admin`.
    #[arg(long, env = "MODEL_SERVER_ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: String,
    /// The only API key or bearer token that is let in; any when absent.
    #[arg(long, env = "MODEL_SERVER_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    #[command(flatten)]
    tls: Tls,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let settings = Settings { admin_password: args.admin_password, api_key: args.api_key };
    let router = router(settings);
    args.tls.serve(router.clone()).await?;
    listen::serve("model-server", args.listen, router).await
}
