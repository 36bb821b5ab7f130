"""Weights as safetensors with a json recipe beside them; nothing pickled is ever loaded."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from dgmlib.backbones.weights import load_checked
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import write_atomic
from dgmlib.presets import ModelConfig
from dgmlib.vocabulary import Vocabulary


def save_model(model: PerceptualParser, path: str | Path, **facts) -> None:
    """Write ``path.safetensors`` and ``path.json``, the recipe that `load_model` rebuilds the model from.

    Args:
        model: a model made by `PerceptualParser.from_preset` or `from_config`.
        path: where, without suffix.
        **facts: anything worth remembering with the weights (data, iterations, seed); json-serialisable.
    """
    path = Path(path)
    recipe = model.recipe | {"vocabulary": asdict(model.vocabulary), "facts": facts}
    save_tensors(model.state_dict(), path.with_name(path.name + ".safetensors"))
    with write_atomic(path.with_name(path.name + ".json")) as temporary:
        temporary.write_text(json.dumps(recipe, indent=1) + "\n")


def load_model(path: str | Path, device: str = "cpu") -> PerceptualParser:
    """Rebuild a model from ``path.safetensors`` and ``path.json``, ready for evaluation.

    Args:
        path: what `save_model` was given, e.g. "results/checkpoints/mini-dgm".
        device: where to put it.

    Returns:
        The model; its ``recipe`` holds the facts that were saved with it.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged or the weights do not fit the recipe.
    """
    path = Path(path)
    recipe_path = path.with_name(path.name + ".json")
    if not recipe_path.exists():
        raise FileNotFoundError(f"there is no model {path}: {recipe_path.name} is missing; train it or check the path.")
    try:
        recipe = json.loads(recipe_path.read_text())
        model = PerceptualParser.from_config(
            ModelConfig(**recipe["model"]), _vocabulary(recipe["vocabulary"]), recipe["dgm"], tuple(recipe["tasks"])
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{recipe_path} is not a dgmlib recipe ({error!r}); copy or train the model again.") from error
    model.recipe["facts"] = recipe.get("facts", {})
    load_checked(model, load_tensors(path.with_name(path.name + ".safetensors"))[0], str(path))
    return model.to(device).eval()


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors and a small dictionary of text to one safetensors file, all or nothing."""
    with write_atomic(path) as temporary:
        # Writing to a file of its own: parameters may be views of larger storages.
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: tensors on the CPU, and the text written beside them."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; train the model again or copy the file there.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        return load_file(path), metadata
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and train or copy it again.") from error


def _vocabulary(recipe: dict) -> Vocabulary:
    """Undo what json does to tuples and integer keys."""
    names = {key: tuple(value) for key, value in recipe.items() if key != "object_parts"}
    parts = {int(key): tuple(value) for key, value in recipe["object_parts"].items()}
    return Vocabulary(**names, object_parts=parts)
