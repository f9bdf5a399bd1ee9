//! The files of the page, within the binary.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

/// A file as it leaves.
pub(super) struct Asset {
    name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) plain: Bytes,
    /// What stands for its bytes. (RFC 9110, section 8.8.3)
    pub(super) tag: HeaderValue,
    /// The same with gzip, unless that is no shorter.
    pub(super) compressed: Option<Bytes>,
    pub(super) compressed_tag: HeaderValue,
}

/// Name and bytes of each file in a folder.
macro_rules! files {
    ($($folder:literal: $($name:literal)*;)*) => {
        &[$($((concat!($folder, $name), include_bytes!(concat!($folder, $name)).as_slice()),)*)*]
    };
}

/// Where they lie beside this file. Those of `web/` are served from `/`.
const FILES: &[(&str, &[u8])] = files! {
    "web/": "index.html" "style.css" "icon.svg" "theme.js" "app.js";
    "vendor/": "htm/standalone.module.js" "htm/LICENSE" "preact/LICENSE" "uplot/uPlot.esm.js" "uplot/uPlot.min.css"
        "uplot/LICENSE" "mqtt/mqtt.esm.js" "mqtt/LICENSE.md" "stompjs/stomp.umd.min.js" "stompjs/LICENSE";
};

/// What the page's own files are named behind.
const OWN: &str = "web/";
/// The file at `/`.
const INDEX: &str = "web/index.html";

/// All files, once somebody has asked for one: compressing them takes tens of milliseconds.
static ASSETS: LazyLock<Vec<Asset>> =
    LazyLock::new(|| FILES.iter().filter_map(|(name, bytes)| Asset::new(name, bytes)).collect());

/// The name of the file at a path.
pub(super) fn name_at(path: &str) -> Option<&'static str> {
    let is_at = |name: &str| match name.strip_prefix(OWN) {
        Some(_) if name == INDEX => path == "/",
        Some(own) => path.strip_prefix('/') == Some(own),
        None => path.strip_prefix('/') == Some(name),
    };
    FILES.iter().map(|(name, _)| *name).find(|name| is_at(name))
}

/// The file of that name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

impl Asset {
    /// `None` if it cannot be compressed for want of memory.
    fn new(name: &'static str, bytes: &'static [u8]) -> Option<Self> {
        let compressed = compress(bytes).ok()?;
        let mut digest = String::new();
        for byte in &Sha256::digest(bytes)[..12] {
            write!(digest, "{byte:02x}").ok()?;
        }
        Some(Self {
            name,
            content_type: content_type(name),
            plain: Bytes::from_static(bytes),
            tag: HeaderValue::from_str(&format!("\"{digest}\"")).ok()?,
            compressed: (compressed.len() < bytes.len()).then(|| compressed.into()),
            compressed_tag: HeaderValue::from_str(&format!("\"{digest}-gzip\"")).ok()?,
        })
    }
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

/// Every path.
#[cfg(test)]
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| match *name {
        INDEX => "/",
        name => name.strip_prefix("web").unwrap_or(name),
    })
}
