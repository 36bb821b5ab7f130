"""Widgets in a real browser: JupyterLab runs a notebook, Chromium clicks, and page and kernel agree.

Needs Debian's chromium (``apt-get install chromium``) and playwright for Python, which drives it; skipped where one
is missing.
"""

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from dgmlib import paths

playwright = pytest.importorskip("playwright.sync_api", reason="playwright for Python is not installed")
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no chromium here; apt-get install chromium", allow_module_level=True)

SECONDS = 180  # for the slowest step, a whole notebook on a busy machine
# "Idle" is shown before there is a kernel at all, so the page is asked about the kernel itself (JupyterLab 4.6).
RUN_ALL = """async ([name, seconds]) => {
  const end = Date.now() + 1000 * seconds;
  const pause = () => new Promise((done, fail) => setTimeout(Date.now() < end ? done : fail, 100));
  while (!window.jupyterapp) await pause();
  const app = window.jupyterapp;
  await app.restored;
  while (app.shell.currentWidget?.context?.path !== name) await pause();
  const panel = app.shell.currentWidget, session = panel.context.sessionContext;
  await panel.context.ready; await session.ready; await panel.revealed;
  await session.session.kernel.info;
  while (session.session.kernel.status !== "idle") await pause();
  return await app.commands.execute("notebook:run-all-cells");
}"""
#: Two slides, of which the second waits for the first's answer, and a click before either is answered.
HASTE = """(canvas, at) => {
    const slider = canvas.parentElement.querySelector("input[type=range]"), box = canvas.getBoundingClientRect();
    for (const index of [1, 2]) {
        slider.value = index;
        slider.dispatchEvent(new Event("input"));
    }
    const place = {clientX: box.left + at.x, clientY: box.top + at.y, button: 0};
    canvas.dispatchEvent(new PointerEvent("pointerdown", place));
}"""
PIXELS = """canvas => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return data.reduce((hash, value) => (31 * hash + value) | 0, 0);
}"""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


