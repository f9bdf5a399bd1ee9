//! This crate shares no code with the broker: an encoder bug there must not hide a decoder bug here.

#![allow(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_manifest_depends_on_no_crate_of_the_workspace() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let dependency =
            line.starts_with("tidewire") || line.contains("path =") || line.contains("package =");
        assert!(!dependency, "Cargo.toml: {line}");
    }
}

#[test]
fn no_source_names_a_crate_of_the_workspace() {
    let mut sources = Vec::new();
    collect(&root().join("src"), &mut sources);
    assert!(sources.len() > 20, "the sources were not found");
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        for foreign in ["tidewire_protocols", "tidewire_client", "tidewire::"] {
            assert!(!text.contains(foreign), "{} names {foreign}", path.display());
        }
    }
}

fn collect(directory: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}
