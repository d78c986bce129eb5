//! The service as a process, seen as a user at a terminal sees it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

/// A running service, which is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Program {
    /// Starts it on a free port and waits until it accepts.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child =
            command(options).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
        Self { child, output, address }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the printed lines up to one that contains `last`.
    pub(crate) fn lines_until(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.contains(last)) {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "no {last} in {lines:?}");
            lines.push(line.trim().to_owned());
        }
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it with options that it must refuse, and returns what it says.
pub(crate) fn refuses(options: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(options).output().unwrap();
    assert!(!status.success());
    assert!(stdout.is_empty());
    String::from_utf8(stderr).unwrap()
}

/// A process of a shell, which is killed when it is dropped.
pub(crate) struct Shell(Child);

impl Shell {
    pub(crate) fn start(line: &str) -> Self {
        // Not a child of the shell, or killing the shell would leave it running.
        let line = format!("exec {line}");
        Self(
            Command::new("bash")
                .args(["-c", &line])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    pub(crate) fn read_to_end(&mut self) -> String {
        let mut read = String::new();
        self.0.stdout.as_mut().unwrap().read_to_string(&mut read).unwrap();
        read
    }

    /// Reads until the output contains `wanted`.
    pub(crate) fn read_until(&mut self, wanted: &str) -> String {
        let output = self.0.stdout.as_mut().unwrap();
        let mut read = String::new();
        let mut buffer = [0; 1024];
        while !read.contains(wanted) {
            let len = output.read(&mut buffer).unwrap();
            assert_ne!(len, 0, "no {wanted:?} in {read:?}");
            read.push_str(str::from_utf8(&buffer[..len]).unwrap());
        }
        read
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command.args(options).stdin(Stdio::null());
    command
}
