"""Tables: tidy rows, provenance, rendering, finished work not redone; the command line."""

import json

import pandas as pd
import pytest

from dgmlib import __main__ as cli
from dgmlib import experiments, paths, tables


@pytest.fixture(scope="module")
def made(smoke_data, tmp_path_factory):
    """Table 1 of the smallest profile, all ten cells."""
    folder = tmp_path_factory.mktemp("table1")
    arguments = {"data": smoke_data, "runs": folder / "runs", "results": folder / "results", "workers": 1}
    return tables.table1("smoke", device="cpu", **arguments), folder, arguments


def test_table_1_is_tidy_and_names_its_data(made):
    table, folder, _ = made
    assert list(table.columns) == tables.COLUMNS
    assert set(table["model"]) == set(experiments.TABLE1)
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
    assert "not comparable" in text


def test_deviation_over_seeds_is_shown():
    row = {"table": "1", "model": "DGM", "setting": "O+P+S", "task": "scene", "metric": "accuracy"}
    rest = {"data": "D", "profile": "p", "paper": None}
    table = pd.DataFrame([row | {"value": v, "seed": i} | rest for i, v in enumerate((0.1, 0.2, 0.3))])
    assert "20.00 ± 10.00" in tables.render(table)
    assert "3 seeds" in tables.render(table)


def test_finished_cells_are_read_back(made, monkeypatch):
    table, _, arguments = made
    monkeypatch.setattr(experiments, "train", lambda *_, **__: pytest.fail("trained again"))
    again = tables.table1("smoke", device="cpu", **arguments)
    pd.testing.assert_frame_equal(again, table)


def test_table_2_is_of_objects_alone_at_one_scale_and_several(smoke_data, tmp_path):
    places = {"runs": tmp_path / "runs", "results": tmp_path / "results", "workers": 1}
    table = tables.table2("smoke-objects", data=smoke_data, device="cpu", **places)
    assert set(table["model"]) == set(experiments.TABLE2)
    assert set(table["task"]) == {"object"}
    measures = {"mIoU", "pixel accuracy"}
    assert set(table["metric"]) == measures | {f"{name} (multi-scale)" for name in measures}
    text = (tmp_path / "results/table2.md").read_text()
    assert "Table 2 on **Broden-mini (smoke)**" in text
    assert "| DeepLabV3 + DGM w/o top-down |" in text
    assert "DeepLabV3, object mIoU (multi-scale) 44.10" in text
    upernet = table.query("model == 'UPerNet' and metric == 'mIoU (multi-scale)'")
    assert upernet["paper"].item() == 0.4266


def test_table_3_holds_the_counts_and_the_printed_numbers(tmp_path):
    table = tables.table3(tmp_path).set_index(["model", "metric"])
    assert table.loc[("DGM", "parameters"), "value"] == 4_467_712
    assert table.loc[("DGM w/o top-down", "parameters"), "value"] == 3_417_088
    assert table.loc[("DGM", "gflops"), "value"] <= 6.5
    assert table.loc[("DGM", "gflops"), "paper"] == 10.8
    assert "4,467,712" in (tmp_path / "table3.md").read_text()


class TestCommandLine:
    def test_every_command_explains_itself(self, capsys):
        commands = [[name] for name in cli.COMMANDS] + [[g, name] for g, names in cli.GROUPS.items() for name in names]
        for command in commands:
            with pytest.raises(SystemExit) as exit_:
                cli.main([*command, "--help"])
            assert exit_.value.code == 0
            text = capsys.readouterr().out
            assert "usage: dgmlib" in text
            assert "--help" in text

    def test_mistakes_are_one_sentence_without_a_traceback(self):
        with pytest.raises(SystemExit, match="dgmlib: there is no preset 'huge'; choose one of paper, mini, smoke"):
            cli.main(["train", "--profile", "huge"])
        with pytest.raises(SystemExit, match="dgmlib: there is no 'GDM'; choose one of OCNet, APCNet, UPerNet, DGM"):
            cli.main(["train", "--model", "GDM"])
        with pytest.raises(SystemExit, match=r"dgmlib: there is no model nowhere: nowhere\.json is missing"):
            cli.main(["evaluate", "nowhere", "--profile", "smoke"])

    @pytest.mark.parametrize("command", [["train"], ["evaluate", "model"]])
    def test_a_mistyped_folder_is_told_and_not_filled_with_broden_mini(self, command, tmp_path, monkeypatch):
        monkeypatch.setattr("dgmlib.load_model", lambda path: None)
        with pytest.raises(SystemExit, match=r"dgmlib: there is no folder .*brodn; --data names one that exists"):
            cli.main([*command, "--data", str(tmp_path / "brodn")])
        assert not (tmp_path / "brodn").exists()

    def test_a_folder_of_something_else_is_told_with_what_may_be_meant(self, tmp_path):
        (tmp_path / "precious.txt").write_text("mine")
        with pytest.raises(SystemExit, match=r"something else .* an empty folder .* names\.txt, .* --profile paper"):
            cli.main(["train", "--data", str(tmp_path)])

    def test_all_of_a_table_is_printed(self, monkeypatch, capsys):
        table = pd.DataFrame([[f"value {i}" for i in range(40)]] * 100, columns=[f"column {i}" for i in range(40)])
        monkeypatch.setattr(cli, "_call", lambda *_: table)
        with pytest.raises(SystemExit):
            cli.main(["bench", "loader"])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 101
        assert [line.count("value") for line in lines[1:]] == [40] * 100

    def test_an_interruption_promises_only_what_holds_for_every_command(self, monkeypatch):
        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(cli, "_call", interrupted)
        with pytest.raises(SystemExit, match=r"^interrupted; run the same command again$"):
            cli.main(["broden", "check", "ROOT"])


def test_readme_shows_what_stands_in_results(tmp_path):
    for name in ("table1", "table2", "table3"):
        block = f"<!-- {name} -->\n{(paths.RESULTS / f'{name}.md').read_text()}<!-- /{name} -->"
        assert block in (paths.ROOT / "README.md").read_text()
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table3 -->\nold\n<!-- /table3 -->\nafter\n")
    (tmp_path / "table3.md").write_text("| new \\1 |\n")
    tables.refresh_readme(readme, tmp_path)
    assert readme.read_text() == "before\n<!-- table3 -->\n| new \\1 |\n<!-- /table3 -->\nafter\n"
