"""What the package says of the paper: equations, sections, figures and tables bear the numbers printed there."""

import json
import re
from pathlib import Path

import pytest

from dgmlib import explain, grouping, groups, losses, paths, reading, regions

#: The paper's numbered equations, in the notation of dgmlib's docstrings, and what defines or carries out each of them.
EQUATIONS = {
    1: ("P^l_ij = exp(-|V^l_i - Vbar^{l+1}_j|^2 / sigma^2) / Z^l_j", [grouping.EMGP, reading.Reading]),
    2: ("Vbar^{l+1} = (P^l)^T V^l", [grouping.EMGP]),
    3: ("Z^l_j = sum over i of exp(...)", [grouping.EMGP]),
    4: ("E^{l+1} = (P^l)^T E^l P^l", [groups.Grouping.adjacency]),
    5: ("V^{l+1} = GConv(U^{l+1}, Vbar^{l+1}; I + P^1 ... P^l)", [grouping.Projection]),
    6: ("h_v = sigma(W sum of w(u, v) h_u)", [grouping.GConv, grouping.Projection, reading.Reading]),
    7: ("R = READOUT(V^L)", [grouping.readout]),
    8: ("Ptilde^l_ij = exp(-|V^l_i - V^{l+1}_j|^2 / sigma^2) / Ztilde^l_i", [grouping.TDMP, reading.Reading]),
    9: ("Ztilde^l_i = sum over j of exp(...)", [grouping.TDMP]),
    10: ("V^l := GConv(V^{l+1}, V^l; I + Ptilde^l)", [grouping.TDMP]),
    11: ("Uhat^l = GConv(V^l, U^l; I + Ptilde^1 ... Ptilde^l)", [grouping.Reprojection, regions.RegionGrid.unpool]),
    12: ("L = sum over tasks of lambda_t L_t", [losses.perceptual_loss]),
}
PAGES = ("README.md", "dgmlib/README.md", "results/README.md")
#: Its sections, by what they are about.
SECTIONS = {
    "1": "Introduction",
    "2": "Related Work",
    "3": "Deep Grouping Model (DGM)",
    "3.1": "Bottom-up Graph Hierarchy Construction",
    "3.2": "Top-down Message Passing (TDMP)",
    "3.3": "Re-projection from Graph to Grid Features",
    "4": "Unified Perceptual Parsing with DGM",
    "5": "Experiments",
    "5.1": "Dataset and Evaluation Metrics",
    "5.2": "Implementation Details",
    "5.3": "Comparison with the State-of-the-art",
    "5.4": "Ablation Study",
    "5.5": "Grouping Visualization",
    "5.6": "Overhead",
    "6": "Applications",
    "7": "Conclusion",
}
FIGURES = {
    1: "Perceptual grouping process",
    2: "An overview",
    3: "Full Model",
    4: "Qualitative comparison",
    5: "perceptual groupings",
    6: "click propagation",
    7: "Grad-CAM",
}
TABLES = {1: "Broden+", 2: "ADE20k", 3: "overhead"}
#: What a name that an equation's number follows stands for: "TDMP (Eq. 8-10)", "Top-down Message Passing (Sec. 3.2".
NAMES = {
    "GConv": {6},
    "EMGP|Graph Pooling": {1, 2, 3, 4},
    "centres": {2},
    "Projection": {5, 6},
    "READOUT|readout": {7},
    "TDMP|Message Passing": {8, 9, 10},
    "Re-?projection": {11},
    "[Ll]oss(?:es)?": {12},
}
#: What is said of a subject beside a section's number stands in one of these sections.
SUBJECTS = {
    "ImageNet|dilated|appendix": {"5.3"},
    "MCG|frozen|batch|iterations|GPUs|L2|half": {"5.2"},
    "dynamically|uniformly": {"3.1"},
    "natural images|pooled F": {"4"},
}
#: Sentences of the paper that are quoted, by section.
SENTENCES = {
    "3.1": "we initialize Vbar^{l+1} with uniformly sampled vertices from V^l "
    "but also can change |V^{l+1}| dynamically according to the content of the image",
    "3.2": "Thus, by reusing the grouping results in the bottom-up process, edges Ptilde^l can be obtained by",
    "3.3": "The re-prejection can be regarded as a mirror module of projection.",
    "4": "Lo, Lp, Lm are cross-entropy losses at each pixel between the prediction and ground-truth",
    "5.2": "the input multi-resolution feature map F^l comes from C1 to C4 layers' output from ResNet. "
    "All GraphSAGE layers in DGM are followed by L2 normalization and ReLU.",
    "5.3": "we suspect that the pixel accuracy measure is easily biased by the imbalanced number of pixels",
    "5.4": "we evaluate DGM model without TDMP (denoted as DGM w/o ↓)",
    "5.6": "we show the difference of FLOPs and the number of parameters before and after adding the contextual "
    "modeling module to the network",
    "6": "We use Grad-CAM on graph [36] to localize activated vertices at each level. "
    "Then, it can propagate to higher levels by using the P^l defined in Eq. 1. "
    "By using the gradient back-propagated from the ground-truth scene label, our model localizes",
}


