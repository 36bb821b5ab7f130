"""`dgmlib broden check`: whether the data are complete and sound, and where missing pieces are published."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from dgmlib.labels import NO_PART, class_names
from dgmlib.paths import write_atomic
from dgmlib.vocabulary import TASKS

from .files import META, BrodenError, WrongSizeError
from .sampling import evenly
from .source import Record, Source, all_records
from .sources import SOURCES, Sources, labelled_for
from .workers import map_records

PROBLEMS = ("missing", "unreadable", "wrong size", "out of range", "bad list")
COLUMNS = ("source", "record", "file", "problem", "message")
SHOWN = 5  # messages printed per source and problem


@dataclass
class CheckResult:
    """Findings of `check`; printed as a table, examples, and the places where missing pieces are published.

    Attributes:
        root: the folder checked.
        sampled: whether only some of the records were checked.
        records: source -> number of records checked.
        problems: (source, problem) -> their number.
        rows: one dict per problem: its "source", "record" (the file_index; None if it concerns all of them), "file",
            "problem" and "message", one sentence that names the file and the remedy.
        hints: likely causes of frequent problems.
        absent: task -> names of the classes that occur in none of the records read; parts are counted per object.
    """

    root: Path
    sampled: bool
    records: Counter = field(default_factory=Counter)
    problems: Counter = field(default_factory=Counter)
    rows: list[dict] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    absent: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether training may start."""
        return not self.problems and bool(self.records)

    def add(self, source: str, error: BrodenError, count: int = 1, record: int | None = None, file: str = "") -> None:
        """Note a problem of ``count`` records, or of a single record and its file."""
        self.problems[source, error.problem] += count
        self.rows.append(dict(zip(COLUMNS, (source, record, file, error.problem, str(error)), strict=True)))

    def __str__(self) -> str:
        layout = "{:<8} {:>8} {:>8}" + " {:>12}" * len(PROBLEMS)
        lines = [layout.format("source", "records", "found", *PROBLEMS)]
        for source, total in self.records.items():
            counts = [self.problems[source, problem] for problem in PROBLEMS]
            lines.append(layout.format(source, total, max(total - sum(counts), 0), *counts))
        for (source, problem), count in self.problems.items():
            told = [row["message"] for row in self.rows if (row["source"], row["problem"]) == (source, problem)]
            lines += ["", f"{source}, {problem} ({count}):", *(f"  {message}" for message in told[:SHOWN])]
            if len(told) > SHOWN:
                lines.append(f"  and {len(told) - SHOWN} more; --report FILE lists all of them")
        for hint in self.hints:
            lines += ["", hint]
        for name in sorted({name for name, problem in self.problems if problem in ("missing", "unreadable")}):
            archives = SOURCES[name].archives if name in SOURCES else (META,)
            lines += ["", f"{name} is published at:", *(f"  {archive}" for archive in archives)]
        looked = "the sample" if self.sampled else "the data"
        for task, names in self.absent.items():
            if names:
                lines += ["", f"{len(names)} {task} classes occur nowhere in {looked}: {', '.join(names)}"]
        return "\n".join([*lines, "", "Training may start." if self.ok else f"{self.root} is not ready for training."])


