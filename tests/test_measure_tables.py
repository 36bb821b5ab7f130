"""Tables: tidy rows, provenance, rendering, finished work not redone; the driver's checks; the command line."""

import json

import nbformat
import pandas as pd
import papermill
import pytest

from dgmlib import __main__ as cli
from dgmlib import experiments, paths, reproduce, tables


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
    monkeypatch.setattr(experiments, "train_cell", lambda *_, **__: pytest.fail("trained again"))
    again = tables.table1("smoke", device="cpu", **arguments)
    pd.testing.assert_frame_equal(again, table)


def test_table_2_is_single_task_at_one_scale_and_several(smoke_data, tmp_path):
    places = {"runs": tmp_path / "runs", "results": tmp_path / "results", "workers": 1}
    table = tables.table2("smoke", data=smoke_data, device="cpu", **places)
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


class TestDriver:
    @pytest.fixture
    def notebook(self, tmp_path, monkeypatch):
        """A project with one tiny notebook."""
        v4 = nbformat.v4

        parameters = v4.new_code_cell(
            'profile = "smoke"  # preset\nout = ""  # folder', metadata={"tags": ["parameters"]}
        )
        body = v4.new_code_cell(
            "from dgmlib import reproduce\n"
            'session = reproduce.begin("01_tiny", globals())\n'
            "session.results.mkdir(parents=True, exist_ok=True)\n"
            "(session.results / 'tiny.txt').write_text(session.preset.name)"
        )
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = v4.new_notebook(cells=[parameters, body], metadata=kernel)
        (tmp_path / "notebooks").mkdir()
        nbformat.write(notebook, tmp_path / "notebooks/01_tiny.ipynb")
        for name in ("NOTEBOOKS", "RESULTS", "FIGURES", "RUNS"):
            monkeypatch.setattr(paths, name, tmp_path / name.lower())
        monkeypatch.setattr(paths, "ROOT", tmp_path)
        return tmp_path

    def test_known_parameters_pass_and_a_misspelt_one_is_an_error(self, notebook):
        reproduce.begin("01_tiny", {"profile": "smoke", "out": "", "_private": 1, "module": json})
        with pytest.raises(ValueError, match="01_tiny has no parameter profil; it takes profile, out"):
            reproduce.begin("01_tiny", {"profile": "smoke", "out": "", "profil": "mini"})
        with pytest.raises(ValueError, match="there is no preset 'huge'"):
            reproduce.begin("01_tiny", {"profile": "huge", "out": ""})

    def test_smoke_writes_to_a_temporary_folder_and_others_to_the_project(self, notebook):
        smoke = reproduce.begin("01_tiny", {"profile": "smoke", "out": ""})
        assert notebook not in smoke.results.parents
        assert reproduce.begin("01_tiny", {"profile": "mini", "out": ""}).results == notebook / "results"
        given = reproduce.begin("01_tiny", {"profile": "smoke", "out": str(notebook / "here")})
        assert given.figures == notebook / "here" / "figures"

    def test_a_notebook_is_executed_once(self, notebook, monkeypatch, capsys):
        executed = []

        def execute(source, target, parameters, **_):
            executed.append(parameters)
            target.write_text("executed")

        monkeypatch.setattr(papermill, "execute_notebook", execute)
        for _ in range(2):
            reproduce._execute("01_tiny", {"profile": "mini"}, paths.RESULTS, began=0)
        assert executed == [{"profile": "mini"}]
        assert "01_tiny: unchanged" in capsys.readouterr().out
        reproduce._execute("01_tiny", {"profile": "smoke"}, paths.RESULTS, began=0)
        assert len(executed) == 2
        checkpoint = paths.RESULTS / "checkpoints" / "mini-dgm.safetensors"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"new weights")  # that the notebook may show
        reproduce._execute("01_tiny", {"profile": "smoke"}, paths.RESULTS, began=0)
        assert len(executed) == 3

    def test_a_failing_notebook_leaves_the_last_good_copy(self, notebook, monkeypatch):
        copy = notebook / "results/notebooks/01_tiny.ipynb"
        copy.parent.mkdir(parents=True)
        copy.write_text("good")

        def execute(source, target, *_, **__):
            target.write_text("half")
            raise RuntimeError("a cell failed")

        monkeypatch.setattr(papermill, "execute_notebook", execute)
        with pytest.raises(RuntimeError, match="a cell failed"):
            reproduce._execute("01_tiny", {}, paths.RESULTS, began=0)
        assert copy.read_text() == "good"

    def test_a_notebooks_error_is_one_sentence(self, notebook):
        with pytest.raises(reproduce.NotebookError, match=r"01_tiny failed in its code cell 2 with FileNotFoundError"):
            reproduce._execute("01_tiny", {}, paths.RESULTS, began=0)  # the kernel looks for it in the real project
        assert not (notebook / "results/notebooks/01_tiny.ipynb").exists()

    def test_unknown_notebooks_are_refused(self, notebook):
        with pytest.raises(ValueError, match="there is no notebook 99_none; choose from 01_tiny"):
            reproduce.reproduce("smoke", only=("99_none",))


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
