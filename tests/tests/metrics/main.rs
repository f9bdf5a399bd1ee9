//! What `/metrics` tells: each metric moves with what it counts, is documented, and is understood by those who read the
//! formats; the dashboard and the alarms ask for nothing that is not there.

mod moved;
mod packaging;
mod page;
mod readers;
mod stored;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}
