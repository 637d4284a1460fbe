"""REAPER's console as a progress window: Python ReaScript has no drawing of its own."""

import time

import reaper_python as rpr

REFRESH_S = 0.5
TITLE = 'dap-bridge (to stop: "DAP_Cancel jobs (OSC)")\n'
# Text that starts so does not open the console: once the user has closed it, it stays closed.
QUIETLY = "!SHOW:"


class Console:
    def __init__(self):
        self._lines, self._failed, self._since = None, False, 0.0

    def show(self, lines, failed, over):
        """Show `lines` instead of what was there, not too often until it is over; a new failure opens the console."""
        now = time.monotonic()
        news = failed and not self._failed
        if lines == self._lines or (now - self._since < REFRESH_S and not (news or over)):
            return
        loudly = self._lines is None or news
        self._lines, self._failed, self._since = lines, failed, now
        rpr.RPR_ClearConsole()
        rpr.RPR_ShowConsoleMsg(("" if loudly else QUIETLY) + "\n".join([TITLE, *lines, ""]))
