//! What goes out: statuses, headers and bodies.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt, stream};
use http::{HeaderMap, Response, StatusCode};
use ssekit::{Body, Event, RESPONSE_HEADERS, reconnect_after, response, stop_reconnecting};

fn headers(response: &Response<Body>) -> Vec<(&str, &str)> {
    response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

fn text(response: Response<Body>) -> String {
    let chunks: Vec<Bytes> = response.into_body().try_collect().now_or_never().unwrap().unwrap();
    String::from_utf8(chunks.concat()).unwrap()
}

#[test]
fn a_stream_of_events_goes_out_with_200_and_headers_that_keep_it_flowing() {
    let response = response(stream::iter([Event::new("a"), Event::new("b")]));
    assert_eq!(response.status(), StatusCode::OK);
    let expected = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("incremental", "?1"),
    ];
    assert_eq!(headers(&response), expected);
    assert_eq!(RESPONSE_HEADERS, expected);
    assert_eq!(text(response), "data: a\n\ndata: b\n\n");
}

#[test]
fn a_client_is_sent_away_for_a_while_by_a_stream_that_sets_the_reconnection_time_and_ends() {
    let response = reconnect_after(Duration::from_micros(2_500_001));
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(headers(&response), RESPONSE_HEADERS);
    assert_eq!(text(response), "event: position\nretry: 2501\ndata: \n\n");
    assert_eq!(
        text(reconnect_after(Duration::MAX)),
        format!("event: position\nretry: {}\ndata: \n\n", u64::MAX)
    );
}

#[test]
fn a_client_is_stopped_by_204_without_headers_or_body() {
    let response = stop_reconnecting();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers(), &HeaderMap::new());
    assert_eq!(text(response), "");
}
