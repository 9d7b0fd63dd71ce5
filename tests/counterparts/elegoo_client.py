"""An independent client (pycentauri) drives the pretended printer. Run with that library's own Python.

Argument: address. Prints one line of JSON.
"""

import asyncio
import json
import sys

from pycentauri.client import Printer


async def main(host):
    async with await Printer.connect(host, enable_control=True, push_period_ms=200) as printer:
        first = await printer.status()
        told = {
            "file": first.filename,
            "temperatures": [
                first.temp_nozzle,
                first.temp_nozzle_target,
                first.temp_bed,
                first.temp_bed_target,
            ],
            "seen": [first.print_status],
            "picture": (await printer.snapshot()).hex(),
            "board": printer.mainboard_id,
        }
        for order in (printer.pause, printer.resume, printer.stop):
            await order()
            for _ in range(2):  # what is under way, and where it ends
                printer._latest_status = None
                printer._latest_status_event.clear()
                told["seen"].append((await printer.status()).print_status)
        await printer.set_temperatures(nozzle=0)
        printer._latest_status = None
        printer._latest_status_event.clear()
        told["off"] = (await printer.status()).temp_nozzle_target
        return told


print(json.dumps(asyncio.run(main(sys.argv[1]))))
