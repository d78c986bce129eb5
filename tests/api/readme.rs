//! The README is also the crate's page in a registry, which has neither the repository's files nor its pictures.

use std::{collections::BTreeSet, fs, path::Path};

const GUIDE: &str = "https://docs.rs/ssekit/latest/ssekit/guide/";
const SOURCE: &str = "https://docs.rs/crate/ssekit/latest/source/";

#[test]
fn each_link_works_without_the_repository() {
    let links = links();
    assert!(links.len() > 30, "{links:?}");
    for link in links {
        assert!(link.starts_with("https://") || link.starts_with("http://127.0.0.1:"), "{link}");
    }
    assert!(!read("README.md").contains("!["), "a picture is no part of the package");
}

#[test]
fn the_guide_lists_each_page_and_no_other() {
    let listed: BTreeSet<_> = links()
        .iter()
        .filter_map(|link| link.strip_prefix(GUIDE)?.strip_suffix("/index.html").map(str::to_owned))
        .collect();
    let source = read("src/guide.rs");
    let pages: BTreeSet<_> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(" {}").map(str::to_owned))
        .collect();
    assert_eq!(listed, pages);
}

/// The registry shows the files of the package, so a link must name one of those.
#[test]
fn each_file_that_is_linked_is_in_the_package() {
    let files: Vec<_> =
        links().iter().filter_map(|link| link.strip_prefix(SOURCE).map(str::to_owned)).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        assert!(root().join(&file).is_file(), "{file}");
        // A folder of `examples/` is a package of its own.
        let is_packed = file.strip_prefix("examples/").is_some_and(|example| !example.contains('/'))
            || ["CHANGELOG.md", "SECURITY.md"].contains(&&*file);
        assert!(is_packed, "{file}");
    }
}

#[test]
fn each_example_is_named() {
    let readme = read("README.md");
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

/// What stands in parentheses behind brackets, and between angle brackets.
fn links() -> Vec<String> {
    let readme = read("README.md");
    let inline = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let bare = readme.split("<http").skip(1).map(|rest| rest.split('>').next().unwrap());
    inline.map(str::to_owned).chain(bare.map(|rest| format!("http{rest}"))).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
