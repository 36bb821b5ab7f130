"""The report of a reproduction: what is called the same, inside and outside."""

import pandas as pd
import pytest

from dgmlib.measure.compare import compare, report
from dgmlib.measure.tables import COLUMNS


def write(folder, values: dict[int, float], model: str = "UPerNet", name: str = "table1") -> None:
    row = {"table": 1, "model": model, "setting": "O", "task": "object", "metric": "mIoU", "data": "d", "profile": "p"}
    folder.mkdir(exist_ok=True)
    rows = [row | {"seed": seed, "value": value} for seed, value in values.items()]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / f"{name}.csv", index=False)


def verdict(tmp_path, mine: dict[int, float], committed: dict[int, float]) -> str:
    write(tmp_path / "mine", mine)
    write(tmp_path / "committed", committed)
    (found,) = compare(tmp_path / "mine", tmp_path / "committed")["verdict"]
    return found


def test_one_new_seed_may_lie_where_student_s_t_puts_it(tmp_path):
    committed = {0: 0.4, 1: 0.5, 2: 0.6}  # mean 0.5, deviation 0.1, t(2) = 4.3027
    allowed = 4.30265 * 0.1 * (1 / 3 + 1) ** 0.5  # 0.49682
    assert verdict(tmp_path, {7: 0.5 + 0.99 * allowed}, committed) == "inside"
    assert verdict(tmp_path, {7: 0.5 - 1.01 * allowed}, committed) == "outside"
    row = compare(tmp_path / "mine", tmp_path / "committed").iloc[0]
    assert row["allowed"] == pytest.approx(allowed, rel=1e-5)
    assert (row["committed"], row["deviation"], row["seeds"]) == (pytest.approx(0.5), pytest.approx(0.1), 1)


def test_more_new_seeds_narrow_what_is_allowed(tmp_path):
    committed = {0: 0.4, 1: 0.5, 2: 0.6}
    off = 0.45  # within 0.497 for one seed, beyond 4.3027 * 0.1 * sqrt(2 / 3) = 0.351 for three
    assert verdict(tmp_path, {7: 0.5 + off}, committed) == "inside"
    assert verdict(tmp_path, dict.fromkeys((7, 8, 9), 0.5 + off), committed) == "outside"


def test_a_seed_that_repeats_its_digits_is_told_from_one_that_is_merely_near(tmp_path):
    committed = {0: 0.4, 1: 0.5, 2: 0.6}
    assert verdict(tmp_path, {1: 0.5}, committed) == "same digits"
    assert verdict(tmp_path, {1: 0.501}, committed) == "inside"


def test_what_is_counted_has_to_be_equal(tmp_path):
    for value, expected in ((4467712, "same digits"), (4467713, "outside")):
        write(tmp_path / "mine", {0: value}, name="table3")
        write(tmp_path / "committed", {0: 4467712}, name="table3")
        assert compare(tmp_path / "mine", tmp_path / "committed")["verdict"].tolist() == [expected]


def test_the_report_names_what_is_outside_and_what_to_look_at(tmp_path):
    write(tmp_path / "mine", {0: 0.9})
    write(tmp_path / "committed", {0: 0.4, 1: 0.41, 2: 0.42})
    text = report(tmp_path / "mine", tmp_path / "committed")
    assert text.startswith("1 numbers beside the committed ones: 1 outside.")
    assert "| 1 | O, UPerNet, object, mIoU | 41.00 | 4.97 | 90.00 | outside |" in text
    assert "constraints.txt" in text
    assert (tmp_path / "mine" / "report.md").read_text().startswith(text)


def test_a_row_that_is_not_committed_is_said_so_and_no_table_is_no_error(tmp_path):
    write(tmp_path / "mine", {0: 0.9}, model="GCU")
    write(tmp_path / "committed", {0: 0.4})
    assert compare(tmp_path / "mine", tmp_path / "committed")["verdict"].tolist() == ["not committed"]
    (tmp_path / "empty").mkdir()
    assert report(tmp_path / "empty", tmp_path / "committed").endswith("nothing to compare.")


def test_seeds_that_score_alike_by_chance_do_not_make_every_other_score_an_outlier(tmp_path):
    for name, seeds in {"mine": {7: 44 / 55}, "committed": dict.fromkeys(range(3), 43 / 55)}.items():
        write(tmp_path / name, seeds)
        rows = pd.read_csv(tmp_path / name / "table1.csv")
        others = [
            rows.assign(model=model, value=[0.7 + step * seed for seed in rows["seed"]])
            for model, step in {"OCNet": 0.01, "DGM": 0.02}.items()
        ]
        pd.concat([rows, *others]).to_csv(tmp_path / name / "table1.csv", index=False)
    found = compare(tmp_path / "mine", tmp_path / "committed").set_index("model")
    assert found.loc["UPerNet", "verdict"] == "inside"
    assert found.loc["UPerNet", "deviation"] == 0
