"""Tables 1, 2 and 3: which rows they have, that they are tidy, their rendering, finished work not redone."""

import json
import re

import joblib
import pandas as pd
import pytest

from dgmlib import experiments, paths
from dgmlib.measure import tables
from dgmlib.measure.tables import PRINTED, render, render_heard


@pytest.fixture(scope="module")
def made(smoke_data, tmp_path_factory):
    """Table 1 of the smallest profile, two of its systems in both settings."""
    folder = tmp_path_factory.mktemp("table1")
    arguments = {"data": smoke_data, "runs": folder / "runs", "out": folder / "results", "workers": 1}
    arguments |= {"systems": ("UPerNet", "DGM"), "device": "cpu"}
    return tables.table1("smoke", **arguments), folder, arguments


@pytest.fixture
def untrained(monkeypatch):
    """Cells that return made-up scores at once."""

    def metrics(cell, **_):
        scores = {"object/mIoU": 0.1, "scene/accuracy": 0.2}
        return scores | ({"object/mIoU (multi-scale)": 0.3} if cell.setting == "O" else {})

    monkeypatch.setattr(experiments.Cell, "metrics", metrics)
    monkeypatch.setattr(experiments.Cell, "heard", lambda cell: {})
    monkeypatch.setattr(experiments.Cell, "made", lambda cell: "abc on a CPU" if cell.seed else "def on a GPU")


def test_every_row_and_setting_of_table_1(untrained, smoke_data, tmp_path):
    table = tables.table1("smoke", 2, smoke_data, out=tmp_path, workers=1)
    assert set(table["model"]) == set(experiments.TABLE1)
    assert set(table["setting"]) == {"O+P+S", "O+P+S+M+T"}
    assert set(table["data"]) == {"Broden-mini (smoke)"}
    assert len(table) == 2 * 2 * len(experiments.TABLE1) * 2
    origins = json.loads((tmp_path / "table1.json").read_text())["made"]  # of each cell, whenever the table is made
    assert {origin: len(cells) for origin, cells in origins.items()} == dict.fromkeys(
        ("def on a GPU", "abc on a CPU"), 2 * len(experiments.TABLE1)
    )
    assert "UPerNet, O+P+S, seed 1" in origins["abc on a CPU"]


def test_every_row_of_table_2(untrained, smoke_data, tmp_path):
    table = tables.table2("smoke", data=smoke_data, out=tmp_path, workers=1)
    assert set(table["model"]) == set(experiments.TABLE2)
    assert set(table["setting"]) == {"O"}
    text = (tmp_path / "table2.md").read_text()
    assert "| DeepLabV3 + DGM w/o top-down |" in text
    assert "| DeepLabV3 | 44.10 |" in text


def test_rows_can_be_chosen_and_others_are_told(untrained, smoke_data, tmp_path):
    table = tables.table2("smoke", data=smoke_data, systems=("CCNet", "HRNetV2"), out=tmp_path, workers=1)
    assert table["model"].unique().tolist() == ["CCNet", "HRNetV2"]
    known = "OCNet, APCNet, UPerNet, DGM w/o top-down, DGM, GCU, HRNetV2,"
    with pytest.raises(ValueError, match=f"Table 1 has no CCNet; choose from {known}"):
        tables.table1("smoke", data=smoke_data, systems=("CCNet", "DGM"), out=tmp_path)
    with pytest.raises(ValueError, match="Table 2 has no GCU; choose from CCNet"):
        tables.table2("smoke", systems=("GCU",))  # before any data are drawn
    with pytest.raises(ValueError, match="--seeds must be at least 1, not 0"):
        tables.table1("smoke", seeds=0, data=smoke_data, out=tmp_path)


