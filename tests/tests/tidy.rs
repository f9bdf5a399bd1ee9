//! The architecture as what is absent: `protocols` stays pure, the broker's layers keep their direction, `conformance`
//! knows nothing of the broker, and no file grows without end. Each rule is a function of a file's text, and each is
//! shown to fail on a planted breach.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file that are not its tests; beyond it there is a second idea in the file.
const PRODUCTION_LINES_MAX: usize = 400;

/// What `protocols` may not name: sockets, clocks, disks, threads, runtimes.
const IMPURE: [&str; 10] = [
    "tokio",
    "async ",
    "std::net",
    "std::fs",
    "std::io",
    "std::thread",
    "std::time",
    "Instant",
    "SystemTime",
    "sled",
];

/// The crates that `protocols` may depend on.
const PROTOCOLS_DEPENDENCIES: [&str; 9] =
    ["ascii", "bytes", "flate2", "itoa", "memchr", "nom", "simdutf8", "thiserror", "tungstenite"];

/// What each part of the broker may use of the others; every part is listed. The arrows point inwards:
/// net → connection → mqtt | stomp → broker → router, queue, session → store.
const LAYERS: &[(&str, &[&str])] = &[
    ("address", &[]),
    ("auth", &["excerpt", "fetch"]),
    ("clock", &[]),
    ("counters", &["message"]),
    ("excerpt", &[]),
    ("fetch", &[]),
    ("keyed_list", &[]),
    ("numbered", &[]),
    ("memory", &[]),
    ("output", &[]),
    ("pace", &[]),
    ("pages", &[]),
    ("process", &[]),
    ("random", &[]),
    ("line_budget", &["clock"]),
    ("spans", &["clock", "random"]),
    ("message", &["clock", "spans"]),
    ("telemetry", &["clock", "counters", "fetch", "message", "random", "spans"]),
    ("store", &["counters", "message"]),
    ("session", &["address", "clock", "counters", "keyed_list", "message", "numbered", "output", "store"]),
    ("router", &["clock", "counters", "keyed_list", "message", "session"]),
    ("selection", &["message"]),
    ("queue", &["clock", "counters", "message", "output", "selection", "session", "store"]),
    ("turn", &["clock", "counters", "router", "session", "store"]),
    ("replies", &["output", "store"]),
    ("tls", &[]),
    ("config", &["auth", "excerpt", "fetch", "message", "queue", "session", "store", "telemetry", "tls"]),
    ("logging", &["config"]),
    (
        "broker",
        &[
            "address",
            "auth",
            "clock",
            "config",
            "counters",
            "line_budget",
            "memory",
            "message",
            "numbered",
            "output",
            "queue",
            "router",
            "selection",
            "session",
            "spans",
            "store",
            "telemetry",
            "turn",
        ],
    ),
    ("connection", &["broker", "clock", "counters", "net", "output", "session", "store", "turn"]),
    ("mqtt", PROTOCOL_LAYERS),
    ("stomp", PROTOCOL_LAYERS),
    (
        "net",
        &[
            "address",
            "auth",
            "broker",
            "clock",
            "config",
            "connection",
            "counters",
            "message",
            "mqtt",
            "output",
            "pages",
            "session",
            "stomp",
            "store",
            "tls",
            "turn",
        ],
    ),
    ("metrics", &["broker", "counters", "message", "process", "store", "telemetry"]),
    (
        "admin",
        &[
            "broker",
            "clock",
            "config",
            "line_budget",
            "logging",
            "message",
            "metrics",
            "net",
            "pages",
            "queue",
            "session",
            "store",
            "tls",
        ],
    ),
    ("service_manager", &["broker", "store"]),
    ("lib", &[]),
];

