"""Messages in a real browser: the text is in the page while its reader is seen there, and not otherwise.

The camera is driven by the test (``virtual_camera.js``): the reader, nobody, two people, somebody else.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import acting, media
from tests.captures import enrolment_files, live_frames, times
from tests.deployment import Deployment, capture_files, eventually, running
from tests.system.test_browser import BLINKS, CHROMIUM, LOOP, PATIENCE, save
from tests.system.test_challenges import CAMERA, show

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt install chromium)"),
]
TEXT = "The key is under the third flower pot <script>document.title = 'taken'</script>"


@pytest.fixture(scope="module")
def post_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Ada is enrolled, grace has an account and no face."""
    with running(tmp_path_factory.mktemp("post-office")) as deployment:
        enrol_readers(deployment)
        yield deployment


def enrol_readers(deployment: Deployment) -> None:
    """Ada with the astronaut's face, grace without one."""
    job = deployment.enrol("ada", enrolment_files("astronaut"))
    assert job["status"] == "done", job
    deployment.manage("invite", "grace")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def logged_in(chromium, deployment: Deployment, username: str, **context: object) -> Iterator[Page]:
    """A page of a browser in which the person is logged in, before a camera that the test drives."""
    opened = chromium.new_context(base_url=deployment.base, **context)
    opened.add_cookies([{"name": "sessionid", "value": deployment.session(username), "url": deployment.base}])
    page = opened.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(path=str(CAMERA))
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    try:
        yield page
        assert not faults, faults
    finally:
        opened.close()


def browser_of(deployment: Deployment, username: str) -> httpx.Client:
    """A browser without a page: cookies, and the token against forgery."""
    client = httpx.Client(base_url=deployment.base, cookies={"sessionid": deployment.session(username)}, timeout=60)
    client.get("/messages/")
    client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
    return client


def granted(client: httpx.Client, message: str, seed: int) -> str:
    """Send a capture of the astronaut that is to open the message; its id once it is decided."""
    address = f"/api/v1/messages/{message}"
    nonce = client.post(f"{address}/ticket", json={}).json()["nonce"]
    frames = live_frames("astronaut", seed=seed)
    fields = {"nonce": nonce, "frame_times": times(frames)}
    sent = client.post(f"{address}/captures", data=fields, files=capture_files(list(frames)))
    assert sent.status_code == 202, sent.text
    job = f"{address}/captures/{sent.json()['job']['id']}"
    decision = eventually(lambda: client.get(job).json()["job"]["decision"], seconds=60)
    assert decision["outcome"] == "GRANTED", decision
    return sent.json()["job"]["id"]