def check(
    root: str | Path,
    sample: int | None = None,
    workers: int = -1,
    tasks: Sequence[str] = TASKS,
    cache: str | Path | None = None,
    progress: bool | None = None,
    report: str | Path | None = None,
    scheduler: str = "",
) -> CheckResult:
    """Read every record of both splits as training does, and note every problem.

    Args:
        root: the data folder, as for `BrodenPlus`.
        sample: check only this many records of each source, spread evenly.
        workers: number of processes, -1 for one per core.
        tasks: sources without any of these labels are left out.
        cache: the folder that holds ``prepared``, ``root`` by default.
        progress: False hides the progress bar; by default it shows in a terminal.
        report: a csv file that lists every problem, see `CheckResult.rows`.
        scheduler: address of a Dask cluster that reads the records, see `dgmlib.cluster`.

    Returns:
        the findings, to be printed; ``ok`` tells whether training may start.

    Raises:
        FileNotFoundError: there is no folder ``root``.
        ValueError: if ``sample`` is less than 1, or there is no such task.
    """
    if sample is not None and sample < 1:
        raise ValueError(f"sample must be at least 1, not {sample}.")
    result = CheckResult(Path(root), sampled=sample is not None)
    try:
        sources = Sources(Path(root), cache)
    except BrodenError as error:
        result.add("metadata", error)
    else:
        records = [record for source in labelled_for(tasks) for record in _open(sources, source, sample, result)]
        seen: dict[str, set[str]] = defaultdict(set)
        misfits: Counter = Counter()
        for record, outcome in map_records(_read, sources, records, workers, "check", progress, scheduler):
            if isinstance(outcome, BrodenError):
                result.add(record.source, outcome, record=record.index, file=_file(sources, record, str(outcome)))
                misfits[record.source] += type(outcome) is WrongSizeError  # and not one that `prepare` fixes
            else:
                for task in SOURCES[record.source].tasks:
                    seen[task].update(outcome.get(task, ()))
        for name, count in misfits.items():
            if SOURCES[name].misfit_hint and count > result.records[name] / 10:
                result.hints.append(
                    f"{count} of {result.records[name]} photographs of {name} have another size than their records: "
                    f"{SOURCES[name].misfit_hint}."
                )
        for task in (task for task in TASKS if task in seen):
            passed = seen[task] | {"-", NO_PART}
            result.absent[task] = [name for name in class_names(sources.vocabulary, task) if name not in passed]
    if report is not None:
        table = pd.DataFrame(result.rows, columns=COLUMNS).astype({"record": "Int64"})
        with write_atomic(report) as temporary:
            table.to_csv(temporary, index=False)
    return result


def _open(sources: Sources, source: type[Source], sample: int | None, result: CheckResult) -> list[Record]:
    """Open one source and its lists; if that fails, note it for all of the source's records."""
    listed: list[Record] = []
    try:
        listed = all_records(sources.meta, source)
        sources.open(source)
        repeated = [index for index, count in Counter(record.index for record in listed).items() if count > 1]
        if repeated:
            raise BrodenError(
                f"the train and val lists of {source.name} in {sources.meta} share file_index {repeated[0]}; copy both "
                "again, or the scores would be of images trained on."
            )
    except BrodenError as error:
        result.records[source.name] += len(listed)
        result.add(source.name, error, count=max(len(listed), 1))
        return []
    listed = [listed[i] for i in evenly(len(listed), sample)]
    result.records[source.name] += len(listed)
    return listed


def _read(sources: Sources, record: Record) -> dict[str, set[str]]:
    """Read one record as training does; return the names of the classes that occur, as in `class_names`."""
    sources.image(record)
    maps, words = sources.maps(record), sources.vocabulary
    found = {task: np.flatnonzero(np.bincount(labels.ravel())) for task, labels in maps.items() if task != "part"}
    found |= {task: [label] for task, label in sources.of(record).label(record).items() if label >= 0}
    seen = {task: {words.names(task)[label] for label in labels} for task, labels in found.items()}
    if "part" in maps:
        pairs = np.flatnonzero(np.bincount((maps["object"] * len(words.parts) + maps["part"]).ravel()))
        things, parts = divmod(pairs, len(words.parts))
        seen["part"] = {f"{words.objects[o]}: {words.parts[p]}" for o, p in zip(things, parts, strict=True)}
    return seen


def _file(sources: Sources, record: Record, message: str) -> str:
    """Find the file of a record that a message names."""
    try:
        source = sources.of(record)
        files = [source.image(record), *source.label_files(record), *sources.copies(record)]
    except Exception:  # the record itself is broken
        return ""
    return next((str(path) for path in files if str(path) in message), "")
