//! Browsers for tests: Chromium and Firefox, headless, each test with a browser of its own.

mod console;
mod driver;
mod recipes;
mod service;
mod tab;

pub use driver::{Browser, visit, visit_with};
pub use recipes::{Recipe, recipe, recipes};
pub use service::{Reply, Service};
pub use tab::Tab;

/// Runs each of these functions as a test in each browser.
#[macro_export]
macro_rules! in_each_browser {
    ($($test:ident),* $(,)?) => {
        mod chromium {
            $(#[tokio::test]
            async fn $test() {
                $crate::visit($crate::Browser::Chromium, super::$test).await;
            })*
        }

        mod firefox {
            $(#[tokio::test]
            async fn $test() {
                $crate::visit($crate::Browser::Firefox, super::$test).await;
            })*
        }
    };
}

/// A test fails rather than to hang for ever.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
