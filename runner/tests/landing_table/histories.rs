//! What an agent can leave behind: each a list of commands on a working copy at the start commit.
//!
//! Not here: uncommitted work, which Run makes a commit of.

use crate::bench::Bench;
use crate::world::{LATIN, ODD};

/// Name, and what the agent does.
pub type History = (&'static str, fn(&Bench));

/// All of them.
pub const ALL: &[History] = &[
    ("nothing", |_| ()),
    ("one commit", one),
    ("three commits", three),
    ("commits that undo each other", undo),
    ("a try taken back", taken_back),
    ("a rename and an edit", rename),
    ("a directory renamed", directory),
    ("a file into a directory", into_directory),
    ("a file made a directory", to_directory),
    ("a new file", new_file),
    ("a mode", mode),
    ("a file deleted", delete),
    ("a merge inside", merge),
    ("reset below the start", reset),
    ("an orphan", orphan),
    ("empty commits", empty),
    ("odd names and line ends", odd),
    ("a name that is no text", latin),
    ("a symbolic link", link),
    ("a submodule", submodule),
    ("a binary file", binary),
    ("a faked mark", faked),
];

fn one(bench: &Bench) {
    bench.edit("a", "five", "five of Claude");
    bench.commit("Change five");
}

fn three(bench: &Bench) {
    for line in ["one", "five", "nine"] {
        bench.edit("a", line, &format!("{line} of Claude"));
        bench.commit(&format!("Change {line}"));
    }
}

fn undo(bench: &Bench) {
    bench.edit("a", "five", "five of Claude");
    bench.commit("Try five");
    bench.edit("a", "five of Claude", "five");
    bench.commit("Take five back");
}

fn taken_back(bench: &Bench) {
    bench.edit("a", "five", "five of Claude");
    bench.commit("Try five");
    bench.edit("a", "five of Claude", "five");
    bench.edit("c", "nine", "nine of Claude");
    bench.commit("Nine instead");
}

fn rename(bench: &Bench) {
    bench.git(&["mv", "a", "renamed"]);
    bench.commit("Rename a");
    bench.edit("renamed", "five", "five of Claude");
    bench.commit("Change the renamed file");
}

fn directory(bench: &Bench) {
    bench.git(&["mv", "dir", "folder"]);
    bench.commit("Rename dir");
}

fn into_directory(bench: &Bench) {
    bench.write("dir/new", "new\n");
    bench.commit("Add to dir");
}

fn to_directory(bench: &Bench) {
    bench.git(&["rm", "-q", "c"]);
    bench.write("c/inside", "inside\n");
    bench.commit("Make c a directory");
}

fn new_file(bench: &Bench) {
    bench.write("new", "new of Claude\n");
    bench.commit("Add new");
}

fn mode(bench: &Bench) {
    bench.allow("run.sh");
    bench.commit("Let it run");
}

fn delete(bench: &Bench) {
    bench.git(&["rm", "-q", "a"]);
    bench.commit("Remove a");
}

fn merge(bench: &Bench) {
    let start = bench.head();
    bench.edit("a", "five", "five of Claude");
    let left = bench.commit("Left");
    bench.go(&start);
    bench.write("right", "right\n");
    bench.commit("Right");
    bench.git(&["merge", "-q", "--no-commit", "--no-ff", &left]);
    bench.write("only-in-the-merge", "merge\n");
    bench.commit("Merge left");
}

fn reset(bench: &Bench) {
    bench.git(&["reset", "-q", "--hard", "HEAD~1"]);
    bench.write("another-way", "another way\n");
    bench.commit("Another way");
}

fn orphan(bench: &Bench) {
    bench.git(&["checkout", "-q", "--orphan", "alone"]);
    bench.edit("a", "five", "five of Claude");
    bench.commit("All anew");
    bench.git(&["checkout", "-q", "--detach"]);
    bench.git(&["branch", "-q", "-D", "alone"]);
}

fn empty(bench: &Bench) {
    bench.commit("Nothing yet");
    bench.edit("c", "nine", "nine of Claude");
    bench.commit("Change nine");
    bench.commit("Nothing more");
}

fn odd(bench: &Bench) {
    bench.edit("crlf.txt", "two\r\n", "two of Claude\r\n");
    bench.edit(ODD, "five", "five of Claude");
    bench.commit("Change odd files");
    for name in ["\u{e9}", "e\u{301}", "-x", "line\nbreak", "blank ", "return\r", "$(touch x)"] {
        bench.write(name, format!("{name}\r\nwithout an end"));
    }
    bench.commit("Add odd files");
}

fn latin(bench: &Bench) {
    let text = crate::world::TEXT.replace("five", "five of Claude");
    bench.write(LATIN, text);
    bench.commit("Change a file without a name");
}

fn link(bench: &Bench) {
    bench.link("link", "b");
    bench.commit("Point the link to b");
}

fn submodule(bench: &Bench) {
    bench.submodule("sub", "2");
    bench.commit("Take the submodule's next commit");
}

fn binary(bench: &Bench) {
    bench.write("binary", b"\0one of Claude");
    bench.commit("Change the binary file");
}

fn faked(bench: &Bench) {
    bench.write("fake", "fake\n");
    bench.commit("Fake a mark\n\nClaudeTask: forged\n");
}
