"""A local HTTP server that speaks Groq's chat-completions protocol, for the one service that costs money."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeGroq:
    """``reply`` is what the model says; ``status`` other than 200 is an outage; ``requests`` is what was asked."""

    reply: str = '{"same": true}'
    status: int = 200
    requests: list[dict] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve() -> Iterator[FakeGroq]:
    fake = FakeGroq()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/openai/v1/chat/completions"
            fake.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            fake.authorization.append(self.headers["Authorization"])
            body = json.dumps(completion(fake.reply) if fake.status == 200 else {"error": {"message": "away"}}).encode()
            self.send_response(fake.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def completion(content: str) -> dict:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "llama-3.1-8b-instant",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
