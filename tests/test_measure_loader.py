import json

import numpy as np
import pandas as pd
import pytest
from broden_tree import write_tree

from dgmlib.broden import TASKS, BrodenPlus
from dgmlib.broden.loading import collate, training_sample
from dgmlib.broden.sampling import Draw
from dgmlib.measure.loader import LITERAL, PREPARED, RAW, LiteralSamples, measure


def test_every_way_is_timed_and_nothing_is_left_behind(tmp_path):
    root, out = write_tree(tmp_path / "tree"), tmp_path / "results"
    before = sorted(root.rglob("*"))
    quick = {"short_side": 32, "max_regions": 10, "workers": 0, "seconds": 0.05, "rounds": 1}
    table = measure([root, root], ["one", "two"], out, **quick)
    assert table["data"].tolist() == ["one"] * 3 + ["two"] * 3
    assert table["loader"].tolist() == [LITERAL, RAW, PREPARED] * 2
    assert (table[["samples/s", "CPU ms/sample"]] > 0).to_numpy().all()
    assert table["times the original"][[0, 3]].tolist() == [1, 1]
    assert sorted(root.rglob("*")) == before
    np.testing.assert_allclose(pd.read_csv(out / "loader.csv")["samples/s"], table["samples/s"], rtol=1e-5)
    facts = json.loads((out / "loader.json").read_text())
    assert facts["short_side"] == 32
    assert set(facts["load_averages_of_1_5_15_minutes"]) == {"before", "after one", "after two"}
    assert f"| two | {PREPARED} |" in (out / "loader.md").read_text()
    with pytest.raises(ValueError, match="one name per folder"):
        measure([root], ["one", "two"], out, **quick)


def test_the_literal_way_gives_the_same_labels(tmp_path):
    dataset = BrodenPlus(write_tree(tmp_path), "train", TASKS)
    for index, record in enumerate(dataset.records):
        for flip in (False, True):
            draw = Draw(index, 33, flip)
            literal = LiteralSamples(dataset)[draw]
            regions = np.zeros((record.height, record.width), np.int32)
            batch = collate([training_sample(dataset[index], regions, 33, flip, 1000, TASKS, (2, 3))])
            for task in {"object", "part", "material"} & batch.keys():
                labels = literal[task] if literal[task].ndim == 2 else literal[task][..., 1]  # codes below 256
                np.testing.assert_array_equal(batch[task][0], labels)
            if "part" in batch:
                np.testing.assert_array_equal(batch["part_valid"][0], literal["part_valid"])
