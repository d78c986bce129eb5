//! The scripts that the guide prints.

use std::{fs, path::Path};

/// A script of the guide, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The page's file name.
    pub page: String,
    /// The heading that it stands under.
    pub heading: String,
    /// The script.
    pub code: String,
}

/// Returns all blocks of JavaScript in the guide and the README. `tests/api/guide.rs` knows no other fence for them.
pub fn recipes() -> Vec<Recipe> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = fs::read_dir(root.join("docs")).unwrap();
    let mut pages: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    pages.push(root.join("README.md"));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut found = Vec::new();
    for page in pages {
        let name = page.file_name().unwrap().to_str().unwrap();
        let mut heading = "";
        let text = fs::read_to_string(&page).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let code: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
                if language == "js" {
                    let code = code.join("\n");
                    found.push(Recipe { page: name.into(), heading: heading.into(), code });
                }
            } else if let Some(title) = line.strip_prefix('#') {
                heading = title.trim_start_matches('#').trim();
            }
        }
    }
    found
}

/// Returns the script under a heading.
pub fn recipe(page: &str, heading: &str) -> String {
    let mut recipes = recipes();
    recipes.retain(|recipe| recipe.page == page && recipe.heading == heading);
    assert_eq!(recipes.len(), 1, "{page}, {heading}");
    recipes.remove(0).code
}
