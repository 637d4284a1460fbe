"""dap-bridge separates any two sounds of one clip, for digital audio workstations."""

import os

__version__ = "0.1.0"

# A host that plays audio shares these cores: a thread of ours that waits must sleep, not spin. Where they are all busy,
# spinning costs ten times the work itself. OpenMP reads this when torch is loaded, so it stands before everything else.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
