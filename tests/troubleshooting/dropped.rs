//! The connection is dropped and never comes back; the browser gives up; the seventh tab waits.

use std::collections::VecDeque;

use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use ssekit::{
    Body, Event, EventSource, Subscribe,
    client::{DisconnectReason, Policy, Update},
    hub::RefusalReason,
    serve::Server,
};
use tokio::{io::duplex, time::timeout};

use crate::{DAY, Handler, SECOND, browser, client, data, ended, hub, opened, router};

/// A service that is overloaded once, and what it says then.
fn after(first: Response<Body>) -> EventSource<()> {
    let mut first = Some(first);
    client(move |_| first.take().unwrap_or_else(|| ssekit::response(stream::iter([Event::new("back")]))))
        .policy(browser())
}

#[tokio::test]
async fn a_browser_gives_up_at_an_error_status_and_not_at_reconnect_after() {
    for status in [401, 404, 429, 500, 502, 503] {
        let error =
            Response::builder().status(status).header("retry-after", "1").body(Body::empty()).unwrap();
        let failed = ended(&mut after(error)).await.expect("it failed");
        assert_eq!(failed.response().unwrap().status(), status);
    }
    assert_eq!(data(&mut after(ssekit::reconnect_after(SECOND)), 1).await, ["back"]);
}

#[tokio::test]
async fn a_browser_gives_up_at_another_content_type_and_not_at_a_response_of_this_crate() {
    let events = || Body::new(stream::iter([Event::new("1")]));
    for content_type in ["text/plain", "application/json", "text/html; charset=utf-8"] {
        let by_hand = Response::builder().header("content-type", content_type).body(events()).unwrap();
        let failed = ended(&mut after(by_hand)).await.expect("it failed");
        assert!(matches!(failed.reason(), DisconnectReason::ContentType(_)), "{failed}");
    }
    assert_eq!(data(&mut after(ssekit::response(events())), 2).await, ["1", "back"]);
}

#[tokio::test]
async fn a_client_stops_at_204_until_the_topic_is_reopened() {
    let hub = hub();
    let source = hub.clone();
    let subscribe = move |last| match source.subscribe(Subscribe::to("job").after(last)) {
        Ok(events) => ssekit::response(events),
        Err(refusal) => {
            assert_eq!(refusal.reason(), RefusalReason::Finished);
            refusal.response()
        }
    };
    hub.publish("job", "1").unwrap();
    hub.finish("job");
    assert!(ended(&mut client(subscribe.clone())).await.is_none());

    hub.topic("job").reopen();
    let mut again = client(subscribe);
    opened(&mut again).await;
    hub.publish("job", "2").unwrap();
    assert_eq!(data(&mut again, 1).await, ["2"]);
}

/// The first connection is dead: nothing says so, and nothing comes.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_waited_for_unless_the_client_has_an_idle_timeout() {
    let connect = || {
        let mut first = true;
        client(move |_| {
            let dead = stream::pending::<Event>();
            if std::mem::take(&mut first) {
                ssekit::response(dead)
            } else {
                ssekit::response(stream::iter([Event::new("back")]).chain(dead))
            }
        })
    };
    let mut patient = connect().policy(browser());
    opened(&mut patient).await;
    assert!(timeout(DAY, patient.next()).await.is_err(), "it has noticed");

    let mut watchful = connect().policy(Policy::default().with_idle_timeout(Some(SECOND * 45)));
    opened(&mut watchful).await;
    let Some(Ok(Update::Reconnecting { reason, .. })) = watchful.next().await else { panic!("it waits") };
    assert!(matches!(reason, DisconnectReason::Silence(_)), "{reason}");
    assert_eq!(data(&mut watchful, 1).await, ["back"]);
}

#[tokio::test]
async fn a_token_for_one_use_ends_a_stream_for_good_at_its_first_reconnection() {
    // A ticket in the URL, which a browser uses again when it reconnects.
    let connect = |uses: usize| {
        let mut left = VecDeque::from_iter(0..uses);
        let handler = Handler(move |request: Request<()>| {
            assert_eq!(request.uri().query(), Some("ticket=7"));
            match left.pop_front() {
                Some(number) => ssekit::response(stream::iter([Event::new(number.to_string())])),
                None => Response::builder().status(401).body(Body::empty()).unwrap(),
            }
        });
        EventSource::new(handler, Request::get("/events?ticket=7").body(()).unwrap()).policy(browser())
    };
    let mut once = connect(1);
    assert_eq!(data(&mut once, 1).await, ["0"]);
    assert_eq!(ended(&mut once).await.expect("it failed").response().unwrap().status(), 401);

    // One that is valid for a time outlives a reconnection.
    assert_eq!(data(&mut connect(3), 3).await, ["0", "1", "2"]);
}

#[tokio::test]
async fn seven_streams_share_one_connection_over_http_2() {
    let hub = hub();
    let (client, io) = duplex(64 * 1024);
    let server = Server::new();
    server.spawn(io, router(&hub)).await;
    let executor = hyper_util::rt::TokioExecutor::new();
    let handshake = hyper::client::conn::http2::handshake(executor, hyper_util::rt::TokioIo::new(client));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);

    let mut streams = Vec::new();
    for _ in 0..7 {
        let request = Request::get("http://localhost/").body(Empty::<bytes::Bytes>::new()).unwrap();
        let mut body = sender.send_request(request).await.unwrap().into_body();
        assert!(body.frame().await.unwrap().is_ok());
        streams.push(body);
    }
    assert_eq!(hub.stats().subscribers, 7);
    hub.publish("orders", "two coffees").unwrap();
    for stream in &mut streams {
        let frame = stream.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(frame.ends_with(b"data: two coffees\n\n"));
    }
    connection.abort();
}
