//! Puts the case files and the statement tables into the program, so that it runs without the source tree.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    println!("cargo::rerun-if-changed=build.rs");

    let mut cases = String::from("&[\n");
    for suite in ["mqtt5", "mqtt311", "stomp", "websocket"] {
        for file in files(&root.join("cases").join(suite), "case")? {
            let name = stem(&file);
            let shown = format!("cases/{suite}/{name}.case");
            let _ = writeln!(cases, "    ({suite:?}, {name:?}, {shown:?}, include_str!({file:?})),");
        }
    }
    cases.push_str("]\n");
    fs::write(out.join("cases.rs"), cases)?;

    let mut tables = String::from("&[\n");
    for file in files(&root.join("statements"), "tsv")? {
        let _ = writeln!(tables, "    include_str!({file:?}),");
    }
    tables.push_str("]\n");
    fs::write(out.join("statements.rs"), tables)
}

/// The files of a directory with that extension, by name; a new one is noticed as well.
fn files(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
