//! Finding the present master through Sentinels, and noticing when it is another one.
//!
//! The client library can find a master, too. Its connections know neither the limits on attempts and time
//! nor the root certificates of a [`RedisLog`](super::RedisLog), and it believes the first Sentinel that
//! answers.

use std::{io, sync::Arc, time::Duration};

use redis::{ConnectionAddr, ConnectionInfo, Pipeline, Value};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::relay::redis::{
    address::Group,
    attempts::Reached,
    connection::Connection,
    error::RedisLogError,
    failed::{Failed, Repeat},
    link::Link,
    master::{Lead, Master},
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
    /// The master that was found last. Connections to its predecessors end.
    found: watch::Sender<Option<Master>>,
}

struct Sentinel {
    address: ConnectionAddr,
    connection: Connection,
}

impl Sentinels {
    pub(super) fn new(group: &Group, tls: Option<&Tls>, within: Duration) -> Self {
        // Finding the master and connecting to it share the caller's time limit.
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
            found: watch::Sender::new(None),
        }
    }

    /// Connects to the present master, and checks that it is one.
    async fn open_master(&self, reply_within: Duration) -> Result<Link, RedisLogError> {
        let master = self.find().await?;
        let info = self.master.clone().set_addr(ConnectionAddr::Tcp(master.host.clone(), master.port));
        let open = timeout(self.within, open_master(&info, self.tls.as_ref(), reply_within));
        let link = open.await.unwrap_or_else(|_| Err(RedisLogError::connect(timed_out())))?;
        Ok(link.of_master(Lead::new(master, self.found.subscribe())))
    }

    /// Finds the present master. If that is another one, connections to the old one end.
    ///
    /// If the Sentinels do not answer, connections are as good as before.
    pub(super) async fn look(&self) {
        let _ = self.find().await;
    }

    /// Finds the present master, and lets connections to an older one end.
    async fn find(&self) -> Result<Master, RedisLogError> {
        let master = self.ask_all().await?;
        self.found.send_replace(Some(master.clone()));
        Ok(master)
    }

    /// Asks all Sentinels at once, and returns the newest of the first answers of a majority.
    ///
    /// One that was cut off may still name an old master, and one that does not answer must not delay.
    async fn ask_all(&self) -> Result<Master, RedisLogError> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels {
            let (sentinel, name) = (Arc::clone(sentinel), Arc::clone(&self.name));
            asked.spawn(async move { sentinel.ask(&name).await });
        }
        let (mut answers, mut newest, mut failed) = (0, None::<Master>, None);
        // A Sentinel that was cut off still names the old master. Of a majority at least one has
        // seen the last failover, and its epoch is the highest.
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
}

impl Target for Sentinels {
    fn open(&self, reply_within: Duration) -> Opening<'_> {
        Box::pin(self.open_master(reply_within))
    }
}

impl Sentinel {
    async fn ask(&self, name: &str) -> Result<Master, RedisLogError> {
        let mut ask = Pipeline::new();
        // In this order: an address may be newer than its epoch, and then the next answer has both. During a failover
        // the first answer has the new epoch and the old address.
        ask.cmd("SENTINEL").arg("MASTER").arg(name);
        ask.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let answers = self.connection.query(&ask, Repeat::WhenBroken).await;
        let (fields, (host, port)): (Vec<(String, String)>, (String, u16)) =
            answers.map_err(|failed| RedisLogError::from(failed).of_sentinel(&self.address))?;
        let epoch = fields.iter().find(|(field, _)| field == "config-epoch");
        let epoch = epoch.and_then(|(_, epoch)| epoch.parse().ok()).ok_or_else(RedisLogError::reply)?;
        Ok(Master { epoch, host, port })
    }
}

/// Connects to a server, and checks that it is a master.
async fn open_master(
    info: &ConnectionInfo,
    tls: Option<&Tls>,
    reply_within: Duration,
) -> Result<Link, RedisLogError> {
    let link = Link::open(info, tls, reply_within).await?;
    // A master that was deposed and does not know it yet, or a replica that is still listed, would
    // accept the connection.
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
