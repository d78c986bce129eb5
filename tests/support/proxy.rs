//! A TCP proxy that cuts, stalls, splits and delays what goes through it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
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
    upstream: Arc<Mutex<SocketAddr>>,
    links: Links,
    effects: Arc<Effects>,
    accept: JoinHandle<()>,
}

/// What happens to a connection, from now on until another fault does.
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
    /// What the server sends is passed on a few bytes at a time.
    Split,
    /// What the server sends is passed on late.
    Delay,
    /// Nothing is passed on any more, and what the client sends next is answered with a reset, as by a balancer that
    /// has forgotten an idle connection.
    Forget,
}

/// How often each fault did something.
#[derive(Default)]
struct Effects([AtomicUsize; Fault::ALL.len()]);

type Links = Arc<Mutex<Vec<watch::Sender<Option<Fault>>>>>;

impl Proxy {
    /// Starts to pass connections on to `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (links, effects) = (Links::default(), Arc::<Effects>::default());
        let upstream = Arc::new(Mutex::new(upstream));
        let leads_to = Arc::clone(&upstream);
        let (accepted, counted) = (Arc::clone(&links), Arc::clone(&effects));
        let accept = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (strike, fault) = watch::channel(None);
                let mut links = accepted.lock().unwrap();
                links.retain(|link| !link.is_closed());
                links.push(strike);
                drop(links);
                let upstream = *leads_to.lock().unwrap();
                tokio::spawn(link(client, upstream, fault, Arc::clone(&counted)));
            }
        });
        Self { address, upstream, links, effects, accept }
    }

    /// Passes new connections on to another address. Those that are there stay as they are.
    pub(crate) fn redirect(&self, upstream: SocketAddr) {
        *self.upstream.lock().unwrap() = upstream;
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

    /// Returns how often a fault has done something: to a connection, or to what it carried.
    pub(crate) fn effects(&self, fault: Fault) -> usize {
        self.effects.0[fault as usize].load(Ordering::Relaxed)
    }
}

impl Fault {
    /// Those that may happen to any protocol.
    pub(crate) const ALL: [Self; 6] =
        [Self::Cut, Self::Reset, Self::CutInside, Self::Stall, Self::Split, Self::Delay];
}

impl Effects {
    fn count(&self, fault: Fault) {
        self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
        self.links.lock().unwrap().clear();
    }
}

async fn link(
    mut client: TcpStream,
    upstream: SocketAddr,
    mut fault: watch::Receiver<Option<Fault>>,
    effects: Arc<Effects>,
) {
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    client.set_nodelay(true).unwrap_or_default();
    let (mut up, mut down) = ([0; 1024], [0; 1024]);
    loop {
        let struck = *fault.borrow_and_update();
        tokio::select! {
            changed = fault.changed() => {
                let fault = *fault.borrow();
                if let Some(fault @ (Fault::Cut | Fault::Reset | Fault::Stall)) = fault {
                    effects.count(fault);
                }
                match fault {
                    Some(Fault::Reset) => return client.set_zero_linger().unwrap_or_default(),
                    Some(Fault::Cut) => return,
                    _ if changed.is_err() => return,
                    _ => {}
                }
            }
            read = client.read(&mut up) => match read {
                Ok(1..) if struck == Some(Fault::Stall) => {}
                Ok(1..) if struck == Some(Fault::Forget) => return client.set_zero_linger().unwrap_or_default(),
                Ok(length @ 1..) if server.write_all(&up[..length]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut down), if !matches!(struck, Some(Fault::Stall | Fault::Forget)) => {
                let Ok(length @ 1..) = read else { return };
                if let Some(fault @ (Fault::CutInside | Fault::Split | Fault::Delay)) = struck {
                    effects.count(fault);
                }
                let bytes = &down[..length];
                let passed = match struck {
                    Some(Fault::CutInside) => {
                        client.write_all(&bytes[..length / 2]).await.unwrap_or_default();
                        return;
                    }
                    Some(Fault::Split) => split(&mut client, bytes).await,
                    Some(Fault::Delay) => {
                        tokio::time::sleep(DELAY).await;
                        client.write_all(bytes).await
                    }
                    _ => client.write_all(bytes).await,
                };
                if passed.is_err() {
                    return;
                }
            }
        }
    }
}

/// Passes bytes on in pieces of 1 to 7.
async fn split(client: &mut TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    for length in (1..=7).cycle() {
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        client.write_all(piece).await?;
        // The client may read this one before the next one comes.
        tokio::task::yield_now().await;
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    Ok(())
}

const DELAY: Duration = Duration::from_millis(50);