def numbers(kind: str, text: str) -> list[int]:
    """All numbers cited as "Eq. 1", "Eq. 1-3", "Eq. 1, 3" or "Eq. 1 and 8"."""
    found = []
    for first, rest in re.findall(rf"\b(?:{kind})\s*(\d+)((?:(?:-|, | and )\d+(?!\.\d|\w))*)", text):
        found.append(int(first))
        for sign, number in re.findall(r"(-|, | and )(\d+)", rest):
            found += range(found[-1] + 1, int(number) + 1) if sign == "-" else [int(number)]
    return found


def texts() -> dict[str, str]:
    """Everything that is read: the package, the notebooks' sources, the pages."""
    found = {
        path.relative_to(paths.ROOT).as_posix(): path.read_text()
        for path in Path(grouping.__file__).parent.rglob("*.py")
    }
    for path in paths.NOTEBOOKS.glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        found[path.name] = "\n\n".join("".join(cell["source"]) for cell in cells)
    return found | {name: (paths.ROOT / name).read_text() for name in PAGES}


def test_numbers_are_read_as_people_write_them():
    assert numbers("Eq\\.", "Eq. 1-3 and Eq. 5, 10 and 11; Eq. 1 and 8 (Eq. 7)") == [1, 2, 3, 5, 10, 11, 1, 8, 7]
    assert numbers("Eq\\.", "Eq. 12 has 3 terms, 2.5 on average") == [12]


@pytest.mark.parametrize(
    ("kind", "known"), [("Eqs?\\.", EQUATIONS), ("Fig\\.|Figure", FIGURES), ("Tables?|Tab\\.", TABLES)]
)
def test_every_number_that_is_cited_is_printed(kind, known):
    for name, text in texts().items():
        assert set(numbers(kind, text)) <= set(known), name


def test_every_section_that_is_cited_is_one():
    for name, text in texts().items():
        for before, section in re.findall(r"(.{0,60})\bSec\.\s(\d(?:\.\d)?)", text):
            if not re.search(r"APCNet|CCNet|OCNet|al\.|20\d\d", before):  # of another paper, which is named before it
                assert section in SECTIONS, f"{name}: Sec. {section}"


@pytest.mark.parametrize("number", EQUATIONS)
def test_what_carries_out_an_equation_cites_it_by_its_printed_number(number):
    for thing in EQUATIONS[number][1]:
        assert number in numbers("Eq\\.", thing.__doc__), thing.__qualname__


@pytest.mark.parametrize(
    ("thing", "cited"),
    [
        (grouping.GConv, {5, 6, 10, 11}),
        (grouping.EMGP, {1, 2, 3}),
        (grouping.Projection, {5, 6}),
        (grouping.readout, {7}),
        (grouping.TDMP, {8, 9, 10, 11}),
        (grouping.Reprojection, {11}),
        (groups.Grouping.adjacency, {4}),
        (groups.Grouping.to_pyg, {1, 8}),  # P and Ptilde
        (losses.perceptual_loss, {12}),
        (regions.RegionGrid.unpool, {11}),
        (explain.gradcam, set()),
    ],
)
def test_no_equation_is_cited_beside_what_it_does_not_define(thing, cited):
    assert set(numbers("Eq\\.", thing.__doc__ or "")) <= cited


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_followed_by_its_own_equation(name):
    cited = rf"\b(?:{name})[`*)]*,? ?\(?(?:Sec\.\s[\d.]+, )?(Eq\.\s[\d, -]+(?: and \d+)?)"
    found = [(file, cite) for file, text in texts().items() for cite in re.findall(cited, text)]
    assert found
    for file, cite in found:
        assert set(numbers(r"Eq\.", cite)) <= NAMES[name], f"{file}: {name}, {cite}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_told_of_in_the_section_that_is_named(subject):
    section, between = r"Sec\.\s(\d(?:\.\d)?)", r"(?:(?!Sec\.)[^.;:|]){0,60}"
    found = []
    for file, text in texts().items():
        text = re.sub(r"[\s#]+", " ", text)  # comments go on over several lines
        cited = re.findall(rf"\b(?:{subject})\b{between}{section}", text)
        cited += re.findall(rf"{section}(?:'s|:| has| adds| gives| calls){between}\b(?:{subject})\b", text)
        found += [(file, number) for number in cited]
    assert found
    assert {(file, number) for file, number in found if number not in SUBJECTS[subject]} == set()


def test_what_is_quoted_stands_in_the_section_that_is_named():
    checked = 0
    for file, text in texts().items():
        text = re.sub(r"\\lvert | \\rvert", "|", text.replace("$", ""))  # so written in tables of notebooks
        text = " ".join(text.split())
        found = [(section, quote) for quote, section in re.findall(r'"([^"]{12,160})",? \(?Sec\. (\d(?:\.\d)?)', text)]
        found += re.findall(
            r'Sec\. (\d(?:\.\d)?)(?:\'s| has| says| takes| uses| calls| climbs| obtains)[^".]{0,40} "([^"]{12,160})"',
            text,
        )
        for section, quote in found:
            for piece in quote.lower().split("…"):
                assert piece.strip(" ,") in SENTENCES[section].lower(), f"{file}: {quote!r} is not in Sec. {section}"
                checked += 1
    assert checked > 10
