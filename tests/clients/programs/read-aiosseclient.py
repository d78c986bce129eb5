import asyncio

import aiohttp
from aiosseclient import aiosseclient

from report import PAUSE, URL, hand_over


async def main():
    last_event_id = None
    while True:
        try:
            async for event in aiosseclient(URL, last_id=last_event_id):
                last_event_id = event.id or last_event_id
                hand_over(event.event, event.data, event.id)
        except aiohttp.ClientError:
            pass
        # The status is not to be had: whether there is nothing more (204) cannot be told from an end.
        await asyncio.sleep(PAUSE)


asyncio.run(main())
