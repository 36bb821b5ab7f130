"""One cell of Tables 1 and 2: build a system, train it, score it, into a folder of its own.

A cell is a system (a decoder, with or without the Deep Grouping Model), a setting (which tasks) and a seed. Finished
cells are read back, interrupted ones continued.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import torch
from torch.utils.data import Dataset

from dgmlib import paths, presets
from dgmlib.backbones import EfficientNet
from dgmlib.backbones.weights import load_backbone, load_imagenet
from dgmlib.broden import BrodenPlus, FolderDataset, SceneParse150, Vocabulary, mini
from dgmlib.checkpoints import load_model
from dgmlib.evaluation import evaluate
from dgmlib.parsing import PerceptualParser, Variant
from dgmlib.training import train


@dataclass(frozen=True)
class System:
    """What a row of Table 1 or 2 is: a key of `decoders.DECODERS`, and the Deep Grouping Model on it, if any."""

    decoder: str
    dgm: Variant | None = None


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
SYSTEMS = TABLE1 | TABLE2

#: Settings and their tasks: the two of Table 1, and Table 2's segmentation alone, which runs by `Preset.single_task`.
SETTINGS = {
    "O+P+S": ("object", "part", "scene"),
    "O+P+S+M+T": ("object", "part", "scene", "material", "texture"),
    "O": ("object",),
}


def data_root(preset: presets.Preset, root: str | Path | None = None, workers: int = 2) -> Path:
    """Return the folder of a preset's data set; Broden-mini is generated there if it is not complete.

    Raises:
        ValueError: for a preset on Broden+ or ADE20K without ``root``, or one on Broden-mini with another data set.
    """
    if root is not None and _layout(Path(root)) is not BrodenPlus:
        return Path(root)
    if preset.mini:
        root = Path(root or paths.DATA / f"broden-{preset.mini}")
        if root.is_dir() and any(root.iterdir()) and not (root / mini.MANIFEST).is_file():
            raise ValueError(
                f"{root} holds something else than Broden-mini; choose an empty folder for it, or, if these are "
                "pictures of your own, add names.txt, or, if this is Broden+, pass --profile paper."
            )
        return mini.generate(root, counts=preset.mini, workers=workers)
    if root is None:
        raise ValueError(f"preset {preset.name!r} runs on {preset.data}, which you bring: pass the folder as data=.")
    return Path(root)


def open_data(root: Path, split: str, tasks: tuple[str, ...]) -> Dataset:
    """Open a data set by what its folder holds: `SceneParse150`, a `FolderDataset`, or else `BrodenPlus`.

    Raises:
        ValueError: if other tasks than objects are asked of a folder that has only these.
    """
    layout = _layout(root)
    if layout is BrodenPlus:
        return BrodenPlus(root, split, tasks)
    if tasks != SETTINGS["O"]:
        raise ValueError(f"{root} has labels of objects only, not of {', '.join(tasks)}; choose setting O.")
    return layout(root, split)


def _layout(root: Path) -> type[Dataset]:
    if (root / "objectInfo150.txt").exists():
        return SceneParse150
    return FolderDataset if (root / "names.txt").exists() else BrodenPlus


def settings_for(preset: presets.Preset, tasks: tuple[str, ...], root: Path) -> presets.Preset:
    """Return what tasks are trained by: the preset or its ``single_task``, with the name of the data in ``root``."""
    own = preset.single_task if tasks == SETTINGS["O"] else preset
    return replace(own, data=root.name) if _layout(root) is FolderDataset else own


def build(
    preset: presets.Preset, system: str, vocabulary: Vocabulary, tasks: tuple[str, ...], seed: int
) -> PerceptualParser:
    """Build a system for some classes, with random weights or, where the preset names some, published ones."""
    chosen = SYSTEMS[system]
    config = replace(preset.model, decoder=chosen.decoder)
    torch.manual_seed(seed)
    network = PerceptualParser.from_config(config, vocabulary, chosen.dgm, tasks)
    name = config.hrnet if chosen.decoder == "hrnet" else config.backbone
    if config.pretrained == "imagenet" and isinstance(network.backbone, EfficientNet):
        network.backbone.load(name)
    elif config.pretrained == "imagenet":
        load_imagenet(network.backbone, name)
    elif config.pretrained:
        path = Path(config.pretrained)
        deep = chosen.decoder != "hrnet" and config.stem == "deep"
        # The deep stem's published weights are CSAIL's, trained on its BGR images.
        load_backbone(network.backbone, path / f"{name}.pth" if path.is_dir() else path, bgr=deep)
    return network


def train_cell(
    preset: presets.Preset,
    system: str,
    setting: str,
    seed: int,
    data: Path,
    runs: Path = paths.RUNS,
    device: str = "auto",
    progress: bool | None = None,
    on_log: Callable[[dict], None] | None = None,
) -> Path:
    """Train one cell into a folder of its own; a finished one is left alone, an interrupted one continued.

    Args:
        preset: the run's settings.
        system: a key of `SYSTEMS`.
        setting: a key of `SETTINGS`.
        seed: of the weights, the order of the images and the starting vertices.
        data: root of the data set, see `open_data`.
        runs: folder of all runs.
        device: see `train`.
        progress: see `train`.
        on_log: see `train`.

    Returns:
        The run's folder, with "model.safetensors" and "model.json" for `load_model(folder / "model")`.
    """
    own = settings_for(preset, SETTINGS[setting], data)
    out = cell_folder(preset, system, setting, seed, data, runs)
    dataset = open_data(data, "train", SETTINGS[setting])
    network = build(own, system, dataset.vocabulary, SETTINGS[setting], seed)
    facts = {"data": own.data, "short_side": own.testing.short_side}
    train(network, dataset, own.training, out, seed, own.model.max_regions, device, progress, on_log, **facts)
    return out


def cell_folder(
    preset: presets.Preset, system: str, setting: str, seed: int, data: Path, runs: Path = paths.RUNS
) -> Path:
    """Folder of one cell; other settings or other data give another folder, so nothing stale is read."""
    own = replace(settings_for(preset, SETTINGS[setting], data), single_task=None)
    manifest = data / mini.MANIFEST
    drawn = manifest.read_text() if manifest.exists() else str(data)
    digest = hashlib.sha256(json.dumps([asdict(own), drawn], sort_keys=True).encode()).hexdigest()[:8]
    name = "_".join([*f"{system} {setting}".replace("/", "").split(), f"seed{seed}"])
    return runs / f"{own.name}-{digest}" / name


def run(
    preset: presets.Preset, system: str, setting: str, seed: int, data: Path, runs: Path = paths.RUNS, **training
) -> dict[str, float]:
    """Train and evaluate one cell, or read its metrics back; arguments as for `train_cell`.

    Returns:
        metric -> value, keys such as "object/mIoU"; "object/mIoU (multi-scale)" where the preset tests so.
    """
    done = cell_folder(preset, system, setting, seed, data, runs) / "metrics.json"
    if not done.exists():
        began = perf_counter()
        out = train_cell(preset, system, setting, seed, data, runs, **training)
        own = settings_for(preset, SETTINGS[setting], data)
        metrics = score(load_model(out / "model"), own, data, training.get("progress"))
        facts = {"metrics": metrics, "data": own.data, "seconds": round(perf_counter() - began)}
        with paths.write_atomic(done) as temporary:
            temporary.write_text(json.dumps(facts, indent=1))
    return json.loads(done.read_text())["metrics"]


def score(
    model: PerceptualParser, preset: presets.Preset, data: Path, progress: bool | None = None
) -> dict[str, float]:
    """Evaluate a model on the validation split by Broden+'s rules, on a GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tasks, testing = tuple(model.heads), preset.testing
    model, dataset = model.to(device), open_data(data, "val", tasks)
    metrics = {}
    for suffix, scales in (("", (1.0,)), (" (multi-scale)", testing.multi_scale)):
        if scales:
            scores = evaluate(
                model,
                dataset,
                tasks,
                short_side=testing.short_side,
                max_regions=preset.model.max_regions,
                scales=scales,
                max_size=testing.max_size,
                device=device,
                progress=progress,
            )
            metrics |= {name + suffix: value for name, value in scores.items()}
    return metrics
