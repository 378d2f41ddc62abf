"""What the page of dead letters is made of: one letter opened, sending letters again, and what was sent before."""
