//! What clients from npm and PyPI make of the hub's stream: each goes on where it was cut, and the page about them
//! says what was found.

#[path = "../../support/hub_process.rs"]
mod hub_process;

use std::{fs, path::Path, sync::Arc};

use futures_util::future::join_all;
use hub_process::HubProcess;
use ssekit_client_tests::{Client, Cut, Installed, Message, Place, Proxy, Way, version};

/// A client, and when it comes back by itself. Where it does not, its program lets it.
#[derive(Clone, Copy)]
struct Candidate {
    package: &'static str,
    program: &'static str,
    reconnects: &'static str,
    /// What distinguishes it from another one of the same package.
    with: &'static str,
}

/// What one client was found to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    after: Damage,
    inside: Damage,
    /// Messages while only keep-alives and a position came.
    phantoms: usize,
    /// Whether positions come as events of their type.
    positions: bool,
    no_content: NoContent,
    utf8: bool,
}

/// What cuts have done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Damage {
    lost: usize,
    repeated: usize,
    /// Messages that are none of the events as they were sent.
    strange: usize,
}

/// What it does when it is answered 204.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NoContent {
    #[default]
    Stops,
    ComesBack,
    Fails,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_goes_on_where_it_was_cut_and_the_page_says_what_else_it_does() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let installed = tokio::task::spawn_blocking(|| Installed::below(target)).await.unwrap();
    let hub = Arc::new(HubProcess::start(&["--heartbeat", "0.1"]).await);
    let tried = CANDIDATES.map(|candidate| {
        let (installed, hub) = (installed.clone(), Arc::clone(&hub));
        tokio::spawn(async move { explore(candidate, &installed, &hub).await })
    });
    let mut table = vec![HEAD.to_owned()];
    for (candidate, found) in CANDIDATES.iter().zip(join_all(tried).await) {
        let found = found.unwrap();
        let Damage { lost, repeated, .. } = found.after;
        assert_eq!((lost, repeated), (0, 0), "{}: lost and repeated between events", candidate.package);
        assert_eq!(found.phantoms, 0, "{}: keep-alives and positions as messages", candidate.package);
        assert!(found.positions, "{}: positions", candidate.package);
        table.push(found.row(candidate));
    }
    let table = table.join("\n");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    assert!(page.contains(&table), "{PAGE} does not say what was found:\n\n{table}\n");
    Arc::into_inner(hub).unwrap().stop().await;
}

async fn explore(candidate: Candidate, installed: &Installed, hub: &HubProcess) -> Found {
    let proxy = Proxy::start(hub.address()).await;
    let path = format!("/events?topic={}", candidate.program);
    // Cut before it has seen any event: only its position can bring it back to where it was.
    proxy.cut(Cut { data: String::new(), place: Place::After, way: Way::Close });
    let client = Client::start(installed, candidate.program, &format!("http://{}{path}", proxy.address()));
    proxy.wait_until(|counts| counts.cuts == 1).await;
    let mut events = Events { client, hub, path, published: 0 };
    events.publish().await;
    events.wait_for_last().await;

    for (place, way) in CUTS {
        events.publish_and_cut(&proxy, place, way).await;
    }
    // Keep-alives, and then one that carries a position which other topics have moved.
    let before = proxy.counts();
    proxy.wait_until(|counts| counts.comments >= before.comments + KEEP_ALIVES).await;
    hub.publish("/events?topic=another", "").await;
    proxy.wait_until(|counts| counts.positions > before.positions).await;
    events.publish().await;
    events.wait_for_last().await;

    events.hub.finish(&events.path).await;
    let no_content = tokio::select! {
        stopped = events.client.ended() => if stopped { NoContent::Stops } else { NoContent::Fails },
        () = proxy.wait_until(|counts| counts.no_content == 3) => NoContent::ComesBack,
    };
    events.found(no_content)
}

/// What is published for one client, and what of it has come.
struct Events<'a> {
    client: Client,
    hub: &'a HubProcess,
    path: String,
    published: usize,
}

