//! Building images without Docker, each only when something in it changed, into archives that any
//! later cluster can load.
//!
//! Not here: what the images are made of ([`super::image`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::command::{capture, logged};
use super::image::{Ingredient, Kind, Recipe, base, base_archive, mmdebstrap_arguments};
use super::layout::Layout;
use super::progress::Progress;
use super::version;

/// An image on disk.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The full name with tag that it carries.
    pub image: String,
    /// The last part of the name.
    pub name: &'static str,
    /// The file.
    pub file: PathBuf,
    /// Changes with its content.
    pub key: String,
}

/// The archive of an image, built when its ingredients differ from the last build's.
pub fn archive(recipe: &Recipe, layout: &Layout, progress: &Progress) -> Result<Archive> {
    let key = recipe_key(recipe)?;
    let file = layout.images().join(format!("{}.image.tar", recipe.name));
    let found = Archive { image: recipe.image.clone(), name: recipe.name, file, key };
    if found.file.exists() && recorded_key(recipe.name, layout).as_ref() == Some(&found.key) {
        return Ok(found);
    }
    let what = format!("Build image {}", recipe.image);
    progress.step(&what, "", || {
        build(recipe, layout, progress)?;
        let partial = found.file.with_extension("partial");
        remove_partial(&partial)?;
        // Of all the formats only this one is never compressed, which halves build and load.
        let target = format!("docker-archive:{}:{}", partial.display(), recipe.image);
        let mut push = buildah(layout);
        push.args(["push", &recipe.image, &target]);
        logged(progress, &mut push, &log(recipe, layout))?;
        fs::rename(&partial, &found.file).context("name the archive")?;
        record_key(recipe.name, &found.key, layout)
    })?;
    Ok(found)
}

/// buildah refuses to write to an archive that exists.
fn remove_partial(file: &Path) -> Result<()> {
    if file.exists() {
        fs::remove_file(file).with_context(|| format!("remove {}", file.display()))?;
    }
    Ok(())
}

/// Makes the base image known to later builds.
pub fn ensure_base(layout: &Layout, progress: &Progress) -> Result<()> {
    let tar = base_archive(layout);
    if !tar.exists() {
        progress.step("Make the Debian base image", "the first time about a minute", || {
            let partial = tar.with_extension("partial.tar");
            fs::create_dir_all(layout.images()).context("create the images' directory")?;
            let mut mmdebstrap = Command::new("mmdebstrap");
            mmdebstrap.args(mmdebstrap_arguments()).arg(version::DEBIAN).arg(&partial);
            logged(progress, &mut mmdebstrap, &layout.build_logs().join("base.log"))?;
            fs::rename(&partial, &tar).context("name the base archive")
        })?;
    }
    let recipe = base(layout);
    let key = recipe_key(&recipe)?;
    let known = capture(buildah(layout).args(["images", "--quiet", &recipe.image])).is_ok();
    if known && recorded_key(recipe.name, layout).as_ref() == Some(&key) {
        return Ok(());
    }
    build(&recipe, layout, progress)?;
    record_key(recipe.name, &key, layout)
}

/// Fills a build context and builds one image in it.
fn build(recipe: &Recipe, layout: &Layout, progress: &Progress) -> Result<()> {
    let context = fill_context(recipe, &layout.images().join(format!("{}.context", recipe.name)))?;
    let mut bud = buildah(layout);
    bud.args(["bud", "--pull-never", "--layers", "--tag", &recipe.image]);
    if let Some(target) = recipe.target {
        bud.args(["--target", target]);
    }
    logged(progress, bud.arg(&context), &log(recipe, layout))?;
    fs::remove_dir_all(&context).context("remove the build context")?;
    capture(buildah(layout).args(["rmi", "--prune"])).map(drop)
}

/// A fresh build context in `directory` with the Dockerfile and all ingredients.
pub fn fill_context(recipe: &Recipe, directory: &Path) -> Result<PathBuf> {
    if directory.exists() {
        fs::remove_dir_all(directory).context("empty the build context")?;
    }
    fs::create_dir_all(directory).context("create the build context")?;
    fs::write(directory.join("Dockerfile"), recipe.dockerfile).context("write the Dockerfile")?;
    for ingredient in &recipe.ingredients {
        place(ingredient, &directory.join(ingredient.name))
            .with_context(|| format!("put {} into the build context", ingredient.name))?;
    }
    Ok(directory.to_path_buf())
}

fn place(ingredient: &Ingredient, target: &Path) -> Result<()> {
    match ingredient.kind {
        Kind::Built => {
            capture(Command::new("strip").arg("-o").arg(target).arg(&ingredient.file))?;
        }
        Kind::Kept if fs::hard_link(&ingredient.file, target).is_ok() => {}
        Kind::Kept => {
            fs::copy(&ingredient.file, target)?;
        }
    }
    Ok(())
}

/// buildah with a store of its own and nothing that needs more than root.
fn buildah(layout: &Layout) -> Command {
    let mut command = Command::new("buildah");
    command.env("BUILDAH_ISOLATION", "chroot").env("STORAGE_DRIVER", "overlay");
    command.arg("--root").arg(layout.images().join("store"));
    command.arg("--runroot").arg(layout.images().join("store-run"));
    command
}

fn recipe_key(recipe: &Recipe) -> Result<String> {
    let mut parts = vec![recipe.dockerfile.to_owned(), recipe.image.clone()];
    for ingredient in &recipe.ingredients {
        let file = &ingredient.file;
        ensure!(file.exists(), "{} is missing (for the image {})", file.display(), recipe.name);
        parts.push(match ingredient.kind {
            Kind::Kept => file.display().to_string(),
            Kind::Built => capture(Command::new("sha256sum").arg("--binary").arg(file))?,
        });
    }
    Ok(version::key(parts.iter().map(String::as_str)))
}

fn recorded_key(name: &str, layout: &Layout) -> Option<String> {
    fs::read_to_string(layout.images().join(format!("{name}.key"))).ok()
}

fn record_key(name: &str, key: &str, layout: &Layout) -> Result<()> {
    fs::write(layout.images().join(format!("{name}.key")), key).context("record the image's key")
}

fn log(recipe: &Recipe, layout: &Layout) -> PathBuf {
    layout.build_logs().join(format!("image-{}.log", recipe.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(file: PathBuf, kind: Kind) -> Recipe {
        Recipe {
            name: "one",
            image: "localhost/one:dev".to_owned(),
            dockerfile: "FROM scratch\nCOPY file /\n",
            target: None,
            ingredients: vec![Ingredient { name: "file", file, kind }],
        }
    }

    #[test]
    fn a_rebuilt_program_changes_the_key_and_a_kept_file_by_its_path_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        let keys = |text: &str| {
            fs::write(&file, text).unwrap();
            [Kind::Built, Kind::Kept].map(|kind| recipe_key(&recipe(file.clone(), kind)).unwrap())
        };
        let [built, kept] = keys("one");
        let [rebuilt, still_kept] = keys("two");
        assert_ne!(built, rebuilt);
        assert_eq!(kept, still_kept);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = recipe_key(&recipe(PathBuf::from("/nowhere/runner"), Kind::Built)).unwrap_err();
        assert!(error.to_string().contains("/nowhere/runner"), "{error}");
    }
}
