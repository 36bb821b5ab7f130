"""The command line: ``python -m dgmlib COMMAND --help``, installed as ``dgmlib``."""

import sys
from importlib import import_module
from pathlib import Path

import tyro

#: Command -> where its function is. A function's docstring and signature are its help text and options.
COMMANDS = {
    "reproduce": "dgmlib.reproduce:reproduce",
    "train": "dgmlib.__main__:train",
    "evaluate": "dgmlib.__main__:evaluate",
    "superpixels": "dgmlib.__main__:superpixels",
    "broden": "dgmlib.__main__:broden",
    "overhead": "dgmlib.__main__:overhead",
}
GROUPS = {
    "superpixels": {
        "compute": "dgmlib.superpixels:precompute",
    },
    "broden": {
        "check": "dgmlib.__main__:check",
        "mini": "dgmlib.__main__:mini",
        "prepare": "dgmlib.broden.prepare:prepare",
    },
}


def main(arguments: list[str] | None = None) -> None:
    """Run a command; what a person can mend is printed as one sentence, without a traceback."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else ""
    if name == "superpixels" and arguments[1:] and arguments[1] not in (*GROUPS[name], "-h", "--help"):
        arguments = [name, "compute", *arguments[1:]]
    try:
        if name in GROUPS:
            _dispatch(f"dgmlib {name}", GROUPS[name], arguments[1:])
        else:
            _dispatch("dgmlib", COMMANDS, arguments)
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        sys.exit(f"dgmlib: {error}")


def _dispatch(program: str, commands: dict[str, str], arguments: list[str]) -> None:
    # Only the chosen command is imported; for --help, all are.
    chosen = {k: v for k, v in commands.items() if arguments[:1] == [k]} or commands
    functions = {}
    for name, place in chosen.items():
        module, function = place.split(":")
        functions[name] = getattr(import_module(module), function)
    tyro.extras.subcommand_cli_from_dict(functions, prog=program, args=arguments)


def train(
    profile: str = "mini",
    model: str = "DGM",
    setting: str = "O+P+S+M+T",
    seed: int = 0,
    data: Path | None = None,
    device: str = "auto",
) -> None:
    """Train one model of Table 1 into runs/; interrupted, the same command continues.

    With several GPUs: torchrun --nproc-per-node 4 -m dgmlib train --profile paper --data ROOT

    Args:
        profile: preset: mini, paper or smoke.
        model: UPerNet, "DGM w/o top-down" or DGM.
        setting: O+P+S or O+P+S+M+T.
        seed: of everything random.
        data: root of Broden+; of Broden-mini it is optional.
        device: auto, cpu, cuda or mps.
    """
    from dgmlib import presets, tables

    for value, known in ((model, tables.MODELS), (setting, tables.SETTINGS)):
        if value not in known:
            raise ValueError(f"there is no {value!r}; choose one of {', '.join(known)}.")
    preset = presets.get(profile)
    out = tables.train_cell(preset, model, setting, seed, tables.data_root(preset, data), device=device)
    print(f"trained: {out / 'model'}")


def evaluate(model: Path, /, profile: str = "mini", data: Path | None = None) -> None:
    """Score a trained model on the validation split by Broden+'s rules.

    Args:
        model: the model's path without suffix, e.g. runs/mini/DGM_O+P+S_seed0/model.
        profile: preset whose test settings to use.
        data: root of Broden+; of Broden-mini it is optional.
    """
    from dgmlib import load_model, presets, tables

    preset, network = presets.get(profile), load_model(model)
    metrics = tables.score(network, preset, tables.data_root(preset, data))
    print(f"{model} on {preset.data}, validation split")
    for name, value in metrics.items():
        print(f"{name:25s} {100 * value:6.2f}")


def mini(root: Path | None = None, /, seed: int = 0, size: str = "mini", workers: int = 2) -> None:
    """Draw Broden-mini.

    Args:
        root: folder to fill; by default the one that `reproduce` uses.
        seed: of the drawing.
        size: mini or smoke.
        workers: processes.
    """
    from dgmlib import paths
    from dgmlib.broden import mini as broden_mini

    print(broden_mini.generate(root or paths.DATA / f"broden-{size}", seed, size, workers=workers))


def check(root: Path, /, sample: int | None = None, workers: int = 2) -> None:
    """Check a Broden+ folder: what is there, missing or broken, and where each piece is published.

    Exits with status 1 if training may not start.

    Args:
        root: the folder.
        sample: check only so many records of each list.
        workers: processes.
    """
    from dgmlib.broden.check import check as check_tree

    report = check_tree(root, sample=sample, workers=workers)
    print(report)
    sys.exit(not report.ok)


def overhead() -> None:
    """Count Table 3's parameters and FLOPs."""
    from dgmlib.overhead import table3

    print(table3().drop(columns="printed row").to_string(index=False))


def superpixels() -> None:
    """Superpixels of a folder of images; see `dgmlib superpixels --help`."""


def broden() -> None:
    """Draw, check and prepare data: `dgmlib broden --help`."""


if __name__ == "__main__":
    main()
