"""PerceptualParser and the loss of Eq. 12."""

import math
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from tiny import VOCABULARY

from dgmlib import presets
from dgmlib.broden import TASKS, Vocabulary
from dgmlib.parsing import PerceptualParser, part_loss, perceptual_loss

WEIGHTS = presets.TrainingConfig().loss_weights


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def broden_plus_vocabulary() -> Vocabulary:
    """Names do not matter for counting: Broden+'s 336 objects, 427 part channels, 365 scenes, 26 materials."""
    names = [tuple(map(str, range(n))) for n in (336, 153, 365, 26, 47)]
    parts = {i: tuple(range(6 if i <= 42 else 5)) for i in range(1, 78)}  # 42 x 6 + 35 x 5 = 427
    return Vocabulary(*names, object_parts=parts)


def test_official_upernet_has_its_published_number_of_parameters():
    with torch.device("meta"):
        tasks = ("scene", "object", "part", "material")
        model = PerceptualParser.from_preset("paper", dgm=None, vocabulary=broden_plus_vocabulary(), tasks=tasks)
    assert sum(p.numel() for p in model.parameters()) == 74_178_626
    heads = {task: sum(p.numel() for p in head.parameters()) for task, head in model.heads.items()}
    assert heads == {"scene": 2_547_565, "object": 2_532_688, "part": 2_579_371, "material": 2_373_658}


@pytest.mark.parametrize(("dgm", "more"), [("full", 4_467_712), ("no_top_down", 3_417_088)])
def test_dgm_adds_what_table_3_prints(dgm, more):
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in PerceptualParser.from_preset("paper", d, VOCABULARY).parameters())
            for d in (None, dgm)
        ]
    assert sizes[1] - sizes[0] == more


@pytest.mark.parametrize("dgm", ["full", "no_top_down", None])
def test_every_task_gets_logits_of_its_size(dgm):
    model = PerceptualParser.from_preset("smoke", dgm, VOCABULARY)
    labels = (torch.arange(64)[:, None] // 16 * 6 + torch.arange(96) // 16).expand(2, 64, 96)
    out = model(torch.rand(2, 3, 64, 96), labels)
    assert {task: tuple(t.shape) for task, t in out.items()} == {
        "scene": (2, 3),
        "object": (2, 4, 16, 24),
        "part": (2, 5, 16, 24),
        "material": (2, 3, 16, 24),
        "texture": (2, 2, 16, 24),
    }
    assert (out.grouping is None) == (dgm is None)
    assert set(model(torch.rand(1, 3, 64, 64), labels[:1, :, :64], tasks=("scene",))) == {"scene"}


@pytest.mark.parametrize("decoder", ["upernet", "hrnet", "deeplabv3"])
def test_networks_of_one_seed_share_all_weights_but_those_of_the_grouping(decoder):
    """So whatever a pair differs in after training comes from the Deep Grouping Model, not from the start."""
    config, weights = replace(presets.get("smoke").model, decoder=decoder), {}
    for dgm in (None, "no_top_down", "full"):
        torch.manual_seed(4)
        weights[dgm] = PerceptualParser.from_config(config, VOCABULARY, dgm).state_dict()
    assert set(weights[None]) < set(weights["no_top_down"]) < set(weights["full"])
    for smaller, larger in ((None, "full"), ("no_top_down", "full")):
        assert all(torch.equal(tensor, weights[larger][name]) for name, tensor in weights[smaller].items())


def test_a_wrapper_that_converts_outputs_leaves_the_grouping():
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY).eval()
    squares = (torch.arange(64)[:, None] // 16 * 4 + torch.arange(64) // 16)[None]
    wrapped = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed").setup_module(model)
    parsed = wrapped(torch.rand(1, 3, 64, 64), squares)
    assert torch.equal(parsed.grouping.label_map(1), squares)
    assert set(parsed.keys()) == set(TASKS)
    assert len(parsed) == len(list(parsed)) == len(TASKS)


def test_every_residual_and_the_readout_reach_a_head():
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY)
    labels = (torch.arange(64)[:, None] // 16 * 4 + torch.arange(64) // 16).expand(2, 64, 64)
    sum(t.square().mean() for t in model(torch.rand(2, 3, 64, 64), labels).values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.dgm.parameters())


def test_mistakes_are_explained():
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY, tasks=("object",))
    with pytest.raises(ValueError, match="labels are missing"):
        model(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"no head for \['scene'\]"):
        model(torch.rand(1, 3, 32, 32), tasks=("scene",))
    with pytest.raises(ValueError, match="needs vocabulary="):
        PerceptualParser.from_preset("paper")
    with pytest.raises(ValueError, match="there is no preset 'huge'"):
        PerceptualParser.from_preset("huge")
    with pytest.raises(ValueError, match="dgm must be"):
        PerceptualParser.from_preset("smoke", "half", VOCABULARY)


