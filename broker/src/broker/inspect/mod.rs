//! What those who run the broker may see of it. Whatever walks over many sessions collects them first, and looks at each
//! afterwards: no lock of a map is held meanwhile. Where that may take long, it is called off the threads that serve.

mod counts;
mod durable;
mod figures;
mod queues;
mod requeue;
mod retained;
mod topics;

pub use self::counts::Counts;
pub use self::figures::Figures;
pub use self::queues::{Purged, QueueView, QueuesPage};
pub use self::requeue::Requeued;

#[cfg(test)]
mod tests;
