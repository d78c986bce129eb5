//! The example service `hub` as a process of its own, and its other requests than streams.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::Child,
    time::timeout,
};

/// A running hub, which is killed when it is dropped.
pub(crate) struct HubProcess {
    child: Child,
    address: SocketAddr,
}

/// What `/stats` says, but for the uptime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Stats {
    pub(crate) subscribers: u64,
    pub(crate) topics: u64,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) lagged: u64,
    pub(crate) resumed: u64,
    pub(crate) gaps: u64,
    pub(crate) ring_events: u64,
    pub(crate) ring_bytes: u64,
}

impl HubProcess {
    /// Starts a hub on a port of its own, once it is built, and waits until it accepts.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), options).await
    }

    /// Starts a hub where another one was, and waits until it accepts.
    pub(crate) async fn start_at(address: SocketAddr, options: &[&str]) -> Self {
        let mut hub = tokio::process::Command::new(executable());
        hub.args(["--listen", &address.to_string()]).args(options);
        Self::spawn(hub).await
    }

    /// Starts a hub that may not write files of more bytes, and goes on when the system does not let it.
    pub(crate) async fn start_within(kibibytes: usize, options: &[&str]) -> Self {
        let mut hub = tokio::process::Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -S -f {kibibytes}; exec \"$@\"");
        hub.args(["-c", &script, "bash"]).arg(executable());
        hub.args(["--listen", "127.0.0.1:0"]).args(options);
        Self::spawn(hub).await
    }

    /// Runs a command whose process is the hub, and waits until it accepts.
    async fn spawn(mut hub: tokio::process::Command) -> Self {
        let mut child = hub.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("the hub ends before it listens");
        let address = line.strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to end with SIGTERM, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().expect("it has ended before").try_into().unwrap();
        let process = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it has ended before")
    }

    /// Waits for its end, which may take 5 seconds at most from when it was asked.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(Duration::from_secs(5), self.child.wait()).await.expect("it takes too long").unwrap()
    }

    /// Asks it to end, which it must do in good order.
    pub(crate) async fn stop(self) {
        self.terminate();
        assert!(self.ended().await.success());
    }

    /// Kills it, as a power failure does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Returns how many bytes of memory it has now, and how many it had at most.
    pub(crate) fn memory(&self) -> (usize, usize) {
        let id = self.child.id().expect("it has ended before");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let kibibytes = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_end_matches("kB").trim().parse::<usize>().unwrap()
        };
        (kibibytes("VmRSS:") * 1024, kibibytes("VmHWM:") * 1024)
    }

    /// Sends one request on a connection of its own.
    pub(crate) async fn request(&self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        Requests::connect(self.address).await.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        self.request(Request::get(path).body(Full::default()).unwrap()).await
    }

    /// Publishes an event, and returns the answer as it is.
    pub(crate) async fn post(&self, path: &str, data: impl Into<Bytes>) -> Response<Bytes> {
        self.request(Request::post(path).body(data.into().into()).unwrap()).await
    }

    /// Publishes an event, and returns its ID.
    pub(crate) async fn publish(&self, path: &str, data: impl Into<Bytes>) -> String {
        Requests::connect(self.address).await.publish(path, data).await
    }

    /// Finishes a topic.
    pub(crate) async fn finish(&self, path: &str) {
        let request = Request::delete(path).body(Full::default()).unwrap();
        assert_eq!(self.request(request).await.status(), StatusCode::NO_CONTENT);
    }

    pub(crate) async fn stats(&self) -> Stats {
        serde_json::from_slice(self.get("/stats").await.body()).unwrap()
    }

    /// Waits until the statistics are as wanted, or so long that they will not be.
    pub(crate) async fn stats_when(&self, limit: Duration, wanted: impl Fn(&Stats) -> bool) -> Stats {
        let mut last = Stats::default();
        let wait = async {
            loop {
                last = self.stats().await;
                if wanted(&last) {
                    return;
                }
            }
        };
        let waited = timeout(limit, wait).await;
        assert!(waited.is_ok(), "not within {limit:?}: {last:?}");
        last
    }
}

/// A connection for requests one after the other.
pub(crate) struct Requests(SendRequest<Full<Bytes>>);

impl Requests {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        let (requests, connection) = handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        Self(requests)
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        self.0.ready().await.unwrap();
        let (head, body) = self.0.send_request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// Publishes an event, and returns its ID.
    pub(crate) async fn publish(&mut self, path: &str, data: impl Into<Bytes>) -> String {
        let request = Request::builder().method(Method::POST).uri(path).body(data.into().into()).unwrap();
        let response = self.send(request).await;
        assert_eq!(response.status(), StatusCode::CREATED, "{:?}", response.body());
        #[derive(Deserialize)]
        struct Created {
            id: String,
        }
        serde_json::from_slice::<Created>(response.body()).unwrap().id
    }
}

/// Starts a hub that ends before it listens. Returns how, and what it says.
pub(crate) async fn fails_to_start(options: &[&str]) -> (ExitStatus, String) {
    let mut hub = tokio::process::Command::new(executable());
    let output = hub.args(["--listen", "127.0.0.1:0"]).args(options).kill_on_drop(true).output();
    let output = timeout(Duration::from_secs(30), output).await.expect("it goes on").unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

/// Publishes an event on a connection that may break. Returns its ID if that was acknowledged.
pub(crate) async fn try_publish(
    requests: &mut SendRequest<Full<Bytes>>,
    path: &str,
    data: &str,
) -> Option<String> {
    let request = Request::post(path).body(data.to_owned().into()).unwrap();
    let response = requests.send_request(request).await.ok()?;
    let status = response.status();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    assert_eq!(status, StatusCode::CREATED, "{body:?}");
    let created: serde_json::Value = serde_json::from_slice(&body).unwrap();
    Some(created["id"].as_str().unwrap().to_owned())
}

/// Builds the service with all its features, once in each test program, and returns where it is.
fn executable() -> &'static PathBuf {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "hub", "--all-features"]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the hub does not build");
        #[derive(Deserialize)]
        struct Message {
            executable: Option<PathBuf>,
        }
        let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut executable = messages.filter_map(|line| {
            let message: Message = serde_json::from_slice(line).unwrap();
            message.executable
        });
        executable.next_back().expect("cargo names no executable")
    })
}
