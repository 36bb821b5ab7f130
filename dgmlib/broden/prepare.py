"""`dgmlib broden prepare`: make resized copies and label maps, in parallel, resuming where it stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from dgmlib.paths import write_atomic
from dgmlib.vocabulary import TASKS

from .files import BrodenError, WrongSizeError, image_shape, read_photo, write_maps
from .source import Record, all_records
from .sources import Sources, labelled_for, resized_shape
from .workers import map_records


@dataclass
class PrepareResult:
    """Result of `prepare`.

    Attributes:
        made: number of records whose copies were written.
        kept: number of records that needed nothing.
        failures: one sentence for each of the others, and for each source that cannot be opened.
    """

    made: int = 0
    kept: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every record is ready."""
        return not self.failures

    def __str__(self) -> str:
        told = f"{self.made} prepared, {self.kept} ready before, {len(self.failures)} failed"
        return "\n".join([told, *self.failures[:20]])


def prepare(
    root: str | Path,
    workers: int = -1,
    tasks: Sequence[str] = TASKS,
    cache: str | Path | None = None,
    progress: bool | None = None,
    scheduler: str = "",
) -> PrepareResult:
    """Resize what Broden+ resizes and store label maps that load in milliseconds, in ``prepared`` below ``cache``.

    ADE20K and OpenSurfaces: if both sides of a photograph exceed 512 pixels, a copy with a short side of 512. All
    sources with label maps: the maps in the vocabulary's ids, at the image's size, with PASCAL-Part's masks merged.
    Originals are not changed. Another run makes only what is missing or whose original has changed.

    The arguments are those of `check`.

    Returns:
        counts, and what could not be prepared, to be printed; ``ok`` tells whether everything is ready.

    Raises:
        BrodenError: the vocabulary or the label assignment is missing or broken.
    """
    sources = Sources(Path(root), cache)
    result, records = PrepareResult(), []
    for source in (source for source in labelled_for(tasks) if source.map_tasks()):
        try:
            sources.open(source)
            records += all_records(sources.meta, source)
        except BrodenError as error:  # the other sources can still be prepared
            result.failures.append(str(error))
    for _, outcome in map_records(prepare_record, sources, records, workers, "prepare", progress, scheduler):
        if isinstance(outcome, BrodenError):
            result.failures.append(str(outcome))
        else:
            result.made += outcome
            result.kept += not outcome
    return result


def prepare_record(sources: Sources, record: Record) -> bool:
    """Make the copies of one record; return whether any had to be made.

    Raises:
        BrodenError: a file is missing or broken, or the size rule does not lead to the record's size.
    """
    source = sources.of(record)
    original, (photo, copy) = source.image(record), sources.copies(record)
    native = image_shape(original, source.photo_remedy, record.shape)
    if record.shape != native and not (source.resized and record.shape == resized_shape(*native)):
        raise WrongSizeError(
            f"{original} has {native[0]} x {native[1]} pixels, which Broden+'s size rule does not bring to the "
            f"{record.height} x {record.width} of its record; {source.photo_remedy}."
        )
    make_photo = record.shape != native and not photo.is_file()
    make_maps = bool(source.map_tasks()) and not copy.is_file()
    if make_photo:
        pixels = resize_linear(read_photo(original, source.photo_remedy), record.shape)
        with write_atomic(photo) as temporary:
            Image.fromarray(pixels).save(temporary, quality=95)  # OpenCV's default, as in the original
    if make_maps:
        maps = source.maps(record)
        for labels, path in zip(maps.values(), source.label_files(record), strict=False):
            if labels.shape != native and not source.free_labels:
                raise WrongSizeError(
                    f"{path} has {labels.shape[0]} x {labels.shape[1]} pixels but its image {native[0]} x {native[1]}; "
                    f"{source.label_remedy}."
                )
        write_maps(copy, {task: resize_nearest(labels, record.shape) for task, labels in maps.items()})
    return make_photo or make_maps


def resize_linear(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 bilinearly without smoothing, as OpenCV's INTER_LINEAR does."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()  # (1, 3, H, W)
    resized = F.interpolate(pixels, size=shape, mode="bilinear", align_corners=False)
    return resized[0].permute(1, 2, 0).round().to(torch.uint8).numpy()


def resize_nearest(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) labels as OpenCV's INTER_NEAREST does, by the corners of pixels."""
    rows, columns = (np.arange(new) * old // new for old, new in zip(labels.shape, shape, strict=True))
    return labels[np.ix_(rows, columns)]
