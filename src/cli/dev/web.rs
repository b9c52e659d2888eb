//! The server of the sample application: says its name over HTTP, and how often it did at `/metrics`.

use crate::app::Failure;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;

/// Serves until SIGTERM.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(listen: &str, name: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(Failure::at(format!("listen on {listen}")))?;
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(Failure::at("listen for signals"))?;
    let greeting = format!("hello from {name}\n");
    let greeted = Arc::new(AtomicU64::new(0));
    let counted = greeted.clone();
    let greet = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(greeting.clone())
    };
    let count = move || {
        let greeted = greeted.load(Ordering::Relaxed);
        let text = format!(
            "# HELP dev_web_greetings_total How often it said its name.\n# TYPE dev_web_greetings_total counter\ndev_web_greetings_total {greeted}\n"
        );
        std::future::ready(([("content-type", "text/plain; version=0.0.4")], text))
    };
    let router = Router::new().route("/", get(greet)).route("/metrics", get(count));
    let end = async move {
        stop.recv().await;
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(end)
        .await
        .map_err(Failure::at("serve"))
}
