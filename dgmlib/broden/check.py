"""`dgmlib broden check`: whether the data are complete and sound, and where missing pieces are published."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from dgmlib.paths import write_atomic
from dgmlib.vocabulary import TASKS, Vocabulary

from . import ade20k, dtd, opensurfaces, pascal
from .files import META, BrodenError, NotResizedError, WrongSizeError
from .parallel import map_records
from .records import SOURCE_TASKS, SPLITS, Record, read_records, sources_of
from .sources import MAP_TASKS, Sources
from .vocabulary import read_vocabulary

PROBLEMS = ("missing", "unreadable", "wrong size", "out of range", "bad list")
ARCHIVES = {
    "ade20k": (ade20k.ARCHIVE,),
    "pascal": (pascal.VOC, pascal.PART, pascal.CONTEXT),
    "os": (opensurfaces.ARCHIVE,),
    "dtd": (dtd.ARCHIVE,),
}
SHOWN = 5  # messages printed per source and problem


@dataclass
class CheckResult:
    """What `check` found.

    Attributes:
        root: the folder checked.
        records: source -> records looked at.
        problems: (source, problem) -> their number.
        rows: one dict per problem: its "source", "record" (the file_index; none where it concerns all of them), "file",
            "problem" and "message", one sentence that names the file and the remedy.
        hints: what many problems together may mean.
        absent: task -> names of the classes that occur in none of the records read; a part counts on its own object.
        sampled: whether only a part of the records was looked at.
    """

    root: Path
    records: Counter = field(default_factory=Counter)
    problems: Counter = field(default_factory=Counter)
    rows: list[dict] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    absent: dict[str, list[str]] = field(default_factory=dict)
    sampled: bool = False

    @property
    def ok(self) -> bool:
        """Whether training may start."""
        return not self.problems and bool(self.records)

    def add(self, source: str, error: BrodenError, count: int = 1, record: int | None = None, file: str = "") -> None:
        """Note a problem of ``count`` records, or of a single one and its file."""
        self.problems[source, error.problem] += count
        self.rows.append(
            {"source": source, "record": record, "file": file, "problem": error.problem, "message": str(error)}
        )

    def write(self, path: str | Path) -> None:
        """Write every problem into a csv table."""
        table = pd.DataFrame(self.rows, columns=["source", "record", "file", "problem", "message"])
        with write_atomic(path) as temporary:
            table.astype({"record": "Int64"}).to_csv(temporary, index=False)

    def __str__(self) -> str:
        lines = [f"{'source':<8} {'records':>8} {'found':>8}" + "".join(f" {problem:>12}" for problem in PROBLEMS)]
        for source, total in self.records.items():
            counts = [self.problems[source, problem] for problem in PROBLEMS]
            found = max(total - sum(counts), 0)
            lines.append(f"{source:<8} {total:>8} {found:>8}" + "".join(f" {count:>12}" for count in counts))
        for source, problem in self.problems:
            told = [row["message"] for row in self.rows if (row["source"], row["problem"]) == (source, problem)]
            lines += ["", f"{source}, {problem} ({self.problems[source, problem]}):", *(f"  {m}" for m in told[:SHOWN])]
            if len(told) > SHOWN:
                lines.append(f"  and {len(told) - SHOWN} more; --report FILE lists all of them")
        for hint in self.hints:
            lines += ["", hint]
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
    report: str | Path | None = None,
) -> CheckResult:
    """Read every record of both splits the way training does, and note whatever is wrong.

    Args:
        root: the data folder, as for `BrodenPlus`.
        sample: look at this many records of each source only, spread evenly.
        workers: processes, -1 for one per core.
        tasks: sources without any of these labels are left out.
        cache: the folder that holds ``prepared``, ``root`` by default.
        progress: False hides the bar; by default it shows in a terminal.
        report: a csv file for every problem, see `CheckResult.rows`.

    Returns:
        the findings; printed, they are a table, examples, and the places where missing pieces are published.
        ``ok`` tells whether training may start.
    """
    if sample is not None and sample < 1:
        raise ValueError(f"sample must be at least 1, not {sample}.")
    result = CheckResult(Path(root), sampled=sample is not None)
    _check(result, sample, workers, tasks, Path(cache or root), progress)
    if report is not None:
        result.write(report)
    return result


def _check(
    result: CheckResult, sample: int | None, workers: int, tasks: Sequence[str], cache: Path, progress: bool | None
) -> None:
    root = result.root
    try:
        vocabulary = read_vocabulary(root / "meta_file" / "joint_dataset")
        sources = Sources(root, (), vocabulary, cache)
    except BrodenError as error:
        result.add("metadata", error)
        return
    names = [name for name in sources_of(tuple(tasks)) if name in MAP_TASKS]
    records = [record for name in names for record in _open(sources, name, sample, result)]
    seen: dict[str, set[int]] = {}
    misfits = 0
    for record, outcome in map_records(_read, sources, records, workers, "check", progress):
        if isinstance(outcome, BrodenError):
            result.add(record.source, outcome, record=record.index, file=_file(sources, record, str(outcome)))
            stray = isinstance(outcome, WrongSizeError) and not isinstance(outcome, NotResizedError)
            misfits += stray and record.source == "os"
        else:
            for task in SOURCE_TASKS[record.source]:
                seen.setdefault(task, set()).update(outcome.get(task, ()))
    if misfits > result.records["os"] / 10:
        result.hints.append(
            f"{misfits} of {result.records['os']} photographs of os have another size than their records: "
            "photos.csv, whose rows the records count, is perhaps sorted differently from UPerNet's."
        )
    for task in (task for task in TASKS if task in seen):
        result.absent[task] = [name for label, name in _classes(vocabulary, task).items() if label not in seen[task]]


def _classes(vocabulary: Vocabulary, task: str) -> dict[int, str]:
    """Name the labels that `_read` may give."""
    if task != "part":
        return {label: name for label, name in enumerate(vocabulary.names(task)) if name != "-"}
    return {
        thing * len(vocabulary.parts) + part: f"{vocabulary.parts[part]} of {vocabulary.objects[thing]}"
        for thing, parts in vocabulary.object_parts.items()
        for part in parts[1:]
    }


def _file(sources: Sources, record: Record, message: str) -> str:
    """Find which of a record's files a message speaks of."""
    try:
        files = sources.files(record)
    except Exception:  # the record itself is what is wrong
        return ""
    return next((str(path) for path in files if str(path) in message), "")


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
    except BrodenError as error:
        result.records[name] += len(listed)
        result.add(name, error, count=max(len(listed), 1))
        return []
    if sample is not None:
        listed = [listed[i] for i in np.linspace(0, len(listed) - 1, min(sample, len(listed))).round().astype(int)]
    result.records[name] += len(listed)
    return listed


def _read(sources: Sources, record: Record) -> dict[str, list[int]]:
    """Read one record's labels as training does and see that its photograph is whole; give the labels that occur.

    A part comes as its number within all pairs of an object and a part, for it counts on its own object only.
    """
    sources.check_image(record)
    maps = sources.maps(record)
    if "part" in maps:
        maps["part"] = maps["object"] * len(sources.vocabulary.parts) + maps["part"]
    labels = {task: np.flatnonzero(np.bincount(m.ravel())).tolist() for task, m in maps.items()}
    return labels | {task: [label] for task, label in sources.label(record).items() if label >= 0}
