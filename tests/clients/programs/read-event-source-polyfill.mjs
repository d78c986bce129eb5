import polyfill from 'event-source-polyfill';
import { url, watch } from './report.mjs';

watch(new polyfill.EventSourcePolyfill(url));
