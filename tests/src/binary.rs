//! Where the daemon's binary is, and those of the examples.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What makes all of them.
const BUILD: &str = "cargo build --release --workspace --bins --examples";

/// The environment of a broker without an admin listener: the default's port is one for all that run at once.
pub const WITHOUT_ADMIN: [(&str, &str); 1] = [("TIDEWIRE_ADMIN__BIND", "")];

/// `TIDEWIRE_BIN`, or what `cargo build --release` makes beside the test's own binary.
pub fn binary() -> PathBuf {
    let binary = std::env::var_os("TIDEWIRE_BIN").map_or_else(|| release().join("tidewire"), PathBuf::from);
    assert!(
        binary.is_file(),
        "there is no broker at {}: run `cargo build --release --workspace --bins`, or set TIDEWIRE_BIN",
        binary.display()
    );
    binary
}

/// An example of the release build, which must be of the present sources: it is there to be measured.
pub fn example(name: &str) -> PathBuf {
    let example = release().join("examples").join(name);
    assert!(example.is_file(), "there is no example at {}: run `{BUILD}`", example.display());
    if let Some(source) = newer_source(&example) {
        panic!("{source} is newer than {}: run `{BUILD}`", example.display());
    }
    example
}

/// Cargo's folder for the release build.
fn release() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows where its binary is");
    // target/debug/deps/foreign-…
    let target = own.ancestors().nth(3).expect("cargo's target directory has this depth");
    target.join("release")
}

/// A source that has changed since `built` was built from it. Cargo lists them all: `built: source source …`.
fn newer_source(built: &Path) -> Option<String> {
    let list = std::fs::read_to_string(built.with_extension("d")).expect("cargo lists the sources beside it");
    let (_, sources) = list.split_once(": ").expect("the list names what it is of");
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let built_at = modified(built).expect("a file says when it was written");
    // One that is gone counts as changed.
    let is_newer = |source: &str| modified(source.as_ref()).is_none_or(|at: SystemTime| at > built_at);
    // A space within a name is written with a backslash.
    let sources = sources.replace("\\ ", "\0");
    let sources: Vec<_> = sources.split_whitespace().map(|source| source.replace('\0', " ")).collect();
    sources.into_iter().find(|source| is_newer(source))
}
