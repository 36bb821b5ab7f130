"""Every equation of the paper against a literal loop, and what must hold whatever the weights are."""

import copy
import math
from functools import partial
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from tiny import blocks
from torch_geometric.nn import MessagePassing

from dgmlib.grouping import EMGP, TDMP, DeepGrouping, GConv, Projection, Reprojection, readout
from dgmlib.reading import VERSION_0_1, Reading

D = 6
FIXED = Reading(sigma2=0.5)
PRINTED = Reading("updated", sigma2=0.5)
#: Every reading of every sentence occurs in one of these.
READINGS = {
    "default": Reading(),
    "dgmlib 0.1": VERSION_0_1,
    "sum, unit": Reading(combine="sum", pooled="unit", bandwidth=0.1),
    "updated, relative": Reading("updated", bandwidth=0.3),
    "messages centred": Reading(messages="centred"),
}


def pooling(iterations: int, reading: Reading = FIXED, em_gradient: str = "last") -> EMGP:
    return EMGP(iterations, iterations, reading, em_gradient)


def audible(model: torch.nn.Module) -> torch.nn.Module:
    """Give the residual layers the weight of a trained network."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.ones_(module.weight)
    return model


def unit_nodes(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.rand(*shape, dtype=torch.float64), dim=-1)


def sparse_gconv(gconv: GConv, x: torch.Tensor, edge_index: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """GConv as a PyTorch Geometric message-passing layer: the same weights, another implementation."""

    class Sparse(MessagePassing):
        def forward(self, x, edge_index, weight):
            h = gconv.linear(self.propagate(edge_index, x=x, weight=weight))
            return torch.relu(h / h.norm(dim=-1, keepdim=True).clamp(min=1e-12))

        def message(self, x_j, weight):
            return weight[:, None] * x_j

    return Sparse(aggr="add")(x, edge_index, weight)


def literal_gconv(gconv: GConv, x: torch.Tensor) -> torch.Tensor:
    """Eq. 6 for one vector, with Python's own arithmetic."""
    w, b, x = gconv.linear.weight.detach(), gconv.linear.bias.detach(), x.detach()
    y = [sum(float(w[i, j]) * float(x[j]) for j in range(len(x))) + float(b[i]) for i in range(len(b))]
    norm = math.sqrt(sum(v * v for v in y))
    return torch.tensor([max(v / norm, 0.0) for v in y], dtype=torch.float64)


def literal_em(nodes: torch.Tensor, start: list[int], iterations: int, sigma2: float):
    """Eq. 1-3 for one image, written out: the new nodes, P, and the same kernel with rows that sum to one."""
    n, centres = len(nodes), [nodes[i] for i in start]
    for _ in range(iterations):
        kernel = torch.zeros(n, len(centres), dtype=torch.float64)
        for j, centre in enumerate(centres):
            for i in range(n):
                kernel[i, j] = math.exp(-float(((nodes[i] - centre) ** 2).sum()) / sigma2)
        p = kernel / kernel.sum(0)
        centres = [sum(p[i, j] * nodes[i] for i in range(n)) for j in range(len(start))]
    return torch.stack(centres), p, kernel / kernel.sum(1, keepdim=True)


def literal_sigma2(reading: Reading, lower: torch.Tensor, upper: torch.Tensor) -> float:
    """The bandwidth times the mean over all pairs of nodes, one pair at a time, or the least that is allowed."""
    if reading.sigma2 is not None:
        return reading.sigma2
    pairs = [float(((a - b) ** 2).sum()) for a in lower.detach() for b in upper.detach()]
    floor = 1e-4 * sum(float((a**2).sum()) for a in lower.detach()) / len(lower)
    return max(reading.bandwidth * sum(pairs) / len(pairs), floor)


