//! An nginx of its own for each test.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    net::UnixStream,
    process::{Child, Command},
};

/// A running nginx that listens on a socket in a folder of its own. It is killed when it is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    folder: PathBuf,
}

impl Nginx {
    /// Starts an nginx that passes all on to `upstream`, with its defaults and these directives.
    ///
    /// What is below `/unheeding/` it passes on without heeding `x-accel-buffering`.
    ///
    /// # Panics
    ///
    /// Panics if nginx is not installed, or does not like the directives.
    pub async fn start(upstream: SocketAddr, directives: &str) -> Self {
        Self::start_before(&[upstream], directives).await
    }

    /// Does the same before several nodes, which take turns.
    ///
    /// A node that refuses is tried again by the next request: by default nginx would avoid it for 10 seconds, and
    /// answer 502 if the other one restarted meanwhile.
    pub async fn start_before(nodes: &[SocketAddr], directives: &str) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("ssekit-nginx-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, self::configuration(&folder, nodes, directives)).unwrap();
        let process = Command::new(installed())
            .args(["-e", "stderr", "-c"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut nginx = Self { process, folder };
        while nginx.connect().await.is_err() {
            assert_eq!(nginx.process.try_wait().unwrap(), None, "nginx has ended; its log is above");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        nginx
    }

    /// Connects to it.
    pub async fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(self.folder.join("socket")).await
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It is killed even so, and what is left in the folder is small.
        let _ = self.process.start_kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(folder: &Path, nodes: &[SocketAddr], directives: &str) -> String {
    let folder = folder.display();
    let nodes: String = nodes.iter().map(|node| format!("server {node} max_fails=0; ")).collect();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {folder}/{kind};")).join(" ");
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
        events {{}}
        http {{
            access_log off; {temporary}
            upstream nodes {{ {nodes} }}
            server {{
                listen unix:{folder}/socket;
                {directives}
                location / {{ proxy_pass http://nodes; }}
                location /unheeding/ {{
                    proxy_ignore_headers X-Accel-Buffering;
                    proxy_pass http://nodes/;
                }}
            }}
        }}"
    )
}

/// Returns where nginx is; a user who is not root may not have its folder in the path.
fn installed() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut candidates = folders.map(|folder| folder.join("nginx"));
    candidates
        .find(|candidate| candidate.is_file())
        .expect("nginx is not installed. Try: apt-get install nginx, or tests/run, which does it")
}
