"""`dgmlib broden check`: whether the data are complete and sound, and where missing pieces are published."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import ade20k, dtd, opensurfaces, pascal
from .files import META, BrodenError
from .parallel import map_records
from .records import SOURCE_TASKS, SPLITS, Record, read_records, sources_of
from .sources import MAP_TASKS, Sources
from .vocabulary import TASKS, Vocabulary

PROBLEMS = ("missing", "unreadable", "wrong size", "out of range", "bad list")
ARCHIVES = {
    "ade20k": (ade20k.ARCHIVE,),
    "pascal": (pascal.VOC, pascal.PART, pascal.CONTEXT),
    "os": (opensurfaces.ARCHIVE,),
    "dtd": (dtd.ARCHIVE,),
}
SHOWN = 5  # example messages per source and problem


@dataclass
class CheckResult:
    """What `check` found.

    Attributes:
        root: the folder checked.
        records: source -> records looked at.
        problems: (source, problem) -> their number.
        messages: (source, problem) -> one sentence per example, each naming a file and the remedy.
        absent: task -> names of the classes that occur in none of the records read.
        sampled: whether only a part of the records was looked at.
    """

    root: Path
    records: Counter = field(default_factory=Counter)
    problems: Counter = field(default_factory=Counter)
    messages: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    absent: dict[str, list[str]] = field(default_factory=dict)
    sampled: bool = False

    @property
    def ok(self) -> bool:
        """Whether training may start."""
        return not self.problems and bool(self.records)

    def add(self, source: str, problem: str, message: str, count: int = 1) -> None:
        """Note a problem of ``count`` records."""
        self.problems[source, problem] += count
        examples = self.messages.setdefault((source, problem), [])
        if len(examples) < SHOWN:
            examples.append(message)

    def __str__(self) -> str:
        lines = [f"{'source':<8} {'records':>8} {'found':>8}" + "".join(f" {problem:>12}" for problem in PROBLEMS)]
        for source, total in self.records.items():
            counts = [self.problems[source, problem] for problem in PROBLEMS]
            found = max(total - sum(counts), 0)
            lines.append(f"{source:<8} {total:>8} {found:>8}" + "".join(f" {count:>12}" for count in counts))
        for (source, problem), examples in self.messages.items():
            lines += ["", f"{source}, {problem} ({self.problems[source, problem]}):", *(f"  {m}" for m in examples)]
        broken = sorted({source for source, problem in self.problems if problem in ("missing", "unreadable")})
        for source in broken:
            lines += ["", f"{source} is published at:", *(f"  {url}" for url in ARCHIVES.get(source, (META,)))]
        looked = "the sample" if self.sampled else "the data"
        for task, names in self.absent.items():
            if names:
                lines += ["", f"{len(names)} {task} classes occur nowhere in {looked}: {', '.join(names)}"]
        lines += ["", "Training may start." if self.ok else f"{self.root} is not ready for training."]
        return "\n".join(lines)


def check(
    root: str | Path,
    sample: int | None = None,
    workers: int = -1,
    tasks: Sequence[str] = TASKS,
    cache: str | Path | None = None,
    progress: bool | None = None,
) -> CheckResult:
    """Read every record of both splits the way training does, and note whatever is wrong.

    Args:
        root: the data folder, as for `BrodenPlus`.
        sample: look at this many records of each source only, spread evenly.
        workers: processes, -1 for one per core.
        tasks: sources without any of these labels are left out.
        cache: the folder that holds ``prepared``, ``root`` by default.
        progress: False hides the bar; by default it shows in a terminal.

    Returns:
        the findings; printed, they are a table, examples, and the places where missing pieces are published.
        ``ok`` tells whether training may start.
    """
    root = Path(root)
    result = CheckResult(root, sampled=sample is not None)
    try:
        vocabulary = Vocabulary.from_folder(root / "meta_file" / "joint_dataset")
        sources = Sources(root, (), vocabulary, Path(cache or root))
    except BrodenError as error:
        result.add("metadata", error.problem, str(error))
        return result
    names = [name for name in sources_of(tuple(tasks)) if name in MAP_TASKS]
    records = [record for name in names for record in _open(sources, name, sample, result)]
    seen = {task: np.zeros(len(vocabulary.names(task)), dtype=bool) for task in TASKS}
    labelled: set[str] = set()
    for record, outcome in map_records(_read, sources, records, workers, "check", progress):
        if isinstance(outcome, BrodenError):
            result.add(record.source, outcome.problem, str(outcome))
        else:
            labelled.update(SOURCE_TASKS[record.source])
            for task, labels in outcome.items():
                seen[task][labels] = True
    for task in (task for task in TASKS if task in labelled):
        names = vocabulary.names(task)
        result.absent[task] = [name for name, there in zip(names, seen[task], strict=True) if not there and name != "-"]
    return result


def _open(sources: Sources, name: str, sample: int | None, result: CheckResult) -> list[Record]:
    """Open one source and its lists; where that fails, note it for all of the source's records."""
    listed: list[Record] = []
    try:
        listed = [record for split in SPLITS for record in read_records(sources.root / "meta_file", split, (name,))]
        sources.open(name)
        repeated = [index for index, count in Counter(record.index for record in listed).items() if count > 1]
        if repeated:
            raise BrodenError(
                f"the train and val lists of {name} share file_index {repeated[0]}; copy both again, or the scores "
                "would be of images trained on."
            )
        # PASCAL's records count positions in a folder: one file less or more shifts all that follow.
        entries, expected = len(sources.readers[name]), max((record.index for record in listed), default=-1) + 1
        if name == "pascal" and entries != expected:
            raise BrodenError(
                f"{sources.root / 'pascal/part/Annotations_Part'} holds {entries} .mat files where the lists count "
                f"{expected}; restore exactly those of {pascal.PART}."
            )
    except BrodenError as error:
        result.records[name] += len(listed)
        result.add(name, error.problem, str(error), count=max(len(listed), 1))
        return []
    if sample is not None:
        listed = [listed[i] for i in np.linspace(0, len(listed) - 1, min(sample, len(listed))).round().astype(int)]
    result.records[name] += len(listed)
    return listed


def _read(sources: Sources, record: Record) -> dict[str, list[int]]:
    """Read one record's labels as training does and see that its photograph is whole; give the labels that occur."""
    sources.check_image(record)
    labels = {task: np.flatnonzero(np.bincount(m.ravel())).tolist() for task, m in sources.maps(record).items()}
    return labels | {task: [label] for task, label in sources.label(record).items() if label >= 0}
