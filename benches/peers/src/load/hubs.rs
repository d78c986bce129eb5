//! What is put under load: this crate's servers, and nginx with nchan, each a process on the first core.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{self, Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::http::{
    Server, get,
    server::{CAPACITY, data},
};

/// A hub in a process of its own.
pub(super) enum Hub {
    Ours(Server),
    Nchan(Nchan),
}

/// nginx, and the folder that it has its files in.
pub(super) struct Nchan {
    master: Child,
    worker: u32,
    address: String,
    folder: PathBuf,
}

/// What a process has used up.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    /// Seconds of CPU.
    pub(super) cpu: f64,
    /// Bytes of memory, now and at most.
    pub(super) memory: f64,
    pub(super) peak: f64,
}

impl Hub {
    pub(super) fn address(&self) -> &str {
        match self {
            Self::Ours(server) => &server.address,
            Self::Nchan(nchan) => &nchan.address,
        }
    }

    /// Publishes events, `rate` of them a second or, if that is zero, as fast as it goes.
    pub(super) fn publish(&self, events: usize, rate: usize) -> io::Result<()> {
        match self {
            Self::Ours(server) => {
                get(&server.address, &format!("/run?events={events}&rate={rate}")).map(drop)
            }
            Self::Nchan(nchan) => nchan.publish(events, rate),
        }
    }

    pub(super) fn usage(&self) -> io::Result<Usage> {
        let id = self.id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name of the program is in brackets, and may hold spaces.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let bytes = |name: &str| {
            let number = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
            number.and_then(|number| number.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0
        };
        Ok(Usage { cpu: (ticks(11) + ticks(12)) / 100.0, memory: bytes("VmRSS:"), peak: bytes("VmHWM:") })
    }

    /// Returns the memory that the process has for itself, and its part of what it shares.
    pub(super) fn proportional(&self) -> io::Result<f64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id()))?;
        let number = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next());
        Ok(number.and_then(|number| number.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0)
    }

    /// Waits until it has no more than so many files open.
    pub(super) fn wait_until_left(&self, files: usize) -> io::Result<()> {
        let start = Instant::now();
        while fs::read_dir(format!("/proc/{}/fd", self.id()))?.count() > files {
            if start.elapsed() > Duration::from_secs(60) {
                return Err(io::Error::other("connections are left"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Lets what it had in memory at most begin anew.
    pub(super) fn forget_peak(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5")
    }

    fn id(&self) -> u32 {
        match self {
            Self::Ours(server) => server.id(),
            Self::Nchan(nchan) => nchan.worker,
        }
    }
}

impl Nchan {
    /// Starts nginx with one worker. `None` if it is not installed, which Debian does with `nginx` and
    /// `libnginx-mod-nchan`.
    pub(super) fn start() -> io::Result<Option<Self>> {
        let module = "/usr/lib/nginx/modules/ngx_nchan_module.so";
        if !fs::exists(module)? {
            return Ok(None);
        }
        let folder = env::temp_dir().join(format!("ssekit-nchan-{}", process::id()));
        fs::create_dir_all(&folder)?;
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let shown = folder.display();
        let configuration = format!(
            "load_module {module}; daemon off; pid {shown}/pid; error_log stderr crit;
            worker_processes 1; worker_cpu_affinity 01; user root;
            events {{ worker_connections 19900; }}
            http {{
                access_log off; nchan_shared_memory_size 512M; client_body_temp_path {shown}/body;
                server {{
                    listen {address} backlog=4096 sndbuf=64k; keepalive_requests 1000000;
                    location = /events {{
                        nchan_subscriber eventsource; nchan_channel_id orders;
                        nchan_subscriber_first_message newest;
                    }}
                    location = /publish {{
                        nchan_publisher; nchan_channel_id orders;
                        nchan_message_buffer_length {CAPACITY}; nchan_message_timeout 1h;
                    }}
                }}
            }}"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut master = Command::new("/usr/sbin/nginx").args(["-e", "stderr", "-c"]).arg(&file).spawn()?;
        let id = master.id();
        let started = Instant::now();
        let worker = loop {
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
            if let Some(worker) = children.split_whitespace().next().and_then(|id| id.parse().ok()) {
                break worker;
            }
            if master.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("nginx does not start"));
            }
            thread::sleep(Duration::from_millis(5));
        };
        Ok(Some(Self { master, worker, address: address.to_string(), folder }))
    }

    fn publish(&self, events: usize, rate: usize) -> io::Result<()> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_nodelay(true)?;
        let mut answers = BufReader::new(socket.try_clone()?);
        let start = Instant::now();
        for event in 0..events {
            if rate > 0 {
                let due = start + Duration::from_secs_f64(event as f64 / rate as f64);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let data = data();
            let head =
                "POST /publish HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: ";
            socket.write_all(format!("{head}{}\r\n\r\n{data}", data.len()).as_bytes())?;
            read_answer(&mut answers)?;
        }
        Ok(())
    }
}

fn read_answer(answers: &mut impl BufRead) -> io::Result<()> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        answers.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().map_err(io::Error::other)?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    io::copy(&mut answers.take(length), &mut io::sink()).map(drop)
}

impl Drop for Nchan {
    fn drop(&mut self) {
        // The worker ends with its master, but not when that is killed.
        let _ = Command::new("kill").args([self.worker.to_string(), self.master.id().to_string()]).status();
        let _ = self.master.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
