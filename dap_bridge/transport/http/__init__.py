"""HTTP on loopback: the mask editor page, what it shows and plays, and the protocol's messages and events for it.

A browser shows pages of the whole world, and any of them may try what this door answers. So everything lies below a
secret path that only the daemon's user can read; what names another host or comes from another origin is refused; and
a session is known by its name alone, never by a path.
"""

from .server import HttpDoor

__all__ = ["HttpDoor"]
