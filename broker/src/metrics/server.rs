//! How the broker itself fares: the store, how long things take, memory, the process.

use std::fmt;

use super::page::Page;
use crate::broker::Broker;
use crate::counters::{Counter, Counters, Histogram};
use crate::process::Process;
use crate::store::StoreReport;
use crate::telemetry::Telemetry;

/// Nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

pub(super) fn write(page: &mut Page<'_>, broker: &Broker) -> fmt::Result {
    page.info("tidewire_build", "The version that runs", &[("version", env!("CARGO_PKG_VERSION"))])?;
    latencies(page, &broker.counters)?;
    page.gauge(
        "tidewire_store_failing",
        "1 while the disk takes nothing and durable publishes are refused",
        u32::from(broker.store().is_failing()),
    )?;
    if let Some(report) = broker.store().report() {
        store(page, &report)?;
    }
    page.gauge(
        "tidewire_memory_short",
        "1 while there is so little memory left that clients which publish have to wait",
        u32::from(broker.memory.is_short()),
    )?;
    page.counter(
        "tidewire_memory_shortages",
        "How often there was so little memory left that clients which publish had to wait",
        broker.counters.memory_shortages.value(),
    )?;
    page.gauge(
        "tidewire_publishers_held",
        "Connections that wait for memory before what they publish is handled",
        broker.memory.held_count() as u64,
    )?;
    page.counter(
        "tidewire_panics",
        "Panics that were caught: faults of the broker's",
        broker.counters.panics.value(),
    )?;
    telemetry(page, broker.telemetry.as_deref())?;
    match Process::read() {
        Some(process) => self::process(page, &process),
        None => Ok(()),
    }
}

fn latencies(page: &mut Page<'_>, counters: &Counters) -> fmt::Result {
    let latencies = &counters.latencies;
    let mut write =
        |name, help, histogram: &Histogram| page.histogram(name, help, &histogram.spread(NANOSECONDS));
    write(
        "tidewire_turn_seconds",
        "A connection's turn: reading and handling what has come; one of 64 is measured",
        &latencies.turn,
    )?;
    write(
        "tidewire_route_seconds",
        "From reading a publish to having it in the outboxes of those who receive it; one turn of 64 measures one",
        &latencies.route,
    )?;
    write(
        "tidewire_task_late_seconds",
        "How much later than it was to be a task runs that sleeps for a second",
        &latencies.late,
    )
}

fn store(page: &mut Page<'_>, report: &StoreReport) -> fmt::Result {
    page.histogram(
        "tidewire_store_commit_seconds",
        "Writing a group of batches and making it durable",
        &report.commit,
    )?;
    page.histogram("tidewire_store_group_batches", "Batches that were committed together", &report.group)?;
    page.counter("tidewire_store_failures", "Attempts to write that the disk has refused", report.failures)?;
    page.counter(
        "tidewire_store_unreadable_messages",
        "Stored messages that could not be read back",
        report.unreadable,
    )?;
    page.gauge("tidewire_store_pending_bytes", "Bytes that wait to be written", report.pending_bytes)?;
    page.gauge(
        "tidewire_store_messages",
        "Stored messages that wait for somebody, each once",
        report.messages,
    )?;
    page.gauge("tidewire_store_archive_bytes", "Bytes of the archive on disk", report.archive_bytes)?;
    page.gauge("tidewire_store_segments", "Segments of the journal", report.segments)
}

fn telemetry(page: &mut Page<'_>, telemetry: Option<&Telemetry>) -> fmt::Result {
    let value =
        |counter: fn(&Telemetry) -> &Counter| telemetry.map_or(0, |telemetry| counter(telemetry).value());
    page.counter(
        "tidewire_spans_exported",
        "Spans that the collector has taken",
        value(|telemetry| &telemetry.exported),
    )?;
    page.counter(
        "tidewire_spans_dropped",
        "Spans that had no room while they waited, or that the collector did not take",
        value(|telemetry| &telemetry.dropped),
    )
}

/// Under the names that Prometheus' own libraries use.
fn process(page: &mut Page<'_>, process: &Process) -> fmt::Result {
    page.counter("process_cpu_seconds", "Seconds of processors that were used", process.cpu_secs)?;
    page.gauge("process_resident_memory_bytes", "Bytes of memory that are resident", process.resident_bytes)?;
    page.gauge("process_virtual_memory_bytes", "Bytes of address space", process.virtual_bytes)?;
    page.gauge("process_threads", "Threads", process.threads)?;
    page.gauge("process_open_fds", "Files and sockets that are open", process.open_files)?;
    if let Some(maximum) = process.open_files_max {
        page.gauge("process_max_fds", "Files and sockets that may be open", maximum)?;
    }
    page.gauge(
        "process_start_time_seconds",
        "When the process began, in seconds since the epoch",
        process.started_at,
    )
}
