"""An independent client (pyprusalink) drives the pretended printer. Run with that library's own Python.

Arguments: address, user, password. Prints one line of JSON.
"""

import asyncio
import json
import sys

from httpx import AsyncClient
from pyprusalink import PrusaLink
from pyprusalink.types import Conflict, NotFound


async def main(url, user, password):
    async with AsyncClient() as http:
        printer = PrusaLink(http, url, user, password)
        job = await printer.get_job()
        seen = [(await printer.get_status())["printer"]["state"]]
        for order in (printer.pause_job, printer.resume_job, printer.cancel_job):
            await order(job["id"])
            seen.append((await printer.get_status())["printer"]["state"])
        refused = []
        for order in (printer.pause_job, printer.cancel_job):
            try:
                await order(job["id"] + 5)
            except (Conflict, NotFound) as error:
                refused.append(type(error).__name__)
        return {
            "file": job["file"]["display_name"],
            "seen": seen,
            "refused": refused,
            "job": await printer.get_job(),
        }


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