class Lab:
    """A JupyterLab of its own, with a home of its own."""

    def __init__(self, home):
        self.home, self.token = home, secrets.token_hex(16)
        self.work = home / "work"
        self.work.mkdir()
        overrides = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
        settings = home / "config" / "labconfig" / "default_setting_overrides.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": overrides}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        options = {
            "ServerApp.port": self.url.rpartition(":")[2],
            "ServerApp.port_retries": 0,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.root_dir": self.work,
            "ServerApp.terminals_enabled": False,
            "IdentityProvider.token": self.token,
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "LabApp.news_url": "",
        }
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
            "HOME": "",
        }
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
        with (home / "log").open("w") as log:  # not a pipe, which would fill up unread
            self.process = subprocess.Popen(
                command + [f"--{key}={value}" for key, value in options.items()],
                env=os.environ | {key: str(home / value) for key, value in folders.items()} | {"OMP_NUM_THREADS": "1"},
                cwd=self.work,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return self._ask("/api/status")
            except URLError:
                time.sleep(0.2)
        raise RuntimeError((self.home / "log").read_text())

    def _ask(self, path, method="GET"):
        with urlopen(Request(f"{self.url}{path}?token={self.token}", method=method), timeout=10) as answer:
            return answer.read()

    def stop(self):
        try:
            self._ask("/api/shutdown", "POST")  # ends the kernels too, which a signal may leave behind
            self.process.wait(20)
        except (URLError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


class Kernel:
    """The kernel of the one notebook that is open, asked directly."""

    def __init__(self, lab):
        from jupyter_client import BlockingKernelClient

        (connection,) = (lab.home / "runtime").glob("kernel-*.json")
        self.client = BlockingKernelClient()
        self.client.load_connection_file(str(connection))
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def __call__(self, expression):
        asked = {"user_expressions": {"answer": expression}, "store_history": False}
        reply = self.client.execute("", reply=True, timeout=SECONDS, **asked)
        answer = reply["content"]["user_expressions"]["answer"]
        assert answer["status"] == "ok", answer
        return ast.literal_eval(answer["data"]["text/plain"])

    def close(self):
        self.client.stop_channels()


@pytest.fixture
def lab(tmp_path):
    server = Lab(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def browser(tmp_path):
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            args=FLAGS,
            viewport={"width": 1300, "height": 1000},
            accept_downloads=True,
        )
        context.set_default_timeout(SECONDS * 1000)
        yield context
        context.close()


def run(lab, browser, name):
    """Open a committed notebook and run it up to its widget; returns the page and the kernel."""
    notebook = json.loads((paths.NOTEBOOKS / name).read_text())
    last = next(i for i, cell in enumerate(notebook["cells"]) if "nbval-skip" in cell["metadata"].get("tags", []))
    (lab.work / name).write_text(json.dumps(notebook | {"cells": notebook["cells"][: last + 1]}))
    page = browser.pages[0]
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{lab.url}/lab/tree/{name}?reset&token={lab.token}")
    assert page.evaluate(RUN_ALL, [name, SECONDS])
    return page, Kernel(lab)


class Widget:
    """The widget of the page, and what the kernel says of it."""

    def __init__(self, page, kernel):
        self.page, self.kernel, self.pictures = page, kernel, []
        self.canvas = page.locator(".dgmlib-touch canvas[data-ready]")
        self.canvas.wait_for()
        self.canvas.scroll_into_view_if_needed()
        self.settled()

    def data(self, name):
        return self.canvas.get_attribute(f"data-{name}")

    def settled(self):
        """Wait until page and kernel are at the same frame and stay there; says whether the picture has changed."""
        end, seen = time.monotonic() + SECONDS, None
        while (now := (self.data("seq"), str(self.kernel("widget.frame['seq']")))) != seen or now[0] != now[1]:
            assert time.monotonic() < end, f"the page shows frame {now[0]}, the kernel has made {now[1]}"
            seen = now
            self.page.wait_for_timeout(250)
        facts = self.kernel("widget.frame['facts']")
        assert facts == {name: int(self.data(name)) for name in facts}
        self.pictures.append(self.canvas.evaluate(PIXELS))
        assert float(self.data("milliseconds")) < 1000  # far above what it takes, for a machine that is busy
        return len(self.pictures) > 1 and self.pictures[-1] != self.pictures[-2]

    def at(self, x, y):
        """Where a pixel of the picture is on the canvas."""
        scale = self.canvas.bounding_box()["width"] / self.kernel("widget.width")
        return {"x": (x + 0.5) * scale, "y": (y + 0.5) * scale}

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        return self.settled()

    def button(self, name):
        return self.page.locator(".dgmlib-touch button", has_text=name)

    def slider(self, index=0):
        return self.page.locator(".dgmlib-touch input[type=range]").nth(index)


def test_clicks_on_the_photograph(lab, browser):
    page, kernel = run(lab, browser, "09_click_propagation.ipynb")
    widget = Widget(page, kernel)

    def clicks():
        return kernel("[(c.x, c.y, c.positive, c.level) for c in photo.clicks]")

    assert len(clicks()) == 1  # the notebook's own
    widget.button("Undo").click()
    assert widget.settled()
    assert clicks() == []
    widget.canvas.hover(position=widget.at(230, 330))
    assert widget.settled()
    assert widget.data("preview") == "1"  # what a click would select
    assert widget.data("selected") == "0"
    widget.canvas.click(position=widget.at(230, 330))
    assert widget.settled()
    ((x, y, positive, level),) = clicks()
    assert abs(x - 230) <= 1
    assert abs(y - 330) <= 1  # a browser may place a canvas at a fraction of a pixel
    assert (positive, level) == (True, 4)
    assert kernel("bool(photo.mask[330, 230])")
    assert int(widget.data("selected")) == kernel("int(photo.mask.sum())")
    widget.canvas.click(position=widget.at(30, 30), modifiers=["Shift"])
    assert widget.settled()
    assert [click[2] for click in clicks()] == [True, False]
    widget.canvas.click(position=widget.at(480, 400), button="right")
    assert widget.settled()
    assert [click[2] for click in clicks()] == [True, False, False]
    assert page.locator(".lm-Menu:visible").count() == 0  # JupyterLab's own menu stays away
    assert not kernel("bool(photo.mask[400, 480])")
    page.mouse.move(2, 2)  # the pointer leaves, and what is under it is shown no more
    widget.settled()
    assert widget.data("preview") == "0"

    assert widget.press("u")  # the photograph has the focus
    assert len(clicks()) == 2
    widget.button("Undo").click()
    assert widget.settled()
    assert len(clicks()) == 1

    before = widget.data("selected")
    widget.slider().focus()
    assert widget.press("ArrowLeft")
    assert clicks()[0][3] == 3
    assert widget.press("Home")
    assert clicks()[0][3] == 1
    assert widget.data("selected") != before

    widget.canvas.focus()
    assert widget.press("ArrowRight", "Shift+ArrowDown", "Enter")
    assert clicks()[1] == (264, 225, True, 1)  # from the middle of 512 x 448
    assert widget.press("Shift+Enter")
    assert clicks()[2] == (264, 225, False, 1)

    widget.canvas.evaluate(HASTE, widget.at(100, 100))
    assert widget.settled()
    assert [click[3] for click in clicks()[-2:]] == [3, 3]  # the last slide moved the click before, then came the click
    assert widget.slider().input_value() == "2"

    for name, start in (("Save mask", b"\x89PNG"), ("Save clicks", b'{\n "width": 512')):
        with page.expect_download() as download:
            widget.button(name).click()
        assert download.value.path().read_bytes().startswith(start)
    widget.button("Reset").click()
    page.wait_for_function("c => c.dataset.clicks == 0", arg=widget.canvas.element_handle())
    assert clicks() == []
    kernel.close()
    assert page.problems == []


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("01_superpixels", "Home", {"regions": 2}),
        ("02_emgp_grouping", "Home", {"bandwidth": 0.01, "step": 0}),
        ("03_top_down_message_passing", "Home", {"level": 2}),
        ("08_grouping_visualization", "Home", {"level": 1}),
        ("10_gradcam", "End", {"level": 4}),
    ],
)
def test_sliders_and_clicks_have_a_picture_drawn_anew(lab, browser, name, key, values):
    page, kernel = run(lab, browser, f"{name}.ipynb")
    widget = Widget(page, kernel)
    for index in range(len(values)):
        widget.slider(index).focus()
        assert widget.press(key)
    assert kernel("widget.values") == values
    if kernel("widget.pointer") == "click":
        left, top = int(0.25 * kernel("widget.width")), int(0.8 * kernel("widget.height"))
        before = widget.data("seq")
        widget.canvas.click(position=widget.at(left, top))
        answered = "([canvas, before]) => canvas.dataset.seq != before"  # a heat map of another object takes its time
        page.wait_for_function(answered, arg=[widget.canvas.element_handle(), before])
        assert widget.settled()
        x, y = kernel("tuple(int(place) for place in widget.at)")
        assert abs(x - left) + abs(y - top) <= 2
    kernel.close()
    assert page.problems == []
