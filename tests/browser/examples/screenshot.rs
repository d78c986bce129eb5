//! Takes a picture of the hub's page, in a window of any size, after some clicks.
//!
//! ```text
//! cargo run -p hub &
//! cargo run -p ssekit-browser-tests --example screenshot -- http://127.0.0.1:3000 hub.png light 1180x900 wait:5 cut wait:6
//! ```

use std::{env, fs};

use fantoccini::Locator;
use ssekit_browser_tests::{Browser, visit_with};

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip(1);
    let mut next = |what| arguments.next().unwrap_or_else(|| panic!("no {what}"));
    let (url, file, theme, size) = (next("URL"), next("file"), next("theme"), next("size"));
    let steps: Vec<String> = arguments.collect();
    let theme = if theme == "dark" { "--force-dark-mode" } else { "--force-light-mode" };
    let (width, height) = size.split_once('x').expect("WIDTHxHEIGHT");
    let (width, height): (u32, u32) = (width.parse().unwrap(), height.parse().unwrap());
    // A frame, because a browser's own window has a least width.
    let window = format!("--window-size={},{}", width.max(500) + 100, height + 300);
    visit_with(Browser::Chromium, &[theme, &window, "--hide-scrollbars"], |tab| async move {
        tab.open(&format!("{}/stats", url.trim_end_matches('/'))).await;
        let script = "
            const [width, height, done] = arguments;
            const frame = document.createElement('iframe');
            frame.style.cssText = `width: ${width}px; height: ${height}px; border: 0`;
            frame.src = '/';
            frame.onload = () => done();
            document.body.replaceChildren(frame);
        ";
        tab.session().execute_async(script, vec![width.into(), height.into()]).await.unwrap();
        tab.session().enter_frame(0).await.unwrap();
        for step in steps {
            match step.split_once(':') {
                Some(("wait", seconds)) => tab.let_pass(seconds.parse::<u32>().unwrap() * 1000).await,
                Some(("scroll", to)) => drop(tab.eval(&format!("scrollTo(0, {to})")).await),
                _ => tab.click(&step).await,
            }
        }
        tab.session().enter_parent_frame().await.unwrap();
        let frame = tab.session().find(Locator::Css("iframe")).await.unwrap();
        fs::write(file, frame.screenshot().await.unwrap()).unwrap();
    })
    .await;
}
