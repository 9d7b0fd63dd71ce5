"""A micro-controller for klippy on a pseudo terminal: heaters that warm up, and nothing that moves.

Written from Klipper's public description of its protocol (message blocks, variable length quantities, the data
dictionary). Run as `python simulated_mcu.py PATH`: PATH becomes a link to the terminal.
"""

from __future__ import annotations

import json
import os
import pathlib
import select
import sys
import time
import tty
import zlib

SYNC = 0x7E
FREQUENCY = 1_000_000
PINS = 32
RESPONSES = [
    "identify_response offset=%u data=%.*s",
    "config is_config=%c crc=%u is_shutdown=%c move_count=%hu",
    "uptime high=%u clock=%u",
    "clock clock=%u",
    "analog_in_state oid=%c next_clock=%u value=%hu",
    "shutdown clock=%u static_string_id=%hu",
    "is_shutdown static_string_id=%hu",
    "starting",
    "stats count=%u sum=%u sumsq=%u",
]
COMMANDS = [
    "identify offset=%u count=%c",
    "allocate_oids count=%c",
    "get_config",
    "finalize_config crc=%u",
    "get_uptime",
    "get_clock",
    "emergency_stop",
    "clear_shutdown",
    "reset",
    "debug_nop",
    "config_digital_out oid=%c pin=%u value=%c default_value=%c max_duration=%u",
    "set_digital_out_pwm_cycle oid=%c cycle_ticks=%u",
    "queue_digital_out oid=%c clock=%u on_ticks=%u",
    "update_digital_out oid=%c value=%c",
    "set_digital_out pin=%u value=%c",
    "config_analog_in oid=%c pin=%u",
    (
        "query_analog_in oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u"
        " min_value=%hu max_value=%hu range_check_count=%c"
    ),
]


def numbered(formats, start):
    """Message formats with their numbers; the first response and the first command have fixed ones."""
    return {text: start + place for place, text in enumerate(formats)}


RESPONSE_IDS = {"identify_response offset=%u data=%.*s": 0, **numbered(RESPONSES[1:], 64)}
COMMAND_IDS = {"identify offset=%u count=%c": 1, **numbered(COMMANDS[1:], 2)}
DICTIONARY = zlib.compress(
    json.dumps(
        {
            "app": "Simulated",
            "version": "printwarden-test",
            "build_versions": "none",
            "commands": COMMAND_IDS,
            "responses": RESPONSE_IDS,
            "enumerations": {"pin": {"PA0": [0, PINS]}, "static_string_id": {"Command request": 1}},
            "config": {
                "CLOCK_FREQ": FREQUENCY,
                "STATS_SUMSQ_BASE": 256,
                "ADC_MAX": 4095,
                "PWM_MAX": 255,
                "MCU": "simulated",
            },
        }
    ).encode()
)


