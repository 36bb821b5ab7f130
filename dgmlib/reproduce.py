"""Regenerate tables, figures and executed notebooks; resume what was interrupted, skip what is done.

Every notebook has one cell tagged ``parameters`` whose values are small ("smoke") and whose results go to a temporary
folder. `reproduce` executes them through papermill with a profile's values, as papermill's command line can. Either
way, `begin`, the call below the parameters, rejects a parameter that the notebook does not have. Results go to
``results/yours``, and a report compares them with the committed ones.
"""

import ast
import atexit
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import papermill
import torch
from PIL import Image
from skimage.data import astronaut

import dgmlib
from dgmlib import paths, presets
from dgmlib.checkpoints import save_model
from dgmlib.data import data_root
from dgmlib.experiments import Cell, startable
from dgmlib.measure import compare, tables
from dgmlib.pictures import read_picture


@dataclass(frozen=True)
class Session:
    """The preset of a notebook's profile, and where it reads and writes."""

    preset: presets.Preset
    runs: Path  # trained models
    results: Path  # tables
    figures: Path

    def stored(self, name: str) -> Path:
        """Locate a result to show: this profile's own if it exists and is not smoke's, else the committed one."""
        made = self.results / name
        return made if made.exists() and self.preset.name != "smoke" else paths.RESULTS / name

    def photograph(self, path: str = "", short_side: int = 0) -> np.ndarray:
        """Read the photograph used throughout the notebooks: the reader's, or else NASA's of an astronaut.

        If a short side is given, it is scaled to about that size, in multiples of 32 pixels.
        """
        photo = read_picture(path or astronaut()[:448])
        if short_side:
            sides = photo.shape[:2]
            height, width = (32 * max(round(side * short_side / min(sides) / 32), 1) for side in sides)
            photo = np.asarray(Image.fromarray(photo).resize((width, height)))
        return photo


def begin(notebook: str, namespace: Mapping[str, object]) -> Session:
    """Check a notebook's parameters and choose its folders; call it as ``begin("05_...", globals())``.

    The variables include ``profile`` and perhaps ``out``, the folder for results. If that is empty, profile "smoke"
    writes to a temporary folder, removed when the process ends, and every other profile to results/yours.

    Raises:
        ValueError: if an injected variable is not a parameter of the notebook (papermill only warns), or the
            preset does not exist.
    """
    *_, declared, injected = ["", "", *namespace.get("In", [""])[:-1]]  # the cells before this one
    if injected.startswith("# Parameters\n"):  # papermill's, below the cell that it overrides
        known = _assigned(declared)
        unknown = [name for name in _assigned(injected) if name not in known and not name.startswith("PAPERMILL_")]
        if unknown:
            raise ValueError(f"{notebook} has no parameter {', '.join(unknown)}; it takes {', '.join(known)}.")
    preset = presets.with_weights(presets.get(namespace["profile"]), namespace.get("pretrained", ""))
    if out := namespace.get("out"):
        root = Path(out).expanduser().resolve()
    elif preset.name != "smoke":
        root = paths.YOURS
    else:
        root = Path(tempfile.mkdtemp(prefix="dgmlib-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    return Session(preset, *places(root))


def _assigned(source: str) -> list[str]:
    """Names of the variables that a cell assigns."""
    names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Store)]


def places(out: Path) -> tuple[Path, Path, Path]:
    """Folders of models, tables and figures below ``out``: for the root, the project's; yours shares its runs."""
    if out == paths.ROOT:
        return paths.RUNS, paths.RESULTS, paths.FIGURES
    return paths.RUNS if out == paths.YOURS else out / paths.RUNS.name, out, out / paths.FIGURES.name


