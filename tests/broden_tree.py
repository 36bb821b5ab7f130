"""A tiny Broden+ tree in the official layouts, written by hand: every label is known pixel by pixel."""

import json
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import ExifTags, Image

from dgmlib.broden import BrodenError, BrodenPlus

OBJECTS = ("-", "wall", "car", "person", "sky")
PARTS = ("-", "wheel", "window", "head", "leg")
SCENES = ("kitchen", "street")
MATERIALS = ("-", "wood", "metal")
TEXTURES = ("banded", "dotted")
HIERARCHY = {2: (0, 1, 2), 3: (0, 3, 4)}

ADE_NAMES = 600  # raw class v is names[v - 1]; the assignment stops before the last of them
ADE = {"wall": 301, "car": 520, "person": 7, "wheel": 540, "window": 26, "unlisted": 600}
CONTEXT = {"car": 2, "person": 3, "sky": 4, "unknown": 5}
SUBSTANCE = {"wood": 3, "metal": 1, "sky": 2}

ADE_SHAPE, PASCAL_SHAPE, OS_SHAPE, DTD_SHAPE = (40, 56), (44, 36), (48, 64), (32, 32)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def mat(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, content)


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def png(path: Path, rows: list[bytes], width: int, bits: int, colour: int) -> None:
    """Write a PNG of a depth for which Pillow has no writer."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows)), b"IEND": b""}
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in chunks.items()))


def deep_picture(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W, 3) as a PNG of 16 bits per channel."""
    png(path, [row.astype(">u2").tobytes() for row in pixels], pixels.shape[1], 16, 2)


