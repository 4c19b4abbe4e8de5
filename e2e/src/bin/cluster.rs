//! Starts, shows and ends the test cluster, and works with it.
//!
//! Not here: what a cluster consists of ([`e2e::cluster`]).

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use e2e::cluster::layout::{Layout, kubeconfig_copy};
use e2e::cluster::own::{self, Health};
use e2e::cluster::{Cluster, Progress, Target, second};

/// A real one-node Kubernetes for tests, on Debian without Docker.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start the cluster, or find it running
    Up,
    /// End the cluster and remove all of it, whoever uses it
    Down,
    /// Say whether it runs, and how to use it
    Status,
    /// Build the product's images, as far as they changed, and load them
    Images {
        /// Take the programs as cargo last built them
        #[arg(long)]
        prebuilt: bool,
    },
    /// Start the second node, to which lethal things may be done, or find it running
    Second,
    /// Run kubectl for the cluster
    #[command(disable_help_flag = true)]
    Kubectl {
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().action) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: Action) -> Result<ExitCode> {
    let progress = Progress::to_stderr();
    match action {
        Action::Up => {
            Cluster::up(&Target::Own, &progress)?;
            explain(&Layout::from_env()?);
        }
        Action::Down => own::down(&Layout::from_env()?, &progress)?,
        Action::Status => return status(),
        Action::Images { prebuilt } => {
            Cluster::up(&Target::Own, &progress)?.load_images(prebuilt, &progress)?;
        }
        Action::Second => second(&progress)?,
        Action::Kubectl { arguments } => {
            return Err(own::kubectl(&Layout::from_env()?).args(arguments).exec().into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn second(progress: &Progress) -> Result<()> {
    let node = Cluster::up(&Target::Own, progress)?.second_node(progress)?;
    println!("{} is ready; its runtime and kubelet hold {} MiB", second::NAME, node.memory());
    Ok(())
}

fn status() -> Result<ExitCode> {
    let layout = Layout::from_env()?;
    let health = own::health(&layout);
    match health {
        Health::Well => explain(&layout),
        Health::Broken => println!("broken: `up` starts it anew, `down` removes it"),
        Health::Absent => println!("not running"),
    }
    Ok(if health == Health::Well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn explain(layout: &Layout) {
    println!("The cluster runs. To work with it:");
    println!("  export KUBECONFIG={}", kubeconfig_copy().display());
    println!("  export PATH={}:$PATH", layout.bin().display());
    println!("Its logs are in {}", layout.component_logs().display());
}
