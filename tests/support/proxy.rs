//! A TCP proxy that cuts and stalls the connections through it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Listens on a port of its own and passes each connection on to one address.
///
/// Dropping it cuts all that is left.
pub(crate) struct Proxy {
    address: SocketAddr,
    links: Links,
    accept: JoinHandle<()>,
}

/// What happens to a connection. All but a stall end it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Both sides are closed in good order.
    Cut,
    /// The client sees a reset, and loses what it has not read.
    Reset,
    /// Half of the server's next piece is passed on, then both sides are closed.
    CutInside,
    /// Nothing is passed on any more, and nothing closed, until the client closes.
    Stall,
}

type Links = Arc<Mutex<Vec<watch::Sender<Option<Fault>>>>>;

impl Proxy {
    /// Starts to pass connections on to `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let links = Links::default();
        let accepted = Arc::clone(&links);
        let accept = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (strike, fault) = watch::channel(None);
                let mut links = accepted.lock().unwrap();
                links.retain(|link| !link.is_closed());
                links.push(strike);
                drop(links);
                tokio::spawn(link(client, upstream, fault));
            }
        });
        Self { address, links, accept }
    }

    /// Returns where clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a fault happen to one of the live connections: the one at `pick` modulo their number.
    ///
    /// Returns whether there was one.
    pub(crate) fn strike(&self, pick: usize, fault: Fault) -> bool {
        let mut links = self.links.lock().unwrap();
        links.retain(|link| !link.is_closed());
        let Some(index) = pick.checked_rem(links.len()) else { return false };
        links[index].send_replace(Some(fault));
        true
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
        self.links.lock().unwrap().clear();
    }
}

async fn link(mut client: TcpStream, upstream: SocketAddr, mut fault: watch::Receiver<Option<Fault>>) {
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    let (mut up, mut down) = ([0; 1024], [0; 1024]);
    loop {
        let struck = *fault.borrow_and_update();
        tokio::select! {
            changed = fault.changed() => match *fault.borrow() {
                Some(Fault::Reset) => return client.set_zero_linger().unwrap_or_default(),
                Some(Fault::Cut) => return,
                _ if changed.is_err() => return,
                _ => {}
            },
            read = client.read(&mut up) => match read {
                Ok(1..) if struck == Some(Fault::Stall) => {}
                Ok(length @ 1..) if server.write_all(&up[..length]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut down), if struck != Some(Fault::Stall) => match read {
                Ok(length @ 1..) => {
                    let inside = struck == Some(Fault::CutInside);
                    let passed = if inside { length / 2 } else { length };
                    if client.write_all(&down[..passed]).await.is_err() || inside {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
