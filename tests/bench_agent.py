"""Processor time of cameras and drivers: `python -m tests.bench_agent cameras|sizes|octoprint|moonraker`.

Cameras: a 1280x720 picture of about 46 kB, 15 a second, passed through. Sizes: what larger pictures cost the hub.
Drivers: one snapshot, against the real
software that the tests install, with the time it costs the agent, the server and the wall clock.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from agent.camera import mjpeg, snapshot
from agent.camera.orient import write
from agent.camera.watch import Watch
from agent.protocol import Frame, pack_frame
from hub.vision import prepare, read_model, shipped_model
from tests.support.web import serve

COUNT, FPS = 150, 15


def picture():
    """A picture of the usual size and weight."""
    rows, columns = np.mgrid[0:720, 0:1280]
    grain = np.random.default_rng(1).normal(0, 6, (720, 1280))
    scene = 90 + 60 * np.sin(columns / 200) + 25 * ((columns // 60 + rows // 60) % 2) + grain
    scene = np.clip(scene, 0, 255).astype(np.uint8)
    for quality in range(20, 95):
        jpeg = cv2.imencode(".jpg", cv2.merge([scene] * 3), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(jpeg) > 46_000:
            return jpeg
    raise AssertionError


def camera_server(pipe):
    """In a process of its own, so that its time is not counted."""
    jpeg = picture()

    def answer(request):
        if "stream" not in request.path:
            request.reply(200, jpeg, {"Content-Type": "image/jpeg"})
            return
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.send_header("Connection", "close")
        request.end_headers()
        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        while True:
            request.wfile.write(head + jpeg + b"\r\n")
            time.sleep(1 / FPS)

    with serve(answer) as url:
        pipe.send(url)
        pipe.recv()


def cameras():
    mine, other = multiprocessing.Pipe()
    server = multiprocessing.Process(target=camera_server, args=(other,), daemon=True)
    server.start()
    url = mine.recv()
    kinds = (("MJPEG stream", mjpeg, "/stream", 0), ("snapshot", snapshot, "/snapshot", 1 / FPS))
    for name, module, path, pace in kinds:
        camera = module.create(module.Settings(url=url + path))
        camera.start()
        camera.grab()
        spent = length = 0
        for _ in range(COUNT):
            began = time.process_time()
            length = len(camera.grab())
            spent += time.process_time() - began
            time.sleep(pace)
        print(f"{name}: {spent / COUNT * 1e3:.2f} ms of processor a picture of {length // 1000} kB")
        camera.stop()
    jpeg, watch = picture(), Watch()
    works = (
        ("watch", lambda: watch.fault(jpeg, 0.0)),
        ("orientation", lambda: write(jpeg, 6)),
        ("seal", lambda: pack_frame(bytes(32), "0" * 32, Frame("main", 1, 1, 1, 1, "job", jpeg))),
    )
    for name, work in works:
        began = time.process_time()
        for _ in range(1000):
            work()
        print(f"{name}: {time.process_time() - began:.3f} ms a picture")
    mine.send("end")
    server.join()


def sizes():
    scene = cv2.imdecode(np.frombuffer(picture(), np.uint8), cv2.IMREAD_COLOR)
    network = read_model(shipped_model())
    for size in ((640, 360), (1280, 720), (1920, 1080), (3840, 2160)):
        quality = [cv2.IMWRITE_JPEG_QUALITY, 80]
        jpeg = cv2.imencode(".jpg", cv2.resize(scene, size), quality)[1].tobytes()
        began = time.process_time()
        for _ in range(30):
            prepare(jpeg, network.width, network.height)
        spent = (time.process_time() - began) / 30
        print(f"{size[0]}x{size[1]}, {len(jpeg) // 1000} kB: {spent * 1e3:.1f} ms to decode for the network")


def seconds_of(*processes):
    """Processor seconds that processes have used so far."""
    spent = 0
    for each in processes:
        fields = Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / 100


def polled(name, printer, *processes):
    """What a minute of polling costs, polled as fast as the agent does: every 2 s, here without the waiting."""
    printer.snapshot()
    walls, rounds = [], 200
    mine, theirs = time.process_time(), seconds_of(*processes)
    idle_began = time.monotonic()
    for _ in range(rounds):
        began = time.monotonic()
        printer.snapshot()
        walls.append(time.monotonic() - began)
        time.sleep(0.02)
    mine = (time.process_time() - mine) / rounds
    theirs = (seconds_of(*processes) - theirs) / rounds
    print(
        f"{name}: a snapshot takes {statistics.median(walls) * 1e3:.1f} ms (95 %: {sorted(walls)[190] * 1e3:.1f} ms),"
        f" {mine * 1e3:.1f} ms of the agent's processor, at most {theirs * 1e3:.1f} ms of the server's"
        f" ({time.monotonic() - idle_began:.0f} s, its own work included)"
    )


def octoprint():
    from agent.printers.octoprint import Settings, create
    from tests.counterparts.octoprint_rig import OctoPrint

    with tempfile.TemporaryDirectory() as folder:
        rig = OctoPrint(Path(folder))
        rig.start()
        rig.print("bench.gcode")
        polled("OctoPrint", create(Settings(rig.url, rig.key)), rig._process)
        rig.stop()


def moonraker():
    from agent.printers.moonraker import Settings, create
    from tests.counterparts.moonraker_rig import Moonraker

    with tempfile.TemporaryDirectory() as folder:
        rig = Moonraker(Path(folder))
        rig.start()
        rig.print("bench.gcode")
        processes = [rig._processes[each] for each in ("moonraker", "klippy")]
        polled("Moonraker and Klipper", create(Settings(rig.url, rig.key)), *processes)
        rig.stop()


if __name__ == "__main__":
    {"cameras": cameras, "sizes": sizes, "octoprint": octoprint, "moonraker": moonraker}[sys.argv[1]]()
