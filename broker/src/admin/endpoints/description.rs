//! The description of all that can be asked for, in OpenAPI's form.

use std::sync::Arc;

use hyper::StatusCode;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, whole};
use crate::admin::call::Call;
use crate::admin::routes::Routes;

/// OpenAPI 3.1. It is written by hand; a test holds that it names the very routes that there are.
const OPENAPI: &str = include_str!("../openapi.json");

pub(super) fn add(routes: &mut Routes) {
    routes.get_open("/api/v1/openapi.json", describe);
}

async fn describe(_: Arc<Admin>, _: Call) -> Result<Answer, Refused> {
    Ok(whole(StatusCode::OK, "application/json", OPENAPI))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::OPENAPI;
    use crate::admin::endpoints::routes;
    use crate::config::Config;

    #[test]
    fn every_route_is_described() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let routes = routes(&Config::default());
        for (path, method) in routes.list().filter(|(path, _)| path.starts_with("/api/")) {
            let described = &description["paths"][path][method.as_str().to_ascii_lowercase()];
            assert!(described.is_object(), "{method} {path} is not described");
        }
    }
}
