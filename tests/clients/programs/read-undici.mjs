import { EventSource } from 'undici';
import { url, watch } from './report.mjs';

watch(new EventSource(url));
