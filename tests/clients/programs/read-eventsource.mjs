import { EventSource } from 'eventsource';
import { url, watch } from './report.mjs';

watch(new EventSource(url));
