//! A server that speaks as much of Redis's protocol as the log in a stream needs, and answers what a test wants.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub(crate) struct FakeRedis {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    commands: Commands,
    accept: JoinHandle<()>,
}

type Commands = Arc<Mutex<Vec<Vec<String>>>>;

/// Answers the words of a command that came on the connection with the given number, counted from 1: with bytes of
/// the protocol, or by closing the connection.
type Answer = dyn Fn(usize, &[String]) -> Option<String> + Send + Sync;

impl FakeRedis {
    pub(crate) async fn start(
        answer: impl Fn(usize, &[String]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, commands) = (Arc::new(AtomicUsize::new(0)), Commands::default());
        let (counted, noted) = (Arc::clone(&accepted), Arc::clone(&commands));
        let answer: Arc<Answer> = Arc::new(answer);
        let accept = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let number = counted.fetch_add(1, Ordering::AcqRel) + 1;
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                tokio::spawn(async move {
                    // Its end is that of the connection.
                    let _ = serve(client, number, &*answer, &noted).await;
                });
            }
        });
        Self { address, accepted, commands, accept }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }

    /// Returns how many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Acquire)
    }

    /// Returns how many records it was asked to append.
    pub(crate) fn appends(&self) -> usize {
        self.commands.lock().unwrap().iter().filter(|words| is_append(words)).count()
    }
}

/// Returns whether a command runs the script that appends: on the log and the finished topics, or with a key as well.
pub(crate) fn is_append(words: &[String]) -> bool {
    words[0] == "EVALSHA" && words.len() > 6
}

/// What Redis answers when nothing is wrong.
pub(crate) fn well(words: &[String]) -> String {
    match &*words[0] {
        "PING" => "+PONG\r\n".into(),
        "SCRIPT" => "$3\r\nsha\r\n".into(),
        "EVALSHA" if is_append(words) => "$3\r\n1-1\r\n".into(),
        "EVALSHA" | "XRANGE" => "*0\r\n".into(),
        "XREAD" => "*-1\r\n".into(),
        _ => "+OK\r\n".into(),
    }
}

impl Drop for FakeRedis {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn serve(
    client: TcpStream,
    number: usize,
    answer: &Answer,
    commands: &Commands,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut words = Vec::new();
        for _ in 0..length(&mut client, b'*').await? {
            let mut word = vec![0; length(&mut client, b'$').await? + 2];
            client.read_exact(&mut word).await?;
            word.truncate(word.len() - 2);
            words.push(String::from_utf8(word).unwrap());
        }
        commands.lock().unwrap().push(words.clone());
        let Some(answer) = answer(number, &words) else { return Ok(()) };
        client.get_mut().write_all(answer.as_bytes()).await?;
    }
}

/// Reads a line with a kind and a number.
async fn length(client: &mut BufReader<TcpStream>, kind: u8) -> std::io::Result<usize> {
    let mut line = Vec::new();
    client.read_until(b'\n', &mut line).await?;
    match &line[..] {
        [first, digits @ .., b'\r', b'\n'] if *first == kind => {
            Ok(std::str::from_utf8(digits).unwrap().parse().unwrap())
        }
        _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}