def notebooks() -> list[str]:
    """Names of all notebooks, in reading order."""
    return sorted(path.stem for path in paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def reproduce(
    profile: str = "mini",
    seeds: int = 1,
    data: Path | None = None,
    ade20k: Path | None = None,
    workers: int = 2,
    pretrained: str = "",
    checkpoints: bool = False,
    replace: bool = False,
    only: tuple[str, ...] = (),
    scheduler: str = "",
) -> None:
    """Regenerate tables, figures and executed notebooks in results/yours, and report what was reproduced.

    Finished runs and notebooks are kept; you can interrupt it at any time and start it again.

    Args:
        profile: "mini" (Broden-mini, minutes), "paper" (Broden+, GPUs) or "smoke" (seconds, meaningless numbers).
        seeds: number of seeds per model.
        data: root of Broden+ for profile "paper"; optional for Broden-mini.
        ade20k: folder ADEChallengeData2016 for Table 2 of profile "paper"; other profiles train it on Broden-mini.
        workers: number of processes that train side by side on a CPU.
        pretrained: ImageNet weights to start from, as in the paper: a file, or a folder with one file per backbone
            (resnet50.pth, ...); empty: the preset's own, which you must provide for paper; random: none.
        checkpoints: also retrain the included DGM that the notebooks show (preset demo), which takes an hour. Use
            `dgmlib measure` to measure its groups, clicks and heat maps again.
        replace: for maintainers: overwrite the committed results, figures, and the tables of the results page.
        only: names of notebooks to run, e.g. 05_table1_broden; by default all.
        scheduler: address of a Dask cluster that trains Tables 1 and 2, see `dgmlib.cluster`.
    """
    began = perf_counter()
    preset, objects = (presets.with_weights(presets.get(name), pretrained) for name in (profile, f"{profile}-objects"))
    chosen = only or tuple(notebooks())
    if unknown := set(only) - set(notebooks()):
        raise ValueError(f"there is no notebook {', '.join(sorted(unknown))}; choose from {', '.join(notebooks())}.")
    for number, each, notebook in (("1", preset, "05_table1_broden"), ("2", objects, "06_table2_backbones")):
        for system in tables.ROWS[number][0] if notebook in chosen else ():
            startable(each, system)  # reports missing weights before anything is read or trained
    _say(began, f"data: {preset.data}")
    root = data_root(preset, data, workers)
    if not preset.mini and ade20k is None and "06_table2_backbones" in chosen:
        raise ValueError(f"Table 2 of profile {profile!r} runs on {objects.data}: pass its folder as ade20k.")
    scenes = data_root(objects, ade20k, workers) if ade20k else root
    # Meaningless numbers never reach the project's results.
    out = paths.RUNS / "smoke" if preset.name == "smoke" else paths.ROOT if replace else paths.YOURS
    runs, results, figures = places(out)
    options = {"runs": runs, "out": results, "workers": workers, "pretrained": pretrained, "scheduler": scheduler}
    if "05_table1_broden" in chosen:
        _say(began, f"Table 1 on {preset.data}: training and evaluating")
        tables.table1(profile, seeds, root, report=True, **options)
    if "06_table2_backbones" in chosen:
        _say(began, f"Table 2 on {objects.data}: training and evaluating")
        tables.table2(profile, seeds, scenes, report=True, **options)
    if "07_table3_overhead" in chosen:
        _say(began, "Table 3: counting")
        tables.table3(results)
    if checkpoints:
        _say(began, "training the DGM that the notebooks show")
        _renew_checkpoint(workers, runs, results)
    for name in chosen:
        values = {"profile": profile, "seeds": seeds, "workers": workers, "out": str(out), "pretrained": pretrained}
        values["data"] = str(scenes if name == "06_table2_backbones" else root)
        known = papermill.inspect_notebook(str(paths.NOTEBOOKS / f"{name}.ipynb"))
        execute(name, {key: value for key, value in values.items() if key in known}, out, began)
    if out == paths.ROOT and not only:
        tables.refresh_readme()
    _say(began, f"done: tables and executed notebooks in {results}, figures in {figures}")
    if out == paths.YOURS:
        print(f"\n{compare.report(results, paths.RESULTS)}")


def _renew_checkpoint(workers: int, runs: Path, results: Path) -> None:
    """Train the model for ``results/checkpoints``; in half precision, it is small enough to ship with the project."""
    preset = presets.get("demo")
    cell = Cell(preset, "DGM", *preset.settings, 0, data_root(preset, workers=workers), runs)
    metrics, network = cell.metrics(), cell.model()
    facts = network.recipe["facts"] | {"setting": cell.setting, "metrics": metrics}
    save_model(network, results / "checkpoints" / f"{preset.name}-dgm", torch.float16, **facts)


def execute(name: str, parameters: dict, out: Path, began: float) -> None:
    """Execute a notebook into the folder ``notebooks`` of the results, unless the copy there came from the same inputs.

    The inputs are its source, its parameters, the files of results/ and figures/ whose names it quotes, and the version
    of dgmlib. Delete the copy to execute it again.

    It writes below ``out``, see `places`; printed times count from ``began``, the start of the driver.

    Raises:
        ValueError: if a cell fails; the last good copy stays.
    """
    source, copy = (folder / f"{name}.ipynb" for folder in (paths.NOTEBOOKS, places(out)[1] / "notebooks"))
    stamp = copy.with_suffix(".json")
    if copy.exists() and stamp.exists() and stamp.read_bytes() == _inputs(source, parameters, out).encode():
        _say(began, f"{name}: unchanged")
        return
    _say(began, f"{name}: executing")
    options = {"kernel_name": "python3", "progress_bar": False, "store_widget_state": False}
    # ipykernel 7 warns at every start that it uses TCP, although only within this machine.
    options["extra_arguments"] = ["--IPKernelApp.log_level=ERROR"]
    try:
        with paths.write_atomic(copy) as temporary:
            papermill.execute_notebook(source, temporary, parameters, **options)
    except papermill.PapermillExecutionError as error:
        raise ValueError(
            f"{name} failed in its code cell {error.exec_count} with {error.ename}: {error.evalue}; "
            "open it in JupyterLab and run it to see more."
        ) from error
    with paths.write_atomic(stamp) as temporary:
        temporary.write_text(_inputs(source, parameters, out))  # after it ran, as it may write what it quotes


def _inputs(notebook: Path, parameters: dict, out: Path) -> str:
    """Everything that an executed copy depends on, as JSON."""
    text = "\n".join("".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"])
    quoted = {Path(name).name for name in re.findall(r'"([^"\n]+)"', text)}
    digest = hashlib.sha256(text.encode())
    for folder in dict.fromkeys((paths.RESULTS, *places(out)[1:])):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            place = path.relative_to(folder)
            if quoted & {path.name, path.stem, *place.parent.parts} and place.parts[0] not in ("notebooks", "yours"):
                digest.update(f"{folder.name}/{place}".encode() + path.read_bytes())
    return json.dumps({"dgmlib": dgmlib.__version__, "parameters": parameters, "inputs": digest.hexdigest()})


def _say(began: float, text: str) -> None:
    minutes, seconds = divmod(int(perf_counter() - began), 60)
    print(f"[{minutes:2d}:{seconds:02d}] {text}", flush=True)
