//! The files of the page, within the binary.

use std::io::{self, Write as _};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

/// A file as it leaves.
pub(super) struct Asset {
    name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) plain: Tagged,
    /// The same with gzip, unless that is no shorter.
    pub(super) compressed: Option<Tagged>,
}

/// Bytes, and what stands for them. (RFC 9110, section 8.8.3)
type Tagged = (Bytes, HeaderValue);

/// Name and bytes of each file in a folder.
macro_rules! files {
    ($($folder:literal: $($name:literal)*;)*) => {
        &[$($((concat!($folder, $name), include_bytes!(concat!($folder, $name)).as_slice()),)*)*]
    };
}

/// Where they lie beside this file. Those of `web/` are served from `/`.
const FILES: &[(&str, &[u8])] = files! {
    "web/": "api.js" "app.js" "bans.js" "chart.js" "client.js" "clients.js" "complaints.js" "console.js" "format.js"
        "history.js" "icon.svg" "icons.js" "index.html" "live.js" "messages.js" "metrics.js" "overview.js"
        "parts.js" "payload.js" "polled.js" "preact.js" "publish.js" "qos.js" "queue.js" "queues.js"
        "speakers.js" "style.css" "table.js" "theme.js" "token.js" "topic.js" "topics.js" "trace.js"
        "tree.js";
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
    fn new(name: &'static str, bytes: &'static [u8]) -> Option<Self> {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        let tag = |suffix: &str| HeaderValue::try_from(format!("\"{digest}{suffix}\"")).ok();
        let compressed = compress(bytes).ok().filter(|compressed| compressed.len() < bytes.len());
        Some(Self {
            name,
            content_type: content_type(name),
            plain: (Bytes::from_static(bytes), tag("")?),
            compressed: compressed.map(Bytes::from).zip(tag("-gzip")),
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

/// The path of each file that is the page's own.
#[cfg(test)]
pub(super) fn own_paths() -> impl Iterator<Item = &'static str> {
    let own = FILES.iter().filter_map(|(name, _)| name.strip_prefix("web"));
    own.map(|path| if path == "/index.html" { "/" } else { path })
}
