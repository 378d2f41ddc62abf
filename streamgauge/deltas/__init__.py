"""How a batch's results travel from analytics to the warehouse, with where they came from."""
