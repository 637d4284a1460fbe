"""The pages: the front page (`front/`) and the mask editor (`page/`), plain ES modules, no build step; and the pictures
that the editor asks for.
"""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent / "page"
# It uses of PAGE what both need.
FRONT = PAGE.with_name("front")
