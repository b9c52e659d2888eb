//! The server of the sample application: says its name over HTTP, and nothing else.

use crate::app::Failure;
use axum::Router;
use axum::routing::get;
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
    let router = Router::new().route("/", get(move || std::future::ready(greeting.clone())));
    let end = async move {
        stop.recv().await;
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(end)
        .await
        .map_err(Failure::at("serve"))
}
