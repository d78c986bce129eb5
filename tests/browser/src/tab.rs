//! What a test does with a page.

use std::time::Instant;

use fantoccini::{Client, Locator};
use serde_json::Value;

use crate::{Browser, PATIENCE};

/// A browser's window, and what can be done in it.
#[derive(Clone, Debug)]
pub struct Tab {
    session: Client,
    browser: Browser,
}

impl Tab {
    pub(crate) fn new(session: Client, browser: Browser) -> Self {
        Self { session, browser }
    }

    /// Returns which browser it is.
    pub fn browser(&self) -> Browser {
        self.browser
    }

    /// Returns the WebDriver session, for what is not here.
    pub fn session(&self) -> &Client {
        &self.session
    }

    /// Loads a page.
    pub async fn open(&self, url: &str) {
        self.session.goto(url).await.unwrap();
    }

    /// Runs a script that returns something.
    pub async fn eval(&self, script: &str) -> Value {
        self.session.execute(script, Vec::new()).await.unwrap()
    }

    /// Runs a script as a page of its own would, with `show` and `finished`, which keep what they get in `log`.
    pub async fn run(&self, script: &str) {
        let add = r"
            window.log = [];
            window.show = (shown) => log.push(shown?.type ? `${shown.type} ${shown.data}`.trim() : shown);
            window.finished = () => log.push('finished');
            const element = document.createElement('script');
            element.textContent = arguments[0];
            document.head.append(element);
        ";
        self.session.execute(add, vec![script.into()]).await.unwrap();
    }

    /// Waits until an expression of the page is true.
    pub async fn wait_for(&self, expression: &str) {
        let begun = Instant::now();
        while self.eval(&format!("return Boolean({expression})")).await != true {
            if begun.elapsed() > PATIENCE {
                let page = self.eval("return window.log ?? document.body.innerText").await;
                panic!("`{expression}` does not come true; the page: {page:#}");
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Clicks on the element with an ID.
    pub async fn click(&self, id: &str) {
        self.session.find(Locator::Id(id)).await.unwrap().click().await.unwrap();
    }

    /// Returns what an element with an ID shows.
    pub async fn text(&self, id: &str) -> String {
        self.session.find(Locator::Id(id)).await.unwrap().text().await.unwrap()
    }

    /// Lets the page have an `EventSource`, `source`, and keep all that it dispatches in `log`.
    pub async fn subscribe(&self, path: &str) {
        let script = r"
            const [path] = arguments;
            window.log = [];
            window.source = new EventSource(path);
            for (const type of ['open', 'message', 'position', 'reset', 'note', 'error'])
                source.addEventListener(type, ({ data, lastEventId }) =>
                    log.push({ type, data, id: lastEventId, state: source.readyState }));
            window.data = () => log.filter(({ type }) => type === 'message').map(({ data }) => data);
        ";
        self.session.execute(script, vec![path.into()]).await.unwrap();
    }

    /// Waits until the page has been given an event of a type with this data, and returns its ID.
    pub async fn wait_for_event(&self, event_type: &str, data: &str) -> String {
        let found =
            format!("log.findLast(({{ type, data }}) => type === '{event_type}' && data === '{data}')");
        self.wait_for(&found).await;
        self.eval(&format!("return {found}.id")).await.as_str().unwrap().to_owned()
    }

    /// Lets so much time pass by the browser's clock, for what must not happen in it.
    pub async fn let_pass(&self, milliseconds: u32) {
        let script = "setTimeout(arguments[1], arguments[0])";
        self.session.execute_async(script, vec![milliseconds.into()]).await.unwrap();
    }
}

const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(20);
