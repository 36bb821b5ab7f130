"""The command line: ``python -m dgmlib COMMAND --help``, installed as ``dgmlib``."""

import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dgmlib import TASKS, load_model, mini, paths, presets, superpixels
from dgmlib.broden.check import check
from dgmlib.broden.prepare import prepare
from dgmlib.cluster import serving
from dgmlib.data import data_name, data_root

#: Arguments shared by the commands on a Broden+ folder.
Root = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(help="the folder")]
Workers = Annotated[int, tyro.conf.arg(help="processes, -1 for one per core")]
Tasks = Annotated[
    tuple[Literal[TASKS], ...],
    tyro.conf.arg(help="tasks to train; sources without labels for any of them are left out"),
]
Scheduler = Annotated[
    str, tyro.conf.arg(help="address of a Dask cluster that shares the folder and does the work, see dgmlib.cluster")
]
#: Command -> its function, or its subcommands. A function's docstring and signature are its help text and options; its
#: return value is printed. `superpixels DIR --out DIR` is short for `superpixels compute DIR --out DIR`.
COMMANDS = {
    "reproduce": "dgmlib.reproduce:reproduce",
    "plan": "dgmlib.plan:plan",
    "train": "dgmlib.__main__:train",
    "evaluate": "dgmlib.__main__:evaluate",
    "parse": "dgmlib.parse_photos:parse",
    "superpixels": {
        "compute": "dgmlib.__main__:compute_superpixels",
        "fit": "dgmlib.superpixels.fitting:fit",
    },
    "broden": {
        "check": "dgmlib.__main__:check_broden",
        "prepare": "dgmlib.__main__:prepare_broden",
        "mini": "dgmlib.__main__:draw_broden_mini",
    },
    "measure": {
        "table1": "dgmlib.measure.tables:table1",
        "table2": "dgmlib.measure.tables:table2",
        "table3": "dgmlib.measure.tables:table3",
        "modules": "dgmlib.measure.modules:measure",
        "superpixels": "dgmlib.measure.superpixels:measure",
        "kept-aside": "dgmlib.measure.superpixels:kept_aside",
        "grouping": "dgmlib.measure.grouping:measure",
        "clicks": "dgmlib.measure.clicks:measure",
        "gradcam": "dgmlib.measure.gradcam:measure",
        "loader": "dgmlib.measure.loader:measure",
        "reading": "dgmlib.measure.reading:measure",
        "ablation": "dgmlib.measure.ablation:measure",
        "evidence": "dgmlib.measure.evidence:measure",
        "frozen": "dgmlib.measure.frozen:measure",
        "speed": "dgmlib.measure.speed:measure",
        "gpu": "dgmlib.measure.gpu:measure",
    },
}


def main(arguments: list[str] | None = None) -> None:
    """Run a command; print errors that the user can fix as one sentence, without a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        result = call(arguments)
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again")
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"dgmlib: {error}")
    if result is not None:
        print(result.to_string(index=False) if hasattr(result, "to_string") else result)  # all columns of a table
    sys.exit(not getattr(result, "ok", True))


def call(arguments: list[str]) -> object:
    """Run a command and return what its function returns."""
    program, commands = "dgmlib", COMMANDS
    if arguments and isinstance(commands.get(arguments[0]), dict):
        group, *arguments = arguments
        program, commands = f"dgmlib {group}", commands[group]
        if group == "superpixels" and arguments and arguments[0] not in (*commands, "-h", "--help"):
            arguments = ["compute", *arguments]
    if arguments and (place := commands.get(arguments[0])):
        functions = {arguments[0]: _function(place)}
    else:  # --help, or a mistake
        functions = {name: _stand_in(f"{program} {name}", place) for name, place in commands.items()}
    flat = (tyro.conf.OmitArgPrefixes,)  # --images, not --study.images
    return tyro.extras.subcommand_cli_from_dict(functions, prog=program, args=arguments, config=flat)


def _function(place: str) -> Callable:
    module, name = place.split(":")
    return getattr(import_module(module), name)


def _stand_in(command: str, place: str | dict[str, str]) -> Callable:
    """Create a function with the docstring of a command's, read from the file: importing all of them takes seconds."""

    def function() -> None: ...

    if isinstance(place, dict):
        function.__doc__ = f"{', '.join(place)}: `{command} --help`."
    else:
        module, name = place.split(":")
        lines = ast.parse(Path(find_spec(module).origin).read_text(encoding="utf-8")).body
        found = [each for each in lines if isinstance(each, ast.FunctionDef) and each.name == name]
        function.__doc__ = ast.get_docstring(found[0]) if found else _function(place).func.__doc__  # a partial
    return function


