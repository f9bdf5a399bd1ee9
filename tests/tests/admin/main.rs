//! The admin listener, and `tidewire ctl`, which asks it.

mod limits;
mod messages;
mod reload;
