"""Click propagation (Fig. 6): turn a click on one superpixel into a mask, through the model's groups.

With M = P^1 ... P^{l-1}, the weight of every superpixel in every node of level l (`Grouping.membership`), and e_s the
unit vector of the clicked superpixel,

    up      M^T e_s          the superpixel's weight in each node of level l
    down    w = M M^T e_s    the resulting weight of every superpixel

Sec. 6 climbs "by using the P^l defined in Eq. 1" and leaves the rest to its supplement; the way down is our reading.
Weights are normalised by the two superpixels' own, w_i / sqrt((M M^T)_ii (M M^T)_ss), the cosine of their rows of M. So
the clicked superpixel has weight one, none has more, and large groups are not penalised for the columns of P summing to
one. At level 1, M is the identity and a click selects only its superpixel.

On training images, going down by Ptilde as printed in Eq. 8 in place of M selected worse, as did other
normalisations. The threshold of 0.5 was also chosen on training images, none of which `dgmlib.measure.clicks` reports.
"""

import json
from dataclasses import asdict, dataclass, replace
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from dgmlib.groups import Grouping, check_level, owners
from dgmlib.paths import write_atomic
from dgmlib.pictures import encoded

if TYPE_CHECKING:
    from dgmlib.predictor import Scene


@dataclass(frozen=True)
class Click:
    """One click: column and row in pixels of the photograph, whether it is positive, and the level it climbs to."""

    x: int
    y: int
    positive: bool = True
    level: int = 2


class ClickSession:
    """The clicks on an encoded photograph, see `dgmlib.predictor.Scene.clicks`.

    Args:
        scene: scene of a model with a Deep Grouping Model.
        threshold: superpixels of lower weight are not in the mask.

    Attributes:
        photograph: (H, W, 3) uint8.
        regions: (H, W) superpixels, numbered as the nodes of level 1.
        clicks: the clicks so far.
        levels: L, the highest level a click may climb to.

    Raises:
        ValueError: if the model has no Deep Grouping Model.
    """

    def __init__(self, scene: "Scene", threshold: float = 0.5):
        self.photograph, self.regions, self.levels = scene.photograph, scene.regions, scene.levels
        self.threshold, self.clicks = threshold, []
        grouping = scene.grouping
        self._memberships = [unit_memberships(grouping, level) for level in range(1, self.levels + 1)]

    def click(self, x: int, y: int, positive: bool = True, level: int = 2) -> np.ndarray:
        """Add a `Click`, which climbs to a level from 1 (only its superpixel) to L, and return the new `mask`.

        Raises:
            ValueError: if the click is outside the photograph, or the model does not have the level.
        """
        return self._take(self.clicks, Click(floor(x), floor(y), bool(positive), level))

    def relevel(self, level: int) -> np.ndarray:
        """Move the last click, if any, to another level and return the new `mask`."""
        if not self.clicks:
            return self.mask
        return self._take(self.clicks[:-1], replace(self.clicks[-1], level=level))

    def undo(self) -> np.ndarray:
        """Undo the last click, if any, and return the new `mask`."""
        del self.clicks[-1:]
        return self.mask

    def reset(self) -> None:
        """Remove all clicks."""
        self.clicks.clear()

    def weights(self, click: Click) -> np.ndarray:
        """Weight of every superpixel for one click, (N,) in [0, 1]; the clicked one has 1.

        Raises:
            ValueError: as for `click`.
        """
        height, width = self.regions.shape
        if not (0 <= click.x < width and 0 <= click.y < height):
            raise ValueError(
                f"the click ({click.x}, {click.y}) is outside the photograph; "
                f"x must be 0 to {width - 1} and y 0 to {height - 1}."
            )
        check_level(click.level, self.levels)
        memberships, chosen = self._memberships[click.level - 1], self.regions[click.y, click.x]
        weights = np.clip(memberships @ memberships[chosen], 0, 1)
        weights[chosen] = 1  # even if its row of M is zero, as no group holds it
        return weights

    def groups(self, level: int) -> np.ndarray:
        """Group of every superpixel at a level, (N,) integers, as `Grouping.groups` has them."""
        check_level(level, self.levels)
        return owners(torch.from_numpy(self._memberships[level - 1])).numpy()

    @property
    def selected(self) -> np.ndarray:
        """(N,) bool: the superpixels of the mask."""
        nothing = np.zeros(len(self._memberships[0]))
        positive, negative = (
            np.max([nothing, *(self.weights(click) for click in self.clicks if click.positive == sign)], axis=0)
            for sign in (True, False)
        )
        return (positive > negative) & (positive >= self.threshold)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: where the strongest positive weight reaches the threshold and beats every negative one."""
        return self.selected[self.regions]

    def mask_png(self) -> bytes:
        """Return the mask as a PNG of 0 and 255."""
        return encoded(Image.fromarray(self.mask).convert("L"), "png")

    def save_mask(self, path: str | Path) -> None:
        """Write `mask_png` to a file."""
        with write_atomic(path) as temporary:
            temporary.write_bytes(self.mask_png())

    def clicks_json(self) -> str:
        """Return the clicks as JSON: ``{"width", "height", "clicks": [{"x", "y", "positive", "level"}, ...]}``."""
        height, width = self.regions.shape
        facts = {"width": width, "height": height, "clicks": [asdict(click) for click in self.clicks]}
        return json.dumps(facts, indent=1) + "\n"

    def save_clicks(self, path: str | Path) -> None:
        """Write `clicks_json` to a file; ``session.click(**click)`` for each of its "clicks" gives the same mask."""
        with write_atomic(path) as temporary:
            temporary.write_text(self.clicks_json())

    def _take(self, before: list[Click], click: Click) -> np.ndarray:
        self.weights(click)  # raises an error before anything has changed
        self.clicks = [*before, replace(click, level=int(click.level))]
        return self.mask


def unit_memberships(grouping: Grouping, level: int) -> np.ndarray:
    """Rows of M = P^1 ... P^{l-1} of one image scaled to unit length, (N, N_l): their products are clicks' weights.

    The zero row of a superpixel that belongs to no node of the level stays zero.
    """
    rows = grouping.membership(level)[0][grouping.masks[0][0]].double().cpu().numpy()  # (N, N_l)
    rows /= np.maximum(rows.max(1, keepdims=True), np.finfo(float).tiny)  # first, so that no square underflows
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(float).tiny)