class TestEMGP:
    def test_equals_the_literal_iteration(self):
        nodes = unit_nodes(1, 7, D)
        grouped, affinity, shares, mask = pooling(4).eval()(
            nodes, torch.ones(1, 7, dtype=torch.bool), torch.arange(7)[None]
        )
        centres, p, rows = literal_em(nodes[0], [0, 2, 4, 6], 4, 0.5)
        torch.testing.assert_close(affinity[0], p)
        torch.testing.assert_close(shares[0], rows)
        torch.testing.assert_close(grouped[0], centres)
        assert mask.all()

    @pytest.mark.parametrize("training", [False, True])
    def test_columns_of_p_sum_to_one_rows_of_its_shares_do_and_padding_takes_no_part(self, training):
        mask = torch.tensor([[True] * 5 + [False] * 4, [True] * 9])
        nodes = unit_nodes(2, 9, D)
        _, affinity, shares, new_mask = pooling(3).train(training)(nodes, mask, torch.arange(9).expand(2, 9))
        assert new_mask.sum(1).tolist() == [3, 5]
        torch.testing.assert_close(affinity.sum(1), new_mask.double())
        torch.testing.assert_close(shares.sum(2), mask.double())
        assert (affinity[0, 5:] == 0).all()
        assert (shares[0, :, 3:] == 0).all()

    def test_relative_bandwidth_follows_the_nodes(self):
        """Whatever the scale and place of the nodes of an image, they are grouped alike."""
        nodes, mask = unit_nodes(1, 9, D), torch.ones(1, 9, dtype=torch.bool)
        emgp, order = pooling(3, Reading(bandwidth=0.2)).eval(), torch.arange(9)[None]
        _, p, rows, _ = emgp(nodes, mask, order)
        _, expected, _ = literal_em(nodes[0], [0, 2, 4, 6, 8], 3, literal_sigma2(emgp.reading, nodes[0], nodes[0]))
        torch.testing.assert_close(p[0], expected)
        moved = emgp(0.01 * nodes + 0.03, mask, order)
        torch.testing.assert_close(moved[1], p)
        torch.testing.assert_close(moved[2], rows)

    @pytest.mark.parametrize("spread", [0, 1e-7, 1e-4])
    def test_nodes_that_are_nearly_equal_give_finite_gradients(self, spread):
        nodes = (torch.ones(1, 8, D) + spread * torch.randn(1, 8, D)).requires_grad_()
        emgp = pooling(5, Reading()).eval()
        out = emgp(nodes, torch.ones(1, 8, dtype=torch.bool), torch.arange(8)[None])
        (out[0].pow(3).sum() + out[2].pow(2).sum()).backward()
        assert nodes.grad.isfinite().all()
        assert nodes.grad.abs().max() < 1e3

    @pytest.mark.parametrize("em_gradient", ["last", "all"])
    @pytest.mark.parametrize("iterations", [1, 3])
    def test_many_nodes_are_grouped_as_few_wide_ones_are(self, iterations, em_gradient):
        """More than 2 D nodes go by the factors of G; with zeros beside them, the same nodes go by G itself."""
        mask, order = torch.ones(2, 11, dtype=torch.bool), torch.arange(11).expand(2, -1)
        mask[1, 8:] = False
        found = []
        for width in (4, 8):
            torch.manual_seed(0)  # of the starting vertices
            nodes = unit_nodes(2, 11, 4).requires_grad_()
            out = pooling(iterations, Reading(merge=0.5), em_gradient)(F.pad(nodes, (0, width - 4)), mask, order)
            (out[0].square().sum() + out[2].square().sum()).backward()
            found.append([out[0][..., :4], *out[1:], nodes.grad])
        for few, many in zip(*found, strict=True):
            torch.testing.assert_close(few, many)

    def test_iterations_are_those_of_training_or_of_evaluation(self):
        nodes, mask, order = unit_nodes(1, 9, D), torch.ones(1, 9, dtype=torch.bool), torch.arange(9)[None]
        emgp = EMGP(1, 4, FIXED, "last")
        torch.testing.assert_close(emgp.eval()(nodes, mask, order)[1], pooling(4).eval()(nodes, mask, order)[1])
        torch.manual_seed(3)
        trained = emgp.train()(nodes, mask, order)[1]
        torch.manual_seed(3)
        torch.testing.assert_close(trained, pooling(1).train()(nodes, mask, order)[1])

    def test_starting_vertices_come_from_a_generator_of_their_own(self):
        nodes, mask, order = unit_nodes(1, 9, D), torch.ones(1, 9, dtype=torch.bool), torch.arange(9)[None]
        emgp, before = pooling(1), torch.get_rng_state()
        generator = torch.Generator().manual_seed(5)
        emgp.draw = partial(torch.rand, generator=generator)
        first = emgp(nodes, mask, order)[1]
        assert torch.equal(torch.get_rng_state(), before)
        generator.manual_seed(5)
        assert torch.equal(emgp(nodes, mask, order)[1], first)

    def test_starting_vertices_are_half_of_the_real_nodes_in_the_given_order(self):
        mask = torch.tensor([[True, False, True, True, True, True]])
        order = torch.tensor([[50, 0, 40, 30, 20, 10]])
        start, new_mask = pooling(1).eval()._starting_vertices(mask, order)
        assert start[new_mask].tolist() == [5, 3, 0]

    @pytest.mark.parametrize(
        ("ratio", "expected"), [(0.25, [0, 4, 8]), (0.5, [0, 2, 4, 6, 8, 10]), (0.75, [0, 1, 2, 4, 5, 6, 8, 9, 10])]
    )
    def test_another_ratio_starts_from_that_share_of_the_real_nodes(self, ratio, expected):
        emgp = pooling(1).eval()
        emgp.ratio = ratio
        for count in range(1, 13):
            start, new_mask = emgp._starting_vertices(torch.arange(12)[None] < count, torch.arange(12)[None])
            assert start[new_mask].tolist() == [vertex for vertex in expected if vertex < count]

    def test_training_draws_every_real_node_equally_often_and_never_a_padded_one(self):
        emgp = pooling(1)
        mask = torch.tensor([[True, True, True, True, False, False]]).expand(4000, -1)
        start, new_mask = emgp._starting_vertices(mask, torch.zeros(4000, 6))
        counts = torch.bincount(start[new_mask], minlength=6)
        assert counts[4:].sum() == 0
        assert (counts[:4] - 2000).abs().max() < 200  # 6 standard deviations

    def test_each_new_node_moves_uphill(self):
        """Mean shift raises the kernel density at every centre (Comaniciu and Meer 2002)."""
        nodes = unit_nodes(1, 20, D)
        mask, order = torch.ones(1, 20, dtype=torch.bool), torch.arange(20)[None]

        def density(centres):
            return torch.exp(-torch.cdist(nodes, centres).square() / 0.5).sum(1)

        steps = [pooling(k).eval()(nodes, mask, order)[0] for k in (1, 2, 3, 4)]
        for earlier, later in pairwise(steps):
            assert (density(later) >= density(earlier) - 1e-12).all()

    @pytest.mark.parametrize("em_gradient", ["last", "all"])
    def test_gradient(self, em_gradient):
        nodes = unit_nodes(1, 5, 3).requires_grad_()
        mask = torch.tensor([[True, True, True, True, False]])
        emgp = pooling(2 if em_gradient == "all" else 1, FIXED, em_gradient).eval()
        torch.autograd.gradcheck(lambda v: emgp(v, mask, torch.arange(5)[None])[:3], nodes)

    def test_last_differentiates_the_last_iteration_only(self):
        nodes = unit_nodes(1, 6, D).requires_grad_()
        mask, order = torch.ones(1, 6, dtype=torch.bool), torch.arange(6)[None]
        centres, _, _ = literal_em(nodes[0].detach(), [0, 2, 4], 2, 0.5)
        distances = (nodes[0][:, None] - _centres_of(nodes[0], centres, 0.5)).square().sum(2)
        expected = torch.autograd.grad((torch.softmax(-distances / 0.5, 0).T @ nodes[0]).pow(3).sum(), nodes)[0]
        got = torch.autograd.grad(pooling(3).eval()(nodes, mask, order)[0].pow(3).sum(), nodes)[0]
        torch.testing.assert_close(got, expected)

    def test_settings_are_checked(self):
        with pytest.raises(ValueError, match="iterations must be at least 1"):
            EMGP(1, 0, FIXED, "last")
        with pytest.raises(ValueError, match="em_gradient"):
            EMGP(1, 1, FIXED, "first")


