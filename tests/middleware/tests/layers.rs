//! The layers of tower-http around an event stream: each row of the guide's page on middleware.

use std::{
    io,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
        header::{
            ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION,
            CACHE_CONTROL, CONTENT_ENCODING, ORIGIN,
        },
    },
    middleware,
    routing::get,
};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use ssekit::{Bounds, Event, EventStream, EventStreamError, Hub, Subscribe, serve::Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};
use tower::{ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{Any, CorsLayer},
    csrf::CsrfLayer,
    decompression::DecompressionLayer,
    limit::RequestBodyLimitLayer,
    metrics::InFlightRequestsLayer,
    on_early_drop::{OnBodyDropFn, OnEarlyDropLayer},
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetResponseHeaderLayer,
    timeout::{ResponseBodyDeadlineLayer, ResponseBodyTimeoutLayer, TimeoutLayer},
    trace::{DefaultMakeSpan, DefaultOnEos, DefaultOnResponse, TraceLayer},
};
use tracing::Level;

#[tokio::test]
async fn compression_leaves_an_event_stream_as_it_is() {
    let app = router(&hub()).layer(CompressionLayer::new());
    let response = app.oneshot(compressing(get_events())).await.unwrap();
    assert!(!response.headers().contains_key(CONTENT_ENCODING));
    assert!(frame(&mut response.into_body()).await.contains("event: position"));
}

