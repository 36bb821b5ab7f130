"""EMGP's mean shift, drawn fast enough to follow a slider."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from numpy.typing import ArrayLike

from dgmlib.groups import owners
from dgmlib.viz.nodes import principal_components
from dgmlib.viz.style import PALETTE, SCREEN, outlined, plots, region_colours


class Climb:
    """Centres Vbar that climb to the modes of the nodes' density (Eq. 2), and the groups they form in a photograph.

    Args:
        photo: (H, W, 3).
        labels: (H, W) its N superpixels.
        nodes: V, (N, D).
        affinities: (k, bandwidth) -> P after k steps, starting at 0: (N, M) with columns that sum to one.
    """

    def __init__(
        self, photo: ArrayLike, labels: ArrayLike, nodes: ArrayLike, affinities: Mapping[tuple[int, float], ArrayLike]
    ):
        self.labels, self.affinities = np.asarray(labels), {key: np.asarray(p) for key, p in affinities.items()}
        self.colours, self.plane = region_colours(photo, labels), principal_components(np.asarray(nodes), 2)
        self.figure, ((axis, beside),) = plots(2, width=4.6, height=3.5)
        self.canvas = FigureCanvasAgg(self.figure)
        self.figure.set_dpi(1.25 * SCREEN)
        axis.scatter(*self.plane.T, c=self.colours, s=22, linewidths=0.3, edgecolors="#00000055")
        self.trails = axis.add_collection(LineCollection([], colors=PALETTE[0], linewidths=0.8, alpha=0.5))
        self.centres = axis.scatter(*self.plane[:1].T, s=40, facecolors="none", edgecolors=PALETTE[0], zorder=3)
        axis.set(xticks=[], yticks=[], xlabel="first principal component", ylabel="second principal component")
        self.picture = beside.imshow(outlined(self.colours[self.labels], self.labels))
        beside.set_axis_off()
        self.canvas.draw()
        self.figure.set_layout_engine("none")  # computed once, because the layout takes longer than drawing

    def __call__(self, step: int, bandwidth: float) -> tuple[np.ndarray, str]:
        """Draw the state after some steps with a bandwidth; return (h, w, 3) bytes and a line about the groups."""
        trail = np.stack([self.affinities[k, bandwidth].T @ self.plane for k in range(step + 1)], 1)  # (M, k + 1, 2)
        affinity = self.affinities[step, bandwidth]
        group = owners(torch.from_numpy(affinity)).numpy()  # (N,)
        own = (affinity.T @ self.colours)[group]
        alone = affinity.sum(1) == 0  # before the first step, nodes other than the initial centres have none
        own[alone], group[alone] = 0.75 + 0.25 * self.colours[alone], -1
        self.trails.set_segments(trail)
        self.centres.set_offsets(trail[:, -1])
        self.picture.set_data(outlined(np.clip(own, 0, 1)[self.labels], group[self.labels], strength=0.6))
        self.canvas.draw()
        count = len(set(group) - {-1})
        said = f"{count} group{'s' * (count != 1)} of {len(group)} superpixels"
        return np.array(self.canvas.buffer_rgba())[..., :3], said  # a copy, because the canvas is reused