def test_table_1_is_tidy_and_names_its_data(made):
    table, folder, _ = made
    assert list(table.columns) == tables.COLUMNS
    assert set(table["model"]) == {"UPerNet", "DGM"}
    assert set(table["setting"]) == {"O+P+S", "O+P+S+M+T"}
    assert set(table["data"]) == {"Broden-mini (smoke)"}
    assert table["value"].between(0, 1).all()
    tasks = table.groupby("setting")["task"].unique().map(set)
    assert tasks["O+P+S"] == {"object", "part", "scene"}
    assert tasks["O+P+S+M+T"] == {"object", "part", "scene", "material", "texture"}
    pd.testing.assert_frame_equal(pd.read_csv(folder / "results/table1.csv", dtype={"table": str}), table, rtol=1e-5)
    facts = json.loads((folder / "results/table1.json").read_text())
    assert facts["preset"]["name"] == "smoke"
    assert {"commit", "packages", "device", "seeds", "notes"} <= set(facts)


def test_rendered_table_carries_data_and_every_cell(made):
    table, folder, _ = made
    text = (folder / "results/table1.md").read_text()
    assert "**Broden-mini (smoke)**, 1 seed" in text
    value = table.query("model == 'DGM' and setting == 'O+P+S' and task == 'scene'")["value"].item()
    row = next(line for line in text.splitlines() if line.startswith("| O+P+S | DGM |"))
    assert f"{100 * value:.2f}" in row
    assert "not to be compared" in text


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_a_committed_table_is_made_from_the_csv_beside_it(name):
    table = pd.read_csv(paths.RESULTS / f"{name}.csv", dtype={"table": str})
    heard = json.loads((paths.RESULTS / f"{name}.json").read_text())["heard"]
    assert render(table) + render_heard(heard) == (paths.RESULTS / f"{name}.md").read_text()


def test_deviation_over_seeds_is_shown():
    row = {"table": "1", "model": "DGM", "setting": "O+P+S", "task": "scene", "metric": "accuracy"}
    rest = {"data": "D", "profile": "p", "paper": None}
    table = pd.DataFrame([row | {"value": v, "seed": i} | rest for i, v in enumerate((0.1, 0.2, 0.3))])
    assert "20.00 ± 10.00" in tables.render(table)
    assert "3 seeds" in tables.render(table)


def test_finished_cells_are_read_back(made, monkeypatch):
    table, _, arguments = made
    monkeypatch.setattr(experiments, "train", lambda *_, **__: pytest.fail("trained again"))
    again = tables.table1("smoke", **arguments)
    pd.testing.assert_frame_equal(again, table)


def test_table_2_is_of_objects_alone_at_one_scale_and_several(smoke_data, tmp_path):
    places = {"runs": tmp_path / "runs", "out": tmp_path / "results", "workers": 1, "device": "cpu"}
    table = tables.table2("smoke", data=smoke_data, systems=("UPerNet", "DeepLabV3 + DGM w/o top-down"), **places)
    assert set(table["model"]) == {"UPerNet", "DeepLabV3 + DGM w/o top-down"}
    assert set(table["task"]) == {"object"}
    measures = {"mIoU", "pixel accuracy"}
    assert set(table["metric"]) == measures | {f"{name} (multi-scale)" for name in measures}
    text = (tmp_path / "results/table2.md").read_text()
    assert "Table 2 on **Broden-mini (smoke)**" in text
    assert "| DeepLabV3 + DGM w/o top-down |" in text
    upernet = table.query("model == 'UPerNet' and metric == 'mIoU (multi-scale)'")
    assert upernet["paper"].item() == 0.4266


@pytest.fixture(scope="module")
def table3(tmp_path_factory):
    """Table 3 with a row per module; what the printed rows counted; its text."""
    folder = tmp_path_factory.mktemp("table3")
    table = tables.table3(folder).pivot(index="model", columns="metric", values=["value", "paper"])
    facts = json.loads((folder / "table3.json").read_text())
    return table, facts["what_the_printed_row_counted"], (folder / "table3.md").read_text()


def test_the_committed_table3_is_what_is_counted_today(table3):
    committed = pd.read_csv(paths.RESULTS / "table3.csv").pivot(index="model", columns="metric", values="value")
    pd.testing.assert_frame_equal(committed, table3[0]["value"], rtol=1e-5)
    assert (committed["parameters"] == table3[0]["value", "parameters"]).all()  # to the last digit


