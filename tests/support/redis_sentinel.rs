//! A group of Redis servers and the Sentinels that watch them.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fs, io,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::redis_server::{Folder, RedisServer, free_port};

/// A master, replicas and Sentinels.
pub(crate) struct Group {
    pub(crate) servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

/// How a master fails. It is back as a master, and the Sentinels make it a replica after some ten seconds.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FailOver {
    Killed,
    /// An operator makes it a replica at once.
    KilledWithOperator,
    /// It goes on where it was, with the connections and the commands that it had.
    Stopped,
}

/// Killed when dropped.
struct Sentinel {
    port: u16,
    process: Child,
    _folder: Folder,
}

impl Group {
    /// Starts three servers and three Sentinels, of which two agree on a failover.
    pub(crate) fn start() -> Self {
        let servers: Vec<_> = (0..3).map(|_| RedisServer::start_replicated()).collect();
        servers[1..].iter().for_each(|replica| replica.replicate(&servers[0]));
        let sentinels = (0..3).map(|_| Sentinel::start(servers[0].address().port())).collect();
        let group = Self { servers, sentinels };
        group.until("the Sentinels know each other", |group| {
            group.sentinels.iter().all(|sentinel| {
                sentinel.info("num-other-sentinels").as_deref() == Some("2")
                    && sentinel.info("num-slaves").as_deref() == Some("2")
            })
        });
        group
    }

    /// Returns the address of a log's server.
    pub(crate) fn url(&self) -> String {
        let ports = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port));
        format!("redis+sentinel://{}/main", ports.collect::<Vec<_>>().join(","))
    }

    /// Returns the index of the master on which all Sentinels agree.
    pub(crate) fn master(&self) -> Option<usize> {
        let ports: Vec<_> = self.sentinels.iter().map(|sentinel| sentinel.info("port")).collect();
        let port: u16 = ports[0].as_ref()?.parse().ok()?;
        let agree = ports.iter().all(|other| *other == ports[0]);
        agree.then(|| self.servers.iter().position(|server| server.address().port() == port))?
    }

    /// Lets the master fail, and waits until the Sentinels have made another one, which both others follow.
    pub(crate) fn fail_over(&mut self, how: FailOver) {
        let old = self.master().expect("there is a master");
        match how {
            FailOver::Stopped => self.servers[old].signal("STOP"),
            _ => self.servers[old].kill(),
        }
        self.until("there is another master", |group| {
            group.master().is_some_and(|new| new != old && group.is_master(new))
        });
        match how {
            FailOver::Stopped => self.servers[old].signal("CONT"),
            _ => self.servers[old].restart(),
        }
        if how == FailOver::KilledWithOperator {
            let new = self.master().expect("there is a master");
            self.servers[old].replicate(&self.servers[new]);
        }
        self.until("all follow the new master", |group| {
            let Some(master) = group.master() else { return false };
            group.servers[master].replication().matches("state=online").count() == 2
        });
    }

    fn is_master(&self, server: usize) -> bool {
        self.servers[server].replication().contains("role:master")
    }

    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "never comes true: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let (port, folder) = (free_port(), Folder::new());
        let file = folder.path().join("sentinel.conf");
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 2000\n",
            folder.path().display()
        );
        fs::write(&file, lines).unwrap();
        let process = Command::new("redis-sentinel").arg(&file).stdout(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                panic!("redis-sentinel is not to be found: install it (apt-get install redis-sentinel)")
            }
            _ => panic!("redis-sentinel: {error}"),
        });
        Self { port, process, _folder: folder }
    }

    /// Returns something that it knows of the master, if it answers.
    fn info(&self, field: &str) -> Option<String> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.port)).unwrap();
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
        let known = redis::cmd("SENTINEL").arg("MASTER").arg("main").query(&mut connection);
        let mut known: std::collections::HashMap<String, String> = known.ok()?;
        known.remove(field)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A failover takes some seconds, and longer if the Sentinels do not agree at first.
const PATIENCE: Duration = Duration::from_secs(60);
