"""Widgets without a browser: messages in, frames out, the still picture, what is committed."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from skimage.segmentation import find_boundaries
from tiny import PHOTO

from dgmlib import Predictor, paths, widgets
from dgmlib.explain import Click
from dgmlib.widgets import PAINT, ClickWidget, TouchWidget, overlay


@pytest.fixture
def widget(model):
    return ClickWidget(Predictor(model, short_side=64)(PHOTO).clicks)


def send(widget, **message):
    """What arrives when the page sends a message."""
    widget._handle_custom_msg(message, [])


def test_the_page_s_messages_reach_the_session(widget):
    send(widget, kind="click", seq=1, x=30, y=20, positive=True)
    send(widget, kind="click", seq=2, x=60, y=40, positive=False)
    assert widget.session.clicks == [Click(30, 20, True, 2), Click(60, 40, False, 2)]
    send(widget, kind="slide", seq=3, name="level", index=3)
    assert widget.session.clicks[-1] == Click(60, 40, False, 4)
    send(widget, kind="Undo", seq=4)
    send(widget, kind="click", seq=5, x=1, y=2, positive=True)
    assert widget.session.clicks == [Click(30, 20, True, 2), Click(1, 2, True, 4)]  # the slider stays where it is
    send(widget, kind="Reset", seq=6)
    assert widget.session.clicks == []
    assert widget.frame["seq"] == 6


def painted(frame):
    """What of `PAINT` every pixel of a frame has."""
    pixels = np.asarray(Image.open(io.BytesIO(frame)).convert("RGBA"))
    return {name: (pixels == np.array(colour)).all(-1) for name, colour in PAINT.items()}


def test_a_frame_is_the_session_s_mask(widget):
    assert not painted(widget.frame["picture"])["outside"].any()  # nothing is dimmed as long as nothing is selected
    send(widget, kind="click", seq=7, x=30, y=20, positive=True)
    mask, paint = widget.session.mask, painted(widget.frame["picture"])
    assert widget.frame["seq"] == 7
    assert widget.frame["facts"] == {"clicks": 1, "selected": mask.sum(), "preview": 0}
    assert widget.frame["clicks"] == [{"x": 30, "y": 20, "positive": True}]
    assert f"{100 * mask.mean():.1f} %" in widget.frame["text"]
    assert (paint["border"] | paint["inside"])[mask].mean() > 0.5  # the rest is lines between groups
    assert not (paint["border"] | paint["inside"])[~mask].any()
    assert not (paint["outside"] | paint["halo"])[mask].any()


def test_under_the_pointer_stands_what_a_click_would_select(widget):
    send(widget, kind="hover", seq=1, x=30, y=20)
    preview = painted(widget.frame["picture"])["preview"]
    assert widget.session.clicks == []
    np.testing.assert_array_equal(preview, widget.session.click(30, 20, level=2))
    widget.session.undo()
    send(widget, kind="hover", seq=2, x=None, y=None)  # it left
    assert not painted(widget.frame["picture"])["preview"].any()


def test_lines_part_the_groups_of_the_level(widget):
    for index, level in enumerate((1, 2, 3, 4)):
        send(widget, kind="slide", seq=level, name="level", index=index)
        groups = widget.session.groups(level)
        borders = find_boundaries(groups[widget.session.regions], mode="inner")
        np.testing.assert_array_equal(painted(widget.frame["picture"])["groups"], borders)


def test_masks_of_a_large_photograph_travel_small(model, monkeypatch):
    monkeypatch.setattr(widgets, "SHOWN", 40)
    widget = ClickWidget(Predictor(model, short_side=64)(PHOTO).clicks)
    send(widget, kind="click", seq=1, x=30, y=20, positive=True)
    mask, step = widget.session.mask, -(-max(PHOTO.shape[:2]) // 40)
    assert step > 1
    assert widget.frame["facts"]["selected"] == mask.sum()  # of all pixels
    assert painted(widget.frame["picture"])["halo"].shape == mask[::step, ::step].shape


def test_clicks_from_python_show_after_redraw(widget):
    send(widget, kind="click", seq=3, x=30, y=20, positive=True)
    widget.session.click(60, 40, False)
    widget.redraw()
    assert len(widget.frame["clicks"]) == 2
    assert widget.frame["seq"] == 3


def test_a_mask_lies_between_a_light_and_a_dark_line():
    mask, none = np.zeros((19, 21), dtype=bool), np.zeros((19, 21), dtype=bool)
    mask[5:14, 5:16] = True
    paint = painted(overlay(mask, none, none))
    assert paint["border"].sum() == 9 * 11 - 5 * 7
    assert paint["inside"][7:12, 7:14].all()
    assert paint["halo"][4, 8]
    assert paint["halo"][3, 8]
    assert paint["outside"][0, 0]


def test_a_picture_is_drawn_for_its_sliders_and_for_where_it_is_clicked():
    asked = []

    def draw(x, y, level, kind):
        asked.append((x, y, level, kind))
        return np.full((8, 12, 3), level / 4), f"level {level}"

    widget = TouchWidget(draw, {"level": (1, 2, 4), "kind": "ab"}, at=(3, 4), level=2)
    send(widget, kind="slide", seq=1, name="level", index=2)
    send(widget, kind="click", seq=2, x=7, y=6, positive=True)
    send(widget, kind="slide", seq=3, name="kind", index=1)
    assert asked[-4:] == [(3, 4, 2, "a"), (3, 4, 4, "a"), (7, 6, 4, "a"), (7, 6, 4, "b")]
    assert (widget.width, widget.height, widget.pointer) == (12, 8, "click")
    assert widget.frame["seq"] == 3
    assert widget.frame["text"] == "level 4"
    assert np.asarray(Image.open(io.BytesIO(widget.frame["picture"]))).min() > 250
    assert widget.sliders[0] == {"name": "level", "values": ["1", "2", "4"], "index": 2}
    data, metadata = widget._repr_mimebundle_()
    assert data["text/plain"] == "TouchWidget(12 x 8 pixels, level=4, kind=b)"
    assert asked[-2:] == [(7, 6, 4, "a"), (7, 6, 4, "b")]  # the steps of the last slider, side by side
    assert Image.open(io.BytesIO(data["image/jpeg"])).width > 600
    assert metadata["image/jpeg"]["alt"] == "kind a, kind b. level 4"


def test_the_still_picture_has_four_steps_of_many():
    asked = []
    widget = TouchWidget(lambda step: asked.append(step) or np.zeros((8, 12, 3)), {"step": range(11)})
    asked.clear()
    _, metadata = widget._repr_mimebundle_()
    assert asked == [0, 3, 7, 10]
    assert metadata["image/jpeg"]["alt"] == "step 0, step 3, step 7, step 10."
    assert widget.values == {"step": 0}


def test_a_picture_that_is_not_clicked_is_drawn_from_sliders_alone():
    widget = TouchWidget(lambda level: np.full((8, 12, 3), 50 * level, np.uint8), {"level": (1, 2)})
    assert widget.pointer == ""
    assert widget.frame["text"] == ""


def test_a_view_opened_later_shows_the_sliders_where_they_are():
    widget = TouchWidget(lambda k: np.zeros((8, 12, 3)), {"k": (3, 5, 7)}, k=5)
    assert widget.sliders[0]["index"] == 1
    send(widget, kind="slide", seq=1, name="k", index=2)
    assert (widget.values, widget.sliders[0]["index"]) == ({"k": 7}, 2)


def test_a_picture_with_clicks_alone():
    widget = TouchWidget(lambda x, y: np.full((8, 12, 3), 10 * x, np.uint8), {}, at=(1, 2))
    data, _ = widget._repr_mimebundle_()
    assert Image.open(io.BytesIO(data["image/jpeg"])).width > 100


@pytest.mark.parametrize("start", [{"kk": 3}, {"k": 4}])
def test_a_start_that_no_slider_has(start):
    with pytest.raises(ValueError, match=r"kk?=\d is not a step of a slider; the sliders are \{'k': \[1, 3\]\}"):
        TouchWidget(lambda k: np.zeros((8, 12, 3)), {"k": (1, 3)}, **start)


def test_files_for_the_browser_to_save(widget, monkeypatch):
    send(widget, kind="click", seq=1, x=30, y=20, positive=True)
    sent = []
    monkeypatch.setattr(widget, "send", lambda content, buffers: sent.append((content["name"], buffers[0])))
    send(widget, kind="Save mask", seq=2)
    send(widget, kind="Save clicks", seq=3)
    (name, mask), (other, clicks) = sent
    assert (name, other) == ("mask.png", "clicks.json")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(mask))) == 255, widget.session.mask)
    assert json.loads(clicks)["clicks"] == [{"x": 30, "y": 20, "positive": True, "level": 2}]


def test_output_has_a_picture_for_where_no_kernel_runs(widget):
    widget.session.click(30, 20)
    data, metadata = widget._repr_mimebundle_()
    share = 100 * widget.session.mask.mean()
    assert metadata["image/jpeg"]["alt"] == f"1 click, {share:.1f} % of the photograph selected"
    assert data["text/plain"] == "ClickWidget(72 x 48 pixels, 1 click)"  # no address: nbval compares it
    assert "application/vnd.jupyter.widget-view+json" in data
    assert Image.open(io.BytesIO(data["image/jpeg"])).width > 600


def test_a_level_that_is_not_there(model):
    with pytest.raises(ValueError, match="level must be 1"):
        ClickWidget(Predictor(model, short_side=64)(PHOTO).clicks, level=5)


def test_committed_widgets_are_pictures():
    """With the widget-view key but no kernel, JupyterLab would show an error in the picture's place."""
    shown = 0
    for path in paths.NOTEBOOKS.glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), path.name
                text = "".join(output.get("data", {}).get("text/plain", ""))
                shown += bool(re.match(r"(Click|Touch)Widget\(", text)) and "image/jpeg" in output["data"]
    assert shown == 6
