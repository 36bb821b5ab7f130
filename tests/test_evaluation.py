import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from broden_tree import OBJECTS, SCENES, write_tree
from tiny import PHOTO
from torch import nn

from dgmlib.broden import TASKS, BrodenPlus, FolderDataset, Vocabulary
from dgmlib.broden.sampling import evenly
from dgmlib.evaluation import count, count_image, evaluate, fractions, predict, view
from dgmlib.interventions import evaluating
from dgmlib.predictor import Predictor

VOCABULARY = Vocabulary(
    objects=("-", "wall", "car", "person", "sky", "never"),
    parts=("-", "wheel", "window", "head", "leg"),
    scenes=("kitchen", "street", "beach"),
    materials=("-", "wood", "metal", "never"),
    textures=("banded", "dotted"),
    object_parts={2: (0, 1, 2), 3: (0, 4, 3), 5: (0, 1)},
)


# --- The rules, written out pixel by pixel from the description of unifiedparsing's eval_multipro.py


def literal_map_scores(images, channels):
    correct = labelled = 0
    inter, union = [0] * channels, [0] * channels
    for prediction, truth in images:
        for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
            if t == 0:
                continue  # unlabelled: whatever is predicted there is zeroed
            labelled += 1
            correct += p == t
            for c in range(1, channels):
                inter[c] += p == c and t == c
                union[c] += p == c or t == c
    ious = [i / (u + 1e-8) for i, u in zip(inter[1:], union[1:], strict=True)]
    return {"mIoU": sum(ious) / len(ious), "pixel accuracy": correct / labelled}


def literal_part_scores(images, object_parts):
    ious, accuracies = [], []
    for column, (thing, parts) in enumerate(object_parts.items()):
        pixels = correct = 0
        inter, union = [0] * len(parts), [0] * len(parts)
        for predictions, sample in images:
            if not sample["part_valid"][column]:
                continue
            truth = sample["part"] * (sample["object"] == thing)
            predicted = predictions["part"][thing] * (predictions["object"] == thing)
            for p, t in zip(predicted.ravel().tolist(), truth.ravel().tolist(), strict=True):
                pixels += t > 0
                correct += p == t and t > 0
                for c in range(1, len(parts)):
                    inter[c] += p == c and t == c
                    union[c] += p == c or t == c
        if pixels == 0:
            continue
        ious.append(sum(i / (u + 1e-8) for i, u in zip(inter[1:], union[1:], strict=True)) / (len(parts) - 1))
        accuracies.append(correct / pixels)
    return {"mIoU": sum(ious) / len(ious), "pixel accuracy": sum(accuracies) / len(accuracies)}


def random_image(rng, shape, valid):
    """Labels as Broden+ gives them, and predictions that agree with them at about half of the pixels."""

    def guess(truth, channels):
        noise = rng.integers(0, channels, truth.shape)
        return np.where(rng.random(truth.shape) < 0.5, truth, noise)

    objects = rng.integers(0, 5, shape)  # "never" occurs in no label
    groups = VOCABULARY.object_parts
    part = np.zeros(shape, dtype=int)
    for thing, parts in groups.items():
        part += (objects == thing) * rng.integers(0, len(parts), shape)
    sample = {
        "object": objects,
        "part": part,
        "part_valid": np.array(valid),
        "scene": int(rng.integers(-1, 3)),
        "material": rng.integers(0, 3, shape),
        "texture": int(rng.integers(0, 2)),
    }
    predictions = {
        "object": guess(objects, 5),
        # on unlabelled pixels too: a predicted object's parts count there
        "part": {thing: guess(part, len(parts)) % len(parts) for thing, parts in groups.items()},
        "scene": rng.integers(0, 3, 1),
        "material": guess(sample["material"], 3),
        "texture": rng.integers(0, 2, 1),
    }
    return predictions, sample


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(2)
    # The second image annotates no person's parts, the third none at all; "never" has parts but no pixel.
    valid = [[True, True, False], [True, False, False], [False, False, False], [True, True, True], [True, True, False]]
    return [
        random_image(rng, shape, v)
        for shape, v in zip([(9, 13), (14, 6), (7, 7), (5, 30), (11, 11)], valid, strict=True)
    ]


def scored(images, tasks: Sequence[str] = TASKS):
    counts = []
    for predictions, sample in images:
        things = [thing for thing, ok in zip(VOCABULARY.object_parts, sample["part_valid"], strict=True) if ok]
        tensors = {task: torch.as_tensor(value) for task, value in predictions.items() if task != "part"}
        tensors["part"] = {thing: torch.as_tensor(predictions["part"][thing]) for thing in things}
        labels = {
            task: torch.as_tensor(value) if isinstance(value, np.ndarray) else value for task, value in sample.items()
        }
        counts.append(count_image(tensors, labels, VOCABULARY, tasks))
    return fractions(counts, VOCABULARY)


