//! A worker on a STOMP queue: takes one job at a time, and acknowledges it together with its result, in one transaction.
//! What it cannot do becomes a dead letter. Start several; each job is one worker's.
//!
//! ```text
//! cargo run -p tidewire-client --example queue_worker -- ws://127.0.0.1:8080/
//! tw pub --stomp -t /queue/jobs -m 7
//! tw sub --stomp -t /queue/results
//! ```

use std::env;
use std::error::Error;
use std::num::NonZeroU16;

use tidewire_client::{Acknowledge, Client, Message, Options, Protocol, Received, Subscription, connect};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8080/".to_owned()).parse()?;
    let client = connect(&url, Options::default().with_protocol(Protocol::Stomp)).await?;
    let jobs = Subscription::from("/queue/jobs")
        .with_acknowledge(Acknowledge::Manual)
        // The next job may as well be somebody else's while this one is at work.
        .with_prefetch(NonZeroU16::MIN);
    let mut jobs = client.subscribe(jobs).await?;
    while let Some(job) = jobs.next().await {
        work(&client, job).await?;
    }
    Ok(client.ended().await?)
}

/// Squares a number.
async fn work(client: &Client, job: Received) -> Result<(), tidewire_client::Error> {
    let number = std::str::from_utf8(&job.payload).ok().and_then(|text| text.trim().parse::<i64>().ok());
    let Some(square) = number.and_then(|number| number.checked_mul(number)) else {
        job.discard();
        return Ok(());
    };
    let transaction = client.begin().await?;
    transaction.send(Message::new("/queue/results", square.to_string())).await?;
    transaction.acknowledge(job);
    match transaction.commit().await {
        // The connection went, and the job comes again.
        Err(tidewire_client::Error::TransactionLost | tidewire_client::Error::FateUnknown) => Ok(()),
        outcome => outcome,
    }
}
