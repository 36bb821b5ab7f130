"""Widgets for JupyterLab, all in this module: pictures that respond to clicks and sliders.

    from dgmlib.widgets import ClickWidget, TouchWidget

    scene = Predictor.load()("photo.jpg")
    widget = ClickWidget(scene.clicks)
    widget               # click to include; Shift or the right button to exclude
    widget.session.mask  # (H, W) bool

    TouchWidget(lambda x, y, threshold: ..., {"threshold": (0.1, 0.5)}, at=(120, 80))  # redraws any picture

All state is in Python: the page (widgets.js) sends the user's actions and draws the frames that come back. Where no
kernel runs, on GitHub or after nbconvert, the output is the picture that was stored with it.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from PIL import Image
from scipy import ndimage
from skimage.segmentation import find_boundaries
from skimage.util import img_as_ubyte

from dgmlib.explain.clicks import Click, ClickSession
from dgmlib.groups import check_level
from dgmlib.pictures import encoded
from dgmlib.viz.nodes import draw_clicks
from dgmlib.viz.style import panels, stored

SHOWN = 1000  # longest side of the masks sent to the page, in pixels, so that clicks are answered in time
#: Colours of `overlay`: RGB and opacity. A dimmed background and a double outline show a mask on any picture.
PAINT = {
    "outside": (0, 0, 0, 120),
    "inside": (86, 180, 233, 60),
    "border": (255, 255, 255, 255),
    "halo": (0, 0, 0, 255),
    "preview": (240, 228, 66, 110),
    "groups": (255, 255, 255, 90),
    "nothing": (0, 0, 0, 0),
}


class TouchWidget(anywidget.AnyWidget):
    """A picture that Python redraws for every step of its sliders and, if asked, every click.

    Keyboard: Tab, then arrows move a cross (with Shift by one pixel) and Enter clicks; sliders as usual.

    Args:
        draw: called with the sliders' values by name, and with x and y if there is ``at``; returns the picture, (H, W,
            3) bytes or floats in [0, 1], always of one size, or the picture and a line of text below it.
        sliders: name -> the values that it steps through.
        at: initial click, (x, y) in pixels of the picture; None for a picture without clicks.
        start: the sliders' initial values; by default the first of each.

    Raises:
        ValueError: if ``start`` names no slider, or a value that it does not step through.
    """

    _esm = Path(__file__).with_suffix(".js")
    photo = traitlets.Bytes().tag(sync=True)  # JPEG under the frames, if they do not fill the picture
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    sliders = traitlets.List().tag(sync=True)  # of {"name", "values", "index"}
    buttons = traitlets.List().tag(sync=True)
    #: Pointer events: "" for none, "click", or "hover" for clicks and the position under the pointer.
    pointer = traitlets.Unicode().tag(sync=True)
    #: One trait, so that the page repaints once: "seq" of the message it answers, "picture", "text", "facts" for tests.
    frame = traitlets.Dict().tag(sync=True)

    def __init__(
        self, draw: Callable, sliders: Mapping[str, Sequence], at: tuple[int, int] | None = None, **start: object
    ):
        self._draw, self.at, self._steps = draw, at, {name: list(values) for name, values in sliders.items()}
        for name, value in start.items():
            if value not in self._steps.get(name, ()):
                raise ValueError(f"{name}={value!r} is not a step of a slider; the sliders are {self._steps}.")
        self.values = {name: start.get(name, values[0]) for name, values in self._steps.items()}
        picture, _ = self._drawn()
        self._build(picture.shape[:2], pointer="click" if at else "")

    def _build(self, shape: Sequence[int], **traits: object) -> None:
        shown = self._shown_sliders()
        super().__init__(height=shape[0], width=shape[1], sliders=shown, frame={"seq": 0}, **traits)
        self.redraw()
        self.on_msg(self._receive)

    def _shown_sliders(self) -> list[dict]:
        return [
            {"name": name, "values": [str(v) for v in values], "index": values.index(self.values[name])}
            for name, values in self._steps.items()
        ]

    def redraw(self) -> None:
        """Draw the picture again, after a change in Python."""
        self._show(self.frame["seq"])

    def __repr__(self) -> str:
        values = [f"{name}={value}" for name, value in self.values.items()]
        return f"TouchWidget({', '.join([f'{self.width} x {self.height} pixels', *values])})"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict] | None:
        """The widget, and a picture of it for pages without widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle[0]["image/jpeg"], bundle[1]["image/jpeg"] = self._still()
        return bundle

    def _still(self) -> tuple[bytes, dict]:
        """Four steps of the last slider side by side, or all if there are fewer; without sliders, the picture."""
        last = list(self._steps.items())[-1:]
        steps = [{name: value} for name, values in last for value in values] or [{}]
        steps = [steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, 4).round().astype(int))]
        titles = [" ".join(f"{name} {value}" for name, value in step.items()) for step in steps]
        shape = self.height, self.width
        size = {"columns": 4, "width": 2.3} if self.width < 1.6 * self.height else {"columns": 2, "width": 4.6}
        figure, axes = panels(titles, shape, **size)
        for axis, step in zip(axes, steps, strict=True):
            axis.imshow(self._drawn(**step)[0])
        figure.alt = f"{', '.join(titles)}. {self.frame['text']}".strip()
        return stored(figure, "jpeg")

    def _receive(self, _widget, message: dict, _buffers) -> None:
        """Handle a message from the page; clicks are messages because changes of a trait may be merged."""
        if message["kind"] == "slide":
            self.values[message["name"]] = self._steps[message["name"]][message["index"]]
            self.sliders = self._shown_sliders()  # for views opened later
        elif message["kind"] == "click":
            self.at = message["x"], message["y"]
        self._show(message["seq"])

    def _drawn(self, **values: object) -> tuple[np.ndarray, str]:
        picture = self._draw(*(self.at or ()), **(self.values | values))
        picture, text = picture if isinstance(picture, tuple) else (picture, "")
        return img_as_ubyte(np.asarray(picture)), text

    def _show(self, seq: int) -> None:
        picture, text = self._drawn()
        data = encoded(Image.fromarray(picture), "jpeg", quality=80)
        self.frame = {"seq": seq, "picture": data, "text": text, "facts": {}}


