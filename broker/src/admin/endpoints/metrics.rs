//! Metrics, for Prometheus and whatever else reads its formats.

use std::sync::Arc;

use hyper::StatusCode;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused, whole};
use crate::admin::call::Call;
use crate::admin::routes::Routes;
use crate::metrics::{Format, Metrics};

/// They name no client and no topic: whoever reaches the listener may read them, unless `needs_token`.
pub(super) fn add(routes: &mut Routes, needs_token: bool) {
    match needs_token {
        true => routes.get("/metrics", metrics),
        false => routes.get_open("/metrics", metrics),
    }
}

async fn metrics(admin: Arc<Admin>, call: Call) -> Result<Answer, Refused> {
    let format = Format::of(call.accept());
    // Files of /proc are read, and queues looked at.
    let encoded =
        admin.off_thread(move |admin| Metrics::new(Arc::clone(&admin.broker)).encode(format)).await?;
    match encoded {
        Ok(text) => Ok(whole(StatusCode::OK, format.content_type(), text)),
        Err(_) => {
            let reason = "the metrics cannot be written";
            Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::CONTENT_TYPE;

    use crate::admin::testing::*;
    use crate::config::Config;

    #[tokio::test]
    async fn a_reader_gets_the_format_that_it_asks_for() {
        let admin = listener(Some("127.0.0.1:8081"), Some(token(TOKEN))).admin;
        for (accept, content_type, last) in [
            ("*/*", "text/plain; version=0.0.4; charset=utf-8", "process_start_time_seconds "),
            (
                "application/openmetrics-text; version=1.0.0",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                "# EOF",
            ),
        ] {
            let answer = ask(&admin, "GET /metrics", &[HOST, &format!("accept: {accept}")], "").await;
            assert_eq!(answer.status(), 200, "{accept}: without a token, as nothing else says");
            assert_eq!(answer.headers()[CONTENT_TYPE], content_type);
            let text = text_of(answer).await;
            assert!(text.lines().last().is_some_and(|line| line.starts_with(last)), "{accept}: {text}");
        }
        assert_eq!(ask(&admin, "GET /metrics", &["host: page.example"], "").await.status(), 403);
    }

    #[tokio::test]
    async fn a_token_is_asked_for_where_the_configuration_says_so() {
        let change = |config: &mut Config| config.admin.metrics_token = true;
        let admin = listener_with(Some("127.0.0.1:8081"), Some(token(TOKEN)), change).admin;
        for (headers, status) in [(&[HOST][..], 401), (&[HOST, BEARER][..], 200)] {
            assert_eq!(ask(&admin, "GET /metrics", headers, "").await.status(), status, "{headers:?}");
        }
    }
}
