"""The class names of Broden-mini: a small excerpt of Broden+'s own vocabulary."""

from dgmlib.vocabulary import Vocabulary

# fmt: off
OBJECTS = (
    "-", "wall", "sky", "floor", "tree", "building", "person", "ceiling", "table", "window", "road", "grass",
    "chair", "car", "plant", "painting", "door", "sidewalk", "cabinet", "lamp", "curtain", "mountain", "bed",
    "sofa", "carpet", "water", "sand", "house", "boat", "bench", "stove", "dog",
)
PARTS = (
    "-", "leg", "head", "torso", "arm", "window", "door", "wheel", "tail", "headlight", "back", "drawer", "shade",
    "headboard", "base", "top", "seat", "seat cushion", "roof", "balcony", "column", "pillow", "trunk", "crown",
    "chimney",
)
INDOOR = ("bedroom", "dining_room", "kitchen", "living_room", "office")
SCENES = tuple(sorted([*INDOOR, "beach", "mountain", "park", "street", "village"]))
MATERIALS = (
    "-", "brick", "carpet", "ceramic", "fabric", "foliage", "glass", "leather", "metal", "painted", "skin", "stone",
    "tile", "wood",
)
TEXTURES = ("banded", "chequered", "grid", "honeycombed", "marbled", "polka-dotted", "woven", "zigzagged")
# fmt: on

#: Object -> its parts, without the leading "none of these"; in the order of `OBJECTS`.
OBJECT_PARTS = {
    "tree": ("trunk", "crown"), "building": ("window", "door", "roof", "balcony"),
    "person": ("leg", "head", "torso", "arm"), "table": ("leg", "top"), "chair": ("leg", "back", "seat"),
    "car": ("window", "door", "wheel", "headlight"), "cabinet": ("door", "drawer", "top"),
    "lamp": ("shade", "base", "column"), "bed": ("leg", "headboard", "base", "pillow"),
    "sofa": ("leg", "arm", "back", "seat cushion"), "house": ("window", "door", "roof", "chimney"),
    "dog": ("leg", "head", "torso", "tail"),
}  # fmt: skip
#: OpenSurfaces' names in their order, and the material each one means here ("-": labelled there, ignored here).
SUBSTANCES = {
    "Brick": "brick", "Carpet/rug": "carpet", "Ceramic": "ceramic", "Concrete": "stone", "Fabric/cloth": "fabric",
    "Foliage": "foliage", "Glass": "glass", "Leather": "leather", "Metal": "metal", "Painted": "painted",
    "Skin": "skin", "Sky": "-", "Stone": "stone", "Tile": "tile", "Water": "-", "Wood": "wood",
}  # fmt: skip

#: PASCAL-Part's objects: their VOC number, and the short names of each part's pieces.
VOC_NUMBERS = {"car": 7, "dog": 12, "person": 15}
PASCAL_PARTS = {
    "car": {
        part: tuple(f"{part}_{i}" for i in range(1, count + 1))
        for part, count in (("door", 2), ("headlight", 2), ("wheel", 4), ("window", 4))
    },
    "dog": {"head": ("head",), "leg": ("lbleg", "lfleg", "rbleg", "rfleg"), "tail": ("tail",), "torso": ("torso",)},
    "person": {"arm": ("luarm", "ruarm"), "head": ("head",), "leg": ("luleg", "ruleg"), "torso": ("torso",)},
}

#: Each source's names of its classes; the position, counted from 1, is the number in its files.
ADE_NAMES = ("-", *sorted({*OBJECTS, *PARTS} - {"-"}))
CONTEXT_NAMES = {name: {"carpet": "rug", "plant": "pottedplant"}.get(name, name) for name in OBJECTS[1:]}
CONTEXT_LABELS = (*sorted(CONTEXT_NAMES.values()), "unknown")


def vocabulary() -> Vocabulary:
    """Return the classes of Broden-mini."""
    parts = {OBJECTS.index(name): (0, *sorted(map(PARTS.index, of))) for name, of in OBJECT_PARTS.items()}
    return Vocabulary(OBJECTS, PARTS, SCENES, MATERIALS, TEXTURES, parts)