def test_scores_equal_the_literal_rules_to_the_digit(images):
    result = scored(images)
    expected = {}
    for task in ("object", "material"):
        pairs = [(predictions[task], sample[task]) for predictions, sample in images]
        for name, value in literal_map_scores(pairs, VOCABULARY.channels(task)).items():
            expected[f"{task}/{name}"] = value
    for name, value in literal_part_scores(images, VOCABULARY.object_parts).items():
        expected[f"part/{name}"] = value
    scenes = [(p["scene"][0], s["scene"]) for p, s in images if s["scene"] != -1]
    assert 0 < len(scenes) < len(images)
    expected["scene/accuracy"] = sum(p == t for p, t in scenes) / len(scenes)
    expected["texture/accuracy"] = sum(p["texture"][0] == s["texture"] for p, s in images) / len(images)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, abs=1e-12, rel=0), name


def test_a_class_that_never_occurs_counts_as_zero():
    truth = np.array([[1, 2, 3, 4]])
    perfect = [({"object": truth, "part": {}}, {"object": truth, "part_valid": [False] * 3})]
    assert scored(perfect, ("object",))["object/mIoU"] == pytest.approx(4 / 5)


def one_car(predicted_objects, predicted_parts, objects, parts):
    arrays = [np.array([values]) for values in (predicted_objects, predicted_parts, objects, parts)]
    predictions = {"object": arrays[0], "part": {2: arrays[1]}}
    return scored(
        [(predictions, {"object": arrays[2], "part": arrays[3], "part_valid": [True, False, False]})], ("part",)
    )


def test_a_wrong_object_costs_its_parts():
    right = one_car([2, 2, 2, 1], [1, 1, 2, 0], [2, 2, 2, 1], [1, 1, 2, 0])
    assert right == pytest.approx({"part/mIoU": 1, "part/pixel accuracy": 1})
    wrong = one_car([2, 1, 2, 1], [1, 1, 2, 0], [2, 2, 2, 1], [1, 1, 2, 0])
    assert wrong == pytest.approx({"part/mIoU": (1 / 2 + 1) / 2, "part/pixel accuracy": 2 / 3})


def test_parts_predicted_on_unlabelled_pixels_count_in_the_union():
    scores = one_car([2, 2, 2, 2], [1, 1, 1, 1], [2, 2, 0, 0], [1, 0, 0, 0])
    assert scores == pytest.approx({"part/mIoU": (1 / 4 + 0) / 2, "part/pixel accuracy": 1})


def test_background_of_an_object_is_no_part():
    scores = one_car([2, 2, 2], [0, 0, 1], [2, 2, 2], [0, 0, 1])
    assert scores == pytest.approx({"part/mIoU": 1 / 2, "part/pixel accuracy": 1})  # the window: absent, 0


# --- Prediction


class Fixed(nn.Module):
    """A model whose logits are a fixed function of the image, different at every scale."""

    def __init__(self, vocabulary):
        super().__init__()
        self.vocabulary = vocabulary
        self.calls = []

    def forward(self, images, labels, tasks):
        assert images.shape[2] % 32 == images.shape[3] % 32 == 0
        assert labels.shape == images[:, 0].shape
        assert labels.min() == 0
        self.calls.append((tuple(images.shape), tuple(tasks)))
        out = {}
        for number, task in enumerate(tasks):
            torch.manual_seed(100 * images.shape[2] + number)
            shape = (1, self.vocabulary.channels(task), images.shape[2] // 4, images.shape[3] // 4)
            logits = torch.randn(shape, dtype=torch.float64) * 2
            out[task] = logits.mean((2, 3)) if task == "scene" else logits
        return out


def literal_upsample(logits, size):
    """Bilinear interpolation between cell centres, pixel by pixel; (C, h, w) -> (C, *size)."""
    _, h, w = logits.shape
    out = np.zeros((len(logits), *size))
    for y in range(size[0]):
        for x in range(size[1]):
            v, u = max((y + 0.5) * h / size[0] - 0.5, 0), max((x + 0.5) * w / size[1] - 0.5, 0)
            y0, x0 = int(v), int(u)
            y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
            top = logits[:, y0, x0] * (1 - u + x0) + logits[:, y0, x1] * (u - x0)
            bottom = logits[:, y1, x0] * (1 - u + x0) + logits[:, y1, x1] * (u - x0)
            out[:, y, x] = top * (1 - v + y0) + bottom * (v - y0)
    return out


def softmax(logits):
    exponentials = np.exp(logits - logits.max(0))
    return exponentials / exponentials.sum(0)


def test_softmax_outputs_are_averaged_over_scales():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (21, 30, 3), dtype=np.uint8)
    regions = np.arange(21 * 30, dtype=np.int32).reshape(21, 30)
    model = Fixed(VOCABULARY)
    views = [view(image, regions, short_side, 1000) for short_side in (30, 60)]
    assert [tuple(scaled.shape[2:]) for scaled, _ in views] == [(32, 64), (64, 96)]  # rounded up, so stretched
    sample = {"image": torch.from_numpy(image), "part_valid": [False, True, False], "scene": 1}
    sample |= {task: torch.zeros(21, 30) for task in ("object", "part", "material")}
    predictions = predict(model, views, sample, VOCABULARY, TASKS)
    assert model.calls[0] == ((1, 3, 32, 64), ("scene", "object", "part", "material"))
    outputs = [model(*v, tasks=("scene", "object", "part", "material")) for v in views]
    for task in ("object", "material"):
        mean = sum(softmax(literal_upsample(out[task][0].numpy(), (21, 30))) for out in outputs) / 2
        np.testing.assert_array_equal(predictions[task], mean.argmax(0))
    group = VOCABULARY.part_slices[3]
    mean = sum(softmax(literal_upsample(out["part"][0, group].numpy(), (21, 30))) for out in outputs) / 2
    assert set(predictions["part"]) == {3}  # only what is scored is predicted
    np.testing.assert_array_equal(predictions["part"][3], mean.argmax(0))
    mean = sum(softmax(out["scene"][0].numpy()) for out in outputs) / 2
    assert predictions["scene"].item() == mean.argmax()


