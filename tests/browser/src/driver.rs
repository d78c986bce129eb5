//! WebDriver processes.

use std::{env, panic, path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{ClientBuilder, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::Tab;

/// Which browser a test runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    /// Chromium, with a profile that its driver makes and removes.
    Chromium,
    /// Firefox, with a profile that its driver makes and removes.
    Firefox,
}

/// Starts a browser, lets a test use it, and ends it, however the test ends.
///
/// # Panics
///
/// Panics if the test does, if it takes too long, and if the browser or its driver is not installed.
pub async fn visit<F: Future<Output = ()> + Send + 'static>(browser: Browser, test: impl FnOnce(Tab) -> F) {
    visit_with(browser, &[], test).await;
}

/// Does the same with more arguments for the browser.
pub async fn visit_with<F: Future<Output = ()> + Send + 'static>(
    browser: Browser,
    arguments: &[&str],
    test: impl FnOnce(Tab) -> F,
) {
    let (driver, address) = start_driver(browser).await;
    let session = ClientBuilder::new(HttpConnector::new())
        .capabilities(browser.capabilities(arguments))
        .connect(&address)
        .await
        .expect("the browser starts");
    // A task of its own, so that a panic ends the test but not the browser's end.
    let test = tokio::spawn(test(Tab::new(session.clone(), browser)));
    let stop = test.abort_handle();
    let outcome = timeout(LONGEST_TEST, test).await;
    stop.abort();
    session.close().await.expect("the browser ends");
    end_driver(driver).await;
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_panic() => panic::resume_unwind(error.into_panic()),
        _ => panic!("the test takes more than {LONGEST_TEST:?}"),
    }
}

impl Browser {
    fn capabilities(self, more: &[&str]) -> Capabilities {
        let (key, executable, arguments): (_, _, &[&str]) = match self {
            Self::Chromium => ("goog:chromeOptions", installed("chromium", "chromium"), &CHROMIUM_ARGUMENTS),
            Self::Firefox => ("moz:firefoxOptions", installed("firefox-esr", "firefox-esr"), &["-headless"]),
        };
        let arguments: Vec<_> = arguments.iter().chain(more).collect();
        let mut capabilities =
            Capabilities::from_iter([(key.to_owned(), json!({ "binary": executable, "args": arguments }))]);
        if self == Self::Chromium {
            capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        }
        capabilities
    }
}

/// Starts a driver on a port of its own, and returns it with its address.
async fn start_driver(browser: Browser) -> (Child, String) {
    let (mut command, announcement) = match browser {
        Browser::Chromium => {
            let mut command = Command::new(installed("chromedriver", "chromium-driver"));
            command.arg("--port=0");
            (command, "started successfully on port ")
        }
        Browser::Firefox => {
            let mut command = Command::new(installed("geckodriver", "geckodriver"));
            command.args(["--port", "0", "--websocket-port", "0"]);
            (command, "Listening on 127.0.0.1:")
        }
    };
    let mut driver = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port: u16 = loop {
        let line = lines.next_line().await.unwrap().expect("the driver ends before it listens");
        if let Some((_, port)) = line.split_once(announcement) {
            break port.trim_end_matches('.').parse().unwrap();
        }
    };
    // A driver that can write no more lines would stop.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (driver, format!("http://127.0.0.1:{port}"))
}

async fn end_driver(mut driver: Child) {
    driver.kill().await.unwrap();
}

/// Returns where a program is.
fn installed(program: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path).map(|folder| folder.join(program));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| {
        let how = match package {
            "geckodriver" => "cargo install geckodriver --locked",
            _ => "apt-get install",
        };
        panic!("{program} is not installed. Try: {how} {package}, or tests/run, which does it")
    })
}

/// Chromium as root in a container, without anything that calls home.
const CHROMIUM_ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
const LONGEST_TEST: Duration = Duration::from_secs(180);
