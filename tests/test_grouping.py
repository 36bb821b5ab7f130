"""Every equation of the paper against a literal loop, and what must hold whatever the weights are."""

import math
from itertools import pairwise

import pytest
import torch
from torch_geometric.nn import MessagePassing

from dgmlib.grouping import EMGP, TDMP, DeepGrouping, GConv, Projection, Reprojection, readout

D = 6


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def audible(model: torch.nn.Module) -> torch.nn.Module:
    """Give the residual layers, which start at zero, the weight of a trained network."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.ones_(module.weight)
    return model


def blocks(height: int, width: int, size: int) -> torch.Tensor:
    """Square superpixels of ``size`` pixels."""
    rows, columns = torch.arange(height) // size, torch.arange(width) // size
    return rows[:, None] * (-(-width // size)) + columns


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
    """Eq. 2 and 3 for one image, written out."""
    n, centres = len(nodes), [nodes[i] for i in start]
    for _ in range(iterations):
        p = torch.zeros(n, len(centres), dtype=torch.float64)
        for j, centre in enumerate(centres):
            weights = [math.exp(-float(((nodes[i] - centre) ** 2).sum()) / sigma2) for i in range(n)]
            for i in range(n):
                p[i, j] = weights[i] / sum(weights)
        centres = [sum(p[i, j] * nodes[i] for i in range(n)) for j in range(len(start))]
    return torch.stack(centres), p


class TestEMGP:
    def test_equals_the_literal_iteration(self):
        nodes = unit_nodes(1, 7, D)
        emgp = EMGP(iterations=4, sigma2=0.5, em_gradient="last").eval()
        grouped, affinity, mask = emgp(nodes, torch.ones(1, 7, dtype=torch.bool), torch.arange(7)[None])
        centres, p = literal_em(nodes[0], [0, 2, 4, 6], 4, 0.5)
        torch.testing.assert_close(affinity[0], p)
        torch.testing.assert_close(grouped[0], centres)
        assert mask.all()

    @pytest.mark.parametrize("training", [False, True])
    def test_columns_of_p_sum_to_one_and_padding_takes_no_part(self, training):
        mask = torch.tensor([[True] * 5 + [False] * 4, [True] * 9])
        emgp = EMGP(3, 0.5, "last").train(training)
        nodes = unit_nodes(2, 9, D)
        _, affinity, new_mask = emgp(nodes, mask, torch.arange(9).expand(2, 9))
        assert new_mask.sum(1).tolist() == [3, 5]
        torch.testing.assert_close(affinity.sum(1), new_mask.double())
        assert (affinity[0, 5:] == 0).all()

    def test_starting_vertices_are_half_of_the_real_nodes_in_the_given_order(self):
        mask = torch.tensor([[True, False, True, True, True, True]])
        order = torch.tensor([[50, 0, 40, 30, 20, 10]])
        start, new_mask = EMGP(1, 0.5, "last").eval()._starting_vertices(mask, order)
        assert start[new_mask].tolist() == [5, 3, 0]

    def test_training_draws_every_real_node_equally_often_and_never_a_padded_one(self):
        emgp = EMGP(1, 0.5, "last")
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

        steps = [EMGP(k, 0.5, "last").eval()(nodes, mask, order)[0] for k in (1, 2, 3, 4)]
        for earlier, later in pairwise(steps):
            assert (density(later) >= density(earlier) - 1e-12).all()

    @pytest.mark.parametrize("em_gradient", ["last", "all"])
    def test_gradient(self, em_gradient):
        nodes = unit_nodes(1, 5, 3).requires_grad_()
        mask = torch.tensor([[True, True, True, True, False]])
        emgp = EMGP(2 if em_gradient == "all" else 1, 0.5, em_gradient).eval()
        torch.autograd.gradcheck(lambda v: emgp(v, mask, torch.arange(5)[None])[:2], nodes)

    def test_last_differentiates_the_last_iteration_only(self):
        nodes = unit_nodes(1, 6, D).requires_grad_()
        mask, order = torch.ones(1, 6, dtype=torch.bool), torch.arange(6)[None]
        centres, _ = literal_em(nodes[0].detach(), [0, 2, 4], 2, 0.5)
        distances = (nodes[0][:, None] - _centres_of(nodes[0], centres, 0.5)).square().sum(2)
        expected = torch.autograd.grad((torch.softmax(-distances / 0.5, 0).T @ nodes[0]).pow(3).sum(), nodes)[0]
        got = torch.autograd.grad(EMGP(3, 0.5, "last").eval()(nodes, mask, order)[0].pow(3).sum(), nodes)[0]
        torch.testing.assert_close(got, expected)

    def test_settings_are_checked(self):
        with pytest.raises(ValueError, match="iterations must be at least 1"):
            EMGP(0, 0.5, "last")
        with pytest.raises(ValueError, match="em_gradient"):
            EMGP(1, 0.5, "first")


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
        dgm = DeepGrouping((D,), D).double().eval()
        labels = blocks(12, 12, 4)[None]
        maps = [torch.randn(1, D, 3, 3, dtype=torch.float64)]
        _, grouping = dgm(maps, labels)
        x = maps[0][0].flatten(1).T
        edges = grouping.rag[0].nonzero().T
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
        tdmp = TDMP(D, levels, 0.5).double()
        (bottom, top), (p,) = tdmp(self.nodes, self.scene, self.masks)
        for got, expected in zip((bottom[0], top[0], p[0]), self.literal(tdmp), strict=True):
            torch.testing.assert_close(got, expected)

    def test_rows_of_p_sum_to_one_and_padding_takes_no_part(self):
        masks = [torch.tensor([[True, True, True, False, False]]), torch.tensor([[True, True, False]])]
        _, (p,) = TDMP(D, 2, 0.5).double()(self.nodes, self.scene, masks)
        torch.testing.assert_close(p.sum(2), masks[0].double())
        assert (p[0, :, 2] == 0).all()

    def test_without_top_down_nodes_stay_and_no_parameter_is_added(self):
        tdmp = TDMP(D, 0, 0.5)
        nodes, _ = tdmp(self.nodes, self.scene, self.masks)
        assert all(torch.equal(a, b) for a, b in zip(nodes, self.nodes, strict=True))
        assert not list(tdmp.parameters())

    def test_gradient(self):
        tdmp = TDMP(D, 2, 0.5).double()
        inputs = [v.clone().requires_grad_() for v in (*self.nodes, self.scene)]
        torch.autograd.gradcheck(lambda a, b, r: tdmp([a, b], r, self.masks)[0], inputs)


def test_readout_is_the_mean_over_real_nodes():
    nodes, mask = unit_nodes(2, 4, D), torch.tensor([[True, True, False, False], [True, True, True, True]])
    torch.testing.assert_close(readout(nodes, mask)[0], (nodes[0, 0] + nodes[0, 1]) / 2)
    torch.testing.assert_close(readout(nodes, mask)[1], nodes[1].mean(0))


def test_reprojection_equals_eq_11_and_its_residual_layer():
    module = audible(Reprojection(D, 4).double().eval())
    module.residual.norm.running_mean.normal_()
    module.residual.norm.running_var.uniform_(0.5, 2)
    pooled, nodes = unit_nodes(1, 3, D), unit_nodes(1, 3, D)
    mask = torch.tensor([[True, True, False]])
    result = module(pooled, nodes, mask)
    norm = module.residual.norm
    for i in range(2):
        u = module.residual.linear.weight @ literal_gconv(module.gconv, pooled[0, i] + nodes[0, i])
        torch.testing.assert_close(result[0, i], (u - norm.running_mean) / (norm.running_var + norm.eps).sqrt())
    assert (result[0, 2] == 0).all()


class TestDeepGrouping:
    """The whole of Figure 2."""

    channels = (5, 6, 4, 3)

    def model(self, **kwargs):
        return audible(DeepGrouping(self.channels, D, iterations=3, **kwargs).double())

    def maps(self, batch: int, height: int = 32, width: int = 32):
        sizes = [(-(-height // s), -(-width // s)) for s in (4, 8, 16, 32)]
        return [torch.randn(batch, c, *size, dtype=torch.float64) for c, size in zip(self.channels, sizes, strict=True)]

    @pytest.mark.parametrize(("top_down", "expected"), [(True, 4_467_712), (False, 3_417_088)])
    def test_parameters_print_as_table_3_does(self, top_down, expected):
        model = DeepGrouping(top_down=top_down)
        count = sum(p.numel() for p in model.parameters())
        assert count == expected
        assert f"{count / 1e6:.3f}" == ("4.468" if top_down else "3.417")

    def test_a_new_model_changes_nothing_until_it_is_trained(self):
        model = DeepGrouping(self.channels, D).double()
        residuals, grouping = model(self.maps(2), blocks(32, 32, 8).expand(2, 32, 32))
        assert all((r == 0).all() for r in [*residuals, grouping.scene])
        sum((r - 1).square().sum() for r in [*residuals, grouping.scene]).backward()
        assert all(layer.residual.norm.weight.grad.any() for layer in model.reprojections)

    @pytest.mark.parametrize("top_down", [True, False])
    def test_equals_the_paper_written_out_for_one_image(self, top_down):
        model = self.model(top_down=top_down).eval()
        labels, maps = blocks(32, 32, 8)[None], self.maps(1)
        residuals, grouping = model(maps, labels)

        def pool(feature):  # every superpixel is a whole number of cells or a part of one
            size = feature.shape[-1]
            return torch.stack(
                [
                    torch.nn.functional.interpolate(feature, scale_factor=32 // size)[0, :, labels[0] == n].mean(1)
                    for n in range(16)
                ]
            )

        U = [embed(pool(f)) for embed, f in zip(model.embeddings, maps, strict=True)]
        A = grouping.rag[0] + torch.eye(16, dtype=torch.float64)
        V, P = [model.first(A @ U[0] / A.sum(1, keepdim=True))], []
        order = _z_order(4)
        for level in range(3):
            centres, p = literal_em(V[-1].detach(), order[::2] if level == 0 else list(range(0, len(V[-1]), 2)), 3, 0.5)
            P.append(p)
            chain = torch.linalg.multi_dot(P) if len(P) > 1 else P[0]
            V.append(model.projections[level].gconv(centres + chain.T @ U[level + 1]))
        R, below = V[-1].mean(0), []
        if top_down:
            V[-1] = model.tdmp.gconvs[-1](V[-1] + R)
        for level in (2, 1, 0):
            p = torch.softmax(-torch.cdist(V[level], V[level + 1]).square() / 0.5, 1)
            if top_down:
                V[level] = model.tdmp.gconvs[level](V[level] + p @ V[level + 1])
            below.insert(0, p)
        for level in range(4):
            chain = torch.eye(16, dtype=torch.float64)
            for p in below[:level]:
                chain = chain @ p
            module = model.reprojections[level]
            u = module.residual.linear(module.gconv(U[level] + chain @ V[level])) / (1 + 1e-5) ** 0.5
            expected = u[labels[0]].permute(2, 0, 1)[None]
            expected = torch.nn.functional.adaptive_avg_pool2d(expected, residuals[level].shape[-2:])
            torch.testing.assert_close(residuals[level], expected)
            torch.testing.assert_close(grouping.nodes[level][0], V[level])
        torch.testing.assert_close(grouping.readout[0], R)

    @pytest.mark.parametrize("top_down", [True, False])
    def test_does_not_depend_on_the_numbering_of_superpixels(self, top_down):
        model, maps = self.model(top_down=top_down).eval(), self.maps(2)
        labels = torch.stack([blocks(32, 32, 4), blocks(32, 32, 8)])
        residuals, grouping = model(maps, labels)
        shuffled = torch.stack([torch.randperm(64)[labels[0]], torch.randperm(16)[labels[1]]])
        again, regrouped = model(maps, shuffled)
        for a, b in zip(residuals, again, strict=True):
            torch.testing.assert_close(a, b)
        for level in (2, 3, 4):
            torch.testing.assert_close(grouping.nodes[level - 1], regrouped.nodes[level - 1])
            assert torch.equal(grouping.label_map(level), regrouped.label_map(level))

    def test_does_not_depend_on_what_an_image_is_batched_with(self):
        model, maps = self.model().eval(), self.maps(3)
        labels = torch.stack([blocks(32, 32, 2), blocks(32, 32, 8), blocks(32, 32, 32)])  # 256, 16 and 1 regions
        together, grouping = model(maps, labels)
        for i in range(3):
            alone, single = model([f[i : i + 1] for f in maps], labels[i : i + 1])
            for a, b in zip(alone, together, strict=True):
                torch.testing.assert_close(a[0], b[i])
            torch.testing.assert_close(single.scene[0], grouping.scene[i])
            assert torch.equal(single.label_map(3)[0], grouping.label_map(3)[i])

    def test_does_not_depend_on_padding(self):
        """Padding adds cells that no superpixel overlaps; whatever a feature map holds there changes nothing."""
        model, labels = self.model().eval(), blocks(32, 32, 4)[None]
        maps = self.maps(1, 64, 64)
        inside = [f[..., : f.shape[-2] // 2, : f.shape[-1] // 2] for f in maps]
        padded = torch.nn.functional.pad(labels, (0, 32, 0, 32), value=-1)
        expected, _ = model(inside, labels)
        residuals, grouping = model(maps, padded)
        for small, big in zip(expected, residuals, strict=True):
            torch.testing.assert_close(big[..., : small.shape[-2], : small.shape[-1]], small)
            assert (big[..., small.shape[-2] :, :] == 0).all()
        assert (grouping.label_map(2)[0, 32:] == -1).all()

    @pytest.mark.parametrize("counts", [(1,), (2,), (3, 1), (7, 2), (1, 512)])
    def test_any_number_of_regions_trains_without_nan(self, counts):
        labels = torch.zeros(len(counts), 32, 32, dtype=torch.long)
        for image, count in zip(labels, counts, strict=True):
            image.view(-1)[:] = torch.arange(32 * 32) * count // (32 * 32)
        model, maps = self.model(), [f.requires_grad_() for f in self.maps(len(counts))]
        residuals, grouping = model(maps, labels)
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
        labels = torch.stack([blocks(32, 32, 4), blocks(32, 32, 16)])
        maps, targets = [f.float() for f in self.maps(2)], [f.float() for f in self.maps(2)]
        for _ in range(200):
            residuals, _ = model(maps, labels)
            loss = sum(torch.nn.functional.mse_loss(r, t) for r, t in zip(residuals, targets, strict=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert all(p.isfinite().all() for p in model.parameters())
        assert loss.isfinite()

    def test_gradient_reaches_feature_maps_exactly(self):
        model = audible(DeepGrouping((2, 2), 3, iterations=1).double().eval())
        maps = [torch.randn(1, 2, 4, 4), torch.randn(1, 2, 2, 2)]
        maps = [f.double().requires_grad_() for f in maps]
        labels = blocks(8, 8, 4)[None]
        torch.autograd.gradcheck(lambda *f: model(f, labels)[0], maps)

    def test_evaluation_is_deterministic_and_training_is_not(self):
        model, maps, labels = self.model(), self.maps(1), blocks(32, 32, 4)[None]
        a, b = (model(maps, labels)[1].assignments[0] for _ in range(2))
        assert not torch.equal(a, b)
        model.eval()
        a, b = (model(maps, labels)[1].assignments[0] for _ in range(2))
        assert torch.equal(a, b)

    def test_neighbours_can_be_left_out(self):
        model = self.model(neighbours=False).eval()
        maps, labels = self.maps(1), blocks(32, 32, 4)[None]
        seen = {}
        model.first.register_forward_hook(lambda _, inputs, __: seen.update(x=inputs[0]))
        model(maps, labels)
        expected = model.embeddings[0](maps[0][0].flatten(1).T)
        torch.testing.assert_close(seen["x"][0], expected)

    def test_works_in_bfloat16_with_affinities_in_float32(self):
        model = DeepGrouping((4, 4), 4, iterations=2)
        maps = [torch.randn(1, 4, 8, 8).bfloat16(), torch.randn(1, 4, 4, 4).bfloat16()]
        residuals, grouping = model(maps, blocks(32, 32, 8)[None])
        assert [r.dtype for r in residuals] == [torch.bfloat16] * 2
        assert grouping.assignments[0].dtype == torch.float32

    def test_a_wrong_list_of_maps_is_refused(self):
        with pytest.raises(ValueError, match=r"must have 4 maps of \(5, 6, 4, 3\) channels"):
            self.model()(self.maps(1)[:3], blocks(32, 32, 4)[None])


class TestGrouping:
    def setup_method(self):
        torch.manual_seed(0)
        model = DeepGrouping((3, 3, 3), 4, iterations=2).double().eval()
        self.labels = torch.stack([blocks(16, 16, 4), blocks(16, 16, 8)])
        self.labels[1, 12:] = -1
        maps = [torch.randn(2, 3, s, s, dtype=torch.float64) for s in (8, 4, 2)]
        self.grouping = model(maps, self.labels)[1]

    def test_adjacency_of_level_3_is_eq_4_twice(self):
        P1, P2 = self.grouping.assignments
        expected = P2.mT @ (P1.mT @ self.grouping.rag @ P1) @ P2
        torch.testing.assert_close(self.grouping.adjacency(3), expected)
        assert torch.equal(self.grouping.adjacency(1), self.grouping.rag)

    def test_membership_is_a_distribution_over_superpixels(self):
        for level in (1, 2, 3):
            total = self.grouping.membership(level).sum(1)
            torch.testing.assert_close(total, self.grouping.masks[level - 1].double())

    def test_label_map_is_the_heaviest_group_of_each_superpixel(self):
        assert torch.equal(self.grouping.label_map(1), self.labels)
        membership = self.grouping.membership(2)
        label_map = self.grouping.label_map(2)
        for y, x in ((0, 0), (5, 9), (15, 15)):
            row = membership[0, self.labels[0, y, x]]
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
        assert torch.equal(edges.T, self.grouping.rag[1].nonzero())


def _z_order(side: int) -> list[int]:
    """Z-curve over a side x side grid of equal blocks, as indices in reading order."""
    key = {}
    for r in range(side):
        for c in range(side):
            y, x = int(8 * r + 3.5), int(8 * c + 3.5)
            key[r * side + c] = sum(((y >> b & 1) << (2 * b + 1)) | ((x >> b & 1) << (2 * b)) for b in range(6))
    return sorted(key, key=key.get)
