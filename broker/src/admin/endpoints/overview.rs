//! The broker at a glance.

use std::sync::Arc;

use serde::Serialize;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, done};
use crate::admin::call::Call;
use crate::admin::routes::Routes;
use crate::broker::inspect::Counts;

pub(super) fn add(routes: &mut Routes) {
    routes.get("/api/v1/overview", overview);
}

#[derive(Serialize)]
struct Overview {
    version: &'static str,
    #[serde(flatten)]
    counts: Counts,
}

async fn overview(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.says_nothing()?;
    Ok(done(&Overview { version: env!("CARGO_PKG_VERSION"), counts: admin.broker.counts() }))
}
