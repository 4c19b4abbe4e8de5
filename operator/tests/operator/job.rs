//! The rendered Job: as reviewed, and never less restricted than Pod Security `restricted`.

use std::path::Path;

use clap::Parser;
use crd::{ClaudeTask, Phase, TaskDocument, names};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};
use operator::config::Settings;
use operator::job::{Refused, build, name};
use serde_json::json;

use crate::sample::{UID, at, settings, task, task_json};

fn rendered() -> Job {
    build(&task(), 1, &settings(), at(3600), at(0)).unwrap()
}

fn pod(job: Job) -> PodSpec {
    job.spec.unwrap().template.spec.unwrap()
}

fn containers(pod: &PodSpec) -> Vec<&Container> {
    pod.init_containers.iter().flatten().chain(&pod.containers).collect()
}

#[test]
fn the_rendered_job_is_the_reviewed_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/job.yaml");
    let now = serde_saphyr::to_string(&rendered()).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    let changed = reviewed.lines().zip(now.lines()).find(|(reviewed, now)| reviewed != now);
    assert_eq!(changed, None, "review the change, then run with UPDATE=1");
    assert_eq!(reviewed.len(), now.len(), "review the change, then run with UPDATE=1");
}

#[test]
fn names_fit_and_differ_by_task_and_attempt() {
    assert_eq!(name("login", UID, 1), "login-0b5e8a5e-1");
    let long = name(&"a".repeat(63), UID, 12);
    assert_eq!(long.len(), 63);
    assert!(long.ends_with("-0b5e8a5e-12"), "{long}");
    let cut = name(&format!("{}-b", "a".repeat(51)), UID, 1);
    assert!(!cut.contains("--"), "{cut}");
    assert_ne!(name("x", UID, 1), name("x", UID, 2));
}

#[test]
fn the_pod_is_restricted_by_construction() {
    let pod = pod(rendered());
    assert_eq!(pod.automount_service_account_token, Some(false));
    assert_eq!(pod.enable_service_links, Some(false));
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!(security.run_as_non_root, Some(true));
    assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    assert_eq!((security.run_as_user, security.fs_group), (Some(10001), Some(10001)));
    assert!(pod.host_network.is_none() && pod.host_pid.is_none() && pod.host_ipc.is_none());
    for volume in pod.volumes.iter().flatten() {
        let sized = volume.empty_dir.as_ref().is_some_and(|dir| dir.size_limit.is_some());
        let given = volume.secret.is_some() || volume.downward_api.is_some();
        assert!(sized || given, "{}", volume.name);
    }
    for container in containers(&pod) {
        let own = container.security_context.as_ref().unwrap();
        assert_eq!(own.allow_privilege_escalation, Some(false), "{}", container.name);
        assert_eq!(own.read_only_root_filesystem, Some(true), "{}", container.name);
        let dropped = own.capabilities.as_ref().unwrap();
        assert_eq!((dropped.drop.clone(), &dropped.add), (Some(vec!["ALL".to_owned()]), &None));
        let resources = container.resources.as_ref().unwrap();
        for amounts in [resources.requests.as_ref(), resources.limits.as_ref()] {
            let named: Vec<_> = amounts.unwrap().keys().collect();
            assert_eq!(named, ["cpu", "memory"], "{}", container.name);
        }
    }
}

#[test]
fn no_container_sees_both_credentials() {
    let pod = pod(rendered());
    for container in containers(&pod) {
        let mounts = container.volume_mounts.as_ref().unwrap();
        let git = mounts.iter().any(|mount| mount.name == names::GIT_CREDENTIALS.volume);
        let model = container.env_from.is_some();
        let prompt = container.env.iter().flatten().any(|v| v.name == names::ENV_PROMPT);
        let agent = Phase::of_container(&container.name).is_some_and(Phase::is_agent);
        assert_eq!((git, model, prompt), (!agent, agent, agent), "{}", container.name);
    }
}

#[test]
fn no_git_container_but_clone_sees_the_workspace_and_what_they_read_is_read_only() {
    let pod = pod(rendered());
    for container in containers(&pod) {
        let mounts = container.volume_mounts.as_ref().unwrap();
        let agent = Phase::of_container(&container.name).is_some_and(Phase::is_agent);
        let sees = |volume: &str| mounts.iter().find(|mount| mount.name == volume);
        let workspace = sees(names::WORKSPACE.volume).is_some();
        assert_eq!(workspace, agent || container.name == "clone", "{}", container.name);
        let read_only = |volume| sees(volume).is_none_or(|mount| mount.read_only == Some(true));
        if agent {
            assert!(read_only(names::REPO.volume) && read_only(names::PLAN.volume));
        } else {
            assert!(read_only(names::HANDOFF.volume), "{}", container.name);
            assert!(sees(names::SESSION.volume).is_none(), "{}", container.name);
        }
        for own in ["home", "tmp"] {
            let volumes: Vec<_> =
                mounts.iter().filter(|mount| mount.name.starts_with(&format!("{own}-"))).collect();
            assert_eq!(volumes.len(), 1);
            assert_eq!(volumes[0].name, format!("{own}-{}", container.name), "never shared");
        }
    }
}

