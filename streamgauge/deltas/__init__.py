"""Deltas: how a batch's results are computed and how they travel to the warehouse, with where they came from.

models.py              a batch's rows to deltas: the catalog's models in an in-memory DuckDB
wire.py                the messages of the topic `analytics`: headers and Arrow IPC
transaction_buffer.py  messages held back until their Kafka transaction is whole
provenance.py          which input offsets the tables reflect
"""
