"""The click widget without a browser: messages in, frames out, the still picture, what is committed."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from tiny import PHOTO

from dgmlib import Predictor, paths, widgets
from dgmlib.explain import Click
from dgmlib.widgets import FILL, ClickWidget, overlay


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
    send(widget, kind="level", seq=3, level=4)
    assert widget.session.clicks[-1] == Click(60, 40, False, 4)
    send(widget, kind="undo", seq=4)
    send(widget, kind="click", seq=5, x=1, y=2, positive=True)
    assert widget.session.clicks == [Click(30, 20, True, 2), Click(1, 2, True, 4)]  # the slider stays where it is
    send(widget, kind="reset", seq=6)
    assert widget.session.clicks == []
    assert widget.frame["seq"] == 6


def test_a_frame_is_the_session_s_mask(widget):
    send(widget, kind="click", seq=7, x=30, y=20, positive=True)
    mask = widget.session.mask
    assert widget.frame["seq"] == 7
    assert widget.frame["selected"] == mask.sum()
    assert widget.frame["clicks"] == [{"x": 30, "y": 20, "positive": True}]
    picture = np.asarray(Image.open(io.BytesIO(widget.frame["png"])).convert("RGBA"))
    np.testing.assert_array_equal(picture[..., 3] > 0, mask)


def test_masks_of_a_large_photograph_travel_small(model, monkeypatch):
    monkeypatch.setattr(widgets, "SHOWN", 40)
    widget = ClickWidget(Predictor(model, short_side=64)(PHOTO).clicks)
    send(widget, kind="click", seq=1, x=30, y=20, positive=True)
    mask, step = widget.session.mask, -(-max(PHOTO.shape[:2]) // 40)
    assert step > 1
    assert widget.frame["selected"] == mask.sum()  # of all pixels
    picture = np.asarray(Image.open(io.BytesIO(widget.frame["png"])).convert("RGBA"))
    np.testing.assert_array_equal(picture[..., 3] > 0, mask[::step, ::step])


def test_clicks_from_python_show_after_redraw(widget):
    send(widget, kind="click", seq=3, x=30, y=20, positive=True)
    widget.session.click(60, 40, False)
    widget.redraw()
    assert len(widget.frame["clicks"]) == 2
    assert widget.frame["seq"] == 3


def test_overlay_is_a_tint_with_an_opaque_border():
    mask = np.zeros((9, 11), dtype=bool)
    mask[2:7, 3:9] = True
    picture = np.asarray(Image.open(io.BytesIO(overlay(mask))).convert("RGBA"))
    border = mask.copy()
    border[3:6, 4:8] = False
    np.testing.assert_array_equal(picture[..., 3] == 255, border)
    inside = picture[4, 5]
    assert tuple(inside[:3]) == tuple(int(FILL[i : i + 2], 16) for i in (1, 3, 5))
    assert 0 < inside[3] < 255
    empty = np.asarray(Image.open(io.BytesIO(overlay(np.zeros((4, 4), dtype=bool)))).convert("RGBA"))
    assert not empty[..., 3].any()


def test_files_for_the_browser_to_save(widget, monkeypatch):
    send(widget, kind="click", seq=1, x=30, y=20, positive=True)
    sent = []
    monkeypatch.setattr(widget, "send", lambda content, buffers: sent.append((content["name"], buffers[0])))
    send(widget, kind="save", seq=2, what="mask")
    send(widget, kind="save", seq=3, what="clicks")
    (name, mask), (other, clicks) = sent
    assert (name, other) == ("mask.png", "clicks.json")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(mask))) == 255, widget.session.mask)
    assert json.loads(clicks)["clicks"] == [{"x": 30, "y": 20, "positive": True, "level": 2}]


def test_output_has_a_picture_for_where_no_kernel_runs(widget):
    widget.session.click(30, 20)
    data, _ = widget._repr_mimebundle_()
    assert data["text/plain"] == "ClickWidget(72 x 48 pixels, 1 click)"  # no address: nbval compares it
    assert "application/vnd.jupyter.widget-view+json" in data
    assert Image.open(io.BytesIO(data["image/png"])).width > 300


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
                shown += text.startswith("ClickWidget(") and "image/png" in output["data"]
    assert shown == 1
