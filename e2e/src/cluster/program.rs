//! The programs that are built from Go modules, once for each version.
//!
//! Not here: the Go compiler itself ([`super::package`]).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::command::logged;
use super::layout::Layout;
use super::progress::Progress;
use super::version;

/// Where a program's source comes from.
enum Source {
    /// A command in a published module.
    Published(&'static str),
    /// Files of this repository, which name the modules that they need.
    Files(&'static [(&'static str, &'static str)]),
}

/// One program, built without cgo so that it runs in an empty image.
struct Program {
    name: &'static str,
    version: &'static str,
    expect: &'static str,
    source: Source,
    /// Further names that the program answers to.
    links: &'static [&'static str],
}

const KUBERNETES: Program = Program {
    name: "kubernetes",
    version: version::KUBERNETES,
    expect: "the first time about 7 minutes",
    source: Source::Files(&[
        ("go.mod", include_str!("../../cluster/kube/go.mod")),
        ("go.sum", include_str!("../../cluster/kube/go.sum")),
        ("main.go", include_str!("../../cluster/kube/main.go")),
    ]),
    links: &[
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubectl",
        "kubelet",
    ],
};

const HELM: Program = Program {
    name: "helm",
    version: version::HELM,
    expect: "the first time about 3 minutes",
    source: Source::Published("helm.sh/helm/v4/cmd/helm"),
    links: &[],
};

const KUBECONFORM: Program = Program {
    name: "kubeconform",
    version: version::KUBECONFORM,
    expect: "the first time about 20 seconds",
    source: Source::Published("github.com/yannh/kubeconform/cmd/kubeconform"),
    links: &[],
};

const COREDNS: Program = Program {
    name: "coredns",
    version: version::COREDNS,
    expect: "the first time about 3 minutes",
    source: Source::Files(&[
        ("go.mod", include_str!("../../cluster/coredns/go.mod")),
        ("go.sum", include_str!("../../cluster/coredns/go.sum")),
        ("main.go", include_str!("../../cluster/coredns/main.go")),
    ]),
    links: &[],
};

const PAUSE: Program = Program {
    name: "pause",
    version: "1",
    expect: "a few seconds",
    source: Source::Files(&[
        ("go.mod", include_str!("../../cluster/pause/go.mod")),
        ("main.go", include_str!("../../cluster/pause/main.go")),
    ]),
    links: &[],
};

/// The directories and files of the built programs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The directory with every Kubernetes command, kubectl and etcd.
    pub kubernetes: PathBuf,
    /// CoreDNS.
    pub coredns: PathBuf,
    /// What holds a pod's network namespace.
    pub pause: PathBuf,
}

/// Builds what is missing and links the tools for people into [`Layout::bin`].
pub fn build_all(layout: &Layout, progress: &Progress) -> Result<Programs> {
    let kubernetes = build(&KUBERNETES, layout, progress)?;
    let coredns = build(&COREDNS, layout, progress)?.join("coredns");
    let pause = build(&PAUSE, layout, progress)?.join("pause");
    link(&kubernetes.join("kubectl"), &layout.bin())?;
    build_checkers(layout, progress)?;
    Ok(Programs { kubernetes, coredns, pause })
}

/// Builds and links helm and kubeconform, which are all that a foreign cluster needs.
pub fn build_checkers(layout: &Layout, progress: &Progress) -> Result<()> {
    for program in [&HELM, &KUBECONFORM] {
        let directory = build(program, layout, progress)?;
        link(&directory.join(program.name), &layout.bin())?;
    }
    Ok(())
}

/// Builds kubectl, as a part of the one Kubernetes program, and links it.
pub fn build_kubectl(layout: &Layout, progress: &Progress) -> Result<()> {
    link(&build(&KUBERNETES, layout, progress)?.join("kubectl"), &layout.bin())
}

