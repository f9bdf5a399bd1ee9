//! What those who run the broker may do to it.

mod kick;