/// What `mqtt` and `stomp` may use; neither of the other, nor of sockets.
const PROTOCOL_LAYERS: &[&str] = &[
    "auth",
    "broker",
    "clock",
    "config",
    "connection",
    "counters",
    "keyed_list",
    "message",
    "output",
    "pace",
    "queue",
    "random",
    "replies",
    "router",
    "selection",
    "session",
    "store",
    "turn",
];

/// Parts of the daemon, which is not the library.
const OF_THE_DAEMON: [&str; 11] = [
    "failure",
    "config_command",
    "ctl",
    "demo",
    "main",
    "manual",
    "passwd",
    "reload",
    "stop",
    "store_command",
    "surroundings",
];

/// What single parts may not name besides.
const FORBIDDEN: [(&str, &[&str]); 8] = [
    ("mqtt", &["tokio::", "sled", "std::net", "protocols::stomp"]),
    ("stomp", &["tokio::", "sled", "std::net"]),
    ("router", &["Packet", "Frame", "tokio::", "sled"]),
    ("session", &["stomp", "Frame", "sled", "std::net"]),
    ("store", &["tidewire_protocols", "std::net"]),
    ("message", &["tokio::", "stomp"]),
    ("broker", &["Packet", "Frame", "std::net"]),
    ("admin", &["Packet", "Frame", "std::fs"]),
];

/// Marks of unfinished work.
const UNFINISHED: [&str; 5] = ["todo!(", "unimplemented!(", "dbg!(", "TODO", "FIXME"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// Every Rust file below a folder, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace can be read") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_of_tests(&path) {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{} has no sources", folder.display());
    found
}

/// Whether it is a module of tests alone, which its parent says.
fn is_of_tests(path: &Path) -> bool {
    let name = path.file_stem().expect("a source file has a name").to_string_lossy();
    let parent = path.with_file_name("mod.rs");
    let text = fs::read_to_string(parent).unwrap_or_default();
    text.contains(&format!("#[cfg(test)]\nmod {name};\n"))
}

/// A file's lines without comments and without what follows `#[cfg(test)]`.
fn production(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").enumerate();
    lines.map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn names(text: &str, words: &[&str]) -> Vec<String> {
    let named = |line: &str| words.iter().copied().find(|word| line.contains(word)).map(str::to_owned);
    production(text)
        .filter_map(|(number, line)| {
            named(line).map(|word| format!("line {number} names {word}: {}", line.trim()))
        })
        .collect()
}

/// The parts of the broker that a file uses: what stands behind `crate::`.
fn uses(text: &str, allowed: &[&str], own: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for (number, line) in production(text) {
        for (position, _) in line.match_indices("crate::") {
            let rest = &line[position + "crate::".len()..];
            let end =
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            let part = &rest[..end];
            if part != own && !allowed.contains(&part) {
                breaches.push(format!("line {number} uses {part}, which lies outwards: {}", line.trim()));
            }
        }
    }
    breaches
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]"));
    let lines = section.unwrap_or_default().lines();
    let name = |line: &str| line.split(['.', ' ', '=']).next().map(str::to_owned);
    lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')).filter_map(name).collect()
}

fn too_long(text: &str) -> Option<usize> {
    let lines = production(text).last().map_or(0, |(number, _)| number);
    (lines > PRODUCTION_LINES_MAX).then_some(lines)
}

