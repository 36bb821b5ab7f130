"""What all figures share: colours, the size and format of pictures, panels side by side.

Figures are made without pyplot, which would show them a second time. Jupyter shows what `stored` renders.
"""

import io
from collections.abc import Collection, Hashable, Iterable, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from IPython import get_ipython
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image
from skimage.color import rgb2gray
from skimage.segmentation import find_boundaries
from skimage.util import img_as_float

from dgmlib import paths
from dgmlib.pictures import encoded
from dgmlib.superpixels.graph import region_means

SCREEN = 80  # pixels on a page per inch of a figure
LARGEST = 1000  # pixels on the longer side of a picture within a figure, before it is enlarged
DPI = 2 * SCREEN  # stored resolution: sharp on high-resolution screens and enlarged pages

#: Okabe and Ito's colours, distinct for any colour vision, without black, which is for lines and text.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
NONE = "#e8e8e8"
#: Those and eleven of matplotlib's twenty colours: with more names, the first seven look the same.
EIGHTEEN = (*PALETTE, *(to_hex(colormaps["tab20"].colors[i]) for i in (8, 7, 5, 10, 1, 16, 9, 11, 18, 13, 4)))
GREY = "#8a8a8a"  # secondary: printed numbers, bounds, others


class NotebookFigure(Figure):
    """A figure, sized in inches, that Jupyter stores as `stored` renders it; ``alt`` is its alternative text."""

    def __init__(self, width: float, height: float):
        self.alt = ""
        super().__init__(figsize=(width, height), dpi=SCREEN, layout="constrained")


def rendered(figure: Figure, kind: str) -> bytes:
    """Render a figure as "jpeg", or as "png": lossless for pictures; plots have few colours and are stored in 256."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.05)
    picture = Image.open(file).convert("RGB")
    if kind == "jpeg":
        return encoded(picture, "jpeg", optimize=True, progressive=True, quality=68)  # at twice the resolution
    return encoded(picture if _pictured(figure) else picture.quantize(256, dither=0), "png", optimize=True)


def stored(figure: NotebookFigure, kind: str) -> tuple[bytes, dict] | None:
    """Render a figure for a notebook: PNG for plots, JPEG for pictures, whose PNG would be three times as large.

    Returns:
        The bytes, with their width on a page in pixels and the alternative text; None for the other kind.
    """
    if kind != ("jpeg" if _pictured(figure) else "png"):
        return None
    data = rendered(figure, kind)
    return data, {"width": Image.open(io.BytesIO(data)).width * SCREEN // DPI, "alt": described(figure)}


def described(figure: NotebookFigure) -> str:
    """Describe what a figure shows: its ``alt``, or else its titles and the axis labels of its plots."""
    if figure.alt:
        return figure.alt
    names = [figure.get_suptitle()]
    for axis in figure.axes:
        names += [axis.get_title(), " by ".join(filter(None, (axis.get_ylabel(), axis.get_xlabel())))]
    return "; ".join(" ".join(name.split()) for name in dict.fromkeys(names) if name.strip()) or "figure"


def _pictured(figure: Figure) -> bool:
    return any(axis.images for axis in figure.axes)


if (_shell := get_ipython()) is not None:
    for _kind in ("png", "jpeg"):
        _shell.display_formatter.formatters[f"image/{_kind}"].for_type(NotebookFigure, partial(stored, kind=_kind))


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG or, if the name ends in .jpg or .jpeg, as JPEG, which is a fifth as large."""
    kind = "jpeg" if Path(path).suffix.lower() in (".jpg", ".jpeg") else "png"
    with paths.write_atomic(path) as temporary:
        temporary.write_bytes(rendered(figure, kind))