def _centres_of(nodes: torch.Tensor, centres: torch.Tensor, sigma2: float) -> torch.Tensor:
    """Centres as functions of the nodes through a constant P: what the last of the iterations starts from."""
    # `centres` come from P of the iteration before; recover that P without its gradient.
    start = nodes.detach()[[0, 2, 4]]
    p = torch.softmax(-torch.cdist(nodes.detach(), start).square() / sigma2, 0)
    p = torch.softmax(-torch.cdist(nodes.detach(), p.T @ nodes.detach()).square() / sigma2, 0)
    torch.testing.assert_close(p.T @ nodes.detach(), centres)
    return p.T @ nodes


class TestGConv:
    def test_equals_eq_6(self):
        gconv = GConv(D).double()
        x = torch.randn(3, D, dtype=torch.float64)
        torch.testing.assert_close(gconv(x), torch.stack([literal_gconv(gconv, v) for v in x]))

    def test_zero_input_without_bias_stays_finite(self):
        gconv = GConv(D)
        torch.nn.init.zeros_(gconv.linear.bias)
        assert gconv(torch.zeros(2, D)).isfinite().all()

    def test_level_1_equals_message_passing_over_the_region_adjacency_graph(self):
        dgm = DeepGrouping((D,), D, reading=VERSION_0_1).double().eval()
        regions = blocks(12, 12, 4)
        maps = [torch.randn(1, D, 3, 3, dtype=torch.float64)]
        _, grouping = dgm(maps, regions)
        x = maps[0][0].flatten(1).T
        edges = grouping.adjacency(1)[0].nonzero().T
        edges = torch.cat([edges, torch.arange(9).expand(2, 9)], 1)
        weight = 1 / torch.bincount(edges[1]).double()[edges[1]]
        first = sparse_gconv(dgm.first, x, edges, weight)
        # The only level's node after TDMP is GConv(V + R).
        expected = dgm.tdmp.gconvs[0](first + first.mean(0))
        torch.testing.assert_close(grouping.nodes[0][0], expected)


