"""One cell of Tables 1 and 2: a system, trained in one setting from one seed, and scored.

Finished cells are read back, interrupted ones resumed. A cell is identified by its settings and the content of its
data, not by its path: a different folder of the same name is another cell, a moved folder is the same one.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dgmlib import paths, presets
from dgmlib.backbones import EfficientNet
from dgmlib.backbones.weights import load_backbone
from dgmlib.checkpoints import load_model
from dgmlib.data import content, data_name, open_data
from dgmlib.evaluation import count, fractions, listening
from dgmlib.interventions import cut
from dgmlib.launch import resolved
from dgmlib.parsing import PerceptualParser, Variant
from dgmlib.provenance import provenance
from dgmlib.training import train
from dgmlib.vocabulary import Vocabulary


@dataclass(frozen=True)
class System:
    """One row: a key of `decoders.DECODERS`, the Deep Grouping Model on it, if any, and whether its graph is cut."""

    decoder: str
    dgm: Variant | None = None
    cut: bool = False


#: Rows of Table 1, which adds the Deep Grouping Model to UPerNet.
TABLE1 = {
    "OCNet": System("ocnet"),
    "APCNet": System("apcnet"),
    "UPerNet": System("upernet"),
    "DGM w/o top-down": System("upernet", "no_top_down"),
    "DGM": System("upernet", "full"),
}
#: Rows of Table 2, which adds it to three networks.
TABLE2 = {
    "CCNet": System("ccnet"),
    "APCNet": System("apcnet"),
    "OCNet": System("ocnet"),
    **{
        name + suffix: System(decoder, dgm)
        for name, decoder in (("UPerNet", "upernet"), ("HRNetV2", "hrnet"), ("DeepLabV3", "deeplabv3"))
        for suffix, dgm in (("", None), (" + DGM w/o top-down", "no_top_down"), (" + DGM", "full"))
    },
}

#: GCU and HRNetV2 of the paper's appendix (Sec. 5.3), here in Table 1's settings; available by name.
APPENDIX = {"GCU": System("gcu"), **{name: row for name, row in TABLE2.items() if name.startswith("HRNetV2")}}
#: The control of results/evidence.md: superpixels are pooled and re-projected, but receive only the mean of nodes.
CONTROL = {"DGM w/o graph": System("upernet", "full", cut=True)}
#: All of these, and `dgmlib.plus`, which goes beyond the paper.
SYSTEMS = TABLE1 | TABLE2 | APPENDIX | CONTROL | {"DGM plus": System("upernet", "plus")}

#: Setting -> tasks: the two of Table 1, Table 2's segmentation of objects alone, and that of preset real.
SETTINGS = {
    "O+P+S": ("object", "part", "scene"),
    "O+P+S+M+T": ("object", "part", "scene", "material", "texture"),
    "O": ("object",),
    "O+P+T": ("object", "part", "texture"),
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table: ``Cell(preset, "DGM", "O+P+S", 0, root).metrics()`` trains and scores it or reads it back.

    Attributes:
        preset: its network, training and evaluation settings, as returned by `startable`.
        system: a key of `SYSTEMS`.
        setting: a key of `SETTINGS`.
        seed: seed of the weights, the order of the images and the starting vertices.
        data: root of the data set, see `open_data`.
        runs: folder of all runs.

    Raises:
        ValueError: if there is no such system or setting.
    """

    preset: presets.Preset
    system: str
    setting: str
    seed: int
    data: Path
    runs: Path = paths.RUNS

    def __post_init__(self):
        for value, known in ((self.system, SYSTEMS), (self.setting, SETTINGS)):
            if value not in known:
                raise ValueError(f"there is no {value!r}; choose one of {', '.join(known)}.")
        presets.check_seed(self.seed)
        object.__setattr__(self, "preset", startable(self.preset, self.system))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of the setting."""
        return SETTINGS[self.setting]

    @cached_property
    def identity(self) -> str:
        """Digest of everything that determines the result: settings, content of the data, and initial weights."""
        settings = {key: asdict(getattr(self.preset, key)) for key in ("model", "training", "testing")}
        settings["training"] |= presets.PACE
        file = _weights(replace(self.preset.model, decoder=SYSTEMS[self.system].decoder))
        if file is not None and file.is_file():
            settings["model"]["pretrained"] = hashlib.sha256(file.read_bytes()).hexdigest()
        what = [settings, self.system, self.setting, self.seed, content(self.data)]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Folder of the cell's model, log and metrics; no two cells share one."""
        name = "_".join([*f"{self.system} {self.setting}".replace("/", "").split(), f"seed{self.seed}"])
        return self.runs / self.preset.name / f"{name}-{self.identity[:8]}"

    def train(
        self, device: str = "auto", progress: bool | None = None, on_log: Callable[[dict], None] | None = None
    ) -> Path:
        """Train the cell unless it is finished; arguments as for `train`. Return the path for `load_model`."""
        preset, dataset = self.preset, open_data(self.data, "train", self.tasks)
        network = build(preset, self.system, dataset.vocabulary, self.tasks, self.seed)
        run = self.folder, self.seed, preset.model.max_regions, device, progress, on_log, self.identity
        facts = {"data": data_name(preset, self.data), "short_side": preset.testing.short_side}
        with self.as_trained(network):
            train(network, dataset, preset.training, *run, **facts)
        return self.folder / "model"

    def as_trained(self, network: PerceptualParser) -> AbstractContextManager[None]:
        """Apply the system's intervention to a network while it runs: cut its graph, or nothing."""
        return cut(network) if SYSTEMS[self.system].cut else nullcontext()

    def model(self) -> PerceptualParser:
        """Load the trained model.

        Raises:
            FileNotFoundError: if the cell is not trained.
            ValueError: if the model is damaged or belongs to another cell.
        """
        model = load_model(self.folder / "model")
        if model.recipe["facts"].get("identity") != self.identity:
            raise ValueError(f"{self.folder} holds the model of another cell; delete it and train again.")
        return model

    def metrics(self, **training) -> dict[str, float]:
        """Read the cell's metrics back, or score it, after training it (see `train`) if needed.

        Returns:
            metric -> fraction in [0, 1], see `score`.
        """
        path = self.folder / "metrics.json"
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):  # missing or incomplete: measured now
            facts = json.loads(path.read_text())
            if facts["identity"] == self.identity:
                return facts["metrics"]
        self.train(**training)
        metrics, heard = self._score(training.get("progress"), training.get("device", "auto"))
        facts = {"data": data_name(self.preset, self.data), "heard": heard, "made": provenance()}
        with paths.write_atomic(path) as temporary:
            temporary.write_text(json.dumps({"metrics": metrics, "identity": self.identity} | facts, indent=1))
        return metrics

    def counts(self) -> dict[str, np.ndarray]:
        """Return `evaluation.count` of a trained cell: task -> (images, 3, classes), 0 where unlabelled."""
        if not (path := self.folder / "counts.npz").exists():
            self._score(False)
        with np.load(path) as arrays:
            return dict(arrays)

    def _score(self, progress: bool | None, device: str = "auto") -> tuple[dict[str, float], dict[str, list[float]]]:
        """Score the trained cell and store its counts per image; return metrics and statistics of `listening`."""
        model = self.model()
        with self.as_trained(model):
            metrics, counts, heard = score(model, self.preset, self.data, progress, device=device)
        sizes = {task: counted.shape for one in counts for task, counted in one.items()}
        arrays = {t: np.stack([one.get(t, np.zeros(size, np.int64)) for one in counts]) for t, size in sizes.items()}
        with paths.write_atomic(self.folder / "counts.npz") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return metrics, heard

    def heard(self) -> dict[str, list[float]]:
        """Return what the graph contributes in a scored cell, see `listening`; empty without DGM."""
        return self._facts()["heard"]

    def made(self) -> str:
        """Return the commit and device that produced a scored cell, which may be older than the table that reads it."""
        origin = self._facts().get("made", {"commit": "unknown", "device": "unknown"})
        return f"{origin['commit']} on {origin['device']}"

    def _facts(self) -> dict:
        return json.loads((self.folder / "metrics.json").read_text())


