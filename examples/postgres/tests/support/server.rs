use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use ssekit_postgres::{PostgresLog, PostgresLogOptions};
use tokio_postgres::{Client, Config, NoTls};

/// It listens on a free port, and its folder goes with it.
pub(crate) struct Server {
    programs: PathBuf,
    /// The unprivileged user that runs it, if the tests run as root.
    user: Option<(u32, u32)>,
    folder: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ssekit-postgres-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let user = rustix::process::geteuid().is_root().then(unprivileged);
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let mut server = Self { programs: programs(), user, folder, port: 0, process: None };
        let mut create = server.command("initdb");
        create.args([
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--username=test",
            "--pgdata",
        ]);
        let created = create.arg(server.data()).output().unwrap();
        assert!(created.status.success(), "initdb: {}", String::from_utf8_lossy(&created.stderr));
        // The port is free now, but another test may take it before the server does.
        while server.process.is_none() {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            server.try_spawn().await;
        }
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts it and waits until it answers. Leaves no process if it ended before.
    async fn try_spawn(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", "unix_socket_directories="]);
        let mut process = command.args(["-c", "max_connections=200"]).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while process.try_wait().unwrap().is_none() {
            if self.config().connect(NoTls).await.is_ok() {
                self.process = Some(process);
                return;
            }
            assert!(Instant::now() < deadline, "postgres does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills it, so that it has no time to tidy up.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + PATIENCE;
        // It refuses to start until the processes that it was made of have ended.
        while self.process.is_none() {
            assert!(Instant::now() < deadline, "postgres does not come back");
            self.try_spawn().await;
        }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("test").dbname("postgres");
        config.clone()
    }

    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = self.config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub(crate) async fn open(&self, name: &str) -> PostgresLog {
        self.open_with(PostgresLog::options(), name).await
    }

    pub(crate) async fn open_with(&self, options: PostgresLogOptions, name: &str) -> PostgresLog {
        options.open(self.config(), name).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It ends its children, which hold its folder.
            let _ = kill_process(Pid::from_child(&process), Signal::QUIT);
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the folder with the newest server's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let version = |folder: &Path| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = folders.filter(|folder| folder.join("initdb").exists()).max_by_key(|folder| version(folder));
    newest.expect("PostgreSQL is not to be found: install it (apt-get install postgresql)")
}

/// Returns the user and the group that Debian's package creates. PostgreSQL refuses to run as root.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut numbers = user.expect("there is no user `postgres`").split(':').skip(1);
    let mut number = || numbers.next().unwrap().parse().unwrap();
    (number(), number())
}

const PATIENCE: Duration = Duration::from_secs(30);
