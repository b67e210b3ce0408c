"""The pages in headless Chromium, with a fake camera and microphone fed from files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, WebSocket, expect, sync_playwright

from authsite.env import PROJECT
from tests import acting, media
from tests.captures import SENTENCES, enrolment_files
from tests.deployment import OPERATOR, PASSWORD, Deployment, eventually, running
from tests.people import VOICES, portrait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt install chromium)"),
]
LOOP = 6.4  # seconds of the camera's video, which is played again and again
BLINKS = {"kind": "blink", "starts": 0.0, "ends": LOOP, "count": 4}
CAMERA_RATE = 30  # what Chromium plays a file of JPEG pictures at
SCREENSHOTS = PROJECT / "var" / "screenshots"  # `make screenshot` copies the scanner into docs
PATIENCE = 30_000  # milliseconds
Open = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos and recordings of the test people."""
    folder = tmp_path_factory.mktemp("studio")
    for name in ("astronaut", "guest"):
        live = acting.acted_frames(name, [BLINKS], LOOP, rate=CAMERA_RATE, period=LOOP)
        media.write_mjpeg(live, folder / f"{name}.mjpeg")
        voice, pitch = VOICES[name]
        sound = media.spoken(" ".join(SENTENCES), voice=voice, pitch=pitch)
        (folder / f"{name}.wav").write_bytes(media.wav(sound))
    still = media.still_frames(portrait("astronaut"), seconds=6, rate=CAMERA_RATE)
    media.write_mjpeg(still, folder / "photograph.mjpeg")
    shutil.copy(folder / "astronaut.wav", folder / "photograph.wav")
    return folder


