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


def test_clicks_on_the_photograph(lab, browser):
    page, kernel = run(lab, browser, "09_click_propagation.ipynb")
    canvas = page.locator(".dgmlib-clicks canvas[data-ready]")
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    slider = page.locator(".dgmlib-clicks input[type=range]")
    pictures, last = [canvas.evaluate(PIXELS)], 0

    def answered():
        """Wait for the frame that answers the next message; page and kernel agree on it; returns the clicks."""
        nonlocal last
        last += 1
        page.wait_for_function("([c, seq]) => c.dataset.seq == seq", arg=[canvas.element_handle(), last])
        state = "widget.frame['seq'], len(photo.clicks), int(photo.mask.sum())"
        assert kernel(f"({state})") == (last, int(data("clicks")), int(data("selected")))
        pictures.append(canvas.evaluate(PIXELS))
        assert pictures[-1] != pictures[-2]
        return kernel("[(c.x, c.y, c.positive, c.level) for c in photo.clicks]")

    def data(name):
        return canvas.get_attribute(f"data-{name}")

    page.locator(".dgmlib-clicks button", has_text="Reset").click()
    assert answered() == []
    assert data("selected") == "0"

    box, width = canvas.bounding_box(), kernel("widget.width")
    scale = box["width"] / width

    def there(x, y):
        return {"x": (x + 0.5) * scale, "y": (y + 0.5) * scale}

    canvas.click(position=there(230, 330))
    ((x, y, positive, level),) = answered()
    assert abs(x - 230) <= 1
    assert abs(y - 330) <= 1  # a browser may place a canvas at a fraction of a pixel
    assert (positive, level) == (True, 3)
    assert kernel("bool(photo.mask[330, 230])")
    canvas.click(position=there(30, 30), modifiers=["Shift"])
    assert [click[2] for click in answered()] == [True, False]
    canvas.click(position=there(570, 350), button="right")
    assert [click[2] for click in answered()] == [True, False, False]
    assert page.locator(".lm-Menu:visible").count() == 0  # JupyterLab's own menu stays away
    assert not kernel("bool(photo.mask[350, 570])")

    page.keyboard.press("u")  # the photograph has the focus
    assert len(answered()) == 2
    assert pictures[-1] == pictures[-3]
    page.locator(".dgmlib-clicks button", has_text="Undo").click()
    assert len(answered()) == 1

    before = data("selected")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert answered()[0][3] == 4
    page.keyboard.press("Home")
    assert answered()[0][3] == 1
    assert data("selected") != before

    canvas.focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert answered()[1] == (308, 201, True, 1)  # from the middle of 600 x 400
    page.keyboard.press("Shift+Enter")
    assert answered()[2] == (308, 201, False, 1)
    assert float(data("milliseconds")) < 1000  # far above what it takes, for a machine that is busy

    for name, start in (("Save mask", b"\x89PNG"), ("Save clicks", b'{\n "width": 600')):
        with page.expect_download() as download:
            page.locator(".dgmlib-clicks button", has_text=name).click()
        last += 1  # saved files are counted as messages, too
        assert download.value.path().read_bytes().startswith(start)
    kernel.close()
    assert page.problems == []


def test_slider_of_the_superpixels(lab, browser):
    page, kernel = run(lab, browser, "01_superpixels.ipynb")
    picture = page.locator(".widget-interact img")
    picture.wait_for()
    before = picture.get_attribute("src")
    page.locator(".widget-slider [role=slider]").focus()
    page.keyboard.press("ArrowRight")
    changed = (
        "src => ![null, src].includes(document.querySelector('.widget-interact img')?.getAttribute('src') ?? null)"
    )
    page.wait_for_function(changed, arg=before)
    assert kernel("slider.value") == 65
    kernel.close()
    assert page.problems == []
