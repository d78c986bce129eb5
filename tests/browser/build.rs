//! Takes the Rust code out of the guide that its scripts are a counterpart of, as it is printed.

use std::{env, fs, path::Path};

fn main() {
    let out = env::var_os("OUT_DIR").unwrap();
    for (page, heading, file) in [
        ("../../docs/resuming.md", "# A snapshot, then the events after it", "counter.rs"),
        ("../../docs/browsers.md", "# A heartbeat that a page can see", "heartbeat.rs"),
    ] {
        println!("cargo::rerun-if-changed={page}");
        let text = fs::read_to_string(page).unwrap();
        let block = text
            .split_once(&format!("\n{heading}\n"))
            .and_then(|(_, section)| section.split_once("\n```\n"))
            .and_then(|(_, block)| block.split_once("\n```\n"));
        let (block, _) = block.unwrap_or_else(|| panic!("{page} has no Rust under {heading:?}"));
        // These lines are not printed.
        let printed: Vec<_> = block.lines().filter(|line| !line.starts_with("# ")).collect();
        fs::write(Path::new(&out).join(file), printed.join("\n")).unwrap();
    }
}
