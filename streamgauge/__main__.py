"""Entry point of `streamgauge` and `python -m streamgauge`.

A catalog in the working directory is found without PYTHONPATH, and nothing there hides a module of Python or of ours:
the working directory comes last on the module search path. `python -m` puts it first, where a user's `statistics.py`
or `processors/` would be imported instead; so it moves before anything else is imported.
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
