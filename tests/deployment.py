"""A deployment of its own for tests: started, asked and hurt as a person or a fault would."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from authsite.env import PROJECT

OPERATOR, PASSWORD = "operator", "correct horse battery staple 9"
Files = list[tuple[str, tuple[str, bytes, str]]]

SESSION = """
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
user = get_user_model().objects.get(username="{username}")
store = SessionStore()
store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
store[HASH_SESSION_KEY] = user.get_session_auth_hash()
store.save()
print(store.session_key)
"""


class Deployment:
    """``base`` is its address, ``state`` its folder."""

    def __init__(self, state: Path, **variables: str) -> None:
        self.state = state
        self.port = _free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COSMIC_", "GROQ_"))}
        self.environment = kept | {
            "COSMIC_STATE_DIR": str(state),
            "COSMIC_PORT": str(self.port),
            "COSMIC_OPERATOR_PASSWORD": PASSWORD,
            "COSMIC_RATE_LIMIT": "100000/m",
            # Tests that are about these ask for them: the test people cannot see what is asked, their voices are laid
            # over any frames, they send the same ones again and again, and a portrait that is bent by its mesh is neither
            # a plane nor a head.
            "COSMIC_CHALLENGE_COUNT": "0",
            "COSMIC_GATES": "lips=advise,replay=off,flat=advise",
            **variables,
        }
        self._tokens: dict[str, str] = {}

    def start(self) -> str:
        return self._run("-m", "authsite.embedded", "start")

    def stop(self) -> str:
        return self._run("-m", "authsite.embedded", "stop")

    def manage(self, *arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout,
        )

    def client(self, username: str = OPERATOR) -> httpx.Client:
        """A client of the REST API with the account's token."""
        if username not in self._tokens:
            self._tokens[username] = self.manage("create_token", username).stdout.strip().splitlines()[-1]
        return httpx.Client(
            base_url=self.base, headers={"Authorization": f"Token {self._tokens[username]}"}, timeout=60
        )

    def session(self, username: str) -> str:
        """A new session of somebody, as their login would leave it; the value of its cookie."""
        return self.manage("shell", "--no-imports", "-c", SESSION.format(username=username)).stdout.split()[-1]

    def ticket(self, client: httpx.Client, purpose: str) -> str:
        answer = client.post("/api/v1/captures/ticket", json={"purpose": purpose})
        assert answer.status_code == 201, answer.text
        return answer.json()["nonce"]

    def send(
        self,
        path: str,
        purpose: str,
        files: Files,
        *,
        client: httpx.Client | None = None,
        wait: int = 15,
        **fields: str,
    ) -> httpx.Response:
        """A capture with a fresh nonce, waiting for its decision."""
        client = client or self.client()
        fields = {"nonce": self.ticket(client, purpose), **fields}
        return client.post(path, data=fields, files=files, headers={"Prefer": f"wait={wait}"})

    def enrol(self, username: str, files: Files) -> dict:
        """Enrol by REST as the operator, and wait for the end of the job."""
        answer = self.send("/enroll/", "enrol", files, username=username, consent="true")
        assert answer.status_code == 202, answer.text
        address = f"/api/v1/enrolments/{answer.json()['job']['id']}"

        def finished() -> dict | None:
            job = self.client().get(address).json()["job"]
            return job if job["status"] not in ("queued", "running") else None

        return eventually(finished, seconds=60)

    def query(self, sql: str, *values: object) -> list[tuple]:
        with sqlite3.connect(self.state / "cosmic.sqlite3", timeout=10) as database:
            return database.execute(sql, values).fetchall()

    def pid(self, child: str) -> int:
        """The process of ``redis``, ``web``, ``worker`` or ``clock``."""
        marks = {"redis": "redis-server", "web": "uvicorn", "worker": "worker", "clock": "beat"}
        parent = int((self.state / "run" / "cosmic.pid").read_text())
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
            if any(marks[child] == Path(word).name for word in words[:8]):
                return int(pid)
        raise LookupError(child)

    def pause(self, child: str) -> None:
        os.kill(self.pid(child), signal.SIGSTOP)

    def resume(self, child: str) -> None:
        os.kill(self.pid(child), signal.SIGCONT)

    def kill(self, child: str) -> None:
        os.kill(self.pid(child), signal.SIGKILL)

    def wait_until_ready(self, *, seconds: float = 90) -> None:
        def ready() -> bool:
            try:
                return httpx.get(f"{self.base}/health/ready", timeout=10).status_code == 200
            except httpx.HTTPError:
                return False

        eventually(ready, seconds=seconds)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in (self.state / "log").glob("*.log"))


@contextmanager
def running(state: Path, **variables: str) -> Iterator[Deployment]:
    """A deployment from its start to its stop."""
    deployment = Deployment(state, **variables)
    deployment.start()
    try:
        yield deployment
    finally:
        deployment.stop()


T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 20, every: float = 0.1) -> T:
    """What ``look`` gives once it is true; the time limit only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
    return found


def capture_files(frames: list[bytes], voice: bytes | None = None) -> Files:
    files: Files = [("frames", (f"{index}.jpg", frame, "image/jpeg")) for index, frame in enumerate(frames)]
    if voice is not None:
        files.append(("voice", ("voice.wav", voice, "audio/wav")))
    return files


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
