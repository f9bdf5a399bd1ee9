//! The admin listener, and `tidewire ctl`, which asks it.

mod description;
mod limits;
mod messages;
mod operate;
mod operators;
mod reload;
mod secure;
mod site;
