"""`dap-bridge bench`: which units a name stands for, and what is shown of their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from .. import atomic, console
from .. import presets as shelf
from ..errors import BadRequest
from .benchmarks import ablation as figures
from .benchmarks import boxes, denoise, speed, texture
from .benchmarks import watermark as shared
from .data.datasets import KINDS, Problem, demo, noisy_speech, recordings, trios, universal150, watermarks
from .data.synthetic import SOUNDS, SyntheticItem
from .methods.baselines import BASELINES
from .methods.texture_baselines import TEXTURE_BASELINES
from .report import blocks as report
from .report import summary
from .runner import Outcome, Unit, run
from .separations import Separation
from .store import Row, Store

P = TypeVar("P", bound=Problem)

# Items of each group whose spectrograms are kept for the report's pictures.
PICTURED = 2


@dataclass(frozen=True)
class Options:
    """What the command line says; see its help."""

    root: Path | None
    presets: tuple[str, ...] | None  # None: the benchmark's own choice
    baselines: tuple[str, ...]
    kinds: tuple[str, ...]
    limit: int | None
    jobs: int
    seed: int
    iterations: int | None
    device: str
    segan: Path | None = None

    def require_root(self, what: str) -> Path:
        if self.root is None:
            raise BadRequest(f"{what} are not part of the package.", "Name their folder with --root DIR.")
        return self.root


@dataclass(frozen=True)
class Bench:
    """units: what to measure; blocks: rows, folder -> the report; tables: rows -> what a page of prose takes up.

    baselines: what --baselines may name.
    """

    title: str
    units: Callable[[Options], Sequence[Unit]]
    blocks: Callable[[Sequence[Row], Path], Sequence[report.Block]] = summary.blocks
    tables: Callable[[Sequence[Row]], Sequence[report.Block]] = summary.tables
    baselines: Sequence[str] = tuple(BASELINES)
    # in one process, one after the other: what is measured is time
    alone: bool = False


def measure(
    name: str, out: Path, *, presets: Sequence[str], baselines: str, kinds: Sequence[str], **options: Any
) -> dict[str, Any]:
    """Run the benchmark `name`, write its report into out/NAME, and return a summary. Raises DapError.

    The options are those of the command line. Items that fail are named in the summary and tried again the next time.
    """
    bench = BENCHES[name]
    chosen = Options(
        presets=_presets(presets), baselines=_baselines(baselines, bench.baselines), kinds=_kinds(kinds), **options
    )
    units = bench.units(chosen)
    store = Store(_folder(out, name))
    with console.progress_bar(name) as show:
        outcome = run(units, store, 1 if bench.alone else chosen.jobs, show)
    rows = write_report(name, store)
    wanted = {unit.key for unit in units}
    return _summary(name, store, [row for row in rows if row["key"] in wanted], outcome)


def _presets(names: Sequence[str]) -> tuple[str, ...] | None:
    return () if tuple(names) == ("none",) else tuple(names) or None


def _baselines(text: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(known) if text == "all" else () if text == "none" else tuple(text.split(","))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadRequest(f"There is no baseline {unknown[0]!r}.", f"Baselines: all, none, {', '.join(known)}.")
    return names


def _kinds(names: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise BadRequest(f"There is no kind {unknown[0]!r}.", f"Kinds: {', '.join(KINDS)}.")
    return tuple(names) or KINDS


def _folder(out: Path, name: str) -> Path:
    folder = out.absolute() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_report(name: str, store: Store) -> list[Row]:
    """results.json, results.csv, report.md, report.html and pictures, from what the store holds."""
    rows = store.gather()
    if rows:
        report.write(store.folder, BENCHES[name].title, BENCHES[name].blocks(rows, store.folder))
    return rows


def report_all(out: Path, page: Path | None) -> dict[str, Any]:
    """Make every report under `out` again from cached results alone, and the tables of `page` with them."""
    found = [name for name in BENCHES if (out / name).is_dir()]
    if not found:
        raise BadRequest(f"{out} holds no results.", f"Expected folders {', '.join(BENCHES)}.")
    text = page.read_text(encoding="utf-8") if page else ""
    for name in found:
        rows = write_report(name, Store(out / name))
        if page and rows:
            text = report.fill(text, name, report.markdown(BENCHES[name].tables(rows)))
    if page:
        atomic.write_text(page, text)
    reports = [str(out / name / "report.html") for name in found]
    return {"reports": reports, "page": str(page) if page else None, "text": "\n".join(reports)}


def _summary(name: str, store: Store, rows: Sequence[Row], outcome: Outcome) -> dict[str, Any]:
    blocks = list(BENCHES[name].tables(rows)) if rows else []
    tables = [block for block in blocks if isinstance(block, report.Table)]
    page = store.folder / "report.html"
    counts = f"{outcome.finished} finished, {outcome.reused} were there: {page}"
    failures = "".join(f"\nFailed: {key}: {message}" for key, message in outcome.failed.items())
    return {
        "bench": name,
        "report": str(page),
        "results": str(store.folder / "results.json"),
        "finished": outcome.finished,
        "reused": outcome.reused,
        "failed": outcome.failed,
        "tables": [[dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables],
        "text": f"{report.markdown(blocks)}\n{counts}{failures}",
    }


def _scored(items: Sequence[Problem], options: Options, usual: Sequence[str] = ("default",)) -> list[Unit]:
    """Every method on every item; item by item, so that the time left can be told and a part is of use."""
    pictured = {item for group in _groups(items).values() for item in group[:PICTURED]}
    names = usual if options.presets is None else options.presets
    return [
        _separation(item, method, options, item in pictured)
        for item in items
        for method in (*names, *options.baselines)
    ]


def _separation(item: Problem, method: str, options: Options, pictured: bool) -> Separation:
    if method in BASELINES:
        return Separation(item, method, options.seed if BASELINES[method].seeded else 0, "cpu", pictured=pictured)
    # only the paper's fit takes so long that one may want less of it
    iterations = options.iterations if shelf.load(method).about.method == "paper" else None
    return Separation(item, method, options.seed, options.device, iterations, pictured)


def _groups(items: Sequence[P]) -> dict[str, list[P]]:
    groups: dict[str, list[P]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return groups


def _universal150(options: Options) -> list[Unit]:
    return _scored(universal150(options.require_root("The mixtures of Universal-150"))[: options.limit], options)


def _recordings(options: Options) -> list[Unit]:
    groups = _groups(recordings(options.require_root("The recordings"), options.kinds))
    return _scored([item for group in groups.values() for item in group[: options.limit]], options)


def _trios(options: Options) -> list[Unit]:
    options = replace(options, baselines=tuple(name for name in options.baselines if not BASELINES[name].halves))
    return _scored(trios(options.require_root("The sounds of Universal-150"))[: options.limit], options)


def _synthetic(options: Options) -> list[Unit]:
    usual = ("default",) if options.iterations is None else ("default", "paper")
    return _scored([SyntheticItem(name) for name in SOUNDS][: options.limit], options, usual)


def _fitted(options: Options) -> Sequence[Problem]:
    """What the paper's experiments are run on: one clip, for each is fitted several times over."""
    return [demo()] if options.root is None else universal150(options.root)[: options.limit or 1]


