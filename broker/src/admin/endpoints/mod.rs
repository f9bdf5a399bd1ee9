//! What can be asked for: one file for each group of paths.

mod backup;
mod bans;
mod clients;
mod description;
mod metrics;
mod overview;
mod payload;
mod probes;
mod process;
mod publish;
mod queues;
mod reload;
mod retained;
mod sessions;
mod subscriptions;
mod topics;
mod trace;

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
    clients::add(&mut routes);
    bans::add(&mut routes);
    publish::add(&mut routes, config);
    process::add(&mut routes);
    backup::add(&mut routes);
    trace::add(&mut routes);
    sessions::add(&mut routes);
    subscriptions::add(&mut routes);
    topics::add(&mut routes);
    retained::add(&mut routes);
    queues::add(&mut routes);
    routes
}
