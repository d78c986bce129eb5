//! The client over real sockets, against a server that misbehaves on purpose.
//!
//! Time is the test's: a wait is over when the test says so.
#![cfg(feature = "http-body")]

use std::time::Duration;

use crate::support::manual_clock::ManualClock;
use crate::support::raw_connection::OK;
use crate::support::raw_server::RawServer;
use bytes::Bytes;
use futures_util::{FutureExt, future::join_all};
use http::Request;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{
    EventSource,
    client::{DisconnectReason, EventSourceError, Policy, ReadyState, Update},
};
use tokio::join;

/// Makes a client with the default policy, without randomness.
fn connect(server: &RawServer, clock: &ManualClock) -> EventSource<Body> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{}/events", server.address())).body(Body::new()).unwrap();
    EventSource::with_timer(move |request| client.request(request), request, clock.timer())
        .policy(Policy::default().with_backoff(Duration::ZERO, Duration::ZERO).with_jitter(false))
}

type Body = Empty<Bytes>;

/// Yields the next `count` updates in one line each, and lets the time of each wait pass.
async fn told(source: &mut EventSource<Body>, clock: &ManualClock, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.push(match source.next().await {
            Some(Ok(Update::Opened(_))) => "opened".to_owned(),
            Some(Ok(Update::Event(event))) => format!("event {:?} {:?}", event.data(), event.last_event_id()),
            Some(Ok(Update::Reconnecting { delay, reason })) => {
                clock.advance(delay);
                let reason = match reason {
                    DisconnectReason::Transport(_) => "broken".to_owned(),
                    reason => reason.to_string(),
                };
                format!("again in {delay:?}: {reason}")
            }
            Some(Err(error)) => format!("failed: {error}"),
            None => "end".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    lines
}

#[tokio::test]
async fn a_cut_in_the_middle_of_an_event_does_not_commit_its_id() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async {
        let mut first = server.accept().await;
        assert_eq!(first.header("accept"), Some("text/event-stream"));
        assert_eq!(first.header("cache-control"), Some("no-cache"));
        assert_eq!(first.header("last-event-id"), None);
        first.send(OK).await.unwrap();
        first.send("id: 1\ndata: a\n\nid: 2\ndata: b\n").await.unwrap();
        drop(first);
        // The same with an end that HTTP can tell from a whole body.
        let mut second = server.accept().await;
        assert_eq!(second.header("last-event-id"), Some("1"));
        second.send(OK.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n")).await.unwrap();
        second.send("6\r\nid: 3\n\r\n").await.unwrap();
        drop(second);
        let mut third = server.accept().await;
        assert_eq!(third.header("last-event-id"), Some("1"));
        third.send(OK).await.unwrap();
        third.send("data: c\n\n").await.unwrap();
        third.closed().await;
    };
    let client = async {
        assert_eq!(
            told(&mut source, &clock, 7).await,
            [
                "opened",
                r#"event "a" "1""#,
                "again in 3s: the event stream ended in the middle of an event",
                "opened",
                "again in 3s: broken",
                "opened",
                r#"event "c" "1""#,
            ]
        );
        source.close();
    };
    join!(serve, client);
}

#[tokio::test]
async fn the_header_is_still_there_after_reconnects_without_new_ids() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async {
        server.accept().await.send(format!("{OK}id: 7\ndata: a\n\n")).await.unwrap();
        for n in 0..4 {
            let mut connection = server.accept().await;
            assert_eq!(connection.header("last-event-id"), Some("7"), "reconnection {n}");
            connection.send(format!("{OK}data: {n}\n\n")).await.unwrap();
        }
        server.accept().await.send("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    };
    let (told, ()) = join!(told(&mut source, &clock, 16), serve);
    assert_eq!(told[12..], ["opened", r#"event "3" "7""#, "again in 3s: the event stream ended", "end"]);
}

#[tokio::test]
async fn a_204_stops() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async { server.accept().await.send("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap() };
    let (told, ()) = join!(told(&mut source, &clock, 2), serve);
    assert_eq!(told, ["end", "end"]);
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(server.accept().now_or_never().is_none());
}

#[tokio::test]
async fn a_wrong_content_type_fails_and_closes_the_socket() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let policy = Policy::default().with_max_error_body_bytes(6);
    let mut source = connect(&server, &clock).policy(policy);
    let serve = async {
        let mut connection = server.accept().await;
        connection
            .send("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nx-why: so\r\n\r\n<html>")
            .await
            .unwrap();
        connection.closed().await;
    };
    let (update, ()) = join!(source.next(), serve);
    let Some(Err(EventSourceError::Failed(DisconnectReason::ContentType(response)))) = update else {
        panic!("{update:?}")
    };
    assert_eq!(
        (&response.headers()["x-why"].as_bytes(), &response.body()[..]),
        (&&b"so"[..], &b"<html>"[..])
    );
    assert!(source.next().await.is_none());
    assert!(server.accept().now_or_never().is_none());
}

#[tokio::test]
async fn a_200_without_a_body_is_backed_off_from() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let policy = Policy::default().with_max_attempts(Some(2)).with_backoff(Duration::ZERO, Duration::ZERO);
    let mut source = connect(&server, &clock).policy(policy);
    let serve = async {
        for _ in 0..3 {
            let mut connection = server.accept().await;
            connection
                .send(OK.replace("\r\n\r\n", "\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
                .await
                .unwrap();
        }
    };
    let (told, ()) = join!(told(&mut source, &clock, 7), serve);
    assert_eq!(
        told,
        [
            "opened",
            "again in 3s: the event stream ended",
            "opened",
            "again in 3s: the event stream ended",
            "opened",
            "failed: the event stream ended; gave up after 2 reconnections in a row",
            "end",
        ]
    );
}

#[tokio::test]
async fn headers_that_do_not_come_are_given_up_and_the_socket_closed() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async {
        let mut connection = server.accept().await;
        connection.send("HTTP/1.1 200 OK\r\ncontent-").await.unwrap();
        clock.advance(Duration::from_secs(30));
        connection.closed().await;
    };
    let (told, ()) = join!(told(&mut source, &clock, 1), serve);
    assert_eq!(told, ["again in 3s: no response for 30s"]);
}

#[tokio::test]
async fn silence_is_noticed_and_the_socket_closed() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async {
        let mut connection = server.accept().await;
        connection.send(format!("{OK}id: 1\ndata: a\n\n")).await.unwrap();
        connection.closed().await;
        assert_eq!(server.accept().await.header("last-event-id"), Some("1"));
    };
    let client = async {
        assert_eq!(told(&mut source, &clock, 2).await, ["opened", r#"event "a" "1""#]);
        let silence = async { clock.advance(Duration::from_secs(120)) };
        let (told_of_it, ()) = join!(told(&mut source, &clock, 1), silence);
        assert_eq!(told_of_it, ["again in 3s: no byte for 120s"]);
        // The connection that was accepted is dropped without a response.
        assert_eq!(told(&mut source, &clock, 1).await, ["again in 3s: broken"]);
    };
    join!(serve, client);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async {
        let head = "content-length: 0\r\nconnection: close\r\n\r\n";
        let mut first = server.accept().await;
        first.send(format!("HTTP/1.1 503 Busy\r\nretry-after: 77\r\n{head}")).await.unwrap();
        first.closed().await;
        let mut second = server.accept().await;
        second.send(format!("HTTP/1.1 429 Slow\r\nretry-after: 5\r\n{head}")).await.unwrap();
        second.closed().await;
    };
    let (told, ()) = join!(told(&mut source, &clock, 2), serve);
    assert_eq!(
        told,
        [
            "again in 77s: the server answered 503 Service Unavailable",
            "again in 5s: the server answered 429 Too Many Requests"
        ]
    );
}

#[tokio::test]
async fn an_absurd_retry_is_held_within_bounds() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let serve = async {
        for retry in ["0", "99999999999999999999999999", "18446744073709551615", "+5", "250"] {
            server.accept().await.send(format!("{OK}retry: {retry}\n\n")).await.unwrap();
        }
    };
    let (told, ()) = join!(told(&mut source, &clock, 10), serve);
    let delays: Vec<_> =
        told.iter().filter_map(|line| line.strip_prefix("again in ")?.split(':').next()).collect();
    assert_eq!(delays, ["100ms", "300s", "300s", "300s", "250ms"]);
}

#[tokio::test]
async fn a_flood_of_reconnects_is_spread_evenly() {
    const CLIENTS: usize = 120;
    const BUCKETS: usize = 6;
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut sources: Vec<_> = (0..CLIENTS as u64)
        .map(|seed| connect(&server, &clock).policy(Policy::default()).seed(seed))
        .collect();
    // Each client's window is one second wide after the first cut, two after the second.
    for window in [1_000, 2_000] {
        let serve = async {
            let mut connections = Vec::new();
            while connections.len() < CLIENTS {
                connections.push(server.accept().await);
            }
            for connection in &mut connections {
                connection.send(OK).await.unwrap();
            }
            drop(connections);
        };
        let lose = join_all(sources.iter_mut().map(|source| async {
            assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
            match source.next().await {
                Some(Ok(Update::Reconnecting { delay, reason: DisconnectReason::Ended })) => delay,
                other => panic!("{other:?}"),
            }
        }));
        let (delays, ()) = join!(lose, serve);
        let mut histogram = [0; BUCKETS];
        for delay in delays {
            let jitter = delay.checked_sub(Duration::from_secs(3)).unwrap().as_millis() as usize;
            histogram[jitter * BUCKETS / window] += 1;
        }
        let expected = CLIENTS / BUCKETS;
        let even = histogram.iter().all(|count| (expected / 2..=expected * 3 / 2).contains(count));
        assert!(even, "{histogram:?}");
        clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn close_and_drop_close_an_open_socket_at_once() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    for drops in [false, true] {
        let mut source = connect(&server, &clock);
        let serve = async {
            let mut connection = server.accept().await;
            connection.send(format!("{OK}data: a\n\ndata: b\n\n")).await.unwrap();
            connection
        };
        let (told, mut connection) = join!(told(&mut source, &clock, 2), serve);
        assert_eq!(told, ["opened", r#"event "a" """#]);
        if drops {
            drop(source);
        } else {
            source.close();
            assert!(source.next().await.is_none(), "what was received is not yielded after close");
        }
        connection.closed().await;
    }
}

#[tokio::test]
async fn close_and_drop_give_up_a_request_that_was_not_answered() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    for drops in [false, true] {
        let mut source = connect(&server, &clock);
        let mut connection = tokio::select! {
            connection = server.accept() => connection,
            update = source.next() => panic!("{update:?}"),
        };
        if drops {
            drop(source);
        } else {
            source.close();
        }
        connection.closed().await;
    }
}

#[tokio::test]
async fn close_during_a_wait_makes_no_further_request() {
    let (server, clock) = (RawServer::bind().await, ManualClock::new());
    let mut source = connect(&server, &clock);
    let (update, _) =
        join!(source.next(), async { server.accept().await.send("nonsense\r\n\r\n").await.unwrap() });
    assert!(matches!(update, Some(Ok(Update::Reconnecting { .. }))), "{update:?}");
    assert!(source.next().now_or_never().is_none());
    source.close();
    clock.advance(Duration::from_secs(3_600));
    assert!(source.next().await.is_none());
    assert!(server.accept().now_or_never().is_none());
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_credentials_stay_at_home() {
    let (server, elsewhere, clock) = (RawServer::bind().await, RawServer::bind().await, ManualClock::new());
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{}/events", server.address()))
        .header("authorization", "Bearer secret")
        .body(Body::new())
        .unwrap();
    let mut source = EventSource::with_timer(move |request| client.request(request), request, clock.timer());
    let serve = async {
        let mut connection = server.accept().await;
        assert_eq!(connection.header("authorization"), Some("Bearer secret"));
        let location = elsewhere.address();
        connection.send(format!("HTTP/1.1 307 Moved\r\nlocation: http://{location}/\r\n\r\n")).await.unwrap();
    };
    let (update, ()) = join!(source.next(), serve);
    let Some(Err(error)) = update else { panic!("{update:?}") };
    assert!(error.response().unwrap().headers().contains_key("location"));
    assert!(elsewhere.accept().now_or_never().is_none());
}

#[tokio::test]
async fn reqwest_follows_a_redirect_and_leaves_the_token_behind() {
    let (server, elsewhere, clock) = (RawServer::bind().await, RawServer::bind().await, ManualClock::new());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = move |request: Request<&'static str>| {
        let client = client.clone();
        async move { client.execute(request.try_into()?).await.map(http::Response::from) }
    };
    let request = Request::get(format!("http://localhost:{}/events", server.address().port()))
        .header("authorization", "Bearer secret")
        .body("")
        .unwrap();
    let mut source = EventSource::with_timer(send, request, clock.timer()).after("7");
    let serve = async {
        let location = elsewhere.address();
        let mut first = server.accept().await;
        first
            .send(format!("HTTP/1.1 307 Moved\r\nlocation: http://{location}/\r\ncontent-length: 0\r\n\r\n"))
            .await
            .unwrap();
        let mut second = elsewhere.accept().await;
        assert_eq!(second.header("authorization"), None);
        assert_eq!(second.header("last-event-id"), Some("7"));
        second.send(format!("{OK}data: a\n\n")).await.unwrap();
    };
    let client = async {
        assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
        assert!(matches!(source.next().await, Some(Ok(Update::Event(_)))));
    };
    join!(serve, client);
}
