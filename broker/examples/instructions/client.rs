//! A network connection without a network: it takes turns as `tidewire::connection` does.

use std::path::Path;
use std::sync::Arc;
use std::task::Waker;

use tidewire::auth::acl::Acl;
use tidewire::auth::{Authority, Gate, Policy};
use tidewire::broker::Broker;
use tidewire::clock::Clock;
use tidewire::config::Config;
use tidewire::connection::{Flow, Protocol};
use tidewire::output::Output;
use tidewire::session::{Link, READY_BYTES_MAX};
use tidewire::store::MemoryStore;

/// As much as a connection keeps of its output.
const OUTPUT_KEPT_BYTES: usize = 1024;

/// See the module.
pub(crate) struct Client {
    broker: Arc<Broker>,
    link: Arc<Link>,
    protocol: Box<dyn Protocol>,
    output: Output,
    /// What a socket would have been given.
    pub(crate) written: Vec<u8>,
}

/// A broker with the default configuration, which keeps everything in memory.
pub(crate) fn broker() -> Arc<Broker> {
    let authority = Config::default().authority().expect("the default configuration names no files");
    broker_of(authority)
}

/// The same with a hundred rules. Of those that are for its clients the last one allows what they do, as in
/// `clients/bench/guard`.
pub(crate) fn broker_with_rules() -> Arc<Broker> {
    let mut rules = String::new();
    for number in 0..96 {
        rules += &format!(
            "[[rules]]\nusers = [\"user-{number}\"]\nallow = [\"all\"]\ntopics = [\"users/{number}/#\"]\n"
        );
    }
    rules += "[[rules]]\ndeny = [\"all\"]\ntopics = [\"secret/#\"]\n\
              [[rules]]\ndeny = [\"publish\"]\ntopics = [\"news/#\", \"plans/+/draft\"]\n\
              [[rules]]\nallow = [\"subscribe\"]\ntopics = [\"news/#\"]\n\
              [[rules]]\nallow = [\"publish\", \"subscribe\"]\ntopics = [\"+/#\"]\n";
    let acl = Acl::parse(Path::new("rules"), &rules).expect("the rules are right");
    broker_of(Arc::new(Gate::new(Policy { acl: Some(acl), anonymous: true, ..Policy::default() })))
}

fn broker_of(authority: Arc<dyn Authority>) -> Arc<Broker> {
    Arc::new(Broker::new(Config::default(), authority, Arc::new(MemoryStore::default()), Clock::system()))
}

impl Client {
    /// Opens a connection that speaks what `make` makes, and says `greeting`, which must be answered.
    pub(crate) fn new(
        broker: &Arc<Broker>,
        make: impl FnOnce(Arc<Broker>, Arc<Link>) -> Box<dyn Protocol>,
        greeting: &[u8],
    ) -> Self {
        let link = broker.new_link("a scenario");
        let protocol = make(Arc::clone(broker), Arc::clone(&link));
        let (output, written) = (Output::default(), Vec::new());
        let mut client = Self { broker: Arc::clone(broker), link, protocol, output, written };
        client.turn(greeting);
        assert!(!client.written.is_empty(), "the greeting is answered");
        client.written.clear();
        client
    }

    /// What has been written since this was called last.
    pub(crate) fn take_written(&mut self) -> Vec<u8> {
        let room = Vec::with_capacity(self.written.len());
        std::mem::replace(&mut self.written, room)
    }

    /// One turn: handles `input`, which is whole packets or frames, commits, and writes what is due.
    pub(crate) fn turn(&mut self, input: &[u8]) {
        self.link.register(Waker::noop());
        let mut turn = self.broker.turn();
        let now = turn.now;
        assert_eq!(self.protocol.handle_wake(&mut turn), Flow::Continue);
        if !input.is_empty() {
            let (used, flow) = self.protocol.handle_input(&mut turn, input);
            assert_eq!((used, flow), (input.len(), Flow::Continue), "all of it is handled");
        }
        let commit = turn.finish().expect("memory takes everything");
        self.protocol.handle_commit(commit);
        loop {
            let mut turn = self.broker.turn_at(now);
            self.protocol.poll_transmit(&mut turn, &mut self.output);
            turn.finish().expect("memory takes everything");
            let is_all = self.output.len() < READY_BYTES_MAX;
            self.written.extend_from_slice(&self.output.bytes);
            self.output.clear(OUTPUT_KEPT_BYTES);
            if is_all {
                return;
            }
        }
    }
}
