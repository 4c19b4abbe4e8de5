//! The Pod of an attempt: five phases and a saver in the order of the design, each with exactly
//! the volumes and the credential that it may see.
//!
//! It passes Pod Security `restricted` by construction. Not here: labels, owner and Job settings
//! ([`crate::job`]), what the containers do (the runner).

use crd::mounts::{self, home, is_agent, tmp};
use crd::names;
use crd::{ClaudeTask, Phase};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, DownwardAPIVolumeFile, DownwardAPIVolumeSource,
    EmptyDirVolumeSource, EnvFromSource, EnvVar, KeyToPath, ObjectFieldSelector,
    PodSecurityContext, PodSpec, SeccompProfile, SecretEnvSource, SecretVolumeSource,
    SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::config::{Settings, TrustBundle};
use crate::resources;

/// Where the runner lies in its image.
const RUNNER: &str = "/usr/local/bin/runner";

/// Mode of the files of the git Secret; with an fsGroup the kubelet adds read for the group.
const SECRET_MODE: i32 = 0o400;

/// The Pod's spec; `document` is the encoded task document, `seconds` the time that is left.
pub fn build(task: &ClaudeTask, document: &str, seconds: i64, settings: &Settings) -> PodSpec {
    let container = |name: &str| container(name, task, document, settings);
    let mut init = vec![
        container(Phase::Clone.container()),
        Container { restart_policy: Some("Always".to_owned()), ..container(names::SAVE_CONTAINER) },
    ];
    init.extend(
        [Phase::Run, Phase::Rebase, Phase::ConflictResolution]
            .map(|phase| container(phase.container())),
    );
    PodSpec {
        init_containers: Some(init),
        containers: vec![container(Phase::Push.container())],
        volumes: Some(volumes(task, settings)),
        restart_policy: Some("Never".to_owned()),
        // The Job-level deadline would delete the Pod together with its messages and logs.
        active_deadline_seconds: Some(seconds),
        termination_grace_period_seconds: Some(settings.grace_period.as_secs()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(pod_security(settings)),
        ..PodSpec::default()
    }
}

fn container(name: &str, task: &ClaudeTask, document: &str, settings: &Settings) -> Container {
    let agent = is_agent(name);
    let resources = if agent {
        resources::of_agent(task.spec.environment.resources.as_ref(), &settings.agent_resources)
    } else {
        resources::requirements(&settings.git_resources)
    };
    Container {
        name: name.to_owned(),
        image: Some(settings.runner_image.clone()),
        image_pull_policy: Some(settings.runner_pull_policy.clone()),
        command: Some(vec![RUNNER.to_owned(), name.to_owned()]),
        env: Some(environment(agent, task, document, settings)),
        env_from: agent.then(|| model_secret(task)).flatten(),
        volume_mounts: Some(mounts(name, task, settings)),
        resources: Some(resources),
        security_context: Some(container_security()),
        termination_message_path: Some(names::TERMINATION_LOG.to_owned()),
        // Never the log's tail: it may hold anything.
        termination_message_policy: Some("File".to_owned()),
        ..Container::default()
    }
}

fn environment(agent: bool, task: &ClaudeTask, document: &str, settings: &Settings) -> Vec<EnvVar> {
    let mut environment = vec![
        variable("HOME", names::HOME_PATH),
        variable("TMPDIR", names::TMP_PATH),
        variable(names::ENV_DOCUMENT, document),
    ];
    if agent {
        environment.push(variable(names::ENV_PROMPT, &task.spec.prompt));
        // A variable beats the same key of a Secret, and a task's key is for the task's address.
        if let (Some(url), None) = (&settings.model_base_url, &task.spec.claude.credentials_secret)
        {
            environment.push(variable("ANTHROPIC_BASE_URL", url));
        }
    }
    environment
}

/// A variable with exactly this value: the kubelet reads `$(NAME)` as a reference and `$$` as `$`
/// (Kubernetes, "Define Dependent Environment Variables").
fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.replace('$', "$$")), value_from: None }
}

