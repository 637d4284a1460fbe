"""The protocol's page is what the table says."""

from pathlib import Path

import pytest

from dap_bridge import messages
from dap_bridge.transport import control, document, events, protocol
from dap_bridge.verbs.separate.request import Separate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text(encoding="utf-8") == document.document(), "run `make docs`"


@pytest.mark.parametrize("model", [*protocol.VERBS.values(), *events.EVENTS.values()], ids=lambda model: model.__name__)
def test_every_field_of_the_table_is_explained(model: type[messages.Message]) -> None:
    section = document._message(model)
    for field in model.model_fields:
        assert f"| `{field}` |" in section


def test_limits_and_defaults_are_stated() -> None:
    section = document._message(Separate)
    assert "| `sources` | whole number, 2 to 8 | `2` | Number of sources. |" in section
    assert "| `job` | text | required |" in document._message(control.Cancel)
