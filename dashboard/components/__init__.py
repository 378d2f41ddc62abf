"""What pages are made of: charts, tables, tiles, filters, states."""