def train(
    profile: str = "mini",
    model: str = "DGM",
    setting: str = "",
    seed: int = 0,
    data: Path | None = None,
    pretrained: str = "",
    device: str = "auto",
) -> None:
    """Train one model of Table 1 or 2 and write it to runs/; after an interruption, run the same command to resume.

    With several GPUs: torchrun --nproc-per-node 4 -m dgmlib train --profile paper --data ROOT
    On your own pictures: dgmlib train --profile mini-objects --data FOLDER, see `dgmlib.broden.FolderDataset`.

    Args:
        profile: preset: mini, demo, real, paper or smoke; for Table 2 mini-objects, paper-objects or smoke-objects.
        model: a row of Table 1 or 2, such as UPerNet, "DGM w/o top-down", DGM or "DeepLabV3 + DGM".
        setting: O+P+S, O+P+S+M+T, O+P+T or O (objects only); empty: all tasks of the preset's table.
        seed: seed for all randomness.
        data: root of Broden+, ADE20K's benchmark split or a folder of images and labels; optional for Broden-mini.
        pretrained: ImageNet weights to start from, as in the paper: a file, or a folder with one file per backbone
            (resnet50.pth, ...); empty: the preset's own, which you must provide for paper; random: none.
        device: auto, cpu or cuda.
    """
    from dgmlib.experiments import Cell  # takes seconds, which other commands avoid

    preset = presets.with_weights(presets.get(profile), pretrained)
    cell = Cell(preset, model, setting or preset.settings[-1], seed, Path())  # checks names before data are generated
    print(f"trained: {replace(cell, data=data_root(preset, data)).train(device=device)}")


def evaluate(model: Path, /, profile: str = "", data: Path | None = None) -> None:
    """Score a trained model on the validation split by Broden+'s rules.

    Args:
        model: demo-dgm or street-dgm, which are included, or the path of another model, as `dgmlib train` prints it.
        profile: preset whose test settings to use; empty: preset mini's, with the sizes that the model was trained for.
        data: root of the data set, as for `train`; optional for Broden-mini.
    """
    from dgmlib.experiments import score
    from dgmlib.predictor import located

    preset, network = presets.get(profile or "mini"), load_model(located(model))
    root = data_root(preset, data)
    if not profile:
        facts = network.recipe["facts"]
        testing = preset.testing
        largest = facts.get("training", {}).get("max_size", testing.max_size)
        testing = replace(testing, short_side=facts.get("short_side", testing.short_side), max_size=largest)
        regions = facts.get("max_regions", preset.model.max_regions)
        preset = replace(preset, testing=testing, model=replace(preset.model, max_regions=regions))
    metrics, *_ = score(network, preset, root)
    side, regions = preset.testing.short_side, preset.model.max_regions
    print(f"{model} on {data_name(preset, root)}, validation split, short side {side}, {regions} superpixels")
    for name, value in metrics.items():
        print(f"{name:30s} {100 * value:6.2f}")


def draw_broden_mini(root: Path | None = None, /, seed: int = 0, size: str = "mini", workers: int = 2) -> Path:
    """Draw Broden-mini.

    Args:
        root: folder to fill; by default the one that `reproduce` uses.
        seed: random seed.
        size: mini, demo or smoke.
        workers: number of processes.
    """
    return mini.generate(root or paths.DATA / f"broden-{size}", seed, size, workers=workers)


def check_broden(
    root: Root,
    sample: Annotated[
        int | None, tyro.conf.arg(help="number of records of each source to check, all by default")
    ] = None,
    workers: Workers = -1,
    tasks: Tasks = TASKS,
    report: Annotated[
        Path | None, tyro.conf.arg(help="a csv file for every problem; else examples are printed")
    ] = None,
    scheduler: Scheduler = "",
) -> object:
    """Check a Broden+ folder: what is present, missing or broken, and where each piece is published.

    Exits with status 1 if training cannot start.
    """
    return check(root.absolute(), sample, workers, tasks, report=report, scheduler=scheduler)


def prepare_broden(root: Root, workers: Workers = -1, tasks: Tasks = TASKS, scheduler: Scheduler = "") -> object:
    """Apply Broden+'s size rule and cache label maps; originals stay unchanged, and a second run resumes."""
    return prepare(root.absolute(), workers, tasks, scheduler=scheduler)


def compute_superpixels(
    folder: Path, /, out: Path, workers: int = 1, max_regions: int = 512, scheduler: str = ""
) -> None:
    """Compute and store the superpixels of all images in a folder; a second run resumes.

    Args:
        folder: folder of images.
        out: folder for the maps and their manifest.
        workers: number of processes.
        max_regions: maximum number of regions per map.
        scheduler: address of a Dask cluster that computes them and shares both folders, see `dgmlib.cluster`.
    """
    with serving(scheduler):
        failed = superpixels.precompute(folder.absolute(), out.absolute(), workers, max_regions)
    if failed:
        raise ValueError(f"{len(failed)} images have no map: " + "; ".join(map(": ".join, failed.items())))


if __name__ == "__main__":
    main()