fn model_secret(task: &ClaudeTask) -> Option<Vec<EnvFromSource>> {
    let secret = task.spec.claude.credentials_secret.as_ref()?;
    Some(vec![EnvFromSource {
        secret_ref: Some(SecretEnvSource { name: secret.name.clone(), optional: Some(false) }),
        ..EnvFromSource::default()
    }])
}

fn mounts(container: &str, task: &ClaudeTask, settings: &Settings) -> Vec<VolumeMount> {
    let mount = |volume: &str, path: &str, read_only: bool| VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let sight = mounts::shared(container);
    let mut mounts: Vec<_> = sight.writes.iter().map(|m| mount(m.volume, m.path, false)).collect();
    mounts.extend(sight.reads.iter().map(|m| mount(m.volume, m.path, true)));
    if !is_agent(container) && task.spec.repository.credentials_secret.is_some() {
        mounts.push(mount(names::GIT_CREDENTIALS.volume, names::GIT_CREDENTIALS.path, true));
    }
    if !settings.trust_bundle.config_map.is_empty() {
        mounts.push(mount(names::TRUST_BUNDLE.volume, names::TRUST_BUNDLE.path, true));
    }
    mounts.push(mount(names::STOP.volume, names::STOP.path, true));
    mounts.push(mount(&home(container), names::HOME_PATH, false));
    mounts.push(mount(&tmp(container), names::TMP_PATH, false));
    mounts
}

fn volumes(task: &ClaudeTask, settings: &Settings) -> Vec<Volume> {
    let shared = [
        (names::REPO, &settings.repository_size),
        (names::WORKSPACE, &settings.workspace_size),
        (names::PLAN, &settings.scratch_size),
        (names::HANDOFF, &settings.scratch_size),
        (names::SESSION, &settings.scratch_size),
        (names::SAVER, &settings.scratch_size),
    ];
    let mut volumes: Vec<_> =
        shared.into_iter().map(|(mount, size)| empty_dir(mount.volume, size)).collect();
    if let Some(secret) = &task.spec.repository.credentials_secret {
        volumes.push(Volume {
            name: names::GIT_CREDENTIALS.volume.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret.name.clone()),
                default_mode: Some(SECRET_MODE),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    volumes.extend(trust_bundle(&settings.trust_bundle));
    volumes.push(stop());
    for container in mounts::containers() {
        volumes.push(empty_dir(&home(container), &settings.scratch_size));
        volumes.push(empty_dir(&tmp(container), &settings.scratch_size));
    }
    volumes
}

/// One key under a fixed name. A ConfigMap or key that is missing keeps the Pod from starting: with
/// fewer certificates than the cluster's administrator set, it would fail later and for no reason
/// that anybody could see.
fn trust_bundle(bundle: &TrustBundle) -> Option<Volume> {
    let item = KeyToPath {
        key: bundle.key.clone(),
        path: names::TRUST_BUNDLE_FILE.to_owned(),
        mode: None,
    };
    (!bundle.config_map.is_empty()).then(|| Volume {
        name: names::TRUST_BUNDLE.volume.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: bundle.config_map.clone(),
            items: Some(vec![item]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    })
}

/// The annotation that asks the Pod to stop, as a file that the kubelet keeps up to date.
fn stop() -> Volume {
    let item = DownwardAPIVolumeFile {
        path: names::STOP_FILE.to_owned(),
        field_ref: Some(ObjectFieldSelector {
            field_path: format!("metadata.annotations['{}']", names::ANNOTATION_STOP),
            ..ObjectFieldSelector::default()
        }),
        ..DownwardAPIVolumeFile::default()
    };
    Volume {
        name: names::STOP.volume.to_owned(),
        downward_api: Some(DownwardAPIVolumeSource {
            items: Some(vec![item]),
            ..DownwardAPIVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn empty_dir(name: &str, size: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(size.to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn pod_security(settings: &Settings) -> PodSecurityContext {
    let id = settings.fixed_ids.then_some(i64::from(names::RUN_AS));
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: id,
        run_as_group: id,
        fs_group: id,
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        ..SecurityContext::default()
    }
}