class TestProjection:
    def test_equals_eq_5(self):
        projection = Projection(D).double()
        grouped, pooled = unit_nodes(1, 2, D), unit_nodes(1, 4, D)
        membership = torch.rand(1, 4, 2, dtype=torch.float64)
        result = projection(grouped, membership, pooled)
        for j in range(2):
            total = grouped[0, j] + sum(membership[0, i, j] * pooled[0, i] for i in range(4))
            torch.testing.assert_close(result[0, j], literal_gconv(projection.gconv, total))

    def test_equals_message_passing(self):
        projection = Projection(D).double()
        grouped, pooled = unit_nodes(1, 2, D), unit_nodes(1, 4, D)
        membership = torch.rand(1, 4, 2, dtype=torch.float64)
        source, target = torch.cartesian_prod(torch.arange(4), torch.arange(2)).T
        edges = torch.cat([torch.stack([source, target + 4]), torch.tensor([[4, 5], [4, 5]])], 1)
        weight = torch.cat([membership[0].flatten(), torch.ones(2, dtype=torch.float64)])
        x = torch.cat([pooled[0], grouped[0]])
        torch.testing.assert_close(
            projection(grouped, membership, pooled)[0], sparse_gconv(projection.gconv, x, edges, weight)[4:]
        )


class TestTDMP:
    def setup_method(self):
        torch.manual_seed(1)
        self.nodes = [unit_nodes(1, 5, D), unit_nodes(1, 3, D)]
        self.masks = [torch.ones(1, 5, dtype=torch.bool), torch.ones(1, 3, dtype=torch.bool)]
        self.scene = unit_nodes(1, D)
        self.shares = [torch.rand(1, 5, 3, dtype=torch.float64).softmax(2)]

    def literal(self, tdmp: TDMP):
        """Eq. 8-10, from R down."""
        top = [self.nodes[1][0, i] + self.scene[0] for i in range(3)]
        top = [literal_gconv(tdmp.gconvs[1], v) if tdmp.gconvs else self.nodes[1][0, i] for i, v in enumerate(top)]
        p, new = torch.zeros(5, 3, dtype=torch.float64), []
        for i in range(5):
            weights = [math.exp(-float(((self.nodes[0][0, i] - v) ** 2).sum()) / 0.5) for v in top]
            p[i] = torch.tensor([w / sum(weights) for w in weights], dtype=torch.float64)
            total = self.nodes[0][0, i] + sum(p[i, j] * top[j] for j in range(3))
            new.append(literal_gconv(tdmp.gconvs[0], total) if tdmp.gconvs else self.nodes[0][0, i])
        return torch.stack(new), torch.stack(top), p

    @pytest.mark.parametrize("levels", [2, 0])
    def test_equals_eq_8_to_10(self, levels):
        tdmp = TDMP(D, levels, PRINTED).double()
        (bottom, top), (p,) = tdmp(self.nodes, self.scene, self.masks, self.shares)
        for got, expected in zip((bottom[0], top[0], p[0]), self.literal(tdmp), strict=True):
            torch.testing.assert_close(got, expected)

    def test_reuses_the_grouping_where_the_reading_says_so(self):
        tdmp = TDMP(D, 2, Reading()).double()
        (bottom, top), edges = tdmp(self.nodes, self.scene, self.masks, self.shares)
        assert edges == self.shares
        expected = literal_gconv(tdmp.gconvs[0], self.nodes[0][0, 4] + self.shares[0][0, 4] @ top[0])
        torch.testing.assert_close(bottom[0, 4], expected)

    @pytest.mark.parametrize("reading", [PRINTED, Reading("updated", bandwidth=0.2)])
    def test_rows_of_p_sum_to_one_and_padding_takes_no_part(self, reading):
        masks = [torch.tensor([[True, True, True, False, False]]), torch.tensor([[True, True, False]])]
        _, (p,) = TDMP(D, 2, reading).double()(self.nodes, self.scene, masks, self.shares)
        torch.testing.assert_close(p.sum(2), masks[0].double())
        assert (p[0, :, 2] == 0).all()

    def test_without_top_down_nodes_stay_and_no_parameter_is_added(self):
        tdmp = TDMP(D, 0, PRINTED)
        nodes, _ = tdmp(self.nodes, self.scene, self.masks, self.shares)
        assert all(torch.equal(a, b) for a, b in zip(nodes, self.nodes, strict=True))
        assert not list(tdmp.parameters())

    def test_gradient(self):
        tdmp = TDMP(D, 2, PRINTED).double()
        inputs = [v.clone().requires_grad_() for v in (*self.nodes, self.scene, *self.shares)]
        torch.autograd.gradcheck(lambda a, b, r, p: tdmp([a, b], r, self.masks, [p])[0], inputs)
        reusing = TDMP(D, 2, Reading()).double()
        torch.autograd.gradcheck(lambda a, b, r, p: reusing([a, b], r, self.masks, [p])[0], inputs)


def test_readout_is_the_mean_over_real_nodes():
    nodes, mask = unit_nodes(2, 4, D), torch.tensor([[True, True, False, False], [True, True, True, True]])
    torch.testing.assert_close(readout(nodes, mask)[0], (nodes[0, 0] + nodes[0, 1]) / 2)
    torch.testing.assert_close(readout(nodes, mask)[1], nodes[1].mean(0))


