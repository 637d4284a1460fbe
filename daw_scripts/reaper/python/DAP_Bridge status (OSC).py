# Say how the daemon is.
import os
import sys

from reaper_python import RPR_defer, RPR_GetResourcePath

INSTALLED = os.path.join(RPR_GetResourcePath(), "Scripts", "dap-bridge", "python")
sys.path.insert(0, os.path.dirname(__file__) if "__file__" in globals() else INSTALLED)

import dap_actions

tick = dap_actions.status()


def go_on():
    if tick and tick():
        RPR_defer("go_on()")


go_on()
