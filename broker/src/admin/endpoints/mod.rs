//! What can be asked for: one file for each group of paths.

mod description;
mod overview;
mod probes;
mod reload;

use super::routes::Routes;
use crate::config::Config;

/// All routes there are.
pub(super) fn routes(_config: &Config) -> Routes {
    let mut routes = Routes::default();
    probes::add(&mut routes);
    description::add(&mut routes);
    overview::add(&mut routes);
    reload::add(&mut routes);
    routes
}
