//! What those who run the broker may see of it. Whatever walks over many sessions collects them first, and looks at each
//! afterwards: no lock of a map is held meanwhile. Such a walk takes long with many clients, and is not for the threads that
//! serve.

mod client;
mod clients;
mod counts;
mod figures;
mod listed;
mod queues;
mod requeue;
mod retained;
mod sessions;
mod subscriptions;
mod topics;

pub use self::client::{ClientDetail, WillSummary};
pub use self::clients::{Client, ClientFilter, ClientState, Waiting};
pub use self::counts::Counts;
pub use self::figures::Figures;
pub use self::listed::Listed;
pub use self::queues::{Purged, QueueView};
pub use self::requeue::Requeued;
pub use self::sessions::{SessionFilter, SessionSummary};
pub use self::subscriptions::{SubscriptionFilter, SubscriptionPlace, SubscriptionSummary};

#[cfg(test)]
mod tests;
