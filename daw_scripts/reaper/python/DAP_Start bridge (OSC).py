# Start the daemon in the background.
import os
import sys

from reaper_python import RPR_defer, RPR_GetResourcePath

INSTALLED = os.path.join(RPR_GetResourcePath(), "Scripts", "dap-bridge", "python")
sys.path.insert(0, os.path.dirname(__file__) if "__file__" in globals() else INSTALLED)

import dap_actions

tick = dap_actions.start()


def go_on():
    if tick and tick():
        RPR_defer("go_on()")


go_on()
