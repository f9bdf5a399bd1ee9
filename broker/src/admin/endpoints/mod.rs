//! What can be asked for: one file for each group of paths.

mod description;
mod metrics;
mod overview;
mod probes;
mod reload;

use super::routes::Routes;
use crate::config::Config;

/// All routes there are.
pub(super) fn routes(config: &Config) -> Routes {
    let mut routes = Routes::default();
    probes::add(&mut routes);
    metrics::add(&mut routes, config.admin.metrics_token);
    description::add(&mut routes);
    overview::add(&mut routes);
    reload::add(&mut routes);
    routes
}
