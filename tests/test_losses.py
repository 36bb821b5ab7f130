"""The loss of Eq. 12, against its rules written out pixel by pixel."""

import math

import pytest
import torch
from tiny import VOCABULARY

from dgmlib import TASKS, presets
from dgmlib.losses import part_loss, perceptual_loss

WEIGHTS = presets.TrainingConfig().loss_weights


def new_batch():
    objects = torch.tensor([[[1, 1, 2], [3, 0, 1]], [[3, 3, 3], [1, 0, 2]]])
    return {
        "object": objects,
        "part": torch.tensor([[[0, 2, 0], [1, 0, 1]], [[0, 1, 1], [2, 0, 0]]]),
        "part_valid": torch.tensor([[True, True], [False, True]]),
        "scene": torch.tensor([2, -1]),
        "material": torch.tensor([[[0, 1, 2], [0, 0, 1]], [[0, 0, 0], [2, 2, 0]]]),
        "texture": torch.tensor([1, 0]),
    }


def new_logits():
    sizes = {"object": 4, "part": 5, "material": 3, "texture": 2}
    dense = {task: torch.randn(2, n, 2, 3, dtype=torch.float64) for task, n in sizes.items()}
    return {**dense, "scene": torch.randn(2, 3, dtype=torch.float64)}


def literal(task, logits, batch):
    """The rules of Broden+ (A11 of its description), pixel by pixel."""
    if task == "scene":
        return -torch.log_softmax(logits[0], 0)[batch["scene"][0]]  # the second image has no scene label
    if task == "texture":
        means = logits.mean((2, 3))
        return -(torch.log_softmax(means[0], 0)[1] + torch.log_softmax(means[1], 0)[0]) / 2
    if task in ("object", "material"):
        terms = [
            -torch.log_softmax(logits[b, :, y, x], 0)[batch[task][b, y, x]]
            for b in range(2)
            for y in range(2)
            for x in range(3)
            if batch[task][b, y, x] != 0
        ]
        return sum(terms) / len(terms)
    total = 0.0
    for row, (thing, channels) in enumerate(VOCABULARY.part_slices.items()):
        terms = [
            -torch.log_softmax(logits[b, channels, y, x], 0)[batch["part"][b, y, x]]
            for b in range(2)
            for y in range(2)
            for x in range(3)
            if batch["object"][b, y, x] == thing and batch["part_valid"][b, row]
        ]
        total = total + sum(terms) / max(len(terms), 1)
    return total


@pytest.mark.parametrize("task", TASKS)
def test_equals_the_literal_rules(task):
    logits, batch = new_logits(), new_batch()
    losses = perceptual_loss(logits, batch, VOCABULARY, WEIGHTS)
    expected = WEIGHTS[task] * literal(task, logits[task], batch)
    torch.testing.assert_close(losses[task].double(), expected, rtol=1e-5, atol=1e-6)


def test_only_tasks_with_labels_and_logits_count():
    logits, batch = new_logits(), new_batch()
    del logits["object"], batch["scene"]
    assert set(perceptual_loss(logits, batch, VOCABULARY, WEIGHTS)) == {"part", "material", "texture"}


def test_a_batch_without_any_label_costs_nothing_and_gives_no_nan():
    logits = {task: value.float().requires_grad_() for task, value in new_logits().items()}
    batch = new_batch()
    for task in ("object", "part", "material"):
        batch[task] = torch.zeros_like(batch[task])
    batch["scene"][:] = -1
    losses = perceptual_loss({k: v for k, v in logits.items() if k != "texture"}, batch, VOCABULARY, WEIGHTS)
    sum(losses.values()).backward()
    assert all(loss == 0 for loss in losses.values())
    assert all(v.grad.isfinite().all() for k, v in logits.items() if k != "texture")


def test_an_object_without_valid_parts_has_no_say():
    logits, batch = new_logits()["part"].requires_grad_(), new_batch()
    batch["part_valid"][:, 0] = False
    part_loss(logits, batch["part"], batch["object"], batch["part_valid"], VOCABULARY).backward()
    assert (logits.grad[:, :3] == 0).all()
    assert (logits.grad[:, 3:] != 0).any()


def test_background_inside_the_object_is_a_class():
    """One pixel of a car without a labelled part: the loss is that of channel 0 of the car's group."""
    logits = torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0], dtype=torch.float64).view(1, 5, 1, 1)
    args = (torch.tensor([[[0]]]), torch.tensor([[[3]]]), torch.tensor([[False, True]]))
    expected = -math.log(math.exp(1) / (math.exp(1) + math.exp(2)))
    assert part_loss(logits, *args, VOCABULARY).item() == pytest.approx(expected, rel=1e-6)


def test_terms_come_in_the_order_of_the_heads():
    """Not in that of a set of names, which changes from one Python to the next, and with it the sum's last bits."""
    logits, batch = new_logits(), new_batch()
    for order in (list(logits), list(logits)[::-1]):
        assert list(perceptual_loss({task: logits[task] for task in order}, batch, VOCABULARY, WEIGHTS)) == order
