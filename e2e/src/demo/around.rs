//! The commands to look around with while the demo stays up.
//!
//! Not here: running them.

use crd::ClaudeTask;

use super::files;
use super::plot::NAMESPACE;
use super::screen::Screen;
use super::stage::Stage;
use crate::cluster::layout::Layout;
use crate::parts;

/// Prints them.
pub fn tell(stage: &Stage, tasks: &[ClaudeTask], screen: &mut Screen) {
    screen.say("");
    screen.say("To look around, in another terminal:");
    for line in commands(stage, tasks) {
        screen.say(&format!("  {line}"));
    }
    screen.say("");
}

fn commands(stage: &Stage, tasks: &[ClaudeTask]) -> Vec<String> {
    let mut lines = Vec::new();
    let kubeconfig = files::shown(&stage.cluster.kubeconfig());
    lines.push(format!("export KUBECONFIG={kubeconfig}"));
    if let (None, Ok(layout)) = (stage.cluster.context(), Layout::from_env()) {
        lines.push(format!("export PATH={}:$PATH", layout.bin().display()));
    }
    lines.push(format!("kubectl get claudetasks -n {NAMESPACE} -o wide"));
    let last = tasks.last();
    if let Some(name) = last.and_then(|task| task.metadata.name.as_deref()) {
        lines.push(format!("kubectl describe claudetask -n {NAMESPACE} {name}"));
    }
    if let Some(pod) = last.and_then(|task| task.status.as_ref()?.pod_name.as_deref()) {
        lines.push(format!("kubectl logs -n {NAMESPACE} {pod} -c run"));
    }
    let (user, password) = parts::COLLEAGUE;
    let url = stage.remote.url.replacen("://", &format!("://{user}:{password}@"), 1);
    lines.push(format!("git clone {url}"));
    lines
}
