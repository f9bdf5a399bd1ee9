//! Where the daemon's binary is.

use std::path::PathBuf;

/// `TIDEWIRE_BIN`, or what `cargo build --release` makes beside the test's own binary.
pub fn binary() -> PathBuf {
    let binary = std::env::var_os("TIDEWIRE_BIN").map_or_else(
        || {
            let own = std::env::current_exe().expect("a test knows where its binary is");
            // target/debug/deps/foreign-…
            let target = own.ancestors().nth(3).expect("cargo's target directory has this depth");
            target.join("release/tidewire")
        },
        PathBuf::from,
    );
    assert!(
        binary.is_file(),
        "there is no broker at {}: run `cargo build --release --workspace --bins`, or set TIDEWIRE_BIN",
        binary.display()
    );
    binary
}