def test_views_scale_as_opencv_does():
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    image[:, 32:] = 200
    regions = np.arange(64 * 64, dtype=np.int32).reshape(64, 64)
    scaled, labels = view(image, regions, 32, 1000)
    assert scaled.shape == (1, 3, 32, 32)
    assert set(scaled.unique().tolist()) == {0, np.float32(200 / 255)}  # halves between whole pixels: no ringing
    np.testing.assert_array_equal(labels[0], np.arange(32 * 32).reshape(32, 32))  # renumbered
    assert view(image[:, :16], regions[:, :16], 600, 96)[0].shape == (1, 3, 96, 32)  # the long side limits


# --- The whole way, on a tree on disk


class Oracle(nn.Module):
    """Answers from the dataset itself: right everywhere, in the logits' own resolution."""

    def __init__(self, dataset):
        super().__init__()
        self.dataset, self.index, self.training_seen = dataset, -1, []

    def forward(self, images, labels, tasks):
        self.index += 1
        self.training_seen.append(self.training)
        sample, vocabulary, out = self.dataset[self.index], self.dataset.vocabulary, {}
        for task in tasks:
            channels = vocabulary.channels(task)
            if task in ("scene", "texture"):
                out[task] = nn.functional.one_hot(torch.tensor([max(sample[task], 0)]), channels).double()
                if task == "texture":
                    out[task] = out[task][..., None, None].expand(-1, -1, 8, 8)
            elif task == "part":
                out[task] = torch.zeros(1, channels, *sample["part"].shape, dtype=torch.float64)
                for thing, group in vocabulary.part_slices.items():
                    own = torch.from_numpy(sample["part"] * (sample["object"] == thing))
                    out[task][0, group] = nn.functional.one_hot(own, group.stop - group.start).permute(2, 0, 1).double()
            else:
                one_hot = nn.functional.one_hot(torch.from_numpy(sample[task]), channels)
                out[task] = one_hot.permute(2, 0, 1)[None].double()
        return out


@pytest.mark.parametrize("workers", [0, 2])
def test_a_perfect_model_is_perfect_where_classes_occur(tmp_path, workers):
    dataset = BrodenPlus(write_tree(tmp_path), "train")
    model = Oracle(dataset).train()
    result = evaluate(model, dataset, TASKS, short_side=32, max_regions=10, progress=False, workers=workers)
    assert result == {
        "object/mIoU": pytest.approx(1),  # all four objects occur
        "object/pixel accuracy": 1,
        "part/mIoU": pytest.approx((1 + 1 / 2) / 2),  # person: no head
        "part/pixel accuracy": 1,
        "scene/accuracy": 1,
        "material/mIoU": pytest.approx(1),
        "material/pixel accuracy": 1,
        "texture/accuracy": 1,
    }
    assert model.training
    assert not any(model.training_seen)


def test_only_images_with_the_tasks_are_read(tmp_path):
    root = write_tree(tmp_path)
    dataset = BrodenPlus(root, "val")
    model = Fixed(dataset.vocabulary)
    result = evaluate(model, dataset, ("texture",), 32, 10, progress=False)
    assert set(result) == {"texture/accuracy"}
    assert [tasks for _, tasks in model.calls] == [("texture",)]


