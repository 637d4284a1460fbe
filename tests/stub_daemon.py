"""`python -m tests.stub_daemon`: the daemon as it is, set up by its environment, with the stub for a worker."""

import sys

if __name__ == "__main__":  # a worker imports this module, too, and needs nothing of it
    from dap_bridge import config
    from dap_bridge.daemon import serve

    sys.exit(serve(config.load(), "tests.jobs.stub_worker:run", "tests.jobs.stub_worker:probe"))
