//! What can be asked, and what is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::problem::Problem;
use crate::telemetry::Metrics;
use crate::view::{Health, PartitionHealth};

/// What there is to show.
#[derive(Debug)]
pub struct Shown {
    /// The metrics.
    pub metrics: Metrics,
    /// How the workers and partitions are.
    pub health: Health,
}

pub(super) fn router(shown: Arc<Shown>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .fallback(unknown)
        .with_state(shown)
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    match shown.metrics.text() {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, text).into_response()
        }
        Err(error) => Problem {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            detail: error.to_string(),
            reasons: Vec::new(),
        }
        .into_response(),
    }
}

/// That this answers is the answer.
async fn alive() -> &'static str {
    "alive\n"
}

async fn ready(State(shown): State<Arc<Shown>>) -> Response {
    let readiness = shown.health.readiness(Instant::now());
    if !readiness.ready {
        return Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail: "not ready".to_owned(),
            reasons: readiness.reasons,
        }
        .into_response();
    }
    let partitions: BTreeMap<String, &str> = readiness
        .partitions
        .iter()
        .map(|(number, health)| (number.to_string(), word(health)))
        .collect();
    Json(json!({ "status": "ready", "partitions": partitions })).into_response()
}

fn word(health: &PartitionHealth) -> &'static str {
    match health {
        PartitionHealth::Restoring => "restoring",
        PartitionHealth::Working => "working",
        PartitionHealth::Stopped { .. } => "stopped",
    }
}

async fn unknown(uri: Uri) -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        detail: format!("nothing is served at `{}`", uri.path()),
        reasons: Vec::new(),
    }
}
