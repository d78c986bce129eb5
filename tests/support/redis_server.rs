//! A Redis server of a test's own: on a free port, in a folder that goes with it, to be stopped, killed and started.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use redis::{Client, Connection, RedisResult};

pub(crate) struct RedisServer {
    port: u16,
    folder: Folder,
    /// Options beyond the port and the folder.
    options: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    tls_port: Option<u16>,
    process: Option<Process>,
}

/// Killed when dropped.
struct Process(Child);

/// Removed when dropped.
pub(crate) struct Folder(PathBuf);

impl RedisServer {
    /// Starts a server that keeps nothing.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server that has written down whatever it acknowledges.
    pub(crate) fn start_durable() -> Self {
        Self::start_with(&DURABLE)
    }

    /// Starts a durable server with files named in its environment.
    pub(crate) fn start_durable_with(environment: &[(&'static str, &Path)]) -> Self {
        let environment = environment.iter().map(|(name, path)| (*name, path.to_path_buf())).collect();
        Self::start_on(Self { options: DURABLE.map(str::to_owned).into(), environment, ..Self::stopped() })
    }

    /// Starts a durable server that refuses to write while no replica has its entries.
    pub(crate) fn start_replicated() -> Self {
        let replicated = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"];
        Self::start_with(&[&DURABLE[..], &replicated].concat())
    }

    /// Starts a server that keeps nothing and closes connections that are idle for a number of seconds.
    pub(crate) fn start_with_timeout(seconds: &'static str) -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no", "--timeout", seconds])
    }

    /// Starts a server that keeps nothing and listens on a socket of the local system, too.
    pub(crate) fn start_with_local_socket() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no", "--unixsocket", "redis.sock"])
    }

    pub(crate) fn local_url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.folder.path().display())
    }

    /// Starts a server that keeps nothing and listens with TLS, too. The folder has `ca.pem`, `cert.pem` and `key.pem`.
    pub(crate) fn start_with_tls(certificates: &Path, asks_for_certificate: bool) -> Self {
        let mut options: Vec<String> = ["--save", "", "--appendonly", "no"].map(str::to_owned).into();
        for (option, file) in
            [("--tls-cert-file", "cert.pem"), ("--tls-key-file", "key.pem"), ("--tls-ca-cert-file", "ca.pem")]
        {
            options.extend([option.to_owned(), certificates.join(file).display().to_string()]);
        }
        let asks = if asks_for_certificate { "yes" } else { "no" };
        options.extend(["--tls-auth-clients", asks].map(str::to_owned));
        Self::start_on(Self { tls_port: Some(0), options, ..Self::stopped() })
    }

    /// Returns the address that it listens at with TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.tls_port.unwrap()).into()
    }

    fn start_with(options: &[&'static str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self::start_on(Self { options, ..Self::stopped() })
    }

    fn stopped() -> Self {
        let (options, environment) = (Vec::new(), Vec::new());
        Self { port: 0, tls_port: None, folder: Folder::new(), options, environment, process: None }
    }

    fn start_on(mut server: Self) -> Self {
        loop {
            if let Some(port) = &mut server.tls_port {
                *port = free_port();
            }
            // The port is free now, but another test may take it before the server does.
            server.port = free_port();
            server.process = Some(server.spawn());
            if server.is_up() {
                return server;
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        url(self.address())
    }

    /// Starts it again, and waits until it has read what it has written down.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + PATIENCE;
        self.process = Some(self.spawn());
        // A connection of somebody else's may have the port for a moment.
        while !self.is_up() {
            assert!(Instant::now() < deadline, "redis-server does not come back");
            self.process = Some(self.spawn());
        }
    }

    fn spawn(&self) -> Process {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path());
        command.args(["--enable-debug-command", "local"]).args(&self.options);
        command.envs(self.environment.iter().map(|(name, path)| (name, path)));
        if let Some(port) = self.tls_port {
            command.args(["--tls-port", &port.to_string()]);
        }
        let child = command.stdout(Stdio::null()).spawn().unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                panic!("redis-server is not to be found: install it (apt-get install redis-server)")
            }
            _ => panic!("redis-server: {error}"),
        });
        Process(child)
    }

    /// Waits until it answers. Returns `false` if it has ended: what answers at its port is then another one.
    fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let process = self.process.as_mut().unwrap();
            if process.0.try_wait().unwrap().is_some() {
                return false;
            }
            let id = process.0.id();
            let answer = self
                .connection()
                .and_then(|mut connection| redis::cmd("INFO").query::<String>(&mut connection));
            match answer {
                Ok(info)
                    if [format!("process_id:{id}"), "loading:0".into()]
                        .iter()
                        .all(|line| info.lines().any(|found| found == line)) =>
                {
                    return true;
                }
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
            assert!(Instant::now() < deadline, "redis-server does not answer");
        }
    }

    /// Kills it, so that it has no time to tidy up.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Copies what it has written down.
    pub(crate) fn copy(&self) -> Folder {
        let copy = Folder::new();
        copy_all(self.folder.path(), copy.path());
        copy
    }

    /// Kills it, and starts it again with what was written down before, or with nothing.
    pub(crate) fn restart_with(&mut self, copy: Option<&Folder>) {
        self.kill();
        self.folder = Folder::new();
        if let Some(copy) = copy {
            copy_all(copy.path(), self.folder.path());
        }
        self.restart();
    }

    /// Sends it a signal: `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().0.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    pub(crate) fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection().unwrap()).unwrap()
    }

    /// Carries out commands at once, with nothing between them.
    pub(crate) fn transaction(&self, commands: &[&[&str]]) {
        let mut transaction = redis::pipe();
        transaction.atomic();
        for words in commands {
            transaction.cmd(words[0]).arg(&words[1..]).ignore();
        }
        transaction.query::<()>(&mut self.connection().unwrap()).unwrap();
    }

    /// Makes it a replica of another one, and waits until it has all that is there.
    pub(crate) fn replicate(&self, master: &Self) {
        self.command::<()>(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
        let deadline = Instant::now() + PATIENCE;
        while !self.replication().contains("master_link_status:up") {
            assert!(Instant::now() < deadline, "the replica does not reach its master");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns what it says of its replication, or nothing while it loads.
    pub(crate) fn replication(&self) -> String {
        let info = self
            .connection()
            .and_then(|mut connection| redis::cmd("INFO").arg("replication").query(&mut connection));
        info.unwrap_or_default()
    }

    /// Counts the connections to it, without the one that asks.
    pub(crate) fn clients(&self) -> usize {
        self.command::<String>(&["CLIENT", "LIST", "TYPE", "normal"]).lines().count() - 1
    }

    fn connection(&self) -> RedisResult<Connection> {
        Client::open(self.url())?.get_connection_with_timeout(Duration::from_secs(5))
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

pub(crate) fn url(address: SocketAddr) -> String {
    format!("redis://{address}/")
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ssekit-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const DURABLE: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
const PATIENCE: Duration = Duration::from_secs(20);
