"""Events to deltas, exactly once: `streamgauge process analytics`."""
