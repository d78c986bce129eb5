//! A proxy that cuts a stream at a given place, in a given way.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use crate::PATIENCE;

/// Where the stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind the blank line that ends the event.
    After,
    /// Between the line of data and the blank line.
    BeforeBlankLine,
    /// In the middle of the line of data.
    InsideLine,
}

/// How the stream is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The response ends in good order, and then the connection does.
    End,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
}

/// What happens to the event with some data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The event's data, of one line.
    pub data: String,
    /// Where.
    pub place: Place,
    /// How.
    pub way: Way,
}

/// Listens on a port of its own and passes each connection on to one address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Mutex<Option<Cut>>>,
    counts: watch::Sender<Counts>,
    accept: JoinHandle<()>,
}

/// What has been passed on to the client, and done to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Streams that were cut.
    pub cuts: usize,
    /// Comments, each a frame of its own.
    pub comments: usize,
    /// Positions.
    pub positions: usize,
    /// Answers with the status 204.
    pub no_content: usize,
}

impl Proxy {
    /// Starts to pass connections on to `upstream`.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (plan, counts) = (Arc::<Mutex<Option<Cut>>>::default(), watch::Sender::default());
        let shared = (Arc::clone(&plan), counts.clone());
        let accept = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (plan, counts) = shared.clone();
                tokio::spawn(async move { link(client, upstream, &plan, &counts).await.unwrap_or_default() });
            }
        });
        Self { address, plan, counts, accept }
    }

    /// Returns where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the stream once, when the event comes.
    pub fn cut(&self, cut: Cut) {
        assert_eq!(self.plan.lock().unwrap().replace(cut), None, "the cut before has not happened");
    }

    /// Returns what has been passed on so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until so much has been passed on.
    pub async fn wait_until(&self, wanted: impl Fn(&Counts) -> bool) {
        let mut counts = self.counts.subscribe();
        let waited = timeout(PATIENCE, counts.wait_for(wanted)).await;
        assert!(waited.is_ok(), "it does not come: {:?}, {:?}", self.counts(), self.plan.lock().unwrap());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn link(
    mut client: TcpStream,
    upstream: SocketAddr,
    plan: &Mutex<Option<Cut>>,
    counts: &watch::Sender<Counts>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    let (mut up, mut held) = ([0; 4096], Vec::new());
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                0 => return Ok(()),
                length => server.write_all(&up[..length]).await?,
            },
            read = server.read_buf(&mut held) => {
                if read? == 0 {
                    return client.write_all(&held).await;
                }
                // Chunks are whole events, so an event is looked for in whole chunks.
                if !held.ends_with(b"\r\n") {
                    continue;
                }
                let found = plan.lock().unwrap().as_ref().and_then(|cut| Some((cut.offset(&held)?, cut.way)));
                if let Some((offset, way)) = found {
                    client.write_all(&held[..offset]).await?;
                    if way == Way::End {
                        client.write_all(b"0\r\n\r\n").await?;
                    } else if way == Way::Reset {
                        client.set_zero_linger()?;
                    }
                    *plan.lock().unwrap() = None;
                    drop((client, server));
                    counts.send_modify(|counts| counts.cuts += 1);
                    return Ok(());
                }
                client.write_all(&held).await?;
                counts.send_modify(|counts| counts.add(&held));
                held.clear();
            }
        }
    }
}

impl Cut {
    /// Returns how much of some chunks is passed on, if the event is there.
    fn offset(&self, chunks: &[u8]) -> Option<usize> {
        let line = format!("data: {}\n", self.data);
        let start = find(chunks, line.as_bytes())?;
        Some(match self.place {
            Place::InsideLine => start + "data: #".len(),
            Place::BeforeBlankLine => start + line.len(),
            Place::After => {
                let end = start + line.len();
                end + find(&chunks[end..], b"\n\r\n").expect("nothing follows in its chunk") + "\n\r\n".len()
            }
        })
    }
}

impl Counts {
    fn add(&mut self, chunks: &[u8]) {
        self.comments += count(chunks, b"\r\n:\n");
        self.positions += count(chunks, b"event: position\n");
        self.no_content += count(chunks, b"HTTP/1.1 204");
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}
