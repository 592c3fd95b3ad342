"""python -m nlinkshim"""

import sys

from nlinkshim.commands import main

if __name__ == "__main__":
    sys.exit(main())
