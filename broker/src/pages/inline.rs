//! The scripts within a page that it may run: its import maps, which browsers take from nowhere else.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// How an import map begins. The pages are our own, and write it so.
const BEGIN: &str = "<script type=\"importmap\">";
const END: &str = "</script>";

/// What a policy allows each import map of a page by: the hash of what stands between its tags, byte for byte, each behind a
/// space. (W3C, Content Security Policy Level 3, section 2.3.1)
pub(super) fn sources(page: &str) -> String {
    let maps = page.split(BEGIN).skip(1).filter_map(|rest| Some(rest.split_once(END)?.0));
    maps.map(|map| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(map)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_maps_are_hashed_and_other_scripts_are_not() {
        let empty = " 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        for (page, expected) in [
            ("", ""),
            ("<script src=\"a.js\"></script><script>alert(1)</script>", ""),
            ("<script type=\"importmap\"></script>", empty),
            ("<script type=\"importmap\">never closed", ""),
            ("a<script type=\"importmap\"></script><script>alert(1)</script>", empty),
        ] {
            assert_eq!(sources(page), expected, "{page}");
        }
        let two = "<script type=\"importmap\"></script><script type=\"importmap\">\n</script>";
        let line = " 'sha256-AbpHGcgLb+kRsJGnwFEktk7uzpZOCcBY74+YBdrKVGs='";
        assert_eq!(sources(two), format!("{empty}{line}"));
    }
}
