"""`streamgauge dashboard`."""

import sys


def dashboard() -> None:
    """The Streamlit pages."""
    from dashboard import server

    sys.exit(server.main())
