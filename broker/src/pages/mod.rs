//! Web pages that are part of the binary: which files there are, and how each is answered with. The dashboard is one set of
//! them, the browser examples are another; who may have them is for those to say who serve them.
//!
//! * [`File`]: a file as it leaves: type, tag, compressed where that is shorter
//! * `encoding`: whether a client takes it compressed; `inline`: the scripts within a page that it may run

mod encoding;
mod file;
mod inline;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use include_dir::{Dir, DirEntry, include_dir};

pub(crate) use self::file::{File, is_read};

/// The file that stands for its folder.
const INDEX: &str = "index.html";

/// The browser examples, and in `vendor/` the libraries of others that all pages use.
pub(crate) static EXAMPLES: LazyLock<Files> = LazyLock::new(|| {
    static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../clients/web");
    Files::of(&FOLDER)
});

/// The files of a folder, and of those within it.
pub(crate) struct Files(BTreeMap<&'static str, File>);

impl Files {
    /// All that are for browsers: what has no type that one would know stays behind.
    pub(crate) fn of(folder: &'static Dir<'static>) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in folder.entries() {
                match entry {
                    DirEntry::Dir(inner) => folders.push(inner),
                    DirEntry::File(file) => {
                        let name = file.path().to_str();
                        let named = name.and_then(|name| Some((name, File::new(name, file.contents())?)));
                        files.extend(named);
                    }
                }
            }
        }
        Self(files)
    }

    /// The file of that name, as `chat/chat.js`; the page of a folder where it is one's, as `chat/` or nothing.
    pub(crate) fn find(&self, name: &str) -> Option<&File> {
        match name.is_empty() || name.ends_with('/') {
            true => self.0.get(&*format!("{name}{INDEX}")),
            false => self.0.get(name),
        }
    }

    /// Whether that is a folder's name, as `chat`, and there is a page for it.
    pub(crate) fn is_folder(&self, name: &str) -> bool {
        self.0.contains_key(&*format!("{name}/{INDEX}"))
    }

    /// The names of all.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_browsers_is_found_and_nothing_else() {
        for (name, is_there) in [
            ("", true),
            ("index.html", true),
            ("chat/", true),
            ("vendor/mqtt/mqtt.esm.js", true),
            ("vendor/mqtt/LICENSE.md", true),
            ("vendor/uplot/LICENSE", true),
            ("chat", false),
            ("/", false),
            ("chat//", false),
            ("vendor/", false),
            ("vendor/fetch", false),
            ("vendor/SHA256SUMS", false),
            ("README.md", false),
            ("../bench", false),
            ("chat/../index.html", false),
            ("%69ndex.html", false),
        ] {
            assert_eq!(EXAMPLES.find(name).is_some(), is_there, "{name:?}");
        }
        for (name, is_folder) in [("chat", true), ("vendor", false), ("chat/", false), ("..", false)] {
            assert_eq!(EXAMPLES.is_folder(name), is_folder, "{name:?}");
        }
    }
}