def test_table3_parameters(table3):
    table, notes, _ = table3
    counted = table["value", "parameters"]
    assert counted.to_dict() == {
        "DGM w/o top-down": 3_417_088,
        "DGM": 4_467_712,
        "OCP (ASP-OC)": 15_178_624,
        "RCCA": 23_924_353,
    }
    # All but RCCA's print as the paper's; RCCA's do under the convention that its row names.
    same = counted.round(-3) == table["paper", "parameters"]
    assert same.to_dict() == {"DGM w/o top-down": True, "DGM": True, "OCP (ASP-OC)": True, "RCCA": False}
    assert "23,931,028" in notes["RCCA"]


def test_table3_flops(table3):
    table, notes, _ = table3
    assert round(table.loc["OCP (ASP-OC)", ("value", "gflops")], 1) == 287.4
    assert round(table.loc["RCCA", ("value", "gflops")], 1) == 460.5
    assert "16.54 G" in notes["RCCA"]


def test_dgm_is_cheaper_than_printed(table3):
    table, _, text = table3
    gflops = table["value", "gflops"]
    assert gflops["DGM"] <= 6.5
    assert table.loc["DGM", ("paper", "gflops")] == 10.8
    assert 0 < gflops["DGM"] - gflops["DGM w/o top-down"] <= 0.9
    assert "| DGM | 4,467,712 | 4.468M |" in text


def test_page_of_results_shows_what_stands_in_results(tmp_path):
    for name in ("table1", "table2", "table3"):
        block = f"<!-- {name} -->\n{(paths.RESULTS / f'{name}.md').read_text()}<!-- /{name} -->"
        assert block in (paths.RESULTS / "README.md").read_text()
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table3 -->\nold\n<!-- /table3 -->\nafter\n")
    (tmp_path / "table3.md").write_text("| new \\1 |\n")
    tables.refresh_readme(readme, tmp_path)
    assert readme.read_text() == "before\n<!-- table3 -->\n| new \\1 |\n<!-- /table3 -->\nafter\n"


#: The paper's tables as they are set, row by row; "DGM w/o ↓" there is "DGM w/o top-down" here.
TABLE1 = {
    "O+P+S": """
        APCNet 21.25 71.71 23.39 41.07 68.50
        OCNet 22.62 74.58 28.51 48.92 68.50
        UPerNet 23.83 77.23 30.10 48.34 71.35
        DGM w/o ↓ 24.58 74.76 31.23 51.17 71.24
        DGM 24.76 75.15 31.26 50.55 71.87""",
    "O+P+S+M+T": """
        APCNet 20.37 71.01 22.32 40.08 68.45 43.88 79.95 50.35
        OCNet 20.21 77.09 25.75 43.78 66.92 48.20 80.70 51.95
        UPerNet 23.36 77.09 28.75 46.92 70.87 54.19 84.45 57.44
        DGM w/o ↓ 24.05 74.21 29.94 49.49 70.24 54.52 84.41 58.15
        DGM 24.37 74.99 30.28 49.70 71.03 54.58 84.62 60.10""",
}
COLUMNS1 = ["object mIoU", "object pixel accuracy", "part mIoU", "part pixel accuracy", "scene accuracy"]
COLUMNS1 += ["material mIoU", "material pixel accuracy", "texture accuracy"]
TABLE2 = """
    UPerNet 42.66 81.01
    UPerNet + DGM w/o ↓ 43.64 81.11
    UPerNet + DGM 43.51 81.13
    HRNetV2 43.20 81.47
    HRNetV2 + DGM w/o ↓ 43.86 81.55
    HRNetV2 + DGM 43.46 81.53
    DeepLabV3 44.1 81.1
    DeepLabV3 + DGM w/o ↓ 44.31 81.36
    DeepLabV3 + DGM 44.86 81.35
    CCNet 45.22
    APCNet 45.38
    OCNet 45.45"""
