//! The protocol's bytes on the stream as they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::Driven;
use super::connector::Stream;

pub(super) struct Plain {
    stream: Stream,
    output: BytesMut,
    /// Received into once, then copied to the caller's buffer: that grows by what came and not by what might have.
    scratch: Box<[u8]>,
}

impl Plain {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, output: BytesMut::new(), scratch: vec![0; SCRATCH_BYTES].into() }
    }

    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.output))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(sent);
        }
        // TLS keeps what the system did not take.
        Pin::new(&mut self.stream).poll_flush(context)
    }

    pub(super) fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        input: &mut BytesMut,
    ) -> Poll<io::Result<Driven>> {
        let mut buffer = ReadBuf::new(&mut self.scratch);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(Driven::Ended));
        }
        input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(Driven::Received))
    }

    /// Ends this side and waits for the other's end: if anything were unread, the system would reset the
    /// connection, and the broker might lose the last of what was sent.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        // Whether the broker ends its side as well is nothing that can fail here.
        let _ = timeout(END_TIMEOUT, self.read_to_end()).await;
        Ok(())
    }

    async fn read_to_end(&mut self) {
        while self.stream.read(&mut self.scratch).await.is_ok_and(|count| count > 0) {}
    }
}

/// For the broker to end its side; less than there is for closing as a whole.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// As much as one system call is worth asking for.
const SCRATCH_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_reads_what_the_other_side_still_says() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(4);
            let speaking = tokio::spawn(async move {
                theirs.write_all(b"more than the pipe holds").await.unwrap();
            });
            Plain::new(Box::new(ours)).close().await.unwrap();
            speaking.await.unwrap();
        });
    }
}