/// The directory of a built program. It appears under its name only when it is complete.
fn build(program: &Program, layout: &Layout, progress: &Progress) -> Result<PathBuf> {
    let name = format!("{}-{}-{}", program.name, program.version, key(program));
    let done = layout.programs().join(&name);
    if done.exists() {
        return Ok(done);
    }
    let what = format!("Build {} {}", program.name, program.version);
    progress.step(&what, program.expect, || {
        let building = layout.programs().join(format!(".building-{name}"));
        remove(&building)?;
        fs::create_dir_all(&building).with_context(|| format!("create {}", building.display()))?;
        let log = layout.build_logs().join(format!("{}.log", program.name));
        logged(progress, &mut go(program, &building)?, &log)?;
        for name in program.links {
            symlink(program.name, building.join(name)).with_context(|| format!("link {name}"))?;
        }
        fs::rename(&building, &done).with_context(|| format!("name {}", done.display()))
    })?;
    Ok(done)
}

fn key(program: &Program) -> String {
    let flags = linker_flags(program.version);
    match program.source {
        Source::Published(package) => version::key([package, flags.as_str()]),
        Source::Files(files) => {
            let texts = files.iter().flat_map(|(name, text)| [*name, *text]);
            version::key(texts.chain([flags.as_str()]))
        }
    }
}

fn go(program: &Program, directory: &Path) -> Result<Command> {
    let mut go = Command::new("go");
    go.env("CGO_ENABLED", "0").env("GOBIN", directory);
    let flags = linker_flags(program.version);
    match program.source {
        Source::Published(package) => {
            let package = format!("{package}@{}", program.version);
            go.args(["install", "-trimpath", "-ldflags", &flags, &package]).current_dir(directory);
        }
        Source::Files(files) => {
            let source = directory.join("source");
            fs::create_dir_all(&source).with_context(|| format!("create {}", source.display()))?;
            for (name, text) in files {
                fs::write(source.join(name), text).with_context(|| format!("write {name}"))?;
            }
            let output = directory.join(program.name);
            go.args([
                "build",
                "-trimpath",
                "-mod=readonly",
                "-buildvcs=false",
                "-ldflags",
                &flags,
                "-o",
            ]);
            go.arg(output).arg(".").current_dir(source);
        }
    }
    Ok(go)
}

/// Without its version a kubelet would report v0.0.0; other programs ignore these names.
fn linker_flags(version: &str) -> String {
    let Some((major, minor)) = version::major_minor(version) else { return "-s -w".to_owned() };
    let package = "k8s.io/component-base/version";
    format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} \
         -X {package}.gitMinor={minor}"
    )
}

fn link(program: &Path, bin: &Path) -> Result<()> {
    fs::create_dir_all(bin).with_context(|| format!("create {}", bin.display()))?;
    let name = program.file_name().context("a program without a name")?;
    let link = bin.join(name);
    if fs::read_link(&link).is_ok_and(|target| target == program) {
        return Ok(());
    }
    let fresh = bin.join(format!(".{}", name.display()));
    remove(&fresh)?;
    symlink(program, &fresh)
        .and_then(|()| fs::rename(&fresh, &link))
        .with_context(|| format!("link {}", link.display()))
}

fn remove(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    result.with_context(|| format!("remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_file_names_the_pinned_kubernetes() {
        let Source::Files(files) = KUBERNETES.source else { panic!("built from files") };
        let module = files.iter().find(|(name, _)| *name == "go.mod").unwrap().1;
        assert!(module.contains(&format!("k8s.io/kubernetes {}", version::KUBERNETES)));
        let Source::Files(files) = COREDNS.source else { panic!("built from files") };
        let module = files.iter().find(|(name, _)| *name == "go.mod").unwrap().1;
        assert!(module.contains(&format!("github.com/coredns/coredns {}", version::COREDNS)));
    }

    #[test]
    fn the_kubelet_is_told_its_version() {
        let flags = linker_flags("v1.35.4");
        assert!(flags.contains("version.gitVersion=v1.35.4"), "{flags}");
        assert!(flags.contains("version.gitMinor=35"), "{flags}");
        assert_eq!(linker_flags("1"), "-s -w");
    }

    #[test]
    fn a_link_is_moved_to_a_new_version() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        for version in ["a", "b"] {
            link(&folder.path().join(version).join("helm"), &bin).unwrap();
        }
        assert_eq!(fs::read_link(bin.join("helm")).unwrap(), folder.path().join("b/helm"));
    }
}