class ClickWidget(TouchWidget):
    """A photograph to click on, with the mask that results.

    Yellow previews what a click under the pointer would select. The left button includes; the right button, or Shift,
    excludes. The slider sets the level that the last click and the next ones climb to; its groups have fine outlines.
    Keyboard: arrows move a cross (with Shift by one pixel), Enter and Shift+Enter click, U undoes. The buttons save the
    mask as PNG and the clicks as JSON through the browser.

    The session holds the clicks; those made from Python are shown after `redraw`. The slider starts at ``level``.

    Raises:
        ValueError: for a level that the model does not have.
    """

    def __init__(self, session: ClickSession, level: int = 2):
        check_level(level, session.levels)
        self.session, self.values, self._hover = session, {"level": level}, None
        self._steps = {"level": list(range(1, session.levels + 1))}
        step = -(-max(session.regions.shape) // SHOWN)
        self._shown, self._areas = session.regions[::step, ::step], np.bincount(session.regions.ravel())
        self._lines = {n: find_boundaries(session.groups(n)[self._shown], mode="inner") for n in self._steps["level"]}
        photo = encoded(Image.fromarray(session.photograph), "jpeg", quality=92)
        buttons = ["Undo", "Reset", "Save mask", "Save clicks"]
        self._build(session.regions.shape, photo=photo, pointer="hover", buttons=buttons)

    def __repr__(self) -> str:
        count = len(self.session.clicks)
        return f"ClickWidget({self.width} x {self.height} pixels, {count} click{'s' * (count != 1)})"

    def _still(self) -> tuple[bytes, dict]:
        self.redraw()  # with the clicks made from Python
        picture = Image.fromarray(self.session.photograph).convert("RGBA")
        cover = Image.open(io.BytesIO(self.frame["picture"])).convert("RGBA")
        picture.alpha_composite(cover.resize(picture.size, Image.Resampling.NEAREST))
        figure, (axis,) = panels([""], (self.height, self.width), width=7.5)
        axis.imshow(picture)
        draw_clicks(axis, self.session.clicks)
        figure.alt = self.frame["text"]
        return stored(figure, "jpeg")

    def _receive(self, widget, message: dict, buffers) -> None:
        kind, session = message["kind"], self.session
        if kind == "Save mask":  # the browser saves the file that it is sent
            return self.send({"name": "mask.png", "type": "image/png"}, [session.mask_png()])
        if kind == "Save clicks":
            return self.send({"name": "clicks.json", "type": "application/json"}, [session.clicks_json().encode()])
        place = message.get("x"), message.get("y")
        self._hover = place if kind == "hover" and place[0] is not None else None
        if kind == "click":
            session.click(*place, message["positive"], self.values["level"])
        elif kind == "slide":
            session.relevel(self._steps["level"][message["index"]])
        elif kind == "Undo":
            session.undo()
        elif kind == "Reset":
            session.reset()
        return super()._receive(widget, message, buffers)

    def _show(self, seq: int) -> None:
        session, level = self.session, self.values["level"]
        selected = session.selected
        preview = np.zeros_like(selected)
        if self._hover:
            preview = session.weights(Click(*self._hover, level=level)) >= session.threshold
        picture = overlay(selected[self._shown], self._lines[level], preview[self._shown])
        pixels, count = int(self._areas[selected].sum()), len(session.clicks)
        share = 100 * pixels / session.regions.size
        self.frame = {
            "seq": seq,
            "picture": picture,
            "text": f"{count} click{'s' * (count != 1)}, {share:.1f} % of the photograph selected",
            "clicks": [{"x": click.x, "y": click.y, "positive": click.positive} for click in session.clicks],
            "facts": {"clicks": count, "selected": pixels, "preview": int(self._hover is not None)},
        }


def overlay(mask: np.ndarray, lines: np.ndarray, preview: np.ndarray) -> bytes:
    """PNG overlay for a photograph, see `PAINT`: a mask, lines between groups, and what a click would select.

    All are (H, W) bool. The outside is dimmed only if something is selected.
    """
    names = list(PAINT)
    index = np.full(mask.shape, names.index("outside" if mask.any() else "nothing"), np.uint8)
    index[mask] = names.index("inside")
    index[lines] = names.index("groups")
    index[preview] = names.index("preview")
    index[ndimage.binary_dilation(mask, iterations=2) & ~mask] = names.index("halo")
    index[mask & ~ndimage.binary_erosion(mask, iterations=2, border_value=1)] = names.index("border")
    picture = Image.fromarray(index).convert("P")
    colours = np.array(list(PAINT.values()), np.uint8)
    picture.putpalette(colours[:, :3].ravel().tolist())
    # The fastest compression, because the user is waiting.
    return encoded(picture, "png", transparency=colours[:, 3].tobytes(), compress_level=1)
