"""What a user installs: the wheel carries presets, host scripts and the demo, and finds them without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.processes import CHECKOUT


def test_the_wheel_carries_what_it_needs_and_finds_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    package = installed / "dap_bridge"
    shipped = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    assert {f"_assets/presets/{path.name}" for path in (CHECKOUT / "presets").glob("*.toml")} <= shipped
    assert "_assets/daw_scripts/README.md" in shipped
    assert {"demo/audio/tabla_and_crow.flac", "demo/audio/LICENSE.txt"} <= shipped
    assert "py.typed" in shipped
    page = CHECKOUT / "dap_bridge" / "web" / "page"
    assert {f"web/page/{path.name}" for path in page.iterdir()} <= shipped

    code = "from dap_bridge import assets, presets; print(assets.folder('presets'), presets.load('default').name)"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(package / "_assets" / "presets"), "default"]
