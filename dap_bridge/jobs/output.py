"""A job's results on their way to the user's folder: staged out of sight, published together, or removed without trace.

A ledger tells of everything that the job makes, so that whoever survives a killed worker can undo it. Only what the
ledger proves to be the job's own is ever removed, nothing by its name alone: the stage by a token that lies in it; a
file in its place by its identity; a folder made on the way by the stage or the file that it leads to, and only once
nothing else lies in it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from .. import atomic
from ..errors import OutputUnwritable

log = logging.getLogger(__name__)

STAGE_PREFIX = ".dap-"
# In the stage: whose it is.
TOKEN = ".job"
# Whoever refused to write says why when so many bytes more are to be written.
PROBE_BYTES = 1 << 20
# A result may be written to by the group that may write to the clip, and by nobody else.
MOST_OPEN, PRIVATE, PRIVATE_FOLDER = 0o664, 0o600, 0o700


@dataclass
class _Ledger:
    """stage, token: the stage, and what lies in it as TOKEN. made: folders that did not exist, the outermost first;
    placed: files on their way out of the stage, each path with the identity of its file.
    """

    stage: str = ""
    token: str = ""
    made: list[str] = field(default_factory=list)
    placed: dict[str, list[int]] = field(default_factory=dict)


_LEDGER = TypeAdapter(_Ledger)


class Output:
    """The results of one job.

    ```
    stage = output.stage(folder, job, ["stem-1.wav", "manifest.json"])   # write files and folders into `stage`
    manifest = output.publish(last="manifest.json")                      # all of it appears in `folder`
    ```
    """

    def __init__(self, ledger: Path) -> None:
        self._path = ledger
        self._ledger: _Ledger | None = None

    def stage(self, folder: Path, job: str, names: Iterable[str] = ()) -> Path:
        """Make `folder` if need be, and a new hidden one in it that holds the results until they are complete.

        Raises OutputUnwritable where the folder cannot be written, or already holds one of `names`, a folder of results
        or a file.
        """
        folder = Path(os.path.normpath(folder.absolute()))
        stage = folder / f"{STAGE_PREFIX}{secrets.token_hex(8)}"
        self._ledger = ledger = _Ledger(str(stage), f"{job} {secrets.token_hex(16)}")
        try:
            _require_free(folder, names)
            self._make(stage, ledger)
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError):
                raise OutputUnwritable.because(folder, error) from error
            raise
        return stage

    def publish(self, last: str, like: Sequence[Path] = ()) -> Path:
        """Move everything staged into the folder, `last` after all others; returns its path there.

        What lies in a folder of the stage gets one of that name, a new one. The results can be read by whoever can read
        all of `like`, the files that they were made from; without any, by the user alone. Raises OutputUnwritable where
        a name has been taken meanwhile; nothing is left behind then.
        """
        ledger = self._read()
        stage = Path(ledger.stage)
        folder = stage.parent
        try:
            files, folders = _staged(stage)
            names = sorted(files, key=lambda name: (name == last, name))
            for name in names:
                _settle(stage / name, like)
            ledger.placed = {str(folder / name): _identity(stage / name) for name in names}
            self._make_within([folder / name for name in folders], ledger)
            for made in ledger.made:
                _open_folder(Path(made), stage / last)
            for name in names:
                _place(stage / name, folder / name)
        except OSError as error:
            self.discard()
            raise OutputUnwritable.because(folder, error) from error
        except OutputUnwritable:
            self.discard()
            raise
        for place in (folder, *(folder / name for name in folders)):
            atomic.flush_folder(place)
        _remove_stage(ledger)
        return folder / last

    def published(self) -> Path | None:
        """What `publish` returned, or would have, to whoever was ended in it: the last file, which is in its place."""
        last = next(reversed(self._read().placed.items()), None)
        if last is None:
            return None
        with contextlib.suppress(OSError):
            if _identity(Path(last[0])) == last[1]:
                return Path(last[0])
        return None

    def discard(self) -> None:
        """Remove everything the job has made, published or not. What the job did not make stays."""
        _undo(self._read())
        self.keep()

    def keep(self) -> None:
        """The results are the user's from now on; the stage goes where who published them did not come to that."""
        _remove_stage(self._read())
        self._ledger = None
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", self._path, error)

    def _read(self) -> _Ledger:
        lost = "a hidden folder of the job's may be left where its results were to go"
        return self._ledger or atomic.read_json(self._path, _LEDGER.validate_python, lost) or _Ledger()

    def _make(self, stage: Path, ledger: _Ledger) -> None:
        """Make the stage and the folders around it that are missing. The ledger tells of each before it is there.

        Raises OSError or OutputUnwritable, and has made nothing then.
        """
        folder, made = stage.parent, list[Path]()
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        ledger.made = [str(path) for path in reversed(missing)]
        self._write(ledger)
        try:
            for path in reversed(missing):
                try:
                    path.mkdir(PRIVATE_FOLDER)
                    made.append(path)
                except FileExistsError:  # somebody else has made it meanwhile
                    if not path.is_dir():
                        raise
            if len(made) < len(missing):
                ledger.made = [str(path) for path in made]
                self._write(ledger)
            stage.mkdir(PRIVATE_FOLDER)
            made.append(stage)
            (stage / TOKEN).write_text(ledger.token, encoding="utf-8")
        except BaseException:
            if stage in made:
                (stage / TOKEN).unlink(missing_ok=True)
            _remove_empty(made)
            raise

    def _make_within(self, folders: Sequence[Path], ledger: _Ledger) -> None:
        """Make folders for results. The ledger tells of each before it is there. Raises OSError or OutputUnwritable."""
        around = list(ledger.made)
        ledger.made = [*around, *map(str, folders)]
        self._write(ledger)
        for count, path in enumerate(folders):
            try:
                path.mkdir(PRIVATE_FOLDER)
            except FileExistsError as error:  # somebody else's: it is not replaced, and stays
                ledger.made = [*around, *map(str, folders[:count])]
                self._write(ledger)
                raise _taken(path) from error

    def _write(self, ledger: _Ledger) -> None:
        try:
            atomic.write_json(self._path, asdict(ledger))
        except OSError as error:
            raise OutputUnwritable.because(self._path.parent, error) from error


