"""Messages in a browser: from the last frame of the capture to the text on the page, and from a lost face to its hiding.

The camera is driven by the page (``tests/system/virtual_camera.js``), which sets the reader before it and takes them away
at a random moment between two presence frames.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.bench.numbers import spread, table
from tests.deployment import Deployment, running
from tests.system.test_browser import CHROMIUM
from tests.system.test_challenges import show
from tests.system.test_messages import enrol_readers, logged_in, people, unlock, write

UNLOCKS = 20
LOSSES = 30
# The capture leaves the page when its POST begins; the last frame was taken some milliseconds before.
UNTIL_TEXT = """() => new Promise((done) => {
  const text = document.querySelector("[data-text]");
  new MutationObserver(() => {
    if (text.hidden) return;
    const sent = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/captures")).at(-1);
    done(performance.now() - sent.startTime);
  }).observe(text, { attributes: true });
})"""
UNTIL_HIDDEN = """async ([after]) => {
  await new Promise((wait) => setTimeout(wait, after));
  const text = document.querySelector("[data-text]");
  const began = performance.now();
  window.virtualPerson.leave();
  await new Promise((done) => {
    new MutationObserver(() => text.hidden && done()).observe(text, { attributes: true });
  });
  return performance.now() - began;
}"""


def report(folder: Path) -> None:
    if CHROMIUM is None:
        print("Messages are measured in Chromium, which is not installed.\n")
        return
    with running(folder / "state") as deployment, sync_playwright() as playwright:
        enrol_readers(deployment)
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        with logged_in(chromium, deployment, "ada") as page:
            opened = [until_text(page, deployment, number) for number in range(UNLOCKS)]
            hidden = [until_hidden(page) for _ in range(LOSSES)]
        chromium.close()
    rows = [
        [f"last frame sent to text on the page ({UNLOCKS} unlocks)", spread(opened)],
        [f"face lost to text gone from the page ({LOSSES} times, 2 frames a second)", spread(hidden)],
        ["the longest of these", f"{max(opened):.1f} (text), {max(hidden):.1f} (gone) |"],
    ]
    table("Messages in a browser, pack builtin, passive captures of 48 frames (ms)", ["what", "median", "p95"], rows)


def until_text(page: Page, deployment: Deployment, number: int) -> float:
    unlock(page, write(deployment, f"Number {number}"))
    return page.evaluate(UNTIL_TEXT)


def until_hidden(page: Page) -> float:
    """From the open message of the unlock before."""
    taken = page.evaluate(UNTIL_HIDDEN, [random.uniform(0, 500)])
    show(page, "rest", people("astronaut"))
    page.wait_for_selector("[data-text]:not([hidden])")
    page.wait_for_timeout(500)
    return taken