#[tokio::test]
async fn compression_of_every_type_sends_each_event_at_once_to_clients_that_undo_it() {
    let hub = hub();
    let compressed = router(&hub).layer(CompressionLayer::new().compress_when(every_type));
    let response = compressed.clone().oneshot(compressing(get_events())).await.unwrap();
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    let mut events = EventStream::from(response);
    assert!(matches!(events.next().await, Some(Err(EventStreamError::ContentEncoding))));

    // The layer of a client asks for it and undoes it.
    let client = ServiceBuilder::new().layer(DecompressionLayer::new()).service(compressed);
    let response = client.oneshot(get_events()).await.unwrap();
    let mut events = EventStream::from(response);
    assert_eq!(events.next().await.unwrap().unwrap().event_type(), "position");
    for data in ["1", "2", "3"] {
        hub.publish("orders", data).unwrap();
        let event = timeout(PATIENCE, events.next()).await.expect("it is held back");
        assert_eq!(event.unwrap().unwrap().data(), data);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_with_the_response_s_head() {
    let slow = async || {
        sleep(SECOND * 20).await;
        "never said"
    };
    let app = router(&hub())
        .route("/slow", get(slow))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, SECOND * 10));
    let response = app.clone().oneshot(get_events()).await.unwrap();
    let mut body = response.into_body();
    frame(&mut body).await;
    assert!(timeout(HOUR, body.frame()).await.is_err(), "the stream has ended");

    let response = app.oneshot(request("/slow")).await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_body_timeout_cuts_a_silent_stream_and_keep_alives_prevent_it() {
    let hub = hub();
    for (keep_alive, survives) in [(None, false), (Some(SECOND * 15), true)] {
        let app = kept_alive(&hub, keep_alive).layer(ResponseBodyTimeoutLayer::new(SECOND * 60));
        let response = app.oneshot(get_events()).await.unwrap();
        assert_eq!(outlives(response, HOUR).await, survives);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_deadline_cuts_every_stream_and_a_lifetime_ends_it_before() {
    let hub = hub();
    let app = kept_alive(&hub, Some(SECOND * 15)).layer(ResponseBodyDeadlineLayer::new(SECOND * 60));
    let response = app.oneshot(get_events()).await.unwrap();
    assert!(ended(response).await.is_err());

    let source = hub.clone();
    let brief = Router::new()
        .route(
            "/orders",
            get(async move || {
                let brief = Subscribe::to("orders").lifetime(SECOND * 40..=SECOND * 50);
                ssekit::response(source.subscribe(brief).unwrap().keep_alive(SECOND * 15))
            }),
        )
        .layer(ResponseBodyDeadlineLayer::new(SECOND * 60));
    let response = brief.oneshot(get_events()).await.unwrap();
    assert!(ended(response).await.is_ok());
}

#[tokio::test]
async fn a_request_body_limit_bounds_what_is_published_and_no_stream() {
    let hub = hub();
    let app = router(&hub).layer(RequestBodyLimitLayer::new(16));
    let mut body = app.clone().oneshot(get_events()).await.unwrap().into_body();
    frame(&mut body).await;
    for _ in 0..10 {
        hub.publish("orders", "an event of more than sixteen bytes").unwrap();
        assert!(frame(&mut body).await.contains("more than sixteen"));
    }
    let large = Request::post("/orders").body(Body::from("x".repeat(17))).unwrap();
    assert_eq!(app.oneshot(large).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_trace_has_the_head_at_once_and_the_end_of_the_stream_in_one_span() {
    let (log, _guard) = Log::record();
    let hub = hub();
    let trace = TraceLayer::new_for_http()
        .on_response(DefaultOnResponse::new().level(Level::INFO))
        .on_eos(DefaultOnEos::new().level(Level::INFO));
    let app = router(&hub).layer(trace);
    let mut body = app.oneshot(get_events()).await.unwrap().into_body();
    assert!(log.text().contains("finished processing request"));
    assert!(!log.text().contains("end of stream"));
    frame(&mut body).await;

    // It falls behind the history, which is noticed when the response is polled.
    for number in 0..200 {
        hub.publish("orders", number.to_string()).unwrap();
    }
    timeout(PATIENCE, async { while body.frame().await.is_some() {} }).await.expect("the stream goes on");
    let lag = log.line("ssekit::hub");
    assert!(lag.contains("request{method=GET uri=/orders"), "{lag}");
    assert!(log.line("end of stream").contains("request{method=GET uri=/orders"), "{}", log.text());
}

#[tokio::test]
async fn a_trace_has_the_query_unless_the_span_is_made_without() {
    let default = DefaultMakeSpan::new().level(Level::INFO);
    let (log, guard) = Log::record();
    let app = router(&hub()).layer(TraceLayer::new_for_http().make_span_with(default));
    app.oneshot(request("/orders?ticket=secret")).await.unwrap();
    assert!(log.text().contains("secret"));
    drop(guard);

    let (log, _guard) = Log::record();
    let response = DefaultOnResponse::new().level(Level::INFO);
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request<Body>| tracing::info_span!("request", path = request.uri().path()))
        .on_response(response);
    let app = router(&hub()).layer(trace);
    app.oneshot(request("/orders?ticket=secret")).await.unwrap();
    assert!(log.line("finished processing request").contains("/orders"));
    assert!(!log.text().contains("secret"));
}

#[tokio::test]
async fn sensitive_headers_are_hidden_from_the_trace() {
    let (log, _guard) = Log::record();
    let span = DefaultMakeSpan::new().level(Level::INFO).include_headers(true);
    let response = DefaultOnResponse::new().level(Level::INFO);
    let trace = TraceLayer::new_for_http().make_span_with(span).on_response(response);
    let app = router(&hub()).layer(
        ServiceBuilder::new().layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION])).layer(trace),
    );
    let mut request = get_events();
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    app.oneshot(request).await.unwrap();
    assert!(log.text().contains("Sensitive"), "{}", log.text());
    assert!(!log.text().contains("secret"));
}

#[tokio::test]
async fn a_panic_is_caught_in_the_handler_and_not_in_the_stream() {
    let breaks = async || {
        ssekit::response(stream::iter([Event::new("1"), Event::new("2")]).map(|event| {
            assert_eq!(event.encode(), "data: 1\n\n", "the stream is broken");
            event
        }))
    };
    let app = Router::new()
        .route("/handler", get(async || -> &'static str { panic!("the handler is broken") }))
        .route("/stream", get(breaks))
        .layer(CatchPanicLayer::new());
    let response = app.clone().oneshot(request("/handler")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);

    let mut body = app.oneshot(request("/stream")).await.unwrap().into_body();
    frame(&mut body).await;
    assert!(AssertUnwindSafe(body.frame()).catch_unwind().await.is_err(), "the panic was caught");
}

#[tokio::test]
async fn cors_names_the_page_s_origin_on_streams_and_on_refusals() {
    let hub = hub();
    let app = router(&hub).layer(
        CorsLayer::new()
            .allow_origin([HeaderValue::from_static("https://shop.example")])
            .allow_credentials(true),
    );
    hub.publish("orders", "1").unwrap();
    for (origin, named) in [("https://shop.example", true), ("https://other.example", false)] {
        let response = app.clone().oneshot(from_origin(get_events(), origin)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let allowed = response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed.is_some_and(|allowed| allowed == origin), named, "{origin}");
    }
    hub.finish("orders");
    let mut done = from_origin(get_events(), "https://shop.example");
    let last = hub.topic("orders").history(None, 1).position().unwrap().as_id().unwrap().clone();
    done.headers_mut().insert("last-event-id", last.as_str().parse().unwrap());
    let response = app.oneshot(done).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example");
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
}

#[test]
#[should_panic(expected = "Invalid CORS configuration")]
fn cors_with_credentials_and_any_origin_panics() {
    let _ = router(&hub()).layer(CorsLayer::new().allow_origin(Any).allow_credentials(true));
}

#[tokio::test]
async fn csrf_protection_refuses_a_foreign_publish_and_lets_a_foreign_stream_pass() {
    let app = router(&hub()).layer(CsrfLayer::new());
    let foreign = |mut request: Request<Body>| {
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        request
    };
    let publish = Request::post("/orders").body(Body::from("two coffees")).unwrap();
    assert_eq!(app.clone().oneshot(foreign(publish)).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(app.oneshot(foreign(get_events())).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_header_that_is_set_replaces_the_stream_s_unless_it_is_set_if_not_present() {
    let public = HeaderValue::from_static("public, max-age=60");
    let replaced = router(&hub()).layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, public.clone()));
    let response = replaced.oneshot(get_events()).await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=60");

    let kept = router(&hub()).layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, public));
    let response = kept.oneshot(get_events()).await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-cache, no-store, no-transform");
}

#[tokio::test]
async fn a_request_id_is_on_the_stream_s_head() {
    #[derive(Clone)]
    struct Seven;

    impl MakeRequestId for Seven {
        fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
            Some(RequestId::new(HeaderValue::from_static("7")))
        }
    }

    let ids = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(Seven))
        .layer(PropagateRequestIdLayer::x_request_id());
    let response = router(&hub()).layer(ids).oneshot(get_events()).await.unwrap();
    assert_eq!(response.headers()[HeaderName::from_static("x-request-id")], "7");
}

