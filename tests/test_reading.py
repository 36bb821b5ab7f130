"""Whether the graph is heard, and what is left when it is cut."""

import math
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from tiny import blocks

from dgmlib.grouping import DeepGrouping
from dgmlib.groups import Grouping, masked_mean, share_of_spread
from dgmlib.interventions import cut, foreign_groups, pooled_otherwise, without_top_down
from dgmlib.measure.candidates import folds
from dgmlib.measure.reading import render
from dgmlib.reading import VERSION_0_1, Reading
from dgmlib.regions import RegionGrid

CHANNELS = (5, 6, 4)


def labels() -> torch.Tensor:
    """Two images of 16 and 9 scattered superpixels, the second padded."""
    found = torch.cat([blocks(64, 64, 16), blocks(64, 64, 22)])
    found[1, 48:] = -1
    return found


def maps() -> list[torch.Tensor]:
    return [torch.randn(2, c, s, s, dtype=torch.float64) for c, s in zip(CHANNELS, (16, 8, 4), strict=True)]


def model(reading: Reading = Reading(), **kwargs) -> DeepGrouping:  # noqa: B008
    return DeepGrouping(CHANNELS, 8, reading=reading, **kwargs).double().eval()


class TestShares:
    def test_share_of_spread_is_the_share_in_the_sum_of_variances_over_real_nodes(self):
        part, rest = torch.randn(2, 7, 3), 2 * torch.randn(2, 7, 3)
        mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
        expected = []
        for image, n in enumerate((7, 4)):
            a, b = (sum(float(x[image, :n, c].var(correction=0)) for c in range(3)) for x in (part, rest))
            expected.append(a / (a + b))
        torch.testing.assert_close(share_of_spread(part, rest, mask), torch.tensor(expected))
        assert share_of_spread(part * 0, rest * 0, mask).tolist() == [0, 0]

    @pytest.mark.parametrize("combine", ["sum", "concat"])
    def test_a_cut_graph_is_not_heard_and_leaves_superpixels_without_a_graph(self, combine):
        dgm, features, regions = model(Reading(combine=combine, pooled="unit")), maps(), labels()
        with cut(SimpleNamespace(dgm=dgm)):
            residuals, grouping = dgm(features, regions)
        assert (grouping.scene == 0).all()
        assert (grouping.graph_share < 1e-12).all()
        assert (dgm(features, regions)[1].graph_share > 1e-3).all()
        # Pooling and Re-projection alone, told one and the same thing everywhere.
        grid = RegionGrid(regions, [f.shape[-2:] for f in features], torch.float64)
        for level, (embed, layer) in enumerate(zip(dgm.embeddings, dgm.reprojections, strict=True)):
            pooled = torch.nn.functional.normalize(embed(grid.pool(features[level], level)), dim=-1)
            said = masked_mean(grouping.nodes[level], grouping.masks[level])[:, None].expand_as(pooled)
            torch.testing.assert_close(residuals[level], grid.unpool(layer(pooled, said, grid.mask), level))

    def test_a_residual_that_starts_at_zero_is_not_heard(self):
        assert (model(Reading(start=0.0))(maps(), labels())[1].residual_share == 0).all()

    def test_centred_messages_are_heard_at_every_level(self):
        assert (model(Reading(messages="centred"))(maps(), labels())[1].graph_share > 0.3).all()

    def test_an_image_s_shares_do_not_depend_on_its_batch(self):
        dgm, features, regions = model(), maps(), labels()
        both = dgm(features, regions)[1]
        alone = dgm([f[1:, :, : f.shape[2] * 3 // 4] for f in features], regions[1:, :48])[1]
        torch.testing.assert_close(alone.graph_share[0], both.graph_share[1])
        torch.testing.assert_close(alone.residual_share[0], both.residual_share[1])

    def test_the_printed_reading_is_mute_beside_the_default(self):
        features = [3 * f.relu() for f in maps()]
        printed, default = (model(r)(features, labels())[1].graph_share for r in (VERSION_0_1, Reading()))
        assert (printed < 0.01).all()
        assert (default > 5 * printed).all()


@pytest.mark.parametrize("edges", ["grouping", "updated"])
@pytest.mark.parametrize("pooled", ["unit", "centred", "raw"])
@pytest.mark.parametrize("first", ["pooled", "neighbours"])
@pytest.mark.parametrize("combine", ["sum", "concat"])
@pytest.mark.parametrize("messages", ["plain", "centred"])
def test_every_reading_can_be_built_run_and_trained(edges, pooled, first, combine, messages):
    dgm = model(Reading(edges, pooled, first, combine, messages)).train()
    features = maps()
    residuals, grouping = dgm(features, labels())
    assert [r.shape for r in residuals] == [f.shape for f in features]
    (sum(r.square().sum() for r in residuals) + grouping.scene.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in dgm.reprojections.parameters())


class TestNumbersOfAGrouping:
    def grouping(self, nodes: torch.Tensor, edges: torch.Tensor) -> Grouping:
        mask = [torch.ones(nodes.shape[:2], dtype=torch.bool), torch.ones(1, edges.shape[2], dtype=torch.bool)]
        found = Grouping(torch.zeros(1, 2, 2).long(), [nodes, nodes[:, :2]], [edges], [edges], mask, *[None] * 5)
        found.residual_share = found.graph_share = torch.tensor([[0.25, 0.5]])
        return found

    def test_entropy_is_0_for_an_assignment_and_1_for_the_mean_of_all(self):
        nodes = torch.eye(4)[None]
        assert self.grouping(nodes, torch.full((1, 4, 2), 0.5)).entropy(1) == 0
        assert self.grouping(nodes, torch.eye(4)[None, :, [0, 1]] + torch.eye(4)[None, :, [2, 3]]).entropy(2) == 0
        assert self.grouping(nodes, torch.full((1, 4, 2), 0.5)).entropy(2).item() == pytest.approx(1)
        skewed = torch.tensor([0.9, 0.1]).expand(1, 4, 2)
        expected = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)) / math.log(2)
        assert self.grouping(nodes, skewed).entropy(2).item() == pytest.approx(expected, rel=1e-6)

    def test_attention_goes_up_to_the_parents_and_down_to_what_they_are_made_of(self):
        _, found = model(Reading())(maps(), labels())
        down = torch.eye(found.nodes[0].shape[1], dtype=found.top_down[0].dtype)
        for level in range(1, len(found.nodes) + 1):
            if level > 1:
                down = down @ found.top_down[level - 2][0]
            up = found.membership(level)[0]
            expected = torch.stack([sum(w * up[:, j] for j, w in enumerate(row)) for row in down])
            torch.testing.assert_close(found.attention(level)[0], expected)
            torch.testing.assert_close(found.attention(level).sum(2), found.masks[0].to(down.dtype))

    def test_rank_counts_the_directions_that_nodes_take(self):
        edges = torch.full((1, 4, 2), 0.5)
        assert self.grouping(torch.eye(4)[None], edges).rank(1).item() == pytest.approx(4)
        assert self.grouping(torch.ones(1, 4, 4), edges).rank(1).item() == pytest.approx(1, rel=1e-4)
        assert self.grouping(torch.zeros(1, 4, 4), edges).rank(1).item() == 1  # not nan

    def test_heard_gives_means_over_the_batch_by_level(self):
        heard = self.grouping(torch.eye(4)[None], torch.full((1, 4, 2), 0.5)).heard()
        assert heard == {"residual share": [0.25, 0.5], "graph share": [0.25, 0.5], "rank": [4.0, 2.0]}


class TestDisabled:
    """What is done to a trained model's graph at test time, and undone."""

    def test_without_top_down_nodes_are_those_of_the_way_up(self):
        dgm, silent, features = model(), model(top_down=False), maps()
        silent.load_state_dict({k: v for k, v in dgm.state_dict().items() if not k.startswith("tdmp")})
        with without_top_down(SimpleNamespace(dgm=dgm)):
            found = dgm(features, labels())[1]
        for a, b in zip(found.nodes, silent(features, labels())[1].nodes, strict=True):
            torch.testing.assert_close(a, b)

    def test_foreign_groups_are_those_of_the_image_before(self):
        dgm, regions = model(), labels()[:1]
        first, second = ([f[:1] for f in maps()] for _ in range(2))
        expected = dgm(first, regions)[1]
        with foreign_groups(SimpleNamespace(dgm=dgm)):
            dgm(first, regions)
            found = dgm(second, regions)[1]
        assert torch.equal(found.assignments[0], expected.assignments[0])
        assert torch.equal(found.top_down[0], expected.top_down[0])
        assert found.nodes[1].isfinite().all()

    def test_steps_and_starts_of_the_pooling_can_be_others(self):
        dgm, features = model(testing_iterations=4), maps()
        other = model(testing_iterations=1)
        other.load_state_dict(dgm.state_dict())
        with pooled_otherwise(SimpleNamespace(dgm=dgm), steps=1):
            found = dgm(features, labels())[0]
        assert all(torch.equal(a, b) for a, b in zip(found, other(features, labels())[0], strict=True))
        with pooled_otherwise(SimpleNamespace(dgm=dgm), random=True):
            first, second = (dgm(features, labels())[1].assignments[0] for _ in range(2))
        assert not torch.equal(first, second)
        first, second = (dgm(features, labels())[1].assignments[0] for _ in range(2))
        assert torch.equal(first, second)

    def test_starts_in_order_in_training_too(self):
        dgm, features = model(iterations=2, testing_iterations=4), maps()
        with pooled_otherwise(SimpleNamespace(dgm=dgm), steps=3):
            evaluated = dgm(features, labels())[1].assignments
            trained = [dgm.train()(features, labels())[1].assignments for _ in range(2)]
        for again in trained:
            assert all(torch.equal(a, b) for a, b in zip(evaluated, again, strict=True))

    def test_in_order_or_drawn_k_stays_what_it_is_in_training_and_in_evaluation(self):
        dgm, features = model(iterations=2, testing_iterations=4), maps()
        expected = dgm(features, labels())[1].assignments[0]
        with pooled_otherwise(SimpleNamespace(dgm=dgm)):
            assert torch.equal(dgm(features, labels())[1].assignments[0], expected)
            trained = dgm.train()(features, labels())[1].assignments[0]
        dgm.emgp.testing_iterations = 2
        assert torch.equal(dgm.eval()(features, labels())[1].assignments[0], trained)

    @pytest.mark.parametrize("disabled", [cut, foreign_groups, without_top_down, partial(pooled_otherwise, steps=1)])
    def test_afterwards_all_is_as_it_was(self, disabled):
        dgm, features = model(), maps()
        before = dgm(features, labels())[0]
        with pytest.raises(RuntimeError, match="stop"), disabled(SimpleNamespace(dgm=dgm)):
            raise RuntimeError("stop")
        dgm.eval()
        assert all(torch.equal(a, b) for a, b in zip(before, dgm(features, labels())[0], strict=True))


def test_what_was_not_measured_is_rendered_as_a_dash(tmp_path):
    numbers = {"UPerNet": 0.40, "DGM": 0.45}
    rows = [("d", who, seed, "", "object/mIoU", 0, 0.1 * seed + v) for who, v in numbers.items() for seed in (0, 1)]
    rows += [("d", "DGM", seed, "graph cut", "object/mIoU", 0, 0.1 * seed + 0.41) for seed in (0, 1)]
    rows += [
        ("d", who, seed, "", name, 0, 7.0) for who in numbers for seed in (0, 1) for name in ("seconds", "parameters")
    ]
    rows += [("d", "DGM", 0, "", "rank", level, level / 2) for level in (1, 2)]
    columns = ["data", "candidate", "seed", "probe", "name", "level", "value"]
    text = render(pd.DataFrame(rows, columns=columns))
    assert "| DGM | 50.00 ± 7.07 | +5.00 ± 0.00 | - | - | - | - | 0.5 / 1.0 | 7 | 1.00 |" in text
    assert "| graph cut | -4.00 ± 0.00 |" in text
    assert "| K = 1 | - |" in text
    assert "nan" not in text
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "reading.csv", index=False)
    assert render(pd.read_csv(tmp_path / "reading.csv")) == text
    assert "nan" not in render(pd.DataFrame(rows, columns=columns).query("seed == 0"))  # one seed has no deviation


def test_folds_share_no_image_and_cover_all():
    class Numbers:
        vocabulary, cache, records = None, None, tuple(range(50))

        def __len__(self):
            return 50

        def __getitem__(self, index):
            return index

        def groups(self, tasks):
            return [list(range(0, 50, 2)), [1]]

    for count in (1, 13):
        with pytest.raises(ValueError, match=f"--seeds must be from 2 to 12, because .*, not {count}"):
            folds(Numbers(), count, 0)
    parts = [folds(Numbers(), 3, fold) for fold in range(3)]
    assert sorted(i for _, kept in parts for i in kept.records) == list(range(50))
    assert all(set(train.records).isdisjoint(kept.records) and len(train) + len(kept) == 50 for train, kept in parts)
    train, kept = parts[1]
    assert kept[0] == kept.records[0]
    assert [[kept[i] for i in group] for group in kept.groups(("object",))] == [[i for i in kept.records if i % 2 == 0]]
    assert sorted(train[i] for group in train.groups(("object",)) for i in group) == sorted(
        i for i in train.records if i % 2 == 0 or i == 1
    )
