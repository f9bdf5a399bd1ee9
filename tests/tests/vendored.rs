//! What the browser's pages take from others is what was published, as `clients/web/vendor/fetch` gets it.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

fn vendor() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/web/vendor")
}

/// Every file of a package, as the list names it.
fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a package can be listed") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.parent() != Some(&vendor()) {
            let name = path.strip_prefix(vendor()).expect("it lies there");
            found.push(name.to_string_lossy().into_owned());
        }
    }
}

#[test]
fn every_file_is_listed_and_as_it_was_published() {
    let list = fs::read_to_string(vendor().join("SHA256SUMS")).expect("the list is there");
    let mut listed = Vec::new();
    for (digest, name) in list.lines().filter_map(|line| line.split_once("  ")) {
        let bytes = fs::read(vendor().join(name)).expect("a file that is listed is there");
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, digest, "{name}");
        listed.push(name.to_owned());
    }
    let mut there = Vec::new();
    files(&vendor(), &mut there);
    listed.sort_unstable();
    there.sort_unstable();
    assert!(!there.is_empty());
    assert_eq!(there, listed, "all files are listed");
}
