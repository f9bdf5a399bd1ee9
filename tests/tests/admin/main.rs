//! The admin listener, and `tidewire ctl`, which asks it.

mod description;
mod limits;
mod messages;
mod operate;
mod reload;
mod site;
