"""Fraud, in real time: `streamgauge process fraud`."""