def startable(preset: presets.Preset, system: str) -> presets.Preset:
    """Return the preset adapted to a system: in presets with an EfficientNet, HRNetV2 is trained from scratch.

    Raises:
        ValueError: if it starts from weights that are not there.
    """
    config = replace(preset.model, decoder=SYSTEMS[system].decoder)
    if config.pretrained != "imagenet":
        if (file := _weights(config)) and not file.is_file():
            raise ValueError(f"{file} is not a file; give the path of a downloaded checkpoint, or of a folder of them.")
        return preset
    if config.backbone.startswith("efficientnet"):
        return presets.with_weights(preset, "random") if config.decoder == "hrnet" else preset
    raise ValueError(
        f"{system} of preset {preset.name!r} starts from ImageNet, as the paper does: pass pretrained=FOLDER with "
        f"{_backbone(config)}.pth in it, which its authors publish, or pretrained=random to learn from scratch."
    )


def build(
    preset: presets.Preset, system: str, vocabulary: Vocabulary, tasks: tuple[str, ...], seed: int
) -> PerceptualParser:
    """Build a system for a vocabulary, see `start`."""
    chosen = SYSTEMS[system]
    config = replace(startable(preset, system).model, decoder=chosen.decoder)
    return start(config, chosen.dgm, vocabulary, tasks, seed)


