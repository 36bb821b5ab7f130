"""What all figures share: panels, pictures as they are stored, degenerate inputs."""

import io
import subprocess
import sys

import numpy as np
from PIL import Image
from shown import NAMES, PHOTO, QUARTERS, legend_of, titles

from dgmlib import viz


def test_five_levels_take_two_rows():
    figure = viz.grouping_levels(PHOTO, {str(n): QUARTERS for n in range(5)})
    assert len(titles(figure)) == 5
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 4)


def test_one_region_and_one_class():
    one = np.zeros((20, 30), dtype=np.int32)
    figures = [
        viz.grouping_levels(PHOTO, {"level 1": one}),
        viz.centres(np.ones((1, 4)), {"k = 0": np.ones((1, 1))}, viz.region_colours(PHOTO, one)),
        viz.affinities(PHOTO, one, {"a": np.ones(1)}, mark=None),
        viz.false_colours(PHOTO, one, {"a": np.ones((1, 4))}),
        viz.segmentation(PHOTO, {"truth": one + 1}, NAMES),
    ]
    for figure in figures:
        assert viz.png(figure).startswith(b"\x89PNG")
    assert legend_of(figures[-1]) == ["wall"]


def test_saved_pictures_are_small_and_at_screen_resolution(tmp_path):
    figure = viz.grouping_levels(PHOTO, {str(n): QUARTERS for n in range(4)})
    viz.save(figure, tmp_path / "new" / "levels.png")
    with Image.open(tmp_path / "new" / "levels.png") as saved:
        assert saved.mode == "P"  # 256 colours
        assert saved.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert abs(saved.width - 12 * viz.DPI) < 30
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["levels.png"]


def test_pyplot_never_sees_a_figure():
    code = (
        "import sys, numpy as np\n"
        "from dgmlib import viz\n"
        "viz.grouping_levels(np.ones((4, 4, 3)), {'a': np.zeros((4, 4), int)})\n"
        "assert 'matplotlib.pyplot' not in sys.modules or not sys.modules['matplotlib.pyplot'].get_fignums()"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_photograph_of_many_colours_has_no_bands():
    across, down = np.meshgrid(np.linspace(0, 1, 450), np.linspace(0, 1, 300))
    figure, full = viz.partitions({"a": (np.stack([across, down, 1 - across * down], 2), None)}), io.BytesIO()
    figure.savefig(full, format="png", dpi=viz.DPI, bbox_inches="tight", pad_inches=0.05)
    pictures = [
        np.asarray(Image.open(file).convert("RGB"), dtype=float) for file in (full, io.BytesIO(viz.png(figure)))
    ]
    inside = (picture[30:174, 12:236].reshape(18, 8, 28, 8, 3).mean((1, 3)) for picture in pictures)
    assert np.abs(np.subtract(*inside)).max() < 4  # 8 without diffused errors


def test_region_colours_are_means_by_label():
    colours = viz.region_colours(PHOTO, QUARTERS)
    assert colours.shape == (4, 3)
    np.testing.assert_allclose(colours[2], PHOTO[QUARTERS == 2].mean(0))
    apart = viz.region_colours(PHOTO, np.where(QUARTERS == 3, -1, 2 * QUARTERS))  # 1 and 3 are no region's number
    np.testing.assert_array_equal(apart[::2], colours[:3])
    assert not apart[1::2].any()
