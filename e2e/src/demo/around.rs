//! The commands to look around with while the demo stays up.
//!
//! Not here: running them.

use crd::{ClaudeTask, Phase};

use super::plot::NAMESPACE;
use super::stage::Stage;
use crate::cluster::Progress;
use crate::cluster::layout::Layout;
use crate::parts;

/// Prints them.
pub fn tell(stage: &Stage, tasks: &[ClaudeTask], progress: &Progress) {
    progress.say("");
    progress.say("To look around, in another terminal:");
    for line in commands(stage, tasks) {
        progress.say(format!("  {line}"));
    }
    progress.say("");
    stage.web.invitation().into_iter().for_each(|line| progress.say(line));
    progress.say("");
}

fn commands(stage: &Stage, tasks: &[ClaudeTask]) -> Vec<String> {
    let kubeconfig = stage.cluster.kubeconfig();
    let mut lines = vec![format!("export KUBECONFIG={}", kubeconfig.display())];
    if let (None, Ok(layout)) = (stage.cluster.context(), Layout::from_env()) {
        lines.push(format!("export PATH={}:$PATH", layout.bin().display()));
    }
    lines.push(format!("kubectl get claudetasks -n {NAMESPACE} -o wide"));
    let last = tasks.last();
    if let Some(name) = last.and_then(|task| task.metadata.name.as_deref()) {
        lines.push(format!("kubectl describe claudetask -n {NAMESPACE} {name}"));
    }
    if let Some(pod) = last.and_then(|task| task.status.as_ref()?.pod_name.as_deref()) {
        for phase in Phase::ALL.into_iter().filter(|phase| phase.is_agent()) {
            lines.push(format!("kubectl logs -n {NAMESPACE} {pod} -c {}", phase.container()));
        }
    }
    let (user, password) = parts::COLLEAGUE;
    let url = stage.remote.url.replacen("://", &format!("://{user}:{password}@"), 1);
    lines.push(format!("git clone {url}"));
    lines
}
