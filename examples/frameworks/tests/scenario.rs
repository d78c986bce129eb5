//! What each program of the gallery does, over real sockets, HTTP/1.1 and HTTP/2.

#[path = "support/program.rs"]
mod program;
#[path = "../../../tests/support/proxy.rs"]
mod proxy;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use program::{PATIENCE, Program, Stream, Version, client};
use proxy::{Fault, Proxy};
use ssekit::{
    EventSource, RESPONSE_HEADERS, ReceivedEvent,
    client::{Policy, Update},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Makes the same tests for each framework.
///
/// A service that another program serves is that program with an argument. The number says at which keep-alive at the latest a client is missed that has closed its connection.
macro_rules! tests {
    ($($name:ident: [$program:literal $($argument:literal)?] $keep_alives:literal)*) => { $(
        mod $name {
            const PROGRAM: &[&str] = &[env!(concat!("CARGO_BIN_EXE_", $program)), $($argument)?];

            #[tokio::test]
            async fn headers_are_as_documented_and_the_first_block_comes_at_once() {
                crate::headers_are_as_documented_and_the_first_block_comes_at_once(PROGRAM).await;
            }

            #[tokio::test]
            async fn each_event_is_flushed_by_itself() {
                crate::each_event_is_flushed_by_itself(PROGRAM).await;
            }

            #[tokio::test]
            async fn a_silence_has_keep_alives() {
                crate::a_silence_has_keep_alives(PROGRAM).await;
            }

            #[tokio::test]
            async fn a_client_that_is_cut_resumes_without_loss() {
                crate::a_client_that_is_cut_resumes_without_loss(PROGRAM).await;
            }

            #[tokio::test]
            async fn a_client_that_is_gone_is_freed_by_the_next_keep_alive() {
                crate::a_client_that_is_gone_is_freed_by_the_next_keep_alive(PROGRAM, $keep_alives).await;
            }

            #[tokio::test]
            async fn sigterm_ends_the_streams_and_the_program() {
                crate::sigterm_ends_the_streams_and_the_program(PROGRAM).await;
            }

            #[tokio::test]
            async fn sigterm_ends_the_program_although_a_reader_has_stalled() {
                crate::sigterm_ends_the_program_although_a_reader_has_stalled(PROGRAM).await;
            }
        }
    )* };
}

tests! {
    actix: ["actix"] 1
    axum: ["axum"] 1
    hyper: ["hyper"] 1
    poem: ["poem"] 2
    rocket: ["rocket"] 1
    salvo: ["salvo"] 1
    warp: ["warp"] 1
    served_axum: ["served" "axum"] 1
    served_hyper: ["served" "hyper"] 1
    served_warp: ["served" "warp"] 1
}

async fn headers_are_as_documented_and_the_first_block_comes_at_once(program: &[&str]) {
    let program = Program::start(program, NEVER).await;
    for version in VERSIONS {
        let mut source = connect(program.address(), version);
        let Some(Ok(Update::Opened(head))) = next(&mut source).await else { panic!("no response") };
        assert_eq!(head.status, StatusCode::OK);
        for &(name, value) in RESPONSE_HEADERS {
            let values: Vec<&HeaderValue> = head.headers.get_all(name).iter().collect();
            assert_eq!(values, [value], "{name} over {version:?}");
        }
        assert!(!head.headers.contains_key("content-encoding"));
        assert!(!head.headers.contains_key("content-length"));
        // No keep-alive has pushed it out.
        let first = event(&mut source).await;
        assert_eq!((first.event_type(), first.data()), ("position", ""));
        assert_ne!(first.last_event_id(), "");
    }
}

async fn each_event_is_flushed_by_itself(program: &[&str]) {
    let program = Program::start(program, NEVER).await;
    for version in VERSIONS {
        let publisher = client(version);
        let mut stream = Stream::open(program.address(), version, "").await;
        assert!(find(&stream.frame().await.unwrap(), "event: position\n"));
        for data in ["a", "b", "c"] {
            let id = program.publish(&publisher, data).await;
            assert_eq!(stream.frame().await.unwrap(), format!("id: {id}\ndata: {data}\n\n"));
        }
    }
}

async fn a_silence_has_keep_alives(program: &[&str]) {
    let program = Program::start(program, Duration::from_millis(50)).await;
    for version in VERSIONS {
        let mut stream = Stream::open(program.address(), version, "").await;
        assert!(find(&stream.frame().await.unwrap(), "event: position\n"));
        for _ in 0..3 {
            assert_eq!(stream.frame().await.unwrap(), KEEP_ALIVE);
        }
    }
}

async fn a_client_that_is_cut_resumes_without_loss(program: &[&str]) {
    let program = Program::start(program, NEVER).await;
    for version in VERSIONS {
        let (publisher, mut published) = (client(version), Vec::new());
        let proxy = Proxy::start(program.address()).await;
        let mut source = connect(proxy.address(), version);
        event(&mut source).await;

        let mut received = Vec::new();
        for fault in [Fault::Cut, Fault::Reset, Fault::CutInside, Fault::Reset, Fault::CutInside, Fault::Cut]
        {
            for part in 0..2 {
                for _ in 0..10 {
                    let data = published.len().to_string();
                    published.push((program.publish(&publisher, data.clone()).await, data));
                }
                let due = published.len() - 5 * (1 - part);
                while received.len() < due {
                    let event = event(&mut source).await;
                    match event.event_type() {
                        "message" => {
                            received.push((event.last_event_id().to_owned(), event.data().to_owned()))
                        }
                        notice => assert_eq!(notice, "position"),
                    }
                }
                assert!(part == 1 || proxy.strike(0, fault), "the client has no connection");
            }
        }
        assert_eq!(received, published, "over {version:?}");

        // A page says in the query where it was.
        let query = format!("?last_event_id={}", published[published.len() - 2].0);
        let mut stream = Stream::open(program.address(), version, &query).await;
        assert!(find(&stream.frame().await.unwrap(), "event: position\n"));
        let (id, data) = &published[published.len() - 1];
        assert_eq!(stream.frame().await.unwrap(), format!("id: {id}\ndata: {data}\n\n"));
    }
}

async fn a_client_that_is_gone_is_freed_by_the_next_keep_alive(program: &[&str], after_close: usize) {
    let mut program = Program::start(program, INTERVAL).await;
    let publisher = client(Version::Http1);
    let mut witness = Stream::open(program.address(), Version::Http1, "").await;

    // It vanishes in the rudest way that there is.
    let mut reset = subscribe(TcpSocket::new_v4().unwrap(), program.address()).await;
    let id = program.publish(&publisher, "the silences of both begin here").await;
    read_until(&mut reset, &id).await;
    reset.set_zero_linger().unwrap();
    drop(reset);
    gone_by(1, &id, &mut program, &mut witness).await;

    for (version, keep_alives) in [(Version::Http1, after_close), (Version::Http2, 1)] {
        let mut closed = Stream::open(program.address(), version, "").await;
        let id = program.publish(&publisher, "the silences of both begin here").await;
        while !find(&closed.frame().await.unwrap(), &id) {}
        drop(closed);
        gone_by(keep_alives, &id, &mut program, &mut witness).await;
    }
    // Before its clients, or its last words would go to nobody.
    drop(program);
}

/// Waits until the program says that a client has gone whose silence began together with that of the witness.
///
/// What the witness gets in it, the other would have got too.
async fn gone_by(keep_alives: usize, id: &str, program: &mut Program, witness: &mut Stream) {
    while !find(&witness.frame().await.unwrap(), id) {}
    for _ in 0..keep_alives {
        assert_eq!(witness.frame().await.unwrap(), KEEP_ALIVE);
    }
    tokio::select! {
        biased;
        line = program.line() => assert_eq!(line, "gone"),
        _ = witness.frame() => panic!("it is still there at the next keep-alive"),
    }
}

async fn sigterm_ends_the_streams_and_the_program(program: &[&str]) {
    let program = Program::start(program, NEVER).await;
    let mut streams = Vec::new();
    for version in [Version::Http1, Version::Http1, Version::Http2, Version::Http2] {
        let mut stream = Stream::open(program.address(), version, "").await;
        assert!(find(&stream.frame().await.unwrap(), "event: position\n"));
        streams.push(stream);
    }
    program.terminate();
    for mut stream in streams {
        let last = stream.frame().await.unwrap();
        assert!(last.starts_with(b"id: ") && find(&last, "event: position\nretry: "), "{last:?}");
        assert_eq!(stream.frame().await, None);
    }
    program.ended().await;
}

async fn sigterm_ends_the_program_although_a_reader_has_stalled(program: &[&str]) {
    let program = Program::start(program, NEVER).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let _stalled = subscribe(socket, program.address()).await;
    let publisher = client(Version::Http1);
    // More than the socket and the server take.
    for _ in 0..1000 {
        program.publish(&publisher, vec![b'x'; 8000]).await;
    }
    program.terminate();
    program.ended().await;
}

type Body = Full<Bytes>;

/// Connects with the crate's own client, which comes back at once.
fn connect(address: SocketAddr, version: Version) -> EventSource<Body> {
    let client = client(version);
    let request = Request::get(format!("http://{address}/orders")).body(Body::default()).unwrap();
    let policy = Policy::default()
        .with_reconnection_time_bounds(Duration::ZERO, Duration::ZERO)
        .with_backoff(Duration::ZERO, Duration::ZERO);
    EventSource::new(move |request| client.request(request), request).policy(policy)
}

async fn next<S: StreamExt + Unpin>(source: &mut S) -> Option<S::Item> {
    timeout(PATIENCE, source.next()).await.expect("nothing happens")
}

/// Reads the next event, however often the client has to come back for it.
async fn event(source: &mut EventSource<Body>) -> ReceivedEvent {
    loop {
        match next(source).await.expect("the client has given up").unwrap() {
            Update::Event(event) => return event,
            Update::Opened(_) | Update::Reconnecting { .. } => {}
            change => panic!("{change:?}"),
        }
    }
}

/// Subscribes with nothing between the test and the socket.
async fn subscribe(socket: TcpSocket, address: SocketAddr) -> TcpStream {
    let mut socket = socket.connect(address).await.unwrap();
    socket.write_all(b"GET /orders HTTP/1.1\r\nhost: gallery\r\n\r\n").await.unwrap();
    read_until(&mut socket, "event: position\n").await;
    socket
}

async fn read_until(socket: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    while !find(&read, text) {
        let length = timeout(PATIENCE, socket.read_buf(&mut read)).await.expect("nothing comes").unwrap();
        assert_ne!(length, 0, "the stream has ended");
    }
}

fn find(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];
/// A keep-alive interval that leaves a busy machine time to notice.
const INTERVAL: Duration = Duration::from_secs(1);
/// A keep-alive interval that no test lives to see the end of.
const NEVER: Duration = Duration::from_secs(3600);
const KEEP_ALIVE: &str = ":\n";
