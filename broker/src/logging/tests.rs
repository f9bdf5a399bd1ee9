//! One event in each form, as it is written.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

/// Logs one line of each kind of value, and waits until it is written.
fn log((layer, worker): (Lines, WorkerGuard)) {
    let (_, filter) = LogLevel::new("info").unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(filter).with(layer), || {
        let nobody: Option<&str> = None;
        let address = std::net::Ipv4Addr::LOCALHOST;
        tracing::debug!("not wanted");
        tracing::info!(
            target: "tidewire::tests", client_id = "al\nice", user = nobody, %address, tls = true,
            lasted_ms = 1_500, "con\u{1b}[31mnected"
        );
    });
    drop(worker);
}

#[test]
fn a_line_for_people_is_short_and_aligned() {
    let kept = Kept::default();
    log(text(kept.clone(), false));
    let line = kept.text();
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.len() == "2026-11-29T10:25:49.123456Z".len() && time.ends_with('Z'), "{time}");
    let fields = r#"client_id="al\nice" address=127.0.0.1 tls=true lasted_ms=1500"#;
    assert_eq!(rest, format!("{:>5} con\\u{{1b}}[31mnected {fields}\n", "INFO"));
}

#[test]
fn colours_are_the_formats_own() {
    let kept = Kept::default();
    log(text(kept.clone(), true));
    let line = kept.text();
    assert!(
        line.starts_with("\x1b[2m") && line.contains("\x1b[32m INFO\x1b[0m con\\u{1b}[31mnected"),
        "{line}"
    );
}

#[test]
fn a_line_of_json_is_one_flat_object() {
    let kept = Kept::default();
    log(json(kept.clone()));
    let line = kept.text();
    assert_eq!(line.lines().count(), 1, "{line}");
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    let time = object.remove("timestamp").unwrap();
    assert_eq!(time.as_str().map(str::len), Some("2026-11-29T10:25:49.123456Z".len()));
    let expected = serde_json::json!({
        "level": "INFO", "target": "tidewire::tests", "message": "con\u{1b}[31mnected", "client_id": "al\nice",
        "address": "127.0.0.1", "tls": true, "lasted_ms": 1500,
    });
    assert_eq!(serde_json::Value::Object(object), expected);
}

#[test]
fn an_entry_of_the_journal_has_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listening = UnixDatagram::bind(&path).unwrap();
    listening.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    log(entries(Journal::open(path).unwrap()));
    let mut buffer = [0; 4096];
    assert_eq!(listening.recv(&mut buffer).unwrap(), 0, "the first is to see whether anybody listens");
    let size = listening.recv(&mut buffer).unwrap();
    let entry = std::str::from_utf8(&buffer[..size]).unwrap();
    assert_eq!(
        entry.lines().collect::<Vec<_>>(),
        [
            r#"MESSAGE=con\u{1b}[31mnected client_id="al\nice" address=127.0.0.1 tls=true lasted_ms=1500"#,
            "PRIORITY=6",
            "SYSLOG_IDENTIFIER=tidewire",
            "TIDEWIRE_TARGET=tidewire::tests",
            r"TIDEWIRE_CLIENT_ID=al\nice",
            "TIDEWIRE_ADDRESS=127.0.0.1",
            "TIDEWIRE_TLS=true",
            "TIDEWIRE_LASTED_MS=1500",
        ]
    );
    assert!(entry.ends_with('\n'));
}

#[test]
fn where_no_journal_listens_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Journal::open(folder.path().join("nobody")).is_err());
}
