//! The hub's page shows what happens to its stream: cuts, stalls, gaps, the end.

#[path = "../../support/hub_process.rs"]
mod hub_process;

use fantoccini::{Locator, key::Key};
use hub_process::HubProcess;
use ssekit_browser_tests::{Browser, Tab, in_each_browser};

in_each_browser! {
    begins_with_the_feed_running,
    shows_what_is_published,
    sends_what_is_typed_and_is_used_with_the_keyboard_alone,
    misses_nothing_when_it_is_cut,
    notices_a_stall_and_misses_nothing,
    shows_a_gap_on_demand,
    says_that_a_history_on_disk_stays,
    has_no_button_that_is_not_pressed_here,
    shows_that_the_hub_was_restarted,
    shows_that_the_history_was_too_short,
    shows_that_the_topic_is_finished,
    fits_a_narrow_window_and_loads_nothing_from_elsewhere,
    shows_the_plot_beside_the_buttons_on_a_phone,
}

/// Opens the page without its feed, and waits until it is connected.
async fn open(tab: &Tab, hub: &HubProcess, query: &str) {
    let separator = if query.is_empty() { '?' } else { '&' };
    tab.open(&format!("http://{}/{query}{separator}feed=off", hub.address())).await;
    tab.wait_for(OPEN).await;
    tab.wait_for("document.getElementById('last-event-id').textContent !== 'none'").await;
}

/// Waits until the newest event in the table is this one.
async fn wait_for_row(tab: &Tab, cells: [&str; 4]) {
    let cells = serde_json::to_string(&cells).unwrap();
    let newest = "JSON.stringify([...document.querySelector('#events tr')?.cells ?? []].map((cell) => cell.textContent))";
    tab.wait_for(&format!("{newest} === JSON.stringify({cells})")).await;
}

async fn wait_for_count(tab: &Tab, id: &str, least: u32) {
    tab.wait_for(&format!("Number(document.getElementById('{id}').textContent) >= {least}")).await;
}

async fn wait_for_story(tab: &Tab, part: &str) {
    tab.wait_for(&format!("document.getElementById('story').textContent.includes('{part}')")).await;
}

async fn begins_with_the_feed_running(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    tab.open(&format!("http://{}/", hub.address())).await;
    wait_for_count(&tab, "received", 10).await;
    // Not the minute that it shows in the end: nothing would be seen of what has just begun.
    let plotted = tab.eval("return document.getElementById('plot').ariaLabel").await;
    assert!(plotted.as_str().unwrap().starts_with("The last 15 seconds"), "{plotted}");
    assert_counts(&tab, "0", "0", "0").await;

    let icon = "const done = arguments[0], icon = new Image();
        icon.onload = () => done(icon.naturalWidth > 0);
        icon.onerror = () => done(false);
        icon.src = document.querySelector('link[rel=icon]').href;";
    assert_eq!(tab.session().execute_async(icon, Vec::new()).await.unwrap(), true);
    if tab.browser() == Browser::Chromium {
        assert_eq!(tab.console().await, [""; 0]);
        // What the test trusts: it would see an error.
        tab.eval("setTimeout(() => { throw new Error('seen') })").await;
        tab.let_pass(0).await;
        assert!(tab.console().await[0].contains("seen"));
    }
    hub.stop().await;
}

async fn shows_what_is_published(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "?topic=a&topic=b").await;

    let id = hub.publish("/events?topic=a", "hello <b>\n\"you\"").await;
    wait_for_row(&tab, [&id, "message", "", "hello <b>\n\"you\""]).await;
    let id = hub.publish("/events?topic=b&event=note", "").await;
    wait_for_row(&tab, [&id, "note", "", ""]).await;
    hub.publish("/events?topic=c", "not for this page").await;
    let id = hub.publish("/events?topic=a", "last").await;
    wait_for_row(&tab, [&id, "message", "", "last"]).await;

    assert_eq!(tab.text("last-event-id").await, id);
    assert_eq!(tab.text("received").await, "3");
    hub.stop().await;
}

