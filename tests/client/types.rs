//! What the client's types may be used for: other threads, other tasks, errors that show their causes.

use std::{error::Error, io, sync::Arc};

use bytes::Bytes;
use http::Response;
use ssekit::client::{
    Command, DisconnectReason, EventSourceError, Failure, Policy, Protocol, ReadyState, TransportError,
    Update, Verdict, is_event_stream,
};

fn shared<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn types_can_be_sent_shared_and_moved() {
    shared::<Command>();
    shared::<DisconnectReason>();
    shared::<EventSourceError>();
    shared::<Failure>();
    shared::<Policy>();
    shared::<Protocol>();
    shared::<ReadyState>();
    shared::<TransportError>();
    shared::<Update>();
    shared::<Verdict>();
}

#[test]
fn errors_are_small() {
    assert!(size_of::<EventSourceError>() <= 40, "{}", size_of::<EventSourceError>());
    assert!(size_of::<DisconnectReason>() <= 32, "{}", size_of::<DisconnectReason>());
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Layer(&'static str, #[source] Option<Box<Layer>>);

#[test]
fn a_transport_error_shows_all_of_its_causes_once() {
    let refused = Layer("Connection refused (os error 111)", None);
    let tcp = Layer("tcp connect error: Connection refused (os error 111)", Some(Box::new(refused)));
    let client = Layer("client error (Connect)", Some(Box::new(tcp)));
    let error = TransportError::new(client);
    let text = "client error (Connect): tcp connect error: Connection refused (os error 111)";
    assert_eq!(error.to_string(), text);
    assert!(error.source().is_none(), "it would be shown twice");
    assert!(error.get_ref().is::<Layer>());
    assert_eq!(DisconnectReason::Transport(error.clone()).to_string(), text);

    let last = DisconnectReason::Transport(error);
    let failed = EventSourceError::Attempts { attempts: 3, last };
    assert_eq!(failed.to_string(), format!("{text}; gave up after 3 reconnections in a row"));
    assert_eq!(format!("{failed:?}"), failed.to_string(), "`main` shows the debug form");
    assert!(failed.response().is_none());
}

#[test]
fn a_transport_error_in_a_box_stays_what_it_is() {
    let boxed: Box<dyn Error + Send + Sync> = TransportError::permanent(io::Error::other("no token")).into();
    let error = TransportError::new(boxed);
    assert!(error.is_permanent());
    assert!(error.get_ref().is::<io::Error>());
    assert!(!TransportError::new("refused").is_permanent());
}

#[test]
fn a_clean_end_is_not_said_to_be_given_up_after_no_reconnections() {
    let error = EventSourceError::Attempts { attempts: 0, last: DisconnectReason::Ended };
    assert_eq!(error.to_string(), "the event stream ended; no reconnection is allowed");
    let error = EventSourceError::Attempts { attempts: 1, last: DisconnectReason::Ended };
    assert_eq!(error.to_string(), "the event stream ended; gave up after 1 reconnection in a row");
}

#[test]
fn a_refused_response_shows_the_beginning_of_its_body_in_one_line() {
    let reason = |body: &[u8]| {
        let response = Response::builder().status(400).body(Bytes::copy_from_slice(body)).unwrap();
        DisconnectReason::Status(Arc::new(response)).to_string()
    };
    assert_eq!(reason(b""), "the server answered 400 Bad Request");
    assert_eq!(
        reason(b" {\n  \"error\":\t\"no\x1b[31m model\"\r\n}\n"),
        "the server answered 400 Bad Request: { \"error\": \"no [31m model\" }"
    );
    assert_eq!(
        reason(&[b'x'; 1_000]),
        format!("the server answered 400 Bad Request: {}...", "x".repeat(200))
    );
    assert!(reason(b"\xFF\xFE").ends_with(": \u{FFFD}\u{FFFD}"));
}

#[test]
fn the_content_type_check_is_public() {
    let mut headers = http::HeaderMap::new();
    assert!(!is_event_stream(&headers));
    headers.insert("content-type", "text/event-stream; charset=utf-8".parse().unwrap());
    assert!(is_event_stream(&headers));
    headers.append("content-type", "application/json".parse().unwrap());
    assert!(!is_event_stream(&headers));
}

#[cfg(feature = "http-body")]
#[test]
fn a_source_has_the_request_s_body_as_its_only_parameter() {
    use ssekit::{EventSource, client::EventSourceHandle};

    fn sent<T: Send + Unpin + 'static>() {}
    sent::<EventSource<()>>();
    sent::<EventSource<std::marker::PhantomPinned>>();
    sent::<EventSource<std::cell::Cell<u8>>>();
    shared::<EventSourceHandle>();
}
