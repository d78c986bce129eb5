//! A program of the gallery as a process of its own, and requests to it.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// A running program, which is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

/// One response that is an event stream, by its frames.
pub(crate) struct Stream(Incoming);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

impl Program {
    /// Starts it on a free port, and waits until it accepts. The first text is its path, the others are arguments.
    pub(crate) async fn start(program: &[&str], keep_alive: Duration) -> Self {
        let mut child = Command::new(program[0])
            .arg("127.0.0.1:0")
            .args(&program[1..])
            .env("KEEP_ALIVE", keep_alive.as_millis().to_string())
            .envs([("ROCKET_PORT", "0"), ("ROCKET_LOG_LEVEL", "off")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it ends before it listens");
        let address = line.strip_prefix("listening on http://").expect(&line).parse().unwrap();
        Self { child, lines, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next line that it writes.
    pub(crate) async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("it has ended")
    }

    /// Publishes an event, and returns its ID.
    pub(crate) async fn publish(&self, client: &HttpClient, data: impl Into<Bytes>) -> String {
        let request = Request::post(format!("http://{}/orders", self.address));
        let response = client.request(request.body(Full::new(data.into())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.status, StatusCode::OK, "{body:?}");
        String::from_utf8(body.into()).unwrap()
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().expect("it has ended before").try_into().unwrap();
        let process = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end, which must be a good one.
    pub(crate) async fn ended(mut self) {
        let status = timeout(GRACE, self.child.wait()).await.expect("it takes too long").unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Stream {
    /// Subscribes on a connection of its own.
    pub(crate) async fn open(address: SocketAddr, version: Version, query: &str) -> Self {
        let request = Request::get(format!("http://{address}/orders{query}"));
        let response = client(version).request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self(response.into_body())
    }

    /// Reads what comes next, in one piece as it was sent. `None` is a good end.
    pub(crate) async fn frame(&mut self) -> Option<Bytes> {
        loop {
            let frame = timeout(PATIENCE, self.0.frame()).await.expect("nothing comes, nor an end")?;
            let data = frame.unwrap().into_data().unwrap();
            // HTTP/2 may tell the end with an empty one.
            if !data.is_empty() {
                return Some(data);
            }
        }
    }
}

pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Makes a client that knows before the first request which version of HTTP it speaks.
pub(crate) fn client(version: Version) -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).http2_only(version == Version::Http2).build(connector)
}

/// A test fails rather than to hang for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The programs cut what has not ended after 5 seconds; Rocket takes one more.
const GRACE: Duration = Duration::from_secs(10);
