"""`Predictor`, the single entry point for photographs: encode one once, then query it as often as you like.

    scene = Predictor.load()("photo.jpg")
    scene.objects.ids    # (H, W), and scene.objects.names
    scene.place          # ("street", 0.93)
    scene.groups(2)      # (H, W)
    scene.click(120, 80)  # (H, W) bool
    scene.explain("object", "car", level=2)  # (H, W)
    scene.plot()

Superpixels are computed at the photograph's own size and scaled with it for the network, as in evaluation; all results
have the photograph's size again.
"""

import warnings
from collections.abc import Sequence
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt, find_objects
from torch import Tensor

from dgmlib import paths, superpixels
from dgmlib.broden.loading import nearest, renumber, view
from dgmlib.checkpoints import bare, load_model
from dgmlib.explain.clicks import ClickSession
from dgmlib.explain.gradcam import gradcam
from dgmlib.groups import Grouping, check_level
from dgmlib.interventions import evaluating
from dgmlib.labels import LabelMap, class_names, class_target, part_ids
from dgmlib.parsing import Parsed, PerceptualParser, check_finite
from dgmlib.pictures import Picture, read_picture
from dgmlib.vocabulary import IMAGE_TASKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The DGMs included with the project: trained on drawn scenes (preset demo) and on photographs (preset real).
SHIPPED = ("demo-dgm", "street-dgm")
CHECKPOINT = paths.MODELS / SHIPPED[0]
SHOWN = 1000  # longest side of what `Scene.plot` draws, in pixels
AT_ONCE = 2**26  # class scores held at the photograph's size at once, to limit memory


def located(model: str | Path) -> Path:
    """Path of a model without suffix: one of `SHIPPED` by its name, any other as given."""
    return paths.MODELS / model if str(model) in SHIPPED else bare(model)


class Place(NamedTuple):
    """The kind of scene that a photograph shows, and its softmax probability."""

    name: str
    probability: float


class Predictor:
    """Runs a model on photographs, one by one.

    Args:
        model: the model; its mode and device are left as they are.
        short_side: of the scaled photograph that the model reads, in pixels, as in `dgmlib.evaluation.evaluate`.
            Results are best at the size the model was tested at, the default if its checkpoint records it, else 450.
        max_size: maximum long side of the scaled photograph, in pixels.
        tasks: the heads to run, "object" with "part"; by default all of the model's. Groups and clicks need none.

    Raises:
        ValueError: if a size is not a positive integer, or the model has no head for a task.
    """

    def __init__(
        self,
        model: PerceptualParser,
        short_side: int | None = None,
        max_size: int = 1000,
        tasks: Sequence[str] | None = None,
    ):
        known = (model.recipe["model"] or {}) | model.recipe.get("facts", {})
        self.model, self.max_size = model, max_size
        self.short_side = known.get("short_side", 450) if short_side is None else short_side
        self.max_regions = known.get("max_regions", 512)
        self.tasks = tuple(model.heads) if tasks is None else tuple(tasks)
        for name in ("short_side", "max_size"):
            if not isinstance(size := getattr(self, name), Integral) or size < 1:
                raise ValueError(f"{name} must be a whole number of pixels, at least 1, not {size!r}.")
        if unknown := sorted(set(self.tasks) - set(model.heads)):
            raise ValueError(f"tasks must be among {', '.join(model.heads)}, not {', '.join(unknown)}.")
        if "part" in self.tasks and "object" not in self.tasks:  # parts are those of the predicted object
            self.tasks += ("object",)

    @classmethod
    def load(cls, model: str | Path | PerceptualParser = CHECKPOINT, device: str = "cpu", **settings) -> "Predictor":
        """Create a predictor from a model, its path without suffix, or one of `SHIPPED`; settings as for the class.

        A loaded model is moved to ``device``; a model passed as such stays where it is.

        Raises:
            FileNotFoundError: if a file is missing.
            ValueError: if a file is damaged.
        """
        if not isinstance(model, torch.nn.Module):
            model = load_model(located(model), device)
        return cls(model, **settings)

    def __call__(self, photograph: Picture, regions: ArrayLike | None = None) -> "Scene":
        """Encode a photograph.

        Args:
            photograph: a path, PIL picture or array, see `dgmlib.pictures.read_picture`.
            regions: (H, W) superpixels, any integers from 0; by default those of `superpixels.segment`.

        Raises:
            FileNotFoundError: if the path does not exist.
            ValueError: if the photograph cannot be read, or the regions do not fit it.
            FloatingPointError: if the scores are not finite.
        """
        photograph = read_picture(photograph)
        if regions is None:
            regions = superpixels.segment(photograph, self.max_regions)
        regions = np.asarray(regions)
        if regions.shape != photograph.shape[:2] or regions.dtype.kind not in "iu" or regions.min() < 0:
            raise ValueError(
                f"regions must be integers from 0 of the photograph's shape {photograph.shape[:2]}, "
                f"not {regions.dtype} of shape {regions.shape}."
            )
        image, seen = view(photograph, regions, self.short_side, self.max_size)
        image, seen = image.to(self.model.mean), seen.to(self.model.mean.device)
        with evaluating(self.model), torch.inference_mode():
            parsed = self.model(image, seen, tasks=self.tasks)
        check_finite(parsed, self.tasks)
        return Scene(self.model, photograph, _surviving(regions, seen.shape[1:]), (image, seen), parsed)


