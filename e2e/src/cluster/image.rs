//! Which images there are and what each is made of.
//!
//! Not here: building ([`super::build`]) and loading ([`super::load`]) them.

use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::program::Programs;
use super::version;

/// Where the images seem to come from; no registry answers there.
pub const PREFIX: &str = "localhost/claudetask";
/// The tag of everything that is built here.
pub const TAG: &str = "dev";
/// What holds a pod's network namespace.
pub const PAUSE: &str = "localhost/claudetask/pause:dev";
/// The cluster's DNS.
pub const COREDNS: &str = "localhost/claudetask/coredns:dev";
/// The name of the base image in the Dockerfiles' FROM lines, in full.
pub const BASE: &str = "docker.io/library/debian:trixie-slim";

/// The images that the product and its tests consist of, by the last part of their name.
pub const PRODUCT: &[&str] = &["operator", "runner", "web-proxy", "e2e"];

/// A file of a build context.
#[derive(Clone, Debug)]
pub struct Ingredient {
    /// Its name in the context.
    pub name: &'static str,
    /// Where it is.
    pub file: PathBuf,
    /// How it gets into the context, and by what a change of it is known.
    pub kind: Kind,
}

/// How a file is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fresh program of cargo: copied without symbols, known by its content.
    Built,
    /// A kept file whose path holds its version: linked, known by its path.
    Kept,
}

/// What one image is built from.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The last part of its name.
    pub name: &'static str,
    /// Its full name with tag.
    pub image: String,
    /// The build's instructions.
    pub dockerfile: &'static str,
    /// The stage to build, for Dockerfiles of more than one use.
    pub target: Option<&'static str>,
    /// The files of its context.
    pub ingredients: Vec<Ingredient>,
}

/// The full name of a product's image.
pub fn product(prefix: &str, name: &str) -> String {
    format!("{prefix}/{name}:{TAG}")
}

/// The image that all others but the empty ones begin with.
pub fn base(layout: &Layout) -> Recipe {
    Recipe {
        name: "base",
        image: BASE.to_owned(),
        dockerfile: "FROM scratch\nADD base.tar /\nCMD [\"bash\"]\n",
        target: None,
        ingredients: vec![kept("base.tar", base_archive(layout))],
    }
}

/// Debian as a tar archive, under a name that changes with what is in it.
pub fn base_archive(layout: &Layout) -> PathBuf {
    let key = version::key(mmdebstrap_arguments());
    layout.images().join(format!("{}-{key}.tar", version::DEBIAN))
}

/// The words for mmdebstrap, besides the archive's name. Documentation and package lists would
/// only make each load slower.
pub fn mmdebstrap_arguments() -> [&'static str; 6] {
    [
        "--variant=minbase",
        "--include=ca-certificates,git,openssh-client",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--customize-hook=rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/apt/*.bin",
    ]
}

/// The images that the cluster itself needs before any pod can start.
pub fn system(programs: &Programs) -> Vec<Recipe> {
    vec![
        Recipe {
            name: "pause",
            image: PAUSE.to_owned(),
            dockerfile: "FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT [\"/pause\"]\n",
            target: None,
            ingredients: vec![kept("pause", programs.pause.clone())],
        },
        Recipe {
            name: "coredns",
            image: COREDNS.to_owned(),
            dockerfile: "FROM scratch\nCOPY coredns /coredns\nUSER 10001:10001\nENTRYPOINT [\"/coredns\"]\n",
            target: None,
            ingredients: vec![kept("coredns", programs.coredns.clone())],
        },
    ]
}

/// The product's images, from cargo's programs in `built` and the Claude Code CLI at `claude`.
pub fn products(built: &Path, claude: &Path) -> Vec<Recipe> {
    let fresh = |name: &'static str| Ingredient { name, file: built.join(name), kind: Kind::Built };
    let recipe = |name, dockerfile, ingredients| Recipe {
        name,
        image: product(PREFIX, name),
        dockerfile,
        target: Some("prebuilt"),
        ingredients,
    };
    vec![
        recipe("operator", include_str!("../../../operator/Dockerfile"), vec![fresh("operator")]),
        recipe(
            "runner",
            version::RUNNER_DOCKERFILE,
            vec![kept("claude", claude.to_path_buf()), fresh("runner"), fresh("claudetask")],
        ),
        recipe(
            "web-proxy",
            include_str!("../../../web-proxy/Dockerfile"),
            vec![fresh("web-proxy")],
        ),
        recipe(
            "e2e",
            include_str!("../../Dockerfile"),
            vec![fresh("git-server"), fresh("model-server")],
        ),
    ]
}

fn kept(name: &'static str, file: PathBuf) -> Ingredient {
    Ingredient { name, file, kind: Kind::Kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_has_a_recipe_whose_files_its_dockerfile_copies() {
        let recipes = products(Path::new("/built"), Path::new("/claude"));
        let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name).collect();
        assert_eq!(names, PRODUCT);
        for recipe in recipes {
            assert!(recipe.dockerfile.contains(" AS prebuilt"), "{}", recipe.name);
            for ingredient in recipe.ingredients {
                let copied = recipe.dockerfile.lines().any(|line| {
                    line.starts_with("COPY ") && line.split(' ').any(|word| word == ingredient.name)
                });
                assert!(copied, "{}: {}", recipe.name, ingredient.name);
            }
        }
    }

    #[test]
    fn the_dockerfiles_begin_with_the_base_that_is_built_here() {
        let short = BASE.rsplit('/').next().unwrap();
        for recipe in products(Path::new("/built"), Path::new("/claude")) {
            for line in recipe.dockerfile.lines().filter(|line| line.starts_with("FROM debian")) {
                assert!(line.starts_with(&format!("FROM {short} ")), "{line}");
            }
        }
    }
}
