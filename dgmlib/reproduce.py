"""Regenerate tables, figures and executed notebooks; continue what was interrupted, skip what is done.

Every notebook has one cell tagged ``parameters`` whose values are small ("smoke") and whose results go to a temporary
folder. `reproduce` executes them through papermill with a profile's values; papermill's own command line does, too.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import papermill
import torch

import dgmlib
from dgmlib import paths, presets
from dgmlib.checkpoints import save_model
from dgmlib.data import data_root
from dgmlib.experiments import Cell
from dgmlib.measure import tables

#: Of the DGM that preset mini trains for the notebooks.
SHOWN_ITERATIONS = 1000


class NotebookError(ValueError):
    """A notebook raised an error."""


@dataclass(frozen=True)
class Session:
    """A notebook's preset, and the folders of its trained models, tables and pictures."""

    preset: presets.Preset
    runs: Path
    results: Path
    figures: Path


def begin(notebook: str, namespace: Mapping[str, object]) -> Session:
    """Check a notebook's parameters and choose its folders; to be called as ``begin("05_...", globals())``.

    Where ``out``, the folder for its results, is not given or empty, profile "smoke" writes to a temporary folder and
    every other one to the project's.

    Raises:
        ValueError: for a variable that is none of the notebook's parameters (papermill only warns), or no preset.
    """
    given = {k for k, v in namespace.items() if isinstance(v, bool | int | float | str | list | dict)}
    known = _parameters(notebook)
    unknown = sorted(name for name in given - set(known) if not name.startswith("_") and name not in ("In", "Out"))
    if unknown:
        raise ValueError(f"{notebook} has no parameter {', '.join(unknown)}; it takes {', '.join(known)}.")
    preset = presets.get(namespace["profile"])
    if namespace.get("out"):
        root = Path(namespace["out"]).expanduser().resolve()
    else:
        root = Path(tempfile.mkdtemp(prefix="dgmlib-")) if preset.name == "smoke" else paths.ROOT
    return Session(preset, *(root / folder.name for folder in (paths.RUNS, paths.RESULTS, paths.FIGURES)))


def _parameters(notebook: str) -> dict:
    return papermill.inspect_notebook(str(paths.NOTEBOOKS / f"{notebook}.ipynb"))


