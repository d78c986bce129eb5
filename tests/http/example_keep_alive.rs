//! The `keep_alive` example: a timer of async-io keeps the contract of `Timer`, and keeps a stream alive without tokio.

#[expect(dead_code, reason = "a program, of which only the server is used here")]
#[path = "../../examples/keep_alive.rs"]
mod keep_alive;

use std::{
    future::poll_fn,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    task::{Context, Waker},
    thread,
    time::Duration,
};

use keep_alive::SmolTimer;
use ssekit::timer::Timer;

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn it_elapses_after_the_delay_and_once_for_each_arm() {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut timer = SmolTimer::new();
    assert!(timer.poll_elapsed(cx).is_pending(), "it was not armed");
    for _ in 0..3 {
        let start = timer.now();
        timer.arm(5 * MILLISECOND);
        async_io::block_on(poll_fn(|cx| timer.poll_elapsed(cx)));
        assert!(timer.now() - start >= 5 * MILLISECOND);
        assert!(timer.poll_elapsed(cx).is_pending(), "it was not armed again");
    }
}

#[test]
fn arming_again_replaces_the_wait() {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut timer = SmolTimer::new();
    timer.arm(Duration::from_secs(3600));
    assert!(timer.poll_elapsed(cx).is_pending());
    timer.arm(MILLISECOND);
    async_io::block_on(poll_fn(|cx| timer.poll_elapsed(cx)));
    timer.arm(MILLISECOND);
    timer.arm(Duration::MAX);
    assert!(timer.poll_elapsed(cx).is_pending(), "longer than the clock can represent");
}

#[test]
fn a_stream_without_tokio_has_keep_alives_between_its_events() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || async_io::block_on(keep_alive::serve(listener, MILLISECOND, 20 * MILLISECOND)));

    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut socket = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(socket.read_line(&mut head).unwrap(), 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("text/event-stream"), "{head}");
    let (mut events, mut keep_alives) = (0, 0);
    while keep_alives < 3 {
        match chunk(&mut socket).as_str() {
            ":\n" => keep_alives += 1,
            event => {
                assert_eq!(event, format!("data: {events}\n\n"));
                events += 1;
            }
        }
    }
    assert!(events > 0);
}

/// Reads a chunk of HTTP/1.1.
fn chunk(socket: &mut impl BufRead) -> String {
    let mut length = String::new();
    socket.read_line(&mut length).unwrap();
    let length = usize::from_str_radix(length.trim_end(), 16).expect(&length);
    let mut bytes = vec![0; length + 2];
    socket.read_exact(&mut bytes).unwrap();
    bytes.truncate(length);
    String::from_utf8(bytes).unwrap()
}