async fn sends_what_is_typed_and_is_used_with_the_keyboard_alone(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "").await;
    let press = async |keys: &str| {
        tab.session().active_element().await.unwrap().send_keys(keys).await.unwrap();
    };
    let walk_to = async |selector: &str| {
        let is_there = format!("return document.activeElement.matches('{selector}')");
        for _ in 0..30 {
            if tab.eval(&is_there).await == true {
                return;
            }
            press(&Key::Tab).await;
        }
        panic!("no way to {selector} with the tab key");
    };
    for button in ["#cut", "#stall", "#gap", "#burst", "#change"] {
        walk_to(button).await;
    }
    walk_to("#feed").await;
    press(&Key::Enter).await;
    wait_for_count(&tab, "received", 3).await;
    press(&Key::Enter).await;
    walk_to("#send [name=data]").await;
    press("über alles").await;
    walk_to("#send [name=type]").await;
    press("order").await;
    press(&Key::Enter).await;

    let row = "document.querySelector('#events tr').cells[3].textContent === 'über alles'";
    tab.wait_for(row).await;
    assert_eq!(tab.eval("return document.querySelector('#events tr').cells[1].textContent").await, "order");

    walk_to("#send [name=data]").await;
    press("x").await;
    walk_to("#send [name=type]").await;
    tab.eval("document.activeElement.value = ''").await;
    press("reset").await;
    press(&Key::Enter).await;
    tab.wait_for("document.getElementById('send-error').textContent !== ''").await;
    hub.stop().await;
}

async fn misses_nothing_when_it_is_cut(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "?topic=a&topic=b").await;
    tab.click("feed").await;
    wait_for_count(&tab, "received", 5).await;
    for cut in 1..=2 {
        tab.click("cut").await;
        tab.wait_for(&format!("document.querySelectorAll('#story li[data-kind]').length === {cut}")).await;
        tab.click("burst").await;
        tab.wait_for(OPEN).await;
        wait_for_count(&tab, "late", cut).await;
        tab.wait_for(&format!(
            "document.querySelectorAll('#story li[data-kind=back]').length === {cut} && \
             [...document.querySelectorAll('#story li')].every((line) => line.textContent.includes('0 missed, 0 repeated'))",
        ))
        .await;
    }
    wait_for_count(&tab, "received", 405).await;
    assert_counts(&tab, "0", "0", "0").await;
    let stats = hub.stats().await;
    // One of its subscriptions is to its topics, and one to who is here.
    assert_eq!((stats.resumed, stats.gaps, stats.subscribers), (2, 0, 2));
    hub.stop().await;
}

async fn notices_a_stall_and_misses_nothing(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "").await;

    tab.click("stall").await;
    wait_for_story(&tab, "This page noticed it").await;
    wait_for_story(&tab, "3 events published meanwhile were caught up: 0 missed, 0 repeated").await;

    assert_eq!(tab.text("received").await, "3");
    assert_counts(&tab, "0", "0", "0").await;
    // The stream that hangs is given up, by the browser and so by the hub.
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 2).await;
    hub.stop().await;
}

async fn shows_a_gap_on_demand(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "?topic=a&topic=b").await;
    tab.click("gap").await;

    wait_for_story(&tab, "the hub has dropped the history of these topics").await;
    wait_for_story(&tab, "what this page missed is no longer in the history").await;
    wait_for_story(&tab, "3 events published meanwhile were caught up: 5 missed, 0 repeated").await;
    assert_counts(&tab, "5", "0", "1").await;
    assert_eq!(tab.text("missed-note").await, "all of them told");
    assert_eq!(tab.text("gaps-note").await, "the last one: evicted");
    // It works as before, and once more.
    tab.wait_for(OPEN).await;
    tab.click("gap").await;
    wait_for_count(&tab, "gaps", 2).await;
    wait_for_count(&tab, "received", 6).await;
    assert_counts(&tab, "10", "0", "2").await;
    hub.stop().await;
}

