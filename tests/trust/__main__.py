"""`python -m tests.trust`: run the table."""

import sys

from tests.trust.table import main

if __name__ == "__main__":
    sys.exit(main())
