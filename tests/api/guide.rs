//! The README and the guide: each page is documentation, each block of code runs, each test that a page names exists.
//!
//! `cargo test --doc --all-features` runs the Rust of `src/guide.rs` and of the README. Blocks that it leaves out are
//! listed here, each with what runs it. Scripts are run in browsers, by `tests/browser/tests/recipes.rs`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Blocks of Rust that the documentation's tests only compile, or do not take for Rust: the page, its heading, what the
/// fence says, and what runs the same.
const RUN_ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    (
        "README.md",
        "A client",
        "rust,no_run",
        "tests/newcomer starts it as a program, which reads from the server",
    ),
    ("README.md", "A server", "rust,no_run", "tests/newcomer starts it as a program, and publishes to it"),
    (
        "middleware.md",
        "A span without the query",
        "text",
        "tests/middleware has tower-http, the crate has not",
    ),
    (
        "publishing.md",
        "In the transaction, with PostgreSQL",
        "text",
        "examples/postgres/tests start a PostgreSQL",
    ),
    ("scaling_out.md", "Several processes, one log", "no_run", "tests/relay/redis.rs starts a Redis"),
];

/// What a fence may say of a block that is no program.
const NO_PROGRAMS: &[&str] = &["console", "text", "toml"];

#[test]
fn each_block_of_rust_runs_as_documentation_or_is_listed() {
    let mut elsewhere = Vec::new();
    for block in blocks() {
        let runs = ["", "rust"].contains(&&*block.fence);
        if !runs && block.is_rust() {
            elsewhere.push((block.page, block.heading, block.fence));
        }
    }
    let listed: Vec<_> = RUN_ELSEWHERE
        .iter()
        .map(|(page, heading, fence, _)| ((*page).to_owned(), (*heading).to_owned(), (*fence).to_owned()))
        .collect();
    elsewhere.sort();
    assert_eq!(elsewhere, listed);
}

/// The crate has no tower-http. The page prints what the test of another package runs, but for its white space.
#[test]
fn the_layer_on_the_page_is_the_one_that_is_tested() {
    if is_published() {
        return;
    }
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let tested = plain(&read("tests/middleware/tests/layers.rs"));
    let printed: Vec<_> =
        blocks().into_iter().filter(|block| block.page == "middleware.md" && block.fence == "text").collect();
    assert_eq!(printed.len(), 1);
    assert!(tested.contains(&plain(&printed[0].code)), "{}", printed[0].code);
}

#[test]
fn each_block_of_javascript_is_run_in_browsers() {
    if is_published() {
        return;
    }
    let printed = blocks().into_iter().filter(|block| block.fence == "js");
    let printed: Vec<_> = printed.map(|block| format!("{:?}, {:?} =>", block.page, block.heading)).collect();
    assert!(printed.len() > 3);
    // The list of `scripts!`, each with its tests.
    let tests = read("tests/browser/tests/recipes.rs");
    let tried: Vec<_> = tests
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(".md\", \"") && line.ends_with("=>"))
        .collect();
    assert_eq!(printed, tried);
}

/// A language that nobody knows is one that nobody runs.
#[test]
fn each_block_says_what_it_is() {
    for Block { page, heading, fence, code } in blocks() {
        let is_known = ["", "rust", "js"].contains(&&*fence)
            || NO_PROGRAMS.contains(&&*fence)
            || RUN_ELSEWHERE
                .iter()
                .any(|(listed, under, said, _)| (*listed, *under, *said) == (&page, &heading, &fence));
        assert!(is_known, "{page}, {heading}: {fence:?}");
        let is_script =
            ["addEventListener", "new EventSource(", "document."].iter().any(|sign| code.contains(sign));
        assert!(fence == "js" || !is_script, "{page}, {heading}: a script as {fence:?}");
    }
}

