"""``python -m ts_core``: this package is the science only; it says where the book's commands are."""

import sys

print("ts_core holds the models and metrics; the book's commands are: python -m companion list | run | sweep | build | ...",
      file=sys.stderr)
sys.exit(2)