@pytest.fixture(scope="module")
def cosmic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment of its own: who enrols here would be a duplicate of the people that other tests enrol."""
    with running(tmp_path_factory.mktemp("pages")) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def open_page(cosmic: Deployment, studio: Path) -> Iterator[Open]:
    """``open_page(person)``: a page of a browser whose camera shows that person; None: a browser without camera."""
    with sync_playwright() as playwright:

        @contextmanager
        def open_browser(person: str | None, *, allowed: bool = True, **context: object) -> Iterator[Page]:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            if person:
                arguments += [
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-video-capture={studio / person}.mjpeg",
                    f"--use-file-for-fake-audio-capture={studio / person}.wav",
                ]
                arguments += ["--use-fake-ui-for-media-stream"] if allowed else ["--deny-permission-prompts"]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            try:
                page = browser.new_context(**{"base_url": cosmic.base, **context}).new_page()
                page.set_default_timeout(PATIENCE)
                faults: list[str] = []
                page.on("pageerror", lambda error: faults.append(str(error)))
                page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
                yield page
                assert not faults, faults
            finally:
                browser.close()

        yield open_browser


@pytest.fixture(scope="module")
def enrolled(cosmic: Deployment, open_page: Open) -> str:
    """Enrolled by hand: invitation, consent, face, voice, security question."""
    link = cosmic.manage("invite", "grace").stdout.splitlines()[0]
    with open_page("astronaut") as page:
        page.goto(link)
        page.get_by_role("button", name="Enrol").click()
        expect(page.get_by_role("alert")).to_contain_text("tick the consent")  # nothing is sent without it
        page.get_by_role("checkbox").check()
        expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
        page.get_by_role("button", name="Record my face").click()
        expect(page.locator("[data-taken=face]")).to_contain_text("pictures recorded", timeout=PATIENCE)
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.locator("[data-sound]")).to_contain_text("s", timeout=PATIENCE)
        expect(page.locator("[data-taken=voice]")).to_contain_text("3 recordings", timeout=PATIENCE)
        page.get_by_label("Question 1").fill("What was the name of my first cat?")
        page.get_by_label("Answer 1").fill("Minka")
        page.get_by_role("button", name="Enrol").click()
        expect(page.get_by_role("alert")).to_contain_text("You are enrolled", timeout=2 * PATIENCE)
    return "grace"


@pytest.fixture
def unlimited(cosmic: Deployment) -> None:
    """Failed attempts of one test must not delay the next."""
    cosmic.manage("shell", "--no-imports", "-c", "from django.core.cache import cache; cache.delete_pattern('limit:*')")


def start_login(page: Page, username: str, *, voice: bool = False) -> None:
    page.goto("/login/")
    expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
    page.get_by_label("User name").fill(username)
    if voice:
        page.get_by_label("Use my voice as well").check()
    page.get_by_role("button", name="Log in", exact=True).click()


COUNT_DEVICES = """
const devices = navigator.mediaDevices;
const open = devices.getUserMedia.bind(devices);
window.opened = [];
devices.getUserMedia = async (wanted) => { const stream = await open(wanted); window.opened.push(stream); return stream; };
"""
LIVE = "() => window.opened.flatMap((one) => one.getTracks()).filter(({readyState}) => readyState === 'live').length"


def test_camera_and_preview_wait_for_the_consent(open_page: Open, cosmic: Deployment):
    """Also where the browser would let the page have the camera unasked; and without the tick they stop."""
    link = cosmic.manage("invite", "heidi").stdout.splitlines()[0]
    with open_page("astronaut", viewport={"width": 1200, "height": 900}) as page:
        page.add_init_script(COUNT_DEVICES)
        previews: list[WebSocket] = []
        page.on("websocket", lambda socket: previews.append(socket) if "/ws/preview/" in socket.url else None)
        page.goto(link)
        consent = page.get_by_role("checkbox")
        camera = page.get_by_role("button", name="Turn on the camera")
        record = page.get_by_role("button", name="Record", exact=True)
        for locked in (camera, record):
            expect(locked).to_be_disabled()
            expect(locked).to_have_accessible_description(re.compile("until you tick"))
        expect(consent).to_have_accessible_description(re.compile("until you tick"))
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1000)  # longer than the page takes where it begins unasked
        assert not previews
        assert page.evaluate("window.opened.length") == 0
        save(page, "enrol-before-consent.png")

        consent.focus()
        page.keyboard.press("Space")

        expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
        assert len(previews) == 1
        assert page.evaluate(LIVE) == 1
        expect(record).to_be_enabled()
        save(page, "enrol-after-consent.png")

        page.get_by_role("button", name="Record my face").click()
        expect(page.locator("[data-taken=face]")).to_contain_text("pictures recorded", timeout=PATIENCE)
        record.click()
        expect(page.locator("[data-say]")).to_be_visible()
        consent.uncheck()
        expect(page.locator("[data-say]")).to_be_hidden()
        expect(camera).to_be_disabled()
        expect(record).to_be_disabled()
        eventually(lambda: page.evaluate(LIVE) == 0)  # not wait_for_function: the page's policy allows no eval
        expect(page.locator("[data-taken=face]")).to_be_empty()  # what was recorded is dropped
        expect(page.get_by_role("alert")).to_be_hidden()
        assert len(previews) == 1 and previews[0].is_closed()

        consent.check()
        expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
        page.get_by_role("button", name="Enrol").click()
        expect(page.get_by_role("alert")).to_contain_text("record your face first")


def test_the_enrolment_page_fits_a_phone(open_page: Open, cosmic: Deployment):
    link = cosmic.manage("invite", "heidi").stdout.splitlines()[0]
    with open_page("astronaut", viewport={"width": 360, "height": 740}, color_scheme="dark") as page:
        page.goto(link)
        expect(page.get_by_role("button", name="Turn on the camera")).to_be_disabled()
        page.locator("#consent-note").scroll_into_view_if_needed()
        save(page, "enrol-phone-before-consent.png")
        page.get_by_role("checkbox").check()
        expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
        page.locator("[data-take=voice]").scroll_into_view_if_needed()
        save(page, "enrol-phone-after-consent.png")
        widths = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]


def test_a_page_that_may_not_listen_asks_less_and_less_and_then_no_more(open_page: Open, cosmic: Deployment):
    """Whose session ends while the page loads is refused before the socket opens."""
    with open_page(None) as page:
        page.context.add_cookies([{"name": "sessionid", "value": cosmic.session(OPERATOR), "url": cosmic.base}])
        page.route("**/js/mailbox.js", lambda route: (page.context.clear_cookies(), route.continue_()))
        sockets: list[WebSocket] = []
        page.on("websocket", lambda socket: sockets.append(socket))
        page.clock.install()
        page.goto("/account/")

        def after(seconds: int) -> int:
            """How many attempts there were, once so much time of the page has passed and the last was refused."""
            page.clock.fast_forward(seconds * 1000)
            page.wait_for_timeout(400)
            assert all(socket.is_closed() for socket in sockets)
            return len(sockets)

        assert [after(seconds) for seconds in (0, 4, 2)] == [1, 1, 2]
        assert [after(seconds) for seconds in (8, 3)] == [2, 3]  # twice the wait
        assert [after(61) for _ in range(6)] == [4, 5, 6, 6, 6, 6]


def test_the_enrolled_person_is_let_in(open_page: Open, enrolled: str, unlimited: None):
    with open_page("astronaut", viewport={"width": 1200, "height": 800}) as page:
        page.route("**/login/complete", lambda route: (save(page, "scanner.png"), route.continue_()))
        start_login(page, enrolled, voice=True)
        page.wait_for_url("**/account/")
        expect(page.get_by_role("heading", name=enrolled)).to_be_visible()
        save(page, "account.png")


def test_a_name_is_not_needed(open_page: Open, enrolled: str, unlimited: None):
    with open_page("astronaut") as page:
        start_login(page, "")
        page.wait_for_url("**/account/")
        expect(page.get_by_role("heading", name=enrolled)).to_be_visible()


def test_another_person_is_not_let_in(open_page: Open, enrolled: str, unlimited: None):
    with open_page("guest") as page:
        start_login(page, enrolled, voice=True)
        expect(page.get_by_role("alert")).to_have_text("You could not be verified.", timeout=PATIENCE)
        expect(page.locator("[data-stage=fusion] em")).to_contain_text("done")  # which factor failed is not shown
        assert page.url.endswith("/login/")
        assert page.goto("/account/").url.endswith("/login/?next=/account/")


def test_a_photograph_held_to_the_camera_is_refused(open_page: Open, enrolled: str, unlimited: None):
    with open_page("photograph") as page:
        start_login(page, enrolled)
        expect(page.get_by_role("alert")).to_contain_text("We did not see you blink", timeout=PATIENCE)
        expect(page.locator("[data-stage=liveness]")).to_have_class("refused")


def test_a_camera_that_is_not_allowed_is_explained(open_page: Open):
    with open_page("astronaut", allowed=False) as page:
        page.goto("/login/")
        page.get_by_role("button", name="Turn on the camera").click()
        expect(page.get_by_role("alert")).to_contain_text("The camera was not allowed")


def test_a_machine_without_camera_is_told(open_page: Open):
    with open_page(None) as page:
        page.goto("/login/")
        page.get_by_role("button", name="Turn on the camera").click()
        expect(page.get_by_role("alert")).to_contain_text("No camera was found")


def test_the_login_works_by_keyboard_alone(open_page: Open, enrolled: str, unlimited: None):
    with open_page("astronaut") as page:
        page.goto("/login/")
        expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_label("User name")).to_be_focused()
        page.keyboard.type(enrolled)
        page.keyboard.press("Enter")
        page.wait_for_url("**/account/")


def test_the_login_page_fits_a_phone_in_the_dark(open_page: Open):
    with open_page("astronaut", viewport={"width": 360, "height": 740}, color_scheme="dark") as page:
        page.goto("/login/")
        expect(page.locator("[data-hint]")).to_contain_text("Ready", timeout=PATIENCE)
        # page.evaluate runs in the page's own world, which needs no eval
        widths = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]
        save(page, "phone-dark.png")


def test_an_operator_logs_in_with_a_password_and_sets_up_a_second_factor(open_page: Open):
    with open_page(None) as page:
        log_in_by_password(page, OPERATOR)
        page.wait_for_url("**/account/")
        page.goto("/accounts/2fa/totp/activate/")
        page.get_by_label("Password").fill(PASSWORD)  # asked again before anything about the account changes
        page.get_by_role("button", name="Confirm").click()
        save(page, "second-factor.png")
        secret = page.locator("#authenticator_secret").input_value()
        page.locator("#id_code").fill(one_time_code(secret))
        page.get_by_role("button", name="Activate").click()
        expect(page.locator("main")).to_contain_text("Recovery Codes", ignore_case=True)


@pytest.fixture(scope="module")
def doubting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment that is never quite sure: everybody who matches is asked their question."""
    with running(tmp_path_factory.mktemp("doubting"), COSMIC_CONFIDENCE_HIGH="0.999999999") as deployment:
        assert deployment.enrol("ada", enrolment_files("astronaut"))["status"] == "done"
        deployment.manage("shell", "--no-imports", "-c", QUESTION_AND_SECOND_FACTOR)
        yield deployment


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
QUESTION_AND_SECOND_FACTOR = f"""
from allauth.mfa.totp.internal.auth import TOTP
from apps.identities.models import Person
from apps.identities.services.questions import OpenQuestion, set_questions
person = Person.objects.get(user__username="ada")
set_questions(person=person, questions=[OpenQuestion("What was the name of my first cat?", "Minka")], actor_id="test")
TOTP.activate(person.user, {SECRET!r})
"""


