"""A pretended Elegoo Centauri Carbon, after the published description of SDCP 3 and what owners wrote down.

Its websocket is that of the independent library `websockets`, and an independent client (pycentauri) checks it. The
ports are fixed by the protocol, so that each pretended printer has an address of its own on the loopback.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from tests.support.web import serve as serve_http

BOARD = "000000000001d354"
PRINTING, PAUSED = 13, 6
NEXT = {5: PAUSED, 7: 8, 12: PRINTING}
PICTURE = b"\xff\xd8\xff\xe0\x00\x02\xff\xd9"


class Elegoo:
    """The printer's state, to be changed by the test. On its way to a pause it tells so once."""

    def __init__(self) -> None:
        self.host = (
            f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250) + 1}.{secrets.randbelow(250) + 1}"
        )
        self.commands, self.refuse, self.deaf = [], 0, False
        self.job = {"Status": 0, "CurrentLayer": 0, "TotalLayer": 0, "CurrentTicks": 0, "TotalTicks": 0}
        self.job |= {"Filename": "", "TaskId": "", "Progress": 0, "ErrorNumber": 0, "PrintSpeedPct": 100}
        self.temperatures = {"TempOfHotbed": 59.8, "TempTargetHotbed": 60, "TempOfNozzle": 219.7}
        self.temperatures |= {"TempTargetNozzle": 220, "TempOfBox": 31.4, "TempTargetBox": 0}
        self._open = set()

    def start(self) -> None:
        """Switch on."""
        self._stack = contextlib.ExitStack()
        self._server = serve(self._talk, self.host, 3030, close_timeout=0.1)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._found = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._found.bind((self.host, 3000))
        threading.Thread(target=self._be_found, daemon=True).start()
        self._stack.enter_context(serve_http(self._stream, 3031, self.host))

    def stop(self) -> None:
        """Switch off."""
        self._server.shutdown()
        for connection in list(self._open):
            connection.close()
        with contextlib.suppress(OSError):
            self._found.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
        self._stack.close()

    def begin(self) -> None:
        """Start the next print of the same file."""
        self.job |= {"Status": PRINTING, "CurrentLayer": 12, "TotalLayer": 240, "Progress": 5}
        self.job |= {"CurrentTicks": 300, "TotalTicks": 6000, "Filename": "/local/benchy.gcode"}
        self.job["TaskId"] = secrets.token_hex(16)

    def push(self) -> None:
        """Tell the status to everybody, asked or not."""
        for connection in list(self._open):
            self._tell(connection, "status", {"Status": self._status()})

    def _status(self):
        code = self.job["Status"]
        busy = code not in (0, 8, 9, 14)
        told = {"CurrentStatus": [1 if busy else 0], **self.temperatures, "PrintInfo": dict(self.job)}
        self.job["Status"] = NEXT.get(code, code)
        return told

    def _talk(self, connection) -> None:
        self._open.add(connection)
        with contextlib.suppress(ConnectionClosed):
            self._tell(connection, "attributes", self._attributes())
            for message in connection:
                if message == "ping":
                    connection.send("pong")
                else:
                    self._obey(connection, json.loads(message))
        self._open.discard(connection)

    def _obey(self, connection, message) -> None:
        asked = message["Data"]
        assert message["Topic"] == f"sdcp/request/{BOARD}"
        assert asked["MainboardID"] == BOARD
        command, data = asked["Cmd"], asked["Data"]
        if command not in (0, 1, 512):
            self.commands.append(command)
        ack = self.refuse if command in (129, 130, 131, 403) else 0
        answer = {"Cmd": command, "Data": {"Ack": ack}, "RequestID": asked["RequestID"], "MainboardID": BOARD}
        self._tell(connection, "response", {"Data": answer})
        if not ack and not self.deaf:
            self._do(command, data)
        if command in (0, 512):
            self._tell(connection, "status", {"Status": self._status()})
        if command == 1:
            self._tell(connection, "attributes", self._attributes())

    def _do(self, command, data) -> None:
        changes = {(129, PRINTING): 5, (131, PAUSED): 12, (130, PRINTING): 7, (130, PAUSED): 7}
        self.job["Status"] = changes.get((command, self.job["Status"]), self.job["Status"])
        if command == 403:
            self.temperatures |= data

    def _tell(self, connection, topic, content) -> None:
        told = {
            **content,
            "MainboardID": BOARD,
            "TimeStamp": int(time.time()),
            "Topic": f"sdcp/{topic}/{BOARD}",
        }
        connection.send(json.dumps({"Id": "f25273b12b094c5a8b9513a30ca60049", **told}))

    def _attributes(self):
        return {
            "Attributes": {"Name": "Centauri Carbon", "MachineName": "Centauri Carbon", "MainboardID": BOARD}
        }

    def _be_found(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                asked, client = self._found.recvfrom(100)
                if asked == b"M99999":
                    told = {"Name": "Centauri Carbon", "MainboardID": BOARD, "ProtocolVersion": "V3.0.0"}
                    self._found.sendto(json.dumps({"Id": "f2", "Data": told}).encode(), client)

    def _stream(self, request) -> None:
        assert request.path == "/video"
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=foo")
        request.end_headers()
        while True:
            head = f"--foo\r\nContent-Type: image/jpeg\r\nContent-Length: {len(PICTURE)}\r\n\r\n"
            request.wfile.write(head.encode() + PICTURE + b"\r\n")
            time.sleep(0.05)