TABLE3 = """
    OCP (ASP-OC) 161.4 15.179
    RCCA 16.5 23.931
    DGM w/o ↓ 9.3 3.417
    DGM 10.8 4.468"""


def rows(table: str) -> dict[str, list[float]]:
    found = (re.fullmatch(r"\s*(.*?)((?: [\d.]+)+)", line) for line in table.strip().splitlines())
    return {row[1].replace("↓", "top-down"): [float(n) for n in row[2].split()] for row in found}


def test_every_number_that_the_paper_prints_is_at_hand():
    """Tables 1-3, beside UPerNet's own texture score (Table 1's caption), and what the paper reads out of Table 1."""
    at = PRINTED.set_index(["table", "model", "setting", "task", "metric"])["paper"]
    printed = {("1", "UPerNet", "O+P+S+M+T", "texture", "accuracy (its own paper)"): 0.3510}
    for setting, table in TABLE1.items():
        for model, scores in rows(table).items():
            for column, score in zip(COLUMNS1, scores, strict=False):
                printed["1", model, setting, *column.split(" ", 1)] = score / 100
    for model, scores in rows(TABLE2).items():
        for metric, score in zip(("mIoU", "pixel accuracy"), scores, strict=False):
            printed["2", model, "O", "object", f"{metric} (multi-scale)"] = score / 100
    for model, (gflops, millions) in rows(TABLE3).items():
        printed["3", model, "769 x 769", "overhead", "gflops"] = gflops
        printed["3", model, "769 x 769", "overhead", "parameters"] = 1e6 * millions
    assert at.to_dict() == pytest.approx(printed)
    wide = (100 * at["1"]).unstack("model")
    gains = (wide["DGM"] - wide["UPerNet"]).round(2)
    assert gains["O+P+S"].xs("mIoU", level="metric").to_dict() == {"object": 0.93, "part": 1.16}
    assert gains["O+P+S", "scene", "accuracy"] == 0.52
    assert gains["O+P+S", "object", "pixel accuracy"] == -2.08  # "biased by the imbalanced number of pixels", Sec. 5.3


def test_printed_numbers_stand_in_a_block_of_their_own():
    facts = {"table": "1", "setting": "O+P+S", "task": "object", "metric": "mIoU", "data": "Broden-mini", "seed": 0}
    table = pd.DataFrame([facts | {"model": name, "value": 0.5} for name in ("UPerNet", "DGM")]).merge(PRINTED)
    ours, printed = render(table).split("Printed in the paper")
    assert "| DGM | 50.00 |" in ours
    assert "24.76" not in ours
    assert "Broden+" in printed
    assert "| DGM | 24.76 |" in printed


def test_how_well_the_graph_is_heard_stands_below():
    runs = {
        f"DGM, O, seed {seed}": {"residual share": [share, 0.2], "graph share": [0.05, 0.001]}
        for seed, share in enumerate((0.1, 0.2))
    }
    assert "- DGM, O: residual 15.0 / 20.0, graph 5.0 / 0.1\n" in render_heard(runs)
    assert render_heard({}) == ""


@pytest.mark.parametrize(("workers", "expected"), [(1, 6), (2, 3), (4, 1), (-1, 2)])
@pytest.mark.parametrize("gpu", [False, True])  # which the device "cpu" leaves alone
def test_processes_share_the_threads_that_torch_may_use(workers, expected, gpu, monkeypatch):
    """Not the cores that are there: a batch system, or OMP_NUM_THREADS, may have granted fewer."""
    monkeypatch.setattr(tables.torch, "get_num_threads", lambda: 6)
    monkeypatch.setattr(tables.torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(tables, "processes", lambda count: 3 if count == -1 else count)
    monkeypatch.setattr(tables, "parallel", lambda count: joblib.Parallel(1))
    monkeypatch.setattr(tables, "_run_cell", lambda threads, report, cell, device: threads)
    assert tables.side_by_side([None] * 4, workers, False, "cpu") == [expected] * 4
