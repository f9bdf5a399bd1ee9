//! What is installed beside the programs: completions, manual pages, units, the package for Debian, the container's file.
//!
//! Needed beforehand: `cargo build --release --workspace --bins` and `tests/foreign/install`. `TIDEWIRE_BIN` names another
//! broker; `tw` is looked for beside it.

mod container;
mod debian;
mod machine;
mod manual;
mod releasing;
mod service;
mod units;

use std::path::{Path, PathBuf};
use std::process::Command;

use tidewire_tests::binary::binary;

/// The programs that are installed.
const PROGRAMS: [&str; 2] = ["tidewire", "tw"];

/// One of them.
fn program(name: &str) -> PathBuf {
    let path = binary().with_file_name(name);
    assert!(path.is_file(), "there is no {}: run `cargo build --release --workspace --bins`", path.display());
    path
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// What it has printed and whether it succeeded, standard error behind standard output.
fn outcome(command: &mut Command) -> (String, bool) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}

/// What a command has printed that is to succeed.
fn done(command: &mut Command) -> String {
    let (text, is_done) = outcome(command);
    assert!(is_done, "{command:?}:\n{text}");
    text
}