#[test]
fn each_page_is_part_of_the_documentation() {
    let guide = read("src/guide.rs");
    for (name, _) in pages() {
        if name == "README.md" {
            continue;
        }
        assert!(
            guide.contains(&format!(r#"include_str!("../docs/{name}")"#)),
            "{name} is not in src/guide.rs"
        );
    }
}

/// The documentation's own check of links knows pages, not headings.
#[test]
fn links_to_headings_lead_to_headings() {
    let pages = pages();
    let mut links = 0;
    for (page, text) in &pages {
        for link in text.split("](crate::guide::").skip(1) {
            let Some((target, anchor)) = link.split(')').next().unwrap().split_once('#') else { continue };
            let (_, target_text) = pages.iter().find(|(name, _)| *name == format!("{target}.md")).unwrap();
            let mut headings = target_text.lines().filter_map(|line| line.strip_prefix('#'));
            assert!(headings.any(|title| slug(title) == anchor), "{page}: {target}#{anchor}");
            links += 1;
        }
    }
    assert!(links > 10, "{links}");
}

/// A page whose tables have a column `test` names each test of these folders, and no other.
#[test]
fn symptoms_and_layers_name_the_tests_that_show_them() {
    if is_published() {
        return;
    }
    for (page, folder) in
        [("troubleshooting.md", "tests/troubleshooting"), ("middleware.md", "tests/middleware/tests")]
    {
        let text = read(&format!("docs/{page}"));
        let (mut own, mut all) = (BTreeSet::new(), BTreeSet::new());
        for file in rust_files(&root().join("tests")) {
            let tests = tests(&fs::read_to_string(&file).unwrap());
            if file.starts_with(root().join(folder)) {
                own.extend(tests.iter().cloned());
            }
            all.extend(tests);
        }
        let cells = test_cells(&text);
        assert!(
            cells.iter().all(|cell| names(cell).next().is_some()),
            "{page} has a row without a test: {cells:?}"
        );
        let named: BTreeSet<_> = cells.iter().flat_map(|cell| names(cell)).collect();
        let unknown: Vec<_> = named.difference(&all).collect();
        assert!(unknown.is_empty(), "{page} names no tests: {unknown:?}");
        let unnamed: Vec<_> = own.iter().filter(|test| !text.contains(&format!("`{test}`"))).collect();
        assert!(unnamed.is_empty(), "{page} does not name {unnamed:?}");
        assert!(own.len() > 15, "{own:?}");
    }
}

#[test]
fn the_checklist_for_adapters_is_what_the_scenario_runs() {
    if is_published() {
        return;
    }
    let listed: BTreeSet<_> =
        test_cells(&read("docs/adapters.md")).iter().flat_map(|cell| names(cell)).collect();
    let run: BTreeSet<_> = tests(&read("examples/frameworks/tests/scenario.rs")).into_iter().collect();
    assert!(run.len() > 5, "{run:?}");
    assert_eq!(listed, run);
}

#[test]
fn metrics_of_the_guide_are_those_of_the_example_service() {
    if is_published() {
        return;
    }
    let exported = read("examples/hub/src/metrics.rs");
    let text = read("docs/operating.md");
    let alarms = text.split("\n# Alarms\n").nth(1).unwrap().split("\n# ").next().unwrap();
    let metrics: BTreeSet<_> = names(alarms).filter(|name| name.starts_with("ssekit_")).collect();
    assert!(metrics.len() > 8, "{metrics:?}");
    for metric in metrics {
        // A counter's name gets its suffix when it is encoded.
        let name = metric.strip_suffix("_total").unwrap_or(&metric);
        assert!(exported.contains(&format!("{name:?}")), "{metric}");
    }
}

/// Returns whether this is a package from a registry, which has no other packages in its folders. Cargo keeps the original
/// manifest there.
fn is_published() -> bool {
    root().join("Cargo.toml.orig").exists()
}

/// A block of code in the README or the guide.
#[derive(Debug)]
struct Block {
    page: String,
    heading: String,
    /// What stands behind the first three backticks.
    fence: String,
    code: String,
}

impl Block {
    /// Returns whether it is Rust, whatever its fence says.
    fn is_rust(&self) -> bool {
        let says_so = self.fence.split(',').any(|word| {
            ["rust", "no_run", "compile_fail", "should_panic", "edition"]
                .iter()
                .any(|says| word.starts_with(says))
                || word.starts_with("ignore")
        });
        let looks_so = ["let ", "fn ", "use ", "impl ", ".await", "::new(", "|| ", "|request"];
        says_so
            || self.fence != "js"
                && self.code.lines().any(|line| looks_so.iter().any(|sign| line.contains(sign)))
    }
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for (page, text) in pages() {
        let mut heading = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(fence) = line.trim_start().strip_prefix("```") {
                let code: Vec<_> = lines.by_ref().take_while(|line| line.trim_start() != "```").collect();
                let (page, heading, code) = (page.clone(), heading.clone(), code.join("\n"));
                blocks.push(Block { page, heading, fence: fence.to_owned(), code });
            } else if let Some(title) = line.strip_prefix('#') {
                heading = title.trim_start_matches('#').trim().to_owned();
            }
            // Rustdoc takes lines that are indented by four spaces for code, too.
            let is_fenced = !line.starts_with("    ") && !line.trim_start().starts_with("~~~");
            assert!(is_fenced, "{page}: a block without backticks: {line:?}");
        }
    }
    assert!(blocks.len() > 40);
    blocks
}

/// The README and the pages of the guide, by name.
fn pages() -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), read("README.md"))];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            pages.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    pages.sort();
    pages
}

/// Returns the cells of a page's tables that are in a column with the title `test`.
fn test_cells(text: &str) -> Vec<String> {
    let mut column = None;
    let mut cells = Vec::new();
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            column = None;
            continue;
        };
        let row: Vec<_> = row.split(" | ").collect();
        match column {
            None => column = Some(row.iter().position(|title| *title == "test")),
            Some(_) if row[0] == "---" => {}
            Some(Some(column)) => cells.extend(row.get(column).map(|cell| (*cell).to_owned())),
            Some(None) => {}
        }
    }
    cells
}

/// Returns the anchor of a heading, without its number signs.
fn slug(title: &str) -> String {
    let title = title.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// Returns what stands between backticks and is a name.
fn names(text: &str) -> impl Iterator<Item = String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.contains('_') && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    quoted.filter(is_name).map(str::to_owned)
}

/// Returns the names of the tests in a file, those of browsers included, which a macro makes.
fn tests(source: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_test = source.contains("in_each_browser!");
    for line in source.lines() {
        let line = line.trim_start();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some((name, _)) = function.filter(|_| is_test).and_then(|function| function.split_once('(')) {
            tests.push(name.to_owned());
            is_test = source.contains("in_each_browser!");
        }
    }
    tests
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
