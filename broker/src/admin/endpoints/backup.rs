//! A copy of the store, made while it is in use.

use std::io::{self, Read};
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::{Call, bad, said};
use crate::admin::routes::Routes;
use crate::admin::stream::BodySender;

/// Bytes that are read at a time.
const PIECE_BYTES: usize = 64 << 10;

/// How many messages are not in the archive, since they could not be read.
const UNREADABLE: HeaderName = HeaderName::from_static("tidewire-unreadable");

pub(super) fn add(routes: &mut Routes) {
    routes.add(Method::POST, "/api/v1/backup", backup);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default, deserialize_with = "said")]
    file: Option<String>,
}

#[derive(Serialize)]
struct Done {
    file: String,
    lines: u64,
    messages: u64,
    unreadable: u64,
}

async fn backup(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.has_no_query()?;
    let Arguments { file } = call.arguments()?;
    match file {
        Some(file) => {
            let made = admin.off_thread(move |admin| admin.broker.backup_as(&file)).await?;
            let (path, exported) = made.map_err(refuse)?;
            let file = path.display().to_string();
            let (lines, messages, unreadable) = (exported.lines, exported.messages, exported.unreadable);
            Ok(done(&Done { file, lines, messages, unreadable }))
        }
        None => {
            // Before the work is done: there may be as many streams as may be.
            let (sender, mut answer) = admin.streams.open("application/x-ndjson", call.grant())?;
            let (file, exported) = admin.off_thread(|admin| admin.broker.backup()).await?.map_err(refuse)?;
            answer.headers_mut().insert(UNREADABLE, HeaderValue::from(exported.unreadable));
            tokio::spawn(send(file, sender));
            Ok(answer)
        }
    }
}

/// Sends a file, and ends it as a failure where it cannot be read to its end.
async fn send(mut file: impl Read + Send + 'static, mut sender: BodySender) {
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE_BYTES];
            let size = file.read(&mut piece)?;
            piece.truncate(size);
            io::Result::Ok((file, piece))
        });
        match read.await.map_err(io::Error::other).flatten() {
            Ok((_, piece)) if piece.is_empty() => return,
            Ok((rest, piece)) => {
                file = rest;
                if let Err(gone) = sender.send(piece).await {
                    return sender.abort(gone.into());
                }
            }
            Err(error) => {
                tracing::error!(%error, "a backup cannot be read to its end");
                return sender.abort(error);
            }
        }
    }
}

fn refuse(error: io::Error) -> Refused {
    let conflict = |reason| Refused::new(StatusCode::CONFLICT, reason);
    match error.kind() {
        io::ErrorKind::AlreadyExists => conflict("there is a file of this name already"),
        io::ErrorKind::Unsupported => conflict("the store keeps nothing (storage.sync = \"memory\")"),
        io::ErrorKind::InvalidInput => bad(
            "the body: file is a name of at most 200 letters, digits and -_., which does not begin with a point",
        ),
        _ => {
            tracing::error!(%error, "no backup could be made");
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, format!("no backup could be made: {error}"))
        }
    }
}
