"""The fulfilment saga: order → stock → payment → shipment, and back where a step fails (docs/fulfilment.md).

saga.py       what is stored of one order, and the limits
machine.py    the state machine, pure: one table
messages.py   what a saga says in each state
timers.py     which order is due when, within a partition's state
service.py    the wiring
"""
