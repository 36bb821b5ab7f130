"""The paper's Figures 1 and 2, drawn from a model's forward pass on a photograph: every picture shows actual data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from dgmlib.interventions import evaluating, hooked
from dgmlib.viz.classes import draw_classes
from dgmlib.viz.groups import following_colours, parents_of, tinted
from dgmlib.viz.nodes import component_colours
from dgmlib.viz.style import GREY, NotebookFigure, enlarged, floats, outlined

if TYPE_CHECKING:
    from dgmlib.predictor import Scene

BLUE, GREEN, ORANGE = "#005a8f", "#007a5a", "#b84a00"  # from `PALETTE`, dark enough for text
STEPS = {"CNN": "#333333", "EMGP": BLUE, "Projection": GREEN, "TDMP": ORANGE, "Re-projection": "#8a3f74"}
WIDE, ROOM = 10.8, 0.68  # inches: width of the figure, gap between two columns
SIZE = 10  # points: legible at 900 pixels, the width of a page


class Sheet:
    """A figure to draw on in inches, x to the right and y downwards."""

    def __init__(self, width: float, height: float):
        self.figure, self.width, self.height = NotebookFigure(width, height), width, height
        self.figure.set_layout_engine("none")
        self.paper = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self.paper.set_axis_off()

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Add axes for a picture that fills them."""
        place = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        axis = self.figure.add_axes(place, xticks=[], yticks=[])
        axis.spines[:].set(color=GREY, linewidth=0.6)
        return axis

    def write(self, x: float, y: float, text: str, **style) -> None:
        """Write text, centred unless the style says otherwise."""
        self.paper.text(x, y, text, **({"ha": "center", "va": "center", "fontsize": SIZE} | style))

    def arrow(self, *points: tuple[float, float], color: str, dashed: bool = False) -> None:
        """Draw a line through points, with an arrowhead at the last."""
        style = {"color": color, "linewidth": 1.8, "linestyle": (0, (2, 1.5)) if dashed else "-"}
        self.paper.plot(*zip(*points[:-1], strict=True), **style, solid_capstyle="butt", clip_on=False)
        style |= {"arrowstyle": "-|>", "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0}
        self.paper.annotate("", points[-1], points[-2], arrowprops=style)


def diagram(scene: "Scene") -> Figure:
    """Fig. 2 and 3: the path of a photograph through the model, up to R and down to the labels, in actual data.

    Levels are side by side, finest on the left. From the top: the CNN's maps F^l; the nodes V^l of the bottom-up pass,
    as the groups that they form; the same nodes after the top-down messages; the residuals that the maps receive.
    Features are shown by their three principal components as red, green and blue, each picture by its own.

    Args:
        scene: scene of a model with a Deep Grouping Model, which runs once more.

    Raises:
        ValueError: if the model has no Deep Grouping Model.
    """
    grouping, levels = scene.grouping, range(1, scene.levels + 1)
    maps, residuals = _maps(scene)
    photo, groups = floats(scene.photograph), [scene.groups(level) for level in levels]
    left, told = 0.32, bool(scene.model.dgm.tdmp.gconvs)
    wide = (WIDE - left - 0.75) / (len(levels) + 1) - ROOM
    tall, gap = wide * photo.shape[0] / photo.shape[1], 0.66
    x = [left + column * (wide + ROOM) for column in range(len(levels) + 2)]
    y = [0.3 + row * (tall + gap) for row in range(4)]
    sheet = Sheet(WIDE, y[3] + tall + 0.62)
    sheet.figure.alt = (
        "The model as a diagram: the photograph and the CNN's maps F; its superpixels and the groups of nodes V that "
        "EMGP and Projection make of them, up to the readout R; the nodes after the messages of TDMP; the residuals "
        "that Re-projection gives the maps; the objects, parts and place that the heads read."
    )
    middle = [top + tall / 2 for top in y]
    bands = {"CNN": STEPS["CNN"], "bottom-up": BLUE, "top-down": ORANGE, "to the grid": STEPS["Re-projection"]}
    for (name, color), at, top in zip(bands.items(), middle, y, strict=True):
        sheet.paper.axhspan(top - 0.27, top + tall + 0.08, facecolor=color, alpha=0.07, linewidth=0)
        sheet.write(0.14, at, name, rotation=90, color=color, weight="bold")

    def show(column: int, row: int, title: str, picture: np.ndarray) -> None:
        sheet.axes(x[column], y[row], wide, tall).imshow(picture, aspect="auto")
        sheet.write(x[column], y[row] - 0.12, title, ha="left")

    def across(column: int, row: int, step: str, above: str, below: str = "", back: bool = False) -> None:
        ends = [(x[column] + wide + 0.05, middle[row]), (x[column + 1] - 0.05, middle[row])]
        sheet.arrow(*(reversed(ends) if back else ends), color=STEPS[step])
        at = x[column] + wide + ROOM / 2
        sheet.write(at, middle[row] - 0.21, above, color=STEPS[step], fontsize=SIZE - 1)
        sheet.write(at, middle[row] + 0.22, below, color=STEPS[step], fontsize=SIZE - 1)

    def down(column: int, row: int, step: str, text: str = "", dashed: bool = False) -> None:
        at, top = x[column] + 0.12, y[row] + tall + 0.04
        sheet.arrow((at, top), (at, y[row + 1] - 0.24), color=STEPS[step], dashed=dashed)
        sheet.write(at + 0.1, top + 0.2, text, color=STEPS[step], ha="left", fontsize=SIZE - 1)

    show(0, 0, "photograph", photo)
    show(0, 1, f"{len(grouping.nodes[0][0])} superpixels S", outlined(photo, groups[0], strength=0.6, width=960))
    down(0, 0, "CNN")
    across(0, 0, "CNN", "CNN")
    across(0, 1, "Projection", "S")
    colours = following_colours(groups)
    for level, ids, own in zip(levels, groups, colours, strict=True):
        cells, added = (_grid_colours(each[level - 1]) for each in (maps, residuals))
        nodes = grouping.nodes[level - 1][0].cpu().numpy()
        show(level, 0, f"$F^{level}$, {cells.shape[1]}×{cells.shape[0]} cells", cells)
        show(level, 1, f"$V^{level}$, {len(nodes)} nodes", tinted(photo, ids, own))
        show(level, 2, f"$V^{level}${' updated' * told}", outlined(component_colours(nodes)[ids], ids, strength=0.5))
        show(level, 3, rf"$\hat{{F}}^{level}$, {grouping.residual_share[0, level - 1]:.0%} of variance", added)
        down(level, 0, "Projection", "Projection, Eq. 5–6" if level > 1 else "superpixel pooling")
        down(level, 1, "TDMP", "self-loop" * told, dashed=told)
        down(level, 2, "Re-projection", "Re-projection, Eq. 11")
        if level < scene.levels:
            across(level, 0, "CNN", "")
            across(level, 1, "EMGP", "EMGP\nEq. 1–3", "edges\nEq. 4")
        if told:
            across(level, 2, "TDMP", "TDMP\nEq. 8–10", back=True)
    column = sheet.axes(x[-1] + 0.12, y[1], 0.36, y[2] + tall - y[1])
    column.imshow(grouping.readout[0].cpu().numpy()[:, None], aspect="auto", cmap="viridis")
    sheet.write(x[-1] + 0.3, y[1] - 0.12, "$R$")
    across(scene.levels, 1, "EMGP", "readout\nEq. 7")
    _heads(sheet, scene, x, y, wide, tall)
    return sheet.figure


def tree(scene: "Scene", points: Sequence[tuple[int, int]] = ()) -> Figure:
    """Fig. 1: how superpixels become groups, and groups the scene, as cut-outs of the groups of a photograph.

    From the top: the photograph, groups of the highest level, the two largest groups that form each of them, and so on
    down to superpixels, enlarged. A group is drawn under the one that covers most of its pixels.

    Args:
        scene: scene of a model with a Deep Grouping Model.
        points: (x, y) in the groups of the highest level to show; by default three `Scene.middles`.

    Raises:
        ValueError: if the model has no Deep Grouping Model.
    """
    photo, levels = floats(scene.photograph), range(len(scene.grouping.nodes), 0, -1)
    maps = [np.zeros_like(scene.regions), *(scene.groups(level) for level in levels)]  # coarsest first
    parents = parents_of(maps[::-1])[::-1]  # of the groups of maps[1:]
    placed = []  # row, group, its own column and those of its parts

    def parts_of(row: int, group: int) -> Sequence[int]:
        if row == 0:
            return list(dict.fromkeys(maps[1][y, x] for x, y in points or scene.middles(scene.levels)))
        area = np.bincount(maps[row + 1].ravel())
        parts = np.flatnonzero((parents[row] == group) & (area > 0))
        return parts[np.argsort(-area[parts], kind="stable")][:2]

    def grow(row: int, group: int, first: float) -> tuple[float, float]:
        """Place a group above its parts, starting at a column; return the next free column and the group's."""
        free, columns = first, []
        for part in parts_of(row, group) if row < scene.levels else ():
            free, column = grow(row + 1, part, free)
            columns.append(column)
        own = (columns[0] + columns[-1]) / 2 if columns else first + 0.5
        placed.append((row, group, own, columns))
        return (free if columns else first + 1), own

    count, _ = grow(0, 0, 0)
    heights = np.linspace(1.5, 0.6, scene.levels + 1)
    tops = 0.1 + np.cumsum([0, *(heights[:-1] + 0.42)])
    sheet = Sheet(WIDE, tops[-1] + heights[-1] + 0.1)
    sheet.figure.alt = (
        "The photograph, and as a tree below it cut-outs of its groups, from the highest level to superpixels."
    )
    left, wide = 1.3, (WIDE - 1.3) / count
    for row, group, own, columns in placed:
        x, inside = left + own * wide, maps[row] == group
        rows, across = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, across[0] : across[-1] + 1]
        width = min(max(len(columns), 1) * wide * 1.4 if row else WIDE, 2.2) * 0.9
        axis = sheet.axes(x - width / 2, tops[row], width, heights[row])
        axis.imshow(_cut_out(photo[box], inside[box]))
        axis.set_axis_off()
        for column in columns:
            ends = (left + column * wide, x), (tops[row + 1] - 0.04, tops[row] + heights[row] + 0.04)
            sheet.paper.plot(*ends, color=GREY, linewidth=1)
    names = [f"scene, $R$\n{scene.place.name if scene.place else ''}"]
    names += [f"$V^{level}$\n{len(set(maps[-level].flat))} groups" for level in levels[:-1]]
    for name, top, height in zip([*names, f"$V^1$\n{maps[-1].max() + 1} superpixels"], tops, heights, strict=True):
        sheet.write(0.05, top + height / 2, name, ha="left")
    return sheet.figure


