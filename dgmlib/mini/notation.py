"""Syntax of the tables: things described in steps, and numbers.

A thing has a header ``name[=object] [width [height depth]]`` in metres ("=^": a detail of the object it is drawn on)
and, after a colon and on indented lines, steps separated by semicolons. Lengths are shares of the thing's width, height
or depth, or sums with units: m metres, z the distance from the camera, w h d the sizes, and names from ``let``. x runs
from -.5 to .5, y and z from 0 to 1. a:b is an extent, a~b is drawn between, a|b is a choice; & repeats a step, ±
repeats it mirrored. ?a,-b in front of a step: only if flag a is set and b is not.

    either a b c | maybe a .3 [b]         set one of these flags | one with a probability, always if b is set
    let a .2~.5 | frame = wood / metal .5 name a length | mix a paint of one of some materials; ?= unless inherited
    object NAME | with NAME               continue as another object | with the steps of another description
    draw NAMES x z [y]                    one of these things, at once; put: later, after all that is further away
    cells NAMES x y w,h                   fill an area with details in cells of about w x h
    box PAINT[:PART] x y z                the faces of a box that can be seen
    rect PAINT[:PART] ...                 or another of `drawing.OUTLINES`, from extents, points x,y and plain numbers
    shadow rx rz | glow x,y radius strength | mirror | camera sun|lamp eye horizon focal

Options: p= probability and n= repetitions of a step; w= h= d= sizes and as= a flag of a thing. For outlines: on=y
lying, on=x on the flank or at=; up= and z= offsets; some= share of cells; tone= brightness; blur= of the paints shade
and sun; and those of `canvas.shading`.
"""

import re
from collections import namedtuple
from functools import cache
from itertools import product

import numpy as np

Rng = np.random.Generator
Step = namedtuple("Step", "flags verb words options")  # flags: required ones; words: a tuple per repetition
Thing = namedtuple("Thing", "label sizes steps")


def read(text: str) -> dict[str, Thing]:
    """Read descriptions: headers at the left margin, their steps after a colon and on indented lines."""
    found, steps = {}, []
    for line in filter(str.strip, text.splitlines()):
        head, _, tail = line.partition(" : ") if line[0] != " " else ("", "", line)
        if head:
            (name, *sizes), steps = head.split(), []
            found[name.split("=")[0]] = Thing(name.split("=")[-1], sizes or ["1"], steps)
        steps.extend(_step(step.split()) for step in tail.split(" ; ") if step)
    return found


def _step(words: list[str]) -> Step:
    flags = words.pop(0)[1:].split(",") if words[0][0] == "?" else []
    if words[1:2] in (["="], ["?="]):
        return Step(flags, "=", [(words[0], " ".join(words[2:]), words[1][:-1])], {})
    options = dict(word.split("=") for word in words if "=" in word)
    verb, *words = (word for word in words if "=" not in word)
    sides = (_mirrored, lambda word: word.lstrip("±")) if any("±" in word for word in words) else (str,)
    repeated = [choice for side in sides for choice in product(*(map(side, word.split("&")) for word in words))]
    return Step(flags, verb, repeated, options)


def _mirrored(word: str) -> str:
    """Flip the signs of an extent, or of the first coordinate of a point, that begins with ±."""
    if word[0] != "±":
        return word
    x, comma, y = word[1:].partition(",")
    return re.sub(r"([+-]?)([^:~+-]+)", lambda term: "-+"[term[1] == "-"] + term[2], x) + comma + y


@cache
def _parse(text: str) -> list[list[list[tuple[float, str]]]]:
    """Parse a number into its alternatives, each one sum or two ends, each sum (factor, unit) pairs."""
    return [[_terms(end) for end in choice.split("~")] for choice in text.split("|")]


def _terms(text: str) -> list[tuple[float, str]]:
    found = re.findall(r"([+-]|^)(\d*\.?\d*)([A-Za-z]*)", text)
    if "".join(map("".join, found)) != text or not all(factor or unit for _, factor, unit in found):
        raise ValueError(f"{text!r} is no number; write a sum such as .5-.3m.")
    return [(float(sign + (factor or "1")), unit) for sign, factor, unit in found]


def number(text: str, rng: Rng, units: dict[str, float] | None = None) -> float:
    """Evaluate a number; ``units`` gives the value of each name in it, "" that of a bare number."""
    choices, units, values = _parse(text), units or {"": 1.0}, []
    for terms in choices[rng.integers(len(choices))] if len(choices) > 1 else choices[0]:
        values.append(0.0)
        for factor, unit in terms:
            values[-1] += factor * units[unit]
    return values[0] if len(values) == 1 else values[0] + (values[1] - values[0]) * rng.random()