def _ablation(options: Options) -> list[Unit]:
    return [
        figures.Ablation(item, variant, preset, options.seed, options.device, options.iterations, pictured=True)
        for item in _fitted(options)
        for preset in options.presets or ("paper",)
        for variant in figures.VARIANTS
    ]


def _dynamics(options: Options) -> list[Unit]:
    return [
        figures.Dynamics(item, preset, options.seed, options.device, options.iterations)
        for item in _fitted(options)
        for preset in options.presets or ("paper",)
    ]


def _boxes(options: Options) -> list[Unit]:
    items = list(boxes.problems(options.require_root("Recordings with known sources")))[: options.limit]
    names = options.presets or ("default",)
    return [boxes.Drawn(item, name, options.seed, options.device) for item in items for name in names]


def _denoise(options: Options) -> list[Unit]:
    groups = _groups(noisy_speech(options.require_root("Noisy speech"))).values()
    return [
        unit
        for group in groups
        for unit in denoise.units(
            group[: options.limit],
            ("denoise",) if options.presets is None else options.presets,
            options.baselines,
            seed=options.seed,
            device=options.device,
            weights=options.segan,
            pictured=group[:PICTURED],
        )
    ]


def _watermark(options: Options) -> list[Unit]:
    items = watermarks(options.require_root("Clips that share a sound"))[: options.limit]
    return [
        shared.Coseparated(item, preset, clips, options.seed, options.device, moved)
        for item in items
        for preset in options.presets or ("coseparate",)
        for clips in sorted({2, len(item.mixtures)})
        for moved in (False, True)
    ]


def _speed(options: Options) -> list[Unit]:
    names = options.presets or ("default", "draft")
    seed, device = options.seed, options.device
    return [
        *(speed.Elapsed(preset, seed, device) for preset in names),
        speed.Iteration("paper", options.iterations or speed.TIMED, seed, device),
        *(speed.Length(names[0], seconds, seed, device) for seconds in speed.LENGTHS_S[: options.limit]),
    ]


def _texture(options: Options) -> list[Unit]:
    methods = [*(options.presets or ("texture",)), *options.baselines]
    items = texture.textures(options.require_root("The textures"))[: options.limit]
    return [texture.TextureUnit(item, method, options.seed, options.device) for item in items for method in methods]


BENCHES: dict[str, Bench] = {
    "universal150": Bench("Universal-150: two-source mixtures", _universal150),
    "recordings": Bench("Real recordings", _recordings),
    "trios": Bench("Mixtures of three sounds", _trios),
    "synthetic": Bench("Synthetic sounds (Fig. 2)", _synthetic, summary.blocks_by_source, summary.tables_by_source),
    "ablation": Bench("Ablations of the noise and of the mask (Figs. 8 and 9)", _ablation),
    "dynamics": Bench("A fit as it unfolds (Fig. 11)", _dynamics, figures.dynamics_blocks, figures.dynamics_tables),
    "texture": Bench("Textures (Fig. 6)", _texture, texture.blocks, texture.tables, tuple(TEXTURE_BASELINES)),
    "boxes": Bench("Boxes by a simulated user", _boxes, boxes.blocks, boxes.tables),
    "denoise": Bench("Noisy speech (Fig. 4)", _denoise, denoise.blocks, denoise.tables, denoise.METHODS),
    "watermark": Bench("Clips that share a sound (Fig. 7)", _watermark),
    "speed": Bench("Speed", _speed, speed.blocks, speed.tables, alone=True),
}
