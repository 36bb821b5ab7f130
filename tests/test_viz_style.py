"""What all figures share: panels, pictures as they are stored, degenerate inputs."""

import io
import subprocess
import sys

import numpy as np
import pandas as pd
from PIL import Image
from shown import NAMES, PHOTO, QUARTERS, legend_of, titles

from dgmlib import paths, viz
from dgmlib.viz.style import colours_of, described, stored


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
        assert viz.rendered(figure, "png").startswith(b"\x89PNG")
    assert legend_of(figures[-1]) == ["wall"]


def test_dgm_has_one_colour_whatever_stands_beside_it():
    alone, last = colours_of(["DGM"]), colours_of(["OCNet", "UPerNet", "DGM"])
    assert alone["DGM"] == last["DGM"]
    assert list(last) == ["OCNet", "UPerNet", "DGM"]
    assert len(set(last.values())) == 3


def test_a_name_in_jpg_makes_a_jpeg_of_the_same_size(tmp_path):
    figure = viz.grouping_levels(PHOTO, {"a": QUARTERS})
    found = []
    for name in ("a.png", "a.jpg", "a.JPEG"):
        viz.save(figure, tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            found.append((picture.format, picture.size))
    formats, sizes = zip(*found, strict=True)
    assert formats == ("PNG", "JPEG", "JPEG")
    assert len(set(sizes)) == 1


def test_saved_pictures_are_sharp_and_keep_every_colour(tmp_path):
    across, down = np.meshgrid(np.linspace(0, 1, 450), np.linspace(0, 1, 300))
    figure, full = viz.partitions({"a": (np.stack([across, down, 1 - across * down], 2), None)}), io.BytesIO()
    viz.save(figure, tmp_path / "new" / "levels.png")
    figure.savefig(full, format="png", dpi=160, bbox_inches="tight", pad_inches=0.05)
    with Image.open(tmp_path / "new" / "levels.png") as saved:
        np.testing.assert_array_equal(saved, Image.open(full).convert("RGB"))
        assert abs(saved.width - 3.1 * 160) < 30
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["levels.png"]


def test_notebooks_hold_plots_without_loss_and_pictures_in_less():
    pictures, curves = (
        viz.grouping_levels(PHOTO, {"a": QUARTERS}),
        viz.table3(pd.read_csv(paths.RESULTS / "table3.csv")),
    )
    assert stored(pictures, "png") is stored(curves, "jpeg") is None
    (jpeg, said), (png, of_curves) = stored(pictures, "jpeg"), stored(curves, "png")
    assert (jpeg[:2], png[:4]) == (b"\xff\xd8", b"\x89PNG")
    assert said["width"] == Image.open(io.BytesIO(jpeg)).width // 2  # twice the pixels of the page
    assert said["alt"] == "a"
    assert of_curves["alt"] == "million parameters; GFLOP at 769 x 769"


def test_a_figure_without_words_has_a_description():
    assert described(viz.NotebookFigure(1, 1)) == "figure"


def test_pyplot_never_sees_a_figure():
    code = (
        "import sys, numpy as np\n"
        "from dgmlib import viz\n"
        "viz.grouping_levels(np.ones((4, 4, 3)), {'a': np.zeros((4, 4), int)})\n"
        "assert 'matplotlib.pyplot' not in sys.modules or not sys.modules['matplotlib.pyplot'].get_fignums()"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_region_colours_are_means_by_label():
    colours = viz.region_colours(PHOTO, QUARTERS)
    assert colours.shape == (4, 3)
    np.testing.assert_allclose(colours[2], PHOTO[QUARTERS == 2].mean(0))
    apart = viz.region_colours(PHOTO, np.where(QUARTERS == 3, -1, 2 * QUARTERS))  # 1 and 3 are no region's number
    np.testing.assert_array_equal(apart[::2], colours[:3])
    assert not apart[1::2].any()