@pytest.mark.parametrize("combine", ["sum", "concat"])
def test_reprojection_equals_eq_11_and_its_residual_layer(combine):
    module = audible(Reprojection(D, 4, Reading(combine=combine)).double().eval())
    module.residual.norm.running_mean.normal_()
    module.residual.norm.running_var.uniform_(0.5, 2)
    pooled, nodes = unit_nodes(1, 3, D), unit_nodes(1, 3, D)
    mask = torch.tensor([[True, True, False]])
    result = module(pooled, nodes, mask)
    norm = module.residual.norm
    for i in range(2):
        if combine == "sum":
            u = module.residual.linear.weight @ literal_gconv(module.gconv, pooled[0, i] + nodes[0, i])
        else:
            u = literal_gconv(module.gconv, torch.cat([pooled[0, i], nodes[0, i]]))
        torch.testing.assert_close(result[0, i], (u - norm.running_mean) / (norm.running_var + norm.eps).sqrt())
    assert (result[0, 2] == 0).all()


class TestDeepGrouping:
    """The whole of Figure 2."""

    channels = (5, 6, 4, 3)

    def model(self, **kwargs):
        model = DeepGrouping(self.channels, D, iterations=3, testing_iterations=3, **kwargs)
        return audible(model.double())

    def maps(self, batch: int, height: int = 32, width: int = 32):
        sizes = [(-(-height // s), -(-width // s)) for s in (4, 8, 16, 32)]
        return [torch.randn(batch, c, *size, dtype=torch.float64) for c, size in zip(self.channels, sizes, strict=True)]

    @pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
    @pytest.mark.parametrize(("top_down", "expected"), [(True, 4_467_712), (False, 3_417_088)])
    def test_parameters_print_as_table_3_does(self, top_down, expected, reading):
        model = DeepGrouping(top_down=top_down, reading=reading)
        count = sum(p.numel() for p in model.parameters())
        assert count == expected
        assert f"{count / 1e6:.3f}" == ("4.468" if top_down else "3.417")

    def test_a_feature_map_of_zeros_has_finite_gradients(self):
        """As of a branch that starts at zero, where no linear layer stands between the map and the unit vectors."""
        dgm = DeepGrouping((16, 16), dim=16)
        regions = blocks(64, 64, 8).expand(2, 64, 64)
        maps = [torch.rand(2, 16, 8, 8), torch.rand(2, 16, 4, 4)]
        maps[0][1] = 0
        for one in maps:
            one.requires_grad_()
        residuals, _ = dgm(maps, regions)
        (residuals[0].sum(1) * torch.rand(2, 8, 8)).sum().backward()
        assert all(one.grad.abs().max() < 1e4 for one in maps)

    def test_residual_layers_that_start_at_zero_change_nothing_until_they_are_trained(self):
        model = DeepGrouping(self.channels, D, reading=Reading(start=0.0)).double()
        residuals, grouping = model(self.maps(2), blocks(32, 32, 8).expand(2, 32, 32))
        assert all((r == 0).all() for r in [*residuals, grouping.scene])
        sum((r - 1).square().sum() for r in [*residuals, grouping.scene]).backward()
        assert all(layer.residual.norm.weight.grad.any() for layer in model.reprojections)

    @pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
    @pytest.mark.parametrize("top_down", [True, False])
    def test_equals_the_paper_written_out_for_one_image(self, top_down, reading):
        model = self.model(top_down=top_down, reading=reading).eval()
        regions, maps = blocks(64, 64, 16), self.maps(1, 64, 64)
        residuals, grouping = model(maps, regions)

        def pool(feature):  # every superpixel is a whole number of cells or a part of one
            size = feature.shape[-1]
            return torch.stack(
                [
                    torch.nn.functional.interpolate(feature, scale_factor=64 // size)[0, :, regions[0] == n].mean(1)
                    for n in range(16)
                ]
            )

        def in_graph(x):
            x = x - x.mean(0) if reading.pooled == "centred" else x
            return x if reading.pooled == "raw" else x / x.norm(dim=1, keepdim=True)

        U = [in_graph(embed(pool(f))) for embed, f in zip(model.embeddings, maps, strict=True)]
        A = grouping.adjacency(1)[0] + torch.eye(16, dtype=torch.float64)
        neighbours = reading.first == "neighbours"
        V, P, below = [model.first(A @ U[0] / A.sum(1, keepdim=True)) if neighbours else U[0]], [], []
        order = _z_order(4, 16)
        for level in range(3):
            start = order[::2] if level == 0 else list(range(0, len(V[-1]), 2))
            centres, p, rows = literal_em(V[-1].detach(), start, 3, literal_sigma2(reading, V[-1], V[-1]))
            P.append(p)
            below.append(rows)
            chain = torch.linalg.multi_dot(P) if len(P) > 1 else P[0]
            V.append(model.projections[level].gconv(centres + chain.T @ U[level + 1]))
        R = V[-1].mean(0)
        if top_down:
            V[-1] = model.tdmp.gconvs[-1](V[-1] + R)
        for level in (2, 1, 0):
            if reading.edges == "updated":
                distance = torch.cdist(V[level], V[level + 1]).square()
                below[level] = torch.softmax(-distance / literal_sigma2(reading, V[level], V[level + 1]), 1)
            if top_down:
                V[level] = model.tdmp.gconvs[level](V[level] + below[level] @ V[level + 1])
        heard = []
        for level in range(4):
            chain = torch.eye(16, dtype=torch.float64)
            for p in below[:level]:
                chain = chain @ p
            said, module = chain @ V[level], model.reprojections[level]
            if reading.messages == "centred":
                said = said - said.mean(0)
                said = said / said.norm(dim=1, keepdim=True)
            read = torch.cat([U[level], said], 1) if reading.combine == "concat" else U[level] + said
            u = module.residual.linear(module.gconv(read)) / (1 + 1e-5) ** 0.5
            expected = u[regions[0]].permute(2, 0, 1)[None]
            expected = torch.nn.functional.adaptive_avg_pool2d(expected, residuals[level].shape[-2:])
            torch.testing.assert_close(residuals[level], expected)
            torch.testing.assert_close(grouping.nodes[level][0], V[level])
            graph, itself = (x.var(0, correction=0).sum() for x in (said, U[level]))
            added, given = (x[0].flatten(1).var(1, correction=0).sum() for x in (expected, maps[level]))
            heard.append([float((graph / (graph + itself)).detach()), float((added / (added + given)).detach())])
        shares = torch.stack([grouping.graph_share[0], grouping.residual_share[0]], 1)
        torch.testing.assert_close(shares.double(), torch.tensor(heard, dtype=torch.float64), rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(grouping.readout[0], R)

    @pytest.mark.parametrize("top_down", [True, False])
    def test_does_not_depend_on_the_numbering_of_superpixels(self, top_down):
        model, maps = self.model(top_down=top_down).eval(), self.maps(2)
        regions = torch.cat([blocks(32, 32, 4), blocks(32, 32, 8)])
        residuals, grouping = model(maps, regions)
        shuffled = torch.stack([torch.randperm(64)[regions[0]], torch.randperm(16)[regions[1]]])
        again, regrouped = model(maps, shuffled)
        for a, b in zip(residuals, again, strict=True):
            torch.testing.assert_close(a, b)
        for level in (2, 3, 4):
            torch.testing.assert_close(grouping.nodes[level - 1], regrouped.nodes[level - 1])
            assert torch.equal(grouping.label_map(level), regrouped.label_map(level))

    def test_does_not_depend_on_what_an_image_is_batched_with(self):
        model, maps = self.model().eval(), self.maps(3)
        regions = torch.cat([blocks(32, 32, 2), blocks(32, 32, 8), blocks(32, 32, 32)])  # 256, 16 and 1 regions
        together, grouping = model(maps, regions)
        for i in range(3):
            alone, single = model([f[i : i + 1] for f in maps], regions[i : i + 1])
            for a, b in zip(alone, together, strict=True):
                torch.testing.assert_close(a[0], b[i])
            torch.testing.assert_close(single.scene[0], grouping.scene[i])
            assert torch.equal(single.label_map(3)[0], grouping.label_map(3)[i])

    def test_does_not_depend_on_padding(self):
        """Padding adds cells that no superpixel overlaps; whatever a feature map holds there changes nothing."""
        model, regions = self.model().eval(), blocks(32, 32, 4)
        maps = self.maps(1, 64, 64)
        inside = [f[..., : f.shape[-2] // 2, : f.shape[-1] // 2] for f in maps]
        padded = torch.nn.functional.pad(regions, (0, 32, 0, 32), value=-1)
        expected, _ = model(inside, regions)
        residuals, grouping = model(maps, padded)
        for small, big in zip(expected, residuals, strict=True):
            torch.testing.assert_close(big[..., : small.shape[-2], : small.shape[-1]], small)
            assert (big[..., small.shape[-2] :, :] == 0).all()
        assert (grouping.label_map(2)[0, 32:] == -1).all()

    @pytest.mark.parametrize("counts", [(1,), (2,), (3, 1), (7, 2), (1, 512)])
    def test_any_number_of_regions_trains_without_nan(self, counts):
        regions = torch.zeros(len(counts), 32, 32, dtype=torch.long)
        for image, count in zip(regions, counts, strict=True):
            image.view(-1)[:] = torch.arange(32 * 32) * count // (32 * 32)
        model, maps = self.model(), [f.requires_grad_() for f in self.maps(len(counts))]
        residuals, grouping = model(maps, regions)
        sum(r.square().sum() for r in residuals).backward()
        assert all(f.grad.isfinite().all() for f in maps)
        expected = [counts]
        for _ in range(3):
            expected.append(tuple(-(-n // 2) for n in expected[-1]))
        assert [tuple(m.sum(1).tolist()) for m in grouping.masks] == expected
        for p, lower, upper in zip(grouping.assignments, grouping.masks[:-1], grouping.masks[1:], strict=True):
            torch.testing.assert_close(p.sum(1), upper.double())
            assert (p[~lower] == 0).all()
        for p, lower in zip(grouping.top_down, grouping.masks[:-1], strict=True):
            torch.testing.assert_close(p.sum(2), lower.double())

    def test_two_hundred_steps_at_a_high_learning_rate_stay_finite(self):
        model = self.model().float()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
        regions = torch.cat([blocks(32, 32, 4), blocks(32, 32, 16)])
        maps, targets = [f.float() for f in self.maps(2)], [f.float() for f in self.maps(2)]
        for _ in range(200):
            residuals, _ = model(maps, regions)
            loss = sum(torch.nn.functional.mse_loss(r, t) for r, t in zip(residuals, targets, strict=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert all(p.isfinite().all() for p in model.parameters())
        assert loss.isfinite()

    def test_gradient_reaches_feature_maps_exactly(self):
        model = audible(DeepGrouping((2, 2), 3, testing_iterations=1, reading=FIXED).double().eval())
        maps = [torch.randn(1, 2, 4, 4), torch.randn(1, 2, 2, 2)]
        maps = [f.double().requires_grad_() for f in maps]
        regions = blocks(8, 8, 4)
        torch.autograd.gradcheck(lambda *f: model(f, regions)[0], maps)

    def test_superpixels_that_differ_by_rounding_alone_are_not_told_apart(self):
        """A blank wall: what is left of its features after centring must not be blown up to unit length."""
        flat = [torch.full((1, c, s, s), 3.0) for c, s in zip(self.channels, (8, 4, 2, 1), strict=True)]
        noisy = [f * (1 + 1e-7 * torch.randn_like(f)) for f in flat]
        _, grouping = self.model(top_down=False).float().eval()(noisy, blocks(32, 32, 8))
        assert grouping.nodes[0].norm(dim=2).max() < 0.01  # V^1 = U^1

    def test_evaluation_is_deterministic_and_training_is_not(self):
        model, maps, regions = self.model(), self.maps(1), blocks(32, 32, 4)
        a, b = (model(maps, regions)[1].assignments[0] for _ in range(2))
        assert not torch.equal(a, b)
        model.eval()
        a, b = (model(maps, regions)[1].assignments[0] for _ in range(2))
        assert torch.equal(a, b)

    @pytest.mark.parametrize("converted", [False, True])
    @pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
    def test_maps_of_any_precision_give_residuals_of_it_from_one_grouping(self, kind, converted):
        model = DeepGrouping((4, 4), 4).eval()
        maps = [torch.randn(1, 4, 8, 8).to(kind), torch.randn(1, 4, 4, 4).to(kind)]
        expected, grouping = model([m.float() for m in maps], blocks(32, 32, 8))
        if converted:
            model.to(kind)
        residuals, found = model(maps, blocks(32, 32, 8))
        for ours, theirs in zip([*residuals, found.scene], [*expected, grouping.scene], strict=True):
            assert ours.dtype == kind
            torch.testing.assert_close(ours, theirs.to(kind), rtol=1e-5 if kind == torch.float64 else 0, atol=1e-6)
        wide = torch.float64 if converted and kind == torch.float64 else torch.float32
        assert {t.dtype for t in [*found.nodes, *found.assignments, *model.parameters()]} == {wide}

    def test_half_precision_and_back_loses_nothing(self):
        model = DeepGrouping((4, 4), 4)
        before = copy.deepcopy(model.state_dict())
        after = model.half().bfloat16().float().state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())

    @pytest.mark.filterwarnings("ignore:.* should not be instantiated")  # what Dynamo does with autograd functions
    def test_a_copy_and_a_compiled_one_give_the_same_and_no_gradient_is_needed(self):
        model, maps, regions = self.model().eval(), self.maps(2), blocks(32, 32, 4).expand(2, 32, 32)
        expected = model(maps, regions)[0]
        with torch.inference_mode():
            found = [m(maps, regions)[0] for m in (model, copy.deepcopy(model), torch.compile(model, backend="eager"))]
        assert all(torch.equal(r, e) for residuals in found for r, e in zip(residuals, expected, strict=True))

    def test_a_wrong_list_of_maps_is_refused(self):
        with pytest.raises(ValueError, match=r"must have 4 maps of \(5, 6, 4, 3\) channels"):
            self.model()(self.maps(1)[:3], blocks(32, 32, 4))


class TestGrouping:
    def setup_method(self):
        torch.manual_seed(0)
        model = DeepGrouping((3, 3, 3), 4, testing_iterations=2).double().eval()
        self.regions = torch.cat([blocks(16, 16, 4), blocks(16, 16, 8)])
        self.regions[1, 12:] = -1
        maps = [torch.randn(2, 3, s, s, dtype=torch.float64) for s in (8, 4, 2)]
        self.grouping = model(maps, self.regions)[1]

    def test_adjacency_of_level_3_is_eq_4_twice(self):
        P1, P2 = self.grouping.assignments
        expected = P2.mT @ (P1.mT @ self.grouping.grid.adjacency @ P1) @ P2
        torch.testing.assert_close(self.grouping.adjacency(3), expected)
        assert torch.equal(self.grouping.adjacency(1), self.grouping.grid.adjacency)

    def test_membership_is_a_distribution_over_superpixels(self):
        for level in (1, 2, 3):
            total = self.grouping.membership(level).sum(1)
            torch.testing.assert_close(total, self.grouping.masks[level - 1].double())

    def test_label_map_is_the_heaviest_group_of_each_superpixel(self):
        assert torch.equal(self.grouping.label_map(1), self.regions)
        membership = self.grouping.membership(2)
        label_map = self.grouping.label_map(2)
        for y, x in ((0, 0), (5, 9), (15, 15)):
            row = membership[0, self.regions[0, y, x]]
            assert row[label_map[0, y, x]] >= 0.999 * row.max()
            assert not (row[: label_map[0, y, x]] >= 0.999 * row.max()).any()
        assert (label_map[1, 12:] == -1).all()
        assert label_map[1].max() < 2  # four superpixels, two groups

    def test_levels_outside_the_hierarchy_are_refused(self):
        for level in (0, 4):
            with pytest.raises(ValueError, match="level must be 1 "):
                self.grouping.label_map(level)

    def test_to_pyg_holds_the_same_numbers(self):
        data = self.grouping.to_pyg(1)
        data.validate()
        assert [data[f"level{i}"].num_nodes for i in (1, 2, 3)] == [4, 2, 1]
        edge = data["level1", "grouped", "level2"]
        dense = torch.zeros(4, 2, dtype=torch.float64)
        dense[edge.edge_index[0], edge.edge_index[1]] = edge.p
        torch.testing.assert_close(dense, self.grouping.assignments[0][1, :4, :2])
        edges = data["level1", "adjacent", "level1"].edge_index
        assert torch.equal(edges.T, self.grouping.adjacency(1)[1].nonzero())


def _z_order(side: int, size: int) -> list[int]:
    """Z-curve over a side x side grid of blocks of ``size`` pixels, as indices in reading order."""
    key = {}
    for r in range(side):
        for c in range(side):
            y, x = size * r + size // 2 - 1, size * c + size // 2 - 1
            key[r * side + c] = sum(((y >> b & 1) << (2 * b + 1)) | ((x >> b & 1) << (2 * b)) for b in range(7))
    return sorted(key, key=key.get)


class TestDynamicNumberOfNodes:
    def test_centres_that_climbed_to_one_mode_become_one_node(self):
        blobs = torch.tensor([[0.0, 0], [9, 0], [0, 9]], dtype=torch.float64)
        noise = 0.01 * torch.randn(24, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        nodes = blobs.repeat_interleave(8, 0) + noise
        mask, order = torch.ones(1, 24, dtype=torch.bool), torch.arange(24)[None]
        _, _, _, half = pooling(10, FIXED).double().eval()(nodes[None], mask, order)
        vbar, affinity, shares, kept = (
            pooling(10, Reading(sigma2=0.5, merge=0.01)).double().eval()(nodes[None], mask, order)
        )
        assert (half.sum(), kept.sum()) == (12, 3)
        expected = nodes.view(3, 8, 2).mean(1)
        torch.testing.assert_close(vbar[kept], expected, atol=1e-3, rtol=0)
        assert (vbar[~kept] == 0).all()
        torch.testing.assert_close(affinity.sum(1), kept.double())
        torch.testing.assert_close(shares.sum(2), torch.ones(1, 24, dtype=torch.float64))
        assert (shares[:, :, ~kept[0]] == 0).all()

    def test_a_uniform_image_is_represented_by_one_node_a_level(self):
        dgm = DeepGrouping((8, 8, 8), dim=8, reading=Reading(merge=0.01)).eval()
        maps = [torch.ones(2, 8, side, side) for side in (8, 4, 2)]
        maps[0][1] = torch.randn(8, 8, 8)
        residuals, grouping = dgm(maps, blocks(32, 32, 8).repeat(2, 1, 1))
        assert [mask.sum(1).tolist()[0] for mask in grouping.masks] == [16, 1, 1]
        assert grouping.masks[1].sum(1)[1] > 1
        assert all(residual.isfinite().all() for residual in residuals)
        assert grouping.label_map(3)[0].unique().numel() == 1
