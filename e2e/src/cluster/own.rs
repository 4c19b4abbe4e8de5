//! The life of our own cluster: is it there and well, start it, end it.
//!
//! Not here: the parts that this is put together from.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::statvfs::statvfs;

use super::command::{capture, succeeds, wait_until};
use super::component::{self, Component};
use super::image::system;
use super::layout::Layout;
use super::lock::{ChangeLock, UseLock};
use super::member::FIRST;
use super::pki::Pki;
use super::program::{self, Programs};
use super::progress::Progress;
use super::{address, build, load, node, owner, package, proc, process, settings, sweep};

const NEEDED_DISK: u64 = 15 << 30;
const START_LIMIT: Duration = Duration::from_mins(2);

/// What a look at the machine finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Runs and answers.
    Well,
    /// Some of it is there, but not all, or it is of another make.
    Broken,
    /// Nothing of it is there.
    Absent,
}

/// Makes sure that the cluster runs and notes this program as its user.
pub fn up(layout: &Layout, progress: &Progress) -> Result<UseLock> {
    owner::check_root()?;
    let change = ChangeLock::take(layout, progress)?;
    check_machine(layout)?;
    package::install(layout, progress)?;
    let programs = program::build_all(layout, progress)?;
    match health(layout) {
        Health::Well => {
            progress.say(format!(
                "==> Using the cluster that runs already ({})",
                layout.cluster().display()
            ));
        }
        found => {
            if found == Health::Broken {
                refuse_if_used(layout, &change)?;
                progress.step("Remove what an earlier cluster left", "", || sweep::all(layout))?;
            }
            progress.step("Start Kubernetes", "about half a minute", || {
                start(&programs, layout, progress)
            })?;
        }
    }
    owner::copy_kubeconfig(layout)?;
    UseLock::take(layout)
}

/// Ends the cluster and removes all of it but the cache of built things.
pub fn down(layout: &Layout, progress: &Progress) -> Result<()> {
    owner::check_root()?;
    let _change = ChangeLock::take(layout, progress)?;
    progress.step("End the cluster", "", || sweep::all(layout))?;
    owner::remove_kubeconfig()
}

/// Ends the cluster, unless some other program uses it too.
pub fn leave(used: UseLock, layout: &Layout, progress: &Progress) -> Result<()> {
    let change = ChangeLock::take(layout, progress)?;
    if !used.was_last(&change)? {
        progress.say("==> The cluster stays up: another program uses it");
        return Ok(());
    }
    progress.step("End the cluster", "", || sweep::all(layout))?;
    owner::remove_kubeconfig()
}

/// Whether the cluster of this cache directory runs, is of this program's make, and answers.
pub fn health(layout: &Layout) -> Health {
    if !layout.cluster().exists() {
        let bridge = Path::new("/sys/class/net").join(address::BRIDGE);
        return if bridge.exists() { Health::Broken } else { Health::Absent };
    }
    let same_make = fs::read_to_string(layout.state("fingerprint"))
        .is_ok_and(|found| found == settings::fingerprint(layout));
    let pki = Pki::of(layout);
    let all_run = component::all(Path::new(""), layout, &pki).iter().all(|one| runs(one, layout));
    let well = same_make && all_run && answers(layout) && node_is_ready(FIRST.name, layout);
    if well { Health::Well } else { Health::Broken }
}

fn check_machine(layout: &Layout) -> Result<()> {
    node::check_bridge_is_ours(layout)?;
    if let Some(program) = proc::foreign_kubelet(&proc::command_lines(), &layout.cluster()) {
        bail!(
            "{program} runs on this machine, and two nodes on one do not go well; use --cluster current"
        );
    }
    if layout.cluster().exists() {
        return Ok(());
    }
    let disk = statvfs(layout.cache()).context("look at the free disk space")?;
    let free = disk.blocks_available() * disk.fragment_size();
    ensure!(
        free >= NEEDED_DISK,
        "{} has {} GiB free; building and running a cluster needs {}",
        layout.cache().display(),
        free >> 30,
        NEEDED_DISK >> 30
    );
    Ok(())
}

