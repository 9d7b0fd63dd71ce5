"""An independent client (duetwebapi) drives the pretended board. Run with that library's own Python.

Argument: address. Prints one line of JSON.
"""

import json
import sys

from duetwebapi import DuetWebAPI

printer = DuetWebAPI(sys.argv[1])
orders = {
    "refused": lambda: printer.send_code("M0"),
    "pause": printer.pause_print,
    "resume": lambda: printer.send_code("M24"),
    "pause again": printer.pause_print,
    "stop": printer.stop_print,
    "too late": printer.pause_print,
}
told = {
    "api": printer.api_name,
    "tool": printer.get_current_tool(),
    "layer": printer.get_layer(),
    "orders": {},
}
for name, order in orders.items():
    reply = order()["response"].strip()
    printer.get_status()  # what is under way
    told["orders"][name] = [reply.partition(":")[0], printer.get_status()]
told["last"] = printer.get_model("job")["lastFileName"]
print(json.dumps(told))