impl Events<'_> {
    /// Publishes an event while the client is away or waits.
    async fn publish(&mut self) {
        self.hub.publish(&self.path, text(self.published)).await;
        self.published += 1;
    }

    async fn publish_and_cut(&mut self, proxy: &Proxy, place: Place, way: Way) {
        let cuts = proxy.counts().cuts;
        proxy.cut(Cut { data: text(self.published), place, way });
        self.publish().await;
        proxy.wait_until(|counts| counts.cuts > cuts).await;
        self.publish().await;
        self.wait_for_last().await;
    }

    async fn wait_for_last(&self) {
        let number = self.published - 1;
        self.client.wait_for(&text(number), |message| number_of(message) == Some(number)).await;
    }

    fn found(&self, no_content: NoContent) -> Found {
        let messages = self.client.messages();
        let mut found = Found { no_content, utf8: true, ..Found::default() };
        for number in 0..self.published {
            let same: Vec<_> = messages.iter().filter(|message| number_of(message) == Some(number)).collect();
            let damage = found.damage(number);
            damage.lost += usize::from(same.is_empty());
            damage.repeated += same.len().saturating_sub(1);
            found.utf8 &= same.iter().all(|message| message.data == text(number));
        }
        let mut newest = 0;
        for message in &messages {
            match number_of(message) {
                // The end of the topic follows.
                Some(number) if number + 1 == self.published => break,
                Some(number) => newest = number,
                None if message.event_type == "position" && message.data.is_empty() => found.positions = true,
                // Behind the last one but one there was no cut.
                None if newest + 2 >= self.published => found.phantoms += 1,
                // What is left of the event that comes next.
                None => found.damage(newest + 1).strange += 1,
            }
        }
        found
    }
}

impl Found {
    /// Returns where to count what happened to an event: by how the stream was cut at it, if it was.
    fn damage(&mut self, number: usize) -> &mut Damage {
        // The first event has no cut of its own; then every other one has.
        let cut = CUTS.get(number.wrapping_sub(1) / 2);
        if cut.is_some_and(|(place, _)| *place != Place::After) { &mut self.inside } else { &mut self.after }
    }

    fn row(&self, candidate: &Candidate) -> String {
        let no_content = match self.no_content {
            NoContent::Stops => "stops",
            NoContent::ComesBack => "comes back for ever",
            NoContent::Fails => "fails",
        };
        format!(
            "| {} {}{} | {} | {} | {} | {no_content} | {} |",
            candidate.package,
            version(candidate.package),
            candidate.with,
            candidate.reconnects,
            self.after,
            self.inside,
            if self.utf8 { "UTF-8" } else { "Latin-1" },
        )
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted = [(self.lost, "lost"), (self.repeated, "repeated"), (self.strange, "strange")];
        let parts =
            counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let parts: Vec<_> = parts.collect();
        if parts.is_empty() { f.write_str("fine") } else { f.write_str(&parts.join(", ")) }
    }
}

/// Returns the data of an event: its number, and a letter that is two bytes in UTF-8.
fn text(number: usize) -> String {
    format!("#{number} é")
}

/// Returns which event a message is, if it is one, whatever it was taken to be encoded in.
fn number_of(message: &Message) -> Option<usize> {
    let data = message.data.strip_prefix('#')?;
    let number = data.strip_suffix(" é").or_else(|| data.strip_suffix(" Ã©"))?;
    (message.event_type == "message").then(|| number.parse().ok())?
}

const CANDIDATES: [Candidate; 10] = [
    Candidate { package: "eventsource", program: "eventsource", reconnects: "yes", with: "" },
    Candidate { package: "undici", program: "undici", reconnects: "yes", with: "" },
    Candidate {
        package: "@microsoft/fetch-event-source",
        program: "fetch-event-source",
        reconnects: "yes",
        with: "",
    },
    Candidate {
        package: "@microsoft/fetch-event-source",
        program: "fetch-event-source-noting",
        reconnects: "yes",
        with: ", with the options below",
    },
    Candidate {
        package: "event-source-polyfill",
        program: "event-source-polyfill",
        reconnects: "yes",
        with: "",
    },
    Candidate { package: "eventsource-parser", program: "eventsource-parser", reconnects: "no", with: "" },
    Candidate { package: "httpx-sse", program: "httpx-sse", reconnects: "no", with: "" },
    Candidate { package: "sseclient", program: "sseclient", reconnects: "but after a reset", with: "" },
    Candidate { package: "sseclient-py", program: "sseclient-py", reconnects: "no", with: "" },
    Candidate { package: "aiosseclient", program: "aiosseclient", reconnects: "no", with: "" },
];
const CUTS: [(Place, Way); 7] = [
    (Place::After, Way::Close),
    (Place::After, Way::Reset),
    (Place::After, Way::End),
    (Place::InsideLine, Way::Close),
    (Place::InsideLine, Way::Reset),
    (Place::BeforeBlankLine, Way::Close),
    (Place::BeforeBlankLine, Way::Reset),
];
const KEEP_ALIVES: usize = 20;
const PAGE: &str = "../../docs/clients.md";
const HEAD: &str = "\
| client | reconnects | cut between events | cut inside an event | after 204 | text is read as |
| --- | --- | --- | --- | --- | --- |";
