//! The hub's page keeps the state of a topic with keys, whatever becomes of its connection.

#[path = "../../support/hub_process.rs"]
mod hub_process;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hub_process::{HubProcess, Requests};
use hyper::Request;
use serde_json::{Value, json};
use ssekit_browser_tests::{Browser, Tab, in_each_browser, visit};

in_each_browser! {
    shows_the_state_that_its_button_changes,
    begins_anew_after_a_gap,
}

/// What the page shows as the state.
type State = BTreeMap<String, Value>;

async fn open(tab: &Tab, hub: &HubProcess) {
    tab.open(&format!("http://{}/?topic=a&from=oldest&feed=off", hub.address())).await;
    tab.wait_for("document.getElementById('state').textContent === 'open'").await;
}

/// Sets the value of a key, or removes it. Returns the ID of the event.
async fn set(requests: &mut Requests, key: &str, value: Option<usize>) -> String {
    let path = format!("/events?topic=a&key={key}");
    let request = match value {
        Some(value) => Request::post(path).body(json!({ "key": key, "value": value }).to_string().into()),
        None => Request::delete(path).body(Full::default()),
    };
    let response = requests.send(request.unwrap()).await;
    assert!(response.status().is_success(), "{:?}", response.body());
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

/// Reads the state from the pages of the history.
async fn state_of(hub: &HubProcess) -> State {
    let (mut state, mut after) = (State::new(), String::new());
    loop {
        let page = hub.get(&format!("/history?topic=a&limit=1000&after={after}")).await;
        let page: Value = serde_json::from_slice(page.body()).unwrap();
        assert_eq!(page["gap"], Value::Null);
        for event in page["events"].as_array().unwrap() {
            let data: Value = serde_json::from_str(event["data"].as_str().unwrap()).unwrap();
            if event["type"] == "removed" {
                assert_eq!(state.remove(data.as_str().unwrap()), None, "a value outlives its removal");
            } else if let Some(key) = data["key"].as_str() {
                assert_eq!(state.insert(key.to_owned(), data["value"].clone()), None, "a key comes twice");
            }
        }
        page["position"].as_str().unwrap().clone_into(&mut after);
        if page["has_more"] == false {
            return state;
        }
    }
}

/// Waits until the page has received an event, and returns its state.
async fn state_after(tab: &Tab, id: &str) -> State {
    tab.wait_for(&format!("document.getElementById('last-event-id').textContent === '{id}'")).await;
    serde_json::from_value(tab.eval("return Object.fromEntries(window.table)").await).unwrap()
}

async fn shows_the_state_that_its_button_changes(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub).await;
    tab.click("change").await;
    tab.wait_for("Number(document.getElementById('received').textContent) >= 50").await;
    let last = set(&mut Requests::connect(hub.address()).await, "last", Some(1)).await;
    assert_eq!(state_after(&tab, &last).await, state_of(&hub).await);
    tab.wait_for("document.querySelector('#values td').textContent === 'last'").await;
    let keys = state_of(&hub).await.len();
    tab.wait_for(&format!("document.getElementById('keys').textContent === '{keys} keys'")).await;
    hub.stop().await;
}

async fn begins_anew_after_a_gap(tab: Tab) {
    let hub = HubProcess::start(&["--replay-events", "3"]).await;
    let mut requests = Requests::connect(hub.address()).await;
    for key in ["a", "b"] {
        set(&mut requests, key, Some(1)).await;
    }
    open(&tab, &hub).await;
    tab.wait_for("window.table.size === 2").await;
    // While the page is away, the removal comes, and goes from the history.
    tab.click("cut").await;
    tab.wait_for("document.getElementById('state').textContent === 'reconnecting'").await;
    set(&mut requests, "a", None).await;
    for key in ["c", "d", "e"] {
        set(&mut requests, key, Some(2)).await;
    }
    tab.wait_for("[...window.table.keys()].join() === 'c,d,e'").await;
    hub.stop().await;
}

/// Changes keys, so many times a second and each at a connection, until it is over.
async fn change(
    address: SocketAddr,
    of: (usize, usize),
    rate: usize,
    changes: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
) {
    let (mut requests, (first, step)) = (Requests::connect(address).await, of);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate).unwrap());
    for round in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        ticks.tick().await;
        let key = (first + round * step * 7) % KEYS;
        set(&mut requests, &format!("key{key}"), (round % 10 != 9).then_some(round)).await;
        changes.fetch_add(1, Ordering::Relaxed);
    }
}

const KEYS: usize = 10_000;
const CUTS: usize = 20;
const PUBLISHERS: usize = 10;

async fn converges_after_each_cut(tab: Tab) {
    assert_eq!(tab.browser(), Browser::Chromium);
    let hub = HubProcess::start(&["--replay-events", "30000"]).await;
    let mut requests = Requests::connect(hub.address()).await;
    for key in 0..KEYS {
        set(&mut requests, &format!("key{key}"), Some(key)).await;
    }
    open(&tab, &hub).await;
    tab.wait_for(&format!("window.table.size === {KEYS}")).await;

    for cut in 0..CUTS {
        let (changes, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut publishers = tokio::task::JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let of = (publisher + cut, PUBLISHERS);
            publishers.spawn(change(
                hub.address(),
                of,
                1_000 / PUBLISHERS,
                Arc::clone(&changes),
                Arc::clone(&is_over),
            ));
        }
        tab.wait_for("document.getElementById('state').textContent === 'open'").await;
        let begun = tokio::time::Instant::now();
        tab.click("cut").await;
        tab.wait_for("document.getElementById('state').textContent === 'reconnecting'").await;
        tab.wait_for("document.getElementById('state').textContent === 'open'").await;
        // They go on for a while after it is back.
        let back = changes.load(Ordering::Relaxed);
        while changes.load(Ordering::Relaxed) < back + 500 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        is_over.store(true, Ordering::Relaxed);
        publishers.join_all().await;
        println!("cut {cut}: {} changes in {:?}", changes.load(Ordering::Relaxed), begun.elapsed());
        let last = set(&mut requests, "last", Some(cut)).await;
        let (shown, held) = (state_after(&tab, &last).await, state_of(&hub).await);
        assert!(shown == held, "the page has {} keys, the hub {}", shown.len(), held.len());
        assert!(held.len() > KEYS / 2, "{}", held.len());
    }
    let stats = hub.stats().await;
    assert_eq!((stats.gaps, stats.resumed), (0, CUTS as u64));
    hub.stop().await;
}

#[tokio::test]
async fn the_state_of_ten_thousand_keys_converges_after_each_of_twenty_cuts() {
    visit(Browser::Chromium, converges_after_each_cut).await;
}
