"""Fulfilment saga: order → stock → payment → shipment, compensated when a step fails (docs/fulfilment.md).

saga.py       the stored state of one order, and the limits of its steps
machine.py    the state machine, pure; its table is streamgauge/domain/saga.py
messages.py   the events that a saga publishes in each state
timers.py     which order is due when, in a partition's state
service.py    the wiring
"""