def photo(path: Path, shape: tuple[int, int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (shape[0] // 4, shape[1] // 4, 3))
    picture(path, noise.repeat(4, 0).repeat(4, 1))


def encode(classes: np.ndarray) -> np.ndarray:
    """ADE20K's coding of raw classes; the last digit of R carries nothing."""
    red = classes // 256 * 10 + (classes > 0) * 3
    return np.stack([red, classes % 256, classes > 0], -1)


def table(path: Path, header: str, rows) -> None:
    write(path, "\r\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\r\n")


def records(path: Path, rows) -> None:
    write(path, "".join(json.dumps(row) + "\n" for row in rows))


def record(dataset: str, index: int, shape: tuple[int, int], **more) -> dict:
    return {"dataset": dataset, "file_index": index, "height": shape[0], "width": shape[1], **more}


def structs(rows: list[dict]) -> np.ndarray:
    """A MATLAB struct array, (1, N)."""
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for column, row in enumerate(rows):
        for name, value in row.items():
            array[0, column][name] = value
    return array


def box(shape: tuple[int, int], top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(shape, dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def write_metadata(meta: Path) -> None:
    joint = meta / "joint_dataset"
    classes = {"object": OBJECTS, "part": PARTS, "scene": SCENES, "material": MATERIALS, "texture": TEXTURES}
    for name, names in classes.items():
        table(joint / f"{name}.csv", "label,name", enumerate(names))
    table(
        joint / "object_part_hierarchy.csv",
        "object_label,object_name,part_labels,part_names",
        [
            (thing, OBJECTS[thing], ";".join(map(str, parts)), ";".join(PARTS[part] for part in parts))
            for thing, parts in HIERARCHY.items()
        ],
    )
    rows = [("ade20k", "object", ADE[name], name, OBJECTS.index(name), name) for name in ("wall", "car", "person")]
    rows += [("ade20k", "part", ADE[name], name, PARTS.index(name), name) for name in ("wheel", "window")]
    rows += [("ade20k", "scene", 0, "", -1, ""), ("ade20k", "scene", 1, "kitchen-s", 0, "kitchen")]
    rows += [("ade20k", "scene", 2, "street-s", 1, "street")]
    rows += [("pascal", "object", CONTEXT[name], name, OBJECTS.index(name), name) for name in ("car", "person", "sky")]
    rows += [("pascal", "part", i, name, PARTS.index(name), name) for i, name in enumerate(PARTS[1:], start=1)]
    rows += [("pascal", "part", 5, "", 0, "-")]
    rows += [("os", "material", SUBSTANCE[name], name, MATERIALS.index(name), name) for name in ("wood", "metal")]
    table(joint / "label_assignment.csv", "dataset,category,raw_label,raw_name,broden_label,broden_name", rows)


def write_ade20k(root: Path) -> None:
    """Three images: with parts, without, and an unlabelled scene."""
    meta = root / "meta_file" / "ade20k"
    names = ["ADE_train_00000001", "ADE_train_00000002", "ADE_val_00000001"]
    folders = [
        f"ADE20K_2016_07_26/images/{name}" for name in ("training/s/street", "training/k/kitchen", "validation/m/misc")
    ]
    index = {
        "filename": np.array([f"{name}.jpg" for name in names], dtype=object),
        "folder": np.array(folders, dtype=object),
        "objectnames": np.array(["-", *(f"class {v}" for v in range(2, ADE_NAMES + 1))], dtype=object),
    }
    mat(meta / "index_ade20k.mat", {"index": index})
    write(meta / "scene_categories.txt", f"{names[0]} street\n{names[1]} kitchen\n{names[2]} misc\n")
    for seed, (name, folder) in enumerate(zip(names, folders, strict=True)):
        base = root / "ade20k" / folder / name
        objects = np.full(ADE_SHAPE, ADE["wall"])
        objects[:, 28:] = ADE["car"]
        objects[30:, :] = ADE["person"]
        objects[:4, :4] = ADE["unlisted"]
        objects[-2:, :] = 0
        photo(base.with_suffix(".jpg"), ADE_SHAPE, seed)
        picture(base.with_name(f"{name}_seg.png"), encode(objects))
        if seed != 1:
            parts = np.zeros(ADE_SHAPE, dtype=int)
            parts[20:32, 26:40] = ADE["wheel"]  # reaches over the wall and the person, where it does not count
            parts[2:6, 40:50] = ADE["window"]
            picture(base.with_name(f"{name}_parts_1.png"), encode(parts))


def write_pascal(root: Path) -> None:
    meta, folder = root / "meta_file" / "pascal", root / "pascal"
    write(meta / "context_labels.txt", "".join(f"{i}: {name}\n" for name, i in [("boat", 1), *CONTEXT.items()]))
    for seed, name in enumerate(["2008_000002", "2008_000009"]):
        shape = PASCAL_SHAPE
        photo(folder / "VOC2010" / "JPEGImages" / f"{name}.jpg", shape, 10 + seed)
        context = np.full(shape, CONTEXT["sky"], dtype=np.uint16)
        context[20:, :18] = CONTEXT["car"]
        context[20:, 18:] = CONTEXT["person"]
        context[:2] = CONTEXT["unknown"]
        car_parts = [
            {"part_name": "wheel_2", "mask": box(shape, 30, 40, 2, 12)},
            {"part_name": "frontside", "mask": box(shape, 36, 44, 0, 8)},  # the empty name, over the wheel
        ]
        leg = [{"part_name": "llleg", "mask": box(shape, 34, 42, 10, 30)}]  # reaches over the car, later than the wheel
        objects = [
            {"class": "car", "class_ind": 7, "mask": box(shape, 20, 44, 0, 18), "parts": structs(car_parts)},
            {"class": "person", "class_ind": 15, "mask": box(shape, 20, 44, 18, 36), "parts": structs(leg)},
            {"class": "chair", "class_ind": 9, "mask": box(shape, 0, 2, 0, 2), "parts": np.zeros((0, 0))},
        ][: 3 - seed]
        annotation = {"imname": name, "objects": structs(objects)}
        mat(folder / "context" / "trainval" / f"{name}.mat", {"LabelMap": context})
        mat(folder / "part" / "Annotations_Part" / f"{name}.mat", {"anno": annotation})


def write_opensurfaces(root: Path) -> None:
    meta, folder = root / "meta_file" / "opensurfaces", root / "opensurfaces"
    table(
        meta / "label-substance-colors.csv",
        "substance_id,substance_name,red_color",
        [(10 + red, name, red) for name, red in SUBSTANCE.items()],
    )
    ids = [907, 15]  # rows of photos.csv are not sorted by id
    table(meta / "photos.csv", "photo_id,scene_category_name", [(photo_id, "kitchen") for photo_id in ids])
    for seed, photo_id in enumerate(ids):
        photo(folder / "photos" / f"{photo_id}.jpg", OS_SHAPE, 20 + seed)
        labels = np.zeros((*OS_SHAPE, 3))
        labels[..., 1:] = 9  # object and scene codes, not used
        labels[10:40, 5:30, 0] = SUBSTANCE["wood"]
        labels[20:40, 30:50, 0] = SUBSTANCE["metal"]
        labels[:5, :, 0] = SUBSTANCE["sky"]  # dropped by the assignment
        picture(folder / "photos-labels" / f"{photo_id}.png", labels)


def write_dtd(root: Path) -> None:
    names = [f"{texture}/{texture}_000{number}.jpg" for texture in TEXTURES for number in (2, 4)]
    lines = [f"{name} {name.split('/')[0]} " for name in names]
    lines[3] = f"{names[3]} dotted banded "
    write(root / "meta_file" / "dtd" / "labels_joint_anno.txt", "\n".join(lines) + "\n")
    for seed, name in enumerate(names):
        photo(root / "dtd" / "dtd-r1.0.1" / "images" / name, DTD_SHAPE, 30 + seed)


def write_tree(root: Path) -> Path:
    """Write all sources: 4 + 1 records of ADE20K and PASCAL, 1 + 1 of OpenSurfaces, 3 + 1 of DTD."""
    meta = root / "meta_file"
    write_metadata(meta)
    write_ade20k(root)
    write_pascal(root)
    write_opensurfaces(root)
    write_dtd(root)
    joint = meta / "joint_dataset"
    ade = [record("ade20k", i, ADE_SHAPE, nr_part=int(i != 1)) for i in range(3)]
    pascal = [record("pascal", i, PASCAL_SHAPE, nr_part=1) for i in range(2)]
    records(joint / "broden_ade20k_pascal_train.json", [*ade[:2], *pascal])
    records(joint / "broden_ade20k_pascal_val.json", ade[2:])
    records(joint / "broden_os_train.json", [record("os", 1, OS_SHAPE)])
    records(joint / "broden_os_val.json", [record("os", 0, OS_SHAPE)])
    records(meta / "dtd" / "dtd_training_list.json", [record("dtd", i, DTD_SHAPE) for i in (0, 1, 2)])
    records(meta / "dtd" / "dtd_validation_list.json", [record("dtd", 3, DTD_SHAPE)])
    return root


def assert_told(root, kind, names, remedy, split="train"):
    """Whatever is wrong on disk is told in one sentence that names the file and the remedy."""
    with pytest.raises(kind) as caught:
        list(BrodenPlus(root, split))
    message = str(caught.value)
    assert isinstance(caught.value, BrodenError)
    assert names in message
    assert re.search(remedy, message), message
    assert message.endswith(".")
    assert "\n" not in message


def change_json(path: Path, change):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    records(path, change(rows))


def write_pairs(root: Path, labels: dict[str, np.ndarray], split="train"):
    for name, values in labels.items():
        photo(root / split / "images" / f"{name}.jpg", (20, 24), 0)
        picture(root / split / "labels" / f"{name}.png", values)


def turned(pixels, orientation, path, **options):
    """Save pixels as a camera in that position stores them, with the tag that says so."""
    undo = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x),
        7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
        8: lambda x: np.rot90(x, -1),
    }
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(undo[orientation](pixels))).save(path, exif=exif, **options)
