"""`python -m ecg_mi`: the same as `ecg-mi`."""

import sys

from ecg_mi.command import main

if __name__ == "__main__":
    sys.exit(main())
