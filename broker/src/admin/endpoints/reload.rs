//! Settings that are read again while connections are served.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::admin::answer::{self, Answer, Refused, done};
use crate::admin::call::Call;
use crate::admin::routes::Routes;
use crate::admin::{Admin, Reloaded};

pub(super) fn add(routes: &mut Routes) {
    routes.add(Method::POST, "/api/v1/reload", reload);
}

async fn reload(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    call.says_nothing()?;
    // Files are read, so not on the threads that serve.
    let reloaded = admin.off_thread(|admin| admin.reload.reload()).await?;
    Ok(match reloaded {
        Ok(Reloaded { warnings, changes }) => {
            done(&json!({ "reloaded": true, "warnings": warnings, "changes": changes }))
        }
        Err(errors) => {
            answer::json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "reloaded": false, "errors": errors }))
        }
    })
}
