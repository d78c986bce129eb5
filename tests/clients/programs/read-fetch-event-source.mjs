import { createRequire } from 'node:module';
import { handOver, stopped, url } from './report.mjs';

// It is made for pages.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = createRequire(import.meta.url)('@microsoft/fetch-event-source');

fetchEventSource(url, {
  openWhenHidden: true,
  onmessage: ({ event, data, id }) => handOver({ type: event, data, id }),
  // Without this, a stream that ends in good order is the end.
  onclose: () => { throw new Error('ended'); },
}).then(stopped, stopped);