def reproduce(
    profile: str = "mini",
    seeds: int = 1,
    data: Path | None = None,
    ade20k: Path | None = None,
    workers: int = 2,
    pretrained: str = "",
    checkpoints: bool = False,
    only: tuple[str, ...] = (),
) -> None:
    """Regenerate the tables, the figures and the executed notebooks; interrupted, the same command continues.

    Args:
        profile: "mini" (Broden-mini, minutes), "paper" (Broden+, GPUs) or "smoke" (seconds, meaningless numbers).
        seeds: how many seeds to train every model with.
        data: root of Broden+ for profile "paper"; of Broden-mini it is optional.
        ade20k: folder ADEChallengeData2016 for Table 2 of profile "paper"; the others train it on Broden-mini.
        workers: processes that train side by side on a CPU.
        pretrained: ImageNet weights, which the paper starts from: a file, or a folder with one file for each backbone
            (resnet50.pth, ...); empty: random weights.
        checkpoints: also train the DGM anew that comes with the project and that the notebooks show, longer than a cell
            of Table 1. `dgmlib measure` measures its groups, clicks and heat maps again.
        only: names of notebooks to run, e.g. 05_table1_broden; all by default.
    """
    began = perf_counter()
    preset, objects = presets.with_weights(presets.get(profile), pretrained), presets.get(f"{profile}-objects")
    notebooks = sorted(path.stem for path in paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if unknown := sorted(set(only) - set(notebooks)):
        raise ValueError(f"there is no notebook {', '.join(unknown)}; choose from {', '.join(notebooks)}.")
    _say(began, f"data: {preset.data}")
    chosen = only or notebooks
    root = data_root(preset, data, workers)
    if not preset.mini and ade20k is None and "06_table2_backbones" in chosen:
        raise ValueError(f"Table 2 of profile {profile!r} runs on {objects.data}: pass its folder as ade20k.")
    scenes = data_root(objects, ade20k, workers) if ade20k else root
    # Meaningless numbers never reach the project's results.
    out = paths.RUNS / "smoke" if preset.name == "smoke" else paths.ROOT
    runs, results = out / paths.RUNS.name, out / paths.RESULTS.name
    places = {"runs": runs, "out": results, "workers": workers, "pretrained": pretrained, "report": True}
    if "05_table1_broden" in chosen:
        _say(began, f"Table 1 on {preset.data}: training and evaluating")
        tables.table1(profile, seeds, root, **places)
    if "06_table2_backbones" in chosen:
        _say(began, f"Table 2 on {objects.data}: training and evaluating")
        tables.table2(profile, seeds, scenes, **places)
    if "07_table3_overhead" in chosen:
        _say(began, "Table 3: counting")
        tables.table3(results)
    if checkpoints:
        _say(began, "training the DGM that the notebooks show")
        iterations = SHOWN_ITERATIONS if preset.name == "mini" else preset.training.iterations
        longer = replace(preset, training=replace(preset.training, iterations=iterations))
        cell = Cell(longer, "DGM", "O+P+S+M+T", 0, root, runs)
        cell.train()
        network = cell.model()
        facts = network.recipe["facts"] | {"setting": cell.setting}
        # In half precision it is small enough to travel with the project.
        save_model(network, results / "checkpoints" / f"{preset.name}-dgm", torch.float16, **facts)
    for name in chosen:
        given = str(scenes if name == "06_table2_backbones" else root)
        values = {"profile": profile, "seeds": seeds, "data": given, "workers": workers, "out": str(out)}
        known = _parameters(name)
        execute(name, {key: value for key, value in values.items() if key in known}, out, began)
    if out == paths.ROOT and not only:
        tables.refresh_readme()
    _say(began, f"done: results/ (tables, executed notebooks) and figures/ in {out}")


def execute(name: str, parameters: dict, out: Path, began: float) -> None:
    """Execute a notebook into ``out``/results/notebooks, unless the copy there came from the same inputs.

    Its inputs are its source, its parameters, the files of results/ and figures/ whose names it quotes, and the version
    of dgmlib. Delete the copy to have it made anew. The time printed is since ``began``.

    Raises:
        NotebookError: if a cell fails; the last good copy stays.
    """
    source, copy = paths.NOTEBOOKS / f"{name}.ipynb", out / paths.RESULTS.name / "notebooks" / f"{name}.ipynb"
    stamp = copy.with_suffix(".json")
    if copy.exists() and stamp.exists() and stamp.read_text() == _inputs(source, parameters, out):
        _say(began, f"{name}: unchanged")
        return
    _say(began, f"{name}: executing")
    options = {"kernel_name": "python3", "progress_bar": False, "store_widget_state": False}
    # ipykernel 7 warns at every start that it talks over TCP, on this machine only.
    options["extra_arguments"] = ["--IPKernelApp.log_level=ERROR"]
    try:
        with paths.write_atomic(copy) as temporary:
            papermill.execute_notebook(source, temporary, parameters, **options)
    except papermill.PapermillExecutionError as error:
        raise NotebookError(
            f"{name} failed in its code cell {error.exec_count} with {error.ename}: {error.evalue}; "
            "open it in JupyterLab and run it to see more."
        ) from error
    with paths.write_atomic(stamp) as temporary:
        temporary.write_text(_inputs(source, parameters, out))  # now, as it may have written what it quotes


def _inputs(notebook: Path, parameters: dict, out: Path) -> str:
    """All that an executed copy depends on, as json."""
    text = "\n".join("".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    quoted = {Path(name).name for name in re.findall(r'"([^"\n]+)"', text)}
    digest = hashlib.sha256(text.encode())
    for folder in dict.fromkeys((paths.RESULTS, out / paths.RESULTS.name, out / paths.FIGURES.name)):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            place = path.relative_to(folder)
            if quoted & {path.name, path.stem, *place.parent.parts} and place.parts[0] != "notebooks":
                digest.update(f"{folder.name}/{place}".encode() + path.read_bytes())
    return json.dumps({"dgmlib": dgmlib.__version__, "parameters": parameters, "inputs": digest.hexdigest()})


def _say(began: float, text: str) -> None:
    minutes, seconds = divmod(int(perf_counter() - began), 60)
    print(f"[{minutes:2d}:{seconds:02d}] {text}", flush=True)
