//! The rooms of `src/`: imports name the file that defines an item, go only where `docs/architecture.md` lets them, and
//! make no circle but those of a handle with what makes it: a hub's with its builder and topics, a log's with its options.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The files, by module path. `["hub", "core", "state"]` is `hub/core/state.rs`.
type Modules = BTreeMap<Vec<String>, PathBuf>;
/// The files that each file imports from.
type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

#[test]
fn imports_make_no_circle_but_the_natural_ones() {
    let imports = imports();
    let circles: BTreeSet<_> = imports.keys().map(|file| circle(file, &imports)).collect();
    let circles: Vec<_> = circles.into_iter().filter(|circle| circle.len() > 1).collect();
    let natural = [
        &["hub/builder.rs", "hub/handle.rs", "hub/topic.rs"][..],
        &["relay/disk/log.rs", "relay/disk/options.rs"],
    ];
    assert_eq!(circles, natural.map(|files| files.iter().map(PathBuf::from).collect()));
}

#[test]
fn imports_follow_the_arrows_of_the_architecture() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let allowed = arrows(&page);
    let mut wrong = Vec::new();
    for (file, targets) in imports() {
        for target in targets {
            let (from, to) = (room(&file), room(&target));
            // The root names what is public; it is imported by nobody.
            if from != "root" && from != to && !allowed.get(&from).is_some_and(|rooms| rooms.contains(&to)) {
                wrong.push(format!("{from} -> {to}: {} -> {}", file.display(), target.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let unused: Vec<_> = allowed.keys().filter(|room| !rooms().contains(*room)).collect();
    assert!(unused.is_empty(), "no such rooms: {unused:?}");
}

/// A face lists what is public. Inside the crate, an import names the file that defines the item.
#[test]
fn nothing_is_imported_from_a_face() {
    let imports = imports();
    let is_face = |file: &Path| {
        file.file_name().is_some_and(|name| name == "mod.rs")
            && fs::read_to_string(root().join("src").join(file)).unwrap().contains("\npub use ")
    };
    let wrong: Vec<_> = imports
        .iter()
        .flat_map(|(file, targets)| targets.iter().map(move |target| (file, target)))
        .filter(|(file, target)| is_face(target) && *file != Path::new("lib.rs") && !is_face(file))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_too_long_to_hold_one_idea() {
    for file in modules().values() {
        let lines = fs::read_to_string(root().join("src").join(file)).unwrap().lines().count();
        assert!(lines <= 450, "{} has {lines} lines", file.display());
    }
}

/// Returns the files from which this one can be reached again, and itself.
fn circle(file: &Path, imports: &Imports) -> BTreeSet<PathBuf> {
    let from_here = reachable(file, imports);
    let mut circle: BTreeSet<_> =
        from_here.into_iter().filter(|other| reachable(other, imports).contains(file)).collect();
    circle.insert(file.to_owned());
    circle
}

fn reachable(file: &Path, imports: &Imports) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![file.to_owned()];
    while let Some(file) = waiting.pop() {
        for target in imports.get(&file).into_iter().flatten() {
            if reached.insert(target.clone()) {
                waiting.push(target.clone());
            }
        }
    }
    reached
}

/// Reads the table of arrows: a room, and the rooms that it may import from.
fn arrows(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    let rooms = |cell: &str| cell.split(", ").map(|room| room.trim_matches('`').to_owned()).collect();
    rows.map(|(room, cell)| (room.to_owned(), rooms(cell))).collect()
}

fn rooms() -> BTreeSet<String> {
    modules().values().map(|file| room(file)).collect()
}

fn room(file: &Path) -> String {
    let parts: Vec<_> = file.iter().map(|part| part.to_str().unwrap()).collect();
    match parts[..] {
        ["body.rs" | "frame.rs" | "request.rs" | "response.rs"] | ["body", ..] => "http".to_owned(),
        [_] => "root".to_owned(),
        [room @ ("hub" | "relay"), wing, _] => format!("{room}/{wing}"),
        [room, ..] => room.to_owned(),
        [] => unreachable!("a file has a name"),
    }
}

fn imports() -> Imports {
    let modules = modules();
    let mut imports = Imports::new();
    for (module, file) in &modules {
        let source = fs::read_to_string(root().join("src").join(file)).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code: String =
            source.lines().map(|line| line.split("//").next().unwrap().to_owned() + "\n").collect();
        for statement in code.split(';') {
            let Some((before, tree)) = statement.rsplit_once("use ") else { continue };
            // At the start of a line, so that nothing within a function or a text counts.
            let start = before.rsplit('\n').next().unwrap();
            if !matches!(start, "" | "pub " | "pub(crate) " | "pub(super) ") || tree.contains('"') {
                continue;
            }
            let targets = leaves(tree).into_iter().filter_map(|path| target(module, &path, &modules));
            imports.entry(file.clone()).or_default().extend(targets.filter(|target| target != file));
        }
    }
    imports
}

/// Returns the paths that a tree of imports names, one by one.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = &rest[..rest.rfind('}').unwrap()];
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{prefix}{}", part.trim()))).collect()
}

/// Returns the file that a path leads to, if it is one of the crate's.
fn target(module: &[String], path: &str, modules: &Modules) -> Option<PathBuf> {
    let mut segments = path.split("::").map(str::trim).peekable();
    let mut at = module.to_vec();
    match *segments.peek()? {
        "crate" => {
            segments.next();
            at.clear();
        }
        "self" => drop(segments.next()),
        "super" => {
            while segments.next_if_eq(&"super").is_some() {
                at.pop();
            }
        }
        // Of another crate.
        _ => return None,
    }
    for segment in segments {
        at.push(segment.to_owned());
        if !modules.contains_key(&at) {
            at.pop();
            break;
        }
    }
    modules.get(&at).cloned()
}

fn modules() -> Modules {
    let mut modules = Modules::new();
    visit(&root().join("src"), &mut modules);
    assert!(modules.len() > 100, "{modules:?}");
    modules
}

fn visit(directory: &Path, modules: &mut Modules) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, modules);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root().join("src")).unwrap().to_owned();
            let mut module: Vec<_> =
                file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if module.last().is_some_and(|name| name == "mod" || name == "lib") {
                module.pop();
            }
            modules.insert(module, file);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
