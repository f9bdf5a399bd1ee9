//! The admin listener, and `tidewire ctl`, which asks it.

mod description;
mod limits;
mod operate;
mod reload;
mod site;