class TestLoss:
    def batch(self):
        objects = torch.tensor([[[1, 1, 2], [3, 0, 1]], [[3, 3, 3], [1, 0, 2]]])
        return {
            "object": objects,
            "part": torch.tensor([[[0, 2, 0], [1, 0, 1]], [[0, 1, 1], [2, 0, 0]]]),
            "part_valid": torch.tensor([[True, True], [False, True]]),
            "scene": torch.tensor([2, -1]),
            "material": torch.tensor([[[0, 1, 2], [0, 0, 1]], [[0, 0, 0], [2, 2, 0]]]),
            "texture": torch.tensor([1, 0]),
        }

    def logits(self):
        sizes = {"object": 4, "part": 5, "material": 3, "texture": 2}
        dense = {task: torch.randn(2, n, 2, 3, dtype=torch.float64) for task, n in sizes.items()}
        return {**dense, "scene": torch.randn(2, 3, dtype=torch.float64)}

    def literal(self, task, logits, batch):
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
    def test_equals_the_literal_rules(self, task):
        logits, batch = self.logits(), self.batch()
        losses = perceptual_loss(logits, batch, VOCABULARY, WEIGHTS)
        expected = WEIGHTS[task] * self.literal(task, logits[task], batch)
        torch.testing.assert_close(losses[task].double(), expected, rtol=1e-5, atol=1e-6)

    def test_only_tasks_with_labels_and_logits_count(self):
        logits, batch = self.logits(), self.batch()
        del logits["object"], batch["scene"]
        assert set(perceptual_loss(logits, batch, VOCABULARY, WEIGHTS)) == {"part", "material", "texture"}

    def test_a_batch_without_any_label_costs_nothing_and_gives_no_nan(self):
        logits = {task: value.float().requires_grad_() for task, value in self.logits().items()}
        batch = self.batch()
        for task in ("object", "part", "material"):
            batch[task] = torch.zeros_like(batch[task])
        batch["scene"][:] = -1
        losses = perceptual_loss({k: v for k, v in logits.items() if k != "texture"}, batch, VOCABULARY, WEIGHTS)
        sum(losses.values()).backward()
        assert all(loss == 0 for loss in losses.values())
        assert all(v.grad.isfinite().all() for k, v in logits.items() if k != "texture")

    def test_an_object_without_valid_parts_has_no_say(self):
        logits, batch = self.logits()["part"].requires_grad_(), self.batch()
        batch["part_valid"][:, 0] = False
        part_loss(logits, batch["part"], batch["object"], batch["part_valid"], VOCABULARY).backward()
        assert (logits.grad[:, :3] == 0).all()
        assert (logits.grad[:, 3:] != 0).any()

    def test_background_inside_the_object_is_a_class(self):
        """One pixel of a car without a labelled part: the loss is that of channel 0 of the car's group."""
        logits = torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0], dtype=torch.float64).view(1, 5, 1, 1)
        args = (torch.tensor([[[0]]]), torch.tensor([[[3]]]), torch.tensor([[False, True]]))
        expected = -math.log(math.exp(1) / (math.exp(1) + math.exp(2)))
        assert part_loss(logits, *args, VOCABULARY).item() == pytest.approx(expected, rel=1e-6)
