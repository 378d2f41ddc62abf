"""Which campaign an order is owed to: `streamgauge process attribution`.

rules.py judges, reference.py knows campaigns and products, service.py wires them to topics.
"""
