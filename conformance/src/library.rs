//! Where the cases come from: the program itself, or a directory.

use std::path::Path;
use std::{fs, io};

use crate::case::{Case, ParseError, Suite, parse};

/// What can go wrong before the first case is played.
#[derive(Debug)]
pub enum LibraryError {
    /// A case file has a mistake.
    Parse(ParseError),
    /// A directory or file cannot be read.
    Read(String, io::Error),
}

impl std::fmt::Display for LibraryError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LibraryError::Parse(error) => error.fmt(formatter),
            LibraryError::Read(path, error) => write!(formatter, "cannot read {path}: {error}"),
        }
    }
}

impl std::error::Error for LibraryError {}

/// The cases that were built into the program.
///
/// # Errors
///
/// The first mistake in a file.
pub fn embedded() -> Result<Vec<Case>, LibraryError> {
    let files: &[(&str, &str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/cases.rs"));
    let mut cases = Vec::new();
    for (suite, section, file, text) in files {
        if let Some(suite) = Suite::from_name(suite) {
            add(&mut cases, parse(suite, section, file, text).map_err(LibraryError::Parse)?)?;
        }
    }
    Ok(cases)
}

/// The cases below a directory: `DIR/<suite>/<section>.case`.
///
/// # Errors
///
/// The first mistake in a file, or a directory that cannot be read.
pub fn from_directory(directory: &Path) -> Result<Vec<Case>, LibraryError> {
    let unreadable = |path: &Path, error| LibraryError::Read(path.display().to_string(), error);
    let mut cases = Vec::new();
    for suite in Suite::ALL {
        let below = directory.join(suite.name());
        if !below.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&below).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut files: Vec<_> = entries
            .map_err(|error| unreadable(&below, error))?
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "case"))
            .collect();
        files.sort();
        for path in files {
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let section =
                path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let file = path.display().to_string();
            add(&mut cases, parse(suite, &section, &file, &text).map_err(LibraryError::Parse)?)?;
        }
    }
    Ok(cases)
}

/// Names are unique within a suite, across its files, so that `--case NAME` means one case.
fn add(cases: &mut Vec<Case>, more: Vec<Case>) -> Result<(), LibraryError> {
    for case in more {
        let twin = cases.iter().find(|other| other.suite == case.suite && other.name == case.name);
        if let Some(twin) = twin {
            return Err(LibraryError::Parse(ParseError {
                file: case.file,
                line: case.line,
                column: "case ".len() + 1,
                message: format!(
                    "a name is used once; `{}` is also in {}:{}",
                    case.name, twin.file, twin.line
                ),
            }));
        }
        cases.push(case);
    }
    Ok(())
}

/// Whether `--case` means this case: its name, its section, or `suite/section` or `suite/section/name`.
pub fn is_meant(case: &Case, wanted: &str) -> bool {
    let path = case.path();
    case.name == wanted || case.section == wanted || path == wanted || path.starts_with(&format!("{wanted}/"))
}
