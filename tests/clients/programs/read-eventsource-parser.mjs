import { EventSourceParserStream } from 'eventsource-parser/stream';
import { handOver, sleep, stopped, url } from './report.mjs';

let lastEventId = '';
for (;;) {
  try {
    const headers = { accept: 'text/event-stream' };
    if (lastEventId) headers['last-event-id'] = lastEventId;
    const response = await fetch(url, { headers });
    if (response.status === 204) stopped();
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { event, data, id } of events) {
      if (id !== undefined) lastEventId = id;
      handOver({ type: event, data, id });
    }
  } catch {
    // The connection broke off.
  }
  await sleep(500);
}