async fn says_that_a_history_on_disk_stays(tab: Tab) {
    let folder = std::env::temp_dir().join(format!("hub-page-{}-{:?}", std::process::id(), tab.browser()));
    let hub = HubProcess::start(&["--data", folder.to_str().unwrap()]).await;
    open(&tab, &hub, "").await;
    tab.click("gap").await;
    wait_for_story(&tab, "The hub does not drop its history: this history is kept outside the process").await;
    wait_for_story(&tab, "8 events published meanwhile were caught up: 0 missed, 0 repeated").await;
    hub.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

async fn has_no_button_that_is_not_pressed_here(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "?topic=a").await;
    let buttons = tab.eval("return [...document.querySelectorAll('button')].map((button) => button.id || button.textContent)").await;
    assert_eq!(
        buttons,
        serde_json::json!(["Follow", "cut", "stall", "gap", "burst", "change", "feed", "again", "Send"])
    );

    // The others have tests of their own.
    tab.click("burst").await;
    wait_for_count(&tab, "received", 200).await;
    let follow = "const form = document.getElementById('choose');
        form.elements.topics.value = 'b, c';
        form.elements.types.value = 'order';
        form.querySelector('button').click();";
    tab.eval(follow).await;
    tab.wait_for("location.search.includes('topic=b&topic=c')").await;
    tab.wait_for("document.getElementById('last-event-id')?.textContent.includes('-')").await;
    assert_eq!(tab.text("feed").await, "Start the feed", "it was off before");
    let id = hub.publish("/events?topic=c&event=order", "two coffees").await;
    wait_for_row(&tab, [&id, "order", "", "two coffees"]).await;
    hub.stop().await;
}

async fn shows_that_the_hub_was_restarted(tab: Tab) {
    let first = HubProcess::start(&[]).await;
    let address = first.address();
    open(&tab, &first, "").await;
    first.publish("/events", "before").await;
    wait_for_count(&tab, "received", 1).await;
    // Its place is found first, and not after the restart.
    tab.click("cut").await;
    wait_for_story(&tab, "found its place in the history").await;
    tab.wait_for(OPEN).await;

    first.kill().await;
    tab.wait_for("document.getElementById('state').textContent === 'reconnecting'").await;
    let second = HubProcess::start_at(address, &[]).await;

    wait_for_count(&tab, "gaps", 1).await;
    wait_for_story(&tab, "it does not know this ID").await;
    // The summary comes a moment later.
    let newest = "document.querySelector('#story li').textContent";
    tab.wait_for(&format!("{newest}.includes('published meanwhile')")).await;
    for told in [newest, "document.getElementById('now').textContent"] {
        let told = tab.eval(&format!("return {told}")).await;
        let told = told.as_str().unwrap();
        assert!(told.contains("it does not know this ID"), "{told}");
        assert!(!told.contains("from there"), "{told}");
    }
    assert_eq!(tab.text("gaps-note").await, "the last one: unknown");
    let id = second.publish("/events", "after").await;
    wait_for_row(&tab, [&id, "message", "default", "after"]).await;
    assert_eq!(tab.text("gaps").await, "1");
    second.stop().await;
}

async fn shows_that_the_history_was_too_short(tab: Tab) {
    let hub = HubProcess::start(&["--replay-events", "5"]).await;
    open(&tab, &hub, "").await;

    // The page publishes three events of its own, which are evicted before it notices that the stream hangs.
    tab.click("stall").await;
    // They, and the event that says that it is here.
    hub.stats_when(PATIENCE, |stats| stats.published == 4).await;
    for number in 0..5 {
        hub.publish("/events", number.to_string()).await;
    }

    wait_for_count(&tab, "gaps", 1).await;
    wait_for_count(&tab, "received", 5).await;
    assert_eq!(tab.text("gaps-note").await, "the last one: evicted");
    tab.click("burst").await;
    wait_for_count(&tab, "missed", 3).await;
    assert_eq!(tab.text("missed-note").await, "all of them told");
    assert_counts(&tab, "3", "0", "1").await;
    hub.stop().await;
}

