"""The shape of every measurement: images in order; tables with their origin, that grow by model and data."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from broden_tree import picture

import dgmlib
from dgmlib import presets, provenance, save_model
from dgmlib.measure import ablation, clicks, evidence, frozen, gradcam, grouping, reading
from dgmlib.measure.study import Study, extend, markdown, named, plus_minus, publish, rows_of, untrained
from dgmlib.paths import MODELS, RESULTS


def squares(dataset, index):
    return [{"square": dataset[index] ** 2, "half": half} for half in (0, 1)]


@pytest.mark.parametrize("what", [ablation, clicks, evidence, frozen, gradcam, grouping, reading])
def test_a_committed_text_is_made_from_the_csv_beside_it(what):
    name = what.__name__.rpartition(".")[2]
    assert what.render(pd.read_csv(RESULTS / f"{name}.csv")) == (RESULTS / f"{name}.md").read_text()


def test_images_are_spread_evenly_and_rows_come_in_their_order():
    sets = {"ten": np.arange(10), "two": np.array([7, 8])}
    rows = rows_of(squares, sets, images=4, workers=1)
    assert list(rows) == ["data", "image", "square", "half"]
    assert rows.loc[rows["half"] == 0, "image"].tolist() == [0, 3, 6, 9, 0, 1]
    assert rows.loc[rows["half"] == 1, "square"].tolist() == [0, 9, 36, 81, 49, 64]
    assert len(rows_of(squares, sets)) == 24


def test_a_table_is_written_with_its_text_and_where_it_comes_from(tmp_path):
    table = pd.DataFrame({"a": [1 / 3], "b": ["x"], "c": [4467712.0]})
    text = publish("name", table, markdown, tmp_path, side=7)
    assert text == (tmp_path / "name.md").read_text()
    assert text.splitlines()[-1] == "| 0.333333 | x | 4467712.0 |"
    assert (tmp_path / "name.csv").read_text() == "a,b,c\n0.333333,x,4467712\n"  # the text shows what it holds
    facts = json.loads((tmp_path / "name.json").read_text())
    assert facts["side"] == 7
    assert {"commit", "device", "python", "packages"} <= set(facts)


def test_tables_keep_the_rows_of_other_data_and_models_and_replace_their_own(model, tmp_path):
    for name in ("tiny", "other"):
        save_model(model, tmp_path / name)
    study = Study(tmp_path / "tiny", out=tmp_path)
    table = pd.DataFrame({"data": ["drawn"] * 2, "model": ["tiny"] * 2, "value": [0.1, 0.2]})
    seen = []

    def render(rows):
        seen.append(rows)
        return "the text"

    study.publish("scores", table, render, steps=3)
    study.publish("scores", table.assign(data="real"), render, steps=4)
    replace(study, model=tmp_path / "other").publish("scores", table.assign(model="other"), render, steps=5)
    assert study.publish("scores", table.assign(value=0.5), render, steps=6) == "the text"
    again = seen[-1]
    assert len(again) == 3 * len(table)
    assert (again.loc[(again["data"] == "drawn") & (again["model"] == "tiny"), "value"] == 0.5).all()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "scores.csv"), again)
    facts = json.loads((tmp_path / "scores.json").read_text())["measured"]
    assert {pair: one["steps"] for pair, one in facts.items()} == {
        "tiny on drawn": 6, "tiny on real": 4, "other on drawn": 5
    }  # fmt: skip
    assert all(len(one["weights"]) == 16 and "commit" in one for one in facts.values())


def test_a_table_without_models_grows_by_data(tmp_path):
    table = pd.DataFrame({"data": ["one", "two"], "value": [0.1, 0.2]})
    extend("scores", table, markdown, tmp_path, {"steps": 3}, note="n")
    text = extend("scores", table.iloc[1:].assign(value=0.12345650001), markdown, tmp_path, {"steps": 4}, note="n")
    assert text == "| data | value |\n| --- | --- |\n| one | 0.1 |\n| two | 0.123457 |"  # as the csv holds it
    facts = json.loads((tmp_path / "scores.json").read_text())
    assert facts["note"] == "n"
    assert {name: one["steps"] for name, one in facts["measured"].items()} == {"one": 3, "two": 4}


def test_deviations_stand_beside_means_where_they_are_known():
    mean, deviation = pd.Series([1.25, -0.5, np.nan]), pd.Series([0.125, np.nan, np.nan])
    assert plus_minus(mean, deviation, 2).tolist() == ["1.25 ± 0.12", "-0.50", "-"]
    assert plus_minus(mean, deviation, 1, "+").tolist() == ["+1.2 ± 0.1", "-0.5", "-"]


def test_the_short_side_is_what_the_model_was_tested_at_or_the_profile_s(tmp_path):
    assert (Study().side, Study(short_side=99).side) == (presets.get("demo").testing.short_side, 99)
    other = tmp_path / "model"
    assert (Study(other, profile="smoke").side, Study(other, profile="mini").side) == (64, 128)
    with pytest.raises(ValueError, match="there is no preset 'huge'"):
        _ = Study(other, profile="huge").side


def test_a_model_is_named_as_elsewhere_and_a_trained_cell_by_its_folder():
    assert Study(Path("street-dgm")).model == MODELS / "street-dgm"
    assert Study(MODELS / "street-dgm.safetensors").side == Study(MODELS / "street-dgm").side == 224
    assert Study(Path("checkpoints/demo-dgm")).name == "demo-dgm"
    assert Study(Path("runs/mini/DGM_seed0-1a2b/model")).name == "DGM_seed0-1a2b"


def test_folders_are_told_apart_by_their_names(tmp_path, monkeypatch):
    (tmp_path / "streets").mkdir()
    monkeypatch.chdir(tmp_path / "streets")
    assert named([Path()]) == {"streets": Path()}
    with pytest.raises(ValueError, match="two folders are named 'val', by which results tell them"):
        named([Path("a/val"), Path("b/val")])


def test_random_weights_are_other_weights_and_leave_the_random_state_alone(model):
    state = torch.get_rng_state()
    other = untrained(model, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert other.recipe == model.recipe
    assert not torch.equal(next(other.dgm.parameters()), next(model.dgm.parameters()))


def test_no_figure_is_measured_with_and_nothing_measured_is_built_on():
    root = Path(dgmlib.__file__).parent
    for path in root.rglob("*.py"):
        names = re.findall(r"^\s*(?:from|import) (dgmlib\.?\S*)(?: import (.*))?", path.read_text(), re.M)
        imported = {f"{module}.{name.strip()}" for module, listed in names for name in listed.split(",")}
        parts = {name.split(".")[1] for name in imported}
        where = path.relative_to(root).as_posix()
        assert "measure" not in parts or where.startswith(("measure/", "plan.py", "reproduce.py", "__main__.py")), where
        assert "viz" not in parts or not where.startswith("measure/"), where


def test_of_an_installed_package_and_without_git_no_commit_is_known(monkeypatch, tmp_path):
    assert provenance.provenance()["commit"] != "unknown"
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))  # without git
        assert provenance.provenance()["commit"] == "unknown"
    monkeypatch.setattr(provenance, "ROOT", tmp_path)  # the folder it runs in, perhaps the user's own repository
    assert provenance.provenance()["commit"] == "unknown"


def test_data_have_the_name_of_what_a_folder_holds(smoke_data, tmp_path):
    """Whichever profile's test settings are used."""
    assert list(Study(profile="paper", data=smoke_data).sets("val", ("object",))) == ["Broden-mini (smoke)"]
    for folder in ("train/images", "train/labels", "val/images", "val/labels"):
        picture(tmp_path / "mixed" / "streets" / folder / "a.png", np.ones((8, 8)))
    (tmp_path / "mixed" / "streets" / "names.txt").write_text("-\nroad\n")
    ((name, dataset),) = Study(profile="real", data=tmp_path / "mixed").sets("val", ("object",)).items()
    assert (name, len(dataset)) == ("mixed", 1)
