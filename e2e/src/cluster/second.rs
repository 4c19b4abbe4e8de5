//! The second node of our own cluster: a runtime and a kubelet of its own on the same machine,
//! started on demand. Everything that is lethal to a node or to a Pod is done to this one.
//!
//! Ordinary Pods do not go there (it is tainted); those of a namespace with [`annotations`] do.
//! Whatever was done to it, [`SecondNode::revive`] makes it well again. Not here: what tells it from
//! the first ([`super::member`]).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::command::{capture, succeeds};
use super::component::{self, Component};
use super::layout::{Layout, built_programs};
use super::lock::ChangeLock;
use super::member::SECOND;
use super::own::{self, kubectl, node_is_ready, runs};
use super::pki::Pki;
use super::proc::{self, Identity};
use super::program::{self, Programs};
use super::progress::Progress;
use super::settings::{self, Pressure, TAINT};
use super::{address, build, claude, image, load, node, process, sweep};

/// Name of the node.
pub const NAME: &str = SECOND.name;

/// Annotations of a namespace whose Pods all go to the second node (admission plugins
/// `PodNodeSelector` and `PodTolerationRestriction`).
pub fn annotations() -> [(&'static str, String); 2] {
    let tolerations = json!([{"key": TAINT, "operator": "Exists"}]);
    [
        ("scheduler.alpha.kubernetes.io/node-selector", format!("kubernetes.io/hostname={NAME}")),
        ("scheduler.alpha.kubernetes.io/defaultTolerations", tolerations.to_string()),
    ]
}

/// The second node, which has been started.
#[derive(Clone, Debug)]
pub struct SecondNode {
    layout: Layout,
    programs: Programs,
}

impl SecondNode {
    /// Finds the node, well, or starts it; brings the task's image to it.
    pub fn up(layout: &Layout, progress: &Progress) -> Result<Self> {
        let _change = ChangeLock::take(layout, progress)?;
        let programs = program::build_all(layout, progress)?;
        let node = Self { layout: layout.clone(), programs };
        if !node.is_well() {
            sweep::one(&SECOND, layout)?;
            progress.step("Start the second node", "", || node.start(progress))?;
        }
        let products = image::products(&built_programs()?, &claude::fetch(layout, progress)?);
        for recipe in products.iter().filter(|recipe| recipe.name == "runner") {
            let archive = build::archive(recipe, layout, progress)?;
            load::into_own_node(&archive, &SECOND, layout, progress)?;
        }
        Ok(node)
    }

    /// True when both of its programs run and the node is ready.
    pub fn is_well(&self) -> bool {
        self.components().iter().all(|one| runs(one, &self.layout))
            && node_is_ready(NAME, &self.layout)
    }

    /// Kills the kubelet: the node falls silent, its containers run on.
    pub fn kill_kubelet(&self) -> Result<()> {
        let kubelet = process::recorded(&self.layout, SECOND.kubelet);
        process::end(kubelet.as_slice())
    }

    /// Starts the kubelet again, if it does not run, or with another idea of how much memory must
    /// be free; returns when the node is ready.
    pub fn start_kubelet(&self, pressure: Pressure) -> Result<()> {
        self.kill_kubelet()?;
        let [containerd, kubelet] = self.components();
        node::write_files_of(&SECOND, &self.layout, &self.pki(), pressure)?;
        process::start(&kubelet, &self.layout)?;
        own::wait(&[containerd, kubelet], &self.layout, "the second node to be ready", || {
            node_is_ready(NAME, &self.layout)
        })
    }

    /// Lets the network refuse every new sandbox; what runs goes on, and can be taken down.
    pub fn break_network(&self) -> Result<()> {
        let file = SECOND.state(&self.layout, "cni/10-pods.conflist");
        // No bridge can have so long a name; taking an interface away does not ask for it.
        let broken = settings::pod_network(&self.layout, &SECOND)
            .replace(address::BRIDGE, "longer-than-a-name-can-be");
        fs::write(&file, broken).with_context(|| format!("write {}", file.display()))
    }

    /// Makes the node well again, whatever was done to it.
    pub fn revive(&self) -> Result<()> {
        self.start_kubelet(Pressure::None)?;
        self.open()
    }

    /// Closes the node to new Pods and evicts those with these labels, as before its maintenance;
    /// returns when they are gone.
    pub fn drain(&self, labels: &str) -> Result<()> {
        let these = format!("--pod-selector={labels}");
        let drain = ["drain", NAME, &these, "--delete-emptydir-data", "--timeout=90s"];
        capture(kubectl(&self.layout).args(drain)).map(drop)
    }

    /// Opens the node to new Pods again.
    pub fn open(&self) -> Result<()> {
        capture(kubectl(&self.layout).args(["uncordon", NAME])).map(drop)
    }

    /// Deletes the node's object and kills its kubelet, as when a machine is given back.
    pub fn delete(&self) -> Result<()> {
        self.kill_kubelet()?;
        capture(kubectl(&self.layout).args(["delete", "node", NAME, "--wait=false"])).map(drop)
    }

    /// Kills the process that holds the sandbox of the Pod with this UID.
    pub fn kill_sandbox(&self, pod_uid: &str) -> Result<()> {
        let ours = format!(
            "labels.\"io.kubernetes.pod.uid\"=={pod_uid},labels.\"io.cri-containerd.kind\"==sandbox"
        );
        let list = ["containers", "list", "--quiet", &ours];
        let found = capture(load::ctr(&SECOND, &self.layout).args(list))?;
        let sandbox = found.lines().next().with_context(|| format!("no sandbox of {pod_uid}"))?;
        self.kill_container(sandbox)
    }

    /// Kills the main process of a container; the id may be as in a Pod's status.
    pub fn kill_container(&self, id: &str) -> Result<()> {
        let pid = self.main_process(id)?.pid;
        kill(Pid::from_raw(pid), Signal::SIGKILL).with_context(|| format!("kill {pid}"))
    }

    /// Makes the main process of a container the first that the kernel kills when the container's
    /// memory runs out (proc(5), `oom_score_adj`), whatever the others in it, and what they start
    /// from now on, hold.
    pub fn offer_to_the_kernel(&self, id: &str) -> Result<()> {
        let main = self.main_process(id)?.pid;
        for pid in proc::in_memory_group_of(main)? {
            let score = if pid == main { "1000" } else { "0" };
            let written = fs::write(format!("/proc/{pid}/oom_score_adj"), score);
            if pid == main {
                written.with_context(|| format!("offer process {pid}"))?;
            }
            // Another one may have ended in the meantime.
        }
        Ok(())
    }

    fn main_process(&self, id: &str) -> Result<Identity> {
        let id = id.rsplit('/').next().unwrap_or(id);
        let tasks = capture(load::ctr(&SECOND, &self.layout).args(["tasks", "list"]))?;
        let pid = task_pid(&tasks, id).with_context(|| format!("container {id} does not run"))?;
        Identity::of(pid).with_context(|| format!("process {pid} is gone"))
    }

    /// Memory that its own two programs hold, in MiB.
    pub fn memory(&self) -> u64 {
        let own = [SECOND.containerd, SECOND.kubelet];
        let found = own.iter().filter_map(|name| process::recorded(&self.layout, name));
        found.filter_map(|one| resident(one.pid)).sum()
    }

    fn start(&self, progress: &Progress) -> Result<()> {
        make_cgroups()?;
        node::write_files_of(&SECOND, &self.layout, &self.pki(), Pressure::None)?;
        let [containerd, _] = self.components();
        process::start(&containerd, &self.layout)?;
        own::wait(&[containerd], &self.layout, "the second containerd to answer", || {
            succeeds(load::ctr(&SECOND, &self.layout).arg("version"))
        })?;
        for recipe in image::system(&self.programs).iter().filter(|one| one.image == image::PAUSE) {
            let archive = build::archive(recipe, &self.layout, progress)?;
            load::into_own_node(&archive, &SECOND, &self.layout, progress)?;
        }
        // One of the same name that is left from an earlier kubelet would look ready at once.
        capture(kubectl(&self.layout).args(["delete", "node", NAME, "--ignore-not-found"]))?;
        self.start_kubelet(Pressure::None)
    }

    fn pki(&self) -> Pki {
        Pki::of(&self.layout)
    }

    fn components(&self) -> [Component; 2] {
        component::of_node(&SECOND, &self.programs.kubernetes, &self.layout, &self.pki())
    }
}

/// The kubelet wants its topmost cgroup to be there, in every hierarchy.
fn make_cgroups() -> Result<()> {
    let top = Path::new("/sys/fs/cgroup");
    let name = SECOND.cgroup.unwrap_or_default();
    let make = |path: &Path| {
        fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))
    };
    if top.join("cgroup.controllers").exists() {
        return make(&top.join(name));
    }
    for entry in fs::read_dir(top).context("read the cgroup hierarchies")?.flatten() {
        let hierarchy = entry.path();
        if hierarchy.join("cgroup.procs").exists() {
            make(&hierarchy.join(name))?;
        }
    }
    Ok(())
}

/// The process of a container, from ctr's table of tasks.
fn task_pid(table: &str, id: &str) -> Option<i32> {
    table.lines().find_map(|line| {
        let mut columns = line.split_whitespace();
        (columns.next() == Some(id)).then(|| columns.next()?.parse().ok())?
    })
}

/// Resident memory of a process in MiB (proc(5), `VmRSS`).
fn resident(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_process_is_read_from_the_table_of_tasks() {
        let table = "TASK    PID     STATUS\nabc    4711    RUNNING\nabcd    12    RUNNING\n";
        assert_eq!(task_pid(table, "abcd"), Some(12));
        assert_eq!(task_pid(table, "ab"), None);
    }

    #[test]
    fn pods_of_a_namespace_with_the_annotations_tolerate_the_nodes_taint() {
        let [selector, tolerations] = annotations();
        assert!(selector.1.ends_with(NAME));
        assert!(tolerations.1.contains(TAINT));
    }
}