def test_parts_alone_ask_for_objects_too(tmp_path):
    dataset = BrodenPlus(write_tree(tmp_path), "train", tasks=("part",))
    model = Fixed(dataset.vocabulary)
    result = evaluate(model, dataset, ("part",), 32, 10, progress=False)
    assert set(result) == {"part/mIoU", "part/pixel accuracy"}
    assert {tasks for _, tasks in model.calls} == {("part", "object")}


def test_unlabelled_scenes_do_not_count(tmp_path):
    dataset = BrodenPlus(write_tree(tmp_path), "val")  # its one ADE20K image is "misc"
    result = evaluate(Fixed(dataset.vocabulary), dataset, ("scene",), 32, 10, progress=False)
    assert np.isnan(result["scene/accuracy"])
    assert len(SCENES) == 2
    assert len(OBJECTS) == 5


def test_plain_folders_are_scored_by_the_same_rules(tmp_path):
    from PIL import Image

    for number in range(2):
        labels = np.random.default_rng(number).integers(0, 4, (20, 24), dtype=np.uint8)
        for kind, picture in [("images", labels * 60), ("labels", labels)]:
            path = tmp_path / "val" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    dataset = FolderDataset(tmp_path, "val", names=("road", "car", "-", "sky"))
    result = evaluate(Oracle(dataset), dataset, TASKS, 32, 10, progress=False)
    assert result == {"object/mIoU": pytest.approx(1), "object/pixel accuracy": 1}


def test_scores_that_are_not_finite_are_none(model, smoke_data):
    broken = copy.deepcopy(model)
    broken.heads["object"].classifier.bias.data[1] = float("nan")
    with pytest.raises(FloatingPointError, match="scores of object are not finite; train it again"):
        evaluate(broken, BrodenPlus(smoke_data, "val"), ("object", "scene"), 64, 32, progress=False)
    with pytest.raises(FloatingPointError, match="scores of object are not finite; train it again"):
        Predictor(broken, 64)(PHOTO)


def test_a_model_of_other_classes_is_not_scored(tmp_path):
    """Other names, another order, or the same parts on other objects: numbers would mean nothing."""

    class Data:
        vocabulary = VOCABULARY

    for changes, told in (
        ({"objects": VOCABULARY.objects[::-1]}, "object"),
        ({"object_parts": {2: (0, 1)}}, "which object has which parts"),
    ):
        model = torch.nn.Identity()
        model.vocabulary = replace(VOCABULARY, **changes)
        with pytest.raises(ValueError, match=rf"the model has other classes than the data.*\({told}\)"):
            evaluate(model, Data(), ("object", "part"), 32)


def test_images_without_a_label_that_is_asked_for_are_told(tmp_path):
    dataset = BrodenPlus(write_tree(tmp_path), "val", ("texture",))
    with pytest.raises(ValueError, match="no image of the data is labelled for object or part; "):
        evaluate(nn.Identity(), dataset, ("object", "part"), 64, progress=False)


def test_an_error_leaves_the_model_in_its_mode(smoke_data):
    class Broken(nn.Module):
        def forward(self, images, regions, tasks):
            raise RuntimeError("out of memory")

    network = Broken().train()
    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate(network, BrodenPlus(smoke_data, "val"), ("object",), 64, progress=False)
    assert network.training


@pytest.mark.parametrize(("count", "wanted", "chosen"), [(5, None, range(5)), (5, 9, range(5)), (9, 3, (0, 4, 8))])
def test_some_of_the_images_are_spread_over_all(count, wanted, chosen):
    assert evenly(count, wanted) == list(chosen)


def test_forty_of_fifty_five_images_are_not_the_first_forty():
    assert len(evenly(55, 40)) == 40
    assert evenly(55, 40)[-1] == 54


def test_a_frozen_backbone_stays_in_its_mode_while_the_rest_learns():
    network = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2)).train()
    network[0].eval()
    with evaluating(network):
        assert not network[1].training
    assert [part.training for part in network] == [False, True]


def test_a_few_images_are_the_first_the_last_and_between(model, smoke_data):
    dataset = BrodenPlus(smoke_data, "val", ("scene",))
    whole, few = (count(model, dataset, ("scene",), 64, 32, progress=False, images=n) for n in (None, 2))
    assert len(whole) > 2
    assert all(torch.equal(a["scene"], b["scene"]) for a, b in zip(few, (whole[0], whole[-1]), strict=True))
    assert not torch.equal(whole[1]["scene"], whole[-1]["scene"])  # so that the first two would not do
