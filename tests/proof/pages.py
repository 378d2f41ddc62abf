"""Pages of the dashboard as bytes: everything that the server sends for a page, by Streamlit's own protocol."""

from __future__ import annotations

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

PATIENCE_S = 60.0


def sent(port: int, path: str) -> bytes:
    """All messages of the page's first run, one after the other."""
    address = f"127.0.0.1:{port}"
    received = []
    with connect(
        f"ws://{address}/_stcore/stream",
        origin=Origin(f"http://{address}"),
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
    ) as socket:
        state = ClientState(query_string="", page_name=path)
        socket.send(BackMsg(rerun_script=state).SerializeToString())
        while True:
            received.append(socket.recv(PATIENCE_S, decode=False))
            if ForwardMsg.FromString(received[-1]).WhichOneof("type") == "script_finished":
                return b"".join(received)
