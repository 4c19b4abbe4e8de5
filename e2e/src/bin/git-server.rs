//! The git server of the tests as a program; `e2e::git_server` is all of it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use e2e::git_server::{Accounts, Settings, router};
use e2e::listen;

/// Serves bare repositories over HTTP with accounts, for tests.
#[derive(Parser)]
struct Args {
    /// Address to listen on.
    #[arg(long, env = "GIT_SERVER_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Existing, writable directory for the repositories.
    #[arg(long, env = "GIT_SERVER_ROOT")]
    root: PathBuf,
    /// JSON file with the accounts: `[{"name": …, "password" or "token": …, "access": …}]`.
    #[arg(long, env = "GIT_SERVER_ACCOUNTS")]
    accounts: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let text = std::fs::read(&args.accounts)
        .with_context(|| format!("reading {}", args.accounts.display()))?;
    let accounts: Accounts = serde_json::from_slice(&text)
        .with_context(|| format!("reading {}", args.accounts.display()))?;
    listen::serve("git-server", args.listen, router(Settings { root: args.root, accounts })?).await
}
