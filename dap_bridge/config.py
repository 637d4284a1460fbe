"""The daemon's settings: defaults < configuration file < environment (DAP_BRIDGE_*) < flags, read once at start."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from . import atomic
from .errors import BadSettings
from .messages import breach

APP = "dap-bridge"
ENV_PREFIX = "DAP_BRIDGE_"
# Whatever the daemon reads it reads on behalf of the user it runs as: no other machine may ask.
LOOPBACK = "127.0.0.1"

# What `workers` may be.
WORKERS = r"^(?:[1-9][0-9]{0,2}|dask:local:[1-9][0-9]{0,2}|dask:(?:tcp|tls)://[^\s/]+:[0-9]{1,5})$"

_DAMAGE = (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError)

Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
File = Folder
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Shared(NamedTuple):
    """A folder that a cluster's workers see, too. here: where it is on this machine; there: on theirs, whose system may
    be another.
    """

    here: Path
    there: str

    @classmethod
    def of(cls, text: object) -> Shared:
        """Of HERE=THERE, or of HERE where both are the same. Raises ValueError."""
        first, _, second = str(text).partition("=")
        here = Path(first).expanduser()
        there = second or str(here)
        if not here.is_absolute():
            raise ValueError(f"the path {first!r} must be absolute")
        if not (PurePosixPath(there).is_absolute() or PureWindowsPath(there).is_absolute()):
            raise ValueError(f"the path {there!r} must be absolute")
        return cls(here, there)


def _listed(value: object) -> object:
    """A text, as a variable of the environment is, means several in the way of PATH."""
    return [one for one in value.split(os.pathsep) if one] if isinstance(value, str) else value


def config_file() -> Path:
    """Where the configuration file is looked for; DAP_BRIDGE_CONFIG names another one."""
    named = os.environ.get(f"{ENV_PREFIX}CONFIG")
    return Path(named) if named else platformdirs.user_config_path(APP) / "config.toml"


def default_spool() -> Path:
    """In the home folder itself, the one place that a host's script finds without help and that sandboxes share."""
    return Path.home() / ".dap-bridge" / "spool"


class Settings(BaseSettings):
    """Everything that may be set; `load` reads it."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)
    osc_host: ClassVar[str] = LOOPBACK

    osc_port: Annotated[int, Field(ge=0, le=65535, description="UDP port; 0 takes a free one.")] = 9377
    http_port: Annotated[
        int,
        Field(ge=0, le=65535, description="TCP port of the mask editor; 0 takes the one of last time, or a free one."),
    ] = 0
    open_osc: Annotated[
        bool,
        Field(
            description="Serve OSC messages without a key: any program of any user of this machine may then have this "
            "user's files read, and folders written."
        ),
    ] = False
    spool: Annotated[Folder, Field(description="Drop folder: inbox, outbox, rejected, daemon.status.")] = Field(
        default_factory=default_spool
    )
    data: Annotated[Folder, Field(description="Jobs, and results of jobs that name no folder.")] = Field(
        default_factory=lambda: platformdirs.user_data_path(APP)
    )
    presets_dir: Annotated[Folder | None, Field(description="A folder of further presets.")] = None
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="What `auto` jobs run on.")] = "auto"
    workers: Annotated[
        str,
        BeforeValidator(str),
        Field(
            pattern=WORKERS,
            description="Who computes: `1`, or another number of processes on this machine, which share its threads "
            "and GPUs; `dask:tls://HOST:PORT`, those of a cluster; `dask:local:2`, such a one on this machine.",
        ),
    ] = "1"
    workers_tls_ca: Annotated[
        File | None, Field(description="Of a cluster: the certificate, in PEM, of whoever signed all others.")
    ] = None
    workers_tls_cert: Annotated[File | None, Field(description="This machine's certificate, in PEM.")] = None
    workers_tls_key: Annotated[File | None, Field(description="The key of that, in PEM.")] = None
    workers_shared: Annotated[
        tuple[Annotated[Shared, BeforeValidator(Shared.of)], ...],
        NoDecode,
        BeforeValidator(_listed),
        Field(
            description="Of a cluster: folders that its workers see, too, each `HERE=THERE`, or `HERE` where the path "
            "is the same; what lies in them is read and written over there, and not sent."
        ),
    ] = ()
    interactive: Annotated[
        bool,
        Field(
            description="Have a second worker for corrections where a long job runs: they do not wait for it, and it "
            "takes some 400 MB. `false` on a machine with little memory."
        ),
    ] = True
    format: Annotated[
        Literal["float32", "24", "16", "flac"],
        BeforeValidator(str),
        Field(description="What results are written as where a request does not say: WAV of that kind, or FLAC."),
    ] = "float32"
    alternatives: Annotated[
        Literal["auto", "1", "2", "3", "4"],
        BeforeValidator(str),
        Field(
            description="How many answers a separation may have where a request does not say: `auto`: three where the "
            "first one is doubtful, else one."
        ),
    ] = "auto"
    rescan_s: Annotated[Seconds, Field(description="Between two polls of an inbox that seems quiet.")] = 5.0
    settle_s: Annotated[Seconds, Field(description="A file that is no JSON for so long, unchanged, is rejected.")] = 2.0
    heartbeat_s: Annotated[Seconds, Field(description="Between two writes of daemon.status.")] = 1.0
    progress_s: Annotated[Seconds, Field(description="Least time between two progress events of a job.")] = 0.25
    cancel_grace_s: Annotated[Seconds, Field(description="Time a job has to stop by itself before it is ended.")] = 0.5
    stall_s: Annotated[Seconds, Field(description="A worker that is silent for so long is ended.")] = 120.0
    fits_gib: Annotated[
        float,
        Field(ge=0, le=10_000, description="What is learned and kept for corrections takes at most so many GiB."),
    ] = 4.0
    fits_days: Annotated[
        float, Field(gt=0, le=10_000, description="Sessions are remembered, and what was learned kept, so long.")
    ] = 30.0
    upload_gib: Annotated[
        float, Field(gt=0, le=10_000, description="A file that is uploaded on the page has at most so many GiB.")
    ] = 2.0
    history: Annotated[int, Field(ge=1, le=1_000_000, description="Ended jobs that are remembered.")] = 1000
    results_days: Annotated[
        float,
        Field(gt=0, le=10_000, description="Results in a folder of the daemon's, and their jobs, are kept so long."),
    ] = 30.0

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def load(**flags: Any) -> Settings:
    """Read the settings; a flag that is None was not given. Raises BadSettings, which names the setting at fault."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        name, kind, words = breach(error)
        near = get_close_matches(name, Settings.model_fields, 1) if kind == "extra_forbidden" else []
        raise BadSettings(f"Setting {words}.", f"Is {near[0]} meant?" if near else None) from error
    except _DAMAGE as error:
        raise BadSettings(f"{config_file()} is not TOML: {error}.", "Correct it, or move it away.") from error
    except OSError as error:
        hint = "See that it can be read, or move it away."
        raise BadSettings(f"{config_file()} cannot be read: {error.strerror}.", hint) from error


def mend() -> None:
    """Set a configuration file aside that is no TOML: a daemon starts all the same. A bad value is not damage."""
    path = config_file()
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except _DAMAGE as error:
        atomic.set_aside(path, f"is not TOML ({error})", "the settings in it do not hold")
    except OSError:
        pass  # none there, or one that `load` complains of