class Scene:
    """A photograph encoded by a model; created by `Predictor`.

    Attributes:
        model: the model.
        photograph: (H, W, 3) uint8.
        regions: (H, W) superpixels, numbered as the nodes of level 1. Superpixels lost when the photograph is scaled
            down are merged into the nearest remaining ones.
        seen: (1, 3, h, w) the scaled photograph in [0, 1] and (1, h, w) its superpixels, as the model received them.
        levels: L, the highest level of groups; 0 without a Deep Grouping Model.
    """

    def __init__(
        self,
        model: PerceptualParser,
        photograph: np.ndarray,
        regions: np.ndarray,
        seen: tuple[Tensor, Tensor],
        parsed: Parsed,
    ):
        self.model, self.photograph, self.regions, self.seen = model, photograph, regions, seen
        self.levels = len(parsed.grouping.nodes) if parsed.grouping else 0
        self._parsed, self._cams = parsed, {}

    def __repr__(self) -> str:
        height, width = self.regions.shape
        return f"Scene({width} x {height} pixels, {self.regions.max() + 1} superpixels, {self.levels} levels)"

    @cached_property
    def objects(self) -> LabelMap | None:
        """The object of every pixel; None if the object head was not run."""
        return self._classes("object")

    @cached_property
    def parts(self) -> LabelMap | None:
        """The part of every pixel, among those of its predicted object; None if one of the two heads was not run.

        See `class_names` for the names.
        """
        if self.objects is None or "part" not in self._parsed:
            return None
        ids = np.ones(self.regions.shape, dtype=np.int32)
        for thing, channels in self.model.vocabulary.part_slices.items():
            here = self.objects.ids == thing
            if here.any():
                ids[here] = part_ids(self._best(self._parsed["part"][:, channels]), channels)[here]
        return LabelMap(ids, class_names(self.model.vocabulary, "part"))

    @cached_property
    def materials(self) -> LabelMap | None:
        """The material of every pixel; None if the material head was not run."""
        return self._classes("material")

    @cached_property
    def textures(self) -> LabelMap | None:
        """The texture of every pixel, as Sec. 4 predicts it on natural images; None if the texture head was not run."""
        return self._classes("texture")

    @cached_property
    def place(self) -> Place | None:
        """The kind of scene; None if the scene head was not run."""
        if "scene" not in self._parsed:
            return None
        probability, best = self._parsed["scene"][0].float().softmax(0).max(0)
        return Place(self.model.vocabulary.scenes[int(best)], float(probability))

    @property
    def maps(self) -> dict[str, LabelMap]:
        """The available label maps, named objects, parts, materials and textures."""
        maps = {name: getattr(self, name) for name in ("objects", "parts", "materials", "textures")}
        return {name: labels for name, labels in maps.items() if labels is not None}

    @property
    def grouping(self) -> Grouping:
        """The groups of all levels as the model returned them, for the scaled photograph.

        Raises:
            ValueError: for a model without Deep Grouping Model.
        """
        if not self.levels:
            raise ValueError(
                "model has no Deep Grouping Model, so there are no groups to show, to click on or to explain with; "
                'build or load one with dgm="full" or "no_top_down".'
            )
        return self._parsed.grouping

    def groups(self, level: int) -> np.ndarray:
        """Groups of a level, 1 (superpixels) to `levels`, as `Grouping.groups` has them; (H, W) integers from 0.

        Raises:
            ValueError: for a level that the model does not have.
        """
        return self.grouping.groups(level)[0].cpu().numpy()[self.regions]

    def middles(self, level: int, count: int = 3) -> list[tuple[int, int]]:
        """Points to look at or click on: (x, y) deepest inside groups of a level, deepest first.

        Groups that touch the frame, as backgrounds do, come after those that do not.
        """
        groups, found = self.groups(level), []
        frame = set(groups[[0, -1]].flat) | set(groups[:, [0, -1]].flat)
        for group, box in enumerate(find_objects(groups + 1)):
            if box is not None:
                depth = distance_transform_edt(np.pad(groups[box] == group, 1))  # beyond the frame is outside
                y, x = np.unravel_index(depth.argmax(), depth.shape)
                found.append((group in frame, -depth[y, x], int(x) - 1 + box[1].start, int(y) - 1 + box[0].start))
        return [(x, y) for _, _, x, y in sorted(found)[:count]]

    @cached_property
    def clicks(self) -> ClickSession:
        """The clicks on the photograph, which can be undone, saved, and shown in `dgmlib.widgets.ClickWidget`."""
        return ClickSession(self)

    def click(self, x: int, y: int, positive: bool = True, level: int = 2) -> np.ndarray:
        """Add a click to `clicks`; return the (H, W) bool mask of all so far, see `ClickSession.click`."""
        return self.clicks.click(x, y, positive, level)

    def explain(self, task: str, name: str | None = None, level: int | None = None) -> np.ndarray:
        """Heat map of the superpixels that support a label, by `dgmlib.explain.gradcam`, (H, W), non-negative.

        Args:
            task: one of the model's tasks.
            name: the class, such as "car", or "car: wheel" for a part; by default the predicted scene or texture.
                A class that is predicted at no pixel has a map of zeros, and a warning.
            level: level of the graph, from 1 to `levels`; by default the one whose map has the largest value.

        Raises:
            ValueError: if the model has no Deep Grouping Model, or lacks the task, name or level.
        """
        if level is not None:
            check_level(level, len(self.grouping.nodes))
        if (task, name) not in self._cams:
            self.model.check(*self.seen, (task,))
            whole = name is None and task in IMAGE_TASKS
            target = None if whole else class_target(self.model.vocabulary, task, name)
            self._cams[task, name] = gradcam(self.model, *self.seen, task, target).superpixels
            if not any(cam.any() for cam in self._cams[task, name]):
                warnings.warn(
                    f"the heat map of {name or task} is zero: the network predicts it at no pixel, or no superpixel "
                    "supports it.",
                    stacklevel=2,
                )
        maps = self._cams[task, name]  # of every level (1, N)
        values = max(maps, key=torch.max) if level is None else maps[level - 1]
        return values[0].float().cpu().numpy()[self.regions]

    def plot(self) -> "Figure":
        """Draw the photograph, its groups and its label maps, side by side."""
        from dgmlib import viz  # takes longer to import than a small photograph takes to parse

        step = -(-max(self.regions.shape) // SHOWN)
        groups = {level: self.groups(level)[::step, ::step] for level in range(2, self.levels + 1)}
        titles = {f"level {level}: {len(np.unique(ids))} groups": ids for level, ids in groups.items()}
        maps = {name: (labels.ids[::step, ::step], labels.names) for name, labels in self.maps.items()}
        title = f"place: {self.place.name} ({self.place.probability:.0%})" if self.place else "image"
        return viz.parsing(self.photograph[::step, ::step], maps, titles, title)

    def _classes(self, task: str) -> LabelMap | None:
        if task not in self._parsed:
            return None
        return LabelMap(self._best(self._parsed[task]), class_names(self.model.vocabulary, task))

    def _best(self, logits: Tensor) -> np.ndarray:
        """Class of every pixel, (1, C, h, w) -> (H, W): scaled bilinearly, a few channels at a time."""
        size = self.regions.shape
        best = logits.new_full(size, -torch.inf)
        ids = torch.zeros(size, dtype=torch.int32, device=logits.device)
        few = max(AT_ONCE // self.regions.size, 1)
        for first in range(0, logits.shape[1], few):
            scores = F.interpolate(logits[:, first : first + few], size, mode="bilinear", align_corners=False)
            score, index = scores[0].max(0)  # (H, W)
            better = score > best  # the first of equal ones
            best, ids = torch.where(better, score, best), torch.where(better, index.int() + first, ids)
        return ids.cpu().numpy()


def _surviving(regions: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Renumber superpixels as `view` does; those lost at its shape take the number of the nearest remaining pixel."""
    lost = ~np.isin(regions, regions[np.ix_(*nearest(regions.shape, shape))])
    if lost.any():
        rows, columns = distance_transform_edt(lost, return_distances=False, return_indices=True)
        regions = regions[rows, columns]
    return renumber(regions)
