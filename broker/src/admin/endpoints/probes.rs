//! What those who watch over processes ask.

use std::sync::Arc;

use hyper::StatusCode;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, text};
use crate::admin::call::Call;
use crate::admin::routes::Routes;

pub(super) fn add(routes: &mut Routes) {
    routes.get_open("/healthz", health);
    routes.get_open("/readyz", readiness);
}

async fn health(_: Arc<Admin>, _: Call) -> Result<Answer, Refused> {
    Ok(text(StatusCode::OK, "ok"))
}

async fn readiness(admin: Arc<Admin>, _: Call) -> Result<Answer, Refused> {
    let unready = |reason| Ok(text(StatusCode::SERVICE_UNAVAILABLE, reason));
    if *admin.stopping.borrow() {
        unready("stopping")
    } else if admin.broker.store().is_failing() {
        unready("the store takes nothing at present: its disk is full or failing")
    } else {
        Ok(text(StatusCode::OK, "ready"))
    }
}
