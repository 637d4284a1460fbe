"""Another site's page in the same browser, which has even learned the address: it can neither read nor do anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from tests.processes import Process

TRY = """
async (root) => {
  const body = JSON.stringify({ verb: "import", job: "long", session: "long" });
  const attempts = {
    read: () => fetch(`${root}sessions/tones`).then((response) => response.json()),
    send: () => fetch(`${root}messages`, { method: "POST", headers: { "content-type": "application/json" }, body }),
    sendBlindly: () => fetch(`${root}messages`, { method: "POST", mode: "no-cors", body }),
    importCode: () => import(`${root}assets/view.js`),
    showPicture: () => new Promise((done, fail) => {
      const image = new Image();
      image.onload = done;
      image.onerror = () => fail(new Error("not shown"));
      image.src = `${root}assets/icon.svg`;
    }),
  };
  const outcome = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    outcome[name] = await attempt().then((answer) => answer?.type ?? "came through", () => "refused");
  }
  const frame = document.createElement("iframe");
  frame.src = `${root}edit/tones`;
  const loaded = new Promise((done) => { frame.onload = done; });
  document.body.append(frame);
  await loaded;
  try {
    outcome.frame = frame.contentWindow.document ? "came through" : "refused";
  } catch {
    outcome.frame = "refused";
  }
  return outcome;
}
"""


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def another_site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_another_site_is_refused(chromium: Browser, daemon: Process, another_site: str) -> None:
    root = daemon.editor.removesuffix("edit/")
    page = chromium.new_page()
    page.goto(another_site)
    outcome = page.evaluate(TRY, root)
    page.close()
    assert set(outcome.values()) == {"refused"}, outcome
    assert not (daemon.spool / "outbox" / "long.chosen").exists()
    assert daemon.log.read_text().count("refused") >= 4
