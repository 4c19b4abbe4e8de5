//! What can happen to the onto branch while the task runs.
//!
//! Not here: the moment at which it happens; a direct landing learns of it later than the others.

use crate::bench::Bench;
use crate::world::{LATIN, ODD, TEXT, World};

/// Name, and what people do on `main`.
pub type Onto = (&'static str, fn(&Bench, &World));

/// Those that have nothing to do with what the agent did.
pub const ALL: &[Onto] = &[
    ("unmoved", |_, _| ()),
    ("moved elsewhere", elsewhere),
    ("conflicts in a text", text),
    ("touches everything", everything),
    ("file became directory", to_directory),
    ("file deleted", delete),
    ("renamed", rename),
    ("there and back", there_and_back),
    ("has the branch's first commit", first),
    ("has merged the branch", merged),
    ("moved back", |bench, world| bench.go(&world.below)),
];

fn elsewhere(bench: &Bench, _: &World) {
    bench.write("elsewhere", "elsewhere\n");
    bench.commit("Elsewhere");
}

/// People did the same as the agent, whose last commit is `tip`.
pub fn same(bench: &Bench, tip: &str) {
    bench.git(&["read-tree", "--reset", "-u", tip]);
    bench.git(&["commit", "-q", "--allow-empty", "-m", "The same"]);
}

fn text(bench: &Bench, _: &World) {
    bench.edit("a", "five", "five of others");
    bench.commit("Change five too");
}

fn everything(bench: &Bench, _: &World) {
    for file in ["a", "b", "c", "dir/x", "run.sh"] {
        bench.edit(file, "five", "five of others");
    }
    bench.edit("crlf.txt", "two\r\n", "two of others\r\n");
    bench.edit(ODD, "five", "five of others");
    bench.write(LATIN, TEXT.replace("five", "five of others"));
    bench.write("binary", b"\0one of others");
    bench.write("new", "new of others\n");
    bench.link("link", "c");
    bench.submodule("sub", "3");
    bench.commit("Touch everything");
}

fn to_directory(bench: &Bench, _: &World) {
    bench.git(&["rm", "-q", "a", "run.sh"]);
    bench.write("a/inside", "inside\n");
    bench.write("new/inside", "inside\n");
    bench.commit("Make a a directory");
}

fn delete(bench: &Bench, _: &World) {
    bench.git(&["rm", "-q", "a", "b", "link", "binary"]);
    bench.commit("Remove files");
}

fn rename(bench: &Bench, _: &World) {
    bench.git(&["mv", "a", "moved"]);
    bench.git(&["mv", "dir", "place"]);
    bench.git(&["mv", "run.sh", "go.sh"]);
    bench.commit("Rename files");
}

fn there_and_back(bench: &Bench, _: &World) {
    bench.edit("a", "five", "five of others");
    bench.commit("There");
    bench.edit("a", "five of others", "five");
    bench.commit("And back");
}

fn first(bench: &Bench, world: &World) {
    bench.git(&["cherry-pick", "--allow-empty", &world.first_of_feature]);
    elsewhere(bench, world);
}

fn merged(bench: &Bench, world: &World) {
    elsewhere(bench, world);
    bench.git(&["merge", "-q", "--no-ff", "--no-edit", &world.feature]);
}
