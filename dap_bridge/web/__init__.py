"""The mask editor: the page (`page/`: plain ES modules, no build step) and the pictures that it asks for."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent / "page"
