//! The documents say what the code does: every setting is in docs/configuration.md with its default, every limit in
//! docs/limits.md with tests that are there, and so is every file that docs/architecture.md names.

use std::fs;
use std::path::{Path, PathBuf};

use tidewire::config::{Config, JwtConfig};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the document is there")
}

/// `name = value` lines of the effective default, with those of sections that are not there unless they are asked for.
fn defaults() -> Vec<(String, String)> {
    let mut config = Config::default();
    config.auth.jwt = Some(JwtConfig::default());
    config.auth.http = toml::from_str("url = \"https://users.example/\"").expect("it says what it must");
    let text = toml_of(&config);
    let pairs = text.lines().filter_map(|line| line.split_once(" = "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn toml_of(config: &Config) -> String {
    toml::to_string(config).expect("a configuration can be written")
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let document = document("docs/configuration.md");
    // These have no default that could be compared: the three listeners differ, and a service is somewhere.
    let without_default = ["name", "bind", "transport", "protocols", "url"];
    for (name, value) in defaults() {
        let row = if without_default.contains(&name.as_str()) {
            format!("| `{name}` | - |")
        } else {
            format!("| `{name}` | `{value}` |")
        };
        assert!(document.contains(&row), "docs/configuration.md has no row {row}");
    }
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