fn part_of(path: &Path, folder: &Path) -> String {
    let relative = path.strip_prefix(folder).expect("the file lies in the folder");
    let first = relative.components().next().expect("a file has a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn hold(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn protocols_is_pure() {
    let folder = root().join("protocols/src");
    let mut breaches = Vec::new();
    for (path, text) in sources(&folder) {
        // A cursor reads memory: tungstenite parses a frame's head from one.
        let text = text.replace("use std::io::Cursor;", "");
        breaches.extend(names(&text, &IMPURE).iter().map(|breach| format!("{}: {breach}", path.display())));
    }
    hold(&breaches);
    let manifest = fs::read_to_string(root().join("protocols/Cargo.toml")).expect("the manifest is there");
    assert_eq!(dependencies(&manifest), PROTOCOLS_DEPENDENCIES);
}

#[test]
fn the_brokers_layers_keep_their_direction() {
    let folder = root().join("broker/src");
    let mut breaches = Vec::new();
    for (path, text) in sources(&folder) {
        let part = part_of(&path, &folder);
        // The program itself, and its commands.
        if OF_THE_DAEMON.contains(&part.as_str()) {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == part) else {
            breaches.push(format!("{}: {part} is no part that the layers know", path.display()));
            continue;
        };
        let words = FORBIDDEN.iter().filter(|(name, _)| *name == part);
        let forbidden = words.flat_map(|(_, words)| names(&text, words));
        let all = uses(&text, allowed, &part).into_iter().chain(forbidden);
        breaches.extend(all.map(|breach| format!("{}: {breach}", path.display())));
    }
    hold(&breaches);
}

#[test]
fn conformance_and_clients_know_nothing_of_the_broker() {
    let rules = [("conformance", &["tidewire-protocols", "tidewire"][..]), ("clients", &["tidewire"])];
    for (member, forbidden) in rules {
        let manifest =
            fs::read_to_string(root().join(member).join("Cargo.toml")).expect("the manifest is there");
        let all = dependencies(&manifest);
        let found: Vec<_> = all.iter().filter(|name| forbidden.contains(&name.as_str())).collect();
        assert!(found.is_empty(), "{member} depends on {found:?}");
    }
}

#[test]
fn no_file_grows_without_end_and_none_is_unfinished() {
    let mut breaches = Vec::new();
    for member in ["protocols/src", "broker/src", "clients/src", "conformance/src", "tests/src"] {
        for (path, text) in sources(&root().join(member)) {
            let unfinished = names(&text, &UNFINISHED);
            breaches.extend(unfinished.iter().map(|breach| format!("{}: {breach}", path.display())));
            if let Some(lines) = too_long(&text) {
                breaches.push(format!("{}: {lines} lines: look for the second idea", path.display()));
            }
        }
    }
    hold(&breaches);
}

#[test]
fn only_what_is_fixed_stands_at_the_top() {
    let files = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "clippy.toml",
        "deny.toml",
        "rustfmt.toml",
    ];
    let folders =
        ["broker", "protocols", "clients", "tests", "conformance", "docs", "target", "tidewire-data"];
    for entry in fs::read_dir(root()).expect("the workspace can be read") {
        let name = entry.expect("its entries can be read").file_name().to_string_lossy().into_owned();
        let is_known =
            name.starts_with('.') || files.contains(&name.as_str()) || folders.contains(&name.as_str());
        assert!(is_known, "{name} does not belong at the top level");
    }
}

#[test]
fn planted_breaches_are_found() {
    let router = FORBIDDEN.iter().find(|(part, _)| *part == "router").expect("router has a rule").1;
    assert_eq!(names("use std::time::Instant;\n", &IMPURE).len(), 1);
    assert_eq!(names("// tokio is not used\n#[cfg(test)]\nuse tokio::time;\n", &IMPURE).len(), 0);
    assert_eq!(names("fn route(packet: &Packet) {}\n", router).len(), 1);
    assert_eq!(uses("use crate::mqtt::Mqtt;\n", PROTOCOL_LAYERS, "stomp").len(), 1);
    assert_eq!(uses("use crate::session::Session;\n", &["message"], "store").len(), 1);
    assert_eq!(uses("use crate::store::Record;\n", &[], "store").len(), 0);
    assert_eq!(dependencies("[package]\n\n[dependencies]\ntokio.workspace = true\n\n[lints]\n"), ["tokio"]);
    assert_eq!(too_long(&"let x = 1;\n".repeat(PRODUCTION_LINES_MAX + 1)), Some(PRODUCTION_LINES_MAX + 1));
    assert_eq!(names("    todo!()\n", &UNFINISHED).len(), 1);
}