def plots(columns: int, width: float, height: float, rows: int = 1, **kwargs) -> tuple[Figure, np.ndarray]:
    """Create axes for plots (rows, columns), each ``width`` x ``height`` inches; keywords as in ``Figure.subplots``."""
    figure = NotebookFigure(width * columns, height * rows)
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def panels(
    titles: Collection[str], shape: Sequence[int], columns: int = 4, width: float = 3.0
) -> tuple[Figure, list[Axes]]:
    """Create axes for pictures of one shape, ``width`` inches wide."""
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    figure = NotebookFigure(width * columns, (width * shape[0] / shape[1] + 0.4) * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis, title in zip_longest(axes, titles, fillvalue=""):  # the last row may be incomplete
        axis.set_title(title, fontsize=10).axes.set_axis_off()
    return figure, axes[: len(titles)]


def colours_of(names: Iterable[Hashable]) -> dict[Hashable, str]:
    """Assign a colour to every name, from `EIGHTEEN` if it has enough, else from a rainbow.

    "DGM" always has the first, so that it looks the same in every figure.
    """
    names = list(dict.fromkeys(names))
    ranked = sorted(names, key=lambda name: name != "DGM")
    rainbow = [to_hex(colour) for colour in colormaps["turbo"].resampled(max(len(names), 1)).colors]
    colours = dict(zip(ranked, EIGHTEEN if len(names) <= len(EIGHTEEN) else rainbow, strict=False))
    return {name: colours[name] for name in names}


def legend(figure: Figure, loc: str = "outside lower center", columns: int | None = None, **style) -> None:
    """Replace the legends of a figure's plots by one that names all of their entries, by default in a row below."""
    names = {}
    for axis in figure.axes:
        names |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
        if axis.get_legend() is not None:
            axis.get_legend().remove()
    figure.legend(names.values(), names, loc=loc, ncols=columns or len(names), frameon=False, **style)


def legend_under(axis: Axes, handles: Sequence[Artist], fontsize: float) -> None:
    """Put a legend with two columns under a picture."""
    style = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.02), "frameon": False, "fontsize": fontsize}
    axis.legend(handles=handles, ncols=2, columnspacing=1, handlelength=1.2, **style)


def lines_with_error(axis: Axes, rows: pd.DataFrame, x: str, y: str, **style) -> None:
    """Draw ``y`` by ``x``, with errors of plus and minus the column "error"; style as for seaborn."""
    # From three rows per value, seaborn draws the mean, which is the value, and the range.
    three = pd.concat([rows.assign(**{y: rows[y] + sign * rows["error"]}) for sign in (-1, 0, 1)])
    sns.lineplot(three, x=x, y=y, errorbar=("pi", 100), **style, ax=axis)


def floats(photo: ArrayLike) -> np.ndarray:
    """Convert (H, W, 3) bytes or floats, an array or a tensor, to floats in [0, 1]."""
    return img_as_float(np.asarray(photo))


def greyed(photo: ArrayLike, dark: float, light: float) -> np.ndarray:
    """Convert a photograph to grey, with black as ``dark`` and white as ``light``: (H, W, 1)."""
    return dark + (light - dark) * rgb2gray(floats(photo))[..., None]


def region_colours(photo: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Mean colour of every region, (N, 3) RGB in [0, 1]; black for an unused label."""
    return region_means(floats(photo), np.asarray(labels))


def enlarged(*arrays: np.ndarray, width: int = 480) -> list[np.ndarray]:
    """Repeat pixels of arrays (H, W, ...) of one size, twice or more, towards ``width``: outlines are equally thin.

    Of arrays with a side over `LARGEST`, only every second, third ... pixel is kept, since a figure shows no more.
    """
    step = -(-max(arrays[0].shape[:2]) // LARGEST)
    arrays = [array[::step, ::step] for array in arrays]
    times = max(2, width // arrays[0].shape[1])
    return [array.repeat(times, 0).repeat(times, 1) for array in arrays]


def outlined(picture: np.ndarray, labels: np.ndarray, strength: float = 0.75, width: int = 0) -> np.ndarray:
    """Enlarge a picture twofold, or to a width as in `enlarged`, with thin dark lines along region borders."""
    picture, labels = enlarged(picture, labels, width=width)
    return picture * (1 - strength * find_boundaries(labels, mode="inner", background=-1)[..., None])
