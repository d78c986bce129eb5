import { createRequire } from 'node:module';
import { handOver, stopped, url } from './report.mjs';

globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = createRequire(import.meta.url)('@microsoft/fetch-event-source');

// By itself it notes an ID as soon as it has read its line, before the event is there.
let lastEventId = '';
let over = false;

fetchEventSource(url, {
  openWhenHidden: true,
  async fetch(input, init) {
    const headers = { ...init.headers, 'last-event-id': lastEventId };
    const response = await fetch(input, { ...init, headers });
    over = response.status === 204;
    return response;
  },
  onmessage({ event, data, id }) {
    lastEventId = id || lastEventId;
    handOver({ type: event, data, id });
  },
  onclose() { throw new Error('ended'); },
  onerror(error) { if (over) throw error; },
}).then(stopped, stopped);
