//! What an operator does with `tidewire ctl`, with clients that are connected.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tidewire_tests::binary::binary;

use crate::site::{Site, hears, hears_all};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn clients_are_listed_shown_and_kicked() {
    let site = Site::new();
    let (ann, mut news) = (site.mqtt("ann"), site.stomp("news"));
    let table = site.done(&["clients"]);
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((rows.len(), &rows[0][..4]), (3, &["CLIENT", "NAME", "USER", "PROTOCOL"][..]), "{table}");
    assert_eq!((rows[1][0], rows[1][3], rows[1][6]), ("ann", "mqtt5", "services"), "{table}");
    assert_eq!((rows[2][1], rows[2][3]), ("news", "stomp12"), "{table}");
    let only = json(&site.done(&["clients", "--client-id", "news", "--json"]));
    assert_eq!((&only["total"], &only["items"][0]["subscriptions"]), (&1.into(), &1.into()), "{only}");
    let detail = json(&site.done(&["client", "ann", "--json"]));
    assert_eq!((&detail["keep_alive_secs"], &detail["session"]["expiry_secs"]), (&60.into(), &3600.into()));
    assert!(site.done(&["subscriptions", "--topic", "news"]).contains("\tnews\t2\t"));
    assert_eq!(site.done(&["publish", "news", "-m", "first"]), "matched 1\n");
    assert!(hears(&mut news, b"first\0").starts_with(b"MESSAGE\n"));
    assert_eq!(site.done(&["kick", "ann"]), "kicked\n");
    let heard = hears_all(ann);
    assert_eq!((heard[0], heard[2]), (0xE0, 0x98), "DISCONNECT with Administrative action: {heard:?}");
    let sessions = json(&site.done(&["sessions", "--connected", "false", "--json"]));
    assert_eq!(sessions["items"][0]["client_id"], "ann", "{sessions}");
    assert_eq!(site.done(&["end-session", "ann"]), "ended\n");
    let (code, stdout, stderr) = site.ctl(&["kick", "ann"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("404 Not Found: there is no client of this name"), "{stderr}");
    let session = only["items"][0]["client_id"].as_str().expect("it has a name");
    assert_eq!(site.done(&["kick", session, "--discard-session"]), "kicked, session ended\n");
    assert!(hears_all(news).starts_with(b"ERROR\nmessage:disconnected by the operator\n"));
}

#[test]
fn whoever_is_banned_stays_away_until_that_is_lifted() {
    let site = Site::new();
    let news = site.stomp("news");
    let said = site.done(&["ban", "--address", "127.0.0.1", "--for", "10m", "--reason", "too loud"]);
    assert_eq!(said, "banned (id 1), 1 connections ended\n");
    assert!(hears_all(news).starts_with(b"ERROR\n"));
    // Over TCP nobody is told more than that.
    assert_eq!(hears_all(site.connect()), b"");
    let bans = site.done(&["bans"]);
    assert!(bans.lines().nth(1).is_some_and(|line| line.starts_with("1\t127.0.0.1\t-\t-\t2")), "{bans}");
    assert!(bans.ends_with("\toperator\ttoo loud\n"), "{bans}");
    assert_eq!(site.done(&["unban", "1"]), "lifted\n");
    site.stomp("news");
    assert_eq!(site.ctl(&["unban", "1"]).0, Some(1));
}

#[test]
fn a_backup_is_imported_elsewhere() {
    let site = Site::new();
    site.done(&["publish", "kept", "-m", "for ever", "-r", "-q", "1"]);
    assert_eq!(site.done(&["backup", "copy.jsonl"]), "");
    let (code, _, stderr) = site.ctl(&["backup", "copy.jsonl"]);
    assert!(code == Some(1) && stderr.contains("copy.jsonl: File exists"), "{stderr}");
    let copy = std::fs::File::open(site.path("copy.jsonl")).expect("it was written");
    let mut import = Command::new(binary());
    import.args(["store", "import", "--data-dir"]).arg(site.path("other")).stdin(copy).stderr(Stdio::null());
    assert!(import.status().is_ok_and(|status| status.success()));
    let export =
        Command::new(binary()).args(["store", "export", "--data-dir"]).arg(site.path("other")).output();
    let text = String::from_utf8(export.expect("the binary can be run").stdout).expect("it is text");
    assert!(text.contains("\"kept\""), "{text}");
    let left = std::fs::read_dir(site.path("data/backups")).expect("it is there").count();
    assert_eq!(left, 0, "what was sent leaves no file");
}

#[test]
fn a_trace_follows_a_client_until_its_time_is_over() {
    let site = Site::new();
    let mut news = site.stomp("news");
    let mut trace = site.follow(&["trace", "news", "--secs", "3600", "--json"]);
    let lines = BufReader::new(trace.stdout.take().expect("it was asked for")).lines();
    let mut events = lines.map(|line| json(&line.expect("it is text")));
    // It has begun once anything of it is seen.
    loop {
        site.done(&["publish", "news", "-m", "hello"]);
        hears(&mut news, b"hello\0");
        if json(&site.done(&["overview", "--json"]))["connections"] == 1 {
            break;
        }
    }
    site.done(&["kick", "session-1"]);
    let seen: Vec<_> = events.by_ref().take_while(|event| event["event"] != "disconnect").collect();
    assert!(seen.iter().all(|event| event["event"] == "out" && event["topic"] == "news"), "{seen:?}");
    trace.kill().expect("it runs");
    trace.wait().expect("it is ours");
}

#[test]
fn a_drain_lets_everybody_leave_and_nobody_in() {
    let mut site = Site::new();
    let news = site.stomp("news");
    assert_eq!(site.done(&["log"]), "info\n");
    assert_eq!(site.done(&["log", "debug"]), "debug\n");
    let (code, _, stderr) = site.ctl(&["log", "loud"]);
    assert!(code == Some(1) && stderr.contains("400 Bad Request"), "{stderr}");
    assert_eq!(site.done(&["drain", "--timeout", "100ms"]), "1 connections leave\n");
    assert!(hears_all(news).starts_with(b"ERROR\nmessage:server shutting down\n"));
    assert_eq!(json(&site.done(&["overview", "--json"]))["draining"], true);
    let config = json(&site.done(&["config"]));
    assert_eq!(
        (&config["listeners"][0]["name"], &config["log"]["level"]),
        (&"services".into(), &"debug".into())
    );
    site.daemon.says("drained");
    site.daemon.signal("-TERM");
    assert!(site.daemon.ends().success());
    let log = site.daemon.heard();
    assert!(!log.contains(crate::site::TOKEN), "{log}");
}