def test_on_the_borderline_the_answer_and_the_second_factor_let_in(open_page: Open, doubting: Deployment):
    with open_page("astronaut", base_url=doubting.base) as page:
        start_login(page, "ada")
        page.get_by_label("What was the name of my first cat?").fill("  minka! ")
        save(page, "question.png")
        page.get_by_role("button", name="Answer").click()
        page.wait_for_url("**/accounts/2fa/authenticate/**")
        assert page.request.get("/account/", max_redirects=0).status == 302  # not in yet
        page.locator("input[name=code]").fill(one_time_code(SECRET))
        page.get_by_role("button", name="Sign In").click()
        page.wait_for_url("**/account/")
        expect(page.get_by_role("heading", name="ada")).to_be_visible()


def test_on_the_borderline_a_wrong_answer_denies(open_page: Open, doubting: Deployment):
    with open_page("astronaut", base_url=doubting.base) as page:
        start_login(page, "ada")
        page.get_by_label("What was the name of my first cat?").fill("Mimi")
        page.get_by_role("button", name="Answer").click()
        expect(page.get_by_role("alert")).to_have_text("You could not be verified.", timeout=PATIENCE)
        assert page.request.get("/account/", max_redirects=0).status == 302


def test_a_passkey_is_a_second_factor(open_page: Open, cosmic: Deployment):
    cosmic.manage("shell", "--no-imports", "-c", OFFICER)
    with open_page(None, base_url=cosmic.base.replace("127.0.0.1", "localhost")) as page:
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL_KEY})
        log_in_by_password(page, "officer")
        page.wait_for_url("**/account/")
        page.goto("/accounts/2fa/webauthn/add/")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        save(page, "passkey.png")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator("main")).to_contain_text("Security Key added.", ignore_case=True)
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login/")

        log_in_by_password(page, "officer")
        page.wait_for_url("**/accounts/2fa/authenticate/**")
        page.get_by_role("button", name="Use a security key").click()
        page.wait_for_url("**/account/")


