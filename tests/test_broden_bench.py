import numpy as np
from broden_tree import write_tree

from dgmlib.broden import TASKS, BrodenPlus
from dgmlib.broden.bench import LITERAL, PREPARED, RAW, LiteralSamples, benchmark
from dgmlib.broden.loading import collate, training_sample
from dgmlib.broden.sampling import Draw


def test_every_way_is_timed_and_nothing_is_left_behind(tmp_path):
    root = write_tree(tmp_path)
    before = sorted(root.rglob("*"))
    table = benchmark(root, short_side=32, max_regions=10, workers=0, seconds=0.05, rounds=1)
    assert table["loader"].tolist() == [LITERAL, RAW, PREPARED]
    assert (table["samples/s"] > 0).all()
    assert table["times the original"][0] == 1
    assert sorted(root.rglob("*")) == before


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
