"""OSC over UDP to the daemon, with the standard library alone: other packages can bring REAPER down."""

import socket
import struct
import time

import dap_settings
from dap_constants import MAX_DATAGRAM, PREFIX

HOST = "127.0.0.1"
# Whoever waits asks this often; a daemon that says nothing for so long has gone.
ASK_S, SILENT_S = 3.0, 8.0
FORMATS = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}


def _padded(text):
    data = text.encode("utf-8")
    return data + b"\0" * (4 - len(data) % 4)


def encode(address, arguments):
    """One datagram of strings, whole numbers and floats."""
    tags, parts = ",", []
    for value in arguments:
        if isinstance(value, str):
            tag, part = "s", _padded(value)
        else:
            tag = "d" if isinstance(value, float) else "i" if -(2**31) <= value < 2**31 else "h"
            part = struct.pack(FORMATS[tag], value)
        tags += tag
        parts.append(part)
    return _padded(address) + _padded(tags) + b"".join(parts)


def _text(data, at):
    stop = data.index(b"\0", at)
    return data[at:stop].decode("utf-8"), stop + 4 - (stop - at) % 4


def decode(data):
    """(address, arguments) of a datagram; raises ValueError or struct.error where it is no such message."""
    address, at = _text(data, 0)
    tags, at = _text(data, at)
    arguments = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = _text(data, at)
        elif tag in FORMATS:
            (value,) = struct.unpack_from(FORMATS[tag], data, at)
            at += struct.calcsize(FORMATS[tag])
        else:
            raise ValueError(tag)
        arguments.append(value)
    return address, arguments


class Link:
    """A socket to the daemon that never waits."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._port = dap_settings.osc_port()
        self._socket.connect((HOST, self._port))
        self._key = None
        self.heard = time.monotonic()

    def send(self, verb, fields):
        """Send a verb; False where it does not fit into one datagram."""
        pairs = [part for pair in fields.items() for part in pair]
        self._key = self._read_key()
        pairs += ["key", self._key] if self._key else []
        datagram = encode(PREFIX + verb, pairs)
        if len(datagram) > MAX_DATAGRAM:
            return False
        try:
            self._socket.send(datagram)
        except OSError:
            pass  # nobody listens: as a lost packet, which the silence tells of
        return True

    def events(self):
        """Everything the daemon has said meanwhile, as dictionaries with `event`."""
        found = []
        while True:
            try:
                address, arguments = decode(self._socket.recv(65536))
            except (BlockingIOError, ConnectionError):
                return found
            except (ValueError, struct.error):
                continue
            self.heard = time.monotonic()
            keys = iter(arguments)
            event = {"event": address[len(PREFIX) :], **dict(zip(keys, keys))}
            # A message that met a daemon which had just taken the place of another is as good as lost.
            if event.get("code") != "forbidden" or self._key == self._read_key():
                found.append(event)

    def _read_key(self):
        """What the daemon wants to be told: for its own port alone, for whoever listens on another one is a stranger.

        None where this user's drop folder knows of no such daemon.
        """
        said = dap_settings.about()
        return said.get("key") if said.get("osc_port") == str(self._port) else None

    def silent(self):
        return time.monotonic() - self.heard > SILENT_S

    def close(self):
        self._socket.close()
