"""What the page SQL is made of: runs, mistakes, exports, charts of any answer, examples, and what the tables are."""
