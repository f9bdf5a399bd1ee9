//! A listener without sockets, for tests of what it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::answer::Answer;
use super::{Access, Admin, Reload, Reloaded};
use crate::auth::Gate;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::{AdminToken, Change, Config, ConfigError};
use crate::store::{Batch, CommitId, Fetch, MemoryStore, Store, StoreError};

pub(super) const TOKEN: &str = "0123456789abcdef";

/// A reload that goes as it is told.
#[derive(Default)]
pub(super) struct Files {
    pub(super) are_wrong: AtomicBool,
}

impl Reload for Files {
    fn reload(&self) -> Result<Reloaded, Vec<ConfigError>> {
        let said = |text: &str| {
            let (place, excerpt) = ("acl.toml:2:1".to_owned(), Some("    alow = []".to_owned()));
            vec![ConfigError { place, text: text.to_owned(), excerpt }]
        };
        match self.are_wrong.load(Ordering::Relaxed) {
            true => Err(said("wrong")),
            false => Ok(Reloaded { warnings: said("not nice"), changes: vec![changed()] }),
        }
    }
}

/// What a reload changes.
pub(super) fn changed() -> Change {
    Change {
        key: "limits.packet_size_max".to_owned(),
        old: Some("\"16MiB\"".to_owned()),
        new: Some("\"1MiB\"".to_owned()),
        is_content: false,
        takes_restart: false,
    }
}

/// The memory store with a disk that may fail.
#[derive(Default)]
pub(super) struct Disk {
    memory: MemoryStore,
    pub(super) fails: AtomicBool,
}

impl Store for Disk {
    fn apply(&self, batch: &mut Batch) -> Result<CommitId, StoreError> {
        self.memory.apply(batch)
    }
    fn durable(&self) -> CommitId {
        self.memory.durable()
    }
    fn wake_when_durable(&self, commit: CommitId, waker: &std::task::Waker) {
        self.memory.wake_when_durable(commit, waker);
    }
    fn is_failing(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }
    fn applied(&self) -> CommitId {
        self.memory.applied()
    }
    fn fetch(&self, fetch: Fetch) {
        self.memory.fetch(fetch);
    }
    fn promise(&self) -> String {
        self.memory.promise()
    }
}

pub(super) struct Listener {
    pub(super) admin: Arc<Admin>,
    pub(super) files: Arc<Files>,
    pub(super) disk: Arc<Disk>,
    pub(super) stop: watch::Sender<bool>,
}

pub(super) fn token(text: &str) -> AdminToken {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    AdminToken::load(&file).unwrap()
}

pub(super) fn listener(address: Option<&str>, token: Option<AdminToken>) -> Listener {
    listener_with(address, token, |_| ())
}

/// The same with some settings changed.
pub(super) fn listener_with(
    address: Option<&str>,
    token: Option<AdminToken>,
    change: impl FnOnce(&mut Config),
) -> Listener {
    let mut config = Config::default();
    change(&mut config);
    let (files, disk) = (Arc::<Files>::default(), Arc::<Disk>::default());
    let store = Arc::clone(&disk);
    let broker = Arc::new(Broker::new(config, Arc::new(Gate::default()), store, Clock::system()));
    let (stop, stopping) = watch::channel(false);
    let address = address.map(|address| address.parse().unwrap());
    let access = Arc::new(Access::new(token, false));
    let reload = Arc::clone(&files);
    let admin = Arc::new(Admin::new(broker, access, reload, stopping, address));
    Listener { admin, files, disk, stop }
}

/// Asks for `"METHOD path"` with headers of `"name: value"` and a body.
pub(super) async fn ask(admin: &Arc<Admin>, what: &str, headers: &[&str], body: &str) -> Answer {
    let (method, path) = what.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for line in headers {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    admin.answer(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
}

pub(super) async fn text_of(answer: Answer) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

pub(super) async fn json_of(answer: Answer) -> Value {
    serde_json::from_str(&text_of(answer).await).unwrap()
}

pub(super) const HOST: &str = "host: 127.0.0.1:8081";
pub(super) const JSON: &str = "content-type: application/json";
pub(super) const BEARER: &str = "authorization: Bearer 0123456789abcdef";
