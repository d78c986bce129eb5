//! The hub's page shows who is here, at whichever node.

#[path = "../../support/hub_process.rs"]
mod hub_process;
#[path = "../../support/redis_server.rs"]
mod redis_server;

use fantoccini::wd::WindowHandle;
use hub_process::HubProcess;
use redis_server::RedisServer;
use ssekit_browser_tests::{Tab, in_each_browser};

in_each_browser! {
    shows_who_is_here_at_two_nodes_until_they_leave,
    shows_the_same_names_after_a_cut,
}

/// Opens the page in a new window, and returns that and the name that the page has.
async fn open(tab: &Tab, hub: &HubProcess) -> (WindowHandle, String) {
    let window = tab.session().new_window(true).await.unwrap().handle;
    tab.session().switch_to_window(window.clone()).await.unwrap();
    tab.open(&format!("http://{}/?feed=off", hub.address())).await;
    tab.wait_for("document.getElementById('state').textContent === 'open'").await;
    let name = tab.eval("return sessionStorage.name").await;
    (window, name.as_str().unwrap().to_owned())
}

/// Waits until a window shows these names, and no others.
async fn wait_for_names(tab: &Tab, window: &WindowHandle, names: &[&String]) {
    tab.session().switch_to_window(window.clone()).await.unwrap();
    let mut names = names.to_vec();
    names.sort_unstable();
    let names = serde_json::to_string(&names).unwrap();
    let shown = "[...document.querySelectorAll('#present li')].map((line) => line.textContent.replace(' (this one)', ''))";
    tab.wait_for(&format!("JSON.stringify({shown}) === JSON.stringify({names})")).await;
    tab.wait_for("document.querySelectorAll('#present .me').length === 1").await;
}

async fn shows_who_is_here_at_two_nodes_until_they_leave(tab: Tab) {
    let server = RedisServer::start();
    let url = server.url();
    let nodes = [HubProcess::start(&["--redis", &url]).await, HubProcess::start(&["--redis", &url]).await];
    let (one, first) = open(&tab, &nodes[0]).await;
    let (two, second) = open(&tab, &nodes[1]).await;
    wait_for_names(&tab, &two, &[&first, &second]).await;
    wait_for_names(&tab, &one, &[&first, &second]).await;
    // It is the same one when it is loaded again.
    tab.session().refresh().await.unwrap();
    wait_for_names(&tab, &one, &[&first, &second]).await;
    wait_for_names(&tab, &two, &[&first, &second]).await;
    tab.session().close_window().await.unwrap();
    wait_for_names(&tab, &one, &[&first]).await;
    let [node, other] = nodes;
    other.stop().await;
    node.stop().await;
}

async fn shows_the_same_names_after_a_cut(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    // One of a process that was killed long ago.
    let ghost = r#"{"key":"dead ghost","name":"ghost","at":1700000000000}"#;
    hub.publish("/events?topic=here&event=here&key=dead+ghost", ghost).await;
    let (one, first) = open(&tab, &hub).await;
    let (two, second) = open(&tab, &hub).await;
    wait_for_names(&tab, &two, &[&first, &second]).await;
    tab.click("cut").await;
    tab.wait_for("document.getElementById('state').textContent === 'reconnecting'").await;
    wait_for_names(&tab, &one, &[&first]).await;
    // Who comes while the second one is away is there when it is back.
    let (three, third) = open(&tab, &hub).await;
    for window in [&two, &one, &three] {
        wait_for_names(&tab, window, &[&first, &second, &third]).await;
    }
    hub.stop().await;
}
