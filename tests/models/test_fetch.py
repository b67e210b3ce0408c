"""Downloads against a local HTTP server that knows ranges, cuts off, and lies."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from models import registry
from models.errors import ModelMissing, WrongHash
from models.fetch import DownloadFailed, fetch, forget_archives
from models.registry import ModelEntry, Places

CONTENT = np.random.default_rng(0).bytes(3_000_000)


@dataclass
class Mirror:
    files: dict[str, bytes]
    cut_after: int = 0  # bytes after which a connection breaks; 0: never
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    served = Mirror({"/model.onnx": CONTENT})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            served.asked.append(asked)
            content = served.files[self.path]
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and served.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + served.cut_after if served.cut_after else len(content)
            self.wfile.write(content[start:end])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(models_dir=None, state_dir=tmp_path)


@pytest.fixture
def entry(mirror: Mirror) -> ModelEntry:
    return ModelEntry(
        name="model",
        role="test",
        file="model.onnx",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="MIT",
        input="",
        source=f"{mirror.url}/model.onnx",
    )


def left_over(places: Places) -> list[str]:
    return sorted(path.name for path in places.downloads.iterdir() if path.name != ".lock")


def test_a_download_is_whole_or_not_there(entry: ModelEntry, places: Places):
    seen: list[int] = []

    path = fetch(entry, places, lambda done, total: seen.append(done))

    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)
    assert left_over(places) == ["model.onnx"]


def test_a_download_that_was_cut_off_goes_on(entry: ModelEntry, places: Places, mirror: Mirror):
    mirror.cut_after = 1_000_000
    with pytest.raises(DownloadFailed):
        fetch(entry, places)
    assert left_over(places) == ["model.onnx.part"]
    mirror.cut_after = 0

    path = fetch(entry, places)

    assert path.read_bytes() == CONTENT
    assert mirror.asked == [None, "bytes=1000000-"]


def test_a_server_without_ranges_starts_over(entry: ModelEntry, places: Places, mirror: Mirror):
    mirror.cut_after = 1_000_000
    with pytest.raises(DownloadFailed):
        fetch(entry, places)
    mirror.cut_after, mirror.ranges = 0, False

    assert fetch(entry, places).read_bytes() == CONTENT


def test_a_beginning_of_another_file_is_thrown_away(entry: ModelEntry, places: Places):
    places.downloads.mkdir(parents=True)
    (places.downloads / "model.onnx.part").write_bytes(b"\0" * 500_000)

    assert fetch(entry, places).read_bytes() == CONTENT


def test_a_wrong_hash_names_both_and_leaves_nothing(entry: ModelEntry, places: Places, mirror: Mirror):
    mirror.files["/model.onnx"] = CONTENT[:-1] + b"!"
    found = hashlib.sha256(mirror.files["/model.onnx"]).hexdigest()

    with pytest.raises(WrongHash) as wrong:
        fetch(entry, places)

    assert entry.sha256 in str(wrong.value)
    assert found in str(wrong.value)
    assert left_over(places) == []


def test_a_file_that_is_too_long_is_not_kept(entry: ModelEntry, places: Places, mirror: Mirror):
    mirror.files["/model.onnx"] = CONTENT + CONTENT

    with pytest.raises(DownloadFailed):
        fetch(entry, places)
    assert left_over(places) == []


def test_a_member_of_an_archive(entry: ModelEntry, places: Places, mirror: Mirror):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pack/model.onnx", CONTENT)
    mirror.files["/pack.zip"] = buffer.getvalue()
    inside = replace(entry, source=f"{mirror.url}/pack.zip#model.onnx")

    assert fetch(inside, places).read_bytes() == CONTENT
    forget_archives(places)
    assert left_over(places) == ["model.onnx"]


def test_without_an_address_there_is_nothing_to_fetch(entry: ModelEntry, places: Places):
    with pytest.raises(ModelMissing, match="no address"):
        fetch(replace(entry, source=""), places)


@pytest.fixture
def one_pack(monkeypatch: pytest.MonkeyPatch, entry: ModelEntry) -> None:
    monkeypatch.setattr(registry, "models", lambda: {"model": entry})
    monkeypatch.setattr(registry, "packs", lambda: {"one": registry.Pack("one", "test", ("model",))})


def test_nothing_is_fetched_before_the_licence_is_accepted(one_pack: None, mirror: Mirror, capsys):
    with pytest.raises(CommandError, match="accept"):
        call_command("fetch_models", "one")

    assert "MIT" in capsys.readouterr().out
    assert mirror.asked == []


def test_the_command_fetches_once(one_pack: None, mirror: Mirror, settings, tmp_path: Path):
    settings.ENV = replace(settings.ENV, state_dir=tmp_path)

    call_command("fetch_models", "one", "--accept-licence")
    call_command("fetch_models", "one", "--accept-licence")

    assert len(mirror.asked) == 1
    assert (tmp_path / "models" / "model.onnx").read_bytes() == CONTENT
