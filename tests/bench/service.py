"""A whole deployment: start, memory, and the time from a capture to its decision with one and with eight clients."""

from __future__ import annotations

import asyncio
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import websockets

from tests.bench.numbers import spread, table
from tests.captures import enrolment_files, live_frames, times, voice_of
from tests.deployment import Deployment, capture_files
from tests.environment import SHARED

EACH = 12  # captures of each client


def report(folder: Path) -> None:
    packs = {"builtin": {}}
    if (SHARED / "models").is_dir():
        packs["edgeface"] = {"COSMIC_PACK": "edgeface", "COSMIC_MODELS_DIR": str(SHARED / "models")}
    for pack, variables in packs.items():
        deployment = Deployment(folder / pack, **variables)
        started = time.perf_counter()
        deployment.start()
        first = time.perf_counter() - started
        deployment.stop()
        started = time.perf_counter()
        deployment.start()
        again = time.perf_counter() - started
        try:
            measured(deployment, pack, first, again)
        finally:
            deployment.stop()


def measured(deployment: Deployment, pack: str, first: float, again: float) -> None:
    idle = memory(deployment, "web")
    assert deployment.enrol("ada", enrolment_files("astronaut"))["status"] == "done"
    rows = []
    for clients in (1, 8):
        with ThreadPoolExecutor(clients) as pool:
            rest = [one for many in pool.map(lambda _: by_rest(deployment), range(clients)) for one in many]
        rows.append([f"POST to decision (REST, waiting), {clients} clients", spread(rest)])
        with ThreadPoolExecutor(clients) as pool:
            pushed = [
                one for many in pool.map(lambda _: asyncio.run(by_socket(deployment)), range(clients)) for one in many
            ]
        rows.append([f"last frame to result on the websocket, {clients} clients", spread(pushed)])
    table(f"End to end, pack {pack}, 48 frames and a voice clip a capture (ms)", ["what", "median", "p95"], rows)
    loaded = re.findall(
        r"models loaded and warmed in ([\d.]+) s", (deployment.state / "log" / "worker.log").read_text()
    )
    table(
        f"Processes, pack {pack}",
        ["what", "value"],
        [
            ["start to ready, first time (s)", f"{first:.1f}"],
            ["start to ready, again (s)", f"{again:.1f}"],
            ["of which loading and warming the models (s)", loaded[-1]],
            ["web process, idle (MB)", idle],
            ["web process, after all captures (MB)", memory(deployment, "web")],
            ["worker (MB)", memory(deployment, "worker")],
            ["clock (MB)", memory(deployment, "clock")],
        ],
    )


def memory(deployment: Deployment, child: str) -> str:
    """Resident memory of a process."""
    status = Path(f"/proc/{deployment.pid(child)}/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return f"{kilobytes / 1024:.0f}"


def by_rest(deployment: Deployment) -> list[float]:
    client = deployment.client()
    found = []
    for _ in range(EACH):
        body, files = a_capture(deployment, client)
        started = time.perf_counter()
        answer = client.post("/api/v1/verify", data=body, files=files, headers={"Prefer": "wait=15"})
        found.append((time.perf_counter() - started) * 1000)
        assert answer.json()["job"]["decision"]["outcome"] == "GRANTED", answer.text
    return found


async def by_socket(deployment: Deployment) -> list[float]:
    client = deployment.client()
    found = []
    for _ in range(EACH):
        body, files = a_capture(deployment, client)
        started = time.perf_counter()
        answer = await asyncio.to_thread(client.post, "/api/v1/verify", data=body, files=files)
        address = f"{deployment.base.replace('http', 'ws')}/ws/captures/{answer.json()['job']['id']}/"
        headers = {"Authorization": client.headers["Authorization"]}
        async with websockets.connect(address, additional_headers=headers, origin=deployment.base) as socket:
            while json.loads(await socket.recv())["job"]["decision"] is None:
                pass
        found.append((time.perf_counter() - started) * 1000)
    return found


def a_capture(deployment: Deployment, client) -> tuple[dict, list]:
    frames = live_frames("astronaut")
    body = {"nonce": deployment.ticket(client, "verify"), "username": "ada", "frame_times": times(frames)}
    return body, capture_files(list(frames), voice_of("astronaut"))
