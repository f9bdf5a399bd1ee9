//! Has the broker built anew when a file comes to the pages that are part of it, or goes. What puts them there, a macro
//! (`src/pages/mod.rs`), has cargo look only at the files that it has found.
#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by its output")]

/// The folders whose files become part of the binary.
const FOLDERS: [&str; 2] = ["src/admin/dashboard/web", "../clients/web"];

fn main() {
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
    }
}