#[tokio::test]
async fn requests_in_flight_count_a_stream_until_it_is_dropped() {
    let (layer, counter) = InFlightRequestsLayer::pair();
    let app = router(&hub()).layer(layer);
    let mut body = app.oneshot(get_events()).await.unwrap().into_body();
    frame(&mut body).await;
    assert_eq!(counter.get(), 1);
    drop(body);
    assert_eq!(counter.get(), 0);
}

#[tokio::test]
async fn an_early_drop_is_each_client_that_leaves() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let layer = OnEarlyDropLayer::builder().on_body_drop(OnBodyDropFn::new(move |_: &Request<Body>| {
        let count = Arc::clone(&count);
        move |_: &axum::http::response::Parts| {
            move || {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }));
    let app = router(&hub()).layer(layer);
    let mut body = app.oneshot(get_events()).await.unwrap().into_body();
    frame(&mut body).await;
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    drop(body);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_concurrency_limit_does_not_count_open_streams() {
    let hub = hub();
    let app = ServiceBuilder::new().layer(GlobalConcurrencyLimitLayer::new(1)).service(router(&hub));
    let first = app.clone().oneshot(get_events()).await.unwrap();
    let second = app.oneshot(get_events()).now_or_never().expect("the limit holds it back").unwrap();
    assert_eq!(hub.stats().subscribers, 2);
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_collects_the_body_waits_for_the_end_of_the_stream() {
    async fn sign(request: axum::extract::Request, next: middleware::Next) -> Response<Body> {
        let (mut head, body) = next.run(request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        head.headers.insert("x-length", body.len().into());
        Response::from_parts(head, body.into())
    }

    let hub = hub();
    let app = router(&hub).layer(middleware::from_fn(sign));
    assert!(timeout(HOUR, app.oneshot(get_events())).await.is_err(), "the head came");
}

/// The head says `connection: close` if the server took the stream over from hyper.
#[tokio::test]
async fn a_stream_is_handed_over_by_the_crate_s_server_behind_layers_but_not_if_compressed() {
    let plain = router(&hub())
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, SECOND * 10))
        .layer(CorsLayer::new().allow_origin(Any))
        .layer(CompressionLayer::new());
    let compressed = router(&hub()).layer(CompressionLayer::new().compress_when(every_type));
    let server = Server::new();
    for (app, is_handed_over) in [(plain, true), (compressed, false)] {
        let (mut client, stream) = tokio::io::duplex(4096);
        server.spawn(stream, app).await;
        let request = "GET /orders HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert_eq!(head.contains("connection: close"), is_handed_over, "{head}");
    }
}

fn hub() -> Hub {
    Hub::new(Bounds::events(100))
}

/// A service that publishes what is posted, and whose streams have no keep-alives.
fn router(hub: &Hub) -> Router {
    kept_alive(hub, None)
}

fn kept_alive(hub: &Hub, interval: Option<Duration>) -> Router {
    let events = async move |State(hub): State<Hub>, headers: HeaderMap| {
        let last_event_id = ssekit::last_event_id(&headers, None);
        match (hub.subscribe(Subscribe::to("orders").after(last_event_id)), interval) {
            (Ok(events), Some(interval)) => ssekit::response(events.keep_alive(interval)),
            (Ok(events), None) => ssekit::response(events),
            (Err(refusal), _) => refusal.response(),
        }
    };
    let publish =
        async |State(hub): State<Hub>, order: String| hub.publish("orders", order).unwrap().to_string();
    Router::new().route("/orders", get(events).post(publish)).with_state(hub.clone())
}

fn request(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn get_events() -> Request<Body> {
    request("/orders")
}

fn compressing(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    request
}

fn from_origin(mut request: Request<Body>, origin: &'static str) -> Request<Body> {
    request.headers_mut().insert(ORIGIN, HeaderValue::from_static(origin));
    request
}

/// A predicate that has the layer compress whatever it can.
fn every_type(_: StatusCode, _: axum::http::Version, _: &HeaderMap, _: &axum::http::Extensions) -> bool {
    true
}

async fn frame(body: &mut Body) -> String {
    let frame = timeout(PATIENCE, body.frame()).await.expect("nothing comes");
    let frame = frame.expect("the stream has ended").unwrap();
    String::from_utf8(frame.into_data().unwrap_or_default().to_vec()).unwrap()
}

/// Returns whether a stream is still open after this time.
async fn outlives(response: Response<Body>, time: Duration) -> bool {
    timeout(time, ended(response)).await.is_err()
}

/// Reads a stream until it ends or breaks off.
async fn ended(response: Response<Body>) -> Result<Bytes, axum::Error> {
    Ok(response.into_body().collect().await?.to_bytes())
}

/// What a subscriber of `tracing` writes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn record() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(Level::DEBUG)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns the line that has this text.
    fn line(&self, text: &str) -> String {
        let all = self.text();
        let line = all.lines().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("no {text:?} in {all}")).to_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything takes that comes.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
