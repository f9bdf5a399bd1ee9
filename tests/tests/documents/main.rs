//! The documents say what the code does: docs/configuration.md and broker/packaging/tidewire.toml are made of the
//! settings' types, every limit is in docs/limits.md with tests that are there, and so is every file
//! that docs/architecture.md names.

mod example;
mod reference;

use std::fs;
use std::path::{Path, PathBuf};

use tidewire::config::Config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the document is there")
}

/// Holds that a file is the text that is made, or writes it where `TIDEWIRE_DOCUMENTS=write`.
fn held(path: &str, made: &str) {
    let is_written = std::env::var("TIDEWIRE_DOCUMENTS").is_ok_and(|value| value == "write");
    if is_written {
        fs::write(root().join(path), made).expect("the document can be written");
    }
    let text = fs::read_to_string(root().join(path)).unwrap_or_default();
    let differs = text.lines().zip(made.lines()).position(|(is, should)| is != should);
    let line = differs.unwrap_or(text.lines().count().min(made.lines().count()));
    let (is, should) = (text.lines().nth(line), made.lines().nth(line));
    assert!(
        text == made,
        "{path}:{}: not what the types make; TIDEWIRE_DOCUMENTS=write cargo test -p tidewire-tests --test documents \
         writes it anew\n  is     {is:?}\n  should {should:?}",
        line + 1
    );
}

#[test]
fn every_limit_is_documented_with_its_default() {
    let document = document("docs/limits.md");
    let limits = toml::to_string(&Config::default().limits).expect("limits can be written");
    for (name, value) in limits.lines().filter_map(|line| line.split_once(" = ")) {
        let row = format!("| `limits.{name}` | `{value}` |");
        assert!(document.contains(&row), "docs/limits.md has no row {row}");
    }
}

/// The last cell of a row names files, and behind each the tests in it; "the same" is the file of the row before.
#[test]
fn every_test_the_limits_name_is_there() {
    let (mut text, mut named) = (String::new(), 0);
    for row in document("docs/limits.md").lines().filter(|row| row.starts_with("| ")) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        for name in cell.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                text = document(name);
            } else {
                let is_there =
                    text.contains(&format!("fn {name}()")) || text.contains(&format!("{name} => "));
                assert!(is_there, "docs/limits.md names a test {name}, which is not there");
                named += 1;
            }
        }
    }
    assert!(named > 40, "only {named} tests were found in the document");
}

#[test]
fn every_file_the_architecture_names_is_there() {
    let document = document("docs/architecture.md");
    let mut named = 0;
    for name in document.split('`').skip(1).step_by(2) {
        let is_path = name.contains('/') && (name.ends_with(".rs") || name.ends_with('/'));
        if is_path && !name.contains(' ') && !name.contains('…') {
            let exists = ["", "broker/src"].iter().any(|folder| root().join(folder).join(name).exists());
            assert!(exists, "docs/architecture.md names {name}, which is not there");
            named += 1;
        }
    }
    assert!(named > 20, "only {named} files were found in the document");
}
