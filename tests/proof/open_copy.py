"""Opens a copy of a warehouse file as the warehouse does, and prints what it found: `FOLDER` is its data directory.

One JSON object: `refused` with the message, or `events`, the messages that the windows count, and `kept`, the raw rows
and dead letters, which are equal where the file is consistent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import connect
from tests.support.audit import RAW


def main() -> None:
    """Open, count, print."""
    try:
        db = connect(Settings(data_dir=Path(sys.argv[1])))
    except StreamgaugeError as error:
        print(json.dumps({"refused": str(error)}))
        return
    sources = " UNION ALL ".join(f"SELECT count(*) AS n FROM {table}" for table in (*RAW.values(), "dead_letters"))
    ((kept,),) = db.execute(f"SELECT sum(n)::BIGINT FROM ({sources})").fetchall()
    ((events,),) = db.execute("SELECT coalesce(sum(events), 0)::BIGINT FROM stream_windows").fetchall()
    print(json.dumps({"kept": kept, "events": events}))


if __name__ == "__main__":
    main()
