"""Every error a person may meet: a code for scripts, one sentence, one hint."""

from __future__ import annotations

import errno
from collections.abc import Mapping


class DapError(Exception):
    """Something that was not foreseen.

    The root of the tree. `code` is stable and for scripts; `message` and `hint` are for a person.
    """

    code = "internal"
    default_hint = "Run `dap-bridge doctor`, and report this with its output if it persists."

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}


class BadRequest(DapError):
    """The request itself is malformed: unknown verb or field, wrong type, value out of limits."""

    code = "bad_request"
    default_hint = "See docs/protocol.md for the fields of each verb."


class UnknownJob(DapError):
    """No job of that name is known, or no longer."""

    code = "unknown_job"
    default_hint = "Ask `status` for the jobs the daemon knows."


class UnknownSession(DapError):
    """No result of that name, or in that place, is known that could be corrected."""

    code = "unknown_session"
    default_hint = "`dap-bridge sessions` lists those that can be corrected; a manifest.json can be named as well."


class JobConflict(DapError):
    """A job id that is already taken by a different request."""

    code = "job_conflict"
    default_hint = "Send a new job id; a repeated id is only answered when the request is the same."


class BadPreset(DapError):
    """The preset does not exist, or its file is wrong."""

    code = "bad_preset"
    default_hint = "`dap-bridge presets` lists the presets that can be used."


class ClipUnreadable(DapError):
    """The file is missing, not audio, or damaged."""

    code = "clip_unreadable"
    default_hint = "Check the path; wav, flac, aiff, ogg and mp3 can be read, and much else where ffmpeg is installed."


class UploadRefused(DapError):
    """A file that was uploaded is not taken: too large, no audio, or of a name that no file can have."""

    code = "upload_refused"
    default_hint = "Choose an audio file."


class UnknownUpload(DapError):
    """No uploaded file of that name is there, or no longer."""

    code = "unknown_upload"
    default_hint = "Upload the file again: it goes with the last of its results."


class BadClip(DapError):
    """The file can be read, but the stretch asked for cannot be separated (out of range, not finite, wrong rate)."""

    code = "bad_clip"
    default_hint = "Choose a stretch inside the file."


class OutputUnwritable(DapError):
    """The folder cannot be written, or holds results already."""

    code = "output_unwritable"
    default_hint = "Choose another folder: results are never written over what is there."

    @classmethod
    def because(cls, place: object, reason: object) -> OutputUnwritable:
        """Nothing can be written in `place`, in the system's words where it has said why."""
        code = (isinstance(reason, OSError) and reason.errno) or 0
        words = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason).rstrip(".")
        return cls(f"Nothing can be written in {place}: {words}.", _REMEDIES.get(code, "Choose another folder."))


_FULL = "Make room on that disk, or choose a folder on another one."
_GONE = "The folder is gone, or its disk was taken out: choose another one."
_FORBIDDEN = "Choose a folder that you may write to; on the command line: --out FOLDER."
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "A file may not be as large there (the disk's format, or a limit: ulimit -f): choose another folder.",
    errno.EROFS: _FORBIDDEN,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENAMETOOLONG: "Choose a folder with a shorter path.",
    errno.ENOENT: _GONE,
    errno.ENOTDIR: _GONE,
    errno.ESTALE: _GONE,
}


class DeviceUnavailable(DapError):
    """The device that was asked for cannot be used."""

    code = "device_unavailable"
    default_hint = "Use --device auto; `dap-bridge doctor` says why a GPU cannot be used."


class OutOfMemory(DapError):
    """The job needs more memory than there is."""

    code = "out_of_memory"
    default_hint = "Close other programs, or choose a preset with shorter chunks."


class Diverged(DapError):
    """The computation gave values that are no numbers; nothing of them was kept."""

    code = "diverged"
    default_hint = "Try another seed or preset, or --device cpu."


class WorkerDied(DapError):
    """The worker process ended without an answer (killed, crashed in a library)."""

    code = "worker_died"
    default_hint = "Send the job again; if it fails again, try --device cpu and look at the daemon's log."


class WorkerStuck(DapError):
    """The worker process gave no sign of life for so long that it was ended."""

    code = "worker_stuck"
    default_hint = "See that the clip's drive and the GPU answer, and send the job again; `stall_s` sets the limit."


class WorkersUnreachable(DapError):
    """The cluster of the setting `workers` does not answer, does not let this machine in, or has no worker for it."""

    code = "workers_unreachable"
    default_hint = "See that its scheduler and workers run, and the certificates (docs/cluster.md)."


class WorkerRefused(DapError):
    """A worker of the cluster is given no jobs: it would compute something else than this machine, or cannot."""

    code = "worker_refused"
    default_hint = "docs/cluster.md says how a worker is started."


class StoreUnavailable(DapError):
    """The table of jobs cannot be read or written for now (locked by another program, disk full)."""

    code = "store_unavailable"
    default_hint = "Nothing was done: send it again in a moment, and look for a full disk if it persists."


class DaemonUnreachable(DapError):
    """No daemon answers."""

    code = "daemon_unreachable"
    default_hint = "Start it with `dap-bridge serve`."


class BadSettings(DapError):
    """A flag, an environment variable or the configuration file holds a value that cannot be used."""

    code = "bad_settings"
    default_hint = "See `dap-bridge serve --help`."


class AlreadyRunning(DapError):
    """Another daemon uses the same folder."""

    code = "already_running"
    default_hint = "Use the running one, or give this one folders of its own: --data DIR --spool DIR."


class PortTaken(DapError):
    """The port is in use by another program."""

    code = "port_taken"
    default_hint = "Choose another port with --osc-port."


class Forbidden(DapError):
    """A request over HTTP that did not come from the page that the daemon opened, or over OSC without its key."""

    code = "forbidden"
    default_hint = "Open the page anew, with the address that `dap-bridge edit` gives; over OSC, send the key."


class MissingExtra(DapError):
    """A command needs an optional dependency that is not installed."""

    code = "missing_extra"
    default_hint = 'Install it with: pip install "dap-bridge[bench]"'


class InstallFailed(DapError):
    """A host's folder cannot be found or written."""

    code = "install_failed"
    default_hint = "Name the folder: --resource-path DIR."


class HostUnreachable(DapError):
    """A host that is to receive stems does not answer."""

    code = "host_unreachable"
    default_hint = "Start it, close its dialogs, and see that its scripting is switched on (docs/audacity.md)."


class HostRefused(DapError):
    """A host did not do what it was asked to, or a result is of no use to it."""

    code = "host_refused"
    default_hint = "Import the stems by hand."


def restored(said: Mapping[str, str]) -> DapError:
    """The error that said so of itself by `as_dict`."""
    kinds = {kind.code: kind for kind in DapError.__subclasses__()}
    return kinds.get(said["code"], DapError)(said["message"], said["hint"])


class Cancelled(Exception):
    """Raised inside a job when the user asked for it to stop."""