def checksum(data):
    """CRC-16-CCITT, least significant bit first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


def encoded(value):
    """A variable length quantity: seven bits a byte, most significant first, small negative numbers short."""
    groups = [value & 0x7F]
    for bits in (7, 14, 21, 28):
        if -(1 << bits - 2) <= value < 3 << bits - 2:
            break
        groups.append(value >> bits & 0x7F | 0x80)
    return bytes(reversed(groups))


def decoded(data, place):
    """Value of the quantity at `place`, and the place behind it."""
    value = data[place] & 0x7F
    if value & 0x60 == 0x60:
        value -= 0x80
    while data[place] & 0x80:
        place += 1
        value = value << 7 | data[place] & 0x7F
    return value & 0xFFFFFFFF, place + 1


class Mcu:
    """The state behind the wire."""

    def __init__(self, send):
        self.send = send
        self.commands = {number: text.split() for text, number in COMMAND_IDS.items()}
        self.responses = {text.split()[0]: number for text, number in RESPONSE_IDS.items()}
        self.began = time.monotonic()
        self.temperatures = [22.0] * PINS
        self.warmed = self.began
        self.reset()

    def reset(self, **_):
        self.crc, self.is_config, self.is_shutdown = 0, 0, 0
        self.outputs, self.inputs = {}, {}

    def clock(self):
        return int((time.monotonic() - self.began) * FREQUENCY)

    def tell(self, name, *values):
        payload = encoded(self.responses[name])
        for value in values:
            payload += bytes([len(value)]) + value if isinstance(value, bytes) else encoded(value)
        self.send(payload)

    def execute(self, payload):
        """Every command in one block."""
        place = 0
        while place < len(payload):
            number, place = decoded(payload, place)
            name, *members = self.commands[number]
            values = {}
            for member in members:
                values[member.partition("=")[0]], place = decoded(payload, place)
            handler = getattr(self, name, None)
            if handler:
                handler(**values)

    def identify(self, offset, count):
        self.tell("identify_response", offset, DICTIONARY[offset : offset + count])

    def get_config(self):
        self.tell("config", self.is_config, self.crc, self.is_shutdown, 500)

    def finalize_config(self, crc):
        self.crc, self.is_config = crc, 1

    def get_uptime(self):
        clock = self.clock()
        self.tell("uptime", clock >> 32, clock & 0xFFFFFFFF)

    def get_clock(self):
        self.tell("clock", self.clock() & 0xFFFFFFFF)

    def emergency_stop(self):
        self.is_shutdown = 1
        for output in self.outputs.values():
            output["on"] = 0.0
        self.tell("shutdown", self.clock() & 0xFFFFFFFF, 1)

    def clear_shutdown(self):
        self.is_shutdown = 0

    def config_digital_out(self, oid, pin, value, **_):
        self.outputs[oid] = {"pin": pin, "cycle": 0, "on": float(value)}

    def set_digital_out_pwm_cycle(self, oid, cycle_ticks):
        self.outputs[oid]["cycle"] = cycle_ticks

    def queue_digital_out(self, oid, clock, on_ticks):
        output = self.outputs[oid]
        output["on"] = on_ticks / output["cycle"] if output["cycle"] else float(bool(on_ticks))

    def update_digital_out(self, oid, value):
        self.outputs[oid]["on"] = float(bool(value))

    def config_analog_in(self, oid, pin):
        self.inputs[oid] = {"pin": pin, "rest": 0}

    def query_analog_in(self, oid, clock, sample_count, rest_ticks, **_):
        now = self.clock()
        due = now + ((clock - now + (1 << 31)) % (1 << 32) - (1 << 31))
        self.inputs[oid].update(next=due, rest=rest_ticks, count=sample_count)

    def pass_time(self):
        """Warm what is heated and send the readings that are due."""
        now = time.monotonic()
        step, self.warmed = now - self.warmed, now
        heated = {output["pin"] - 16: output["on"] for output in self.outputs.values()}
        for pin, before in enumerate(self.temperatures):
            self.temperatures[pin] += step * (heated.get(pin, 0.0) * 40 - (before - 22) * 0.2)
        clock = self.clock()
        for oid, reading in self.inputs.items():
            if reading["rest"] and reading["next"] <= clock:
                late = max(reading["next"] + reading["rest"], clock)
                reading["next"] = late
                value = int(self.temperatures[reading["pin"]] / 500 * 4095 * reading["count"])
                self.tell("analog_in_state", oid, late & 0xFFFFFFFF, min(value, 65535))


class Wire:
    """Message blocks over a file descriptor: length, sequence, payload, checksum, sync."""

    def __init__(self, descriptor):
        self.descriptor, self.buffer, self.sequence = descriptor, b"", 0

    def send(self, payload=b""):
        block = bytes([len(payload) + 5, 0x10 | self.sequence]) + payload
        os.write(self.descriptor, block + checksum(block).to_bytes(2, "big") + bytes([SYNC]))

    def blocks(self, received):
        """The payloads of the valid blocks; each is acknowledged by an empty block with the next sequence."""
        self.buffer += received
        while self.buffer:
            length = self.buffer[0]
            if length == SYNC:
                self.buffer = self.buffer[1:]
                continue
            if not 5 <= length <= 64:
                self.buffer = self.buffer.partition(bytes([SYNC]))[2]
                continue
            if len(self.buffer) < length:
                return
            block, rest = self.buffer[:length], self.buffer[length:]
            if block[-1] != SYNC or checksum(block[:-3]) != int.from_bytes(block[-3:-1], "big"):
                self.buffer = self.buffer.partition(bytes([SYNC]))[2]
                self.send()
                continue
            self.buffer = rest
            if block[1] & 0x0F == self.sequence:
                self.sequence = (self.sequence + 1) & 0x0F
                self.send()
                yield block[2:-3]
            else:
                self.send()


def main(path):
    master, slave = os.openpty()
    tty.setraw(slave)
    path.unlink(missing_ok=True)
    path.symlink_to(os.ttyname(slave))
    wire = Wire(master)
    mcu = Mcu(wire.send)
    while True:
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            for payload in wire.blocks(os.read(master, 4096)):
                mcu.execute(payload)
        mcu.pass_time()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
