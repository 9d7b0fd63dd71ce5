"""An independent client (bambulabs-api) drives the pretended printer. Run with that library's own Python.

Arguments: MQTT port, camera port, access code, serial. Prints one line of JSON.
"""

import base64
import json
import sys
import time

from bambulabs_api.camera_client import PrinterCamera
from bambulabs_api.mqtt_client import PrinterMQTTClient


def wait(condition):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit("the client waited in vain")


port, camera_port, code, serial = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
client = PrinterMQTTClient("127.0.0.1", code, serial, port=port)
client.connect()
client.start()
camera = PrinterCamera("127.0.0.1", code, port=camera_port)
camera.start()
states = []
state = lambda: str(client.get_printer_state()).rpartition(".")[2]  # noqa: E731
wait(lambda: state() == "RUNNING")
told = {"percent": client.get_last_print_percentage(), "layer": client.current_layer_num()}
for order, wanted in (
    (client.pause_print, "PAUSE"),
    (client.resume_print, "RUNNING"),
    (client.stop_print, "FAILED"),
):
    wait(order)
    wait(lambda wanted=wanted: state() == wanted)
    states.append(wanted)


def frame():
    return camera.last_frame


picture = base64.b64encode(bytes(wait(frame))).decode()
print(json.dumps({**told, "states": states, "picture": picture}), flush=True)
camera.alive = False
client.stop()
