//! A publish that is recorded, for whoever publishes it.

use crate::message::{Attributes, AttributesBuf, Publication};
use crate::spans::{Recorded, Recording};

/// See the module.
#[derive(Debug)]
pub struct Begun {
    /// What is seen of it.
    pub recording: Recording,
    /// What travels with the message from here on; `None`: what came with it.
    pub(super) attributes: Option<AttributesBuf>,
}

impl Begun {
    /// The message as it goes on: it carries the context of its publish's span, and those who handle it record what they do.
    pub fn publication<'p>(&'p self, publication: &Publication<'p>) -> Publication<'p> {
        let attributes = self.attributes.as_ref().map_or(publication.attributes, Attributes::of);
        publication.recorded_by(&self.recording, attributes)
    }

    /// It is over; `error` says in a word why it was refused, if it was.
    pub fn end(self, error: Option<&'static str>) -> Recorded {
        self.recording.end(error)
    }
}
