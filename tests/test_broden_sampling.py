"""What training batches hold."""

from collections import Counter
from types import MethodType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmlib.broden import TASKS, BrodenPlus, TrainBatches
from dgmlib.broden.sampling import evenly
from dgmlib.broden.source import Record


def pretend(**counts):
    """A dataset of records only; every third image is portrait."""
    records = [
        Record(source, i, *((90, 60) if i % 3 == 0 else (60, 90))) for source, n in counts.items() for i in range(n)
    ]
    dataset = SimpleNamespace(records=records)
    dataset.groups = MethodType(BrodenPlus.groups, dataset)
    return dataset


def draws(dataset, iterations=300, tasks=TASKS, seed=0, **more):
    return list(TrainBatches(dataset, tasks, 4, (300, 450), iterations, seed, **more))


def test_a_batch_comes_from_one_group_and_one_orientation():
    data = pretend(ade20k=40, pascal=20, os=30, dtd=10)
    for batch in draws(data):
        sources = {data.records[draw.index].source for draw in batch}
        assert sources <= {"ade20k", "pascal"} or len(sources) == 1
        assert len({data.records[draw.index].height > data.records[draw.index].width for draw in batch}) == 1
        assert len({draw.short_side for draw in batch}) == 1


def test_groups_are_drawn_in_proportion_to_their_records():
    data = pretend(ade20k=40, pascal=20, os=30, dtd=10)
    counts = Counter(data.records[batch[0].index].source.replace("pascal", "ade20k") for batch in draws(data, 3000))
    for source, share in {"ade20k": 0.6, "os": 0.3, "dtd": 0.1}.items():
        assert counts[source] / 3000 == pytest.approx(share, abs=0.04)


def test_every_record_is_seen_once_before_any_is_seen_again():
    batches = draws(pretend(ade20k=24), 6)  # 8 portrait, 16 landscape: queues come out even
    seen = Counter(draw.index for batch in batches for draw in batch)
    assert seen == Counter(range(24))
    second = [draw.index for batch in draws(pretend(ade20k=24), 12)[6:] for draw in batch]
    assert sorted(second) == list(range(24))
    assert second != [draw.index for batch in batches for draw in batch]  # shuffled anew


def test_scales_and_flips_are_drawn_evenly():
    batches = draws(pretend(ade20k=50), 1000)
    assert np.mean([batch[0].short_side == 300 for batch in batches]) == pytest.approx(0.5, abs=0.06)
    assert np.mean([draw.flip for batch in batches for draw in batch]) == pytest.approx(0.5, abs=0.03)


@settings(max_examples=20, deadline=None)
@given(start=st.integers(0, 60), seed=st.integers(0, 2**32))
def test_a_resumed_run_goes_on_as_if_never_interrupted(start, seed):
    data = pretend(ade20k=13, os=9)
    assert draws(data, 50, seed=seed, start=start) == draws(data, 50, seed=seed)[start:]


def test_processes_share_the_same_batches():
    data = pretend(ade20k=13, os=9)
    shares = [draws(data, 20, rank=rank, world_size=2) for rank in (0, 1)]
    whole = [sorted(a + b) for a, b in zip(*shares, strict=True)]
    assert whole == [sorted(batch) for batch in draws(data, 20)]


def test_a_number_of_images_is_at_least_one_and_evenly_spread():
    assert evenly(10, None) == list(range(10))
    assert evenly(10, 4) == [0, 3, 6, 9]
    assert evenly(3, 99) == [0, 1, 2]
    for wanted in (0, -1):
        with pytest.raises(ValueError, match=f"the number of images must be at least 1, not {wanted}"):
            evenly(10, wanted)


def test_only_groups_with_the_tasks_are_drawn():
    data = pretend(ade20k=9, pascal=9, os=30, dtd=10)
    for tasks, sources in [
        (("material",), {"os"}),
        (("texture", "material"), {"os", "dtd"}),
        (("scene",), {"ade20k"}),
        (("object",), {"ade20k", "pascal"}),
    ]:
        assert {data.records[d.index].source for batch in draws(data, tasks=tasks) for d in batch} == sources
    with pytest.raises(ValueError, match="labelled for texture"):
        draws(pretend(ade20k=9), tasks=("texture",))
