//! The metrics of a store on disk.

use std::time::{Duration, Instant};

use tidewire::message::{Publication, Qos, SessionId};
use tidewire::store::CommitId;
use tidewire_tests::mqtt::topic;

use super::page::{Page, broker_on_disk};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_commit_is_counted_and_timed() {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let broker = broker_on_disk(folder.path());
    let before = Page::of(&broker);
    let mut turn = broker.turn();
    let mut publication = Publication::new(topic("$queue/jobs"), b"work", SessionId::BROKER);
    publication.qos = Qos::AtLeastOnce;
    broker.publish(&mut turn, &publication).expect("the disk takes it");
    let commit = turn.finish().expect("the disk takes it");
    assert_ne!(commit, CommitId::NONE, "something was stored");
    let deadline = Instant::now() + DEADLINE;
    while broker.store().durable() < commit {
        assert!(Instant::now() < deadline, "the disk is too slow");
        tokio::task::yield_now().await;
    }
    let after = Page::of(&broker);
    for (sample, by) in [
        ("tidewire_store_commit_seconds_count", 1.0),
        (r#"tidewire_store_commit_seconds_bucket{le="+Inf"}"#, 1.0),
        ("tidewire_store_group_batches_count", 1.0),
        ("tidewire_store_group_batches_sum", 1.0),
        (r#"tidewire_store_group_batches_bucket{le="1"}"#, 1.0),
        ("tidewire_store_messages", 1.0),
        ("tidewire_store_failing", 0.0),
        ("tidewire_store_failures_total", 0.0),
        ("tidewire_store_unreadable_messages_total", 0.0),
    ] {
        let value = |page: &Page| page.samples.get(sample).copied();
        let moved = value(&after).zip(value(&before)).map(|(after, before)| after - before);
        assert_eq!(moved, Some(by), "{sample} of {:?}", after.names());
    }
    assert!(after.samples["tidewire_store_commit_seconds_sum"] > 0.0);
    assert!(after.samples["tidewire_store_segments"] >= 1.0);
    assert!(after.samples["tidewire_store_archive_bytes"] > 0.0);
    assert!(after.samples.contains_key("tidewire_store_pending_bytes"));
    broker.store().close();
}