VIRTUAL_KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
OFFICER = (
    "from django.contrib.auth import get_user_model as g\n"
    f"g().objects.filter(username='officer').exists() or g().objects.create_user('officer', password={PASSWORD!r})"
)


def log_in_by_password(page: Page, username: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def one_time_code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def save(page: Page, name: str) -> None:
    """A picture for people to look at; a browser that cannot paint just now is no fault of the page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(PlaywrightError):
        page.screenshot(path=SCREENSHOTS / name)


REFUSED = """
from apps.captures.bundle import Bundle, pack
from apps.identities import blobs
from apps.verification.models import Capture, Decision
from tests import media
from tests.people import portrait

blob = blobs.store(pack(Bundle(frames=[media.jpeg(portrait("guest"))])), purpose="captures")
capture = Capture.objects.create(purpose="login", bound_to="somebody", status="done", blob=blob)
Decision.objects.create(capture=capture, outcome="DENIED", reason="not_live")
"""


def test_pictures_of_refused_attempts_are_fetched_when_they_are_asked_for(open_page: Open, cosmic: Deployment):
    """What is folded away is not loaded: no look at a capture is noted that nobody took."""
    cosmic.manage("shell", "--no-imports", "-c", REFUSED)
    with open_page(None, viewport={"width": 1280, "height": 1600}) as page:
        page.context.add_cookies([{"name": "sessionid", "value": cosmic.session(OPERATOR), "url": cosmic.base}])
        fetched: list[str] = []
        page.on("request", lambda request: fetched.append(request.url) if "/pictures/" in request.url else None)
        page.goto("/admin/")
        pictures = page.locator("#refused-pictures")
        pictures.scroll_into_view_if_needed()
        page.wait_for_load_state("networkidle")
        assert not fetched

        pictures.locator("summary").press("Enter")

        expect(pictures.locator("img").first).to_have_js_property("complete", True)
        assert pictures.locator("img").first.evaluate("image => image.naturalWidth") > 0
        assert fetched
        save(page, "admin-dashboard-pictures.png")


def test_every_page_of_the_admin_opens(open_page: Open, cosmic: Deployment, enrolled: str):
    """One after the other, each saved to be looked at; a page that fails, or whose scripts do, is named."""
    with open_page(None, viewport={"width": 1280, "height": 900}) as page:
        cookie = {"name": "sessionid", "value": cosmic.session(OPERATOR), "url": cosmic.base}
        page.context.add_cookies([cookie])
        page.goto("/admin/")
        save(page, "admin-dashboard.png")
        links = page.locator("#nav-sidebar a, nav a, aside a").evaluate_all("all => all.map((one) => one.pathname)")
        lists = sorted({link for link in links if link.startswith("/admin/") and link != "/admin/"})
        assert len(lists) >= 15, lists
        for link in lists:
            answer = page.goto(link)
            assert answer is not None and answer.status == 200, link
            save(page, f"admin{link.removeprefix('/admin').replace('/', '-').rstrip('-')}.png")
        page.goto("/admin/enrollment/invitation/add/")
        page.get_by_label("User name").fill("newcomer")
        save(page, "admin-invite.png")
        page.get_by_role("button", name="Make the link").click()
        expect(page.get_by_label("newcomer, until")).to_have_value(re.compile("/enrol/"))
        save(page, "admin-invitation.png")
        page.goto("/admin/identities/person/")
        page.get_by_role("link", name=enrolled, exact=True).first.click()
        expect(page.locator("#content, main").first).to_contain_text("face")
        save(page, "admin-one-person.png")
        page.goto("/admin/policies/policyversion/add/")
        expect(page.get_by_label("Reason")).to_be_visible()
        save(page, "admin-policy-change.png")
