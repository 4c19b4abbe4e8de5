//! Getting images into a cluster's node.
//!
//! Not here: building them ([`super::build`]).

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::build::Archive;
use super::command::{capture, logged};
use super::layout::Layout;
use super::member::Member;
use super::progress::Progress;

/// Imports an archive into a node of our own, unless this very content is there already. The name then
/// belongs to the new image; the old one goes, so that rebuilds do not fill the disk.
pub fn into_own_node(
    archive: &Archive,
    node: &Member,
    layout: &Layout,
    progress: &Progress,
) -> Result<()> {
    let imported = node.state(layout, "imported");
    fs::create_dir_all(&imported).context("create the record of imported images")?;
    let record = imported.join(archive.name);
    if fs::read_to_string(&record).is_ok_and(|key| key == archive.key) {
        return Ok(());
    }
    let what = format!("Load image {} into {}", archive.image, node.name);
    progress.step(&what, "", || {
        let mut import = ctr(node, layout);
        import.args(["images", "import"]).arg(&archive.file);
        let log = layout.component_logs().join(format!("import-{}.log", node.name));
        logged(progress, &mut import, &log)?;
        remove_nameless(node, layout)?;
        fs::write(&record, &archive.key).context("record the imported image")
    })
}

fn remove_nameless(node: &Member, layout: &Layout) -> Result<()> {
    let listing = capture(ctr(node, layout).args(["images", "list"]))?;
    let stale = nameless(&listing);
    if stale.is_empty() {
        return Ok(());
    }
    capture(ctr(node, layout).args(["images", "remove"]).args(stale)).map(drop)
}

/// The references by digest to images that have no name any more, from ctr's table. The kubelet's
/// interface keeps one such reference for each image that ever had a name.
fn nameless(listing: &str) -> Vec<&str> {
    let rows: Vec<(&str, &str)> = listing
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            Some((columns.next()?, columns.nth(1)?))
        })
        .collect();
    let is_bare = |reference: &str| reference.starts_with("sha256:");
    let is_named = |digest: &str| {
        rows.iter().any(|(reference, other)| !is_bare(reference) && *other == digest)
    };
    rows.iter()
        .filter(|(reference, digest)| is_bare(reference) && !is_named(digest))
        .map(|(reference, _)| *reference)
        .collect()
}

/// Containerd's client for a node of our own.
pub fn ctr(node: &Member, layout: &Layout) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(node.socket(layout)).args(["--namespace", "k8s.io"]);
    command
}

/// How images get to the nodes of a cluster that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loader {
    /// `kind load` into this cluster.
    Kind(String),
    /// `k3d image import` into this cluster.
    K3d(String),
    /// They lie in a registry already.
    Registry,
}

impl Loader {
    /// The way that fits a context's name; a given prefix of image names means a registry.
    pub fn choose(context: &str, prefix: Option<&str>) -> Result<Self> {
        if prefix.is_some() {
            return Ok(Self::Registry);
        }
        if let Some(cluster) = context.strip_prefix("kind-") {
            return Ok(Self::Kind(cluster.to_owned()));
        }
        if let Some(cluster) = context.strip_prefix("k3d-") {
            return Ok(Self::K3d(cluster.to_owned()));
        }
        bail!(
            "the context {context:?} is neither kind's nor k3d's: build and push the images (see the \
             README) and name where they are with --image-prefix"
        )
    }

    /// Loads an image that Docker has into the cluster's nodes.
    pub fn load(&self, image: &str) -> Result<()> {
        match self {
            Self::Kind(cluster) => {
                capture(Command::new("kind").args([
                    "load",
                    "docker-image",
                    image,
                    "--name",
                    cluster,
                ]))?;
            }
            Self::K3d(cluster) => {
                capture(Command::new("k3d").args([
                    "image",
                    "import",
                    image,
                    "--cluster",
                    cluster,
                ]))?;
            }
            Self::Registry => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_to_images_without_a_name_are_stale() {
        let listing = "REF TYPE DIGEST SIZE PLATFORMS LABELS\n\
                       localhost/a:dev application/x sha256:m1 1.0 MiB linux/amd64 io.cri=managed\n\
                       sha256:c1 application/x sha256:m1 1.0 MiB linux/amd64 io.cri=managed\n\
                       sha256:c0 application/x sha256:m0 1.0 MiB linux/amd64 io.cri=managed\n";
        assert_eq!(nameless(listing), ["sha256:c0"]);
    }

    #[test]
    fn the_contexts_name_tells_how_images_get_in() {
        assert_eq!(Loader::choose("kind-a", None).unwrap(), Loader::Kind("a".to_owned()));
        assert_eq!(Loader::choose("k3d-b", None).unwrap(), Loader::K3d("b".to_owned()));
        assert_eq!(Loader::choose("kind-a", Some("reg.example/x")).unwrap(), Loader::Registry);
        let error = Loader::choose("prod", None).unwrap_err().to_string();
        assert!(error.contains("prod") && error.contains("--image-prefix"), "{error}");
    }
}
