//! What the hub answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::{RawQuery, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::{Html, IntoResponse},
    routing::{get, post},
};
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use ssekit::{Event, EventType, Text, hub::Start};
use tokio::time::timeout;

use crate::{
    faults::{Fault, Faults},
    figures::{page_as_json, topic_as_json},
    metrics::Metrics,
    presence::Presence,
    query::Query,
    source::{Refused, Source},
};

/// What all requests share.
#[derive(Debug)]
struct Service {
    source: Source,
    heartbeat: Duration,
    patience: Duration,
    faults: Faults,
    metrics: Metrics,
    presence: Presence,
    started: Instant,
}

pub(crate) fn router(source: Source, node: String, heartbeat: Duration, patience: Duration) -> Router {
    let (faults, metrics) = (Faults::new(), Metrics::new(source.clone()));
    let (presence, started) = (Presence::new(source.clone(), node), Instant::now());
    let service = Arc::new(Service { source, heartbeat, patience, faults, metrics, presence, started });
    Router::new()
        .route("/", get(Html(include_str!("page.html"))))
        .route("/events", get(subscribe).post(publish).delete(remove_or_finish))
        .route("/history", get(history))
        .route("/stats", get(stats))
        .route("/topics", get(topic_stats))
        .route("/metrics", get(scrape))
        .route("/faults", post(fault))
        .with_state(service)
}

async fn subscribe(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response<ssekit::Body>, Refused> {
    let query = query.unwrap_or_default();
    let last_event_id = ssekit::last_event_id(&headers, Some(&query));
    let query = Query::parse(&query).map_err(bad_request)?;
    if !ssekit::accepts_event_stream(&headers) {
        return Err((StatusCode::NOT_ACCEPTABLE, "only text/event-stream is to be had here".into()));
    }
    let start = if query.from_oldest { Start::Oldest } else { Start::Now };
    let present = query.name.map(|name| (&service.presence, name));
    let events = service.source.resume(&query.topics, start, last_event_id, service.heartbeat, present).await;
    Ok(match events {
        Ok(events) => match query.client {
            Some(client) => ssekit::response(service.faults.apply(client, events)),
            None => ssekit::response(events),
        },
        Err(refusal) => refusal.response(),
    })
}

async fn publish(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<impl IntoResponse, Refused> {
    let query = Query::parse(&query.unwrap_or_default()).map_err(bad_request)?;
    let topic = query.topic().map_err(bad_request)?;
    let data = timeout(service.patience, read(&headers, body))
        .await
        .map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the data does not come".to_owned()))??;
    let mut event = Event::new(Text::try_from(data).map_err(bad_request)?);
    if let Some(event_type) = &query.event_type {
        event = event.with_type(EventType::try_from(event_type.as_str()).map_err(bad_request)?);
    }
    if let Some(key) = &query.key {
        event = event.with_key(key);
    }
    let id = service.source.publish(topic, event).await?;
    Ok((StatusCode::CREATED, as_json(&json!({ "id": id.as_str() }))))
}

/// Reads the data of an event, unless there is too much of it.
///
/// What is too much is read as well, up to a point, and dropped: a client that is still sending when the connection
/// is closed may never see the answer. One that waits for `100 Continue` is answered before it sends.
async fn read(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Refused> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("more than {MAX_DATA} bytes"));
    if headers.contains_key(header::EXPECT) && body.size_hint().lower() > MAX_DATA as u64 {
        return Err(too_large());
    }
    let (mut data, mut len) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(bad_request)?.into_data() else { continue };
        len += chunk.len();
        if len <= MAX_DATA {
            data.extend_from_slice(&chunk);
        } else if len > MAX_DROPPED {
            break;
        }
    }
    if len <= MAX_DATA { Ok(data.freeze()) } else { Err(too_large()) }
}

/// Removes the value of a key, if the request has one, or else finishes the topic.
async fn remove_or_finish(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<axum::response::Response, Refused> {
    let query = Query::parse(&query.unwrap_or_default()).map_err(bad_request)?;
    let topic = query.topic().map_err(bad_request)?;
    let Some(key) = &query.key else {
        service.source.finish(topic).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    // As JSON, so that any key fits and a page can tell which of its values is gone.
    let data = Value::from(key.as_str()).to_string();
    let removal = Event::new(data).with_type(REMOVED).with_removed_key(key);
    let id = service.source.publish(topic, removal).await?;
    Ok(as_json(&json!({ "id": id.as_str() })).into_response())
}

async fn history(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Refused> {
    let mut query = Query::parse(&query.unwrap_or_default()).map_err(bad_request)?;
    let after = query.after.take();
    let topic = query.topic().map_err(bad_request)?;
    let page = service.source.history(topic, after, query.limit.unwrap_or(PAGE)).await?;
    Ok(as_json(&page_as_json(&page)))
}

/// Lets a fault happen to the streams that were opened with `client=` this name, or to the topics.
async fn fault(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<StatusCode, Refused> {
    let query = Query::parse(&query.unwrap_or_default()).map_err(bad_request)?;
    let client = query.client.ok_or_else(|| bad_request("no `client`"))?;
    match query.fault.ok_or_else(|| bad_request("no `fault`"))? {
        Fault::Forget => service.source.forget(&query.topics)?,
        fault => service.faults.call(&client, fault),
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn stats(State(service): State<Arc<Service>>) -> impl IntoResponse {
    as_json(&service.source.figures().as_json(service.started))
}

async fn topic_stats(
    State(service): State<Arc<Service>>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Refused> {
    let query = Query::parse(&query.unwrap_or_default()).map_err(bad_request)?;
    let stats = service.source.topic_stats(query.topic().map_err(bad_request)?);
    Ok(as_json(&topic_as_json(&stats)))
}

async fn scrape(State(service): State<Arc<Service>>) -> Result<impl IntoResponse, Refused> {
    let text =
        service.metrics.text().map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text))
}

fn as_json(value: &Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string())
}

fn bad_request(error: impl ToString) -> Refused {
    (StatusCode::BAD_REQUEST, error.to_string())
}

/// The type of an event that removes a key.
const REMOVED: EventType = EventType::from_static("removed");
/// Events of a page of history, unless the request has a `limit`.
const PAGE: usize = 100;
const MAX_DATA: usize = 1 << 20;
const MAX_DROPPED: usize = 16 << 20;
