"""Widgets for JupyterLab; the only module that knows them.

    from dgmlib.widgets import ClickWidget

    widget = ClickWidget(Predictor.load()("photo.jpg").clicks)
    widget               # click; Shift or the right button for what does not belong
    widget.session.mask  # (H, W) bool

All state is the session's: the page (widgets.js) sends what a person does and draws the frames it is sent back. Where
no kernel runs, on GitHub or after nbconvert, the output is the picture that was stored with it.
"""

import io
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib.colors import to_rgb
from PIL import Image
from skimage.segmentation import find_boundaries

from dgmlib import viz
from dgmlib.explain.clicks import ClickSession, check_level

FILL, OUTLINE = viz.PALETTE[0], viz.PALETTE[6]
OPACITY = 0.45  # of the mask
SHOWN = 1000  # longest side of the masks on their way to the page, in pixels: a click is answered in time


class ClickWidget(anywidget.AnyWidget):
    """A photograph to click on, and the mask that follows at once.

    Left button: this belongs; right button, or Shift: this does not. The slider is the level that the last click and
    the next ones climb to. With the keyboard: arrows move a cross (with Shift by one pixel), Enter and Shift+Enter
    click, U takes back. The buttons save the mask as PNG and the clicks as JSON through the browser.

    The session holds the clicks; those made on it from Python show after `redraw`. The slider starts at ``level``.

    Raises:
        ValueError: for a level that the model does not have.
    """

    _esm = Path(__file__).with_suffix(".js")
    photo = traitlets.Bytes().tag(sync=True)  # JPEG
    width = traitlets.Int().tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    levels = traitlets.Int().tag(sync=True)
    level = traitlets.Int().tag(sync=True)
    #: One trait, so that the page repaints once: "seq" of the message it answers, "clicks", "selected" pixels, "png".
    frame = traitlets.Dict().tag(sync=True)

    def __init__(self, session: ClickSession, level: int = 2):
        check_level(level, session.levels)
        self.session = session
        height, width = session.regions.shape
        step = -(-max(height, width) // SHOWN)
        self._shown, self._areas = session.regions[::step, ::step], np.bincount(session.regions.ravel())
        super().__init__(
            photo=_encoded(Image.fromarray(session.photograph), "jpeg", quality=92),
            width=width,
            height=height,
            levels=session.levels,
            level=level,
            frame={"seq": 0},
        )
        self.redraw()
        self.on_msg(self._receive)

    def redraw(self) -> None:
        """Show the session's mask and clicks."""
        self._show(self.frame["seq"])

    def __repr__(self) -> str:
        count = len(self.session.clicks)
        return f"ClickWidget({self.width} x {self.height} pixels, {count} click{'s' * (count != 1)})"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict] | None:
        """The widget, and for where there is none a picture of it."""
        bundle = super()._repr_mimebundle_(**kwargs)
        figure = viz.click_masks(self.session.photograph, self.session.clicks, {"mask": self.session.mask})
        bundle[0]["image/png"] = viz.png(figure)
        return bundle

    def _receive(self, _widget, message: dict, _buffers) -> None:
        """Do what the page says; it sends one message per click, because changes of a trait may be merged."""
        kind = message["kind"]
        if kind == "save":  # done by the browser, which is handed the file
            if message["what"] == "mask":
                return self.send({"name": "mask.png", "type": "image/png"}, [self.session.mask_png()])
            return self.send({"name": "clicks.json", "type": "application/json"}, [self.session.clicks_json().encode()])
        if kind == "click":
            self.session.click(message["x"], message["y"], message["positive"], self.level)
        elif kind == "level":
            self.level = message["level"]
            self.session.relevel(self.level)
        elif kind == "undo":
            self.session.undo()
        elif kind == "reset":
            self.session.reset()
        return self._show(message["seq"])

    def _show(self, seq: int) -> None:
        selected = self.session.selected
        pixels = int(self._areas[selected].sum())
        clicks = [{"x": click.x, "y": click.y, "positive": click.positive} for click in self.session.clicks]
        self.frame = {"seq": seq, "clicks": clicks, "selected": pixels, "png": overlay(selected[self._shown])}


def overlay(mask: np.ndarray) -> bytes:
    """PNG of a mask, (H, W) bool: transparent outside, a tint inside, a line along its border."""
    index = mask.astype(np.uint8)
    index[find_boundaries(mask, mode="inner") & mask] = 2
    picture = Image.fromarray(index).convert("P")
    picture.putpalette([0, 0, 0, *(round(255 * value) for colour in (FILL, OUTLINE) for value in to_rgb(colour))])
    # The fastest compression: a click is answered while somebody waits.
    return _encoded(picture, "png", transparency=bytes([0, round(255 * OPACITY), 255]), compress_level=1)


def _encoded(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
