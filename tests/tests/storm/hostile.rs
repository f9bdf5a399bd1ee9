//! A connection that means no good: it writes what it was given, in pieces, and ends as it likes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::mutate::mutate;
use crate::seeds::{Corpus, conversation};
use crate::web_socket;
use tidewire_tests::random::Random;

/// How long the broker may take to notice that the other side has said its last.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long a connection stays when it has said everything.
const STAY_MS: [u64; 4] = [0, 5, 100, 1_500];

/// What all of them share.
pub(crate) struct Storm {
    pub(crate) seed: u64,
    pub(crate) mqtt: SocketAddr,
    pub(crate) websocket: SocketAddr,
    pub(crate) corpus: Corpus,
    pub(crate) is_over: AtomicBool,
    pub(crate) cases: AtomicU64,
    pub(crate) mutations: AtomicU64,
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

/// What is written, and how.
struct Case {
    is_web_socket: bool,
    upgrade: Vec<u8>,
    bytes: Vec<u8>,
    /// The largest piece that is written at once.
    piece_max: usize,
    reads: bool,
    stay: Duration,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Close,
    HalfClose,
    Reset,
}

impl Storm {
    /// Plays one case after the other until the storm is over. A case follows from the seed and its number.
    pub(crate) async fn rage(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.cases.fetch_add(1, Ordering::Relaxed);
            let mut random = Random::new(self.seed, number);
            let case = self.case(&mut random);
            self.bytes.fetch_add(case.bytes.len() as u64, Ordering::Relaxed);
            self.play(number, case, &mut random).await;
        }
    }

    fn case(&self, random: &mut Random) -> Case {
        let (packets, other) = (conversation(random, &self.corpus), conversation(random, &self.corpus));
        self.packets.fetch_add(packets.len() as u64, Ordering::Relaxed);
        let (mut bytes, mutations) = mutate(random, packets, &other);
        self.mutations.fetch_add(mutations, Ordering::Relaxed);
        let is_web_socket = random.percent(50);
        let mut upgrade = Vec::new();
        if is_web_socket {
            upgrade = web_socket::upgrade(random, &other);
            bytes = web_socket::frames(random, &bytes, &other);
        }
        Case {
            is_web_socket,
            upgrade,
            bytes,
            piece_max: random.pick(&[3, 100, 4_000, 1_000_000]),
            reads: random.percent(80),
            stay: Duration::from_millis(random.pick(&STAY_MS)),
            end: random.pick(&[End::Close, End::HalfClose, End::Reset]),
        }
    }

    async fn play(&self, number: u64, case: Case, random: &mut Random) {
        let address = if case.is_web_socket { self.websocket } else { self.mqtt };
        let connected = timeout(DEADLINE, TcpStream::connect(address)).await;
        let stream = connected.expect("the broker accepts in time").expect("the broker accepts");
        let (mut read, mut write) = stream.into_split();
        if case.is_web_socket
            && (write.write_all(&case.upgrade).await.is_err() || !is_answered(&mut read).await)
        {
            return;
        }
        let reader = async {
            if case.reads {
                drain(&mut read).await;
            }
        };
        let writer = write_pieces(&mut write, &case.bytes, case.piece_max, random);
        // Both at once, as a client does; whoever does not read may find that he cannot write for ever either.
        let limit = case.stay + Duration::from_millis(500);
        let _ = timeout(limit, async {
            tokio::join!(reader, async { timeout(limit - case.stay, writer).await })
        })
        .await;
        match case.end {
            End::Close => {}
            End::HalfClose => {
                let is_shut = write.shutdown().await.is_ok();
                let ended = timeout(DEADLINE, drain(&mut read)).await;
                assert!(
                    !is_shut || ended.is_ok(),
                    "case {number}: the broker kept a connection that was at its end"
                );
            }
            // It fails only when the broker was first.
            End::Reset => drop(read.as_ref().set_zero_linger()),
        }
    }
}

/// Reads until the answer's head has ended, or everything has, or the broker waits for more of the request.
async fn is_answered(read: &mut OwnedReadHalf) -> bool {
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = timeout(Duration::from_secs(3), read.read_buf(&mut answer)).await;
        if !matches!(read, Ok(Ok(1..))) {
            return false;
        }
    }
    answer.starts_with(b"HTTP/1.1 101")
}

async fn write_pieces(write: &mut OwnedWriteHalf, mut bytes: &[u8], piece_max: usize, random: &mut Random) {
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((1 + random.below(piece_max)).min(bytes.len()));
        if write.write_all(piece).await.is_err() {
            return;
        }
        bytes = rest;
        tokio::task::yield_now().await;
    }
}

async fn drain(read: &mut OwnedReadHalf) {
    let mut buffer = vec![0; 16 * 1024];
    while matches!(read.read(&mut buffer).await, Ok(1..)) {}
}
