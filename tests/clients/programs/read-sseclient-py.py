import time

import requests
from sseclient import SSEClient

from report import PAUSE, URL, hand_over, stopped

last_event_id = ""
while True:
    headers = {"Accept": "text/event-stream"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    try:
        response = requests.get(URL, headers=headers, stream=True)
        if response.status_code == 204:
            stopped()
        for event in SSEClient(response).events():
            last_event_id = event.id or last_event_id
            hand_over(event.event, event.data, event.id)
    except requests.RequestException:
        pass
    time.sleep(PAUSE)
