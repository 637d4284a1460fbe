"""`python -m tests.stub_daemon`: the daemon as it is, set up by its environment, with the stub for a worker."""

import sys

from dap_bridge import config
from dap_bridge.daemon import serve

if __name__ == "__main__":
    sys.exit(serve(config.load(), "tests.jobs.stub_worker:run", "tests.jobs.stub_worker:probe"))
