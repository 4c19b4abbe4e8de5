//! The git server of the tests as a program; `e2e::git_server` is all of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};
use e2e::git_server::ssh::{Session, Ssh};
use e2e::git_server::{Accounts, Settings, open, proxy, router};
use e2e::listen;
use e2e::tls::Tls;
use tokio::net::TcpListener;

/// Serves bare repositories over HTTP with accounts, for tests; if wanted over https and ssh too,
/// with a forward proxy beside.
#[derive(Parser)]
#[command(subcommand_negates_reqs = true)]
struct Args {
    /// Address to listen on.
    #[arg(long, env = "GIT_SERVER_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Existing, writable directory for the repositories.
    #[arg(long, env = "GIT_SERVER_ROOT", required = true)]
    root: Option<PathBuf>,
    /// JSON file with the accounts: `[{"name": …, "password" or "token": …, "access": …}]`.
    #[arg(long, env = "GIT_SERVER_ACCOUNTS", required = true)]
    accounts: Option<PathBuf>,
    /// Address of the forward proxy.
    #[arg(long)]
    proxy_listen: Option<SocketAddr>,
    #[command(flatten)]
    tls: Tls,
    #[command(flatten)]
    ssh: Ssh,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves one session of the ssh server
    Session(Session),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::Session(session)) = &args.command {
        // The client reads these words, and no others.
        let Err(why) = session.serve();
        eprintln!("{why:#}");
        std::process::exit(1);
    }
    let (root, accounts) = args.root.clone().zip(args.accounts.clone()).context("no root")?;
    let settings = Settings { root: root.clone(), accounts: read(&accounts)? };
    let state = open(settings)?;
    if let Some(address) = args.proxy_listen {
        let listener = TcpListener::bind(address).await.context("listening as a proxy")?;
        tokio::spawn(proxy::serve(listener, Arc::clone(&state)));
    }
    let router = router(state);
    args.tls.serve(router.clone()).await?;
    let mut sshd = args.ssh.start(&root)?;
    let served = listen::serve("git-server", args.listen, router).await;
    end(sshd.as_mut());
    served
}

fn read(file: &Path) -> anyhow::Result<Accounts> {
    let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", file.display()))
}

fn end(child: Option<&mut Child>) {
    if let Some(child) = child {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}