def refusal(folder: Path) -> OSError | None:
    """Why nothing more can be written in `folder`, in files that are there or new ones; found by trying."""
    try:
        for path in (*folder.iterdir(), folder / "probe"):
            if path.name != TOKEN and not path.is_dir():
                with path.open("ab") as file:
                    file.write(bytes(PROBE_BYTES))
                    atomic.flush(file)
    except OSError as reason:
        return reason
    return None


def _require_free(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if os.path.lexists(folder / name):
            raise _taken(folder / name)


def _taken(path: Path) -> OutputUnwritable:
    kind = "a link of that name" if path.is_symlink() else "it"
    return OutputUnwritable(f"{path.parent} already holds {path.name}: {kind} is not replaced.")


def _staged(stage: Path) -> tuple[list[str], list[str]]:
    """The names of the files in a stage, those in its folders with the folder before, and of these folders."""
    folders = sorted(path.name for path in stage.iterdir() if path.is_dir())
    inside = [path for place in (stage, *(stage / name for name in folders)) for path in place.iterdir()]
    files = [path.relative_to(stage).as_posix() for path in inside if not path.is_dir() and path != stage / TOKEN]
    return files, folders


def _settle(path: Path, like: Sequence[Path]) -> None:
    """Give a result its permissions, and have it on disk. Raises OSError."""
    with contextlib.suppress(OSError):  # a file system without permissions
        path.chmod(_mode(like, path.stat().st_gid))
    with path.open("rb+") as file:
        atomic.flush(file)


def _mode(like: Sequence[Path], group: int) -> int:
    """Permissions of a file of `group` that is as open as all of `like` are."""
    mode = MOST_OPEN if like else PRIVATE
    for path in like:
        try:
            status = path.stat()
        except OSError:  # nobody can say any more
            return PRIVATE
        bits = status.st_mode
        if status.st_gid != group:
            # others over there may be the group here: both get what both have
            both = bits & bits >> 3 & 0o7
            bits = both << 3 | both
        mode &= bits
    return mode | PRIVATE


def _open_folder(folder: Path, result: Path) -> None:
    """Let those into a folder that the job made who can read the result."""
    readable = result.stat().st_mode & 0o044
    with contextlib.suppress(OSError):  # a file system without permissions
        folder.chmod(PRIVATE_FOLDER | readable | readable >> 2)


def _place(source: Path, target: Path) -> None:
    """Move a file to a name in the same file system that is free. Raises OutputUnwritable where it is not, OSError."""
    try:
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: take the name first, then replace one's own
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
            try:
                source.replace(target)
            except OSError:
                target.unlink()
                raise
        else:
            source.unlink()
    except FileExistsError as error:
        raise _taken(target) from error


def _undo(ledger: _Ledger) -> None:
    removed = [_remove(Path(name), identity) for name, identity in ledger.placed.items()]
    removed.append(_remove_stage(ledger))
    if any(removed):  # the folders lead to what was the job's own
        _remove_empty([Path(name) for name in ledger.made])


def _remove(path: Path, identity: list[int]) -> bool:
    """Remove a file, unless it is another one by now; whether it was."""
    try:
        if _identity(path) == identity:
            path.unlink()
            return True
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s cannot be removed: %s", path, error)
    return False


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders that nothing lies in, the innermost first; they are named the outermost first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):  # gone, or something else lies in it by now
            folder.rmdir()


def _identity(path: Path) -> list[int]:
    """Another one for every file, and once a file was written to: inode, which may be given again, size and time.

    Without the device's number, for a drive that is mounted again may be given another.
    """
    status = path.lstat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _remove_stage(ledger: _Ledger) -> bool:
    """Remove the stage and the files in it, if the token in it is the ledger's; no link is followed on the way.

    Of a token that was being written when its writer was ended there is a beginning, and nothing else. Whether it was
    removed.
    """
    stage = Path(ledger.stage)
    if not stage.name.startswith(STAGE_PREFIX):
        return False
    try:
        with _entered(stage) as at:
            with os.scandir(stage if at is None else at) as entries:
                names = [entry.name for entry in entries]
            token = _token(stage, at)
            if token == ledger.token or (names == [TOKEN] and ledger.token.startswith(token or "")):
                # the token last: whoever has to go on from here needs it
                for name in sorted(names, key=TOKEN.__eq__):
                    _remove_staged(stage / name, at)
        stage.rmdir()
        return True
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s cannot be removed: %s", stage, error)
    return False


def _remove_staged(path: Path, at: int | None) -> None:
    """Remove what lies in a stage, a file or a folder of files; at: the stage's handle, as `_entered` has it."""
    name = path if at is None else path.name
    if stat.S_ISDIR(os.lstat(name, dir_fd=at).st_mode):
        shutil.rmtree(name, dir_fd=at)
    else:
        os.unlink(name, dir_fd=at)


@contextlib.contextmanager
def _entered(folder: Path) -> Iterator[int | None]:
    """A handle of the folder, which stays the same folder whatever becomes of its name; None on Windows."""
    if os.unlink not in os.supports_dir_fd:
        if folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        yield None
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


def _token(stage: Path, at: int | None) -> str | None:
    try:
        handle = os.open(stage / TOKEN if at is None else TOKEN, os.O_RDONLY, dir_fd=at)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
        return file.read()
