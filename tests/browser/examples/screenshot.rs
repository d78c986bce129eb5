//! Takes a picture of a page after some clicks.
//!
//! ```text
//! cargo run -p hub &
//! cargo run -p ssekit-browser-tests --example screenshot -- http://127.0.0.1:3000 hub.png light 1280x900 feed wait:5 cut wait:6
//! ```

use std::{env, fs};

use ssekit_browser_tests::{Browser, visit_with};

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip(1);
    let mut next = |what| arguments.next().unwrap_or_else(|| panic!("no {what}"));
    let (url, file, theme, size) = (next("URL"), next("file"), next("theme"), next("size"));
    let steps: Vec<String> = arguments.collect();
    let theme = if theme == "dark" { "--force-dark-mode" } else { "--force-light-mode" };
    let size = format!("--window-size={}", size.replace('x', ","));
    visit_with(Browser::Chromium, &[theme, &size, "--hide-scrollbars"], |tab| async move {
        tab.open(&url).await;
        for step in steps {
            match step.strip_prefix("wait:") {
                Some(seconds) => tab.let_pass(seconds.parse::<u32>().unwrap() * 1000).await,
                None => tab.click(&step).await,
            }
        }
        fs::write(file, tab.session().screenshot().await.unwrap()).unwrap();
    })
    .await;
}
