"""The sampler of consumer lag: `streamgauge process lag`."""
