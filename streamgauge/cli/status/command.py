"""`streamgauge status`."""

import sys


def status() -> None:
    """One screen of health; exit 1 where something is not well."""
    from streamgauge.cli.status import gather

    sys.exit(gather.main())
