//! The stream times out, hangs, or arrives in lumps.

use std::net::SocketAddr;

use axum::serve::{Listener, ListenerExt};
use futures_util::{FutureExt, StreamExt};
use ssekit::{
    Subscribe,
    client::{DisconnectReason, Policy, Update},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{DAY, SECOND, client, data, hub, opened};

/// The client's idle timeout plays the part of a proxy's.
#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_cut_at_an_idle_limit_unless_keep_alives_are_shorter() {
    let hub = hub();
    let limit = Policy::default().with_idle_timeout(Some(SECOND * 60));
    for keep_alive in [SECOND * 90, SECOND * 15] {
        let source = hub.clone();
        let mut client =
            client(move |_| ssekit::response(source.subscribe("orders").unwrap().keep_alive(keep_alive)))
                .policy(limit.clone());
        opened(&mut client).await;
        data(&mut client, 0).await;
        let cut = timeout(DAY, async {
            loop {
                if let Update::Reconnecting { reason, .. } = client.next().await.unwrap().unwrap() {
                    return reason;
                }
            }
        });
        match cut.await {
            Ok(reason) => {
                assert!(matches!(reason, DisconnectReason::Silence(_)), "{reason}");
                assert_eq!(keep_alive, SECOND * 90);
            }
            Err(_) => assert_eq!(keep_alive, SECOND * 15),
        }
    }
}

/// On a runtime with one thread, what runs without a pause lets nobody else run.
#[tokio::test]
async fn events_arrive_in_lumps_if_the_task_that_publishes_does_not_yield() {
    for yields in [false, true] {
        let hub = hub();
        let mut events = hub.subscribe("progress").unwrap();
        let position = events.next().await.unwrap();
        assert!(position.ends_with(b"event: position\ndata: \n\n"), "{position:?}");
        let publisher = tokio::spawn(async move {
            for step in ["1", "2", "3"] {
                // Stands for work that keeps the thread busy.
                hub.publish("progress", step).unwrap();
                if yields {
                    tokio::task::yield_now().await;
                }
            }
            hub
        });
        let mut blocks: Vec<bytes::Bytes> = Vec::new();
        while blocks.concat().windows(7).all(|text| text != b"data: 3") {
            blocks.push(events.next().await.unwrap());
        }
        assert_eq!(blocks.len(), if yields { 3 } else { 1 }, "{blocks:?}");
        drop(publisher.await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_hangs_if_its_publisher_is_gone_unless_the_topic_finishes_on_drop() {
    for finishes in [false, true] {
        let hub = hub();
        let topic = hub.topic("job-7");
        let topic = if finishes { topic.finish_on_drop() } else { topic };
        let mut source = client({
            let hub = hub.clone();
            move |last| match hub.subscribe(Subscribe::to("job-7").after(last)) {
                Ok(events) => ssekit::response(events.keep_alive(SECOND * 15)),
                Err(refusal) => refusal.response(),
            }
        });
        opened(&mut source).await;
        let job = tokio::spawn(async move {
            topic.publish("half done").unwrap();
            panic!("the other half fails");
        });
        assert!(job.await.is_err());
        assert_eq!(data(&mut source, 1).await, ["half done"]);
        let end = timeout(DAY, crate::ended(&mut source)).await;
        assert_eq!(end.is_ok(), finishes, "{end:?}");
    }
}

#[test]
fn nothing_comes_if_the_names_of_the_topics_differ() {
    let hub = hub();
    let mut events = hub.subscribe("orders").unwrap();
    events.next().now_or_never().expect("its position");
    hub.publish("order", "two coffees").unwrap();
    assert!(events.next().now_or_never().is_none());
    // The statistics show it: one topic has clients, the other one events.
    let counts = ["orders", "order"].map(|topic| hub.topic(topic).stats());
    assert_eq!(counts.map(|stats| (stats.subscribers, stats.events)), [(1, 0), (0, 1)]);

    hub.publish("orders", "two coffees").unwrap();
    assert!(events.next().now_or_never().is_some());
}

/// How long they wait is the affair of two kernels. The option that decides is off on a socket that is accepted.
#[tokio::test]
async fn small_events_wait_for_acknowledgements_unless_the_accepted_socket_has_nodelay() {
    async fn accepted(mut listener: impl Listener<Io = TcpStream, Addr = SocketAddr>) -> TcpStream {
        let address = listener.local_addr().unwrap();
        let (accepted, _client) = tokio::join!(listener.accept(), TcpStream::connect(address));
        accepted.0
    }
    let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert!(!accepted(bind().await).await.nodelay().unwrap());
    let listener = bind().await.tap_io(|socket| drop(socket.set_nodelay(true)));
    assert!(accepted(listener).await.nodelay().unwrap());
}
