//! The spans of one publish: what happened to a message on its way through the broker, and when. They are of OpenTelemetry's
//! data model; which publishes are recorded, and where spans go, is for [`telemetry`](crate::telemetry) to say.
//!
//! ```text
//!   the publisher's span ──▶ publish ──┬──▶ route      who receives it
//!                               │      ├──▶ deliver    one for each receiver, up to a bound
//!                               │      └──▶ deliver
//!                               └─────────▶ the receivers' own spans: the message carries this one's context
//! ```

mod context;
mod recorded;
mod recording;

pub use self::context::{SpanId, TraceContext, TraceId};
pub use self::recorded::{Delivery, Outcome, Party, Period, Recorded, Route};
pub use self::recording::{Beginning, Recording};