#[test]
fn texts_reach_the_containers_as_they_were_written() {
    let mut odd = task_json();
    odd["spec"]["prompt"] = json!("cost $$5, keep $(HOME) and ${PATH}");
    odd["spec"]["verify"] = json!(["echo $(HOME) $$"]);
    let odd: ClaudeTask = serde_json::from_value(odd).unwrap();
    let pod = pod(build(&odd, 1, &settings(), at(3600), at(0)).unwrap());
    let run = containers(&pod).into_iter().find(|container| container.name == "run").unwrap();
    let value = |name: &str| {
        let variable = run.env.iter().flatten().find(|variable| variable.name == name).unwrap();
        // The kubelet replaces `$$` by `$` and leaves it at that (`third_party/forked/golang/expansion`).
        variable.value.as_ref().unwrap().replace("$$", "$")
    };
    assert_eq!(value(names::ENV_PROMPT), odd.spec.prompt);
    let document: TaskDocument = serde_json::from_str(&value(names::ENV_DOCUMENT)).unwrap();
    assert_eq!(document.verify, odd.spec.verify);
    assert_eq!(document.not_after, at(3600));
}

#[test]
fn ids_can_be_left_to_the_cluster() {
    let settings = Settings::parse_from(["operator", "--runner-image=r", "--fixed-ids=false"]);
    let security =
        pod(build(&task(), 1, &settings, at(3600), at(0)).unwrap()).security_context.unwrap();
    assert_eq!(
        (security.run_as_user, security.run_as_group, security.fs_group),
        (None, None, None)
    );
    assert_eq!(security.run_as_non_root, Some(true));
}

#[test]
fn the_operators_model_address_is_for_tasks_without_a_secret() {
    let settings =
        Settings::parse_from(["operator", "--runner-image=r", "--model-base-url=http://gateway"]);
    let address = |task: &ClaudeTask| {
        let pod = pod(build(task, 1, &settings, at(3600), at(0)).unwrap());
        containers(&pod)
            .into_iter()
            .flat_map(|container| container.env.iter().flatten())
            .filter(|variable| variable.name == "ANTHROPIC_BASE_URL")
            .count()
    };
    let mut without = task();
    without.spec.claude.credentials_secret = None;
    assert_eq!((address(&task()), address(&without)), (0, 2));
}

#[test]
fn a_task_too_large_for_its_variable_is_refused_with_the_field() {
    let mut large = task();
    large.spec.verify = vec!["x".repeat(60_000), "y".repeat(60_000)];
    let refused = build(&large, 1, &settings(), at(3600), at(0)).unwrap_err();
    assert!(matches!(refused, Refused::Document(_)));
    assert!(refused.to_string().contains("spec.verify"), "{refused}");
}

#[test]
fn every_container_trusts_the_installations_bundle_and_only_reads_it() {
    let bundle = r#"--trust-bundle={"configMap":"company","key":"bundle.pem"}"#;
    let settings = Settings::parse_from(["operator", "--runner-image=r", bundle]);
    let pod = pod(build(&task(), 1, &settings, at(3600), at(0)).unwrap());
    let volume = |volume: &&Volume| volume.name == names::TRUST_BUNDLE.volume;
    let source = pod.volumes.iter().flatten().find(volume).unwrap().config_map.clone().unwrap();
    let item = &source.items.unwrap()[0];
    assert_eq!((source.name.as_str(), source.optional), ("company", None));
    assert_eq!((item.key.as_str(), item.path.as_str()), ("bundle.pem", names::TRUST_BUNDLE_FILE));
    for container in containers(&pod) {
        let mounts = container.volume_mounts.as_ref().unwrap();
        let mount = mounts.iter().find(|mount| mount.name == names::TRUST_BUNDLE.volume).unwrap();
        assert_eq!(
            (mount.mount_path.as_str(), mount.read_only),
            (names::TRUST_BUNDLE.path, Some(true))
        );
    }
    let without = self::pod(rendered());
    assert!(without.volumes.iter().flatten().find(volume).is_none());
}

#[test]
fn the_operators_proxies_reach_the_runner() {
    let proxy = r#"--proxy={"https":"http://proxy:3128","none":".svc"}"#;
    let settings = Settings::parse_from(["operator", "--runner-image=r", proxy]);
    let pod = pod(build(&task(), 1, &settings, at(3600), at(0)).unwrap());
    for container in containers(&pod) {
        let document = container.env.iter().flatten().find(|v| v.name == names::ENV_DOCUMENT);
        let document: TaskDocument =
            serde_json::from_str(document.unwrap().value.as_ref().unwrap()).unwrap();
        assert_eq!(document.settings.proxy, settings.proxy, "{}", container.name);
    }
}
