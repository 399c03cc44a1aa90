"""``python -m ts_core``: this package is the science only; it says where the book's commands are."""

import sys

if __name__ == "__main__":
    print(
        "ts_core holds the models and metrics; the commands of the book are: python -m companion --help",
        file=sys.stderr,
    )
    sys.exit(2)
