//! The services for hyper, axum and warp on the server of this crate, where an idle stream takes less than 3 KiB:
//! `cargo run -p frameworks --bin served -- 127.0.0.1:3000 axum`

#[expect(dead_code, reason = "a program, of which only the service is used here")]
#[path = "axum.rs"]
mod axum;
#[expect(dead_code, reason = "a program, of which only the service is used here")]
#[path = "hyper.rs"]
mod hyper;
#[expect(dead_code, reason = "a program, of which only the service is used here")]
#[path = "warp.rs"]
mod warp;

use std::{env, error::Error, time::Duration};

use ssekit::{Bounds, Hub, hub::Close, serve::Server};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let listener = TcpListener::bind(arguments.next().unwrap_or("127.0.0.1:3000".into())).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // The server sets TCP_NODELAY, and cuts after five seconds what has not ended.
    let (server, stop) = (Server::new(), close_on_signal(hub.clone()));
    match arguments.next().as_deref() {
        Some("axum") | None => server.serve_until(listener, axum::app(hub), stop).await,
        Some("hyper") => server.serve_until(listener, hyper::service(hub), stop).await,
        Some("warp") => server.serve_until(listener, ::warp::service(warp::routes(hub)), stop).await,
        Some(framework) => return Err(format!("{framework}: axum, hyper or warp").into()),
    };
    Ok(())
}

async fn close_on_signal(hub: Hub) {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
}
