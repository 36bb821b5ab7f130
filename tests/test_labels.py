"""Names and ids of classes, and the list of what occurs."""

import numpy as np
import pytest
from tiny import VOCABULARY

from dgmlib.labels import NO_PART, LabelMap, class_names, class_target, part_ids


def test_what_occurs_is_listed_by_its_area():
    labels = LabelMap(np.array([[2, 2, 0], [2, 3, 3]]), ("-", "cat", "sky", "car"))
    table = labels.areas()
    assert table.index.tolist() == [2, 3, 0]
    assert table["name"].tolist() == ["sky", "car", "-"]
    assert table["pixels"].tolist() == [3, 2, 1]
    assert table["share"].sum() == pytest.approx(1)


def test_parts_have_a_name_with_every_object():
    names = class_names(VOCABULARY, "part")
    assert names == ("-", NO_PART, NO_PART, "cat: head", "cat: leg", NO_PART, "car: wheel")
    ids = part_ids(np.array([0, 1]), VOCABULARY.part_slices[3])
    assert [names[i] for i in ids] == [NO_PART, "car: wheel"]
    assert ids[0] == 1
    assert class_names(VOCABULARY, "texture") == VOCABULARY.textures


def test_classes_are_found_by_name():
    for task in ("scene", "object", "material", "texture"):
        names = VOCABULARY.names(task)
        real = [name for name in names if name != "-"]
        assert [names[class_target(VOCABULARY, task, name)] for name in real] == real
    for thing, parts in VOCABULARY.object_parts.items():
        for index, part in enumerate(parts[1:], 1):
            name = f"{VOCABULARY.objects[thing]}: {VOCABULARY.parts[part]}"
            assert class_target(VOCABULARY, "part", name) == (thing, index)
    for task, name in (("object", "-"), ("part", NO_PART), ("part", "head"), ("scene", "moon")):
        with pytest.raises(ValueError, match=f"there is no {task} '{name}'; choose one of "):
            class_target(VOCABULARY, task, name)
