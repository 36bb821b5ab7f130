"""The command line: help for every command, mistakes in one sentence, names that have changed."""

import subprocess
import sys

import pandas as pd
import pytest

from dgmlib import __main__ as cli
from dgmlib import paths, presets
from dgmlib.measure.study import Study


def test_every_command_explains_itself(capsys):
    groups = {name: names for name, names in cli.COMMANDS.items() if isinstance(names, dict)}
    commands = [[name] for name in cli.COMMANDS] + [[group, name] for group in groups for name in groups[group]]
    for command in commands:
        with pytest.raises(SystemExit) as exit_:
            cli.main([*command, "--help"])
        assert exit_.value.code == 0
        text = capsys.readouterr().out
        assert "usage: dgmlib" in text
        assert "--help" in text


def test_lists_of_commands_say_what_each_does(capsys):
    general = ["Regenerate tables, figures", "Train one model of Table 1 or 2"]
    for command, sentences in (
        ([], [*general, "compute, fit: `dgmlib superpixels --help`"]),
        (["superpixels"], ["Compute and store the superpixels", "Fit the weights of P"]),
        (["measure"], ["Train and score the systems of Table 1 or 2 in all"] * 2 + ["Count Table 3's parameters"]),
    ):
        with pytest.raises(SystemExit):
            cli.main([*command, "--help"])
        text = " ".join(capsys.readouterr().out.replace("│", "").split())
        for sentence in sentences:
            assert text.count(sentence) == sentences.count(sentence)


def test_the_list_of_commands_does_not_import_them_all():
    code = (
        "import atexit, sys\n"
        "from dgmlib.__main__ import main\n"
        "heavy = {'dgmlib.reproduce', 'dgmlib.experiments', 'lightning_fabric', 'papermill'}\n"
        "atexit.register(lambda: print('imported:', heavy & set(sys.modules)))\n"
        "main(['--help'])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.endswith("imported: set()\n"), found.stderr


def test_mistakes_are_one_sentence_without_a_traceback():
    with pytest.raises(SystemExit, match="dgmlib: there is no preset 'huge'; choose one of paper, mini, demo, real,"):
        cli.main(["train", "--profile", "huge"])
    with pytest.raises(SystemExit, match="dgmlib: there is no 'GDM'; choose one of OCNet, APCNet, UPerNet, DGM"):
        cli.main(["train", "--model", "GDM"])
    with pytest.raises(SystemExit, match=r"dgmlib: there is no model nowhere: nowhere\.json is missing"):
        cli.main(["evaluate", "nowhere", "--profile", "smoke"])


@pytest.mark.parametrize(
    "command", [["train"], ["evaluate", "model"], ["measure", "table1"], ["measure", "clicks"], ["reproduce"]]
)
def test_a_mistyped_folder_is_told_and_not_filled_with_broden_mini(command, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "load_model", lambda path: None)
    with pytest.raises(SystemExit, match=r"dgmlib: there is no folder .*brodn; data has to name one that exists"):
        cli.main([*command, "--data", str(tmp_path / "brodn")])
    assert not (tmp_path / "brodn").exists()


def test_a_folder_of_something_else_is_told_with_what_may_be_meant(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(SystemExit, match=r"something else .* an empty folder .* names\.txt, .* --profile paper"):
        cli.main(["train", "--data", str(tmp_path)])


def test_all_of_a_table_is_printed(monkeypatch, capsys):
    table = pd.DataFrame([[f"value {i}" for i in range(40)]] * 100, columns=[f"column {i}" for i in range(40)])
    monkeypatch.setattr(cli, "call", lambda *_: table)
    with pytest.raises(SystemExit):
        cli.main(["measure", "loader"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 101
    assert [line.count("value") for line in lines[1:]] == [40] * 100


def test_an_interruption_promises_only_what_holds_for_every_command(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "call", interrupted)
    with pytest.raises(SystemExit, match=r"^interrupted; run the same command again$"):
        cli.main(["broden", "check", "ROOT"])


def test_a_study_s_options_are_a_command_s_own(monkeypatch, capsys):
    monkeypatch.setattr("dgmlib.measure.clicks.measure", measure)
    options = "--folders A B --images 3 --training-images 5 --short-side 64"
    with pytest.raises(SystemExit):
        cli.main(["measure", "clicks", "runs/m/model", *options.split()])
    assert capsys.readouterr().out == "runs/m/model A,B 3 5 64 2\n"
    with pytest.raises(SystemExit):
        cli.main(["measure", "clicks"])
    assert capsys.readouterr().out.endswith("demo-dgm  40 20 None 2\n")


def measure(study: Study = Study(images=40), training_images: int = 20) -> str:
    """Stand in for a measurement."""
    folders = ",".join(map(str, study.folders))
    return f"{study.model} {folders} {study.images} {training_images} {study.short_side} {study.workers}"


def test_a_folder_after_superpixels_is_short_for_compute(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("dgmlib.superpixels.precompute", lambda *call: seen.append(call))
    with pytest.raises(SystemExit):
        cli.main(["superpixels", "photos", "--out", str(tmp_path)])
    assert [call[0].name for call in seen] == ["photos"]


def test_a_model_is_evaluated_at_the_sizes_that_it_was_trained_for_unless_a_profile_is_named(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr("dgmlib.experiments.score", lambda network, preset, root: seen.append(preset) or [{}])
    monkeypatch.setattr(cli, "data_root", lambda preset, data: tmp_path)
    for profile in ("", "smoke"):
        cli.evaluate(paths.MODELS / "street-dgm", profile)
    facts = cli.load_model(paths.MODELS / "street-dgm").recipe["facts"]
    testing = seen[0].testing
    assert (testing.short_side, seen[0].model.max_regions) == (facts["short_side"], facts["max_regions"])
    assert testing.max_size == facts["training"]["max_size"] == presets.get("real").testing.max_size
    assert seen[1] == presets.get("smoke")
