//! Finding the present master through Sentinels, and noticing when it is another one.
//!
//! The client library can find a master, too. Its connections know neither the limits on attempts and time
//! nor the root certificates of a [`RedisLog`](super::RedisLog), and it believes the first Sentinel that
//! answers.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{ConnectionAddr, ConnectionInfo, Pipeline, Value};
use tokio::{task::JoinSet, time::timeout};

use crate::relay::redis::{
    address::Group,
    attempts::Reached,
    connection::Connection,
    error::RedisLogError,
    failed::{Failed, Repeat},
    link::Link,
    target::{Opening, Server, Target},
    tls::Tls,
};

pub(super) struct Sentinels {
    sentinels: Vec<Arc<Sentinel>>,
    name: Arc<str>,
    /// How to connect to the master, but for its host and port.
    master: ConnectionInfo,
    tls: Option<Tls>,
    /// How long finding the master and connecting to it may take, each.
    within: Duration,
    /// The master that connections lead to.
    current: Mutex<Option<Master>>,
}

struct Sentinel {
    address: ConnectionAddr,
    connection: Connection,
}

/// A Sentinel's answer. Each failover has a greater epoch than all before it.
#[derive(Debug)]
struct Master {
    epoch: u64,
    host: String,
    port: u16,
}

impl Sentinels {
    pub(super) fn new(group: &Group, tls: Option<&Tls>, within: Duration) -> Self {
        let within = within / 2;
        let sentinel = |info: &ConnectionInfo| {
            let server = Arc::new(Server { info: info.clone(), tls: tls.cloned() });
            let connection = Connection::new(server, &Reached::default(), within / 2, within / 2);
            Arc::new(Sentinel { address: info.addr().clone(), connection })
        };
        Self {
            sentinels: group.sentinels.iter().map(sentinel).collect(),
            name: group.name.as_str().into(),
            master: group.master.clone(),
            tls: tls.cloned(),
            within,
            current: Mutex::default(),
        }
    }

    /// Connects to the present master, and checks that it is one.
    async fn open_master(&self, reply_within: Duration) -> Result<Link, RedisLogError> {
        let master = self.find().await?;
        let info = self.master.clone().set_addr(ConnectionAddr::Tcp(master.host.clone(), master.port));
        let open = timeout(self.within, open_master(&info, self.tls.as_ref(), reply_within));
        let link = open.await.unwrap_or_else(|_| Err(RedisLogError::connect(timed_out())))?;
        *self.lock() = Some(master);
        Ok(link)
    }

    /// Returns an error, once, if a failover has made another server the master.
    ///
    /// The old one may be up for some seconds more, and take what will be lost.
    pub(super) async fn check(&self) -> Result<(), RedisLogError> {
        // If they do not answer, the connections are as good as before.
        let Ok(found) = self.find().await else { return Ok(()) };
        let mut current = self.lock();
        let is_other = |current: &mut Master| current.epoch < found.epoch && !current.is_same_server(&found);
        // Until there is another connection, there is nothing to leave.
        match current.take_if(is_other) {
            Some(_) => Err(RedisLogError::failed_over(&found.host, found.port)),
            None => Ok(()),
        }
    }

    /// Asks all Sentinels at once, and returns the newest of the first answers of a majority.
    ///
    /// One that was cut off may still name an old master, and one that does not answer must not delay.
    async fn find(&self) -> Result<Master, RedisLogError> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels {
            let (sentinel, name) = (Arc::clone(sentinel), Arc::clone(&self.name));
            asked.spawn(async move { sentinel.ask(&name).await });
        }
        let (mut answers, mut newest, mut failed) = (0, None::<Master>, None);
        while answers <= self.sentinels.len() / 2 {
            match asked.join_next().await {
                Some(Ok(Ok(master))) => {
                    answers += 1;
                    if newest.as_ref().is_none_or(|newest| newest.epoch < master.epoch) {
                        newest = Some(master);
                    }
                }
                Some(Ok(Err(error))) => failed = Some(error),
                Some(Err(_)) => {}
                None => break,
            }
        }
        newest.ok_or_else(|| failed.unwrap_or_else(RedisLogError::abandoned))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Master>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target for Sentinels {
    fn open(&self, reply_within: Duration) -> Opening<'_> {
        Box::pin(self.open_master(reply_within))
    }
}

impl Master {
    fn is_same_server(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }
}

impl Sentinel {
    async fn ask(&self, name: &str) -> Result<Master, RedisLogError> {
        let mut ask = Pipeline::new();
        ask.cmd("SENTINEL").arg("MASTER").arg(name);
        let asked: Result<(Vec<(String, String)>,), _> =
            self.connection.query(&ask, Repeat::WhenBroken).await;
        let (fields,) = asked.map_err(|failed| RedisLogError::from(failed).of_sentinel(&self.address))?;
        let field = |name: &str| Some(&fields.iter().find(|(field, _)| field == name)?.1);
        let master = || {
            Some(Master {
                epoch: field("config-epoch")?.parse().ok()?,
                host: field("ip")?.clone(),
                port: field("port")?.parse().ok()?,
            })
        };
        master().ok_or_else(RedisLogError::reply)
    }
}

/// Connects to a server, and checks that it is a master.
async fn open_master(
    info: &ConnectionInfo,
    tls: Option<&Tls>,
    reply_within: Duration,
) -> Result<Link, RedisLogError> {
    let link = Link::open(info, tls, reply_within).await?;
    let mut role = Pipeline::new();
    role.cmd("ROLE");
    match link.query::<(Vec<Value>,)>(&role).await {
        Ok((role,)) if role.first().is_some_and(is_master) => Ok(link),
        Ok(_) => Err(RedisLogError::not_master(info.addr())),
        // Without the permission for it, the first write shows it.
        Err(Failed::Refused(error)) if error.is_forbidden() => Ok(link),
        Err(failed) => Err(RedisLogError::from(failed).while_connecting()),
    }
}

fn is_master(role: &Value) -> bool {
    match role {
        Value::BulkString(role) => role == b"master",
        Value::SimpleString(role) => role == "master",
        _ => false,
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
