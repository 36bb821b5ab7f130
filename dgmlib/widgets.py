"""Widgets for JupyterLab: pictures that answer; the only module that knows them.

    from dgmlib.widgets import ClickWidget, TouchWidget

    scene = Predictor.load()("photo.jpg")
    widget = ClickWidget(scene.clicks)
    widget               # click; Shift or the right button for what does not belong
    widget.session.mask  # (H, W) bool

    TouchWidget(lambda x, y, threshold: ..., {"threshold": (0.1, 0.5)}, at=(120, 80))  # any picture, drawn anew

All state is Python's: the page (widgets.js) sends what a person does and draws the frames it is sent back. Where no
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

from dgmlib import viz
from dgmlib.explain.clicks import Click, ClickSession
from dgmlib.groups import check_level
from dgmlib.viz.style import encoded, panels

SHOWN = 1000  # longest side of the masks on their way to the page, in pixels: a click is answered in time
#: What `overlay` paints: RGB and opacity. Beside a dimmed ground and between two lines a mask is seen on any picture.
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
    """A picture that Python draws anew for every step of its sliders and, if asked, every place that is clicked.

    With the keyboard: Tab, then arrows move a cross (with Shift by one pixel) and Enter clicks; sliders as ever.

    Args:
        draw: called with the sliders' values by name, and with x and y if there is ``at``; returns the picture, (H, W,
            3) bytes or floats in [0, 1], always of one size, or it and a line of text to stand below.
        sliders: name -> the values that it steps through.
        at: where it is taken to be clicked at first, (x, y) in pixels of the picture; None for a picture not to click.
        start: the sliders' first values; by default the first of each.
    """

    _esm = Path(__file__).with_suffix(".js")
    photo = traitlets.Bytes().tag(sync=True)  # JPEG on which the frames lie, if they do not fill the picture
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    sliders = traitlets.List().tag(sync=True)  # of {"name", "values", "index"}
    buttons = traitlets.List().tag(sync=True)
    #: What the pointer does: "" nothing, "click", or "hover", which is to click and to be told of what it is over.
    pointer = traitlets.Unicode().tag(sync=True)
    #: One trait, so that the page repaints once: "seq" of the message it answers, "picture", "text", "facts" for tests.
    frame = traitlets.Dict().tag(sync=True)

    def __init__(
        self, draw: Callable, sliders: Mapping[str, Sequence], at: tuple[int, int] | None = None, **start: object
    ):
        self._draw, self.at, self._steps = draw, at, {name: list(values) for name, values in sliders.items()}
        self.values = {name: start.get(name, values[0]) for name, values in self._steps.items()}
        picture, _ = self._drawn()
        self._build(picture.shape[:2], pointer="click" if at else "")

    def _build(self, shape: Sequence[int], **traits: object) -> None:
        shown = [
            {"name": name, "values": [str(v) for v in values], "index": values.index(self.values[name])}
            for name, values in self._steps.items()
        ]
        super().__init__(height=shape[0], width=shape[1], sliders=shown, frame={"seq": 0}, **traits)
        self.redraw()
        self.on_msg(self._receive)

    def redraw(self) -> None:
        """Draw it once more, after something has changed in Python."""
        self._show(self.frame["seq"])

    def __repr__(self) -> str:
        values = [f"{name}={value}" for name, value in self.values.items()]
        return f"TouchWidget({', '.join([f'{self.width} x {self.height} pixels', *values])})"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict] | None:
        """The widget, and for where there is none a picture of it."""
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle[0]["image/jpeg"], bundle[1]["image/jpeg"] = self._still()
        return bundle

    def _still(self) -> tuple[bytes, dict]:
        """Four steps of the last slider side by side, or all if they are fewer."""
        *_, (name, values) = self._steps.items()
        steps = np.unique(np.linspace(0, len(values) - 1, 4).round().astype(int))
        titles, shape = [f"{name} {values[step]}" for step in steps], (self.height, self.width)
        size = {"columns": 4, "width": 2.3} if self.width < 1.6 * self.height else {"columns": 2, "width": 4.6}
        figure, axes = panels(titles, shape, **size)
        for axis, step in zip(axes, steps, strict=True):
            axis.imshow(self._drawn(**{name: values[step]})[0])
        data, metadata = viz.stored(figure, "jpeg")
        return data, metadata | {"alt": f"{', '.join(titles)}. {self.frame['text']}".strip()}

    def _receive(self, _widget, message: dict, _buffers) -> None:
        """Do what the page says; it sends one message per click, because changes of a trait may be merged."""
        if message["kind"] == "slide":
            self.values[message["name"]] = self._steps[message["name"]][message["index"]]
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
    """A photograph to click on, and the mask that follows at once.

    Under the pointer, in yellow, what a click would select. Left button: this belongs; right button, or Shift: this
    does not. The slider is the level that the last click and the next ones climb to, whose groups have fine outlines.
    With the keyboard: arrows move a cross (with Shift by one pixel), Enter and Shift+Enter click, U takes back. The
    buttons save the mask as PNG and the clicks as JSON through the browser.

    The session holds the clicks; those made on it from Python show after `redraw`. The slider starts at ``level``.

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
        figure = viz.click_masks(picture.convert("RGB"), self.session.clicks, {})
        figure.set_size_inches(7.5, 7.5 * self.height / self.width + 0.4)
        figure.axes[0].set_title("")
        data, metadata = viz.stored(figure, "jpeg")
        return data, metadata | {"alt": self.frame["text"]}

    def _receive(self, widget, message: dict, buffers) -> None:
        kind, session = message["kind"], self.session
        if kind == "Save mask":  # done by the browser, which is handed the file
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
        selected, preview = session.selected, None
        if self._hover:
            preview = session.weights(Click(*self._hover, level=level)) >= session.threshold
        picture = overlay(selected[self._shown], self._lines[level], None if preview is None else preview[self._shown])
        pixels, count = int(self._areas[selected].sum()), len(session.clicks)
        share = 100 * pixels / session.regions.size
        self.frame = {
            "seq": seq,
            "picture": picture,
            "text": f"{count} click{'s' * (count != 1)}, {share:.1f} % of the photograph selected",
            "clicks": [{"x": click.x, "y": click.y, "positive": click.positive} for click in session.clicks],
            "facts": {"clicks": count, "selected": pixels, "preview": int(preview is not None)},
        }


def overlay(mask: np.ndarray, lines: np.ndarray, preview: np.ndarray | None = None) -> bytes:
    """PNG to lie on a photograph, see `PAINT`: a mask, lines between groups, and what a click would select.

    All are (H, W) bool. Outside, nothing is dimmed as long as nothing is selected.
    """
    names = list(PAINT)
    index = np.full(mask.shape, names.index("outside" if mask.any() else "nothing"), np.uint8)
    index[mask] = names.index("inside")
    index[lines] = names.index("groups")
    border = ndimage.binary_dilation(mask, iterations=2) & ~mask
    if preview is not None:
        index[preview] = names.index("preview")
    index[border] = names.index("halo")
    index[mask & ~ndimage.binary_erosion(mask, iterations=2, border_value=1)] = names.index("border")
    picture = Image.fromarray(index).convert("P")
    colours = np.array(list(PAINT.values()), np.uint8)
    picture.putpalette(colours[:, :3].ravel().tolist())
    # The fastest compression: a click is answered while somebody waits.
    return encoded(picture, "png", transparency=colours[:, 3].tobytes(), compress_level=1)
