"""How the tables are written: things described in steps, and numbers.

A thing has a header ``name[=object] [width [height depth]]`` in metres ("=^": a detail of the object it is drawn on)
and steps, on lines of their own or behind semicolons. Lengths are shares of the thing's width, height or depth, or sums
with units: m metres, z the distance from the camera, w h d the sizes, and names from ``let``. x runs from -.5 to .5, y
and z from 0 to 1. a:b is an extent, a~b is drawn between, a|b chosen; & repeats a step, ± repeats it mirrored. ?a,-b in
front of a step: only where flag a holds and b does not.

    either a b c | maybe a .3 [b]         set one of these flags | one with a chance, always where b holds
    let a .2~.5                           name a length
    frame = wood / metal .5 .02 250       mix a paint: one of some materials, with its colour; ?= unless inherited
    object NAME | with NAME               go on as another object | with the steps of another description
    draw NAMES x z [y]                    one of these things, at once; put: later, after all that is further away
    row NAMES x z0:z1 gap                 put things one behind the other
    cells NAMES x y w,h                   fill an area with details in cells of about w x h
    box PAINT[:PART] x y z                the faces of a box that can be seen
    rect PAINT[:PART] ...                 an outline, see `drawing.OUTLINES`; paints shade and sun darken and lighten
    shadow rx rz | glow x y radius strength | mirror | sky | camera sun|lamp eye horizon focal

Options: p= chance and n= times of a step; w= h= d= sizes and as= a flag of a thing. Of outlines: on=y lying, on=x on the
flank or at=; up= and z= offsets; some= share of the cells; tone= brightness; blur= of shades; and `weather.shading`.
"""

import re
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

Rng = np.random.Generator
_TERM = re.compile(r"([+-]?\d*\.?\d*)([A-Za-z]*)")


class Step(NamedTuple):
    """One step: flags it asks for, verb, words (a tuple for every repetition), options."""

    flags: list[str]
    verb: str
    words: list[tuple[str, ...]]
    options: dict[str, str]


class Thing(NamedTuple):
    """One description: the object it is, its sizes, its steps."""

    label: str
    sizes: list[str]
    steps: list[Step]


def read(text: str) -> dict[str, Thing]:
    """Read descriptions: headers at the left margin, their steps indented."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        if line[0] == " ":
            thing.steps.extend(_step(text.split()) for text in line.split(" ; "))
        else:
            name, *sizes = line.split()
            name, _, label = name.partition("=")
            found[name] = thing = Thing(label or name, sizes or ["1"], [])
    return found


def _step(words: list[str]) -> Step:
    flags = words.pop(0)[1:].split(",") if words[0][0] == "?" else []
    if words[1:2] in (["="], ["?="]):
        return Step(flags, words[1], [(words[0], " ".join(words[2:]))], {})
    options = dict(word.split("=") for word in words if "=" in word)
    verb, *words = (word for word in words if "=" not in word)
    sides = (_mirrored, lambda word: word.lstrip("±")) if any("±" in word for word in words) else (str,)
    repeated = [choice for side in sides for choice in product(*(map(side, word.split("&")) for word in words))]
    return Step(flags, verb, repeated, options)


def _mirrored(word: str) -> str:
    """Turn the signs of an extent, or of the first coordinate of a point, that begins with ±."""
    if word[0] != "±":
        return word
    x, comma, y = word[1:].partition(",")
    return re.sub(r"([+-]?)([^:~+-]+)", lambda term: "-+"[term[1] == "-"] + term[2], x) + comma + y


@lru_cache(maxsize=None)
def _parse(text: str) -> list[list[list[tuple[float, str]]]]:
    """Parse a number into its alternatives, each one sum or two ends, each sum (factor, unit) pairs."""
    return [[_terms(end) for end in choice.split("~")] for choice in text.split("|")]


def _terms(text: str) -> list[tuple[float, str]]:
    found = [match.groups() for match in _TERM.finditer(text) if match.group()]
    if not found or "".join(factor + name for factor, name in found) != text:
        raise ValueError(f"{text!r} is no number; write a sum such as .5-.3m.")
    return [(float(factor + "1" if factor in ("", "+", "-") else factor), name) for factor, name in found]


def number(text: str, rng: Rng, units: dict[str, float] | None = None) -> float:
    """Evaluate a number; ``units`` gives the value of each name in it, "" that of a bare number."""
    choices, units = _parse(text), units or {"": 1.0}
    ends = choices[rng.integers(len(choices))] if len(choices) > 1 else choices[0]
    values = []
    for terms in ends:
        values.append(0.0)
        for factor, name in terms:
            values[-1] += factor * units[name]
    return values[0] if len(values) == 1 else values[0] + (values[1] - values[0]) * rng.random()
