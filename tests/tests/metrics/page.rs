//! The page of metrics, read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidewire::broker::Broker;
use tidewire::clock::Clock;
use tidewire::config::Config;
use tidewire::metrics::{Format, Metrics};
use tidewire::store::{DiskStore, Options};

/// One reading.
pub(crate) struct Page {
    /// Each sample, by its name and labels as they are written.
    pub(crate) samples: BTreeMap<String, f64>,
    /// Metrics with their types, as they are announced.
    pub(crate) types: BTreeMap<String, String>,
}

impl Page {
    pub(crate) fn of(broker: &Arc<Broker>) -> Self {
        Self::read(&encoded(broker, Format::Text))
    }

    fn read(text: &str) -> Self {
        let mut page = Self { samples: BTreeMap::new(), types: BTreeMap::new() };
        for line in text.lines() {
            if let Some(announced) = line.strip_prefix("# TYPE ") {
                let (name, kind) = announced.split_once(' ').expect("a type follows");
                let earlier = page.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(earlier, None, "{name} is announced once");
            } else if !line.starts_with('#') {
                let (sample, value) = line.rsplit_once(' ').expect("a value follows");
                let value = value.parse().expect("a value is a number");
                let earlier = page.samples.insert(sample.to_owned(), value);
                assert_eq!(earlier, None, "{sample} is told once");
            }
        }
        page
    }

    /// The names that samples have.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|sample| metric(sample)).collect()
    }
}

/// A sample's name without its labels.
pub(crate) fn metric(sample: &str) -> &str {
    sample.split('{').next().unwrap_or(sample)
}

/// All metrics of a broker in this format.
pub(crate) fn encoded(broker: &Arc<Broker>, format: Format) -> String {
    Metrics::new(Arc::clone(broker)).encode(format).expect("they can be written")
}

/// A broker with a store on disk, so that all metrics are there, which serves nobody.
pub(crate) fn broker_on_disk(folder: &std::path::Path) -> Arc<Broker> {
    let (store, recovered) = DiskStore::open(folder, Options::default()).expect("it can be made");
    let config = Config::default();
    let authority = config.authority().expect("the default names no files");
    let broker = Broker::new(config, authority, store, Clock::system());
    broker.restore(recovered);
    Arc::new(broker)
}
