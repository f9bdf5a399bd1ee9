//! The document, the dashboard and the alarms name what is there, and the document all of it.

use std::collections::BTreeSet;
use std::fs;

use super::page::{Page, broker_on_disk};
use super::root;

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the file is there")
}

/// Words in that text that are named as metrics are.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    words.filter(|word| word.starts_with("tidewire_") || word.starts_with("process_")).collect()
}

async fn page() -> Page {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let broker = broker_on_disk(folder.path());
    let page = Page::of(&broker);
    broker.store().close();
    page
}

#[tokio::test]
async fn every_metric_is_documented_with_its_type() {
    let page = page().await;
    let document = file("docs/metrics.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows = rows.filter(|(name, _)| name.starts_with("tidewire_") || name.starts_with("process_"));
    let documented: BTreeSet<_> =
        rows.map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default())).collect();
    let told: BTreeSet<_> = page.types.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    let missing: Vec<_> = told.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&told).collect();
    assert!(missing.is_empty() && stale.is_empty(), "missing: {missing:?}; stale: {stale:?}");
}

#[tokio::test]
async fn the_dashboard_and_the_alarms_ask_for_what_is_there() {
    let page = page().await;
    let names = page.names();
    let dashboard: serde_json::Value =
        serde_json::from_str(&file("broker/packaging/grafana/tidewire.json")).expect("it is JSON");
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().expect("it has panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            expressions.push(target["expr"].as_str().expect("each asks for something").to_owned());
        }
    }
    assert!(expressions.len() > 15, "{expressions:?}");
    let alarms = file("broker/packaging/prometheus/alerts.yml");
    let alarms = alarms.lines().filter_map(|line| line.trim().strip_prefix("expr:"));
    expressions.extend(alarms.map(str::to_owned));
    for expression in &expressions {
        let asked = named(expression);
        assert!(!asked.is_empty(), "{expression} asks for nothing");
        for name in asked {
            assert!(names.contains(name), "{expression} asks for {name}, which is not there");
        }
    }
}

#[test]
fn every_alarm_is_explained() {
    let document = file("docs/metrics.md");
    let alarms = file("broker/packaging/prometheus/alerts.yml");
    let names: Vec<_> = alarms.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(document.contains(&format!("| `{name}` |")), "docs/metrics.md does not explain {name}");
    }
}