def _cut_out(photo: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Show a region alone, outlined, on white; enlarged to about 300 pixels, at least twice."""
    photo, inside = (np.pad(array, [(1, 1), (1, 1)] + [(0, 0)] * (array.ndim - 2)) for array in (photo, inside))
    photo, inside = enlarged(photo, inside, width=300)
    picture = np.where(inside[..., None], photo, 1)
    thick = max(1, max(inside.shape) // 150)
    picture[ndimage.binary_dilation(inside, iterations=thick) & ~inside] = 0.35
    return picture


def _heads(sheet: Sheet, scene: "Scene", x: list[float], y: list[float], wide: float, tall: float) -> None:
    """Draw the labels, and how F^l + Fhat^l and R lead to them."""
    dark, bus, edge = STEPS["CNN"], y[3] + tall + 0.3, x[0] + wide
    heads = {"objects": (scene.objects, y[2]), "parts": (scene.parts, y[3])}
    heads = {name: head for name, head in heads.items() if head[0]}
    for name, (labels, top) in heads.items():
        axis = sheet.axes(x[0], top, wide, tall)
        shown = draw_classes(axis, *labels, scene.photograph.shape, count=3)[:3]
        axis.set_aspect("auto")
        sheet.write(x[0], top - 0.12, name, ha="left", weight="bold")
        style = {"loc": "lower left", "fontsize": SIZE - 1, "handlelength": 0.8, "borderpad": 0.25, "labelspacing": 0.2}
        axis.legend(handles=shown, framealpha=0.85, borderaxespad=0.2, handletextpad=0.4, **style)
        turn = [(edge + ROOM / 2, bus), (edge + ROOM / 2, top + tall / 2)]
        sheet.arrow((x[-2] + wide / 2, bus), *turn, (edge + 0.05, top + tall / 2), color=dark)
    for at in x[1:-1] if heads else ():
        sheet.paper.plot([at + wide / 2] * 2, [y[3] + tall + 0.02, bus], color=dark, linewidth=1.8)
    sheet.write((x[1] + x[-2] + wide) / 2, bus + 0.17, f"{_reads(scene)} (Sec. 4)", color=dark)
    if scene.place:
        at, end = x[-1] + 0.3, y[3] + tall / 2
        sheet.arrow((at, y[2] + tall + 0.05), (at, end - 0.28), color=dark)
        sheet.write(at, end - 0.17, "place", weight="bold")
        sheet.write(at, end + 0.13, f"{scene.place.name}\n{scene.place.probability:.0%}")


def _reads(scene: "Scene") -> str:
    """Say what the model's heads read."""
    fine = {"material", "texture"} if scene.model.decoder.is_pyramid else set()
    fused = [f"{task}s" for task in scene.model.heads if task not in {"scene", *fine}]
    levels = [f"{task}s" for task in scene.model.heads if task in fine]
    said = [(fused, r"all $F^l + \hat{F}^l$"), (levels, "$l = 1$")]
    said += [(["the place"], f"$R$ and $F^{scene.levels}$")] if "scene" in scene.model.heads else []
    told = [f"{' and '.join(names)}{'' if i else ' read'} {read}" for i, (names, read) in enumerate(filter(all, said))]
    return ", ".join(told)


def _maps(scene: "Scene") -> tuple[list[torch.Tensor], ...]:
    """F^l and Fhat^l, (C_l, h_l, w_l) each, from one more forward pass."""
    seen, model = [], scene.model
    note = hooked(lambda _, given, made: seen.extend((given[0], made[0])), model.dgm)
    with note, evaluating(model), torch.inference_mode():
        model(*scene.seen, tasks=())
    return tuple([each[0] for each in maps] for maps in seen)


def _grid_colours(features: torch.Tensor) -> np.ndarray:
    """Colour features by their principal components: (C, h, w) -> (h, w, 3)."""
    colours = component_colours(features.flatten(1).mT.float().cpu().numpy())
    return colours.reshape(*features.shape[1:], 3)