def write(deployment: Deployment, title: str, **values: object) -> str:
    body = {"title": title, "text": TEXT, "recipients": ["ada"], "send": True} | values
    answer = deployment.client().post("/api/v1/messages", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["message"]["id"]


def people(*names: str) -> list[media.Picture]:
    """What the camera shows of them, alive and blinking; nobody is an empty room."""
    if not names:
        noise = np.random.default_rng(0)
        return [noise.integers(90, 110, (480, 640, 3), np.uint8) for _ in range(6)]
    if len(names) == 1:
        return acting.acted_frames(names[0], [BLINKS], LOOP, period=LOOP)
    both = [acting.acted_frames(name, [], 1.0) for name in names]
    return [np.hstack([left[:, 160:480], right[:, 160:480]]) for left, right in zip(*both, strict=True)]


def unlock(page: Page, message: str) -> None:
    page.goto(f"/messages/{message}/")
    show(page, "rest", people("astronaut"))
    page.get_by_role("button", name="Turn on the camera").click()
    expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
    page.get_by_role("button", name="Unlock with my face").click()


def text(page: Page):
    return page.locator("[data-text]")


def test_the_text_is_there_while_its_reader_is(chromium, post_office: Deployment):
    message = write(post_office, "About the key")
    with logged_in(chromium, post_office, "ada", viewport={"width": 1200, "height": 900}) as page:
        page.goto("/messages/")
        expect(page.locator("[data-unread]")).to_have_text("1 new")
        expect(page.get_by_text("A new message has come.")).to_be_hidden()
        second = write(post_office, "About the lock")
        expect(page.locator("[data-unread]")).to_have_text("2 new")
        save(page, "messages.png")
        page.get_by_role("link", name="Show it").click()
        expect(page.get_by_role("link", name="About the lock")).to_be_visible()
        expect(page.get_by_text("A new message has come.")).to_be_hidden()
        assert post_office.client().post(f"/api/v1/messages/{second}/revoke").status_code == 200
        page.goto(f"/messages/{message}/")
        save(page, "message-locked.png")
        assert "flower pot" not in page.content()

        unlock(page, message)
        expect(text(page)).to_have_text(TEXT, timeout=PATIENCE)  # as text: no script ran
        expect(page.locator("[data-unread]")).to_be_hidden()
        save(page, "message-open.png")
        page.wait_for_timeout(2000)
        expect(text(page)).to_have_text(TEXT)

        for seen in ([], ["astronaut", "guest"]):
            show(page, "rest", people(*seen))
            expect(text(page)).to_be_hidden()
            assert "flower pot" not in page.content()
            save(page, f"message-hidden-{len(seen)}.png")
            show(page, "rest", people("astronaut"))
            expect(text(page)).to_have_text(TEXT, timeout=PATIENCE)

        show(page, "rest", people("guest"))
        expect(page.locator("[data-why]")).to_contain_text("Somebody else", timeout=PATIENCE)
        expect(page.get_by_role("button", name="Unlock with my face")).to_be_visible()
        assert "flower pot" not in page.content()
        assert page.request.get(f"/api/v1/messages/{message}/content").status == 403
        assert "taken" not in page.title()


def test_who_looks_away_leaves_or_cannot_be_looked_at_sees_nothing(chromium, post_office: Deployment):
    message = write(post_office, "For your eyes")
    with logged_in(chromium, post_office, "ada") as page:
        unlock(page, message)
        expect(text(page)).to_have_text(TEXT, timeout=PATIENCE)

        page.evaluate("() => { document.hasFocus = () => false; window.dispatchEvent(new Event('blur')); }")
        expect(text(page)).to_be_hidden(timeout=500)  # at once, without the server
        assert "flower pot" not in page.content()
        page.evaluate("() => { document.hasFocus = () => true; }")
        expect(text(page)).to_have_text(TEXT)

        post_office.pause("worker")
        try:
            expect(page.locator("[data-why]")).to_contain_text("Nobody can look", timeout=PATIENCE)
            assert "flower pot" not in page.content()
        finally:
            post_office.resume("worker")
        expect(text(page)).to_have_text(TEXT, timeout=PATIENCE)

        content = f"/api/v1/messages/{message}/content"
        assert page.request.get(content).status == 200
        page.goto("/messages/")
        eventually(lambda: page.request.get(content).status == 403)  # leaving locks


def test_of_two_browsers_that_race_one_sees_what_is_viewed_once(post_office: Deployment):
    message = write(post_office, "Once", view_once=True)
    browsers = [browser_of(post_office, "ada") for _ in range(2)]
    captures = [granted(client, message, seed) for seed, client in enumerate(browsers)]
    answers: list[httpx.Response] = []
    start = threading.Barrier(2)

    def race(client: httpx.Client, capture: str) -> None:
        start.wait()
        answers.append(client.post(f"/api/v1/messages/{message}/open", json={"capture": capture}))

    threads = [threading.Thread(target=race, args=pair) for pair in zip(browsers, captures, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 410]


NOBODY_READY = "from django.core.cache import cache; cache.delete_pattern('worker:ready:*')"


def test_without_a_worker_nothing_opens(chromium, post_office: Deployment):
    """Neither what was asked for before it went, nor by the page, which says so at once."""
    message = write(post_office, "Wait")
    client = browser_of(post_office, "ada")
    address = f"/api/v1/messages/{message}"
    frames = live_frames("astronaut")
    fields = {"nonce": client.post(f"{address}/ticket", json={}).json()["nonce"], "frame_times": times(frames)}
    post_office.pause("worker")
    try:
        capture = client.post(f"{address}/captures", data=fields, files=capture_files(list(frames))).json()["job"]
        opened = client.post(f"{address}/open", json={"capture": capture["id"]})
        read = client.get(f"{address}/content")
        post_office.manage(
            "shell", "--no-imports", "-c", NOBODY_READY
        )  # it runs out by itself in a quarter of a minute
        refused = client.post(f"{address}/ticket", json={})
        with logged_in(chromium, post_office, "ada") as page:
            page.goto(f"/messages/{message}/")
            show(page, "rest", people("astronaut"))
            page.get_by_role("button", name="Turn on the camera").click()
            page.get_by_role("button", name="Unlock with my face").click()
            expect(page.get_by_text("Nobody can look at your camera at the moment.")).to_be_visible(timeout=PATIENCE)
    finally:
        post_office.resume("worker")

    assert (capture["status"], capture["decision"]) == ("queued", None)
    assert (opened.status_code, read.status_code) == (404, 403)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "worker_unavailable")
    assert int(refused.headers["Retry-After"]) > 0


def test_a_message_is_written_by_keyboard_with_a_file_and_expires(chromium, post_office: Deployment):
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
    with logged_in(chromium, post_office, "ada", **phone) as page:
        page.goto("/messages/new/")
        page.get_by_label("To").focus()
        page.keyboard.type("grace, nobody-here")
        page.keyboard.press("Tab")
        page.keyboard.type("Lunch <b>tomorrow</b> " + "W" * 90)
        page.keyboard.press("Tab")
        page.keyboard.type("At one?")
        page.get_by_label("Files").set_input_files(
            [{"name": "menu.txt", "mimeType": "text/html", "buffer": b"<h1>soup</h1>"}]
        )
        page.get_by_label("Deleted for everybody").select_option("3600")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("alert")).to_contain_text("nobody-here")
        expect(page.get_by_label("Text", exact=True)).to_have_value("At one?")  # nothing is lost
        save(page, "compose-phone.png")

        page.get_by_label("To").fill("grace")
        page.get_by_role("button", name="Send").click()
        page.wait_for_url("**/messages/?folder=sent")
        expect(page.get_by_role("link", name="Lunch <b>tomorrow</b>")).to_be_visible()  # as text, and wrapped below
        expect(page.locator(".mail")).to_contain_text("1 file")
        for address in ("/messages/", "/messages/new/", page.get_by_role("link", name="Lunch").get_attribute("href")):
            page.goto(address)
            widths = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
            assert widths[0] <= widths[1], address
        save(page, "message-phone.png")
    with logged_in(chromium, post_office, "grace") as page:
        page.goto("/messages/")
        page.get_by_role("link", name="Lunch").click()
        expect(page.get_by_role("link", name="Enrol my face")).to_be_visible()
        save(page, "message-not-enrolled.png")
        page.once("dialog", lambda asked: asked.dismiss())
        page.get_by_role("button", name="Delete my copy").click()  # asked first, and nothing is deleted on a no
        page.once("dialog", lambda asked: asked.accept())
        page.get_by_role("button", name="Delete my copy").click()
        page.wait_for_url("**/messages/?folder=inbox")
        expect(page.locator(".mail")).to_contain_text("Nobody has written to you yet.")
