//! What Chromium writes to the console: exceptions, and requests that failed.

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::{Browser, Tab};

impl Tab {
    /// Returns the errors and warnings since the last call. Only Chromium's driver tells them.
    pub async fn console(&self) -> Vec<String> {
        assert_eq!(self.browser(), Browser::Chromium);
        let entries = self.session().issue_cmd(TakeLog).await.unwrap();
        let entries = entries.as_array().unwrap().iter();
        let bad = entries.filter(|entry| ["SEVERE", "WARNING"].map(Value::from).contains(&entry["level"]));
        bad.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

#[derive(Debug)]
struct TakeLog;

impl WebDriverCompatibleCommand for TakeLog {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/se/log", session_id.unwrap()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
