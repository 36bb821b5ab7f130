"""What the ablation scores, against literal answers, and its candidates trained and scored on six tiny pictures."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from broden_tree import picture
from scipy import stats
from skimage import data
from tiny import VOCABULARY, blocks

from dgmlib import PerceptualParser, paths, presets
from dgmlib.broden import FolderDataset
from dgmlib.evaluation import evaluate
from dgmlib.interventions import layer_norms, pooled_otherwise, pooled_to, read_on_superpixels, without_projection
from dgmlib.measure import ablation, reading
from dgmlib.measure.ablation import CANDIDATES, in_small_segments, regions_of_labels
from dgmlib.measure.candidates import PHOTOGRAPHS, Candidate, Run
from dgmlib.measure.study import reach
from dgmlib.training import train

SMOKE = presets.get("smoke")


@pytest.fixture
def folder(tmp_path):
    """Six squares of a photograph; the middle of each is one class, the rim another, the first row unlabelled."""
    photo = data.astronaut()
    for index in range(6):
        left = 80 * index
        labels = np.full((96, 96), 1, np.uint8)
        labels[24:72, 24 + index : 72] = 2
        labels[0] = 0
        picture(tmp_path / f"photos/train/images/{index}.png", photo[:96, left : left + 96])
        picture(tmp_path / f"photos/train/labels/{index}.png", labels)
    (tmp_path / "photos/names.txt").write_text("-\nrim\nmiddle\n")
    return tmp_path / "photos"


class TestWhere:
    def test_regions_of_labels_are_connected_pieces_and_the_smallest_share_a_number(self):
        labels = np.array([[1, 1, 1, 2], [1, 1, 2, 2], [1, 1, 1, 1], [3, 0, 0, 1]])
        assert regions_of_labels({"object": labels}, 9).max() == 3
        found = regions_of_labels({"object": labels}, 3)
        assert sorted(np.bincount(found.ravel())) == [3, 3, 10]
        assert found[3, 0] == found[3, 1]  # of three and of two pixels and one pixel: the two least are one

    def test_small_segments_are_pieces_not_classes(self):
        labels = np.ones((20, 20), int)
        labels[:10] = 2
        labels[15, 15:18] = 2  # 3 of 400 pixels
        assert in_small_segments(labels).sum() == 3


class TestInterventions:
    def parser(self, **changes):
        torch.manual_seed(0)
        config = replace(SMOKE.model, **changes)
        return PerceptualParser.from_config(config, VOCABULARY, "full", ("object", "scene")).eval()

    def forward(self, model):
        torch.manual_seed(1)
        with torch.no_grad():
            return model(torch.rand(1, 3, 64, 64), blocks(64, 64, 16))

    def test_without_projection_nodes_are_means_of_those_below(self):
        model, nodes = self.parser(), []
        with without_projection(model):
            hook = model.dgm.tdmp.register_forward_pre_hook(lambda module, arguments: nodes.extend(arguments[0]))
            found = self.forward(model).grouping
            hook.remove()
        for below, P, above in zip(nodes, found.assignments, nodes[1:], strict=False):
            torch.testing.assert_close(P.mT @ below, above)

    def test_pooled_to_another_share_every_level_has_that_many_nodes_and_half_of_them_afterwards(self):
        model = self.parser()
        with pooled_to(model, ratio=0.75):
            assert [v.shape[1] for v in self.forward(model).grouping.nodes] == [16, 12, 9, 7]
        assert [v.shape[1] for v in self.forward(model).grouping.nodes] == [16, 8, 4, 2]

    def test_layer_norms_normalise_every_node_alone_and_go_again(self):
        model, seen = self.parser(), []
        before, residual = self.forward(model)["object"], model.dgm.reprojections[0].residual
        with layer_norms(model):
            hook = residual.register_forward_hook(lambda module, arguments, output: seen.append(output))
            assert not torch.equal(self.forward(model)["object"], before)
            hook.remove()
        start = SMOKE.model.reading.start
        torch.testing.assert_close(seen[0].mean(2), torch.zeros(1, 16), atol=1e-6, rtol=0)
        torch.testing.assert_close(seen[0].std(2, correction=0), torch.full((1, 16), start), rtol=1e-2, atol=0)
        assert torch.equal(self.forward(model)["object"], before)

    def test_a_superpixel_is_read_as_the_mean_of_its_pixels(self):
        model = self.parser()
        plain = torch.nn.functional.interpolate(self.forward(model)["object"], (64, 64), mode="bilinear")
        with read_on_superpixels(model):
            found = self.forward(model)
        for region in range(16):
            inside = blocks(64, 64, 16)[0] == region
            mean = plain[0][:, inside].mean(1, keepdim=True).expand(-1, inside.sum())
            torch.testing.assert_close(found["object"][0][:, inside], mean)
        assert torch.equal(found["scene"], self.forward(model)["scene"])


class TestCandidates:
    def test_each_differs_from_the_others_in_what_is_trained(self, tmp_path):
        folders = {
            Run(ablation.PRESET, None, "", "", ("object",), "", c, 0, 5).folder(tmp_path) for c in CANDIDATES.values()
        }
        assert len(folders) == len(CANDIDATES)

    def test_other_data_settings_or_seed_stand_elsewhere(self, tmp_path):
        run = Run(PHOTOGRAPHS, None, "content", "data", ("object",), "DGM", Candidate(), 0, 5)
        others = [
            replace(run, content="corrected"),
            replace(run, seed=1),
            replace(run, folds=3),
            replace(run, candidate=Candidate(model={"dim": 32})),
            replace(run, candidate=Candidate(scale=0.5)),
            replace(run, candidate=Candidate(trained=layer_norms)),
            replace(run, candidate=Candidate(trained=partial(pooled_otherwise, steps=5))),
            replace(run, candidate=Candidate(trained=partial(pooled_otherwise, steps=6))),
            replace(run, candidate=Candidate(probes={"read": read_on_superpixels})),
            replace(run, preset=SMOKE),
        ]
        assert len({r.folder(tmp_path) for r in (run, *others)}) == 1 + len(others)
        assert replace(run, name="DGM w/o graph").folder(tmp_path).parent == run.folder(tmp_path).parent
        slower = replace(PHOTOGRAPHS, training=replace(PHOTOGRAPHS.training, workers=3))
        assert replace(run, preset=slower).folder(tmp_path) == run.folder(tmp_path)

    def test_half_the_size_halves_all_sides(self):
        half = Candidate(scale=0.5, length=2.0).changed(PHOTOGRAPHS)
        assert half.training.iterations == 2 * PHOTOGRAPHS.training.iterations
        assert half.training.short_sides == (80, 96, 112)
        assert (half.testing.short_side, half.testing.max_size, half.training.max_size) == (96, 200, 200)

    def test_close_scores_over_all_pixels_are_evaluation_s(self, folder):
        dataset = FolderDataset(folder, "train")
        torch.manual_seed(0)
        model = PerceptualParser.from_config(SMOKE.model, dataset.vocabulary, "full", ("object",))
        found = ablation.close_scores(model, dataset, SMOKE, ("object",))
        expected = evaluate(model, dataset, ("object",), 64, SMOKE.model.max_regions, max_size=160)
        assert found["object/mIoU"] == expected["object/mIoU"]
        assert list(found) == [f"object/{name}" for name in ablation.SCORES]


def test_regions_of_labels_are_those_of_the_labels_as_they_are(folder, tmp_path, monkeypatch):
    small = replace(SMOKE, training=replace(SMOKE.training, iterations=2, texture_iterations=0))
    monkeypatch.setattr(ablation, "PRESET", small)
    monkeypatch.setattr(ablation, "CANDIDATES", {name: CANDIDATES[name] for name in ("UPerNet", "regions of labels")})
    counts, threads = [], torch.get_num_threads()
    for _ in range(2):
        ablation.measure((folder,), seeds=1, workers=1, out=tmp_path / "out", runs=tmp_path / "runs")
        table = pd.read_csv(tmp_path / "out/ablation.csv").query("name == 'groups' and level == 1")
        counts.append(table["value"].mean())
        for path in (folder / "train/labels").iterdir():  # the same photographs, corrected
            picture(path, np.repeat(np.arange(96) // 12 % 2 + 1, 96).reshape(96, 96))
    assert torch.get_num_threads() == threads  # although each run uses one
    assert counts[0] < 4
    assert counts[1] > 6  # eight bands


def test_a_folder_is_measured_and_read_back(folder, tmp_path, monkeypatch):
    small = replace(SMOKE, training=replace(SMOKE.training, iterations=2, texture_iterations=0))
    monkeypatch.setattr(ablation, "PRESET", small)
    names = ("UPerNet", "DGM", "regions of labels", "LayerNorm")
    names += ("UPerNet, 1.5 times the size", "DGM, 1.5 times the size")
    monkeypatch.setattr(ablation, "CANDIDATES", {name: CANDIDATES[name] for name in names})
    where = {"workers": 1, "out": tmp_path / "out", "runs": tmp_path / "runs"}
    text = ablation.measure((folder,), seeds=2, **where)
    for name in (*names, "UPerNet, read on superpixels", "DGM, read on superpixels"):
        assert f"\n| {name} | " in text
    assert "nan" not in text
    table = pd.read_csv(tmp_path / "out/ablation.csv")
    assert set(table["seed"]) == {0, 1}
    groups = table[(table["name"] == "groups") & (table["level"] == 1)].groupby("candidate")["value"].mean()
    assert groups["regions of labels"] < 4 < groups["DGM"]  # the rim, the middle and the unlabelled row
    monkeypatch.setattr("dgmlib.measure.candidates.train", None)  # nothing is trained again
    assert ablation.measure((folder,), seeds=2, **where) == text
    for run in (tmp_path / "runs").rglob("measured.json"):
        run.unlink()  # killed while it was scored: how long the training took is not known any more
    monkeypatch.setattr("dgmlib.measure.candidates.train", train)
    monkeypatch.setattr("dgmlib.training._train", None)
    assert "nan" not in ablation.measure((folder,), seeds=2, **where)
    again = pd.read_csv(tmp_path / "out/ablation.csv")
    assert again[again["name"] == "seconds"]["value"].isna().all()
    with pytest.raises(ValueError, match="--seeds must be from 1 to 5"):
        ablation.measure((folder,), seeds=6, **where)
    (folder / "names.txt").write_text("-\ncar/rim\ncar/middle\n")
    for measure in (ablation.measure, reading.measure):
        with pytest.raises(ValueError, match=r"names\.txt has fewer than two objects, .* what comes before"):
            measure((folder,), seeds=2, **where)


def test_intervals_are_students_over_seeds_and_bold_where_zero_is_outside():
    scores = {"UPerNet": (0.30, 0.31, 0.32), "DGM": (0.35, 0.37, 0.36), "LayerNorm": (0.30, 0.33, 0.30)}
    rows = pd.DataFrame(
        {"data": "d", "candidate": name, "seed": seed, "probe": "", "name": number, "level": level, "value": value}
        for name, values in scores.items()
        for seed, value in enumerate(values)
        for number, level in [(f"object/{score}", 0) for score in ablation.SCORES]
        + [("seconds", 0)]
        + [(n, level) for n in ("groups", "graph share") for level in (1, 2) if name != "UPerNet"]
    )
    found = ablation.summary(rows).set_index(["candidate", "score", "beside"]).loc["DGM", "mIoU", "UPerNet"]
    low, high = stats.t.interval(0.95, 2, 5, stats.sem([5, 6, 4]))
    assert (found["ahead"] - found["reach"], found["ahead"] + found["reach"]) == pytest.approx((low, high))
    assert ablation.summary(rows[rows["seed"] == 0])["reach"].isna().all()
    text = ablation.render(rows)
    assert f"**+5.0 ± {high - 5:.1f}**" in text
    assert "**d**, 3 seeds" in text


def test_what_notebook_13_says_is_what_the_file_holds():
    cells = json.loads((paths.NOTEBOOKS / "13_what_matters.ipynb").read_text())["cells"]
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    table = pd.read_csv(paths.RESULTS / "ablation.csv", keep_default_na=False)
    found = ablation.summary(table)
    spans = found.set_index(["candidate", "score", "beside"])
    ahead, page = spans["ahead"], (paths.RESULTS / "README.md").read_text()

    def with_reach(candidate, score="mIoU", beside="UPerNet", sign=1):
        row = spans.loc[(candidate, score, beside)]
        return f"{sign * row['ahead']:.1f} ± {row['reach']:.1f}"

    quoted = {
        "same network is {} points ahead": ("regions of labels", "mIoU"),
        "without its graph {}, perhaps": ("regions of labels, w/o graph", "mIoU"),
        "larger than elsewhere (+{})": ("DGM", "mIoU near boundaries"),
        "UPerNet gains {} points": ("UPerNet, 1.5 times the size", "mIoU"),
        "DGM is {} ahead of it there": ("DGM, 1.5 times the size", "mIoU"),
        "four times as long, UPerNet gains {} points": ("UPerNet, 4 times as long", "mIoU"),
    }
    for phrase, (candidate, score) in quoted.items():
        assert phrase.format(f"{ahead[candidate, score, 'UPerNet']:.1f}") in text
    for name in ("DGM", "DGM w/o graph", "grid cells", "regions of labels", "regions of labels, w/o graph", "DGM plus"):
        for candidate in {name, f"{name}, 4 times as long"} & set(found["candidate"]):
            assert with_reach(candidate) in page
    read, small, edges = "UPerNet, read on superpixels", "mIoU of small segments", "boundary F"
    near, longer, cut = "mIoU near boundaries", "DGM, 4 times as long", "DGM w/o graph, 4 times as long"
    for phrase in (
        f"DGM is {with_reach('DGM')} points ahead of UPerNet; trained without its graph, it is "
        f"{with_reach('DGM w/o graph')} ahead.",
        f"nothing of the image, the lead is {with_reach('grid cells')};",
        f"SLIC's superpixels, it is {with_reach('SLIC')}.",
        f"next to nothing in 400 iterations ({with_reach('start 0')})",
        f"DGM is {with_reach(longer)} ahead of it, an interval that barely excludes zero",
        f"above, and {with_reach(cut)} without its graph; near boundaries, DGM is {with_reach(longer, near)} ahead.",
        f"it is smaller ({with_reach('DGM', edges)}; {with_reach('DGM w/o graph', edges)} without the graph)",
        f"In boundary F-measure, UPerNet gains {with_reach(read, edges)} by it",
        f"is {with_reach('DGM plus')} points ahead. It was chosen on these folds",
        f"its lead is no longer established: {with_reach('DGM plus, 4 times as long')},",
    ):
        assert phrase in text
    assert f"in boundary F-measure, it is {with_reach('DGM', edges)} ahead" in page
    reached = spans["reach"][longer, :, "UPerNet"]
    decided = {score: score in ("mIoU", near) for score in ablation.SCORES}
    assert (reached < ahead[longer, :, "UPerNet"]).to_dict() == decided
    assert ahead[longer, "mIoU", "UPerNet"] < 1.4 * reached["mIoU"]  # not with the correction of Nadeau and Bengio
    assert f"gain there, UPerNet {with_reach(read, near)}," in text
    fine = table[table["name"] == f"object/{small}"].astype({"value": float})
    fine = 100 * fine.pivot(index=["candidate", "seed"], columns="probe", values="value")
    lost = (fine[""] - fine["read on superpixels"]).groupby("candidate").agg(["mean", reach])
    costs = {name: "{:.1f} ± {:.1f}".format(*lost.loc[name]) for name in ("UPerNet", "DGM")}
    assert f"it costs UPerNet {costs['UPerNet']} and DGM {costs['DGM']} on small segments" in text
    alike = table[table["name"] == f"object/{near}"].query("probe == 'read on superpixels'")
    alike = 100 * alike.astype({"value": float}).pivot(index="seed", columns="candidate", values="value")
    alike = alike["DGM"] - alike["UPerNet"]
    assert f"DGM stays {alike.mean():.1f} ± {reach(alike):.1f} ahead of UPerNet read in the same way" in text
    assert f"`plus` is, by {with_reach('DGM plus', 'mIoU', 'DGM')}," in text
    slic, cells = (with_reach(kind, "mIoU", "DGM", -1) for kind in ("SLIC", "grid cells"))
    whole = f"{ahead['DGM', 'mIoU', 'UPerNet']:.1f}"
    assert f"SLIC's regions cost {slic} of the {whole} points, grid cells {cells};" in text
    within = ablation.QUESTIONS["How are they grouped?"]
    assert all(abs(ahead[candidate, "mIoU", "DGM"]) < 1 for candidate in within)
    beside = spans.xs("DGM", level="beside").xs("mIoU", level="score")
    better = beside.index[(beside["ahead"] > beside["reach"]) & (beside["reach"] > 0)]
    assert {name.split(",")[0] for name in better} == {"regions of labels", "DGM plus"}
