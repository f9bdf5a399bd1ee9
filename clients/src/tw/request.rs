//! `tw request`.

use std::io::{self, ErrorKind, Write};

use tidewire_client::{Message, Received};

use super::arguments::RequestArgs;
use super::connecting::{Connection, Stay};
use super::input;
use super::interrupt::interruption;
use super::render::Style;
use super::{Failure, runtime};

pub(super) fn run(args: &RequestArgs) -> Result<(), Failure> {
    // Read before connecting: a broker need not wait for a person who types.
    let payload = input::payload(&args.payload)?;
    runtime()?.block_on(async {
        let interrupted = interruption(1);
        let answer = tokio::select! {
            answer = ask(args, Message::new(args.topic.as_str(), payload)) => answer?,
            _ = interrupted => return Err(Failure::Interrupted),
        };
        let mut out = Vec::new();
        Style::new(&args.output).write(&answer, &mut out);
        let mut output = io::stdout().lock();
        match output.write_all(&out).and_then(|()| output.flush()) {
            // Whoever read has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::Output),
        }
    })
}

async fn ask(args: &RequestArgs, request: Message) -> Result<Received, Failure> {
    let connection = Connection::open(&args.connection, Stay::Short).await?;
    let properties = args.properties.properties(connection.client.protocol());
    let properties = properties.map_err(|wrong| Failure::Other(wrong.0))?;
    let request = Message { properties, ..request.with_qos(args.qos) };
    let answer = connection.client.request(request, args.timeout).await;
    let answer = answer.map_err(|error| connection.failure(error))?;
    connection.tell(|| format!("answered on {}", answer.topic));
    connection.close().await?;
    Ok(answer)
}