async fn shows_that_the_topic_is_finished(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "?topic=job").await;
    hub.publish("/events?topic=job", "the last one").await;
    hub.finish("/events?topic=job").await;

    tab.wait_for("document.getElementById('state').textContent === 'closed'").await;
    assert_eq!(tab.text("received").await, "1");
    wait_for_story(&tab, "Closed for good").await;
    tab.click("again").await;
    tab.wait_for("document.getElementById('state').textContent === 'closed'").await;
    assert_eq!(hub.stats().await.subscribers, 0);
    hub.stop().await;
}

async fn shows_the_plot_beside_the_buttons_on_a_phone(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "").await;
    tab.click("burst").await;
    wait_for_count(&tab, "received", 200).await;
    // What Safari leaves of an iPhone's screen between its bars.
    let script = "
        const done = arguments[0];
        const frame = document.createElement('iframe');
        frame.style.cssText = 'width: 390px; height: 664px; border: 0';
        frame.src = '/';
        const look = () => {
            const page = frame.contentDocument, place = (id) => page.getElementById(id).getBoundingClientRect();
            const scroll = page.querySelector('.scroll');
            if (page.querySelectorAll('#events tr').length === 0) return void setTimeout(look, 20);
            done({
                top: place('cut').top, bottom: place('plot').bottom,
                hidden: scroll.scrollWidth - scroll.clientWidth,
            });
        };
        frame.onload = look;
        document.body.replaceChildren(frame);
    ";
    let seen = tab.session().execute_async(script, Vec::new()).await.unwrap();
    assert!(seen["top"].as_f64().unwrap() > 0.0 && seen["bottom"].as_f64().unwrap() <= 664.0, "{seen}");
    assert_eq!(seen["hidden"], 0, "no column is cut off: {seen}");
    hub.stop().await;
}

async fn fits_a_narrow_window_and_loads_nothing_from_elsewhere(tab: Tab) {
    let hub = HubProcess::start(&[]).await;
    open(&tab, &hub, "").await;
    hub.publish("/events", "a-very-long-word-".repeat(40)).await;
    wait_for_count(&tab, "received", 1).await;
    // In a frame, since browsers have a least width of a window.
    let script = "
        const [width, done] = arguments;
        const frame = document.createElement('iframe');
        frame.style.cssText = `width: ${width}px; height: 800px; border: 0`;
        frame.src = '/?narrow';
        frame.onload = () => {
            const { scrollWidth, clientWidth } = frame.contentDocument.documentElement;
            frame.remove();
            done(scrollWidth - clientWidth);
        };
        document.body.replaceChildren(frame);
    ";
    for width in [320, 600] {
        let over = tab.session().execute_async(script, vec![width.into()]).await.unwrap();
        assert_eq!(over, 0, "{width}");
    }
    let loaded = "return performance.getEntriesByType('resource').every(({ name }) => name.startsWith(location.origin))";
    assert_eq!(tab.eval(loaded).await, true);
    assert!(tab.session().find(Locator::Css("html[lang] > head > title")).await.is_ok());
    hub.stop().await;
}

async fn assert_counts(tab: &Tab, missed: &str, repeated: &str, gaps: &str) {
    let counts = [tab.text("missed").await, tab.text("repeated").await, tab.text("gaps").await];
    assert_eq!(counts, [missed, repeated, gaps], "missed, repeated, gaps");
}

const OPEN: &str = "document.getElementById('state').textContent === 'open'";
const PATIENCE: std::time::Duration = ssekit_browser_tests::PATIENCE;
