import time

from sseclient import SSEClient

from report import PAUSE, URL, hand_over

last_event_id = None
while True:
    try:
        for event in SSEClient(URL, last_id=last_event_id):
            last_event_id = event.id or last_event_id
            hand_over(event.event, event.data, event.id)
    except OSError:
        # It comes back by itself from an end, but not from a connection that was reset or refused.
        time.sleep(PAUSE)
