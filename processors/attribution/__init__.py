"""Attribution of orders to campaigns: `streamgauge process attribution`.

rules.py decides, reference.py holds campaigns and products, service.py wires them to topics.
"""
