use std::{sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::sleep};

use crate::relay::redis::{
    address::{Address, Leads},
    attempts::Reached,
    connection::Connection,
    sentinel::Sentinels,
    target::{Server, Target},
    tls::Tls,
    trouble::Trouble,
};

/// The connections of a log.
pub(super) struct Links {
    pub(super) follow: Connection,
    pub(super) append: Connection,
    pub(super) read: Connection,
    /// Errors of the other connections that concern the server being followed.
    pub(super) trouble: Arc<Trouble>,
}

/// Stops when dropped.
pub(super) struct Watch(JoinHandle<()>);

impl Links {
    /// Creates connections with time limits for connecting and for a reply. One waits longer, for entries.
    pub(super) fn new(
        address: &Address,
        tls: Option<&Tls>,
        timeout: Duration,
        wait: Duration,
    ) -> (Self, Option<Watch>) {
        let (target, sentinels): (Arc<dyn Target>, _) = match &address.leads {
            Leads::To(info) => (Arc::new(Server { info: (**info).clone(), tls: tls.cloned() }), None),
            Leads::ToMasterOf(group) => {
                let sentinels = Arc::new(Sentinels::new(group, tls, timeout));
                (Arc::clone(&sentinels) as Arc<dyn Target>, Some(sentinels))
            }
        };
        let (trouble, reached) = (Arc::new(Trouble::default()), Reached::default());
        let connection = |reply_within| Connection::new(Arc::clone(&target), &reached, timeout, reply_within);
        let links = Self {
            follow: connection(wait + timeout),
            append: connection(timeout).reporting(&trouble),
            read: connection(timeout).reporting(&trouble),
            trouble,
        };
        (links, sentinels.map(|sentinels| Watch(tokio::spawn(watch(sentinels)))))
    }

    pub(super) fn renew(&self) {
        for connection in [&self.follow, &self.append, &self.read] {
            connection.renew();
        }
    }
}

/// Lets the connections leave the old master as soon as the Sentinels have another one.
async fn watch(sentinels: Arc<Sentinels>) {
    loop {
        sleep(WATCH).await;
        sentinels.look().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often the Sentinels are asked whether the master is still the same.
const WATCH: Duration = Duration::from_secs(1);
