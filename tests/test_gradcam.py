"""Grad-CAM on the graph: against finite differences, against captum, and what must hold whatever the weights are."""

from functools import partial

import pytest
import torch
from captum.attr import LayerGradCam
from tiny import VOCABULARY, blocks, network
from torch import nn

from dgmlib.explain import gradcam
from dgmlib.explain.gradcam import class_score, node_cam, predicted_as, to_superpixels
from dgmlib.groups import to_pixels
from dgmlib.regions import RegionGrid

network = partial(network, dtype=torch.float64)


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def image():
    return torch.rand(1, 3, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


LABELS = blocks(64, 96, 16)  # 24 superpixels
EVERYWHERE = torch.ones(1, 4, 4)
#: Task, target and mask; in an untrained network hardly a pixel is predicted as what one asks for.
TARGETS = [
    ("scene", None, None),
    ("scene", 1, None),
    ("object", 2, EVERYWHERE),
    ("part", (1, 2), EVERYWHERE),
    ("material", 1, EVERYWHERE),
    ("texture", 0, None),
]


@pytest.mark.parametrize("dgm", ["full", "no_top_down"])
@pytest.mark.parametrize(("task", "target", "mask"), TARGETS[1:4])
def test_weights_and_maps_are_those_of_finite_differences(dgm, task, target, mask, image):
    """alpha_k is how much y changes per node when channel k of all nodes of the level changes."""
    model, step = network(dgm), 1e-5
    cam = gradcam(model, image, LABELS, task, target, mask)
    tasks = ("object", "part") if task == "part" else (task,)
    level = 2  # the level whose nodes are moved: V^2 of the way up, or Uhat^2 that the regions of pixels read
    layer, caught = model.dgm.projections[0] if task == "scene" else model.dgm.reprojections[1].gconv, []
    hook = layer.register_forward_hook(lambda *call: caught.append(call[2]))
    with torch.no_grad():
        model(image, LABELS, tasks=tasks)
    hook.remove()
    nodes = caught[0][0]  # (N_2, D), or (N, D)
    assert len(nodes) == (12 if task == "scene" else 24)
    alpha = torch.zeros(nodes.shape[1], dtype=nodes.dtype)
    for k in range(len(alpha)):
        sides = []
        for sign in (1, -1):
            bump = torch.zeros_like(alpha)
            bump[k] = sign * step
            hook = layer.register_forward_hook(lambda *call, bump=bump: call[2] + bump)
            with torch.no_grad():
                parsed = model(image, LABELS, tasks=tasks)
                sides.append(class_score(parsed, VOCABULARY, task, target, mask).item())
            hook.remove()
        alpha[k] = (sides[0] - sides[1]) / (2 * step) / len(nodes)
    expected = [max(float(sum(alpha * node)), 0.0) for node in nodes]
    assert max(map(abs, alpha.tolist())) > 1e-6
    torch.testing.assert_close(cam.nodes[level - 1][0], torch.tensor(expected, dtype=nodes.dtype), atol=1e-8, rtol=1e-4)


def test_every_level_speaks_for_a_scene_and_the_nodes_after_message_passing_would_not(model, image):
    images = image.clone().requires_grad_()
    parsed = model(images, LABELS, tasks=("scene",))
    after = torch.autograd.grad(parsed["scene"].sum(), parsed.grouping.nodes, allow_unused=True, materialize_grads=True)
    assert all(gradient.abs().max() == 0 for gradient in after)  # V^l as `Grouping.nodes` holds them: no path
    # Whether a map is zero depends on the label; that all are, for every label, would be no accident.
    maps = [gradcam(model, image, LABELS, "scene", target).nodes for target in range(3)]
    assert all(max(cam[level].max() for cam in maps) > 0 for level in range(4))


def test_a_node_cam_by_hand():
    nodes = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]], [[1.0, 1.0], [9.0, 9.0], [9.0, 9.0]]])
    gradients = torch.tensor([[[1.0, 0.0], [2.0, -3.0], [3.0, 0.0]], [[1.0, 2.0], [5.0, 5.0], [5.0, 5.0]]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    # Image 0: alpha = (2, -1), cam = (2, -2, 5); image 1 has one real node: alpha = (1, 2), cam = 3.
    expected = torch.tensor([[2.0, 0.0, 5.0], [3.0, 0.0, 0.0]])
    torch.testing.assert_close(node_cam(nodes, gradients, mask), expected)


class Convolutional(nn.Module):
    """A plain CNN, and the same whose features go through a graph with one node for each cell."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(
            nn.Conv2d(3, 7, 3, padding=1), nn.ReLU(), nn.Conv2d(7, 6, 3, padding=1), nn.Tanh()
        )
        self.head = nn.Sequential(nn.Conv2d(6, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))

    def forward(self, images):
        return 100 * self.head(self.features(images))


@pytest.mark.parametrize("target", range(4))
def test_with_one_node_for_each_cell_it_is_captums_grad_cam(target):
    net, images = Convolutional(), torch.rand(2, 3, 9, 12)
    expected = LayerGradCam(net, net.features).attribute(images, target, relu_attributions=True)[:, 0]  # (2, 9, 12)
    cells = torch.arange(9 * 12).view(9, 12)
    regions = torch.stack([cells, cells.flip(0, 1)])  # each cell its own superpixel, whatever their numbers
    grid = RegionGrid(regions, [(9, 12)])
    nodes = grid.pool(net.features(images), 0)  # (2, 108, 6)
    logit = 100 * net.head(grid.unpool(nodes, 0))[:, target]
    (gradients,) = torch.autograd.grad(logit.sum(), nodes)
    assert expected.max() > 1e-3
    torch.testing.assert_close(
        to_pixels(node_cam(nodes, gradients, grid.mask), regions), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize(("task", "target", "mask"), TARGETS)
def test_the_map_on_the_features_is_captums(model, image, task, target, mask):
    class Score(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            parsed = self.model(images, LABELS, tasks=("object", "part") if task == "part" else (task,))
            return class_score(parsed, VOCABULARY, task, target, mask)[:, None]

    layer = model.decoder.ppm_last_conv  # gives F^4 of UPerNet
    expected = LayerGradCam(Score(), layer).attribute(image, 0, relu_attributions=True)[:, 0]
    cam = gradcam(model, image, LABELS, task, target, mask)
    torch.testing.assert_close(cam.feature_map, expected, atol=1e-9, rtol=1e-5)


@pytest.mark.parametrize(
    ("task", "target", "mask", "real"),
    [("scene", 1, None, (6, 3, 2, 1)), ("object", 2, EVERYWHERE, (6, 6, 6, 6))],
)
def test_an_images_maps_do_not_depend_on_its_batch(model, image, task, target, mask, real):
    other = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    regions = torch.full((1, 64, 96), -1)
    regions[:, :40, :60] = blocks(40, 60, 20)  # 6 superpixels and padding
    alone = gradcam(model, other, regions, task, target, mask)
    both = torch.cat([image, other]), torch.cat([LABELS, regions])
    together = gradcam(model, *both, task, target, None if mask is None else mask.expand(2, -1, -1))
    for one, two in zip(alone.pixels, together.pixels, strict=True):
        torch.testing.assert_close(one[0], two[1], atol=1e-10, rtol=1e-6)
        assert (two[1][regions[0] < 0] == 0).all()
    for cam, count in zip(together.nodes, real, strict=True):
        assert (cam[1, count:] == 0).all()
    torch.testing.assert_close(alone.feature_map[0], together.feature_map[1])


def test_maps_do_not_depend_on_the_numbers_of_the_superpixels(model, image):
    numbers = torch.randperm(24, generator=torch.Generator().manual_seed(2))
    first, second = (gradcam(model, image, regions, "scene", 1) for regions in (LABELS, numbers[LABELS]))
    for one, two in zip(first.pixels, second.pixels, strict=True):
        torch.testing.assert_close(one, two, atol=1e-12, rtol=1e-6)


def test_superpixels_take_the_mean_of_their_nodes_and_level_1_is_itself(model, image):
    with torch.no_grad():
        grouping = model(image, LABELS, tasks=("scene",)).grouping
    for level, mask in enumerate(grouping.masks, 1):
        constant = to_superpixels(mask.double() * 0.7, grouping, level)
        torch.testing.assert_close(constant, torch.full((1, 24), 0.7, dtype=torch.float64))
    cam = gradcam(model, image, LABELS)
    torch.testing.assert_close(cam.superpixels[0], cam.nodes[0])
    membership = grouping.membership(3)[0]
    expected = [sum(w * c for w, c in zip(row, cam.nodes[2][0], strict=True)) / sum(row) for row in membership]
    torch.testing.assert_close(cam.superpixels[2][0], torch.stack(expected))


def test_a_superpixel_of_no_node_gets_zero(model, image):
    with torch.no_grad():
        grouping = model(image, LABELS, tasks=("scene",)).grouping
    grouping.assignments[0][:, 3] = 0
    values = to_superpixels(torch.ones(1, 12, dtype=torch.float64), grouping, 2)
    assert values[0, 3] == 0
    assert values[0, 4] == pytest.approx(1)


def test_an_untrained_network_gives_zero_maps(image):
    cams = [gradcam(network(audible=False), image, LABELS, "scene", target) for target in range(3)]
    assert all((pixels == 0).all() for cam in cams for pixels in cam.pixels)  # and no NaN
    assert max(cam.feature_map.max() for cam in cams) > 0  # the logits do not depend on the graph, but on the features


def test_a_class_that_is_predicted_nowhere_gives_zero_maps(image):
    model, absent = network(), 2
    with torch.no_grad():
        model.heads["object"].classifier.bias[absent] = -1e6
        parsed = model(image, LABELS)
    assert not predicted_as(parsed, VOCABULARY, "object", absent).any()
    cam = gradcam(model, image, LABELS, "object", absent)
    assert cam.logit.item() == 0
    assert all((x == 0).all() for x in (*cam.pixels, cam.feature_map))


def test_by_default_the_pixels_predicted_as_the_class_are_explained(model, image):
    with torch.no_grad():
        parsed = model(image, LABELS)
    best = parsed["object"].argmax(1)  # (1, 16, 24)
    common = int(best.flatten().mode().values)
    expected = parsed["object"][:, common][best == common].mean()
    torch.testing.assert_close(gradcam(model, image, LABELS, "object", common).logit[0], expected)
    part = parsed["part"][:, VOCABULARY.part_slices[1]]
    here = (best == 1) & (part.argmax(1) == 2)
    assert torch.equal(predicted_as(parsed, VOCABULARY, "part", (1, 2)), here)


def test_a_probability_competes_within_its_group(model, image):
    with torch.no_grad():
        parsed = model(image, LABELS)
    scores = [
        class_score(parsed, VOCABULARY, "part", (1, index), EVERYWHERE, probability=True).item() for index in range(3)
    ]
    assert sum(scores) == pytest.approx(1)
    scenes = [class_score(parsed, VOCABULARY, "scene", index, probability=True).item() for index in range(3)]
    assert sum(scenes) == pytest.approx(1)
    assert class_score(parsed, VOCABULARY, "scene", probability=True).item() == pytest.approx(max(scenes))


def test_mode_and_gradients_stay_and_frozen_networks_are_explained(image):
    model = network().train()
    expected = gradcam(model, image, LABELS, "scene", 0).nodes
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    with torch.no_grad():
        frozen = gradcam(model, image, LABELS, "scene", 0).nodes
    for one, two in zip(expected, frozen, strict=True):
        torch.testing.assert_close(one, two)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("task", "target", "mask", "message"),
    [
        ("object", None, None, "needs a class id"),
        ("object", 4, None, "target must be an integer, 0 to 3"),
        ("part", 1, None, "must be \\(object id, index"),
        ("part", (2, 0), None, "must be \\(object id, index"),
        ("part", (3, 2), None, "target must be an integer, 0 to 1"),
        ("object", "sky", None, "target must be an integer, 0 to 3 for task 'object', not 'sky'"),
        ("object", 1.0, None, "not 1.0"),
        ("scene", 0, EVERYWHERE, "label of the whole image"),
        ("object", 1, EVERYWHERE[0], "mask must be a tensor \\(B, h, w\\) for 1 image"),
        ("object", 1, EVERYWHERE.numpy(), "mask must be a tensor"),
        ("object", 1, EVERYWHERE.repeat(2, 1, 1), "mask must be a tensor"),
    ],
)
def test_unusable_targets_are_refused(model, image, task, target, mask, message):
    with pytest.raises(ValueError, match=message):
        gradcam(model, image, LABELS, task, target, mask)


def test_an_image_that_is_not_a_tensor_is_refused(model, image):
    with pytest.raises(ValueError, match="images must be a floating tensor"):
        gradcam(model, image.numpy(), LABELS)


def test_a_model_without_a_graph_is_refused(image):
    with pytest.raises(ValueError, match="no graph to explain with"):
        gradcam(network(None), image, LABELS)


def test_regions_of_large_numbers_are_explained_likewise(model, image):
    expected = gradcam(model, image, LABELS, "scene")
    found = gradcam(model, image, LABELS.long() * 10000, "scene")
    torch.testing.assert_close(found.pixels, expected.pixels)


def test_what_was_made_in_inference_mode_is_explained_inside_and_outside_of_it(model, image):
    expected = gradcam(model, image, LABELS, "scene").pixels
    with torch.inference_mode():
        images, regions = image.clone(), LABELS.clone()
        torch.testing.assert_close(gradcam(model, images, regions, "scene").pixels, expected)
    torch.testing.assert_close(gradcam(model, images, regions, "scene").pixels, expected)
