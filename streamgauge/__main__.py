"""Entry point of `streamgauge` and `python -m streamgauge`.

The working directory comes last on the module search path: a catalog there is found without PYTHONPATH, and no file
there shadows a module of Python or Streamgauge. `python -m` puts it first, where a user's `statistics.py` or
`processors/` would be imported instead, so it is moved before anything else is imported.
"""

import os
import sys


def main() -> None:
    """Run the command line."""
    folder = os.getcwd()
    sys.path[:] = [*(entry for entry in sys.path if entry not in ("", folder)), folder]
    from streamgauge.cli import main as command_line

    command_line.main()


if __name__ == "__main__":
    main()