def start(
    config: presets.ModelConfig, dgm: Variant | None, vocabulary: Vocabulary, tasks: tuple[str, ...], seed: int
) -> PerceptualParser:
    """Build a network with random weights, or with the published ones that ``config`` names for its backbone."""
    torch.manual_seed(seed)
    network = PerceptualParser.from_config(config, vocabulary, dgm, tasks)
    if config.pretrained and isinstance(network.backbone, EfficientNet):
        network.backbone.load(config.backbone if config.pretrained == "imagenet" else str(_weights(config)))
    elif config.pretrained:
        # The deep stem's published weights are CSAIL's, trained on its BGR images.
        load_backbone(network.backbone, _weights(config), bgr=config.decoder != "hrnet" and config.stem == "deep")
    return network


def score(
    model: PerceptualParser,
    preset: presets.Preset,
    data: Path,
    progress: bool | None = None,
    images: int | None = None,
    device: str = "auto",
) -> tuple[dict[str, float], list[dict[str, Tensor]], dict[str, list[float]]]:
    """Evaluate a model on the validation split by Broden+'s rules.

    Args:
        model: with heads for the tasks to score.
        preset: gives the evaluation settings.
        data: root of the data set.
        progress: False hides the progress bar.
        images: number of images, evenly spaced; by default all.
        device: "auto" (a GPU if there is one), "cpu" or "cuda".

    Returns:
        metric -> fraction in [0, 1], such as "object/mIoU", and "object/mIoU (multi-scale)" if the preset asks for
        it; what `evaluation.count` returns for the single scale; and what `listening` records there.
    """
    device = resolved(device)
    tasks, testing = tuple(model.heads), preset.testing
    model, dataset = model.to(device), open_data(data, "val", tasks, model.vocabulary)
    how = {"device": device, "workers": preset.training.workers, "progress": progress, "images": images}
    sizes = testing.short_side, preset.model.max_regions
    counted = partial(count, model, dataset, tasks, *sizes, max_size=testing.max_size, **how)
    with listening(model) as heard:
        counts = counted()
    metrics = fractions(counts, dataset.vocabulary)
    if testing.multi_scale:
        several = fractions(counted(scales=testing.multi_scale), dataset.vocabulary)
        metrics |= {f"{name} (multi-scale)": value for name, value in several.items()}
    return metrics, counts, heard


def _backbone(config: presets.ModelConfig) -> str:
    return config.hrnet if config.decoder == "hrnet" else config.backbone


def _weights(config: presets.ModelConfig) -> Path | None:
    """The file of initial weights that the user provides, if any."""
    if config.pretrained in ("", "imagenet"):
        return None
    path = Path(config.pretrained)
    return path / f"{_backbone(config)}.pth" if path.is_dir() else path
