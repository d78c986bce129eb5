import time

import httpx
from httpx_sse import connect_sse

from report import PAUSE, URL, hand_over, stopped

last_event_id = ""
with httpx.Client(timeout=None) as client:
    while True:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        try:
            with connect_sse(client, "GET", URL, headers=headers) as source:
                if source.response.status_code == 204:
                    stopped()
                for event in source.iter_sse():
                    last_event_id = event.id or last_event_id
                    hand_over(event.event, event.data, event.id)
        except httpx.TransportError:
            pass
        time.sleep(PAUSE)