fn refuse_if_used(layout: &Layout, change: &ChangeLock) -> Result<()> {
    let used = !UseLock::take(layout)?.was_last(change)?;
    let running =
        process::all_recorded(layout).iter().all(|one| one.is_running()) && answers(layout);
    ensure!(
        !(used && running),
        "the running cluster was made by another version of this program, which still uses it; wait \
         for that to end"
    );
    Ok(())
}

fn start(programs: &Programs, layout: &Layout, progress: &Progress) -> Result<()> {
    let pki = Pki::of(layout);
    let servers = node::name_servers();
    node::write_files(layout, &pki, &servers)?;
    pki.create()?;
    node::connect(layout)?;
    let components = component::all(&programs.kubernetes, layout, &pki);
    let (runtime_and_api, others) = components.split_at(3);
    for component in runtime_and_api {
        process::start(component, layout)?;
    }
    wait(runtime_and_api, layout, "containerd to answer", || {
        succeeds(load::ctr(&FIRST, layout).arg("version"))
    })?;
    for recipe in system(programs) {
        let archive = build::archive(&recipe, layout, progress)?;
        load::into_own_node(&archive, &FIRST, layout, progress)?;
    }
    fs::copy(pki.kubeconfig("admin"), layout.kubeconfig()).context("copy the kubeconfig")?;
    wait(runtime_and_api, layout, "the apiserver", || answers(layout))?;
    for component in others {
        process::start(component, layout)?;
    }
    wait(&components, layout, "the node to be ready", || node_is_ready(FIRST.name, layout))?;
    let manifest = layout.state("coredns.yaml");
    fs::write(&manifest, settings::dns(&servers)).context("write the DNS manifest")?;
    capture(kubectl(layout).args(["apply", "--filename"]).arg(&manifest))?;
    wait(&components, layout, "DNS", || dns_is_ready(layout))?;
    wait(&components, layout, "the default service account", || {
        succeeds(kubectl(layout).args(["get", "serviceaccount", "default"]))
    })?;
    fs::write(layout.state("fingerprint"), settings::fingerprint(layout))
        .context("mark the cluster as complete")
}

/// Waits for a condition, but not when one of the components has ended.
pub fn wait(
    components: &[Component],
    layout: &Layout,
    what: &str,
    condition: impl Fn() -> bool,
) -> Result<()> {
    wait_until(what, START_LIMIT, || {
        if let Some(ended) = components.iter().find(|one| !runs(one, layout)) {
            bail!(process::failed(ended, layout));
        }
        Ok(condition())
    })
}

/// Whether the recorded process of this component runs.
pub fn runs(component: &Component, layout: &Layout) -> bool {
    process::recorded(layout, component.name).is_some_and(proc::Identity::is_running)
}

/// kubectl for the administrator of our own cluster.
pub fn kubectl(layout: &Layout) -> Command {
    let mut command = Command::new(layout.bin().join("kubectl"));
    command.env("KUBECONFIG", layout.kubeconfig());
    command
}

fn answers(layout: &Layout) -> bool {
    succeeds(kubectl(layout).args(["get", "--raw", "/readyz", "--request-timeout=3s"]))
}

/// Whether the node has registered and its kubelet tells that all is well with it.
pub fn node_is_ready(name: &str, layout: &Layout) -> bool {
    let query = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    let node = ["get", "node", name, "--request-timeout=3s", "--output", query];
    capture(kubectl(layout).args(node)).is_ok_and(|status| status == "True")
}

fn dns_is_ready(layout: &Layout) -> bool {
    let deployment = ["get", "deployment", "coredns", "--namespace=kube-system"];
    let query = ["--output", "jsonpath={.status.readyReplicas}"];
    capture(kubectl(layout).args(deployment).args(query)).is_ok_and(|ready| ready == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_living_processes_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path().to_path_buf());
        fs::create_dir_all(layout.pids()).unwrap();
        fs::write(layout.state("fingerprint"), settings::fingerprint(&layout)).unwrap();
        fs::write(layout.pids().join("etcd"), "1 0\n").unwrap();
        assert_eq!(health(&layout), Health::Broken);
    }
}
